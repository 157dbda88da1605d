"""Bodies with a list of numbers of any length: a process of its own reads and checks them (`list_worker`), as each
check of a million would hold up the event loop for its time or share the interpreter with it."""

import asyncio
import json
import marshal
import struct
import sys
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from dialer.api.mikopbx.envelope import RefusedError
from dialer.store.lists import ListedRow, ListPlan, RowBlock

T = TypeVar("T")
WORTH_BYTES = 2_097_152
"""Below that the start of a process takes longer."""
_READ_AHEAD_BYTES = 2_097_152
_END = marshal.dumps(None)
_LENGTH = struct.Struct(">I")
_ROOT = str(Path(__file__).parents[3])


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
    async def read(cls, body: AsyncIterable[bytes], length: int, model: str, zone: str, url: str) -> "LargeBody":
        """As it comes in, of `length` bytes. Raises RefusedError for what is no JSON, or not what the model says.
        `zone`: of the times in it."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "dialer.api.mikopbx.list_worker",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_READ_AHEAD_BYTES,
            env={"PYTHONPATH": _ROOT},
        )  # fmt: skip
        large = cls(process, url)
        try:
            await large._tell({"model": model, "zone": zone, "length": length})
            async for some in body:
                await large._write(some)
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
        await self._write(json.dumps(order).encode() + b"\n")

    async def _write(self, some: bytes) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write(some)
        await self._process.stdin.drain()

    async def _frame(self) -> Any:
        return marshal.loads(await self._bytes())  # noqa: S302  # nosec B302 - of our own process

    async def _bytes(self) -> bytes:
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - it is a pipe
        (length,) = _LENGTH.unpack(await stdout.readexactly(_LENGTH.size))
        return await stdout.readexactly(length)


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
