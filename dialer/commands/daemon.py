"""Asking the daemon of the settings over its REST API, as commands do."""

import asyncio
import ipaddress
import os
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from gettext import gettext as _
from pathlib import Path
from typing import IO, Any

import aiohttp
import click

from dialer.api.mikopbx import MIKOPBX_BASE
from dialer.commands.exits import NoPermissionError, NotNowError, UnavailableError
from dialer.config import Http, Settings

KEY_VARIABLE = "AUTODIALER_API_KEY"
CONSOLE_BASE = "/console/v1"
TIMEOUT_S = 30.0
_BUSY = frozenset({429, 503})


class DaemonClient:
    """A connection to the daemon. Every call raises click.ClickException with what the daemon says, or why it cannot be
    asked; its exit code tells which (`dialer.commands.exits`)."""

    def __init__(self, http: Http, session: aiohttp.ClientSession) -> None:
        self._http = http
        self._session = session
        self._tls: ssl.SSLContext | bool | None = None

    async def data(
        self, method: str, path: str, *, base: str = MIKOPBX_BASE, timeout_s: float = TIMEOUT_S, **sent: Any
    ) -> Any:
        """`data` of a call; with `replayed` in it where the daemon repeats what it has answered to the same
        `Idempotency-Key`."""
        answer = await self.answer(method, path, base=base, timeout_s=timeout_s, **sent)
        return {**answer["data"], "replayed": True} if answer.get("replayed") else answer["data"]

    async def answer(
        self, method: str, path: str, *, base: str = MIKOPBX_BASE, timeout_s: float = TIMEOUT_S, **sent: Any
    ) -> dict[str, Any]:
        """The whole answer to a call that was carried out."""
        status, answer = await self._request(method, f"{base}{path}", timeout_s, sent)
        if isinstance(answer, dict) and answer.get("result") is True:
            return answer
        raise self._refused(status, answer)

    async def health(self, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
        """What /health says."""
        status, answer = await self._request("GET", "/health", timeout_s, {})
        if isinstance(answer, dict) and "dialling" in answer:
            return answer
        raise self._refused(status, answer)

    def _refused(self, status: int, answer: Any) -> click.ClickException:
        """A dialer's refusals have a `result`; what has none comes from somebody else."""
        if not isinstance(answer, dict) or "result" not in answer:
            said = _("what answers at {url} is no dialer: HTTP {status}")
            return UnavailableError(said.format(url=_base_url(self._http), status=status))
        if status == 401:
            return NoPermissionError(_key_wanted())
        kind = NoPermissionError if status == 403 else NotNowError if status in _BUSY else click.ClickException
        return kind("; ".join(messages_of(answer)) or _("the daemon answers HTTP {status}").format(status=status))

    async def _request(self, method: str, path: str, timeout_s: float, sent: dict[str, Any]) -> tuple[int, Any]:
        url, timeout = f"{_base_url(self._http)}{path}", aiohttp.ClientTimeout(total=timeout_s)
        try:
            if self._tls is None:
                self._tls = _tls(self._http)
            async with self._session.request(method, url, ssl=self._tls, timeout=timeout, **sent) as response:
                answer = await response.json(content_type=None)
                if "Idempotent-Replayed" in response.headers:
                    answer["replayed"] = True
                return response.status, answer
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
            raise UnavailableError(
                _("the daemon at {url} cannot be asked: {why}").format(
                    url=_base_url(self._http), why=str(error) or _("no answer in time")
                )
            ) from None


def _key_wanted() -> str:
    if os.environ.get(KEY_VARIABLE):
        return _("the daemon does not accept the key in {variable}").format(variable=KEY_VARIABLE)
    return _("the daemon wants a key: give one in {variable} (dialer apikey add NAME)").format(variable=KEY_VARIABLE)


@asynccontextmanager
async def daemon_of(settings: Settings) -> AsyncIterator[DaemonClient]:
    """The daemon of these settings, for several calls."""
    key = os.environ.get(KEY_VARIABLE)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield DaemonClient(settings.http, session)


def ask(
    settings: Settings,
    method: str,
    path: str,
    body: object = None,
    timeout_s: float = TIMEOUT_S,
    *,
    base: str = MIKOPBX_BASE,
) -> Any:
    """`data` of one call below a base path. Raises click.ClickException as DaemonClient does."""

    async def run() -> Any:
        async with daemon_of(settings) as daemon:
            return await daemon.data(method, path, base=base, timeout_s=timeout_s, json=body)

    return asyncio.run(run())


@contextmanager
def connected(settings: Settings) -> Iterator[Callable[..., Any]]:
    """DaemonClient.data as a plain function, over one connection, for commands that ask again and again."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        daemon = runner.run(stack.enter_async_context(daemon_of(settings)))
        try:
            yield lambda *path, **more: runner.run(daemon.data(*path, **more))
        finally:
            runner.run(stack.aclose())


def send_file(settings: Settings, path: str, file: Path, timeout_s: float = TIMEOUT_S) -> tuple[Any, list[str]]:
    """`data` and `messages` of a call that is sent a file. Raises click.ClickException likewise."""

    async def send() -> dict[str, Any]:
        with file.open("rb") as content:
            async with daemon_of(settings) as daemon:
                return await daemon.answer("POST", path, timeout_s=timeout_s, data=form_of(content, file.name))

    answer = asyncio.run(send())
    return answer["data"], messages_of(answer)


def fetch_health(settings: Settings, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
    """What GET /health says. Raises click.ClickException when the daemon cannot be asked."""

    async def fetch() -> dict[str, Any]:
        async with daemon_of(settings) as daemon:
            return await daemon.health(timeout_s)

    return asyncio.run(fetch())


def form_of(content: IO[bytes], name: str) -> aiohttp.FormData:
    """The body of a call that is sent a file."""
    form = aiohttp.FormData()
    form.add_field("file", content, filename=name)
    return form


def messages_of(answer: Any) -> list[str]:
    """What is said beside `data`."""
    messages = answer.get("messages") if isinstance(answer, dict) else None
    if isinstance(messages, dict):
        messages = messages.get("error")
    return [str(one) for one in messages] if isinstance(messages, list) else []


def _base_url(http: Http) -> str:
    host = http.host.strip("[]")
    with suppress(ValueError):
        address = ipaddress.ip_address(host)
        if address.is_unspecified:  # the daemon listens everywhere, here too
            host = "127.0.0.1" if address.version == 4 else "::1"
    host = f"[{host}]" if ":" in host else host
    return f"{'https' if http.tls_certificate else 'http'}://{host}:{http.port}"


def _tls(http: Http) -> ssl.SSLContext | bool:
    """The daemon's own certificate and no other, whatever name it is made out to: we ask by address."""
    if http.tls_certificate is None:
        return True
    context = ssl.create_default_context(cafile=http.tls_certificate)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
