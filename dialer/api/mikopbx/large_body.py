"""Bodies with a list of numbers of any length: a process of its own reads and checks them (`list_worker`), as each
check of a million would hold up the event loop for its time or share the interpreter with it."""

import asyncio
import contextlib
import json
import marshal
import os
import struct
import sys
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

from aiohttp import web

from dialer.api.mikopbx.envelope import RefusedError
from dialer.store.lists import ListedRow, ListPlan, RowBlock

T = TypeVar("T")
WORTH_BYTES = 2_097_152
"""Below that the start of a process takes longer."""
_ENDING_S = 2.0
"""What a process that has closed its pipes may take to end."""
_READ_AHEAD_BYTES = 2_097_152
_END = marshal.dumps(None)
_LENGTH = struct.Struct(">I")
_ROOT = str(Path(__file__).parents[3])


async def kept(body: AsyncIterable[bytes], most_bytes: int) -> BinaryIO:
    """The body, as it comes in, in memory that is not the daemon's own: a process takes it over. Raises
    HTTPRequestEntityTooLarge, and HTTPServiceUnavailable when there is no memory."""
    try:
        file = os.fdopen(os.memfd_create("body"), "w+b", buffering=0)
    except OSError as error:
        raise _unavailable(f"no memory for the body: {error.strerror}") from error
    try:
        async for some in body:
            _write(file, some, most_bytes)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _write(file: BinaryIO, some: bytes, most_bytes: int) -> None:
    size = file.tell() + len(some)
    if size > most_bytes:
        raise web.HTTPRequestEntityTooLarge(most_bytes, size)
    rest = memoryview(some)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise _unavailable(f"no memory for the body: {error.strerror}") from error


def _unavailable(why: str) -> web.HTTPException:
    return web.HTTPServiceUnavailable(reason=f"{why}; try again later")


class LargeBody:
    """A body that a process keeps; `close()` ends it."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self._process = process
        self._url = url
        self.content: Any = None
        """Its JSON, without the numbers."""
        self.digest = ""
        self.has_numbers = False
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
                )  # fmt: skip
            except OSError as error:
                raise _unavailable(f"no process can be started: {error.strerror}") from error
            order = {"model": model, "zone": zone, "body": body.fileno()}
        large = cls(process, url)
        try:
            await large._tell(order)
            refused, about = await large._frame()
        except BaseException:
            await large.close()
            raise
        if refused:
            await large.close()
            raise RefusedError(*refused)
        for name, value in about.items():
            setattr(large, name, value)
        return large

    async def rows(self, region: str | None) -> AsyncIterator[RowBlock]:
        await self._tell({"region": region})
        while frame := await self._frame():
            yield RowBlock(*frame)

    async def compare(self, task_id: int, region: str | None) -> ListPlan:
        await self._tell({"region": region, "task_id": task_id, "url": self._url})
        changed_us, has_rows, dropped, new_count, has_clients = await self._frame()
        changed = _Frames[Sequence[ListedRow]](lambda rows: rows)
        new = _Frames[RowBlock](lambda block: RowBlock(*block))
        for frames in (changed.frames, new.frames):
            while (frame := await self._bytes()) != _END:
                frames.append(frame)
        return ListPlan(
            self.posted, task_id, changed_us, has_rows, dropped, changed, new, new_count, has_clients,
            self.has_lifetimes,
        )  # fmt: skip

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
        return marshal.loads(await self._bytes())  # noqa: S302  # nosec B302 - of our own process

    async def _bytes(self) -> bytes:
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - it is a pipe
        try:
            (length,) = _LENGTH.unpack(await stdout.readexactly(_LENGTH.size))
            return await stdout.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            raise await self._ended() from None

    async def _ended(self) -> web.HTTPException:
        with contextlib.suppress(TimeoutError):
            # not killed while it ends by itself: Popen.send_signal would take its exit code away from asyncio
            async with asyncio.timeout(_ENDING_S):
                await self._process.wait()
        await self.close()
        return _unavailable(f"the process that reads the body has ended (exit code {self._process.returncode})")


class _Frames(Generic[T]):
    """Decoded part by part, each time they are gone through."""

    def __init__(self, decode: Callable[[Any], T]) -> None:
        self._decode = decode
        self.frames: list[bytes] = []

    def __bool__(self) -> bool:
        return bool(self.frames)

    def __iter__(self) -> Iterator[T]:
        return (self._decode(marshal.loads(frame)) for frame in self.frames)  # noqa: S302  # nosec B302 - of our own process


def as_frame(value: Any) -> bytes:
    """What `LargeBody` reads."""
    frame = marshal.dumps(value)
    return _LENGTH.pack(len(frame)) + frame
