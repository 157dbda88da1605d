"""How each kind of event gets to its receiver."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any, Protocol

import aiosmtplib

from dialer.dispatch.webhooks import DeliveryError
from dialer.model.webhook import Signer
from dialer.store.events import Event

DELIVERED, REFUSED = 200, 422
"""What a mail server's word comes to, as an HTTP status."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in (RFC 5321)."""

    host: str
    port: int
    sender: str
    tls: str = "none"
    """none | starttls | tls."""
    username: str = ""
    password: str = ""
    timeout_s: float = 20.0


class Sender(Protocol):
    """One request over HTTP."""

    async def send(self, url: str, headers: dict[str, str], body: bytes | None) -> int:
        """The status of the reply; without a body it is a GET. Raises DeliveryError."""


class JsonCourier:
    """A signed POST of what the event tells, as JSON."""

    def __init__(self, sender: Sender, signer: Signer, render: Callable[[Event], Any]) -> None:
        self._sender = sender
        self._signer = signer
        self._render = render

    async def deliver(self, event: Event, now_s: int) -> int:
        body = json.dumps(self._render(event), ensure_ascii=False).encode()
        return await self._sender.send(event.url, dict(self._signer.headers(event.event_id, now_s, body)), body)


class QueryCourier:
    """A GET whose query tells the event."""

    def __init__(self, sender: Sender, address: Callable[[Event], str]) -> None:
        self._sender = sender
        self._address = address

    async def deliver(self, event: Event, now_s: int) -> int:
        return await self._sender.send(self._address(event), {}, None)


class MailCourier:
    """A recorded message as a mail with the sound attached (RFC 5321, RFC 2045)."""

    def __init__(self, server: MailServer, recording: Callable[[str], Path | None]) -> None:
        """`recording`: the file of that name, if there is one."""
        self._server = server
        self._recording = recording

    async def deliver(self, event: Event, now_s: int) -> int:
        server = self._server
        try:
            await aiosmtplib.send(
                self._message(event, now_s),
                hostname=server.host,
                port=server.port,
                username=server.username or None,
                password=server.password or None,
                use_tls=server.tls == "tls",
                start_tls=server.tls == "starttls",
                timeout=server.timeout_s,
            )
        except aiosmtplib.SMTPResponseException as error:
            if 500 <= error.code < 600:
                return REFUSED
            raise DeliveryError(f"SMTP {error.code} {error.message[:200]}") from None
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [one.code for one in error.recipients]
            if all(500 <= code < 600 for code in codes):
                return REFUSED
            raise DeliveryError(f"SMTP {codes[0]} {error.recipients[0].message[:200]}") from None
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise DeliveryError(f"{server.host}:{server.port}: {error or type(error).__name__}") from None
        return DELIVERED

    def _message(self, event: Event, now_s: int) -> EmailMessage:
        content = event.content
        mail = EmailMessage()
        mail["From"] = self._server.sender
        mail["To"] = event.url.removeprefix("mailto:")
        mail["Date"] = formatdate(now_s)
        # the same at every try: a receiver may find out that it has the mail already
        mail["Message-ID"] = f"<{event.event_id}@autodialer>" if event.event_id else make_msgid()
        mail["Subject"] = f"Сообщение абонента {content['phone']}"
        name = str(content["result"])
        lines = [f"Абонент: {content['phone']}", f"Задача: {event.task_id}", f"Запись: {name}"]
        sound = self._recording(name)
        if sound is None:
            lines.append("Файла записи больше нет.")
        mail.set_content("\n".join(lines) + "\n")
        if sound is not None:
            mail.add_attachment(sound.read_bytes(), maintype="audio", subtype="wav", filename=name)
        return mail
