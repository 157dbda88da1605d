"""Readers of a SQLite file: none outlives the store, nor holds up the end of the process."""

import asyncio
import gc
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from dialer.store.connections import SqliteConnections, _Thread
from dialer.store.database import Store, StoreError
from tests.rig.waiting import wait_until
from tests.store.making import beside, new_task, url_of

_LEAVE_OPEN = """
import asyncio, sys
from dialer.store.database import Store

async def read():
    store = await Store.open(sys.argv[1])
    await store.read(lambda connection: None)
    return store

left = asyncio.run(read())
"""


def test_a_reader_that_nobody_closes_does_not_hold_up_the_end_of_the_process(tmp_path: Path) -> None:
    script = [sys.executable, "-c", _LEAVE_OPEN, url_of(tmp_path / "dialer.db")]
    subprocess.run(script, check=True, timeout=60, capture_output=True)


async def test_a_reader_that_is_at_work_when_the_store_closes_is_closed_after_it(tmp_path: Path) -> None:
    database, begun, go_on = tmp_path / "dialer.db", threading.Event(), threading.Event()

    def wait(_: Connection) -> None:
        begun.set()
        go_on.wait()

    store = await Store.open(url_of(database))
    await new_task(store)
    reading = asyncio.create_task(store.read(wait))
    await asyncio.to_thread(begun.wait)
    await store.close()
    assert beside(database, "wal").exists()
    go_on.set()
    await reading
    assert not beside(database, "wal").exists()  # it goes with the last connection


async def test_nothing_is_read_from_a_closed_store(tmp_path: Path) -> None:
    database = tmp_path / "dialer.db"
    store = await Store.open(url_of(database))
    await store.close()
    with pytest.raises(StoreError, match=r"dialer\.db is closed"):
        await store.read(lambda _: None)
    assert not beside(database, "shm").exists()


async def several_idle(database: Path) -> SqliteConnections:
    """Readers at rest, and the writer."""
    connections = SqliteConnections(database)
    go_on = threading.Barrier(3)
    await asyncio.gather(*(connections.read(lambda _: go_on.wait()) for _ in range(3)))
    await connections.write(lambda connection: connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS t (a)"))
    return connections


async def test_all_are_closed_though_the_caller_is_cancelled_and_again_is_nothing(tmp_path: Path) -> None:
    database = tmp_path / "dialer.db"
    await (await Store.open(url_of(database))).close()
    connections = await several_idle(database)
    assert beside(database, "wal").exists()
    closing = asyncio.create_task(connections.close())
    while not closing.done():
        await asyncio.sleep(0)
        closing.cancel()
    assert closing.cancelled()
    assert not beside(database, "wal").exists()
    await connections.close()


async def test_all_are_closed_though_one_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = tmp_path / "dialer.db"
    await (await Store.open(url_of(database))).close()
    connections, failures = await several_idle(database), [1]
    dispose = _Thread._dispose

    def fail_once(thread: _Thread) -> None:
        dispose(thread)
        if failures:
            failures.pop()
            raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(_Thread, "_dispose", fail_once)
    with pytest.raises(sqlite3.OperationalError):
        await connections.close()
    assert not beside(database, "wal").exists()


@pytest.mark.parametrize("cancels", [0, 2])
async def test_one_that_does_not_open_is_told_or_nothing_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, cancels: int
) -> None:
    begun, go_on, loop = asyncio.Event(), threading.Event(), asyncio.get_running_loop()

    def fail(thread: _Thread) -> None:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait()
        raise OperationalError("connect", None, sqlite3.OperationalError("disk I/O error"))

    monkeypatch.setattr(_Thread, "_open", fail)
    before = threading.active_count()
    reading = asyncio.create_task(SqliteConnections(tmp_path / "dialer.db").read(lambda _: None))
    await begun.wait()
    for _ in range(cancels):
        reading.cancel()
        await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError if cancels else OperationalError):
        await reading
    del reading
    gc.collect()
    await wait_until(lambda: threading.active_count() == before, "its thread has ended")
    assert not caplog.records
