# ruff: noqa: S608 - names of tables and columns, all ours
"""Every earlier version becomes the current one, or stays what it was."""

import logging
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from dialer.api.mikopbx.webhooks import render_event
from dialer.model.attempt import AttemptState
from dialer.model.outcome import Outcome
from dialer.model.task import TaskState
from dialer.store import migrations
from dialer.store.attempts import fetch_in_progress, mark_spooled, requeue_attempt
from dialer.store.database import DatabaseRefusedError, Store, StoreError, Transaction
from dialer.store.events import ANSWER, MAIL, PROGRESS, RESULT, fetch_events
from dialer.store.pollings import fetch_polling, fetch_polling_heads
from dialer.store.queue import fetch_new
from dialer.store.results import fetch_answers_since
from dialer.store.schema import SCHEMA_VERSION, attempt
from dialer.store.tasks import fetch_tasks
from tests.rig.small_disk import SmallDisk
from tests.rig.waiting import wait_until
from tests.store.dump import DUMPS, write_dump
from tests.store.making import ask, beside, fetch_results_since, fetch_task_results, first_order, new_task, url_of

VERSIONS = sorted(int(file.stem.removeprefix("version_")) for file in DUMPS.glob("version_*.sql"))
OUTCOMES_OF_OLD = set(Outcome) - {
    Outcome.SUCCESS_ANOTHER_PHONE,
    Outcome.SUCCESS_EXTERNAL_SIGNAL,
    Outcome.FAIL_USER_H_BEFORE_CLIENT_ANSWER,
}
FIRST_WITH_EVENTS = 4
FIRST_WITH_RULES = 5
FIRST_WITH_OWNERS = 6
FAILING = "INSERT INTO nowhere VALUES (1)"
OPEN_CHILD = """
import asyncio, logging, sys
from dialer.store import migrations
from dialer.store.database import Store
logging.basicConfig(level="INFO", stream=sys.stdout, format="%(message)s")
async def open_and_close(url):
    await (await Store.open(url)).close()
print("ready", flush=True)
sys.stdin.readline()
"""


def restore(version: int, database: Path, dumps: Path = DUMPS) -> Path:
    """A database of an earlier version, cleanly closed."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.executescript((dumps / f"version_{version}.sql").read_text(encoding="utf-8"))
        connection.execute("PRAGMA journal_mode = WAL")
    return database


def schema_of(database: Path) -> list[tuple[object, ...]]:
    rows = ask(database, "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name")
    return [(*row, re.sub(r"\s+", " ", str(sql)).strip()) for *row, sql in rows]


def version_of(database: Path) -> object:
    return ask(database, "PRAGMA user_version")[0][0]


def rows_of(database: Path, columns: dict[str, str]) -> dict[str, list[tuple[object, ...]]]:
    return {table: ask(database, f"SELECT {names} FROM {table} ORDER BY 1") for table, names in columns.items()}


def columns_of(database: Path) -> dict[str, str]:
    tables = [str(row[0]) for row in ask(database, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {
        table: ", ".join(str(row[0]) for row in ask(database, f"SELECT name FROM pragma_table_info('{table}')"))
        for table in tables
    }


async def migrated(database: Path) -> None:
    await (await Store.open(url_of(database))).close()


def test_there_is_a_dump_and_a_way_from_every_earlier_version() -> None:
    assert [version for version in VERSIONS if version < SCHEMA_VERSION] == list(range(1, SCHEMA_VERSION))
    assert list(migrations.MIGRATIONS) == list(range(2, SCHEMA_VERSION + 1))


async def test_the_dump_of_the_current_version_can_be_written_and_makes_the_same_database(tmp_path: Path) -> None:
    dump = await write_dump(tmp_path)
    assert dump.name == f"version_{SCHEMA_VERSION}.sql"
    restore(SCHEMA_VERSION, tmp_path / "copy.db", tmp_path)
    await migrated(tmp_path / "new.db")
    assert schema_of(tmp_path / "copy.db") == schema_of(tmp_path / "new.db")
    assert version_of(tmp_path / "copy.db") == SCHEMA_VERSION


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_migrated_schema_is_that_of_a_new_database(tmp_path: Path, version: int) -> None:
    old = restore(version, tmp_path / "old.db")
    await migrated(old)
    await migrated(tmp_path / "new.db")
    assert schema_of(old) == schema_of(tmp_path / "new.db")
    assert version_of(old) == version_of(tmp_path / "new.db") == SCHEMA_VERSION
    assert ask(old, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_migration_keeps_every_row(tmp_path: Path, version: int) -> None:
    old = restore(version, tmp_path / "old.db")
    columns = columns_of(old)
    before = rows_of(old, columns)
    assert all(before[table] for table in ("task", "attempt", "answer", "polling", "question", "sqlite_sequence"))
    await migrated(old)
    assert rows_of(old, columns) == before


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_migrated_database_answers_every_query(tmp_path: Path, version: int) -> None:
    store = await Store.open(url_of(restore(version, tmp_path / "old.db")))
    tasks = await store.read(lambda connection: fetch_tasks(connection, None, 0, 100))
    beside_calls = [TaskState.OPEN] if version >= FIRST_WITH_EVENTS else []
    assert [task.state for task in tasks] == [TaskState.OPEN, TaskState.PAUSED, TaskState.CLOSED, *beside_calls]
    assert (tasks[0].crm_id, tasks[0].name, tasks[0].inner_num) == ("обзвон-1", "Опрос клиентов", "опрос-7")
    results = await store.read(lambda connection: fetch_task_results(connection, tasks[0].task_id))
    outcomes = OUTCOMES_OF_OLD if version < FIRST_WITH_RULES else set(Outcome)
    assert {row.result for row in results} == {None, *outcomes}
    assert results[1].params == {"имя": "Иван № 1"}
    queued = await store.read(lambda connection: fetch_new(connection, tasks[0].task_id, "", 0, 100))
    assert len(queued) + len(outcomes) == 5 + len(OUTCOMES_OF_OLD)
    in_progress = await store.read(fetch_in_progress)
    assert {one.state for one in in_progress} == {
        AttemptState.SPOOLED,
        AttemptState.DIALLING,
        AttemptState.CONNECTING,
        AttemptState.POLLING,
        AttemptState.POLLED,
    }
    changed = await store.read(lambda connection: fetch_results_since(connection, 0, 1_000_000))
    own = [one for one in in_progress if not one.task.owner]
    assert len(changed) == len(outcomes) + len(own) + 3 + len(beside_calls)
    answers = await store.read(lambda connection: fetch_answers_since(connection, 0, 100))
    assert {row.result for row in answers} - {"нет", "может быть"} == {"да", "нет, не доволен"}
    told = await store.read(lambda connection: fetch_events(connection, dead=False, after_id=0, limit=100))
    rows_told = [one for one in told if one.kind in {RESULT, ANSWER}]
    assert [render_event(one)["data"]["phoneId"] for one in rows_told] == ["9522233446"] * len(rows_told)
    assert bool(rows_told) is (version >= FIRST_WITH_EVENTS)
    of_owners = {PROGRESS, MAIL} if version >= FIRST_WITH_OWNERS else set()
    assert {one.kind for one in told} - {RESULT, ANSWER} == of_owners
    heads = await store.read(fetch_polling_heads)
    assert [head.crm_id for head in heads] == ["опрос-7", "2"]
    polling = await store.read(lambda connection: fetch_polling(connection, heads[0].polling_id))
    assert polling is not None
    assert len(polling[0].questions) == 2
    made = 4 + len(beside_calls) + bool(of_owners)
    assert await new_task(store) == 1_000_000_001 + made  # the ids of deleted tasks are not given again
    await store.close()


@pytest.mark.parametrize("version", VERSIONS)
async def test_after_a_migration_attempts_go_on_and_finished_ones_are_final(tmp_path: Path, version: int) -> None:
    store = await Store.open(url_of(restore(version, tmp_path / "old.db")))
    task_id = (await store.read(lambda connection: fetch_tasks(connection, None, 0, 1)))[0].task_id
    order = await first_order(store, task_id)
    await store.write(mark_spooled(order))
    assert order.attempt_id in {one.order.attempt_id for one in await store.read(fetch_in_progress)}
    await store.write(requeue_attempt(order.attempt_id))
    for column in attempt.columns:

        def change(tx: Transaction, name: str = column.name) -> None:
            tx.connection.execute(text(f"UPDATE attempt SET {name} = {name} WHERE closed_us IS NOT NULL"))

        with pytest.raises(StoreError, match="already has its result"):
            await store.write(change)
    await store.close()


async def test_code_and_database_agree_on_states_and_results(tmp_path: Path) -> None:
    database = tmp_path / "dialer.db"
    store = await Store.open(url_of(database))
    task_id = await new_task(store, 2)
    first, second = await store.read(lambda connection: fetch_new(connection, task_id, "", 0, 2))
    await store.close()
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        for state in AttemptState:
            connection.execute("UPDATE attempt SET state = ? WHERE id = ?", (state, first.attempt_id))
        for result in Outcome:
            connection.execute("BEGIN")
            connection.execute("UPDATE attempt SET result = ?, closed_us = 1 WHERE id = ?", (result, first.attempt_id))
            connection.execute("ROLLBACK")
        for change in ("state = 'dialled'", "result = 'MAYBE', closed_us = 1"):
            with pytest.raises(sqlite3.IntegrityError, match="no such state or result"):
                connection.execute(f"UPDATE attempt SET {change} WHERE id = ?", (second.attempt_id,))


async def test_a_failing_migration_leaves_the_old_database_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = restore(1, tmp_path / "old.db")
    before, schema = old.read_bytes(), schema_of(old)
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", {2: (*migrations.MIGRATIONS[2], "PRAGMA user_version = 2", FAILING)})
        with pytest.raises(DatabaseRefusedError, match="from schema version 1 to 2: no such table: nowhere; it stays"):
            await Store.open(url_of(old))
    assert old.read_bytes() == before
    assert (version_of(old), schema_of(old)) == (1, schema)
    await migrated(old)
    assert version_of(old) == SCHEMA_VERSION


async def test_a_migration_that_finds_no_room_is_done_when_there_is_some(tmp_path: Path) -> None:
    with SmallDisk(tmp_path / "disk", 4) as disk:
        old = restore(1, disk.folder / "old.db")
        before = old.read_bytes()
        disk.fill()
        with pytest.raises(StoreError, match="disk is full") as told:
            await Store.open(url_of(old))
        assert not isinstance(told.value, DatabaseRefusedError)
        await disk.free()
        assert (version_of(old), old.read_bytes()) == (1, before)
        await migrated(old)
        assert version_of(old) == SCHEMA_VERSION


async def test_each_version_is_a_step_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    old = restore(1, tmp_path / "old.db")
    steps = {2: ("CREATE TABLE second (id)",), 3: ("CREATE TABLE third (id)", FAILING)}
    monkeypatch.setattr(migrations, "MIGRATIONS", steps)
    monkeypatch.setattr(migrations, "SCHEMA_VERSION", 3)
    with caplog.at_level(logging.INFO), pytest.raises(StoreError):
        await Store.open(url_of(old))
    assert version_of(old) == 2
    names = {row[1] for row in schema_of(old)}
    assert "second" in names
    assert "third" not in names
    assert [record.message for record in caplog.records if "schema" in record.message] == [
        f"{old}: schema version 2, upgraded from 1"
    ]


async def test_a_migration_killed_in_the_middle_is_done_at_the_next_start(tmp_path: Path) -> None:
    old = restore(1, tmp_path / "old.db")
    columns = columns_of(old)
    rows = rows_of(old, columns)
    much = (
        "CREATE TABLE half AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 100000) "
        "SELECT x, hex(randomblob(50)) FROM n"
    )
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    code = f"migrations.MIGRATIONS = {{2: (*migrations.MIGRATIONS[2], {much!r}, {endless!r})}}\n"
    child = start_child(code, old)
    release(child)
    wal = beside(old, "wal")
    await wait_until(lambda: wal.exists() and wal.stat().st_size > 4_000_000, "the migration writes")
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert wal.stat().st_size > 4_000_000
    await migrated(old)
    assert version_of(old) == SCHEMA_VERSION
    assert "half" not in columns_of(old)
    assert rows_of(old, columns) == rows


@pytest.mark.parametrize("version", [None, *VERSIONS])
async def test_daemons_that_start_at_once_migrate_once(tmp_path: Path, version: int | None) -> None:
    database = tmp_path / "dialer.db"
    if version is not None:
        restore(version, database)
    children = [start_child("", database) for _ in range(4)]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        release(child)
    said = [child.communicate()[0] for child in children]
    assert [child.returncode for child in children] == [0] * 4, said
    migrations_done = re.findall(r"schema version (\d+), (?:upgraded|made)", "".join(said))
    steps = range((version or SCHEMA_VERSION - 1) + 1, SCHEMA_VERSION + 1)
    assert sorted(migrations_done) == [str(step) for step in steps]


def start_child(code: str, database: Path) -> "subprocess.Popen[str]":
    """A process that opens and closes the store as soon as it is told to."""
    code = f"{OPEN_CHILD}{code}asyncio.run(open_and_close({url_of(database)!r}))\n"
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def release(child: "subprocess.Popen[str]") -> None:
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()
