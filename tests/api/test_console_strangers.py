"""Pages of other sites, opened in a browser beside the dialer: they neither read nor change anything."""

from typing import Any

import pytest

from dialer.api.access.passwords import hash_password
from tests.api.asking import PASSWORD, TASKS, ask, login
from tests.api.conftest import running_dialer
from tests.api.test_console_access import audited
from tests.api.test_console_progress import CONSOLE, look, post_task
from tests.rig.daemon import Dialer

EVIL = "http://evil.example"
STRANGE: dict[str, dict[str, str]] = {
    "a form of another site": {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    "a script of another site": {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"},
    "an old browser": {"Origin": EVIL},
    "a sandboxed frame": {"Origin": "null"},
    "another port of this machine": {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"},
    "a name that leads here": {"Host": "evil.example:8088", "Origin": "http://evil.example:8088"},
    "a name that leads here, by a link": {"Host": "evil.example"},
    "an image of another site": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
}
PLAIN = {"Content-Type": "text/plain"}
"""What a form of another site may send without asking first."""


@pytest.mark.parametrize("headers", STRANGE.values(), ids=STRANGE)
async def test_a_page_of_another_site_neither_reads_nor_changes(dialer: Dialer, headers: dict[str, str]) -> None:
    task_id = await post_task(dialer)
    rows = await audited(dialer)
    for method, path, body in (
        ("GET", f"{CONSOLE}/me", None),
        ("GET", f"{CONSOLE}/tasks", None),
        ("GET", f"{CONSOLE}/live?once=1", None),
        ("GET", f"{CONSOLE}/tasks/{task_id}/export", None),
        ("GET", f"{CONSOLE}/audit", None),
        ("GET", "/health", None),
        ("PUT", f"{CONSOLE}/tasks/{task_id}", '{"state": 1}'),
        ("POST", f"{CONSOLE}/keys", '{"name": "evil", "role": "admin"}'),
        ("POST", f"{CONSOLE}/users", '{"login": "evil", "password": "evil-evil-evil"}'),
        ("POST", TASKS, '{"innerNum": "201", "numbers": ["79520000009"]}'),
        ("DELETE", f"{TASKS}/{task_id}", None),
    ):
        reply = await ask(dialer, method, path, headers={**headers, **PLAIN}, data=body)
        assert reply.status == 401, (method, path)
        assert "Access-Control-Allow-Origin" not in reply.headers
    assert (await look(dialer, f"/tasks/{task_id}"))["state"] == 0
    assert await audited(dialer) == rows


@pytest.mark.parametrize("headers", list(STRANGE.values())[:5], ids=list(STRANGE)[:5])
async def test_nor_does_it_by_the_session_of_the_browser(headers: dict[str, str]) -> None:
    settings: dict[str, dict[str, Any]] = {
        "auth": {"password_hash": hash_password(PASSWORD), "trust_local": False},
        "http": {"trusted_proxies": ["127.0.0.1"]},
    }
    async with running_dialer(settings) as dialer:
        cookie = (await login(dialer)).cookies["PHPSESSID"]
        assert cookie["samesite"] == "Strict"
        own = {"Cookie": f"PHPSESSID={cookie.value}"}
        body = '{"name": "evil", "role": "admin"}'
        reply = await ask(dialer, "POST", f"{CONSOLE}/keys", headers={**own, **headers, **PLAIN}, data=body)
        assert reply.status == 401
        assert await look(dialer, "/keys", headers=own) == []
        its_own = {**own, "Origin": dialer.url, "Sec-Fetch-Site": "same-origin"}
        assert (await ask(dialer, "POST", f"{CONSOLE}/keys", headers=its_own, data=body)).json["result"] is True


async def test_the_console_s_own_page_may_what_its_user_may(dialer: Dialer) -> None:
    headers = {"Origin": dialer.url, "Sec-Fetch-Site": "same-origin"}
    assert (await look(dialer, "/me", headers=headers))["role"] == "admin"
    reply = await ask(dialer, "POST", f"{CONSOLE}/keys", headers=headers, json={"name": "crm"})
    assert reply.json["result"] is True
