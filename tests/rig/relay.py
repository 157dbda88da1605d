"""A TCP relay before a port of this machine: a network that can be cut and frozen."""

import asyncio
import contextlib

from tests.rig.ports import PortBlock

_LISTEN = 1
_CHUNK_BYTES = 65_536


class Relay:
    """Listens on `port`, passes bytes to and from `target_port`. Who listens there may go and come back."""

    def __init__(self, target_port: int) -> None:
        """Take a port; nothing listens before `start()`."""
        self._target_port = target_port
        self._ports = PortBlock(udp_ports=0, tcp_ports=1)
        self.port = self._ports.port(_LISTEN)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()

    async def start(self) -> None:
        """Let connections in."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    def cut(self) -> None:
        """Break all connections on both sides; new ones are refused until `mend()`."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()
        self._flowing.set()

    async def mend(self) -> None:
        """Let connections in again."""
        await self.start()

    def freeze(self) -> None:
        """Connections stay open and new ones are taken, but no byte moves and no end is told: half-open."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Let the bytes move again, those that wait included."""
        self._flowing.set()

    async def close(self) -> None:
        """Cut for good and give the port back."""
        self.cut()
        await asyncio.gather(*self._connections, return_exceptions=True)
        self._ports.release()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        self._writers.add(writer)
        try:
            with contextlib.suppress(OSError):
                await self._join(reader, writer)
        finally:
            self._connections.discard(task)
            self._writers.discard(writer)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flowing.wait()
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        self._writers.add(far_writer)
        pumps = [
            asyncio.create_task(self._pump(reader, far_writer), name="relay out"),
            asyncio.create_task(self._pump(far_reader, writer), name="relay in"),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._writers.discard(far_writer)
            far_writer.transport.abort()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass bytes on until one side ends."""
        while data := await reader.read(_CHUNK_BYTES):
            await self._flowing.wait()
            writer.write(data)
            await writer.drain()
        await self._flowing.wait()
