"""Where Asterisk's realtime engine asks: `POST /TOKEN/single`, `command=…` (res_config_curl, Asterisk 22).

A listener of its own, on loopback: it needs no TLS and no login, whatever those of REST are. Who asks is Asterisk's
user or root: the kernel says so. The token in the path, made of the AMI secret, tells this Asterisk from others of the
same user; alone it would not do, as Asterisk logs the whole address whenever the daemon is away (func_curl.c).
"""

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, Collection
from urllib.parse import parse_qs, quote

from aiohttp import web

from dialer.api.asterisk_cli.peer import user_of
from dialer.api.asterisk_cli.screens import cut, printable
from dialer.model.access import cli_token

log = logging.getLogger("dialer.access")
MAX_BODY_BYTES = 16_384
COLUMN = "dialer"
VALUE_COLUMNS = 48
"""What is left of 80 columns beside Asterisk's 30 for a name."""


class CliListener:
    """Answers with one column, whose value is the whole text: Asterisk prints name and value side by side."""

    def __init__(
        self,
        host: str,
        port: int,
        ami_secret: str,
        answer: Callable[[str], Awaitable[str]],
        users: Callable[[], Collection[int]],
    ) -> None:
        """`users`: ids of the users of this machine who may ask."""
        self._host = host
        self._port = port
        self._token = cli_token(ami_secret)
        self._answer = answer
        self._users = users
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
        refusal = await asyncio.to_thread(self._refusal, request)
        if refusal is not None:
            log.warning("a command of Asterisk's CLI: %s", refusal)
            return _column(f"refused: {refusal}", status=403)
        fields = parse_qs((await request.read()).decode(errors="replace"), keep_blank_values=True, max_num_fields=5)
        typed = fields.get("command", [""])[0].strip()
        text = await self._answer(typed)
        # the table's first line is Asterisk's; ours begin below it, at the left margin
        return _column(f"{cut(typed or 'help', VALUE_COLUMNS)}\n{text}")

    def _refusal(self, request: web.Request) -> str | None:
        """Why this request is not answered; None: it is."""
        ends = [request.get_extra_info(name) for name in ("peername", "sockname")]
        user = None if None in ends else user_of(ends[0][:2], ends[1][:2])
        if user is None:
            return "only Asterisk on this machine may ask"
        if user not in self._users():
            return f"only Asterisk's user and root may ask, not user {user}"
        token = request.match_info["token"].encode(errors="replace")
        if not hmac.compare_digest(token, self._token.encode()):
            return "the token in extconfig_autodialer.conf is not made of [ami] secret"
        return None


def _column(value: str, status: int = 200) -> web.Response:
    """Asterisk prints it whatever the status."""
    return web.Response(text=f"{quote(COLUMN)}={quote(printable(value))}\n", status=status, content_type="text/plain")
