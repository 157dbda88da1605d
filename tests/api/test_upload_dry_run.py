"""/upload-xls asked for more than the list: the dry run, what would become of a table's numbers; and `params`."""

import time
from typing import Any

from tests.api.test_stop_list import ONE, THREE, TWO, post, upload
from tests.rig.daemon import Dialer

TABLE = f"""ФИО;Телефон;Второй телефон
Анна;{ONE};89522233416
Олег;{ONE};
Пётр;7952;
Вера;нет;
Яна;79522233426;
Стоп;79522233436;
""".encode("windows-1251")


def first(data: Any, kind: str) -> list[tuple[int, str]]:
    return [(one["row"], one["number"]) for one in data[kind]["first"]]


def counts(data: Any) -> dict[str, int]:
    return {name: one["count"] for name, one in data.items() if isinstance(one, dict) and "count" in one}


async def test_every_number_is_counted_once_and_nothing_is_stored(dialer: Dialer) -> None:
    await dialer.data("POST", "/stop-list", {"numbers": ["79522233436"]})
    read = await upload(dialer, "/upload-xls?dryRun=1", "t.csv", TABLE)
    data = read["data"]
    assert counts(data) == {
        "new": 3, "duplicate": 1, "invalid": 2, "doubtful": 0, "stopped": 1, "outsideWindow": 0,
    }  # fmt: skip
    assert data["clients"] == 3
    assert first(data, "new") == [(2, ONE), (2, "89522233416"), (6, THREE)]
    assert first(data, "duplicate") == [(3, ONE)]
    assert data["stopped"]["first"] == [{"row": 7, "column": 2, "number": "79522233436"}]
    wrong = data["invalid"]["first"]
    assert [(one["row"], one["column"]) for one in wrong] == [(4, 2), (5, 2)]
    assert [f"row {one['row']}, column {one['column']}: {one['reason']}" for one in wrong] == read["messages"]
    assert (await dialer.data("GET", "/task"))["results"] == []


async def test_beside_a_task_its_numbers_are_duplicates_and_its_window_counts(dialer: Dialer) -> None:
    minute = (time.gmtime().tm_hour * 60 + time.gmtime().tm_min + 180) % 1440  # of Moscow, the settings' zone
    closed = {"timeStart": (minute + 120) % 1440, "timeEnd": (minute + 240) % 1440}
    task_id = await post(dialer, [TWO], state=2, **closed)
    data = (await upload(dialer, f"/upload-xls?dryRun=1&taskId={task_id}", "t.csv", TABLE))["data"]
    assert counts(data) == {
        "new": 0, "duplicate": 2, "invalid": 2, "doubtful": 0, "stopped": 0, "outsideWindow": 3,
    }  # fmt: skip
    assert first(data, "duplicate") == [(2, "89522233416"), (3, ONE)]
    assert (6, THREE) in first(data, "outsideWindow")
    refused = await upload(dialer, "/upload-xls?dryRun=1&taskId=5", "t.csv", TABLE)
    assert refused["data"] == {"error": "TaskNotFound"}


async def test_numbers_that_no_country_has_are_told_with_the_reason(dialer: Dialer) -> None:
    data = (await upload(dialer, "/upload-xls?dryRun=1", "t.csv", b"phone\n+799999\n79522233446\n"))["data"]
    assert (data["doubtful"]["count"], data["new"]["count"]) == (1, 1)
    (doubtful,) = data["doubtful"]["first"]
    assert (doubtful["row"], doubtful["column"], doubtful["number"]) == (2, 1, "+799999")
    assert doubtful["reason"]


async def test_the_list_of_another_task_stops_nothing_and_that_of_the_task_does(dialer: Dialer) -> None:
    task_id, other = await post(dialer, [TWO], state=2), await post(dialer, [TWO], state=2)
    await dialer.data("POST", "/stop-list", {"numbers": [ONE], "taskId": other})
    for asked, stopped in ((task_id, 0), (other, 1)):
        data = (await upload(dialer, f"/upload-xls?dryRun=1&taskId={asked}", "t.csv", TABLE))["data"]
        assert data["stopped"]["count"] == stopped


async def test_the_window_is_that_of_the_number_s_own_zone(dialer: Dialer) -> None:
    """Vladivostok is seven hours ahead of Moscow: one of the two is in the window, which is an hour long."""
    minute = (time.gmtime().tm_hour * 60 + time.gmtime().tm_min + 180) % 1440
    window = {"timeStart": (minute - 30) % 1440, "timeEnd": (minute + 30) % 1440, "zoneByRegion": 1}
    task_id = await post(dialer, [TWO], state=2, **window)
    table = "Телефон\n+74232223344\n+74952223344\n".encode()
    data = (await upload(dialer, f"/upload-xls?dryRun=1&taskId={task_id}", "t.csv", table))["data"]
    assert (first(data, "outsideWindow"), first(data, "new")) == ([(2, "+74232223344")], [(3, "+74952223344")])


async def test_of_each_kind_the_first_twenty_are_shown_and_all_are_counted(dialer: Dialer) -> None:
    rows = [f"7952223{place:04d}" for place in range(25)] + ["нет"] * 30
    read = await upload(dialer, "/upload-xls?dryRun=1", "t.csv", "\n".join(["phone", *rows]).encode())
    for kind, count in (("new", 25), ("invalid", 30)):
        assert (read["data"][kind]["count"], len(read["data"][kind]["first"])) == (count, 20)
    assert read["messages"][-1] == "and 10 more"


async def test_a_table_without_numbers_is_counted_too(dialer: Dialer) -> None:
    read = await upload(dialer, "/upload-xls?dryRun=1", "t.csv", "Имя\nАнна\n".encode())
    assert (read["result"], read["data"]["clients"], set(counts(read["data"]).values())) == (True, 0, {0})


async def test_without_it_the_reply_is_the_list(dialer: Dialer) -> None:
    read = await upload(dialer, "/upload-xls?dryRun=0", "t.csv", TABLE)
    assert [one["number"] for one in read["data"]] == [ONE, "89522233416", "79522233426", "79522233436"]


async def test_with_params_the_other_columns_come_along_and_the_rows_are_a_task_s_numbers(dialer: Dialer) -> None:
    table = f"""Должники;;;
ФИО;Телефон;Сумма  долга;Примечание
Анна;{ONE}, {TWO};1250,50 руб.;
Олег;{THREE};;просил
""".encode()
    read = await upload(dialer, "/upload-xls?params=1", "t.csv", table)
    anna, oleg = {"ФИО": "Анна", "Сумма долга": "1250,50 руб."}, {"ФИО": "Олег", "Примечание": "просил"}
    assert [(one["number"], one["params"]) for one in read["data"]] == [(ONE, anna), (TWO, anna), (THREE, oleg)]
    assert read["messages"] == []
    task_id = await post(dialer, read["data"], state=2)
    rows = (await dialer.data("GET", f"/task/{task_id}"))["results"]
    assert [row["clientId"] for row in rows] == [one["clientId"] for one in read["data"]]
    assert "просил" in rows[2]["params"]
    for query in ("", "?params=0", "?params="):
        plain = (await upload(dialer, f"/upload-xls{query}", "t.csv", table))["data"]
        assert plain == [{name: one[name] for name in ("number", "clientId")} for one in read["data"]]
    refused = await upload(dialer, "/upload-xls?params=2", "t.csv", table)
    assert refused["messages"] == ["params: 0 or 1 expected, got '2'"]
    counted = await upload(dialer, "/upload-xls?params=1&dryRun=1", "t.csv", table)
    assert counted["data"]["new"]["count"] == 3
