"""Requests as clients of the access layer make them: raw status, headers and body."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.rig.daemon import BASE, Dialer

PASSWORD = "кролик-и-2-удава"
START = "/admin-cabinet/session/start"
END = "/admin-cabinet/session/end"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    json: Any
    cookies: dict[str, Any]


async def ask(
    dialer: Dialer, method: str, path: str, *, headers: dict[str, str] | None = None, ssl: Any = True, **more: Any
) -> Reply:
    """One request by a client that keeps no cookies. `path` begins at the root."""
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.request(method, f"{dialer.url}{path}", headers=headers, ssl=ssl, **more) as response,
    ):
        is_json = response.content_type == "application/json"
        content = await response.json() if is_json else await response.text()
        cookies = dict(response.cookies.items())
        return Reply(response.status, dict(response.headers), content, cookies)


def from_afar(address: str = "192.0.2.7", **more: str) -> dict[str, str]:
    """Headers of a request that a proxy on this machine has passed on for this address."""
    return {"X-Forwarded-For": address, **more}


async def login(
    dialer: Dialer, password: str = PASSWORD, *, address: str = "192.0.2.7", body: str | None = None, **more: str
) -> Reply:
    """Log in as the admin, from another machine."""
    form = aiohttp.FormData({"login": "admin", "password": password}) if body is None else body
    headers = from_afar(address, **more)
    if body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    return await ask(dialer, "POST", START, headers=headers, data=form)


def session_of(reply: Reply, address: str = "192.0.2.7") -> dict[str, str]:
    """Headers of later requests in the session that the reply began."""
    return from_afar(address, Cookie=f"PHPSESSID={reply.cookies['PHPSESSID'].value}")


def bearer(key: str, address: str | None = "192.0.2.7") -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", **({} if address is None else from_afar(address))}


TASKS = f"{BASE}/task"


def command(dialer: Dialer, *arguments: str, stdin: str | None = None) -> str:
    """What a `dialer` command prints; it must succeed."""
    done = run_command(dialer, *arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_command(
    dialer: Dialer, *arguments: str, stdin: str | None = None, key: str | None = None
) -> "subprocess.CompletedProcess[str]":
    """A `dialer` command with the daemon's settings, and this API key."""
    program = str(Path(sys.executable).with_name("dialer"))
    config = () if arguments[-1] in ("passwd", "new-secret") else ("--config", str(dialer.config_file))
    return subprocess.run(
        [program, *arguments, *config],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **({} if key is None else {"AUTODIALER_API_KEY": key})},
    )
