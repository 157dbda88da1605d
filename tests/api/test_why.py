"""GET /task/{id}/why and `dialer why`, with no Asterisk near."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

from dialer.commands.exits import UNAVAILABLE
from dialer.commands.why import shown
from tests.rig.daemon import Dialer

PHONE = "79522233446"


async def post(dialer: Dialer, *numbers: str, **fields: Any) -> str:
    body = {"innerNum": "201", "innerNumType": "exten", "maxCountChannels": 5, "numbers": list(numbers), **fields}
    return str((await dialer.data("POST", "/task", body))["id"])


async def run_why(dialer: Dialer, *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `dialer why`."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("dialer")), "why", *arguments, "--config", str(dialer.config_file),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_an_asterisk_that_is_away_is_told_with_the_next_try(dialer: Dialer) -> None:
    task_id = await post(dialer, PHONE, "79522233416")
    told = await dialer.data("GET", f"/task/{task_id}/why")
    next_look, reason = told.pop("nextLook"), told.pop("reason")
    assert told == {
        "taskId": task_id,
        "phone": None,
        "dialling": False,
        "blocks": True,
        "rule": "ami_away",
        "nextLookOn": "when the AMI connection is back: tried every second",
        "channelsInUse": 0,
        "maxCountChannels": 5,
        "waiting": 2,
        "inProgress": 0,
    }
    assert reason.startswith("Asterisk: away (AMI 127.0.0.1:")
    assert next_look is None or abs(next_look - time.time()) < 3


async def test_a_paused_and_a_closed_task_are_told_before_asterisk(dialer: Dialer) -> None:
    task_id = await post(dialer, PHONE)
    for state, rule in ((2, "task_paused"), (1, "task_closed")):
        await dialer.data("PUT", f"/task/{task_id}", {"state": state})
        told = await dialer.data("GET", f"/task/{task_id}/why")
        assert (told["rule"], told["nextLook"], told["dialling"]) == (rule, None, False)


async def test_a_number_is_known_however_it_is_written(dialer: Dialer) -> None:
    task_id = await post(dialer, "79522233416", PHONE)
    for phone in (PHONE, "%2B7%20(952)%20223-34-46", "8 952 223-34-46", "+79522233446"):
        told = await dialer.data("GET", f"/task/{task_id}/why?phone={phone}")
        assert told["rule"] == "ami_away"
        assert told["reason"].startswith(f"{told['phone']} waits, 1 before it; Asterisk: away")


async def test_a_number_that_is_not_in_the_list_is_told(dialer: Dialer) -> None:
    task_id = await post(dialer, PHONE)
    told = await dialer.data("GET", f"/task/{task_id}/why?phone=79520000000")
    assert (told["rule"], told["phone"], told["blocks"]) == ("not_in_list", "79520000000", True)


async def test_no_phone_asks_for_the_task(dialer: Dialer) -> None:
    task_id = await post(dialer, PHONE)
    assert (await dialer.data("GET", f"/task/{task_id}/why?phone="))["phone"] is None


async def test_an_unknown_task_is_refused_by_name(dialer: Dialer) -> None:
    for task_id in ("1000000001", "0", "x", "9" * 30):
        reply = await dialer.call("GET", f"/task/{task_id}/why")
        assert (reply["result"], reply["data"]) == (False, {"error": "TaskNotFound"})
        assert reply["messages"] == [f"id: there is no task {task_id!r}"]


async def test_a_wrong_phone_is_refused_by_name(dialer: Dialer) -> None:
    task_id = await post(dialer, PHONE)
    for phone in ("abc", "1" * 33, "7952;drop", "7952%00"):
        reply = await dialer.call("GET", f"/task/{task_id}/why?phone={phone}")
        assert reply["result"] is False
        assert reply["messages"][0].startswith("phone: 1 to 32 digits")


async def test_it_is_described(dialer: Dialer) -> None:
    assert dialer.session is not None
    async with dialer.session.get(f"{dialer.url}/openapi.json") as response:
        document = await response.json()
    (path,) = [path for path in document["paths"] if path.endswith("/task/{id}/why")]
    names = [one["name"] for one in document["paths"][path]["get"]["parameters"]]
    assert names == ["id", "phone"]
    assert "ami_away" in document["components"]["schemas"]["Rule"]["enum"]


async def test_the_command_prints_what_the_daemon_says(dialer: Dialer) -> None:
    task_id = await post(dialer, PHONE)
    await dialer.data("PUT", f"/task/{task_id}", {"state": 2})
    assert await run_why(dialer, task_id) == (
        0,
        f"task {task_id}: no call begins now [task_paused]: the task is paused (state 2)\n"
        "looked at next when the CRM sets state 0\n"
        "channels in use: 0 of 5; numbers waiting: 1, in progress: 0\n",
        "",
    )
    code, out, _ = await run_why(dialer, task_id, "--phone", "+7 952 223-34-46")
    assert (code, out.splitlines()[0]) == (
        0,
        f"task {task_id}, +79522233446: no call begins now [task_paused]: waits, 0 before it; "
        "the task is paused (state 2)",
    )


async def test_a_number_alone_is_looked_for_in_the_tasks_however_it_is_written(dialer: Dialer) -> None:
    task_id = await post(dialer, PHONE)
    await dialer.data("PUT", f"/task/{task_id}", {"state": 2})
    newer = await post(dialer, PHONE)
    await dialer.data("PUT", f"/task/{newer}", {"state": 1})
    for typed in ("7952 223 34 46", "+7 (952) 223-34-46", "89522233446", "9522233446"):
        code, out, err = await run_why(dialer, typed)
        assert (code, out.split(":")[0].split(",")[0], err) == (0, f"task {task_id}", "")
        assert out.splitlines()[0].count("952") == 1
    assert (await run_why(dialer, task_id, "7952 223 34 46"))[0] == 0
    assert await run_why(dialer, "7952 000 00 00") == (1, "", "Error: no task lists 7952 000 00 00\n")
    assert await run_why(dialer, "9520000000") == (1, "", "Error: id: there is no task '9520000000'\n")
    code, out, err = await run_why(dialer, "заказ")
    assert (code, out, err.splitlines()[-1]) == (2, "", "Error: 'заказ': neither a task's id nor a telephone number")
    assert "--help" in err
    assert len(err.splitlines()) < 5, "no whole help"
    assert (await run_why(dialer, task_id, "7952", "--phone", "7952"))[0] == 2


async def test_the_command_says_why_it_cannot_tell(dialer: Dialer) -> None:
    assert await run_why(dialer, "5") == (1, "", "Error: id: there is no task '5'\n")
    task_id = await post(dialer, PHONE)
    code, out, err = await run_why(dialer, task_id, "--phone", "abc")
    assert (code, out) == (1, "")
    assert err.startswith("Error: phone: 1 to 32 digits")
    await dialer.stop()
    code, out, err = await run_why(dialer, task_id)
    assert (code, out) == (UNAVAILABLE, "")
    assert err.startswith(f"Error: the daemon at {dialer.url} cannot be asked: ")


def test_a_time_and_a_bounded_count_are_printed() -> None:
    told = {
        "taskId": "1000000001", "phone": None, "dialling": True, "blocks": False, "rule": "provider_down",
        "reason": "why", "nextLook": 1002.14, "nextLookOn": "then", "channelsInUse": 1, "maxCountChannels": 5,
        "waiting": 10001, "inProgress": 1,
    }  # fmt: skip
    assert shown(told, 1000.0) == [
        "task 1000000001: dialled [provider_down]: why",
        "looked at next in 2.1 s: then",
        "channels in use: 1 of 5; numbers waiting: more than 10000, in progress: 1",
    ]
