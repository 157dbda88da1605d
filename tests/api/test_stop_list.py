"""Stop lists over REST and from the command line."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import aiohttp
from openpyxl import Workbook

from dialer.api.mikopbx.stop_list import stops_of_rows
from dialer.api.sheets.limits import Row
from tests.api.asking import run_command
from tests.rig.daemon import BASE, Dialer

TASK: dict[str, Any] = {"innerNum": "201", "innerNumType": "exten", "maxCountChannels": 1}
ONE, TWO, THREE = "79522233446", "79522233416", "79522233426"


async def post(dialer: Dialer, numbers: Iterable[str], **fields: Any) -> str:
    return str((await dialer.data("POST", "/task", {**TASK, "numbers": list(numbers), **fields}))["id"])


async def results(dialer: Dialer, task_id: str) -> list[tuple[str, str | None, str | None]]:
    rows = (await dialer.data("GET", f"/task/{task_id}"))["results"]
    return [(row["phone"], row["result"], row["cause"]) for row in rows]


async def upload(dialer: Dialer, path: str, name: str, content: bytes) -> Any:
    form = aiohttp.FormData()
    form.add_field("file", content, filename=name)
    assert dialer.session is not None
    async with dialer.session.post(f"{dialer.url}{BASE}{path}", data=form) as response:
        return await response.json()


async def test_numbers_on_the_list_end_in_every_task_and_in_those_posted_later(dialer: Dialer) -> None:
    before = await post(dialer, [ONE, TWO], state=2)
    added = await dialer.data("POST", "/stop-list", {"numbers": ["8 (952) 223-34-46", ONE], "reason": "asked us to"})
    assert added == {"added": 1, "known": 0}
    after = await post(dialer, [TWO, ONE], state=2)
    for task_id in (before, after):
        assert sorted(await results(dialer, task_id)) == [(TWO, None, None), (ONE, "FAIL", "Stop list")]
    told = await dialer.data("GET", f"/task/{after}/why?phone={ONE}")
    assert (told["rule"], "Stop list" in told["reason"]) == ("finished", True)
    assert await dialer.data("POST", "/stop-list", {"numbers": [ONE, TWO]}) == {"added": 1, "known": 1}
    listed = (await dialer.data("GET", "/stop-list"))["results"]
    shown = [(one["phone"], one["taskId"], one["reason"]) for one in listed]
    assert shown == [(ONE, "", "asked us to"), (TWO, "", "")], "a reason that is not said anew stays"
    page = await dialer.data("GET", f"/stop-list?limit=1&offset={listed[0]['id']}")
    assert [one["phone"] for one in page["results"]] == [TWO]


async def test_a_list_alone_is_of_all_tasks_also_as_php_writes_it(dialer: Dialer) -> None:
    for body, added in (([ONE, 79522233416], 2), ({"0": ONE, "2": THREE}, 1)):
        assert (await dialer.data("POST", "/stop-list", body))["added"] == added
    assert [one["phone"] for one in (await dialer.data("GET", "/stop-list"))["results"]] == [ONE, TWO, THREE]


async def test_a_hundred_thousand_are_taken_and_one_more_is_refused_at_once(dialer: Dialer) -> None:
    task_id = await post(dialer, [ONE], state=2)
    numbers = [f"7952{place:07d}" for place in range(99_999)] + [ONE]
    assert await dialer.data("POST", "/stop-list", numbers) == {"added": 100_000, "known": 0}
    assert await results(dialer, task_id) == [(ONE, "FAIL", "Stop list")]
    refused = await dialer.call("POST", "/stop-list", [*numbers, TWO])
    assert refused["messages"] == ["numbers: 100000 items at most expected, got 100001"]
    refused = await dialer.call("POST", "/stop-list", ["x"] * 100_000)
    assert (refused["result"], len(refused["messages"])) == (False, 21)


async def test_the_list_of_a_task_stops_nothing_elsewhere_and_goes_with_it(dialer: Dialer) -> None:
    one, two = await post(dialer, [ONE], state=2), await post(dialer, [ONE], state=2)
    await dialer.data("POST", "/stop-list", {"numbers": [ONE], "taskId": one})
    assert (await results(dialer, one), await results(dialer, two)) == (
        [(ONE, "FAIL", "Stop list")],
        [(ONE, None, None)],
    )
    assert (await dialer.data("GET", "/stop-list"))["results"] == []
    assert [row["taskId"] for row in (await dialer.data("GET", f"/stop-list/{ONE}"))["results"]] == [one]
    await dialer.call("DELETE", f"/task/{one}")
    assert (await dialer.data("GET", f"/stop-list/{ONE}"))["results"] == []
    refused = await dialer.call("POST", "/stop-list", {"numbers": [ONE], "taskId": 5})
    assert (refused["data"], refused["messages"]) == ({"error": "TaskNotFound"}, ["taskId: there is no task '5'"])


async def test_a_number_taken_off_the_list_can_be_posted_again(dialer: Dialer) -> None:
    await dialer.data("POST", "/stop-list", {"numbers": [ONE]})
    assert (await dialer.data("DELETE", f"/stop-list/{ONE}"))["results"] == []
    refused = await dialer.call("DELETE", f"/stop-list/{ONE}")
    assert (refused["result"], refused["data"]) == (False, {"error": "StopNotFound"})
    assert await results(dialer, await post(dialer, [ONE], state=2)) == [(ONE, None, None)]


async def test_tables_of_both_encodings_and_workbooks_are_read(dialer: Dialer, tmp_path: Path) -> None:
    for encoding, number in (("utf-8", ONE), ("windows-1251", TWO)):
        table = f"Имя;Телефон\nАнна;{number}\nОлег;сорок два\n".encode(encoding)
        read = await upload(dialer, "/stop-list-upload?reason=суд", "отказ.csv", table)
        assert (read["data"]["added"], read["data"]["known"], read["data"]["invalid"]["count"]) == (1, 0, 1)
        (wrong,) = read["data"]["invalid"]["first"]
        assert (wrong["row"], wrong["column"]) == (3, 2)
        assert read["messages"] == [f"row 3, column 2: {wrong['reason']}"]
    book = Workbook()
    book.active.append([THREE])
    book.save(tmp_path / "b.xlsx")
    read = await upload(dialer, "/stop-list-upload", "b.xlsx", (tmp_path / "b.xlsx").read_bytes())
    assert read["data"] == {"added": 1, "known": 0, "invalid": {"count": 0, "first": []}}
    assert [one["reason"] for one in (await dialer.data("GET", "/stop-list"))["results"]] == ["суд", "суд", ""]
    refused = await upload(dialer, "/stop-list-upload", "c.csv", b"name\nAnna\n")
    assert refused["data"] == {"error": "NoNumbers"}


async def test_a_dry_run_of_a_table_counts_and_stores_nothing(dialer: Dialer) -> None:
    waiting = await post(dialer, [ONE], state=2)
    own = await post(dialer, [ONE], state=2)
    await dialer.data("POST", "/stop-list", {"numbers": [TWO], "reason": "old"})
    await dialer.data("POST", "/stop-list", {"numbers": [TWO, THREE], "taskId": own})
    table = f"phone;reason\n{ONE};new\n{TWO};new\n{THREE};new\nnone;\n".encode()
    for query, added, known in ((f"&taskId={own}", 1, 2), (f"&taskId={waiting}", 3, 0), ("", 2, 1)):
        read = await upload(dialer, f"/stop-list-upload?dryRun=1{query}", "t.csv", table)
        counts = (read["data"]["added"], read["data"]["known"], read["data"]["invalid"]["count"])
        assert counts == (added, known, 1)
        assert read["messages"] == [f"row 5, column 1: {read['data']['invalid']['first'][0]['reason']}"]
    listed = (await dialer.data("GET", "/stop-list"))["results"]
    assert [(one["phone"], one["reason"]) for one in listed] == [(TWO, "old")]
    assert await results(dialer, waiting) == [(ONE, None, None)]
    for query, error in (("", "NoNumbers"), ("&taskId=5", "TaskNotFound")):
        content = table if query else b"name\nAnna\n"
        refused = await upload(dialer, f"/stop-list-upload?dryRun=1{query}", "t.csv", content)
        assert refused["data"] == {"error": error}
    refused = await upload(dialer, "/stop-list-upload?dryRun=yes", "t.csv", table)
    assert refused["messages"] == ["dryRun: 0 or 1 expected, got 'yes'"]
    done = await upload(dialer, "/stop-list-upload?dryRun=0", "t.csv", table)
    assert (done["data"]["added"], done["data"]["known"]) == (2, 1)


def test_a_row_s_own_reason_stands_behind_its_number_or_under_its_title() -> None:
    tables: list[tuple[list[Row], list[str]]] = [
        ([(ONE, "суд"), (TWO,), (THREE, "", "x")], ["суд", "all", "all"]),
        ([("Причина", "Телефон"), ("суд", ONE), ("", TWO)], ["суд", "all"]),
        ([("Телефон", "ФИО", "Комментарий"), (ONE, "Анна", "просила"), (TWO, "Олег")], ["просила", "all"]),
        ([(ONE, TWO, "оба")], ["оба", "оба"]),
        ([(ONE, "x" * 501)], ["x" * 500]),
    ]
    for rows, reasons in tables:
        stops, table = stops_of_rows(rows, "all")
        assert ([stop.reason for stop in stops], table.problem_count) == (reasons, 0), rows


async def test_bad_requests_name_the_field_and_add_nothing(dialer: Dialer) -> None:
    for body, field in [
        ({}, "numbers"),
        ({"numbers": []}, "numbers"),
        ({"numbers": ["abc"]}, "numbers[0]"),
        ({"numbers": [ONE, "1" * 33]}, "numbers[1]"),
        ({"numbers": [ONE], "taskId": "x"}, "taskId"),
        ({"numbers": [ONE], "reason": "x" * 501}, "reason"),
    ]:
        refused = await dialer.call("POST", "/stop-list", body)
        assert refused["result"] is False
        assert any(one.startswith(f"{field}: ") for one in refused["messages"]), refused["messages"]
    for numbers, reason in (([], "at least 1 item expected, got none"), (ONE, f"a list expected, got '{ONE}'")):
        refused = await dialer.call("POST", "/stop-list", {"numbers": numbers})
        assert refused["messages"] == [f"numbers: {reason}"]
    assert (await dialer.data("GET", "/stop-list"))["results"] == []


async def test_the_command_adds_lists_checks_imports_and_removes(dialer: Dialer, tmp_path: Path) -> None:
    def said(*arguments: str, code: int = 0) -> str:
        done = run_command(dialer, "stoplist", *arguments)
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout

    assert said("add", ONE, "8 952 223-34-16", "--reason", "asked") == "2 added, 0 on it before\n"
    assert [line.split()[0] for line in said("list").splitlines()] == [ONE, "89522233416"]
    assert said("check", "+7 (952) 223-34-46") == f"{ONE}  all tasks  asked\n"
    (tmp_path / "list.csv").write_text(f"телефон\n{ONE}\n{THREE}\nxx1234567890123456789\n", encoding="cp1251")
    assert said("import", str(tmp_path / "list.csv")) == "1 added, 1 on it before, cells or rows left out: 1\n"
    assert said("list", "--task", "5") == ""
    done = run_command(dialer, "stoplist", "remove", THREE, "79520000000", ONE)
    assert (done.returncode, done.stdout) == (1, "2 removed\n")
    assert "79520000000 is not on this list" in done.stderr
    assert "is on no stop list" in said("check", ONE, code=1)
    assert "is not on this list" in said("remove", ONE, code=1)
    assert "digits" in said("add", "abc", code=1)
