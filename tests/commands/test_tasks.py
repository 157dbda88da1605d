"""`dialer tasks` against a daemon."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete

from dialer.cli import main
from tests.commands.running import done, run
from tests.rig.daemon import Dialer


async def make(dialer: Dialer, *numbers: str, **fields: Any) -> str:
    body = {"innerNum": "201", "innerNumType": "exten", "numbers": list(numbers) or ["79520000001"], **fields}
    return str((await dialer.data("POST", "/task", body))["id"])


async def test_a_task_is_created_from_a_file_and_from_standard_input(shared: Dialer, tmp_path: Path) -> None:
    body = {"name": "Из файла", "innerNum": "201", "numbers": ["79520000001", "79520000002"]}
    file = tmp_path / "task.json"
    file.write_text(json.dumps(body, ensure_ascii=False), encoding="utf-8")
    said = await done(shared, "tasks", "create", str(file), "--paused")
    task_id = said.split()[1]
    assert said == f"task {task_id} is stored\n"
    assert (await shared.data("GET", f"/task/{task_id}"))["state"] == "2"
    made = json.loads(await done(shared, "tasks", "create", "-", "--json", stdin=json.dumps(body)))
    assert (await shared.data("GET", f"/task/{made['id']}"))["name"] == "Из файла"


@pytest.mark.parametrize("content", ["{", "[1]", "7"])
async def test_a_file_that_is_no_json_object_is_a_wrong_command_line(shared: Dialer, content: str) -> None:
    ran = await run(shared, "tasks", "create", "-", stdin=content)
    assert (ran.code, ran.out) == (2, "")
    assert "JSON" in ran.err


async def test_what_the_daemon_refuses_is_told_with_exit_code_1(shared: Dialer) -> None:
    ran = await run(shared, "tasks", "create", "-", stdin='{"innerNum": "201", "numbers": ["abc"]}')
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("Error: numbers[0]")


async def test_tasks_are_listed_by_state_and_text(own: Dialer) -> None:
    paused = await make(own, name="первая", state=2)
    opened = await make(own, "79520000001", "79520000002", name="вторая", maxCountChannels=7)
    table = (await done(own, "tasks", "list")).splitlines()
    assert table[0].split() == ["ID", "State", "To", "Lines", "Attempts", "Waiting", "Calls", "Done", "Good", "Name"]
    assert [line.split()[0] for line in table[1:]] == [opened, paused]
    assert table[1].split() == [opened, "open", "number", "201", "7", "2", "2", "0", "0", "0", "вторая"]
    assert (await done(own, "tasks", "list", "--state", "paused")).splitlines()[1].split()[0] == paused
    found = json.loads(await done(own, "tasks", "list", "--search", "втор", "--json"))
    assert [task["id"] for task in found] == [int(opened)]
    assert "\x1b" not in "".join(table)


async def test_a_task_is_shown_with_its_rules(shared: Dialer) -> None:
    task_id = await make(shared, name="Обзвон", maxAttempt=3, tryInterval=60)
    said = await done(shared, "tasks", "show", task_id)
    assert said.startswith(f"task {task_id}: Обзвон\n")
    assert "id of the CRM" not in said, "it gave none"
    assert "1: 1 waiting, 0 in progress, 0 done" in said
    assert "rules:\n  maxAttempt  3\n" in said
    assert json.loads(await done(shared, "tasks", "show", task_id, "--json"))["id"] == int(task_id)
    named = await make(shared, crmId="zakaz-5")
    assert "  id of the CRM                zakaz-5\n" in await done(shared, "tasks", "show", named)


async def test_tasks_are_paused_resumed_and_stopped(shared: Dialer) -> None:
    one, two = await make(shared), await make(shared)
    for verb, word, state in (("pause", "paused", "2"), ("resume", "open", "0"), ("stop", "closed", "1")):
        said = await done(shared, "tasks", verb, one, two)
        assert said == f"task {one}: {word}\ntask {two}: {word}\n"
        assert {(await shared.data("GET", f"/task/{task_id}"))["state"] for task_id in (one, two)} == {state}


async def test_of_several_tasks_one_that_is_missing_does_not_keep_the_others(shared: Dialer) -> None:
    task_id = await make(shared)
    ran = await run(shared, "tasks", "pause", "5", task_id)
    assert (ran.code, ran.out) == (1, f"task {task_id}: paused\n")
    assert ran.err == "Error: 5: id: there is no task '5'\n"


async def test_a_task_is_deleted_only_when_somebody_says_so(shared: Dialer) -> None:
    task_id = await make(shared)
    ran = await run(shared, "tasks", "delete", task_id)
    assert (ran.code, "--yes" in ran.err) == (2, True)
    assert (await shared.call("GET", f"/task/{task_id}"))["result"] is True
    assert await done(shared, "tasks", "delete", task_id, "--yes") == f"task {task_id}: deleted\n"
    assert (await shared.call("GET", f"/task/{task_id}"))["result"] is False


async def test_a_tab_offers_the_ids_of_tasks(shared: Dialer) -> None:

    task_id = await make(shared, name="Подсказка")
    shell = ShellComplete(main, {}, "dialer", "_DIALER_COMPLETE")
    given = ["tasks", "pause", "--config", str(shared.config_file)]
    found = await asyncio.to_thread(shell.get_completions, given, task_id[:-1])
    assert (task_id, "Подсказка") in [(one.value, one.help) for one in found]


async def test_a_tab_offers_commands_without_importing_them(shared: Dialer) -> None:
    shell = ShellComplete(main, {}, "dialer", "_DIALER_COMPLETE")
    assert [one.value for one in shell.get_completions([], "re")] == ["restore", "results"]
    assert {"pause", "resume"} <= {one.value for one in shell.get_completions(["tasks"], "")}
