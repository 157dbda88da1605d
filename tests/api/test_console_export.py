"""A task as a table: CSV and XLSX."""

import contextlib
import csv
import io
import sqlite3
from contextlib import closing
from typing import Any

import aiohttp
import openpyxl
from openpyxl.utils import get_column_letter

from dialer.api.console.export_rows import MOST_PARAMS
from dialer.api.sheets.writing import WorkbookWriter
from tests.api.asking import ask
from tests.api.test_console_progress import CONSOLE, post_task
from tests.api.test_stop_list import upload
from tests.rig.daemon import Dialer
from tests.rig.waiting import wait_for_answer

NASTY = '=HYPERLINK("http://evil.example";"x")'


async def fetch(dialer: Dialer, task_id: int, query: str = "") -> tuple[bytes, Any]:
    url = f"{dialer.url}{CONSOLE}/tasks/{task_id}/export{query}"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 200, await response.text()
        return await response.read(), response.headers


async def a_task(dialer: Dialer) -> int:
    """Three numbers, the first of them done, with answers of two questions."""
    polling = {
        "questions": [{"questionId": one, "questionText": f"Вопрос {one}?", "press": [{"key": "1"}]} for one in "12"]
    }
    polling_id = (await dialer.data("POST", "/polling", polling))["id"]
    numbers = [
        {"number": "+79520000001", "clientId": NASTY, "params": {"имя": "Анна", "долг": "1;5"}},
        {"number": "79520000002"},
        {"number": "79520000003", "clientId": "@SUM(1)"},
    ]
    task_id = await post_task(dialer, numbers=numbers, innerNum=polling_id, innerNumType="polling")
    await dialer.data("POST", "/task-signal-close", {"phone": "79520000001"})
    with closing(sqlite3.connect(dialer.database)) as connection:
        (attempt_id,) = connection.execute("SELECT id FROM attempt WHERE phone_id = '9520000001'").fetchone()
        for question, value in (("2", "нет"), ("1", "-5"), ("1", "да")):
            connection.execute(
                "INSERT INTO answer (attempt_id, task_id, polling_id, question_id, phone_id, phone, result, exten, "
                "changed_us) VALUES (?, ?, ?, ?, '9520000001', '+79520000001', ?, '1', 1)",
                (attempt_id, task_id, int(polling_id), question, value),
            )
        connection.commit()
    return task_id


async def test_csv_in_russian_is_what_excel_reads(dialer: Dialer) -> None:
    task_id = await a_task(dialer)
    content, headers = await fetch(dialer, task_id, "?lang=ru")
    assert headers["Content-Type"] == "text/csv; charset=utf-8"
    assert headers["Content-Disposition"] == f'attachment; filename="task-{task_id}.csv"'
    assert content.startswith(b"\xef\xbb\xbf")
    headings, *rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";")
    assert headings[:4] == ["Номер", "Клиент", "Попытка", "Итог"]
    assert headings[-2:] == ["1. Вопрос 1?", "2. Вопрос 2?"]
    assert [row[0] for row in rows] == ["'+79520000001", "79520000002", "79520000003"]
    first = dict(zip(headings, rows[0], strict=True))
    assert (first["Итог"], first["Код итога"]) == ("Закрыт по сигналу CRM", "SUCCESS_EXTERNAL_SIGNAL")
    assert (first["имя"], first["долг"], first["Клиент"]) == ("Анна", "1;5", f"'{NASTY}")
    assert (first["1. Вопрос 1?"], first["2. Вопрос 2?"]) == ("'-5, да", "нет")
    assert dict(zip(headings, rows[1], strict=True))["Итог"] == "ожидает"


async def test_each_parameter_has_a_column_in_the_order_of_the_rows(dialer: Dialer) -> None:
    numbers = [
        {"number": "79520000011", "params": {"сумма": 12.5, "=1+1": "x"}},
        {"number": "79520000012", "params": {"имя": "Яна", "сумма": 79520000012345678, "Номер": {"a": [1]}}},
        {"number": "79520000013"},
    ]
    task_id = await post_task(dialer, numbers=numbers)
    content, _ = await fetch(dialer, task_id, "?format=xlsx&lang=ru")
    (sheet,) = openpyxl.load_workbook(io.BytesIO(content)).worksheets
    headings, *rows = sheet.iter_rows(values_only=True)
    assert headings[headings.index("Запись") + 1 :] == ("имя", "сумма", "=1+1", "Номер (параметр)")
    assert [row[-4:] for row in rows] == [
        (None, 12.5, "x", None), ("Яна", "79520000012345678", None, '{"a": [1]}'), (None,) * 4,
    ]  # fmt: skip


async def test_more_parameters_than_columns_stand_together(dialer: Dialer) -> None:
    params = {f"p{place:03d}": place for place in range(MOST_PARAMS + 2)}
    task_id = await post_task(dialer, numbers=[{"number": "79520000014", "params": params}])
    content, _ = await fetch(dialer, task_id, "?lang=en")
    headings, row = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert (len([one for one in headings if one.startswith("p")]), headings[-1]) == (MOST_PARAMS, "Other parameters")
    assert row[-1] == "p200: 200; p201: 201"


async def test_a_client_whom_nobody_has_named_is_not_shown(dialer: Dialer) -> None:
    """A row of a table is called by its first number; that is no id of the CRM."""
    table = "Телефон;Второй телефон\n79520000021;79520000022\n79520000023;\n".encode()
    numbers = (await upload(dialer, "/upload-xls?params=1", "t.csv", table))["data"]
    assert {one["clientId"] for one in numbers} == {"9520000021", "9520000023"}
    task_id = await post_task(dialer, numbers=[*numbers, {"number": "79520000024", "clientId": "5"}])
    content, _ = await fetch(dialer, task_id, "?lang=en")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert [row["Client"] for row in rows] == ["", "", "", "5"]
    shown = (await ask(dialer, "GET", f"{CONSOLE}/tasks/{task_id}/numbers")).json["data"]["rows"]
    assert [row["clientId"] for row in shown] == [None, None, None, "5"]
    found = (await dialer.data("GET", f"/task/{task_id}"))["results"]
    assert [row["clientId"] for row in found] == ["9520000021", "9520000021", "9520000023", "5"], "the CRM's rows stay"


async def test_a_sheet_has_wide_columns_a_bold_frozen_heading_and_a_filter(dialer: Dialer) -> None:
    task_id = await a_task(dialer)
    content, _ = await fetch(dialer, task_id, "?format=xlsx&lang=en")
    (sheet,) = openpyxl.load_workbook(io.BytesIO(content)).worksheets
    headings = [cell.value for cell in sheet[1]]
    width = {
        heading: sheet.column_dimensions[get_column_letter(place)].width for place, heading in enumerate(headings, 1)
    }
    assert (width["Number"], width["Client"], width["Attempt"]) == (14, len(NASTY) + 2, 9)
    assert width["Changed"] == 21
    assert all(cell.font.bold and cell.alignment.wrap_text for cell in sheet[1])
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == sheet.dimensions == f"A1:{get_column_letter(len(headings))}4"


async def test_no_cell_of_a_table_is_a_formula(dialer: Dialer) -> None:
    task_id = await a_task(dialer)
    content, headers = await fetch(dialer, task_id, "?lang=en")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert [row[1] for row in rows] == ["Client", f"'{NASTY}", "", "'@SUM(1)"]
    content, headers = await fetch(dialer, task_id, "?format=xlsx&lang=en")
    assert headers["Content-Disposition"].endswith('.xlsx"')
    (sheet,) = openpyxl.load_workbook(io.BytesIO(content)).worksheets
    cells = list(sheet.iter_rows())
    assert [row[1].value for row in cells] == ["Client", NASTY, None, "@SUM(1)"]
    assert not [cell for row in cells for cell in row if cell.data_type == "f"]


async def test_times_are_those_of_the_pbx_s_clock(dialer: Dialer) -> None:
    task_id = await a_task(dialer)
    with closing(sqlite3.connect(dialer.database)) as connection:
        connection.execute("UPDATE attempt SET due_us = 1760000000000000 WHERE phone_id = '9520000002'")
        connection.commit()
    content, _ = await fetch(dialer, task_id, "?format=xlsx&lang=en")
    (sheet,) = openpyxl.load_workbook(io.BytesIO(content)).worksheets
    headings, _, second, _ = sheet.iter_rows(values_only=True)
    assert str(second[headings.index("Not before")]) == "2025-10-09 11:53:20"
    content, _ = await fetch(dialer, task_id)
    assert b"2025-10-09 11:53:20" in content


async def test_a_client_that_leaves_and_a_task_that_is_not_there(dialer: Dialer) -> None:
    reply = await ask(dialer, "GET", f"{CONSOLE}/tasks/1/export")
    assert reply.json["data"] == {"error": "TaskNotFound"}
    task_id = await a_task(dialer)
    reply = await ask(dialer, "GET", f"{CONSOLE}/tasks/{task_id}/export?format=ods")
    assert reply.json["messages"] == ["format: csv or xlsx expected, got 'ods'"]
    reply = await ask(dialer, "HEAD", f"{CONSOLE}/tasks/{task_id}/export")
    assert reply.status == 200


async def test_who_reads_slowly_holds_no_place(dialer: Dialer) -> None:
    numbers = [{"number": f"7952{place:07d}", "params": {"note": "н" * 400}} for place in range(20_000)]
    task_id = await post_task(dialer, numbers=numbers)
    url = f"{dialer.url}{CONSOLE}/tasks/{task_id}/export"
    async with aiohttp.ClientSession(read_bufsize=1024) as session, contextlib.AsyncExitStack() as slow:
        for _ in range(3):
            # nothing is read but the headings: what the sockets do not take waits in the daemon

            async def begun() -> bool:
                response = await slow.enter_async_context(session.get(url))
                return response.status == 200

            await wait_for_answer(begun, bool, "a place for another table", 60.0)

        async def whole() -> bytes:
            async with session.get(url) as response:
                return await response.read() if response.status == 200 else b""

        content = await wait_for_answer(whole, bool, "a place for a table that is read", 60.0)
        assert content.count(b"\n") == 20_001


def test_a_full_sheet_is_followed_by_another(tmp_path: Any) -> None:
    writer = WorkbookWriter(["a", "b"], most_rows=3)
    for place in range(5):
        writer.write([place, f"=\x01{place}"])
    writer.save(tmp_path / "table.xlsx")
    sheets = openpyxl.load_workbook(tmp_path / "table.xlsx").worksheets
    assert [list(sheet.iter_rows(values_only=True)) for sheet in sheets] == [
        [("a", "b"), (0, "=0"), (1, "=1")],
        [("a", "b"), (2, "=2"), (3, "=3")],
        [("a", "b"), (4, "=4")],
    ]
    assert {cell.data_type for sheet in sheets for row in sheet.iter_rows(min_row=2) for cell in row} == {"n", "s"}
