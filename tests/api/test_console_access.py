"""Users of the console, its roles, keys and sessions; the audit log of it all."""

import asyncio
from typing import Any

from click.testing import CliRunner, Result

from dialer.api.access.passwords import hash_password
from dialer.cli import main
from tests.api.asking import (
    PASSWORD,
    START,
    TASKS,
    Reply,
    ask,
    bearer,
    from_afar,
    login,
    session_of,
)
from tests.api.conftest import running_dialer
from tests.api.test_console_live import watching
from tests.api.test_console_progress import CONSOLE, look, post_task
from tests.rig.daemon import Dialer

USERS = f"{CONSOLE}/users"
SETTINGS: dict[str, dict[str, Any]] = {
    "auth": {"password_hash": hash_password(PASSWORD)},
    "http": {"trusted_proxies": ["127.0.0.1"]},
}
OTHER = "сорок-тысяч-обезьян"
CHANGING = ("POST", "PUT", "DELETE")


async def enter(dialer: Dialer, name: str, password: str = OTHER, address: str = "192.0.2.7") -> Reply:
    form = {"login": name, "password": password}
    return await ask(dialer, "POST", START, headers=from_afar(address), json=form)


async def do(dialer: Dialer, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
    """A call that must be carried out; its data."""
    reply = await ask(dialer, method, path, headers=headers, json=body)
    assert reply.status == 200, reply
    assert reply.json["result"] is True, reply.json
    return reply.json["data"]


async def audited(dialer: Dialer, search: str = "") -> list[tuple[str, str, str, str]]:
    rows = (await look(dialer, "/audit", params={"search": search}))["rows"]
    return [(row["who"], row["action"], row["target"], row["detail"]) for row in rows]


async def test_a_user_logs_in_and_may_what_the_role_says() -> None:
    async with running_dialer(SETTINGS) as dialer:
        task_id = await post_task(dialer)
        made = await do(dialer, "POST", USERS, {"login": "anna", "password": OTHER, "role": "read-only"})
        assert (made["login"], made["role"], made["fixed"]) == ("anna", "read-only", False)
        admin, anna = session_of(await login(dialer)), session_of(await enter(dialer, "anna"))
        assert (await look(dialer, "/me", headers=anna))["name"] == "user:anna"
        assert (await look(dialer, "/me", headers=anna))["role"] == "read-only"
        assert [one["login"] for one in await look(dialer, "/users", headers=admin)] == ["admin", "anna"]
        for path in ("/users", "/keys", "/sessions", "/audit"):
            assert (await ask(dialer, "GET", f"{CONSOLE}{path}", headers=anna)).status == 403
        pause = {"state": 2}
        assert (await ask(dialer, "PUT", f"{CONSOLE}/tasks/{task_id}", headers=anna, json=pause)).status == 403
        assert (await ask(dialer, "PUT", f"{TASKS}/{task_id}", headers=anna, json=pause)).status == 403
        assert (await ask(dialer, "POST", f"{CONSOLE}/prompt", headers=anna, json={"text": "да"})).status == 403
        await do(dialer, "PUT", f"{USERS}/anna", {"role": "operator"})
        assert (await ask(dialer, "GET", f"{CONSOLE}/me", headers=anna)).status == 401
        anna = session_of(await enter(dialer, "anna"))
        assert (await do(dialer, "PUT", f"{CONSOLE}/tasks/{task_id}", pause, anna))["state"] == 2
        assert (await ask(dialer, "GET", USERS, headers=anna)).status == 403


async def test_a_changed_password_or_a_deletion_ends_the_user_s_sessions_and_nobody_else_s() -> None:
    async with running_dialer(SETTINGS) as dialer:
        for name in ("anna", "oleg"):
            await do(dialer, "POST", USERS, {"login": name, "password": OTHER})
        admin, oleg = session_of(await login(dialer)), session_of(await enter(dialer, "oleg"))
        anna = session_of(await enter(dialer, "anna"))
        async with watching(dialer, **anna) as watcher:
            await watcher.until("stats")
            await do(dialer, "PUT", f"{USERS}/anna", {"password": f"{OTHER}!"})
            await watcher.end()
        assert (await ask(dialer, "GET", f"{CONSOLE}/me", headers=anna)).status == 401
        assert not (await enter(dialer, "anna")).json["success"]
        anna = session_of(await enter(dialer, "anna", f"{OTHER}!"))
        await do(dialer, "DELETE", f"{USERS}/anna")
        assert (await ask(dialer, "GET", f"{CONSOLE}/me", headers=anna)).status == 401
        assert not (await enter(dialer, "anna", f"{OTHER}!")).json["success"]
        await do(dialer, "POST", USERS, {"login": "anna", "password": f"{OTHER}!"})
        assert (await ask(dialer, "GET", f"{CONSOLE}/me", headers=anna)).status == 401
        assert {one["login"] for one in await look(dialer, "/sessions", headers=admin)} == {"admin", "oleg"}
        (of_oleg,) = [one for one in await look(dialer, "/sessions", headers=admin) if one["login"] == "oleg"]
        await do(dialer, "DELETE", f"{CONSOLE}/sessions/{of_oleg['id']}")
        assert (await ask(dialer, "GET", f"{CONSOLE}/me", headers=oleg)).status == 401


async def test_failed_logins_of_all_users_of_an_address_are_counted_together() -> None:
    async with running_dialer(SETTINGS) as dialer:
        await do(dialer, "POST", USERS, {"login": "anna", "password": OTHER})
        answers = [await enter(dialer, name, "неверно") for name in ("anna", "admin", "nobody") for _ in range(3)]
        assert {reply.status for reply in answers} == {200}
        assert {str(reply.json) for reply in answers} == {str(answers[0].json)}
        assert (await enter(dialer, "nobody", "неверно")).status == 200
        assert (await enter(dialer, "anna")).status == 429
        assert (await enter(dialer, "anna", address="198.51.100.1")).json["success"]


async def test_a_login_of_one_s_own_takes_back_no_failures_of_others() -> None:
    async with running_dialer(SETTINGS) as dialer:
        await do(dialer, "POST", USERS, {"login": "anna", "password": OTHER, "role": "read-only"})
        assert {(await enter(dialer, "admin", "неверно")).status for _ in range(9)} == {200}
        assert (await enter(dialer, "anna")).json["success"]
        assert (await enter(dialer, "admin", "неверно")).status == 200
        assert (await enter(dialer, "anna")).status == 429


async def test_what_changes_nothing_has_no_row() -> None:
    async with running_dialer(SETTINGS) as dialer:
        task_id = await post_task(dialer, 2)
        told = await audited(dialer)
        await dialer.data("PUT", f"/task/{task_id}", {"state": 0})
        await do(dialer, "PUT", f"{CONSOLE}/tasks/{task_id}", {"state": 0})
        await dialer.data("DELETE", "/client/никто")
        await dialer.data("POST", "/client", [])
        await dialer.data("POST", "/task-signal-close", {"phone": "79529999999"})
        await do(dialer, "POST", f"{CONSOLE}/tasks/{task_id}/numbers", {"numbers": ["79520000000"]})
        assert await audited(dialer) == told


async def test_what_is_wrong_with_a_user_is_told_by_field() -> None:
    async with running_dialer(SETTINGS) as dialer:
        await do(dialer, "POST", USERS, {"login": "anna", "password": OTHER})
        wrong = {
            "login: 1 to 60 letters": ("POST", "", {"login": "an na", "password": OTHER}),
            "login: there is a user 'anna'": ("POST", "", {"login": "anna", "password": OTHER}),
            "login: it is the login of [auth]": ("POST", "", {"login": "admin", "password": OTHER}),
            "password: 8 to 1024 characters": ("POST", "", {"login": "b", "password": "short"}),
            "role: ": ("POST", "", {"login": "b", "password": OTHER, "role": "boss"}),
            "login: there is no user 'b'": ("PUT", "/b", {"role": "admin"}),
            "password: a password or a role expected": ("PUT", "/anna", {}),
            "login: there is no user 'c'": ("DELETE", "/c", None),
            "login: it is the login of": ("DELETE", "/admin", None),
        }
        for message, (method, path, body) in wrong.items():
            reply = await ask(dialer, method, f"{USERS}{path}", json=body)
            assert reply.json["result"] is False, message
            assert reply.json["messages"][0].startswith(message), reply.json["messages"]
        log = dialer.log_file.read_text()
        assert OTHER not in log
        assert "argon2" not in log


async def test_a_key_made_in_the_console_opens_and_is_shown_once() -> None:
    async with running_dialer(SETTINGS) as dialer:
        made = await do(dialer, "POST", f"{CONSOLE}/keys", {"name": "crm", "role": "read-only"})
        assert (await look(dialer, "/me", headers=bearer(made["key"])))["name"] == "key:crm"
        assert made["key"] not in str(await look(dialer, "/keys"))
        again = await ask(dialer, "POST", f"{CONSOLE}/keys", json={"name": "crm"})
        assert again.json["messages"] == ["name: there is a key 'crm' already"]
        await do(dialer, "DELETE", f"{CONSOLE}/keys/crm")
        assert (await ask(dialer, "GET", f"{CONSOLE}/me", headers=bearer(made["key"]))).status == 401


async def run(dialer: Dialer, *arguments: str, stdin: str = "") -> Result:
    """`dialer user …`, without the seconds that a process takes to start."""
    line = ["user", *arguments, "--config", str(dialer.config_file)]
    return await asyncio.to_thread(lambda: CliRunner().invoke(main, line, input=stdin))


async def test_users_are_managed_on_the_command_line_too() -> None:
    async with running_dialer(SETTINGS) as dialer:
        assert (await run(dialer, "add", "anna", "--role", "read-only", stdin=f"{OTHER}\n")).exit_code == 0
        assert (await run(dialer, "list")).output.startswith("anna  read-only  made 20")
        anna = session_of(await enter(dialer, "anna"))
        assert (await run(dialer, "role", "anna", "operator")).exit_code == 0
        assert (await ask(dialer, "GET", f"{CONSOLE}/me", headers=anna)).status == 401
        assert (await run(dialer, "passwd", "anna", stdin=f"{OTHER}!\n")).exit_code == 0
        assert (await enter(dialer, "anna", f"{OTHER}!")).json["success"]
        assert (await run(dialer, "delete", "anna")).exit_code == 0
        assert not (await enter(dialer, "anna", f"{OTHER}!")).json["success"]
        for arguments in (("add", "admin"), ("add", "a b"), ("role", "nobody", "admin"), ("delete", "nobody")):
            assert (await run(dialer, *arguments, stdin=f"{OTHER}\n")).exit_code != 0, arguments
        assert (await run(dialer, "add", "oleg", stdin="short\n")).exit_code != 0
        rows = [row for row in await audited(dialer, "command:") if row[0].startswith("command:")]
        assert [(action, target) for _, action, target, _ in rows] == [
            ("user.delete", "anna"), ("user.password", "anna"), ("user.role", "anna"), ("user.create", "anna"),
        ]  # fmt: skip


async def test_every_accepted_change_has_its_row_and_nothing_else_has() -> None:
    async with running_dialer(SETTINGS) as dialer:
        polling = {"name": "Оценка", "questions": [{"questionId": "1", "questionText": "Да?", "press": [{"key": "1"}]}]}
        polling_id = (await dialer.data("POST", "/polling", polling))["id"]
        task_id = await post_task(dialer, 2, innerNum=polling_id, innerNumType="polling", name="Оценка")
        path = f"/task/{task_id}"
        await dialer.data("PUT", path, {"state": 2})
        await dialer.data("PUT", path, {"state": 0, "maxCountChannels": 7, "maxAttempt": 3})
        await dialer.data("POST", "/task-signal-close", {"phone": "79520000001"})
        await dialer.data("POST", "/stop-list", {"numbers": ["79520000000"], "reason": "просил"})
        await dialer.data("DELETE", "/stop-list/79520000000")
        await dialer.data("POST", "/client", [{"crmId": "к1", "name": "Анна", "phones": ["79520000001"]}])
        await dialer.data("DELETE", "/client/к1")
        await do(dialer, "PUT", f"{CONSOLE}/tasks/{task_id}", {"state": 1})
        await dialer.data("DELETE", path)
        await dialer.data("DELETE", f"/polling/{polling_id}")
        for refused in (("PUT", path, {"state": 2}), ("POST", "/task", {}), ("DELETE", "/polling/9", None)):
            assert (await dialer.call(*refused))["result"] is False
        await dialer.data("GET", "/task")
        target = str(task_id)
        expected = [
            ("polling.create", polling_id, "name Оценка; questions 1"),
            ("task.create", target, "name Оценка; state open; 2 numbers"),
            ("task.pause", target, "state open → paused"),
            ("task.resume", target, "state paused → open; maxCountChannels 2 → 7; rules: max_attempts"),
            ("task.signal", "", "…0001: 1 attempts closed"),
            ("stop-list.add", "…0000", "of all tasks; 1 added, 0 known"),
            ("stop-list.remove", "…0000", "of all tasks"),
            ("client.save", "к1", "clients 1"),
            ("client.delete", "к1", ""),
            ("task.close", target, "state open → closed"),
            ("task.delete", target, ""),
            ("polling.delete", polling_id, ""),
        ]
        assert await audited(dialer) == [("local", *row) for row in reversed(expected)]
        lines = [line for line in dialer.log_file.read_text().splitlines() if "dialer.audit" in line]
        paused = f"task_id={task_id} who=local address=127.0.0.1 action=task.pause target={task_id}"
        assert [line for line in lines if f'{paused} detail="state open → paused"' in line]
        assert len(lines) == len(expected)


async def test_logins_and_what_users_and_keys_do_is_told_with_where_from() -> None:
    async with running_dialer(SETTINGS) as dialer:
        admin = session_of(await login(dialer))
        await login(dialer, "неверно")
        key = (await do(dialer, "POST", f"{CONSOLE}/keys", {"name": "crm"}, admin))["key"]
        await ask(dialer, "POST", TASKS, headers=bearer(key, "198.51.100.1"),
                  json={"innerNum": "201", "innerNumType": "exten", "numbers": ["79520000001"]})  # fmt: skip
        await ask(dialer, "POST", "/admin-cabinet/session/end", headers=admin)
        rows = (await look(dialer, "/audit"))["rows"]
        assert [(row["who"], row["address"], row["action"]) for row in rows] == [
            ("user:admin", "192.0.2.7", "logout"),
            ("key:crm", "198.51.100.1", "task.create"),
            ("user:admin", "192.0.2.7", "apikey.create"),
            ("user:admin", "192.0.2.7", "login"),
        ]
        assert key not in str(rows)
        log = dialer.log_file.read_text()
        assert "authentication failed from 192.0.2.7 by password" in log
        assert key not in log


async def test_the_audit_log_is_read_page_by_page() -> None:
    async with running_dialer(SETTINGS) as dialer:
        for place in range(5):
            await dialer.data("POST", "/client", [{"crmId": f"к{place}", "name": "А", "phones": ["79520000001"]}])
        first = await look(dialer, "/audit?limit=2")
        assert [row["target"] for row in first["rows"]] == ["к4", "к3"]
        rest = await look(dialer, f"/audit?before={first['next']}")
        assert [row["target"] for row in rest["rows"]] == ["к2", "к1", "к0"]
        assert rest["next"] is None
        assert [row["target"] for row in (await look(dialer, "/audit", params={"search": "к1"}))["rows"]] == ["к1"]
