"""A CRM that takes webhooks, and can be told not to."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


@dataclass
class Receiver:
    """`deliveries` has every request that came, in order; `taken` those that were answered with 2xx."""

    status: int = 204
    refuse: dict[str, int] = field(default_factory=dict)
    """By phoneId: the status for its events."""
    deliveries: list[dict[str, Any]] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    port: int = 0
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    """Replies wait for it."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?token=of-the-receiver"

    async def post(self, request: web.Request) -> web.Response:
        body = await request.read()
        check_signature(request.headers, body)
        event = json.loads(body)
        self.deliveries.append(event)
        await self.hold.wait()
        status = self.refuse.get(event["data"]["phoneId"], self.status)
        if status < 300:
            self.taken.append(event)
        return web.Response(status=status, headers={"Location": "/elsewhere"} if status == 302 else {})


def check_signature(headers: Any, body: bytes) -> None:
    """As Standard Webhooks has it, written by itself."""
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert json.loads(body)["id"] == headers["webhook-id"]


@asynccontextmanager
async def receiving(receiver: Receiver) -> AsyncIterator[Receiver]:
    """Listen; a second time on the same port."""
    application = web.Application()
    application.router.add_post("/hook", receiver.post)
    receiver.hold.set()
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", receiver.port, reuse_address=True).start()
        receiver.port = runner.addresses[0][1]
        yield receiver
    finally:
        await runner.cleanup()
