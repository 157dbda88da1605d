"""Who gets in: the machine itself, who logs in, who has a key; nobody else."""

import asyncio
import subprocess
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from argon2 import PasswordHasher

from tests.api.asking import END, PASSWORD, START, TASKS, ask, bearer, command, from_afar, login, session_of
from tests.api.conftest import running_dialer
from tests.rig.daemon import BASE, COMMAND, Dialer

REPO = Path(__file__).resolve().parents[2]
FILTER = REPO / "systemd/fail2ban/filter.d/autodialer.conf"
PASSWORD_HASH = PasswordHasher().hash(PASSWORD)
SETTINGS: dict[str, dict[str, Any]] = {
    "auth": {"password_hash": PASSWORD_HASH},
    "http": {"trusted_proxies": ["127.0.0.1"]},
}
REFUSAL = {"result": False, "data": [], "messages": {"error": ["The user isn't authenticated."]}}
ADMITTED = {"success": True, "reload": False, "message": []}


@pytest_asyncio.fixture
async def guarded() -> AsyncIterator[Dialer]:
    """A daemon with a password, behind a trusted proxy on this machine."""
    async with running_dialer(SETTINGS) as daemon:
        yield daemon


async def status(dialer: Dialer, headers: dict[str, str], method: str = "GET", path: str = TASKS) -> int:
    return (await ask(dialer, method, path, headers=headers)).status


def is_refused(reply: Any) -> bool:
    """The documented 401, in its order of keys."""
    content = dict(reply.json)
    ours = {key: content[key] for key in REFUSAL} == REFUSAL
    order = ["result", "data", "messages", "function", "processor", "pid"]
    return bool(reply.status == 401 and ours and list(content) == order)


async def test_the_login_answers_as_the_pbx_does(guarded: Dialer) -> None:
    wrong = await login(guarded, "wrong")
    assert (wrong.status, wrong.cookies) == (200, {})
    assert list(wrong.json) == ["success", "reload", "message"]
    assert wrong.json["success"] is False
    assert list(wrong.json["message"]) == ["error"]
    right = await login(guarded)
    assert (right.status, right.json) == (200, ADMITTED)
    morsel = right.cookies["PHPSESSID"]
    assert (morsel["httponly"], morsel["samesite"], morsel["path"], morsel["max-age"]) == (True, "Strict", "/", "")
    assert not morsel["secure"]
    assert len(morsel.value) >= 43
    assert await status(guarded, session_of(right)) == 200
    assert await status(guarded, from_afar(Cookie="PHPSESSID=" + "x" * 43)) == 401


@pytest.mark.parametrize(
    "body", ["&login=admin&password={}&", "login=admin&password={}", '{{"login": "admin", "password": "{}"}}']
)
async def test_the_forms_that_occur_are_understood(guarded: Dialer, body: str) -> None:
    reply = await login(guarded, body=body.format(PASSWORD), **{"X-Requested-With": "XMLHttpRequest"})
    assert reply.json == ADMITTED


@pytest.mark.parametrize("body", ["", "&&&", "login=admin", "password=x", "{", "[1]", '{"login": 1}', "a=1&" * 100])
async def test_what_is_no_login_is_a_failed_one(guarded: Dialer, body: str) -> None:
    reply = await login(guarded, body=body)
    assert (reply.status, reply.json["success"]) == (200, False)


async def test_a_login_is_bounded_before_anybody_is_known(guarded: Dialer) -> None:
    reply = await login(guarded, body="login=admin&password=" + "x" * 20_000)
    assert reply.status == 413


async def test_a_session_survives_a_restart_and_ends_with_the_logout(guarded: Dialer) -> None:
    session = session_of(await login(guarded))
    await guarded.kill()
    await guarded.start()
    assert await status(guarded, session) == 200
    assert (await ask(guarded, "POST", END, headers=session)).json == ADMITTED
    assert await status(guarded, session) == 401


async def test_sessions_are_revoked_and_end_with_their_password(guarded: Dialer) -> None:
    first, second, third = [session_of(await login(guarded)) for _ in range(3)]
    listed = command(guarded, "session", "list").splitlines()
    assert len(listed) == 3
    assert "192.0.2.7" in listed[0]
    command(guarded, "session", "revoke", listed[0].split()[0])
    assert [await status(guarded, one) for one in (first, second, third)] == [401, 200, 200]
    shown = (await ask(guarded, "GET", f"{BASE}/access/sessions", headers=second)).json["data"]
    await ask(guarded, "DELETE", f"{BASE}/access/sessions/{shown[0]['id']}", headers=third)
    assert [await status(guarded, one) for one in (second, third)] == [401, 200]
    await guarded.stop()
    printed = command(guarded, "passwd", stdin="another password\n")
    assert printed.startswith('password_hash = "$argon2id$')
    async with guarded.changed({"auth": {"password_hash": printed.split('"')[1]}}):
        assert await status(guarded, third) == 401
        assert (await login(guarded)).json["success"] is False
        assert (await login(guarded, "another password")).json == ADMITTED


async def test_nobody_gets_anything_but_401_and_the_login(guarded: Dialer) -> None:
    described = (await ask(guarded, "GET", "/openapi.json")).json["paths"]
    paths = {
        (method.upper(), path.replace("{", "").replace("}", "")) for path, item in described.items() for method in item
    }
    open_paths = {("POST", START), ("GET", END), ("POST", END)}
    assert open_paths < paths
    # GET / is the console's page, which is for everybody (tests/api/test_console_files.py)
    odd = [("POST", "/"), ("GET", "/console"), ("GET", "/nothing"), ("PATCH", TASKS), ("GET", START)]
    odd += [("TRACE", "/health"), ("HEAD", "/docs")]
    for method, path in [*(paths - open_paths), *odd]:
        reply = await ask(guarded, method, path, headers=from_afar())
        assert reply.status == 401, (method, path)
        assert method == "HEAD" or is_refused(reply), (method, path)
        assert "Server" not in reply.headers


async def test_the_body_of_a_stranger_is_not_read(guarded: Dialer) -> None:
    port = int(guarded.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"POST {TASKS} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: 192.0.2.9\r\n".encode())
    writer.write(b"Content-Length: 100000000\r\n\r\n")
    async with asyncio.timeout(5):
        assert b"401" in await reader.readline()
    writer.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-For": "::1"},
        {"X-Forwarded-For": ""},
        {"X-Forwarded-For": "127.0.0.1, 127.0.0.1"},
        {"X-Real-IP": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"Forwarded": "for=127.0.0.1", "X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "garbage;;;,"},
        {"Via": "1.1 proxy"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "rebound.example"},
        {"Host": "["},
        {"Host": "[x]"},
        {"Host": "evil.example\\@127.0.0.1"},
        {"Origin": "http://["},
        {"Authorization": "Bearer ad_wrong"},
        {"Authorization": "Basic YWRtaW46YWRtaW4="},
    ],
)
async def test_what_was_passed_on_or_abused_is_not_local(
    shared_guarded: Dialer, shared_plain: Dialer, headers: dict[str, str]
) -> None:
    for daemon in (shared_guarded, shared_plain):  # with a trusted proxy, and without one
        assert await status(daemon, headers) == 401
        assert await status(daemon, {}) == 200


@pytest_asyncio.fixture(scope="module")
async def shared_guarded() -> AsyncIterator[Dialer]:
    async with running_dialer(SETTINGS) as daemon:
        yield daemon


@pytest_asyncio.fixture(scope="module")
async def shared_plain() -> AsyncIterator[Dialer]:
    async with running_dialer() as daemon:
        yield daemon


async def test_keys_are_shown_once_have_a_role_and_are_revoked_at_once(guarded: Dialer) -> None:
    keys = {role: command(guarded, "apikey", "add", f"crm.{role}", "--role", role).strip() for role in ROLES}
    assert all(key.startswith("ad_") and len(key) >= 46 for key in keys.values())
    task = {"innerNum": "201", "numbers": ["79522233446"]}
    for role, key in keys.items():
        got = [
            (await ask(guarded, "GET", TASKS, headers=bearer(key))).status,
            (await ask(guarded, "POST", TASKS, headers=bearer(key), json=task)).status,
            (await ask(guarded, "GET", f"{BASE}/access/keys", headers=bearer(key))).status,
        ]
        assert got == ROLES[role], role
    shown = (await ask(guarded, "GET", f"{BASE}/access/keys")).json["data"]
    assert [(one["name"], one["role"]) for one in shown] == sorted((f"crm.{role}", role) for role in ROLES)
    listed = command(guarded, "apikey", "list")
    assert not any(key in listed or key in str(shown) for key in keys.values())
    command(guarded, "apikey", "revoke", "crm.operator")
    await ask(guarded, "DELETE", f"{BASE}/access/keys/crm.admin")
    assert await status(guarded, bearer(keys["operator"])) == 401
    assert await status(guarded, bearer(keys["admin"])) == 401
    assert await status(guarded, bearer(keys["read-only"])) == 200


ROLES = {"read-only": [200, 403, 403], "operator": [200, 200, 403], "admin": [200, 200, 200]}


async def test_a_role_that_is_not_enough_is_told_in_the_envelope(guarded: Dialer) -> None:
    key = command(guarded, "apikey", "add", "reader", "--role", "read-only").strip()
    reply = await ask(guarded, "DELETE", f"{TASKS}/1000000001", headers=bearer(key))
    assert (reply.status, reply.json["result"]) == (403, False)
    assert reply.json["messages"] == {"error": ["The role operator is needed."]}


async def test_two_callers_may_use_the_same_idempotency_key(guarded: Dialer) -> None:
    task = {"innerNum": "201", "numbers": ["79522233446"]}
    for name in ("one", "two"):
        key = command(guarded, "apikey", "add", name).strip()
        for _ in range(2):
            await ask(guarded, "POST", TASKS, headers={**bearer(key), "Idempotency-Key": "k"}, json=task)
    assert len((await guarded.data("GET", "/task"))["results"]) == 2


async def test_a_brute_force_run_is_stopped_and_logged_for_fail2ban(guarded: Dialer) -> None:
    hostile = 'x"\n2026-11-25 10:00:00,000 WARNING dialer.access: authentication failed from 203.0.113.1 by password'
    for attempt in range(10):
        body = f"login={hostile.replace(chr(10), '%0A')}&password=p{attempt}" if attempt % 2 else None
        assert (await login(guarded, f"wrong {attempt}", body=body)).status == 200
    blocked = await login(guarded)
    assert (blocked.status, blocked.json["success"]) == (429, False)
    assert 0 < int(blocked.headers["Retry-After"]) <= 300
    key = command(guarded, "apikey", "add", "crm").strip()
    assert (
        await status(guarded, bearer(key)) == 200
    )  # nobody can guess one, so others at its address do not lock it out
    assert await status(guarded, bearer(key + "x")) == 429
    assert (await login(guarded, address="192.0.2.8")).json == ADMITTED
    assert await status(guarded, {}) == 200
    program = ["fail2ban-regex", "--print-all-matched", "-o", "ip", str(guarded.log_file), str(FILTER)]
    banned = subprocess.run(program, capture_output=True, text=True, check=True).stdout.split()
    assert banned == ["192.0.2.7"] * 10


async def test_attempts_made_at_the_same_moment_are_counted_too(guarded: Dialer) -> None:
    passwords = [*(f"wrong {attempt}" for attempt in range(60)), PASSWORD]
    replies = await asyncio.gather(*(login(guarded, password, address="192.0.2.9") for password in passwords))
    assert sorted({reply.status for reply in replies}) == [200, 429]
    assert sum(reply.status == 200 for reply in replies) <= 10
    assert await status(guarded, {}) == 200


async def test_attempts_held_back_until_their_last_byte_are_counted_too(guarded: Dialer) -> None:
    body = b"login=admin&password=guess"
    head = f"POST {START} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.9\r\nContent-Length: {len(body)}\r\n\r\n"
    port = int(guarded.url.rpartition(":")[2])
    wires = [await asyncio.open_connection("127.0.0.1", port) for _ in range(60)]
    for _, writer in wires:
        writer.write(head.encode() + body[:-1])
    assert (await guarded.health())["status"]  # they have been read by now
    for _, writer in wires:
        writer.write(body[-1:])
    lines = [(await asyncio.wait_for(reader.readline(), 20)).split()[1] for reader, _ in wires]
    for _, writer in wires:
        writer.close()
    assert (lines.count(b"200"), lines.count(b"429")) == (10, 50)


async def test_another_sites_page_cannot_log_in_nor_lock_anybody_out(guarded: Dialer) -> None:
    for _ in range(12):
        reply = await login(guarded, "wrong", Origin="http://attacker.example")
        assert (reply.status, reply.json["success"]) == (403, False)
    assert (await login(guarded)).json == ADMITTED


async def test_who_a_proxy_does_not_name_is_not_a_reason_to_ban_the_proxy(guarded: Dialer) -> None:
    for _ in range(3):
        await ask(guarded, "GET", TASKS, headers={"Authorization": "Bearer ad_x", **from_afar(), "Forwarded": "for=x"})
    log = guarded.log_file.read_text()
    assert log.count("authentication failed from somebody behind the proxy 127.0.0.1 by API key") == 3
    program = ["fail2ban-regex", "--print-all-matched", "-o", "ip", str(guarded.log_file), str(FILTER)]
    assert subprocess.run(program, capture_output=True, text=True, check=False).stdout.split() == []


async def test_a_bomb_is_not_inflated(guarded: Dialer) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(1024)) + packer.flush()
    headers = {"Content-Encoding": "gzip", "Content-Type": "multipart/form-data; boundary=x"}
    for path, whose in product((TASKS, START, f"{BASE}/audio"), ({}, from_afar())):
        slowest_s = 0.0
        sending = asyncio.create_task(ask(guarded, "POST", path, headers={**headers, **whose}, data=bomb))
        while not sending.done():
            begun_s = time.monotonic()
            await guarded.data("GET", "/task")
            slowest_s = max(slowest_s, time.monotonic() - begun_s)
        reply = await sending
        assert reply.status == (401 if whose and path != START else 415)
        assert slowest_s < 1.0  # inflating it takes 5 s
    assert guarded.memory_mb < 300


async def test_nobody_is_told_to_go_on_before_he_is_known(guarded: Dialer) -> None:
    assert is_refused(await ask(guarded, "POST", TASKS, headers={**from_afar(), "Expect": "foo"}, data=b""))
    assert (await ask(guarded, "POST", TASKS, headers={"Expect": "foo"}, data=b"")).json["result"] is False
    port = int(guarded.url.rpartition(":")[2])
    for whose, first in ((b"X-Forwarded-For: 192.0.2.7\r\n", b"401"), (b"", b"100")):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        expecting = b"Expect: 100-continue\r\nContent-Length: 2\r\n"
        writer.write(f"POST {TASKS} HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode() + whose + expecting + b"\r\n")
        assert (await asyncio.wait_for(reader.readline(), 10)).split()[1] == first
        writer.close()
    form = aiohttp.FormData({"login": "admin", "password": PASSWORD})
    assert (await ask(guarded, "POST", START, data=form, expect100=True)).json == ADMITTED


async def test_who_really_comes_from_elsewhere_gets_nothing_but_the_login(other_address: str) -> None:
    settings = {**SETTINGS, "http": {"host": "0.0.0.0"}}  # noqa: S104
    async with running_dialer(settings) as daemon:
        port = daemon.url.rpartition(":")[2]
        local, daemon.url = daemon.url, f"http://{other_address}:{port}"
        for headers in ({}, {"X-Forwarded-For": "127.0.0.1"}, {"Host": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}):
            reply = await ask(daemon, "GET", TASKS, headers=headers)
            assert is_refused(reply), headers
        assert is_refused(await ask(daemon, "GET", "/openapi.json"))
        admitted = await ask(daemon, "POST", START, data={"login": "admin", "password": PASSWORD})
        assert admitted.json == ADMITTED
        cookie = {"Cookie": f"PHPSESSID={admitted.cookies['PHPSESSID'].value}"}
        assert (await ask(daemon, "GET", TASKS, headers=cookie)).status == 200
        daemon.url = local
        assert (await ask(daemon, "GET", TASKS)).status == 200


@pytest.fixture
def other_address() -> Iterator[str]:
    """An address of this machine that is not its loopback."""
    address = "192.0.2.77"
    subprocess.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], check=True)
    try:
        yield address
    finally:
        subprocess.run(["ip", "address", "del", f"{address}/32", "dev", "lo"], check=True)


async def test_wrong_keys_are_counted_like_wrong_passwords(guarded: Dialer) -> None:
    for attempt in range(10):
        assert await status(guarded, bearer(f"ad_{attempt}", f"2001:db8::{attempt}")) == 401
    assert await status(guarded, bearer("ad_x", "2001:db8::ffff")) == 429, "a /64 is one customer's"
    assert await status(guarded, bearer("ad_x", "2001:db8:1::1")) == 401


async def test_no_secret_is_in_logs_processes_or_health() -> None:
    secrets = {"ami": {"secret": "s3cret-of-ami"}, "webhooks": {"secret": "whsec-0123456789abcdef"}}
    async with running_dialer({**SETTINGS, **secrets}, COMMAND) as daemon:
        key = command(daemon, "apikey", "add", "crm").strip()
        session = session_of(await login(daemon))
        await status(daemon, bearer(key))
        await status(daemon, bearer(key + "x"))
        await login(daemon, PASSWORD + "x")
        health = str(await daemon.health())
        lines = b"".join(path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists())
        log = daemon.log_file.read_text()
        token = session["Cookie"].partition("=")[2]
        for secret in (key, token, PASSWORD, PASSWORD_HASH, "s3cret-of-ami", "whsec-0123456789abcdef"):
            assert secret not in log
            assert secret not in health
            assert secret.encode() not in lines
            assert secret not in daemon.database.read_bytes().decode(errors="replace")


async def test_what_is_no_form_is_refused_and_not_counted(guarded: Dialer) -> None:
    for _ in range(12):
        with aiohttp.MultipartWriter("form-data") as parts:
            parts.append(PASSWORD).set_content_disposition("form-data", name="password")
        reply = await ask(guarded, "POST", START, headers=from_afar(), data=parts)
        assert (reply.status, reply.json["success"]) == (200, False)
        assert "as a form" in str(reply.json["message"])
    assert (await login(guarded)).json == ADMITTED
