"""Asking the daemon of the settings over its REST API, as commands do."""

import asyncio
import ipaddress
import os
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import click

from dialer.api.mikopbx import MIKOPBX_BASE
from dialer.config import Http, Settings

KEY_VARIABLE = "AUTODIALER_API_KEY"
TIMEOUT_S = 30.0


def ask(settings: Settings, method: str, path: str, body: object = None, timeout_s: float = TIMEOUT_S) -> Any:
    """`data` of a call below the MikoPBX base path. Raises click.ClickException with what the daemon says, or why it
    cannot be asked."""
    return asyncio.run(_ask(settings, method, path, timeout_s, json=body))["data"]


def send_file(settings: Settings, path: str, file: Path, timeout_s: float = TIMEOUT_S) -> tuple[Any, list[str]]:
    """`data` and `messages` of a call that is sent a file. Raises click.ClickException likewise."""

    async def send() -> Any:
        with file.open("rb") as content:
            form = aiohttp.FormData()
            form.add_field("file", content, filename=file.name)
            return await _ask(settings, "POST", path, timeout_s, data=form)

    answer = asyncio.run(send())
    return answer["data"], _messages(answer)


def fetch_health(settings: Settings, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
    """What GET /health says. Raises click.ClickException when the daemon cannot be asked."""

    async def fetch() -> Any:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout_s)) as session,
            session.get(f"{_base_url(settings.http)}/health", ssl=_tls(settings.http)) as response,
        ):
            return await response.json(content_type=None)

    try:
        told = asyncio.run(fetch())
    except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
        raise click.ClickException(f"{_base_url(settings.http)}/health: {error or 'no answer in time'}") from None
    if not isinstance(told, dict) or "dialling" not in told:
        raise click.ClickException(f"{_base_url(settings.http)}/health: somebody else answers there")
    return told


async def _ask(settings: Settings, method: str, path: str, timeout_s: float, **sent: Any) -> Any:
    url = f"{_base_url(settings.http)}{MIKOPBX_BASE}{path}"
    key = os.environ.get(KEY_VARIABLE)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
            session.request(method, url, ssl=_tls(settings.http), **sent) as response,
        ):
            status, answer = response.status, await response.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
        raise click.ClickException(f"the daemon at {_base_url(settings.http)} cannot be asked: {error}") from None
    if status == 401 and key:
        raise click.ClickException(f"the daemon does not accept the key in {KEY_VARIABLE}")
    if status == 401:
        raise click.ClickException(f"the daemon wants a key: give one in {KEY_VARIABLE} (dialer apikey add NAME)")
    if not isinstance(answer, dict) or answer.get("result") is not True:
        raise click.ClickException("; ".join(_messages(answer)) or f"the daemon answers HTTP {status}")
    return answer


def _messages(answer: Any) -> list[str]:
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
