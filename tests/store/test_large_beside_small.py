"""What a small task costs beside large ones, and a large one beside others' rows: counted in SQLite's steps."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from dialer.model.task import Number
from dialer.store.database import Operation, Store, Transaction
from dialer.store.finishing import LIFETIME_OVER, STOPPED, close_expired
from dialer.store.list_rows import listed_row, row_blocks
from dialer.store.results import dense_page, fetch_ids, fetch_span, task_results, task_rows
from dialer.store.staging import note_staged, stage
from dialer.store.stop_list import Stop, add_stops
from dialer.store.tasks import TaskChange, add_numbers, change_task, save_task
from tests.rig.engine import Steps, counting_steps
from tests.store.making import a_task, ask, numbers, url_of

MANY = 5000


@asynccontextmanager
async def counted(database: Path) -> AsyncIterator[tuple[Store, Steps]]:
    with counting_steps() as steps:
        store = await Store.open(url_of(database))
        try:
            yield store, steps
        finally:
            await store.close()


async def test_a_small_task_is_read_without_the_rows_of_others(tmp_path: Path) -> None:
    async with counted(tmp_path / "dialer.db") as (store, steps):
        small = (await store.write(save_task(None, None, a_task(1)))).task_id
        await store.write(save_task(None, None, a_task(MANY)))
        await store.write(add_numbers(small, numbers(2)))
        before = steps.vm
        rows = await store.read(lambda connection: connection.execute(task_results(small)).all())
        assert steps.vm - before < MANY / 10
        assert [row.phone_id for row in rows] == [one.phone_id for one in numbers(2)]


async def test_the_pages_of_a_task_between_others_are_those_of_its_rows(tmp_path: Path) -> None:
    async with counted(tmp_path / "dialer.db") as (store, steps):
        sparse = (await store.write(save_task(None, None, a_task(10)))).task_id
        dense = (await store.write(save_task(None, None, a_task(MANY)))).task_id
        await store.write(add_numbers(sparse, numbers(20)))
        spans = [await store.read(partial(fetch_span, task_id=one)) for one in (sparse, dense)]
        assert [span.is_dense for span in spans] == [False, True]
        before = steps.vm
        ids = await store.read(lambda connection: fetch_ids(connection, sparse))
        rows = await store.read(lambda connection: connection.execute(task_rows(sparse, ids)).all())
        assert steps.vm - before < MANY / 2
        assert (len(rows), [row.id for row in rows]) == (20, list(ids))
        span = spans[1]
        page = await store.read(
            lambda connection: connection.execute(dense_page(dense, span.first_id, span.last_id, MANY)).all()
        )
        assert [row.id for row in page] == list(range(span.first_id, span.last_id + 1))


def stops(count: int) -> list[Stop]:
    return [Stop(one.phone, one.phone_id) for one in numbers(count)]


@pytest.mark.parametrize("how", ["made", "changed", "added"])
async def test_a_short_list_does_not_go_through_a_long_stop_list(tmp_path: Path, how: str) -> None:
    database = tmp_path / "dialer.db"
    async with counted(database) as (store, steps):
        change = replace(a_task(), numbers=[*numbers(1), Number("79529999999", "9529999999")])
        task_id = (await store.write(save_task("k", None, replace(change, numbers=[])))).task_id
        await store.write(add_stops(stops(MANY)))
        again: Operation[object] = {
            "made": save_task(None, None, change),
            "changed": change_task(task_id, None, change),
            "added": add_numbers(task_id, change.numbers or ()),
        }[how]
        before = steps.vm
        await store.write(again)
        assert steps.vm - before < MANY / 2
    assert ask(database, "SELECT cause FROM attempt ORDER BY id") == [(STOPPED,), (None,)]


async def test_a_long_list_is_not_gone_through_for_a_short_stop_list(tmp_path: Path) -> None:
    database = tmp_path / "dialer.db"
    async with counted(database) as (store, steps):
        task_id = (await store.write(save_task(None, None, a_task(MANY)))).task_id
        await store.write(add_stops(stops(2)))
        before = steps.vm
        await store.write(add_numbers(task_id, [Number(f"7952999{at:04d}", f"952999{at:04d}") for at in range(3)]))
        assert steps.vm - before < MANY / 2
    assert ask(database, "SELECT id FROM attempt WHERE closed_us IS NOT NULL ORDER BY id") == [(1,), (2,)]


async def test_a_staged_list_whose_lifetimes_are_over_is_in_nobodys_way(tmp_path: Path) -> None:
    database = tmp_path / "dialer.db"
    async with counted(database) as (store, _steps):
        now_us = time.time_ns() // 1000
        over = [replace(one, until_us=1000) for one in numbers(600)]

        def note(tx: Transaction) -> None:
            note_staged(tx.connection, 1_000)

        await store.write(note)
        await store.write(stage(1_000, list(row_blocks(map(listed_row, over), set()))))
        later_us = now_us + 3_600_000_000
        mortal = [Number("79520000001", "9520000001", until_us=now_us - 1), Number("2", "2", until_us=later_us)]
        change = TaskChange(inner_num="201", inner_num_type=a_task().inner_num_type, numbers=mortal)
        await store.write(save_task(None, None, change))
        assert await store.write(close_expired()) == later_us
    assert ask(database, "SELECT phone_id FROM attempt WHERE cause IS NOT NULL") == [("9520000001",)]
    assert ask(database, "SELECT cause FROM attempt WHERE phone_id = '9520000001' AND task_id != 1000") == [
        (LIFETIME_OVER,)
    ]


async def test_the_next_lifetime_is_found_without_looking_at_all(tmp_path: Path) -> None:
    async with counted(tmp_path / "dialer.db") as (store, steps):
        later_us = time.time_ns() // 1000 + 3_600_000_000
        mortal = [replace(one, until_us=later_us + place) for place, one in enumerate(numbers(MANY))]
        await store.write(save_task(None, None, replace(a_task(), numbers=mortal)))
        before = steps.vm
        assert await store.write(close_expired()) == later_us
        assert steps.vm - before < MANY / 10
