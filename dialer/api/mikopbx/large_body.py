"""Bodies with a list of numbers of any length: a process of its own reads and checks them (`list_worker`), as each
check of a million would hold up the event loop for its time or share the interpreter with it."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from aiohttp import web

from dialer.api.mikopbx.envelope import RefusedError
from dialer.api.mikopbx.frames import COUNTED, LENGTH, TROUBLE, value_of
from dialer.api.mikopbx.kept_body import unavailable
from dialer.dispatch.large_lists import Difference
from dialer.store.errors import StoreError
from dialer.store.list_rows import RowBlock
from dialer.store.tasks import TaskRefusedError

WORTH_BYTES = 2_097_152
"""Below that the start of a process takes longer."""
_ENDING_S = 2.0
"""What a process that has closed its pipes may take to end."""
_READ_AHEAD_BYTES = 2_097_152
_ROOT = str(Path(__file__).parents[3])


class LargeBody:
    """A body that a process keeps; `close()` ends it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._is_answering = False
        """Whether frames of the last order are still to come."""
        self.content: Any = None
        """Its JSON, without the numbers."""
        self.digest = ""
        self.has_numbers = False
        # known once a list has answered
        self.posted = 0
        self.repeated = 0
        """How many of the numbers are there before."""
        self.has_lifetimes = False
        self.problem = ""
        """What is wrong with the numbers besides their form."""

    @classmethod
    async def read(cls, body: BinaryIO, model: str, zone: str, url: str) -> "LargeBody":
        """`body`: `kept`; closed once the process has it. `zone`: of the times in it. Raises RefusedError for what is
        no JSON, or not what the model says, and HTTPServiceUnavailable, as all others, for a process that ends."""
        with body:
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-P", "-m", "dialer.api.mikopbx.list_worker",
                    stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_READ_AHEAD_BYTES,
                    env={"PYTHONPATH": _ROOT}, pass_fds=(body.fileno(),),
                    start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                raise unavailable(f"no process can be started: {error.strerror}") from error
            order = {"model": model, "zone": zone, "url": url, "body": body.fileno()}
        large = cls(process)
        try:
            await large._tell(order)
            refused, about = await large._frame()
        except BaseException:
            await large.close()
            raise
        if refused:
            await large.close()
            raise RefusedError(*refused)
        large._learn(about)
        return large

    async def rows(self, region: str | None) -> AsyncIterator[RowBlock]:
        """Raises StoreError, and TaskRefusedError for numbers with a wrong lifetime, perhaps only after the last
        block."""
        await self._ask({"region": region})
        async for frame in self._answer():
            yield RowBlock(*frame)

    async def compare(self, task_id: int, region: str | None) -> Difference:
        """Raises as `rows` does."""
        await self._ask({"region": region, "task_id": task_id})
        answer = self._answer()
        changed_us, has_clients = await anext(answer)
        return Difference(changed_us, has_clients, answer)

    async def _ask(self, order: dict[str, Any]) -> None:
        while self._is_answering:  # an answer that nobody has read to its end: else its rest would be this one's
            await self._frame_of_answer()
        self._is_answering = True
        await self._tell(order)

    async def _answer(self) -> AsyncGenerator[Any, None]:
        """Raises StoreError, TaskRefusedError."""
        while (frame := await self._frame_of_answer()) is not None:
            if not isinstance(frame, dict):
                yield frame
            elif TROUBLE in frame:
                raise StoreError(frame[TROUBLE])
            else:
                self._learn(frame[COUNTED])
                if self.problem:
                    raise TaskRefusedError("numbers", self.problem)

    async def _frame_of_answer(self) -> Any:
        frame = await self._frame()
        self._is_answering = frame is not None and not (isinstance(frame, dict) and COUNTED not in frame)
        return frame

    def _learn(self, told: Mapping[str, Any]) -> None:
        for name, value in told.items():
            setattr(self, name, value)

    async def close(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def _tell(self, order: dict[str, Any]) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        try:
            await self._process.stdin.drain()
        except OSError:
            raise await self._ended() from None

    async def _frame(self) -> Any:
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - it is a pipe
        try:
            (length,) = LENGTH.unpack(await stdout.readexactly(LENGTH.size))
            return value_of(await stdout.readexactly(length))
        except (OSError, asyncio.IncompleteReadError):
            raise await self._ended() from None

    async def _ended(self) -> web.HTTPException:
        with contextlib.suppress(TimeoutError):
            # not killed while it ends by itself: Popen.send_signal would take its exit code away from asyncio
            async with asyncio.timeout(_ENDING_S):
                await self._process.wait()
        await self.close()
        return unavailable(f"the process that reads the body has ended (exit code {self._process.returncode})")
