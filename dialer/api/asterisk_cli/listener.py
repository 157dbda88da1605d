"""Where Asterisk's realtime engine asks: `POST /TOKEN/single`, `command=…` (res_config_curl, Asterisk 22).

A listener of its own, on loopback: it needs no TLS and no login, whatever those of REST are, and the token in the path,
made of the AMI secret, keeps other users of this machine out.
"""

import hmac
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, quote

from aiohttp import web

from dialer.model.access import cli_token

MAX_BODY_BYTES = 16_384
COLUMN = "dialer"


class CliListener:
    """Answers with one column, whose value is the whole text: Asterisk prints name and value side by side."""

    def __init__(self, host: str, port: int, ami_secret: str, answer: Callable[[str], Awaitable[str]]) -> None:
        self._host = host
        self._port = port
        self._token = cli_token(ami_secret)
        self._answer = answer
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        application.router.add_post("/{token}/single", self._serve)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)

    async def start(self) -> None:
        """Raises OSError: the port is not ours."""
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    async def close(self) -> None:
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.match_info["token"].encode(errors="replace"), self._token.encode()):
            raise web.HTTPNotFound
        fields = parse_qs((await request.read()).decode(errors="replace"), keep_blank_values=True, max_num_fields=5)
        typed = fields.get("command", [""])[0].strip()
        text = await self._answer(typed)
        # the table's first line is Asterisk's; ours begin below it, at the left margin
        value = f"{typed or 'help'}\n{text}"
        return web.Response(text=f"{quote(COLUMN)}={quote(value)}\n", content_type="text/plain")
