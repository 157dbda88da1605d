"""The dry run of a table: how its numbers are written, which are the same, and what its columns are taken for."""

import asyncio
from typing import Any

from tests.api.asking import ask
from tests.api.test_console_progress import CONSOLE
from tests.api.test_stop_list import post, upload
from tests.rig.daemon import Dialer

MIXED = """Телефон;Имя;Сумма
+7 952 000-11-22;Анна;5
8 (952) 000-11-33;Олег;
79520001144;Пётр;7
8 952 000 11 22;Анна;9
79520001155;Яна;
""".encode()


async def look(dialer: Dialer, table: bytes, query: str = "") -> Any:
    read = await upload(dialer, f"/upload-xls?dryRun=1{query}", "t.csv", table)
    assert read["result"] is True, read
    return read["data"]


async def polling(dialer: Dialer, *texts: str) -> str:
    questions = [{"questionId": str(place), "questionText": text} for place, text in enumerate(texts)]
    return str((await dialer.data("POST", "/polling", {"questions": questions}))["id"])


async def test_the_forms_of_numbers_are_counted_and_shown(dialer: Dialer) -> None:
    data = await look(dialer, MIXED)
    assert [(one["country"], one["written"], one["count"], one["first"]["row"]) for one in data["forms"]] == [
        ("+7", "7", 2, 4), ("+7", "+7", 1, 2), ("+7", "8", 1, 3),
    ]  # fmt: skip
    assert (data["mixedForms"], data["e164"]) == (True, False)
    alike = await look(dialer, "Телефон\n79520001122\n79520001133\n+375291234567\n".encode())
    assert (alike["mixedForms"], len(alike["forms"])) == (False, 2)


async def test_a_number_that_stands_again_in_another_form_is_told_with_what_it_repeats(dialer: Dialer) -> None:
    data = await look(dialer, MIXED)
    assert (data["duplicate"]["count"], data["duplicate"]["otherForm"]) == (1, 1)
    (again,) = data["duplicate"]["first"]
    assert (again["row"], again["number"]) == (5, "89520001122")
    assert again["sameAs"] == {"row": 2, "number": "+79520001122"}
    task_id = await post(dialer, ["9520001144"], state=2, e164=1)
    data = await look(dialer, MIXED, f"&taskId={task_id}")
    assert [one["sameAs"] for one in data["duplicate"]["first"]] == [
        {"row": None, "number": "9520001144"}, {"row": 2, "number": "+79520001122"},
    ]  # fmt: skip
    assert data["e164"] is True


async def test_a_number_that_is_in_the_task_in_the_same_spelling_repeats_no_row(dialer: Dialer) -> None:
    task_id = await post(dialer, ["79520001144"], state=2)
    data = await look(dialer, MIXED, f"&taskId={task_id}")
    told = {one["number"]: one["sameAs"] for one in data["duplicate"]["first"]}
    assert told["79520001144"] == {"row": None, "number": "79520001144"}
    assert data["duplicate"]["otherForm"] == 1


async def test_forms_whose_last_ten_digits_differ_are_one_number_too(dialer: Dialer) -> None:
    """Who uploads a table dials a subscriber once; the original's own reply lists what it always did."""
    table = "Телефон;Имя\n+298212345;Анна\n810298212345;Анна\n79520001122;Олег\n".encode()
    data = await look(dialer, table)
    assert (data["new"]["count"], data["duplicate"]["otherForm"]) == (2, 1)
    assert data["duplicate"]["first"][0]["sameAs"] == {"row": 2, "number": "+298212345"}
    listed = (await upload(dialer, "/upload-xls?params=1", "t.csv", table))["data"]
    assert [one["number"] for one in listed] == ["+298212345", "79520001122"]
    assert len((await upload(dialer, "/upload-xls", "t.csv", table))["data"]) == 3


async def test_what_the_task_has_in_another_form_is_known_to_the_dry_run_and_to_what_adds(dialer: Dialer) -> None:
    task_id = await post(dialer, ["+298212345", "79520001133"], state=2)
    table = "Телефон\n810298212345\n79520001122\n89520001133\n+298212346\n".encode()
    data = await look(dialer, table, f"&taskId={task_id}")
    assert (data["new"]["count"], data["duplicate"]["count"]) == (2, 2)
    assert [one["sameAs"] for one in data["duplicate"]["first"]] == [
        {"row": None, "number": "+298212345"}, {"row": None, "number": "79520001133"},
    ]  # fmt: skip
    listed = (await upload(dialer, "/upload-xls?params=1", "t.csv", table))["data"]
    path = f"{CONSOLE}/tasks/{task_id}/numbers"
    added = await ask(dialer, "POST", path, json={"numbers": listed})
    assert added.json["data"]["added"] == 2
    rows = (await ask(dialer, "GET", path)).json["data"]["rows"]
    assert sorted(one["number"] for one in rows) == ["+298212345", "+298212346", "79520001122", "79520001133"]
    again = await ask(dialer, "POST", path, json={"numbers": ["810298212346"]})
    assert again.json["data"]["added"] == 0
    forms = ["+298212347", "810298212347"]
    assert (await ask(dialer, "POST", path, json={"numbers": forms})).json["data"]["added"] == 1, "of one request"
    forms = ["+298212348", "810298212348"]
    both = await asyncio.gather(*(ask(dialer, "POST", path, json={"numbers": [one]}) for one in forms))
    assert sum(one.json["data"]["added"] for one in both) == 1, "of two at once"


async def test_the_row_of_a_number_in_another_form_is_the_client_that_it_repeats(dialer: Dialer) -> None:
    table = "Телефон;Мобильный\n+298212345;+298212346\n810298212345;+298212347\n+298212347;+298212348\n".encode()
    assert (await look(dialer, table))["clients"] == 1
    listed = (await upload(dialer, "/upload-xls?params=1", "t.csv", table))["data"]
    assert [(one["number"], one["clientId"]) for one in listed] == [
        ("+298212345", "298212345"), ("+298212346", "298212345"), ("+298212347", "298212345"),
        ("+298212348", "298212345"),
    ]  # fmt: skip


async def test_what_the_columns_are_taken_for_is_told(dialer: Dialer) -> None:
    table = "Телефон;Имя;;Имя;Сумма\n79520001122;Анна;x;y;\n79520001133;;x;y;5\n79520001144;Яна;;;\n".encode()
    polling_id = await polling(dialer, "<b>Здравствуйте</b>, <имя>! Долг <Долг>", "<br>До <дата>. <Долг>")
    columns = (await look(dialer, table, f"&polling={polling_id}"))["columns"]
    assert columns["phones"] == [{"column": 1, "title": "Телефон"}]
    assert columns["params"] == [
        {"column": 2, "title": "Имя", "filled": 2, "used": True},
        {"column": 5, "title": "Сумма", "filled": 1, "used": False},
    ]
    assert [(one["column"], one["title"], one["reason"]) for one in columns["leftOut"]] == [
        (3, "", "no title"), (4, "Имя", "the title 'Имя' stands a second time"),
    ]  # fmt: skip
    assert columns["missing"] == ["Долг", "дата"]


async def test_the_texts_are_those_of_the_task(dialer: Dialer) -> None:
    polling_id = await polling(dialer, "<Имя>, <город>")
    task_id = await post(dialer, ["79520001199"], state=2, innerNum=polling_id, innerNumType="polling")
    columns = (await look(dialer, MIXED, f"&taskId={task_id}"))["columns"]
    assert ([one["used"] for one in columns["params"]], columns["missing"]) == ([True, False], ["город"])
    exten = await post(dialer, ["79520001199"], state=2, apology="Простите, <Отчество>")
    columns = (await look(dialer, MIXED, f"&taskId={exten}"))["columns"]
    assert ([one["used"] for one in columns["params"]], columns["missing"]) == ([False, False], ["Отчество"])


async def test_without_a_polling_nobody_knows_what_is_used(dialer: Dialer) -> None:
    columns = (await look(dialer, MIXED))["columns"]
    assert ([one["used"] for one in columns["params"]], columns["missing"]) == ([None, None], [])
    without = (await look(dialer, b"79520001122;x\n"))["columns"]
    assert without["leftOut"] == [{"column": 2, "title": "", "reason": "no header that names the columns"}]
    refused = await upload(dialer, "/upload-xls?dryRun=1&polling=77", "t.csv", MIXED)
    assert refused["messages"] == ["polling: there is no polling '77'"]
