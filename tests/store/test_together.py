"""What may wait is committed with others."""

import asyncio
import gc
import math
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
import uvloop
from sqlalchemy import Connection, insert, update
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from dialer.dispatch.saving import Saver
from dialer.store import database
from dialer.store.connections import SqliteConnections
from dialer.store.database import Store, Transaction
from dialer.store.schema import meta, task
from dialer.store.sqlite import begin_log_anew, copy_log, make_room
from dialer.store.tasks import fetch_task
from tests.rig.waiting import wait_until
from tests.store.making import beside, new_task, url_of

LONG_ENOUGH_S = 30.0


@pytest_asyncio.fixture
async def task_id(store: Store) -> int:
    return await new_task(store)


def commits_of(store: Store) -> list[int]:
    """The operations of each commit from now on."""
    commits: list[int] = []
    store.on_commit = lambda operations, took_s: commits.append(operations)
    return commits


def rename(tx: Transaction, task_id: int, name: str) -> None:
    tx.connection.execute(update(task).where(task.c.id == task_id).values(name=task.c.name + name))


async def name_of(store: Store, task_id: int) -> str:
    found = await store.read(partial(fetch_task, task_id=task_id))
    assert found is not None
    return found.name


async def test_what_may_wait_goes_with_what_may_not_and_in_order(store: Store, task_id: int) -> None:
    commits = commits_of(store)
    letters = "abcd"
    waiting = [store.submit(partial(rename, task_id=task_id, name=letter), may_wait=True) for letter in letters[:3]]
    await store.write(partial(rename, task_id=task_id, name="d"))
    assert commits == [4]
    assert all(future.done() for future in waiting)
    assert await name_of(store, task_id) == letters


async def test_what_may_wait_is_committed_soon_all_the_same(store: Store, task_id: int) -> None:
    commits = commits_of(store)
    for name in "ab":
        waiting = store.submit(partial(rename, task_id=task_id, name=name), may_wait=True)
        async with asyncio.timeout(LONG_ENOUGH_S):
            await waiting
    assert commits == [1, 1]


async def test_operations_of_which_there_are_many_are_committed_together(
    store: Store, task_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "APART_S", 1.0)
    monkeypatch.setattr(database, "MANY_APART_S", 1.0)
    store._began_s = -math.inf  # a pause
    commits = commits_of(store)
    await store.submit(partial(rename, task_id=task_id, name="a"), is_one_of_many=True)
    later = [store.submit(partial(rename, task_id=task_id, name=letter), is_one_of_many=True) for letter in "bc"]
    await asyncio.wait(later)
    assert commits == [1, 2]
    last = store.submit(partial(rename, task_id=task_id, name="d"), is_one_of_many=True)
    await store.write(partial(rename, task_id=task_id, name="e"))
    assert last.done()
    assert commits == [1, 2, 2]
    assert await name_of(store, task_id) == "abcde"


async def test_operations_of_which_there_might_be_many_but_are_few_wait_for_nobody(
    store: Store, task_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "APART_S", math.inf)  # who waits waits for ever
    monkeypatch.setattr(database, "MANY_APART_S", 0.0)
    for name in "ab":
        async with asyncio.timeout(LONG_ENOUGH_S):
            await store.submit(partial(rename, task_id=task_id, name=name), is_one_of_many=True)


@pytest.mark.parametrize(("apart_s", "are_many"), [(0.03, False), (0.012, False), (0.008, True), (0.001, True)])
def test_how_many_come_is_told_by_the_last_ones(store: Store, apart_s: float, *, are_many: bool) -> None:
    for at in range(40):  # a dense crowd before says nothing after some of them
        store._are_many(at * 0.001)
    assert [store._are_many(1 + at * apart_s) for at in range(30)][-1] is are_many


def test_they_are_committed_under_uvloop_however_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "APART_S", 0.0005)  # uvloop has no timer for so little
    monkeypatch.setattr(database, "MANY_APART_S", math.inf)

    async def submit_many() -> str:
        opened = await Store.open(url_of(tmp_path / "dialer.db"))
        task_id = await new_task(opened)
        for _ in range(20):
            opened._began_s = asyncio.get_running_loop().time()
            waiting = [
                opened.submit(partial(rename, task_id=task_id, name="a"), is_one_of_many=True),
                opened.submit(partial(rename, task_id=task_id, name="b"), is_one_of_many=True),
            ]
            await asyncio.gather(*waiting)
        name = await name_of(opened, task_id)
        await opened.close()
        return name

    assert uvloop.run(submit_many()) == "ab" * 20


async def test_what_waits_when_the_store_closes_is_committed(tmp_path: Path) -> None:
    store = await Store.open(url_of(tmp_path / "dialer.db"))
    task_id = await new_task(store)
    waiting = store.submit(partial(rename, task_id=task_id, name="last"), may_wait=True)
    await store.close()
    assert waiting.done()
    again = await Store.open(url_of(tmp_path / "dialer.db"))
    assert await name_of(again, task_id) == "last"
    await again.close()


@pytest.mark.parametrize(("is_whole", "name"), [(True, "whole"), (False, "passing, whole")])
async def test_a_passing_state_is_not_stored_when_a_whole_one_follows(
    store: Store, task_id: int, is_whole: bool, name: str
) -> None:
    saver = Saver(store, lambda attempt_id, keys: None)
    saver.save_passing(1, partial(rename, task_id=task_id, name="passing, "))
    saver.save(1, partial(rename, task_id=task_id, name="whole"), is_whole=is_whole)
    await saver.settle()
    assert await name_of(store, task_id) == name


async def test_a_passing_state_that_stays_is_stored(store: Store, task_id: int) -> None:
    saver = Saver(store, lambda attempt_id, keys: None)
    saver.save_passing(1, partial(rename, task_id=task_id, name="passing"))
    await saver.settle()
    assert await name_of(store, task_id) == "passing"


async def cancel(reading: asyncio.Task[None], times: int) -> None:
    """Again and again, each time as soon as it has gone on."""
    for _ in range(times):
        reading.cancel()
        await asyncio.sleep(0)
    await wait_until(reading.done, "the end of what was cancelled")
    assert reading.cancelled()


@pytest.mark.parametrize("times", [1, 3])
async def test_who_is_cancelled_leaves_no_reader_at_work_behind(tmp_path: Path, times: int) -> None:
    await (await Store.open(url_of(tmp_path / "dialer.db"))).close()
    connections = SqliteConnections(tmp_path / "dialer.db")
    counting = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"  # has no end
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def count(connection: Connection) -> None:
        loop.call_soon_threadsafe(begun.set)
        connection.exec_driver_sql(counting)

    for _ in range(20):
        begun.clear()
        reading = asyncio.create_task(connections.read(count))
        await begun.wait()
        await cancel(reading, times)
        async with asyncio.timeout(LONG_ENOUGH_S):
            assert await connections.read(lambda connection: connection.exec_driver_sql("SELECT 1").scalar()) == 1
    await connections.close()


@pytest.mark.parametrize("times", [1, 3])
async def test_who_is_cancelled_while_a_reader_connects_leaves_no_broken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """SQLAlchemy asks a database a few things first, and closes a connection on which they are interrupted."""
    await (await Store.open(url_of(tmp_path / "dialer.db"))).close()
    connections = SqliteConnections(tmp_path / "dialer.db")
    begun, loop, ask_first = asyncio.Event(), asyncio.get_running_loop(), SQLiteDialect_pysqlite.initialize
    counting = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) SELECT count(*) FROM n"

    def ask_for_long(dialect: SQLiteDialect_pysqlite, connection: Connection) -> None:
        loop.call_soon_threadsafe(begun.set)
        connection.exec_driver_sql(counting)
        ask_first(dialect, connection)

    monkeypatch.setattr(SQLiteDialect_pysqlite, "initialize", ask_for_long)
    reading = asyncio.create_task(connections.read(lambda connection: None))
    await begun.wait()
    await cancel(reading, times)
    assert await connections.read(lambda connection: connection.exec_driver_sql("SELECT 1").scalar()) == 1
    await connections.close()
    assert not beside(tmp_path / "dialer.db", "wal").exists()  # it goes with the last connection


def test_a_loop_that_ends_while_a_reader_connects_ends_quietly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ask_first = SQLiteDialect_pysqlite.initialize

    async def leave() -> None:
        connections = SqliteConnections(tmp_path / "dialer.db")
        begun, loop = asyncio.Event(), asyncio.get_running_loop()

        def tell(dialect: SQLiteDialect_pysqlite, connection: Connection) -> None:
            loop.call_soon_threadsafe(begun.set)
            ask_first(dialect, connection)

        monkeypatch.setattr(SQLiteDialect_pysqlite, "initialize", tell)
        readings = {asyncio.create_task(connections.read(lambda connection: None)) for _ in range(5)}
        await begun.wait()
        await connections.close()  # each closes its own, also when it is cancelled
        assert not all(reading.done() for reading in readings)

    for _ in range(5):
        asyncio.run(leave())
    gc.collect()
    assert not caplog.records


async def test_the_log_begins_anew_though_others_write_while_it_is_copied(
    store: Store, task_id: int, tmp_path: Path
) -> None:
    def fill(tx: Transaction) -> None:
        make_room(tx.connection)
        tx.connection.execute(insert(meta).prefix_with("OR REPLACE"), {"key": "filling", "value": "x" * 1_000_000})

    sizes = []
    for _ in range(4):
        await store.write(fill)
        with closing(sqlite3.connect(tmp_path / "dialer.db", isolation_level=None)) as other:
            other.execute("BEGIN")
            other.execute("SELECT count(*) FROM meta").fetchone()
            await store.write(partial(rename, task_id=task_id, name="x"))
            await store.read(copy_log)  # as far as the other one has seen the log
        await store.write(lambda tx: begin_log_anew(tx.connection))
        sizes.append(beside(tmp_path / "dialer.db", "wal").stat().st_size)
    assert sizes[-1] < 1.5 * sizes[0], sizes
