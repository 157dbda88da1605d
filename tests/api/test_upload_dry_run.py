"""The dry run of /upload-xls: what would become of a table's numbers."""

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


def counts(data: Any) -> dict[str, int]:
    return {name: one["count"] for name, one in data.items() if isinstance(one, dict)}


async def test_every_number_is_counted_once_and_nothing_is_stored(dialer: Dialer) -> None:
    await dialer.data("POST", "/stop-list", {"numbers": ["79522233436"]})
    read = await upload(dialer, "/upload-xls?dryRun=1", "t.csv", TABLE)
    data = read["data"]
    assert counts(data) == {
        "new": 3, "duplicate": 1, "invalid": 2, "doubtful": 0, "stopped": 1, "outsideWindow": 0,
    }  # fmt: skip
    assert data["clients"] == 3
    assert data["new"]["first"] == [ONE, "89522233416", "79522233426"]
    assert data["duplicate"]["first"] == [ONE]
    assert data["invalid"]["first"] == read["messages"]
    assert [line.partition(": ")[0] for line in read["messages"]] == ["row 4, column 2", "row 5, column 2"]
    assert (await dialer.data("GET", "/task"))["results"] == []


async def test_beside_a_task_its_numbers_are_duplicates_and_its_window_counts(dialer: Dialer) -> None:
    minute = (time.gmtime().tm_hour * 60 + time.gmtime().tm_min + 180) % 1440  # of Moscow, the settings' zone
    closed = {"timeStart": (minute + 120) % 1440, "timeEnd": (minute + 240) % 1440}
    task_id = await post(dialer, [TWO], state=2, **closed)
    data = (await upload(dialer, f"/upload-xls?dryRun=1&taskId={task_id}", "t.csv", TABLE))["data"]
    assert counts(data) == {
        "new": 0, "duplicate": 2, "invalid": 2, "doubtful": 0, "stopped": 0, "outsideWindow": 3,
    }  # fmt: skip
    assert THREE in data["outsideWindow"]["first"]
    refused = await upload(dialer, "/upload-xls?dryRun=1&taskId=5", "t.csv", TABLE)
    assert refused["data"] == {"error": "TaskNotFound"}


async def test_numbers_that_no_country_has_are_told_with_the_reason(dialer: Dialer) -> None:
    data = (await upload(dialer, "/upload-xls?dryRun=1", "t.csv", b"phone\n+799999\n79522233446\n"))["data"]
    assert (data["doubtful"]["count"], data["new"]["count"]) == (1, 1)
    assert data["doubtful"]["first"][0]["number"] == "+799999"
    assert data["doubtful"]["first"][0]["reason"]


async def test_without_it_the_reply_is_the_list(dialer: Dialer) -> None:
    read = await upload(dialer, "/upload-xls?dryRun=0", "t.csv", TABLE)
    assert [one["number"] for one in read["data"]] == [ONE, "89522233416", "79522233426", "79522233436"]
