"""The AMI connection: panoramisk's Manager with what it lacks in version 1.4. The only importer of it."""

import asyncio
import fcntl
import logging
import struct
import termios
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Any

from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager
from panoramisk.message import Message

from dialer.model.safe import safe_line

log = logging.getLogger(__name__)
ACTION_TIMEOUT_S = 10.0
RECONNECT_S = 1
TOGETHER_S = 0.05
"""How long what is to be removed from AstDB waits for more of it: nothing depends on it."""
MAX_MESSAGE_BYTES = 1 << 20
"""Whoever says more without an end is no Asterisk."""
_END = b"\r\n\r\n"
_TOLD = "told/"
_told_ids = count(1)


class AmiDownError(ConnectionError):
    """There is no AMI connection, or it broke before the answer came. Nothing is sent again by itself."""


class AmiRefusedError(Exception):
    """Asterisk answered the action with an error."""


class AmiState(StrEnum):
    AWAY = "away"
    """Not connected; tried again every second."""
    REFUSED = "login refused"
    """Asterisk does not know our user or secret; tried again every second."""
    BOOTING = "booting"
    """Logged in, Asterisk is still loading modules."""
    READY = "ready"
    """Logged in to a fully booted Asterisk."""


class _Event(Mapping[str, str]):
    """The headers of an event; how their names are written is of no concern. (The original's message takes longer to
    make than all else that an event needs.)"""

    __slots__ = ("_headers",)

    def __init__(self, headers: Mapping[str, str]) -> None:
        """`headers`: by names in small letters."""
        self._headers = headers

    def __getitem__(self, name: str) -> str:
        return self._headers[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._headers

    def get(self, name: str, default: Any = None) -> Any:
        return self._headers.get(name.lower(), default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._headers)

    def __len__(self) -> int:
        return len(self._headers)


class _Action(Action):  # type: ignore[misc]
    """The original looks for `Async` of its own to understand an answer, and fails where an action has none."""

    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(name) if name in self else ""


@dataclass(slots=True)
class _Told:
    """Actions of which only the number of answers is of interest."""

    left: int
    future: "asyncio.Future[None]"


class _WholeMessages(AMIProtocol):  # type: ignore[misc]
    """Reads by itself. The original decodes each TCP chunk alone and loses letters split in two, keeps without a bound
    what has no end, and makes a list of a repeated header, at which whoever reads it fails.

    Of headers that are alike the first counts: Asterisk writes its own before those of a dialplan.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._rest = bytearray()
        self._told: dict[str, _Told] = {}

    def data_received(self, data: bytes) -> None:
        searched_bytes = max(0, len(self._rest) - len(_END) + 1)
        self._rest += data
        end = self._rest.rfind(_END, searched_bytes)
        if end >= 0:
            whole = self._rest[:end].decode(errors="replace")
            del self._rest[: end + len(_END)]
            for text in whole.split("\r\n\r\n"):
                self._hand_on(text)
        if len(self._rest) > MAX_MESSAGE_BYTES:
            self._rest.clear()
            if self.factory is not None:
                self.factory.complain(f"a message of more than {MAX_MESSAGE_BYTES} bytes")
            self.transport.abort()

    def send(self, data: Mapping[str, str], as_list: bool | None = None) -> "asyncio.Future[Any]":
        sent: asyncio.Future[Any] = super().send(_Action(data), as_list)
        return sent

    def tell(self, actions: Sequence[Mapping[str, str]], told: "asyncio.Future[None]") -> None:
        """Send actions in one piece; the future is done when each is answered, however. (The original's actions and
        answers are as much work as all the events of a call.)"""
        action_id = f"{_TOLD}{next(_told_ids)}"
        text = "".join(
            "".join(safe_line(f"{name}: {value}") + "\r\n" for name, value in action.items())
            + f"ActionID: {action_id}\r\n\r\n"
            for action in actions
        )
        self._told[action_id] = _Told(len(actions), told)
        told.add_done_callback(lambda _: self._told.pop(action_id, None))
        self.transport.write(text.encode())

    def _take_answer(self, action_id: str) -> None:
        told = self._told.get(action_id)
        if told is not None:
            told.left -= 1
            if not told.left and not told.future.done():
                told.future.set_result(None)

    def _hand_on(self, text: str) -> None:
        if self.closed or self.factory is None:
            return  # said after the end, or before there is a login
        headers: dict[str, str] = {}
        for line in text.split("\r\n"):
            name, separator, value = line.partition(": ")
            if separator:
                headers.setdefault(name.lower(), value)
        if "event" in headers or "response" in headers:
            self.factory.heard(headers)
            action_id = headers.get("actionid", "")
            if action_id.startswith(_TOLD):
                self._take_answer(action_id)
            elif "actionid" in headers or not self.factory.take(headers):
                self.handle_message(Message(headers))


class _Manager(Manager):  # type: ignore[misc]
    """The original's connection handling, with its own pinger and its re-sending switched off."""

    def __init__(self, owner: "AmiClient", **config: Any) -> None:
        super().__init__(protocol_factory=_WholeMessages, reconnect_timeout=RECONNECT_S, **config)
        self._owner = owner
        self.closing = False

    def connection_made(self, f: "asyncio.Future[Any]") -> None:
        error = None if f.cancelled() else f.exception()
        if error is not None:
            self._owner.failed(error)
        else:
            self._owner.connected()
        super().connection_made(f)

    def connect(self, *args: Any, **kwargs: Any) -> Any:
        return None if self.closing else super().connect(*args, **kwargs)

    def ping(self) -> None:
        """The original's ping has no time-out; AmiClient.watch does it."""

    async def send_awaiting_actions(self, *_: Any) -> None:
        """The original sends unanswered actions again after a reconnect; ours have failed by then."""
        self.awaiting_actions.clear()

    def login(self, future: "asyncio.Future[Message]") -> bool:
        if future.cancelled() or self.protocol.closed:
            return False
        answer = future.result()  # a list, should it announce one
        accepted = bool((answer[0] if isinstance(answer, list) else answer).success)
        self._owner.logged_in(accepted)
        return accepted

    def forget(self, future: "asyncio.Future[Any]") -> None:
        """Nobody waits for this answer any more; the original would keep what comes of it."""
        responses = self.protocol.responses
        for action_id in [action_id for action_id, action in responses.items() if action.future is future]:
            del responses[action_id]

    def heard(self, headers: Mapping[str, str]) -> None:
        self._owner.on_message(headers)

    def take(self, headers: Mapping[str, str]) -> bool:
        """Hand on an event that nobody has asked for, if it is one of those that are wanted."""
        wanted = headers.get("event") in self._owner.events
        if wanted:
            self._owner.on_event(_Event(headers))
        return wanted

    def complain(self, problem: str) -> None:
        self._owner.complain(problem)

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.lost()
        super().connection_lost(exc)


class AmiClient:
    """One AMI session that comes back by itself.

    Events arrive in order at `on_event`, a plain function that must not raise. `on_state` is told of every change.
    """

    def __init__(self, host: str, port: int, username: str, secret: str) -> None:
        self._settings: dict[str, Any] = {"host": host, "port": port, "username": username, "secret": secret}
        self._manager: _Manager | None = None
        self._waiting: set[asyncio.Future[Any]] = set()
        self.state = AmiState.AWAY
        self.address = f"{host}:{port}"
        self._connected_at_s: float | None = None
        self._next_try_at_s: float | None = None
        self.problem = "not connected yet"
        """Why the last attempt to connect failed."""
        self.on_state: Callable[[AmiState], None] = lambda state: None
        self.events: tuple[str, ...] = ("UserEvent",)
        """Names of the events that `on_event` is to have."""
        self.on_event: Callable[[Mapping[str, str]], None] = lambda message: None
        self.on_message: Callable[[Mapping[str, str]], None] = lambda headers: None
        """Told of every message before it is handled; the headers' names are in small letters."""
        self.on_pong: Callable[[float], None] = lambda round_trip_s: None
        """Told how long the answer to a ping took."""

    def start(self) -> None:
        """Begin to connect; returns at once."""
        manager = _Manager(self, loop=asyncio.get_running_loop(), **self._settings)
        manager.log = logging.getLogger("dialer.pbx.panoramisk")
        manager.log.setLevel(logging.CRITICAL)  # it logs every message it reads; our state says what it would
        manager.register_event("FullyBooted", lambda _manager, _event: self._set_state(AmiState.READY))
        for name in self.events:
            manager.register_event(name, lambda _manager, event: self.on_event(event))
        self._manager = manager
        manager.connect()

    def close(self) -> None:
        if self._manager is not None:
            self._manager.closing = True
            self._manager.close()
        self.lost()

    @property
    def actions_waiting(self) -> int:
        """Actions that are not answered yet."""
        return len(self._waiting)

    @property
    def unread_bytes(self) -> int:
        """What Asterisk has written and we have not read (FIONREAD of tcp(7))."""
        protocol = self._manager.protocol if self._manager else None
        socket = None if protocol is None else protocol.transport.get_extra_info("socket")
        if socket is None or socket.fileno() < 0:
            return 0
        return int(struct.unpack("i", fcntl.ioctl(socket.fileno(), termios.FIONREAD, b"\0\0\0\0"))[0])

    @property
    def next_try_in_s(self) -> float | None:
        """Seconds until it is tried to connect again; None: connected, or being tried."""
        if self._next_try_at_s is None:
            return None
        left_s = self._next_try_at_s - asyncio.get_running_loop().time()
        return left_s if left_s > 0 else None

    def connected(self) -> None:
        self._connected_at_s = asyncio.get_running_loop().time()
        self._next_try_at_s = None

    async def watch(self, interval_s: float = 3.0, timeout_s: float = 5.0) -> None:
        """Ping for ever; a connection that does not answer in time is dropped, so that it is made anew."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(interval_s)
            # panoramisk waits for ever; after a refusal the state stays until another login is answered
            if self.state in (AmiState.AWAY, AmiState.REFUSED) and self._connected_at_s is not None:
                if loop.time() - self._connected_at_s > timeout_s:
                    self.complain(f"no answer to the login within {timeout_s:.0f} s")
                    self.drop()
                continue
            if self.state in (AmiState.READY, AmiState.BOOTING):
                try:
                    sent_at_s = loop.time()
                    await self.action({"Action": "Ping"}, timeout_s=timeout_s)
                    self.on_pong(loop.time() - sent_at_s)
                except TimeoutError:
                    self.complain(f"no answer for {timeout_s:.0f} s")
                    self.drop()
                except (AmiDownError, AmiRefusedError):
                    continue  # refused (Asterisk 22 refuses all while it shuts down) is an answer too

    def complain(self, problem: str) -> None:
        """Say why the connection is about to be dropped."""
        self.problem = problem
        log.warning("AMI %s: %s: connecting anew", self.address, problem)

    def drop(self) -> None:
        """Break the connection; it is made anew by itself."""
        protocol = self._manager.protocol if self._manager else None
        if protocol is not None:
            protocol.transport.abort()

    async def action(self, fields: Mapping[str, str], timeout_s: float = ACTION_TIMEOUT_S) -> list[Message]:
        """Send one action and return its answer (a list's items included).

        Raises AmiDownError, AmiRefusedError, TimeoutError, or UnsafeValueError for what may not be sent.
        """
        for name, value in fields.items():
            safe_line(f"{name}: {value}")
        manager = self._manager
        if manager is None or self.state not in (AmiState.READY, AmiState.BOOTING):
            raise AmiDownError("no AMI connection")
        future: asyncio.Future[Any] = manager.send_action(dict(fields))
        self._waiting.add(future)
        try:
            async with asyncio.timeout(timeout_s):  # wait_for of Python 3.11 loses a cancellation amid an answer
                answer = await future
        finally:
            self._waiting.discard(future)
            if future.cancelled():
                manager.forget(future)
        messages = answer if isinstance(answer, list) else [answer]
        if not messages[0].success:
            raise AmiRefusedError(f"{fields['Action']}: {messages[0].message}")
        return messages

    async def tell(self, actions: Sequence[Mapping[str, str]], timeout_s: float = ACTION_TIMEOUT_S) -> None:
        """Send actions, and return when all are answered; whether Asterisk did what they say is of no concern.

        Raises AmiDownError, TimeoutError, or UnsafeValueError for what may not be sent.
        """
        manager = self._manager
        if manager is None or self.state not in (AmiState.READY, AmiState.BOOTING):
            raise AmiDownError("no AMI connection")
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(told)
        try:
            manager.protocol.tell(actions, told)
            async with asyncio.timeout(timeout_s):
                await told
        finally:
            self._waiting.discard(told)

    def logged_in(self, accepted: bool) -> None:
        if not accepted:
            if self.state is not AmiState.REFUSED:
                log.error("AMI login refused for user %r: see [ami] username, secret", self._settings["username"])
            self._set_state(AmiState.REFUSED)
        elif self.state is not AmiState.READY:  # FullyBooted can come in the same packet, and is heard first
            self._set_state(AmiState.BOOTING)

    def failed(self, error: BaseException) -> None:
        """Nobody listens, or not for us. Told once for every different reason."""
        self._next_try_at_s = asyncio.get_running_loop().time() + RECONNECT_S
        if str(error) != self.problem:
            log.warning("AMI %s: %s; tried again every %d s", self.address, error, RECONNECT_S)
            self.problem = str(error)
        if self.state is AmiState.REFUSED:  # by an Asterisk that is gone; while it shuts down it refuses every login
            self._set_state(AmiState.AWAY)

    def lost(self) -> None:
        self._connected_at_s = None
        self._next_try_at_s = asyncio.get_running_loop().time() + RECONNECT_S
        if self.state is not AmiState.REFUSED:  # after a refusal Asterisk closes too; the reason is worth keeping
            self._set_state(AmiState.AWAY)
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_exception(AmiDownError("the AMI connection broke"))

    def _set_state(self, state: AmiState) -> None:
        if state is not self.state:
            log.info("AMI: %s", state.value)
            self.state = state
            self.on_state(state)


class Forgetter:
    """Removes finished attempts from AstDB, in the background, a bounded number at a time.

    What it could not remove is found again by the next reconciliation.
    """

    def __init__(self, client: AmiClient, at_once: int = 20, *, together_s: float = TOGETHER_S) -> None:
        self._client = client
        self._at_once = at_once
        self._together_s = together_s
        self._keys: deque[str] = deque()
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._keys)

    def forget(self, attempt_id: int, keys: Collection[str]) -> None:
        self._keys.extend(f"{attempt_id:d}/{key}" for key in keys)
        self._wake.set()

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(self._together_s)
            self._wake.clear()
            while self._keys:
                some = [self._keys.popleft() for _ in range(min(self._at_once, len(self._keys)))]
                try:
                    await self._client.tell(
                        [{"Action": "DBDel", "Family": "autodialer", "Key": key} for key in some]
                    )  # fmt: skip
                except (AmiDownError, TimeoutError) as error:
                    log.info("AstDB autodialer/%s not removed now: %s", ", ".join(some), error)
