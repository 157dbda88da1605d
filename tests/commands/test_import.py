"""`dialer import` against a daemon."""

import json
from pathlib import Path

import pytest

from tests.commands.running import done, run
from tests.rig.daemon import Dialer

TABLE = "Имя;Телефон\nАнна;79522233446\nИван;+7 952 223-34-16\nПусто;\nАнна;89522233446\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "Список.csv"
    file.write_text(TABLE, encoding="utf-8")
    return file


async def numbers_of(dialer: Dialer, task_id: str) -> list[str]:
    return [row["phone"] for row in (await dialer.data("GET", f"/task/{task_id}"))["results"]]


async def test_a_table_becomes_a_new_task_after_its_report(shared: Dialer, table: Path) -> None:
    said = await done(shared, "import", str(table), "--exten", "201", "--channels", "3", "--paused", "--yes")
    lines = said.splitlines()
    assert lines[0].split() == ["2", "new"]
    assert lines[1].split(maxsplit=1) == ["1", "there already, or twice in it"]
    assert lines[2].strip() == "row 5, column 2: 89522233446, as row 2: 79522233446"
    assert lines[3].split(maxsplit=1) == ["1", "of these the same number in another form"]
    assert "row 4: no telephone number" in said
    assert lines[-1].endswith(": 2 numbers added")
    task = await shared.data("GET", f"/task/{lines[-1].split()[1].rstrip(':')}")
    assert (task["name"], task["state"], task["maxCountChannels"]) == ("Список", "2", "3")
    assert "Анна" in task["results"][0]["params"]


async def test_numbers_are_added_to_a_task_and_the_others_stay(shared: Dialer, table: Path) -> None:
    body = {"innerNum": "201", "numbers": ["79522233446", "79520000009"], "state": 2}
    task_id = str((await shared.data("POST", "/task", body))["id"])
    said = await done(shared, "import", str(table), "--task", task_id, "--yes")
    assert said.splitlines()[-1] == f"task {task_id}: 1 number added"
    assert await numbers_of(shared, task_id) == ["79522233446", "79520000009", "+79522233416"]
    ran = await run(shared, "import", str(table), "--task", task_id, "--yes")
    assert (ran.code, ran.err) == (1, "Error: there is no new number in it\n")


async def test_a_dry_run_stores_nothing(shared: Dialer, table: Path) -> None:
    before = await done(shared, "tasks", "list", "--json")
    report = json.loads(await done(shared, "import", str(table), "--exten", "201", "--dry-run", "--json"))
    assert (report["new"]["count"], report["invalid"]["count"]) == (2, 1)
    assert await done(shared, "tasks", "list", "--json") == before


async def test_forms_and_columns_are_told_before_anything_is_stored(shared: Dialer, table: Path) -> None:
    polling = {"name": "П", "questions": [{"questionId": "1", "questionText": "<имя>, долг <сумма>?"}]}
    polling_id = str((await shared.data("POST", "/polling", polling))["id"])
    table.write_text("Телефон;Имя;\n79522233446;Анна;х\n+7 952 223-34-16;;\n", encoding="utf-8")
    said = (await done(shared, "import", str(table), "--polling", polling_id, "--dry-run")).splitlines()
    forms = said.index("written in several forms, and dialled as they are written: your routes must know each of them")
    assert [one.strip() for one in said[forms - 1 :]] == [
        "2  subscribers",
        said[forms],
        "1  +7…  (row 3, column 1: +79522233416)",
        "1  7…  (row 2, column 1: 79522233446)",
        "columns:",
        "1  telephone numbers (Телефон)",
        "2  parameter <Имя>; filled for 1",
        "3  left out: no title",
        "Attention: no column for <сумма>: nothing is said there, unless the client's properties have it",
    ]
    columns = json.loads(await done(shared, "import", str(table), "--polling", polling_id, "--dry-run", "--json"))[
        "columns"
    ]
    assert (columns["missing"], columns["params"][0]["used"]) == (["сумма"], True)
    other = (await done(shared, "import", str(table), "--exten", "201", "--dry-run")).splitlines()
    assert "2  parameter <Имя>; filled for 1" in [one.strip() for one in other]
    assert not [one for one in other if one.startswith("Attention")]


async def test_nobody_is_dialled_whom_nobody_has_confirmed(shared: Dialer, table: Path) -> None:
    before = await done(shared, "tasks", "list", "--json")
    ran = await run(shared, "import", str(table), "--exten", "201")
    assert (ran.code, "--yes says yes" in ran.err) == (2, True)
    assert ran.out.splitlines()[0].split() == ["2", "new"]
    assert await done(shared, "tasks", "list", "--json") == before


async def test_a_new_task_takes_further_fields(shared: Dialer, table: Path, tmp_path: Path) -> None:
    fields = tmp_path / "fields.json"
    fields.write_text(json.dumps({"innerNum": "201", "maxAttempt": 3, "name": "Поля"}), encoding="utf-8")
    said = await done(shared, "import", str(table), "--fields", str(fields), "--paused", "--yes", "--json")
    stored = json.loads(said)["task"]
    assert (stored["maxAttempt"], stored["name"]) == (3, "Поля")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--exten", "201", "--polling", "1"),
        ("--task", "1000000001", "--name", "x"),
        ("--task", "1000000001", "--paused", "--resume"),
        ("--exten", "201", "--watch", "--dry-run"),
    ],
)
async def test_what_makes_no_sense_together_is_a_wrong_command_line(
    shared: Dialer, table: Path, arguments: tuple[str, ...]
) -> None:
    ran = await run(shared, "import", str(table), *arguments, "--yes")
    assert ran.code == 2, ran


async def test_a_file_that_is_no_table_is_refused(shared: Dialer, tmp_path: Path) -> None:
    file = tmp_path / "x.xlsx"
    file.write_bytes(b"PK\x03\x04 no workbook")
    ran = await run(shared, "import", str(file), "--exten", "201", "--yes")
    assert ran.code == 1
    assert ran.err.startswith("Error: file: ")


async def test_watching_ends_with_the_task(shared: Dialer, table: Path) -> None:
    fields = table.with_name("fields.json")
    fields.write_text('{"state": 1}')
    said = await done(
        shared, "import", str(table), "--exten", "201", "--fields", str(fields), "--watch", "--yes"
    )  # fmt: skip
    assert said.splitlines()[-1] == "0 of 2 done, 0 good, 0 in progress, 0 a minute"


async def test_an_import_that_is_repeated_makes_no_second_task(shared: Dialer, table: Path) -> None:
    """The answer was lost on its way, say, or somebody has pressed the wrong arrow."""
    command = ("import", str(table), "--exten", "202", "--paused", "--yes")
    first = (await done(shared, *command)).splitlines()[-1].split()[1].rstrip(":")
    repeated = (await done(shared, *command)).splitlines()[-1]
    assert repeated.startswith(f"task {first}: made by the same import before")
    other = (await done(shared, *command, "--again")).splitlines()[-1].split()[1].rstrip(":")
    assert other != first
