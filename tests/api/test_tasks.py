"""Tasks and pollings over REST, with no Asterisk near."""

import asyncio
import os
import sys
import wave
from pathlib import Path
from typing import Any

import aiohttp

from dialer.commands.exits import NOT_NOW
from tests.rig.daemon import BASE, Dialer

QUESTION: dict[str, Any] = {"questionId": "1", "questionText": "Да?", "press": [{"key": "1", "action": "answer"}]}
POLLING = {"questions": [QUESTION]}


def task_body(*numbers: str, **fields: Any) -> dict[str, Any]:
    return {"innerNum": "201", "innerNumType": "exten", "numbers": list(numbers), **fields}


async def phones(dialer: Dialer, task_id: str) -> dict[str, str]:
    rows = (await dialer.data("GET", f"/task/{task_id}"))["results"]
    return {row["phone"]: row["id"] for row in rows}


async def test_health_says_that_asterisk_is_away(dialer: Dialer) -> None:
    report = await dialer.health()
    assert (report["status"], report["asterisk"], report["dialling"]) == ("degraded", "away", False)
    assert report["trouble"].startswith("Asterisk: away (AMI 127.0.0.1:")


async def test_a_known_crm_id_updates_and_keeps_rows_of_numbers_still_listed(dialer: Dialer) -> None:
    first = await dialer.data("POST", "/task", task_body("79520000001", "79520000002", crmId="000000012"))
    assert first["crmId"] == "000000012"
    before = await phones(dialer, first["id"])
    second = await dialer.data("POST", "/task", task_body("89520000002", "79520000003", crmId="000000012", name="two"))
    assert second["id"] == first["id"]
    after = await phones(dialer, first["id"])
    assert set(after) == {"79520000002", "79520000003"}
    assert after["79520000002"] == before["79520000002"]
    assert (await dialer.data("GET", f"/task/{first['id']}"))["name"] == "two"


async def test_a_known_id_updates_too_and_an_unknown_one_creates(dialer: Dialer) -> None:
    first = await dialer.data("POST", "/task", task_body("79520000001"))
    again = await dialer.data("POST", "/task", task_body("79520000001", id=int(first["id"]), maxCountChannels=3))
    assert again["id"] == first["id"]
    other = await dialer.data("POST", "/task", task_body("79520000001", id="5"))
    assert other["id"] == "1000000002"


async def test_duplicates_in_a_list_are_one_number(dialer: Dialer) -> None:
    task = await dialer.data("POST", "/task", task_body("79520000001", "89520000001", "+79520000001", "79520000001"))
    assert list(await phones(dialer, task["id"])) == ["79520000001"]
    assert task["duplicates"] == 3
    again = await dialer.data("PUT", f"/task/{task['id']}", {"numbers": ["79520000001"]})
    assert "duplicates" not in again


async def test_an_update_by_post_needs_no_list_and_a_new_task_does(dialer: Dialer) -> None:
    task = await dialer.data("POST", "/task", task_body("79520000001", crmId="a", state=1))
    changed = await dialer.data("POST", "/task", {"crmId": "a", "name": "later"})
    assert (changed["id"], changed["name"], changed["state"]) == (task["id"], "later", 1)
    assert list(await phones(dialer, task["id"])) == ["79520000001"]
    refused = await dialer.call("POST", "/task", {"crmId": "b", "innerNum": "201"})
    assert (refused["result"], refused["messages"]) == (False, ["numbers: missing"])
    assert [one["id"] for one in (await dialer.data("GET", "/task"))["results"]] == [task["id"]]


async def test_a_task_is_found_by_the_id_of_the_crm(dialer: Dialer) -> None:
    for crm_id in ("a", "b"):
        await dialer.data("POST", "/task", task_body("79520000001", crmId=crm_id))
    for crm_id in ("a", "b", "c"):
        found = (await dialer.data("GET", f"/task?crmId={crm_id}"))["results"]
        assert [one["crmId"] for one in found] == [one for one in ("a", "b") if one == crm_id]
    assert len((await dialer.data("GET", "/task?crmId="))["results"]) == 2


async def test_sound_files_of_a_task_are_looked_at_when_it_is_posted(dialer: Dialer) -> None:
    for field, more in (("apologyFile", {}), ("amdMessageFile", {"amd": "message"})):
        body = task_body("79520000001", **{field: "none.wav", **more})
        refused = await dialer.call("POST", "/task", body)
        assert refused["messages"] == [f"{field}: there is no uploaded file of that name, and it is not a full path"]
        assert refused["data"] == {"error": "CannotBePlayed"}
    task = await dialer.data("POST", "/task", task_body("79520000001"))
    refused = await dialer.call("PUT", f"/task/{task['id']}", {"apologyFile": "/etc/passwd"})
    assert refused["messages"][0].startswith("apologyFile: not in an allowed folder")
    assert "apologyFile" not in await dialer.data("GET", f"/task/{task['id']}")
    with wave.open(str(dialer.workdir / "sorry.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(b"\x00\x20\x00\xe0" * 8000)
    form = aiohttp.FormData()
    form.add_field("file", (dialer.workdir / "sorry.wav").read_bytes(), filename="sorry.wav")
    async with aiohttp.ClientSession() as client, client.post(f"{dialer.url}{BASE}/audio", data=form) as reply:
        uploaded = await reply.json()
    assert uploaded["result"], uploaded
    await dialer.data("PUT", f"/task/{task['id']}", {"apologyFile": "sorry.wav"})
    assert (await dialer.data("GET", f"/task/{task['id']}"))["apologyFile"] == "sorry.wav"
    refused = await dialer.call("DELETE", "/audio/sorry.wav")
    assert refused["messages"] == [f"name: the file is played by task {task['id']}"]
    await dialer.data("PUT", f"/task/{task['id']}", {"state": 1})
    await dialer.data("DELETE", "/audio/sorry.wav")


async def test_put_changes_what_is_said_and_echoes_types(dialer: Dialer) -> None:
    task = await dialer.data("POST", "/task", task_body("79520000001", crmId="a", name="n", dialPrefix="999"))
    reply = await dialer.data("PUT", f"/task/{task['id']}", {"state": "2", "maxCountChannels": 7})
    assert (reply["state"], reply["maxCountChannels"], reply["crmId"]) == ("2", 7, "a")
    stored = await dialer.data("GET", f"/task/{task['id']}")
    assert (stored["state"], stored["maxCountChannels"], stored["dialPrefix"], stored["name"]) == ("2", "7", "999", "n")


async def test_put_can_give_new_numbers_and_not_take_anothers_crm_id(dialer: Dialer) -> None:
    one = await dialer.data("POST", "/task", task_body("79520000001", crmId="a"))
    await dialer.data("POST", "/task", task_body("79520000001", crmId="b"))
    await dialer.data("PUT", f"/task/{one['id']}", {"numbers": ["79520000009"]})
    assert list(await phones(dialer, one["id"])) == ["79520000009"]
    reply = await dialer.call("PUT", f"/task/{one['id']}", {"crmId": "b"})
    assert reply["messages"] == ["crmId: 'b' belongs to task 1000000002"]


async def test_tasks_are_listed_by_state_limit_and_offset(dialer: Dialer) -> None:
    for state in (0, 2, 0, 2):
        await dialer.data("POST", "/task", task_body("79520000001", state=state))

    async def ids(query: str) -> list[str]:
        return [row["id"] for row in (await dialer.data("GET", f"/task{query}"))["results"]]

    assert await ids("") == [f"100000000{n}" for n in (1, 2, 3, 4)]
    assert await ids("?state=2") == ["1000000002", "1000000004"]
    assert await ids("?limit=1&offset=1000000001") == ["1000000002"]
    assert await ids("?offset=1000000004") == []


async def test_delete_takes_the_rows_along(dialer: Dialer) -> None:
    task = await dialer.data("POST", "/task", task_body("79520000001"))
    assert (await dialer.call("DELETE", f"/task/{task['id']}"))["data"] == []
    assert (await dialer.call("GET", f"/task/{task['id']}"))["data"] == {"error": "TaskNotFound"}
    again = await dialer.data("POST", "/task", task_body("79520000001"))
    assert again["id"] == "1000000002"  # an id is never given twice


async def test_params_are_shown_as_php_serializes_them(dialer: Dialer) -> None:
    number = {"number": "79520000001", "params": {"NAME": "Анна", "N": 5, "L": [True, None, 1.5]}}
    task = await dialer.data("POST", "/task", {**task_body(), "numbers": [number]})
    row = (await dialer.data("GET", f"/task/{task['id']}"))["results"][0]
    assert row["params"] == 'a:3:{s:4:"NAME";s:8:"Анна";s:1:"N";i:5;s:1:"L";a:3:{i:0;b:1;i:1;N;i:2;d:1.5;}}'


async def test_a_polling_is_replaced_by_crm_id_and_guarded_while_in_use(dialer: Dialer) -> None:
    first = await dialer.data("POST", "/polling", {**POLLING, "crmId": "p-1", "name": "one"})
    second = await dialer.data("POST", "/polling", {**POLLING, "crmId": "p-1", "name": "two"})
    assert (second["id"], second["crmId"], second["name"]) == (first["id"], "p-1", "two")
    task = await dialer.data("POST", "/task", task_body("79520000001", innerNum="p-1", innerNumType="polling"))
    refusal = await dialer.call("DELETE", f"/polling/{first['id']}")
    assert (refusal["result"], refusal["data"]) == (False, {"error": "PollingInUse"})
    await dialer.data("PUT", f"/task/{task['id']}", {"state": 1})
    assert (await dialer.call("DELETE", f"/polling/{first['id']}"))["result"] is True
    assert (await dialer.data("POST", "/polling", POLLING))["id"] == "2"


async def test_a_given_id_never_collides_with_a_crms_own(dialer: Dialer) -> None:
    taken = await dialer.data("POST", "/polling", {**POLLING, "crmId": "2"})
    assert (taken["id"], taken["crmId"]) == ("1", "2")
    other = await dialer.data("POST", "/polling", POLLING)
    assert (other["id"], other["crmId"]) == ("3", 3)


async def test_a_second_start_finds_everything(dialer: Dialer) -> None:
    task = await dialer.data("POST", "/task", task_body("79520000001", name="Опрос"))
    assert await dialer.stop() == 0
    await dialer.start()
    assert (await dialer.data("GET", f"/task/{task['id']}"))["name"] == "Опрос"
    await dialer.kill()
    await dialer.start()
    assert (await dialer.data("GET", f"/task/{task['id']}"))["name"] == "Опрос"


async def test_what_a_second_post_does_not_say_stays(dialer: Dialer) -> None:
    first = task_body("79520000001", crmId="os", state=2, name="A", maxCountChannels=7, dialPrefix="999")
    posted = await dialer.data("POST", "/task", first)
    again = await dialer.data("POST", "/task", {"crmId": "os", "numbers": ["79520000002"]})
    kept = ("id", "state", "name", "maxCountChannels", "dialPrefix", "innerNum", "innerNumType")
    assert [again[key] for key in kept] == [posted[key] for key in kept]
    cleared = await dialer.data(
        "POST", "/task", {"crmId": "os", "dialPrefix": "", "name": "", "numbers": ["79520000002"]}
    )
    assert (cleared["dialPrefix"], cleared["name"]) == ("", "")


async def test_a_list_posted_anew_opens_a_closed_task(dialer: Dialer) -> None:
    await dialer.data("POST", "/task", task_body("79520000001", crmId="os", state=1))
    assert (await dialer.data("POST", "/task", {"crmId": "os", "numbers": ["79520000002"]}))["state"] == 0


async def test_a_task_is_not_opened_on_a_polling_that_is_gone(dialer: Dialer) -> None:
    polling = await dialer.data("POST", "/polling", POLLING)
    body = task_body("79520000001", innerNum=polling["id"], innerNumType="polling", state=1)
    task = await dialer.data("POST", "/task", body)
    await dialer.call("DELETE", f"/polling/{polling['id']}")
    reply = await dialer.call("PUT", f"/task/{task['id']}", {"state": 0})
    assert reply["messages"] == [f"innerNum: there is no polling '{polling['id']}'"]


async def test_json_as_php_writes_it(dialer: Dialer) -> None:
    """null for what is not said, [] for an empty object, objects for lists with holes, numbers for texts."""
    polling = {"crmId": None, "name": None, "questions": {"0": {**QUESTION, "press": None}}}
    assert (await dialer.call("POST", "/polling", polling))["result"] is True
    task = {
        "innerNum": 201, "innerNumType": "", "state": None, "maxCountChannels": "3", "dialPrefix": None, "id": "",
        "numbers": {"0": {"number": 79520000001, "params": []}, "2": 79520000002.0, "3": "+7 (952) 000-00-03"},
    }  # fmt: skip
    posted = await dialer.data("POST", "/task", task)
    assert posted["maxCountChannels"] == "3"
    assert list(await phones(dialer, posted["id"])) == ["79520000001", "79520000002", "+79520000003"]


async def test_params_of_a_number_not_dialled_yet_are_renewed(dialer: Dialer) -> None:
    first = {**task_body(crmId="p"), "numbers": [{"number": "79520000001", "params": {"N": "1"}}]}
    task = await dialer.data("POST", "/task", first)
    await dialer.data("POST", "/task", {**first, "numbers": [{"number": "79520000001", "params": {"N": "2"}}]})
    row = (await dialer.data("GET", f"/task/{task['id']}"))["results"][0]
    assert row["params"] == 'a:1:{s:1:"N";s:1:"2";}'


async def test_a_second_daemon_on_the_same_database_does_not_start(dialer: Dialer) -> None:
    other = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("dialer")),
        *("serve", "--config", str(dialer.config_file)),
        env={**os.environ, "DIALER_HTTP__PORT": "1", "DIALER_AGI__PORT": "2"},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(other.communicate(), 20)
    assert other.returncode == NOT_NOW
    assert f"another dialer is using {dialer.database}" in said.decode()
    assert (await dialer.health())["status"]


async def test_numbers_of_an_uploaded_table_can_be_posted_as_they_are(dialer: Dialer) -> None:
    form = aiohttp.FormData()
    form.add_field("f", "Имя;Телефон\nАнна;79522233446\nОлег;8 952 223-34-16\n".encode(), filename="clients.csv")
    assert dialer.session is not None
    async with dialer.session.post(f"{dialer.url}{BASE}/upload-xls", data=form) as response:
        numbers = (await response.json())["data"]
    task = {"innerNum": "201", "state": 2, "maxCountChannels": 1, "numbers": numbers}
    await dialer.data("POST", "/task", task)
    joined = [numbers[0], {**numbers[1], "clientId": numbers[0]["clientId"]}]
    posted = await dialer.data("POST", "/task", {**task, "numbers": joined})
    rows = (await dialer.data("GET", f"/task/{posted['id']}"))["results"]
    assert [row["clientId"] for row in rows] == [numbers[0]["clientId"]] * 2
