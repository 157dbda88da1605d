"""A small AMI client for tests: logs in, collects events, sends actions. The daemon has its own."""

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.rig.waiting import wait_until

Message = dict[str, str]


class AmiObserver:
    """Use as `async with AmiObserver(pbx.ami_port, user, secret) as ami`. `events` grows while it is open."""

    def __init__(self, port: int, username: str, secret: str) -> None:
        self._port = port
        self._login = f"Action: Login\r\nUsername: {username}\r\nSecret: {secret}\r\n\r\n"
        self.events: list[Message] = []
        self.responses: list[Message] = []

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        await self._reader.readline()  # "Asterisk Call Manager/…"
        self._task = asyncio.create_task(self._collect(), name="ami-observer")
        self._writer.write(self._login.encode())
        response = await wait_until(lambda: self.responses[:1], "reply to the AMI login")
        if response[0].get("Response") != "Success":
            raise PermissionError(f"AMI login refused: {response[0]}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await self._task
        self._writer.close()

    def named(self, event: str, where: Callable[[Message], bool] = lambda _: True) -> list[Message]:
        """Return the events of that name so far; a UserEvent goes by its own name."""
        return [seen for seen in self.events if event in (seen["Event"], seen.get("UserEvent")) and where(seen)]

    def send(self, action: str, **fields: str) -> None:
        """Send an action; its reply arrives in `responses`."""
        lines = [f"Action: {action}", *(f"{name}: {value}" for name, value in fields.items())]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def _collect(self) -> None:
        message: Message = {}
        while line := await self._reader.readline():
            text = line.decode(errors="replace").rstrip("\r\n")
            if text:
                name, _, value = text.partition(":")
                message[name] = value.strip()
            elif message:
                (self.events if "Event" in message else self.responses).append(message)
                message = {}
