"""Another process holds the database's write lock."""

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import Awaitable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from dialer.store.attempts import claim_attempt, mark_spooled
from dialer.store.database import GROUP_SIZE, Store, StoreError, Transaction
from dialer.store.sqlite import BUSY_TIMEOUT_S
from dialer.store.tasks import TaskChange, change_task, fetch_task, fetch_tasks, save_task
from tests.rig.waiting import wait_until
from tests.store.making import a_task, first_order, new_task, url_of

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE task SET name = 'by the other process'")
print("locked", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
"""
LOOP_PAUSE_S = 0.5


@contextmanager
def locked_by_another_process(database: Path) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-c", HOLD, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        try:
            yield holder
        finally:
            holder.communicate("\n")


async def longest_pause_s(store: Store, waited_for: Awaitable[object]) -> float:
    """Read again and again until it is done; the longest time that a read or the loop itself took."""
    future = asyncio.ensure_future(waited_for)
    longest_s, last_s, reads = 0.0, time.monotonic(), 0
    while not future.done():
        await store.read(lambda connection: fetch_tasks(connection, None, 0, 10))
        now_s = time.monotonic()
        longest_s, last_s, reads = max(longest_s, now_s - last_s), now_s, reads + 1
    assert reads > 10
    return longest_s


async def test_while_locked_a_whole_group_fails_in_one_time_out_and_reads_go_on(tmp_path: Path) -> None:
    store = await Store.open(url_of(tmp_path / "dialer.db"))
    task_id = await new_task(store)
    with locked_by_another_process(tmp_path / "dialer.db"):
        began_s = time.monotonic()
        futures = [store.submit(save_task(None, None, a_task())) for _ in range(GROUP_SIZE)]
        all_done = asyncio.gather(*futures, return_exceptions=True)
        assert await longest_pause_s(store, all_done) < LOOP_PAUSE_S
        assert time.monotonic() - began_s < 2 * BUSY_TIMEOUT_S
        for outcome in all_done.result():
            assert isinstance(outcome, StoreError)
            assert str(outcome) == f"the database {tmp_path}/dialer.db failed: database is locked"
        assert [task.task_id for task in await store.read(lambda c: fetch_tasks(c, None, 0, 10))] == [task_id]
    await store.write(change_task(task_id, None, TaskChange(name="after")))
    tasks = await store.read(lambda connection: fetch_tasks(connection, None, 0, 10))
    assert [(task.task_id, task.name) for task in tasks] == [(task_id, "after")]
    await store.close()


async def test_a_lock_that_ends_in_time_is_waited_for(tmp_path: Path) -> None:
    store = await Store.open(url_of(tmp_path / "dialer.db"))
    task_id = await new_task(store)
    with locked_by_another_process(tmp_path / "dialer.db"):
        futures = [store.submit(change_task(task_id, None, TaskChange(name=str(place)))) for place in range(20)]
        await store.read(lambda connection: fetch_task(connection, task_id))
        assert not any(future.done() for future in futures)
    await asyncio.gather(*futures)
    task = await store.read(lambda connection: fetch_task(connection, task_id))
    assert task is not None
    assert task.name == "19"
    await store.close()


async def test_a_claim_refused_by_a_lock_was_not_granted(tmp_path: Path) -> None:
    store = await Store.open(url_of(tmp_path / "dialer.db"))
    order = await first_order(store, await new_task(store))
    await store.write(mark_spooled(order))
    with locked_by_another_process(tmp_path / "dialer.db"), pytest.raises(StoreError, match="locked"):
        await store.write(claim_attempt(order.attempt_id, "", ""))
    assert await store.write(claim_attempt(order.attempt_id, "", "")) is True
    await store.close()


async def test_a_lock_taken_while_a_group_is_repeated_is_waited_for_once(tmp_path: Path) -> None:
    store = await Store.open(url_of(tmp_path / "dialer.db"))
    task_id = await new_task(store)
    with closing(sqlite3.connect(tmp_path / "dialer.db", isolation_level=None)) as other:

        def fail(_tx: Transaction) -> None:
            raise LookupError("on purpose")

        first = store.submit(change_task(task_id, None, TaskChange(name="first")))
        first.add_done_callback(lambda _: other.execute("BEGIN IMMEDIATE"))
        wrong = store.submit(fail)
        futures = [store.submit(change_task(task_id, None, TaskChange(name=str(place)))) for place in range(100)]
        began_s = time.monotonic()
        outcomes = await asyncio.gather(first, wrong, *futures, return_exceptions=True)
        assert time.monotonic() - began_s < 2 * BUSY_TIMEOUT_S
        assert isinstance(outcomes[-1], StoreError)
        assert other.in_transaction
    await store.close()


async def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    store = await Store.open(url_of(tmp_path / "dialer.db"))
    task_id = await new_task(store)
    with locked_by_another_process(tmp_path / "dialer.db") as holder:
        future = store.submit(change_task(task_id, None, TaskChange(name="mine")))
        holder.kill()
        await wait_until(future.done, "the lock is gone with its holder")
    changed = await future
    assert changed is not None
    assert changed.name == "mine"
    await store.close()
