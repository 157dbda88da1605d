"""HTTP clients that take their time: heads and bodies byte by byte, replies that nobody reads."""

import asyncio
import contextlib
import select
import socket
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.rig.daemon import BASE
from tests.rig.waiting import WaitTimeout, wait_until

PAUSE_S = 0.5
HEAD = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n"
BODY = f"POST {BASE}/task HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n[".encode()
RECORDING = "talk-1-0123456789abcdef.wav"
RECORDING_BYTES = 32 << 20
LARGE = f"GET {BASE}/recording/{RECORDING} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


@dataclass(frozen=True)
class Ended:
    """One connection that the daemon has closed."""

    lasted_s: float
    reply: bytes


@dataclass
class Crowd:
    """Who is connected, and who was."""

    open: int = 0
    ended: dict[str, list[Ended]] = field(default_factory=lambda: defaultdict(list))


async def dribble(port: int, begin: bytes, more: bytes, pause_s: float = PAUSE_S) -> bytes:
    """Send `begin`, then `more` again and again; return what was answered when the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    closed = asyncio.create_task(_read_all(reader))
    try:
        writer.write(begin)
        while not closed.done():
            await asyncio.wait({closed}, timeout=pause_s)
            writer.write(more)
        return await closed
    finally:
        closed.cancel()
        writer.close()


async def _read_all(reader: asyncio.StreamReader) -> bytes:
    """What came until the connection was closed or reset."""
    answer = b""
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65_536):
            answer += piece
    return answer


async def slow_head(port: int) -> bytes:
    return await dribble(port, HEAD, b"X-More: 1\r\n")


async def slow_body(port: int) -> bytes:
    return await dribble(port, BODY, b" ")


def make_recording(audio_dir: Path) -> None:
    """The recording that `never_read` asks for: more than the systems on the way hold."""
    folder = audio_dir / "recordings"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / RECORDING).open("wb") as file:
        file.truncate(RECORDING_BYTES)


async def never_read(port: int, requests: bytes = LARGE) -> bytes:
    """Ask and read nothing until the connection is closed."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(client, ("127.0.0.1", port))
        with contextlib.suppress(ConnectionError):
            await loop.sock_sendall(client, requests)
            while not await _is_closed(client, PAUSE_S):
                await loop.sock_sendall(client, b"G")
    return b""


async def _is_closed(client: socket.socket, within_s: float) -> bool:
    """Whether the other side closes within this time, though what it sent before is not read."""
    poller = select.poll()
    poller.register(client, select.POLLRDHUP)
    with contextlib.suppress(WaitTimeout):
        await wait_until(lambda: poller.poll(0), "it is closed", within_s)
        return True
    return False


@asynccontextmanager
async def crowding(
    port: int, *, heads: int = 0, bodies: int = 0, never_reading: int = 0, again: bool = True
) -> AsyncIterator[Crowd]:
    """So many slow clients; who is sent away comes `again`."""
    crowd = Crowd()
    kinds: list[tuple[Callable[[int], Awaitable[bytes]], int]] = [
        (slow_head, heads),
        (slow_body, bodies),
        (never_read, never_reading),
    ]

    async def one(kind: Callable[[int], Awaitable[bytes]]) -> None:
        name = getattr(kind, "__name__", "")
        while True:
            begun_s = time.monotonic()
            crowd.open += 1
            reply = b""
            try:
                with contextlib.suppress(ConnectionError):
                    reply = await kind(port)
            finally:
                crowd.open -= 1
            crowd.ended[name].append(Ended(time.monotonic() - begun_s, reply))
            if not again:
                return

    async with asyncio.TaskGroup() as group:
        clients = [
            group.create_task(one(kind), name=f"slow {place}") for kind, count in kinds for place in range(count)
        ]
        try:
            yield crowd
        finally:
            for client in clients:
                client.cancel()
