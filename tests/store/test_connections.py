"""Readers of a SQLite file: none outlives the store, nor holds up the end of the process."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection

from dialer.store.database import Store, StoreError
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
