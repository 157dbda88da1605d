"""Connections of REST clients: how long they may take, how many there may be.

aiohttp waits for ever for a request's head, for its body, and for a client that does not read its reply. Here each
client has patience to use up: while it owes us something the patience goes down, bytes that move bring some back, and
when there is none left the connection is closed, with 408 where a request was begun. Our own work costs nothing.
"""

import asyncio
import logging
import math
import resource
import socket
import ssl
import struct
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from dialer.api.mikopbx.envelope import refusal

log = logging.getLogger(__name__)
NO_REQUEST = "request: not HTTP/1.1 as RFC 9112 has it"
MAX_FILES = 65_536
"""More open files help nobody."""
BACKLOG = 512
ENTERING = 200
"""TLS handshakes at once; when there is one more, the one that has lasted longest is broken off."""
AGAIN_S = 0.2
STILL_TAKING = 0.9
"""What a client that is taking its reply has of its patience."""
CLOSING_S = 2.0
"""How long a client that was refused may take to read why."""
TELL_EVERY_S = 60.0
LOOK_AT_ONCE = 20
_TCP_INFO = struct.Struct("=24xI92xQ16xI")
"""linux/tcp.h, struct tcp_info: tcpi_unacked, tcpi_bytes_acked, tcpi_notsent_bytes."""


class Owed(Enum):
    """What we wait for from a client."""

    NOTHING = "nothing"
    """We are at work, or read more slowly than it sends."""
    REQUEST = "a request"
    """None has begun."""
    HEAD = "the rest of a request's head"
    BODY = "the rest of a request's body"
    TAKING = "to take its reply"


@dataclass(frozen=True, slots=True)
class Limits:
    """What is allowed to all connections, and to each."""

    most: int = 1000
    """Connections at once. When there is one more, the one with the least patience left goes."""
    first_request_s: float = 10.0
    next_request_s: float = 75.0
    head_s: float = 10.0
    """For a whole head, whatever comes meanwhile."""
    stall_s: float = 20.0
    """For a body that does not move, and a reply that is not taken."""
    least_bytes_per_s: float = 500.0
    """A body or reply that moves so fast may last as long as it likes."""
    head_bytes: int = 65_536
    look_every_s: float = 1.0


LIMITS = Limits()


class Connection(web.RequestHandler):
    """aiohttp's connection, and what its client owes.

    Of aiohttp's undocumented attributes it reads `_waiter` (pending while no request is served), `_messages` (requests
    that wait for the one before them), `_current_request` (while a handler runs) and `_task_handler`.
    """

    __slots__ = (
        "_gone", "_head_bytes", "_looked_s", "_moved", "_owed",
        "_owner", "_patience_s", "_received", "_served", "_wire",
    )  # fmt: skip

    def __init__(self, owner: "Connections", server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # as AppRunner passes it on
            keepalive_timeout=2 * owner.limits.next_request_s,
            auto_decompress=False,  # bodies are taken as they come, see `server`
        )
        self._owner = owner
        self._wire: asyncio.Transport | None = None
        self._gone = False
        self._served = False
        self._head_bytes = 0
        self._received = 0
        self._moved = 0
        self._owed = Owed.REQUEST
        self._looked_s = loop.time()
        self._patience_s = owner.limits.first_request_s

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._wire = self.transport
        self._owner.admit(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._owner.forget(self)
        super().connection_lost(exc)
        self._wire = None

    def data_received(self, data: bytes) -> None:
        if self._gone:
            return
        self._received += len(data)
        waited = self._waits()
        super().data_received(data)
        if self._waits():
            self._head_bytes += len(data)
            if self._head_bytes > self._owner.limits.head_bytes:
                self._refuse(431, "request: its head is too large")
        elif waited:
            self._head_bytes, self._served = 0, True
            self._owed, self._patience_s = Owed.NOTHING, math.inf

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What the HTTP parser refuses, and what the application's own handling of errors let through."""
        if status >= 500:
            log.error("a request failed", exc_info=exc)
            response = refusal(["internal error, see the daemon's log"], status=status)
        elif isinstance(exc, LineTooLong):
            response = refusal(["request: a line of its head is too long"], status=status)
        else:
            response = refusal([NO_REQUEST], status=status)
        response.headers.update({"Server": "-", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """What aiohttp finds in a body that it reads on after the reply is its sender's fault, and not told."""
        if not isinstance(kw.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kw)

    @property
    def owed(self) -> Owed:
        """What the client owed when it was looked at last."""
        return self._owed

    def standing(self) -> float:
        """The share of its patience that is left; infinite while the client owes nothing."""
        if self._owed is not Owed.TAKING and self._owes() is Owed.NOTHING:
            return math.inf
        return self._patience_s / self._granted_s(self._owed) if math.isfinite(self._patience_s) else 1.0

    def look(self, now_s: float) -> None:
        """See what the client owes and whether anything has moved; close the connection when it has taken too long."""
        passed_s, self._looked_s = now_s - self._looked_s, now_s
        taken, to_take = self._sent()
        owed = Owed.TAKING if to_take else self._owes()
        moved = taken if owed is Owed.TAKING else self._received
        gained, self._moved = (moved - self._moved if owed is self._owed else 0), moved
        granted_s = self._granted_s(owed)
        if self._gone:
            self._patience_s -= passed_s
        elif owed is not self._owed:
            self._owed, self._patience_s = owed, granted_s
        else:
            back_s = gained / self._owner.limits.least_bytes_per_s if owed in (Owed.BODY, Owed.TAKING) else 0.0
            self._patience_s = min(granted_s, self._patience_s - passed_s + back_s)
        if self._patience_s <= 0:
            self.give_up()

    def give_up(self) -> None:
        """Close the connection; who has begun a request is told why."""
        request = self._current_request
        self._owner.closed += not self._gone
        if self._gone or self._owed in (Owed.REQUEST, Owed.TAKING) or (self._owed is Owed.BODY and request is None):
            self.abort()
        elif self._owed is Owed.HEAD:
            self._refuse(408, "request: its head did not come in time")
        elif request is not None:
            self._gone, self._patience_s = True, CLOSING_S
            request.content.set_exception(
                web.HTTPRequestTimeout(reason="the body did not come in time", headers={"Connection": "close"})
            )
            request.content.feed_eof()
            self.close()

    def settle(self) -> None:
        """At the end: nobody is waited for, but for who is taking a reply."""
        owed = Owed.TAKING if self._owed is Owed.TAKING else self._owes()
        if owed is not Owed.NOTHING and (owed is not Owed.TAKING or self.standing() < STILL_TAKING):
            self._owed = owed
            self.give_up()

    def abort(self) -> None:
        """At once; what is left to send is thrown away."""
        self._owner.forget(self)
        if self._current_request is None and self._task_handler is not None:
            self._task_handler.cancel()  # asyncio does not notice that a file it sends goes nowhere
        if self._wire is not None:
            self._wire.abort()

    def _refuse(self, status: int, reason: str) -> None:
        self._gone, self._patience_s = True, CLOSING_S
        if self._wire is not None:
            answer = refusal([reason], status=status)
            body = answer.body if isinstance(answer.body, bytes) else b""
            self._wire.write(
                f"HTTP/1.1 {status} {answer.reason}\r\nContent-Type: application/json; charset=utf-8\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                + body
            )
        self.force_close()

    def _owes(self) -> Owed:
        if self._waits():
            return Owed.HEAD if self._head_bytes else Owed.REQUEST
        request = self._current_request
        if request is None or request.content.is_eof() or self._wire is None or not self._wire.is_reading():
            return Owed.NOTHING
        return Owed.BODY

    def _waits(self) -> bool:
        """No request is being served. (TLS hands on what came with the handshake before `start()` has begun.)"""
        if self._waiter is None:
            return not self._served and not self._messages
        return not self._waiter.done()

    def _sent(self) -> tuple[int, bool]:
        """Bytes that the client's system has taken, and whether there are more."""
        if self._wire is None or (self._wire.is_closing() and not self._wire.get_write_buffer_size()):
            return 0, False
        peer: socket.socket = self._wire.get_extra_info("socket")
        unacked, acked, unsent = _TCP_INFO.unpack(peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size))
        return acked, bool(unacked or unsent or self._wire.get_write_buffer_size())

    def _granted_s(self, owed: Owed) -> float:
        limits = self._owner.limits
        match owed:
            case Owed.NOTHING:
                return math.inf
            case Owed.REQUEST:
                return limits.next_request_s if self._served else limits.first_request_s
            case Owed.HEAD:
                return limits.head_s
            case _:
                return limits.stall_s


class Connections:
    """The REST port: makes a `Connection` of each client that comes."""

    def __init__(self, runner: web.AppRunner, limits: Limits | None = None) -> None:
        """`runner` has been set up."""
        if runner.server is None:
            raise RuntimeError("AppRunner.setup() first")
        self.limits = limits or LIMITS
        self._server = runner.server
        self._loop = asyncio.get_running_loop()
        self._most = min(self.limits.most, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
        self._open: dict[Connection, None] = {}
        self._listeners: list[socket.socket] = []
        self._tls: ssl.SSLContext | None = None
        self._entering: dict[asyncio.Task[None], None] = {}
        """In the order in which they came."""
        self.closed = 0
        """Connections that were closed because their clients took too long, or because there were too many."""

    @property
    def port(self) -> int:
        """Where we listen; 0 as long as we do not."""
        return int(self._listeners[0].getsockname()[1]) if self._listeners else 0

    @property
    def open(self) -> int:
        """Connections now."""
        return len(self._open)

    @property
    def owing(self) -> Counter[Owed]:
        """What is waited for from how many, when they were looked at last."""
        return Counter(one.owed for one in self._open)

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Raises OSError."""
        found = await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, address in dict.fromkeys((one[0], one[4][:2]) for one in found):
            listener = socket.create_server(address, family=family, backlog=BACKLOG)
            listener.setblocking(False)
            self._listeners.append(listener)
        self._tls = tls

    def close(self) -> None:
        """Stop listening, and waiting for slow clients; requests that are whole go on."""
        for listener in self._listeners:
            listener.close()
        for connection in tuple(self._open):
            connection.settle()

    async def keep(self) -> None:
        """Take clients in, and look at each connection again and again. Runs until cancelled."""
        async with asyncio.TaskGroup() as group:
            for listener in self._listeners:
                group.create_task(self._accept(listener, group), name=f"listener {listener.getsockname()}")
            group.create_task(self._look(), name="slow clients")

    async def _accept(self, listener: socket.socket, group: asyncio.TaskGroup) -> None:
        while True:
            try:
                client, _ = await self._loop.sock_accept(listener)
            except OSError as error:  # no more open files, or the client has gone
                log.warning("REST: a connection is not accepted: %s", error)
                await asyncio.sleep(AGAIN_S)
                continue
            task = group.create_task(self._enter(client), name="a client comes in")
            self._entering[task] = None
            task.add_done_callback(self._entering.pop)
            if len(self._entering) > ENTERING:
                next(iter(self._entering)).cancel()
            await asyncio.sleep(0)  # calls go first

    async def _enter(self, client: socket.socket) -> None:
        """Make a connection of it. A TLS handshake takes memory and time before there is one: so many go on at once."""
        handshake_s = self.limits.head_s if self._tls else None
        try:
            await self._loop.connect_accepted_socket(
                self._connection, client, ssl=self._tls, ssl_handshake_timeout=handshake_s
            )
        except OSError as error:
            log.debug("REST: a client did not get in: %s", error)
            client.close()

    async def _look(self) -> None:
        told, told_s = 0, -math.inf
        while True:
            await asyncio.sleep(self.limits.look_every_s)
            for place, connection in enumerate(tuple(self._open), 1):
                connection.look(self._loop.time())
                if place % LOOK_AT_ONCE == 0:
                    await asyncio.sleep(0)  # calls go first
            now_s = self._loop.time()
            if self.closed > told and now_s - told_s >= TELL_EVERY_S:
                log.warning("REST: %d connections closed: their clients took too long", self.closed - told)
                told, told_s = self.closed, now_s

    def admit(self, connection: Connection) -> None:
        """A new connection; another may have to go for it."""
        self._open[connection] = None
        if len(self._open) > self._most:
            slowest = min(self._open, key=Connection.standing)
            self.closed += 1
            (connection if slowest.standing() == math.inf else slowest).abort()

    def forget(self, connection: Connection) -> None:
        self._open.pop(connection, None)

    def _connection(self) -> Connection:
        return Connection(self, self._server, self._loop)


def allow_many_files() -> None:
    """As many open files as the system lets us have: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
