"""`dialer results`: formats, filters, and a hundred thousand rows."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest_asyncio

from tests.api.conftest import running_dialer
from tests.commands.filling import TIME_US, fill
from tests.commands.running import PROGRAM, done, environment, run
from tests.rig.daemon import Dialer

SMALL, LARGE = 8, 100_000
POLLING = {
    "crmId": "ask",
    "questions": [{"questionId": "1", "questionText": "Да?", "press": [{"key": "1", "action": "answer"}]}],
}
MOST_MORE_MB = 40
"""How much more memory a hundred thousand rows may take than eight. (All of them at once would be 300 MB.)"""


@dataclass(frozen=True)
class Filled:
    dialer: Dialer
    small: str
    large: str


@pytest_asyncio.fixture(scope="module")
async def filled() -> AsyncIterator[Filled]:
    async with running_dialer() as dialer:
        polling_id = (await dialer.data("POST", "/polling", POLLING))["id"]
        body = {"innerNum": "ask", "innerNumType": "polling", "numbers": ["79520000000"], "state": 2}
        small, large = [(await dialer.data("POST", "/task", body))["id"] for _ in range(2)]
        await dialer.stop()
        fill(dialer.database, int(small), int(polling_id), SMALL)
        fill(dialer.database, int(large), int(polling_id), LARGE)
        await dialer.start()
        yield Filled(dialer, small, large)


async def test_results_are_a_table_with_answers(filled: Filled) -> None:
    lines = (await done(filled.dialer, "results", filled.small)).splitlines()
    assert lines[0].split("  ")[0] == "Number"
    assert len(lines) == 1 + 1 + SMALL
    (answered,) = [line for line in lines if line.startswith("79530000001")]
    assert "SUCCESS_POLLING" in answered
    assert answered.endswith("1=v2")
    (busy,) = [line for line in lines if line.startswith("79530000002")]
    assert "SIP 486 Busy Here" in busy


async def test_results_are_json(filled: Filled) -> None:
    rows = json.loads(await done(filled.dialer, "results", filled.small, "--json", "--result", "SUCCESS_POLLING"))
    assert {row["number"] for row in rows} == {f"7953000000{place}" for place in (0, 1, 4, 5)}
    assert rows[0]["answers"][0]["result"] == "v1"
    assert json.loads(await done(filled.dialer, "results", filled.small, "--json", "--search", "0000000000")) == []


async def test_results_are_csv_with_a_column_for_each_question(filled: Filled) -> None:
    said = await done(filled.dialer, "results", filled.small, "--csv", "--state", "done")
    rows = list(csv.DictReader(io.StringIO(said)))
    assert [row["answer:1"] for row in rows if row["number"] == "79530000001"] == ["v2"]
    assert [row["cause"] for row in rows if row["number"] == "79530000002"] == ["SIP 486 Busy Here"]
    assert len(rows) == 6


async def test_times_of_csv_are_those_of_a_clock_and_of_json_the_api_s(filled: Filled) -> None:
    rows = csv.DictReader(io.StringIO(await done(filled.dialer, "results", filled.small, "--csv", "--state", "done")))
    told = json.loads(await done(filled.dialer, "results", filled.small, "--json", "--state", "done"))
    for row, one in zip(rows, told, strict=True):
        assert row["dueTime"] == ""
        assert row["closeTime"].endswith("+03:00"), "Moscow, as the settings say"
        for name in ("changeTime", "closeTime"):
            assert datetime.fromisoformat(row[name]).timestamp() == int(one[name])


async def test_only_rows_changed_since_a_time_are_told(filled: Filled) -> None:
    since = str(TIME_US // 1_000_000 + 5)
    rows = json.loads(await done(filled.dialer, "results", filled.small, "--since", since, "--state", "done", "--json"))
    assert [row["number"] for row in rows] == ["79530000005", "79530000006"]


async def test_a_file_is_there_whole_or_not_at_all(filled: Filled, tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    assert await done(filled.dialer, "results", filled.small, "--out", str(file)) == ""
    assert len(file.read_text().splitlines()) == 1 + 1 + SMALL
    ran = await run(filled.dialer, "results", filled.small, "--out", str(tmp_path / "none" / "out.csv"))
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    ran = await run(filled.dialer, "results", "5", "--out", str(tmp_path / "other.csv"))
    assert (ran.code, ran.err) == (1, "Error: id: there is no task '5'\n")
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


async def test_a_hundred_thousand_rows_do_not_fill_the_memory(filled: Filled, tmp_path: Path) -> None:
    peak_mb = {}
    for task_id in (filled.small, filled.large):
        file = tmp_path / f"{task_id}.csv"
        code = (
            "import sys, resource; from dialer.cli import main\n"
            "try: main()\n"
            "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)"
        )
        arguments = ["results", task_id, "--config", str(filled.dialer.config_file), "--out", str(file)]
        ran = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
        peak_mb[task_id] = int(ran.stderr)
    with file.open() as opened:
        assert sum(1 for _ in opened) == 1 + 1 + LARGE
    assert peak_mb[filled.large] - peak_mb[filled.small] < MOST_MORE_MB, peak_mb


async def test_who_has_seen_enough_ends_the_command_quietly(filled: Filled) -> None:
    arguments = f"{PROGRAM} results {filled.large} --config {filled.dialer.config_file}"
    shell = ["bash", "-c", f"{arguments} | head -3; echo ${{PIPESTATUS[0]}}"]
    ran = subprocess.run(shell, capture_output=True, text=True, check=False, env=environment())
    assert ran.stderr == ""
    assert [len(ran.stdout.splitlines()), ran.stdout.splitlines()[-1]] == [4, "141"]
