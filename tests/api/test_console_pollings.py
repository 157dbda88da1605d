"""Pollings for an editor, and numbers that are added to a list."""

from pathlib import Path
from typing import Any

import aiohttp

from tests.api.asking import ask
from tests.api.test_audio import beep
from tests.api.test_console_access import audited, do
from tests.api.test_console_progress import CONSOLE, look, post_task
from tests.rig.daemon import BASE, Dialer
from tests.store.making import ask as store_rows

POLLING: dict[str, Any] = {
    "crmId": "опрос-7",
    "name": "Оценка",
    "questions": [
        {
            "questionId": "a", "questionText": "Да?", "lang": "ru-RU", "nextQuestion": "b", "defPress": "1",
            "timeout": 2.5,
            "press": [{"key": "1", "action": "answer", "value": "да"}, {"key": "2", "nextQuestion": "a"}],
        },
        {"questionId": "b", "questionText": "Нет?", "press": [{"key": "1"}]},
    ],
}  # fmt: skip


async def test_a_polling_that_is_read_and_posted_again_stays_what_it_is(dialer: Dialer) -> None:
    polling_id = int((await dialer.data("POST", "/polling", POLLING))["id"])
    read = await look(dialer, f"/pollings/{polling_id}")
    assert (read["id"], read["crmId"], read["questions"][0]["questionId"]) == (polling_id, "опрос-7", "a")
    first = read["questions"][0]
    assert (first["nextQuestion"], first["defPress"], first["timeout"]) == ("b", "1", 2.5)
    await dialer.data("POST", "/polling", read)
    assert await look(dialer, f"/pollings/{polling_id}") == read
    reply = await ask(dialer, "GET", f"{CONSOLE}/pollings/99")
    assert reply.json["data"] == {"error": "PollingNotFound"}


async def test_the_list_tells_what_holds_a_polling(dialer: Dialer) -> None:
    first = (await dialer.data("POST", "/polling", POLLING))["id"]
    second = (await dialer.data("POST", "/polling", {**POLLING, "crmId": "8", "questions": POLLING["questions"][1:]}))[
        "id"
    ]
    for inner_num in ("опрос-7", first, "8"):
        task_id = await post_task(dialer, innerNum=inner_num, innerNumType="polling")
    await dialer.data("PUT", f"/task/{task_id}", {"state": 1})
    assert [(one["id"], one["questions"], one["openTasks"]) for one in await look(dialer, "/pollings")] == [
        (int(second), 1, 0), (int(first), 2, 2),
    ]  # fmt: skip


async def test_added_numbers_drop_nothing(dialer: Dialer) -> None:
    task_id = await post_task(dialer, 3)
    await dialer.data("POST", "/task-signal-close", {"phone": "79520000001"})
    path = f"{CONSOLE}/tasks/{task_id}/numbers"
    posted = ["79520000001", "79520000002", "79520000007", {"number": "+7 952 000-00-07"}, "79520000008"]
    assert await do(dialer, "POST", path, {"numbers": posted}) == {"added": 2, "duplicates": 3, "state": 0}
    detail = await look(dialer, f"/tasks/{task_id}")
    assert (detail["numbers"], detail["waiting"], detail["done"]) == (5, 4, 1)
    await dialer.data("PUT", f"/task/{task_id}", {"state": 1})
    assert (await do(dialer, "POST", path, {"numbers": ["79520000008"]}))["state"] == 1
    assert await do(dialer, "POST", path, {"numbers": ["79520000009"]}) == {"added": 1, "duplicates": 0, "state": 0}
    assert (await audited(dialer))[0] == ("local", "task.add-numbers", str(task_id), "1 numbers")
    reply = await ask(dialer, "POST", f"{CONSOLE}/tasks/1/numbers", json={"numbers": ["79520000009"]})
    assert reply.json["data"] == {"error": "TaskNotFound"}
    reply = await ask(dialer, "POST", path, json={"numbers": ["7952", "x;y"]})
    assert reply.json["result"] is False


async def test_an_added_number_of_a_client_waits_for_the_client_s_other_one(dialer: Dialer) -> None:
    task_id = await post_task(dialer, numbers=[{"number": "79520000001", "clientId": "к1"}])
    added = [{"number": "79520000002", "clientId": "к1"}, {"number": "79520000003", "clientId": "к2"}]
    await do(dialer, "POST", f"{CONSOLE}/tasks/{task_id}/numbers", {"numbers": added})
    held = store_rows(dialer.database, "SELECT phone_id, held FROM attempt ORDER BY phone_id")
    assert held == [("9520000001", 0), ("9520000002", 1), ("9520000003", 0)]


async def test_sound_files_have_sizes_and_times(dialer: Dialer, tmp_path: Path) -> None:
    assert await look(dialer, "/sounds") == []
    sound = beep(tmp_path / "beep.wav")
    form = aiohttp.FormData()
    form.add_field("file", sound, filename="тон.wav")
    reply = await ask(dialer, "POST", f"{BASE}/audio", data=form)
    assert reply.json["result"] is True, reply.json
    (one,) = await look(dialer, "/sounds")
    assert (one["name"], one["bytes"]) == ("тон.wav", len(sound))
    assert one["uploadedTime"] > 0
