"""A large list that is joined to a task while its numbers are dialled, and while others add to it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from dialer.dispatch import large_lists
from dialer.dispatch.scheduler import LOOK_AGAIN_S
from dialer.model.task import Number, TaskState
from dialer.store import tasks
from dialer.store.database import StoreError, Transaction
from dialer.store.finishing import SPENT_TOPIC, TASK_TOPIC
from dialer.store.joining import end_joining, is_joining
from dialer.store.schema import JOINING, meta, task
from tests.dispatch.test_joined_lists import AFTER, BEFORE, CHANGE, Listed, phones
from tests.dispatch.test_scheduler import BUSY, Bench, bench
from tests.rig.waiting import wait_until
from tests.store.making import ask

__all__ = ["bench"]
OLD, NEW = "79990000001", "79990000002"
PHONES = "SELECT phone_id FROM attempt ORDER BY phone_id"
OF_LISTS = "SELECT key FROM meta WHERE key LIKE 'list-part:%' OR key LIKE 'joining:%'"
NUMBERS = [Number(f"7952{place:07d}", f"952{place:07d}", caller_id=OLD) for place in range(8)]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LEAST_BLOCKS", "MOST_OF_JOINING"):
        monkeypatch.setattr(large_lists, name, 1)


def before_parts(bench: Bench, monkeypatch: pytest.MonkeyPatch, amid: Callable[[int], Awaitable[None]]) -> list[int]:
    """Have `amid` done before each part of a list is joined, with how many there were; they are noted."""
    write = bench.store.write
    parts: list[int] = []

    async def watched(operation: Any) -> Any:
        is_part = "join.<locals>" in operation.__qualname__
        if is_part:
            await amid(len(parts))
        result = await write(operation)
        if is_part and result:
            parts.append(1)
        return result

    monkeypatch.setattr(bench.store, "write", watched)
    return parts


async def begin(bench: Bench, numbers: list[Number], **said: Any) -> int:
    return (await bench.desk.save("k", None, replace(CHANGE, numbers=numbers, **said))).task_id


async def post(bench: Bench, numbers: list[Number], **said: Any) -> None:
    await bench.desk.save("k", None, replace(CHANGE, **said), numbers=Listed(bench.store, numbers))


async def test_numbers_that_were_read_amid_a_list_are_dialled_as_it_says(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = await begin(bench, NUMBERS)
    await bench.settled_files(1)
    stale = 0

    async def amid(_parts: int) -> None:
        """The only channel is in use: what is in stock is for the next calls."""
        nonlocal stale
        queue = bench.scheduler._queues[task_id]
        stored = ask(bench.database, "SELECT id, caller_id FROM attempt")
        assert {(one.attempt_id, one.caller_id) for one in queue.in_stock()} <= set(stored)
        await queue.restock(bench.scheduler._now())
        stale += sum(one.caller_id == OLD for one in queue.in_stock())

    before_parts(bench, monkeypatch, amid)
    await post(bench, [replace(one, caller_id=NEW) for one in NUMBERS[:6]])
    assert stale
    dialled = 0
    while dialled < 6:
        (file,) = await bench.settled_files(1)
        text = (bench.spool / file).read_text()
        assert (NEW if dialled else OLD) in text  # the first one had its call file before
        (attempt_id,) = bench.take()
        assert await bench.ledger.claim(attempt_id, "", "")
        bench.ledger.note(attempt_id, BUSY)
        dialled += 1
    await wait_until(lambda: task_id not in bench.scheduler._queues, "every number is finished")


async def test_a_task_that_the_engine_pauses_while_its_stock_is_renewed_is_paused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the engine has changed is not taken for changed by the CRM."""
    task_id = await begin(bench, NUMBERS)
    await bench.settled_files(1)
    read = bench.store.read

    async def renewed_meanwhile(query: Any) -> Any:
        found = await read(query)
        bench.scheduler._stock_is_old(str(task_id))
        return found

    def pause(tx: Transaction) -> None:
        tx.connection.execute(update(task).values(state=TaskState.PAUSED.value))
        tx.tell(TASK_TOPIC, str(task_id))

    monkeypatch.setattr(bench.store, "read", renewed_meanwhile)
    await bench.store.write(pause)
    await wait_until(lambda: not bench.scheduler.dials(task_id), "the scheduler knows it")


async def test_of_a_paused_task_whose_list_is_joined_nobody_says_that_it_has_spent(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    task_id = await begin(bench, BEFORE, state=TaskState.PAUSED)
    with caplog.at_level(logging.WARNING):
        await post(bench, AFTER)
        await wait_until(lambda: not bench.scheduler._changed_tasks, "the task is looked at")
        assert "spent" not in caplog.text
        await bench.store.write(lambda tx: tx.tell(SPENT_TOPIC, str(task_id)))
        assert f"task {task_id}: paused, it has spent what it may" in caplog.text


async def test_an_open_task_with_nothing_to_dial_is_not_asked_all_the_time_while_its_list_is_joined(
    bench: Bench,
) -> None:
    joining = '{"list_id": "x", "parts": 1, "since_us": 1, "has_clients": false, "done": 1}'
    task_id = await begin(bench, [], state=TaskState.PAUSED)

    def has_list(tx: Transaction) -> None:
        tx.connection.execute(insert(meta), {"key": f"{JOINING}{task_id}", "value": joining})

    await bench.store.write(has_list)
    await bench.desk.change(task_id, None, replace(CHANGE, state=TaskState.OPEN))
    await wait_until(lambda: task_id in bench.scheduler._timers, "a timer")
    timer = bench.scheduler._timers[task_id]
    assert timer.when() - asyncio.get_running_loop().time() > 2 * LOOK_AGAIN_S
    await bench.store.write(end_joining(task_id))
    await wait_until(lambda: task_id not in bench.scheduler._queues, "every number is finished")
    assert await bench.state_of(task_id) is TaskState.CLOSED


def at_once_is_refused(tx: Transaction, task_id: int) -> None:
    assert not is_joining(tx.connection, task_id), "a list is joined by one operation"


@pytest.mark.parametrize("fails", [False, True])
async def test_numbers_added_amid_a_list_wait_until_it_is_joined_part_by_part(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """Also where the rest of it was to follow later."""
    task_id = await begin(bench, BEFORE, state=TaskState.PAUSED)
    adding: list[asyncio.Task[Any]] = []
    added = [BEFORE[3], Number("79520000061", "9520000061")]

    async def amid(parts: int) -> None:
        if parts == 1 and not adding:
            adding.append(asyncio.create_task(bench.desk.add_numbers(task_id, added)))
            await asyncio.sleep(0)  # it waits for nothing before
            if fails:
                raise StoreError("the disk is full")
        if parts:
            assert fails or not adding[0].done()

    parts = before_parts(bench, monkeypatch, amid)
    with monkeypatch.context() as patched:
        patched.setattr(tasks, "finish_joining", at_once_is_refused)
        await post(bench, AFTER)
        done = await adding[0]
    assert done is not None
    assert done[1] == 2
    assert len(parts) > 3
    assert ask(bench.database, PHONES) == phones([*AFTER, *added])
    assert ask(bench.database, OF_LISTS) == []


async def test_a_part_that_is_lost_counts_as_done(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await begin(bench, BEFORE, state=TaskState.PAUSED)
    write = bench.store.write

    async def amid(parts: int) -> None:
        if parts == 1:
            await write(lambda tx: tx.connection.execute(delete(meta).where(meta.c.key.like("list-part:%:2"))))

    before_parts(bench, monkeypatch, amid)
    await post(bench, AFTER)
    assert "a part of its list is lost" in caplog.text
    kept = [one for one in ask(bench.database, PHONES) if one in phones(AFTER)]
    assert kept == phones(AFTER)
    assert ask(bench.database, OF_LISTS) == []
