"""An event loop without network or clock: connections are fed by hand, time passes when nothing else happens."""

import asyncio
import logging
import random
import selectors
import zlib
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

_CUTS_BYTES = (1, 2, 3, 7, 64, 1500, 65_536)
_MOST_PIECES = 30


class StuckError(AssertionError):
    """Nobody runs and nobody waits for a time: this would hang for ever."""


class _Clock(selectors.DefaultSelector):
    """Waits no time: the clock is moved on instead."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if not events:
            if timeout is None:
                raise StuckError("nothing will ever happen")
            self.now_s += max(timeout, 0.0)
        return events


class Wire(asyncio.Transport):
    """What a protocol is connected to: it sees neither more nor less than a socket would show it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._loop = loop
        self._protocol = protocol
        self._closing = False
        self._readable = asyncio.Event()
        self._readable.set()
        self.written = bytearray()
        self.answered: set[bytes] = set()
        """What of that has its answer: the peer keeps it here."""
        self.closed = asyncio.Event()
        self._loop.call_soon(protocol.connection_made, self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._closing:
            self.written += data

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._readable.set()
            self._loop.call_soon(self._end)

    abort = close

    def _end(self) -> None:
        self._protocol.connection_lost(None)
        self.closed.set()

    def pause_reading(self) -> None:
        self._readable.clear()

    def resume_reading(self) -> None:
        self._readable.set()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    async def feed(self, data: bytes) -> None:
        """Hand over what the peer sends, in pieces; what comes after a close is lost, as on a socket."""
        for piece in cut(data):
            await self._readable.wait()
            if self._closing:
                return
            self._protocol.data_received(piece)
            await asyncio.sleep(0)

    def feed_eof(self) -> None:
        """The peer has closed."""
        if not self._closing and not self._protocol.eof_received():
            self.close()


class TimelessLoop(asyncio.SelectorEventLoop):
    """`dialled` has the connections that were made from here; `faults` what nobody has caught."""

    def __init__(self) -> None:
        self._clock = _Clock()
        super().__init__(self._clock)
        self.dialled: list[Wire] = []
        self._somebody_dialled = asyncio.Event()
        self.faults: list[str] = []
        self._listening: Callable[[], asyncio.BaseProtocol] | None = None
        self.set_exception_handler(lambda _, context: self.faults.append(repr(context)))

    def time(self) -> float:
        return self._clock.now_s

    async def create_connection(  # type: ignore[override]
        self, protocol_factory: Callable[[], asyncio.Protocol], *_: object, **__: object
    ) -> tuple[Wire, asyncio.Protocol]:
        protocol = protocol_factory()
        wire = Wire(self, protocol)
        await asyncio.sleep(0)
        self.dialled.append(wire)
        self._somebody_dialled.set()
        return wire, protocol

    async def dialled_first(self) -> Wire:
        await self._somebody_dialled.wait()
        return self.dialled[0]

    async def create_server(  # type: ignore[override]
        self, protocol_factory: Callable[[], asyncio.BaseProtocol], *_: object, **__: object
    ) -> "_Listening":
        self._listening = protocol_factory
        return _Listening()

    async def accept(self) -> Wire:
        """Somebody connects to the server that listens."""
        assert self._listening is not None
        protocol = self._listening()
        assert isinstance(protocol, asyncio.Protocol)
        wire = Wire(self, protocol)
        await asyncio.sleep(0)
        return wire


class _Listening:
    def close(self) -> None:
        """There is no socket."""


def run_timeless(main: Callable[[TimelessLoop], Coroutine[Any, Any, None]], *loggers: str) -> None:
    """Run to the end, in no time. Fails when an exception went to the loop, or to these loggers."""
    loop = TimelessLoop()
    with listened_to(*loggers) as records:
        try:
            loop.run_until_complete(main(loop))
        finally:
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.wait(left))
            loop.close()
    assert not loop.faults, loop.faults
    for record in records:
        assert record.exc_info is None, record.exc_info


def cut(data: bytes) -> Iterator[bytes]:
    """The bytes in pieces; the same bytes always in the same."""
    dice = random.Random(zlib.crc32(data))
    longest = max(dice.choice(_CUTS_BYTES), len(data) // _MOST_PIECES)
    place = 0
    while place < len(data):
        size = dice.randint(1, longest)
        yield data[place : place + size]
        place += size


class _Ear(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        record.getMessage()
        self.records.append(record)


@contextmanager
def listened_to(*names: str) -> Iterator[list[logging.LogRecord]]:
    """What these loggers say, written out once; nobody else hears it."""
    ear = _Ear()
    loggers = [logging.getLogger(name) for name in names]
    before: list[tuple[Any, ...]] = [(logger, logger.propagate, logger.level) for logger in loggers]
    for logger in loggers:
        logger.addHandler(ear)
        logger.propagate = False
        logger.setLevel(logging.INFO)
    try:
        yield ear.records
    finally:
        for logger, propagate, level in before:
            logger.removeHandler(ear)
            logger.propagate = propagate
            logger.setLevel(level)
