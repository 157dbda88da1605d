"""Figures of tasks: exact at any time, and cheap from the second look on."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
import pytest_asyncio
from sqlalchemy import Connection, event, insert

from dialer.model.outcome import Outcome
from dialer.model.task import Number
from dialer.store import console
from dialer.store.attempts import claim_attempt, mark_spooled, requeue_attempt, save_answer, save_result
from dialer.store.console import DONE, WAITING, fetch_numbers
from dialer.store.database import Operation, Store, Transaction
from dialer.store.finishing import close_by_signal
from dialer.store.lists import DROPPED_TOPIC
from dialer.store.schema import attempt
from dialer.store.tallies import MINUTE_US, Chart, Tallies, Tally
from dialer.store.tasks import TaskChange, change_task, delete_task
from tests.store.making import a_task, first_order, lost, new_task, numbers, url_of

MANY = 300_000
NOW_NS = 1_760_000_000_000_000_000


class Watched:
    """A store, and the tallies that somebody looks at again and again."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.tallies = Tallies()
        store.listen(DROPPED_TOPIC, lambda detail: self.tallies.drop(int(detail)))

    async def look(self, task_id: int) -> Tally:
        """What is seen, which must be what is there."""
        await self.store.read(lambda connection: self.tallies.refresh(connection, [task_id]))
        seen, fresh = self.tallies.of(task_id), Tallies()
        await self.store.read(lambda connection: fresh.refresh(connection, [task_id]))
        assert seen == fresh.of(task_id)
        return seen

    async def figures(self, task_id: int) -> tuple[int, int, int, int]:
        tally = await self.look(task_id)
        return tally.total, tally.waiting, tally.in_progress, tally.done

    async def call(self, task_id: int) -> None:
        """One call from its call file to its end, which nobody knows."""
        order = await first_order(self.store, task_id)
        await self.store.write(mark_spooled(order))
        await self.store.write(claim_attempt(order.attempt_id, "1", ""))
        await self.store.write(save_result(lost(order)))


@pytest_asyncio.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    store = await Store.open(url_of(tmp_path / "dialer.db"))
    yield Watched(store)
    await store.close()


async def test_each_step_of_a_call_is_seen_at_the_next_look(watched: Watched) -> None:
    store = watched.store
    task_id, other_id = await new_task(store, 4), await new_task(store, 2)
    assert await watched.figures(task_id) == (4, 4, 0, 0)
    order = await first_order(store, task_id)
    await store.write(mark_spooled(order))
    assert await watched.figures(task_id) == (4, 3, 1, 0)
    await store.write(requeue_attempt(order.attempt_id))
    assert await watched.figures(task_id) == (4, 4, 0, 0)
    await store.write(mark_spooled(order))
    await store.write(claim_attempt(order.attempt_id, "1", ""))
    assert await watched.figures(task_id) == (4, 3, 1, 0)
    await store.write(save_result(lost(order)))
    assert await watched.figures(task_id) == (4, 3, 0, 1)
    await store.write(close_by_signal("9520000001", None))
    assert await watched.figures(task_id) == (4, 2, 0, 2)
    assert watched.tallies.of(task_id).results == {Outcome.FAIL: 1, Outcome.SUCCESS_EXTERNAL_SIGNAL: 1}
    assert await watched.figures(other_id) == (2, 1, 0, 1)


async def test_results_are_each_counted_once_while_the_clock_stands_still(watched: Watched) -> None:
    """As when the machine's clock was set back."""
    with patch("time.time_ns", return_value=NOW_NS):
        task_id = await new_task(watched.store, 5)
        for done in range(1, 5):
            await watched.call(task_id)
            assert await watched.figures(task_id) == (5, 5 - done, 0, done)
            assert await watched.figures(task_id) == (5, 5 - done, 0, done)


async def test_a_list_that_drops_numbers_and_adds_others_is_seen_at_once(watched: Watched) -> None:
    task_id = await new_task(watched.store, 5)
    await watched.call(task_id)
    assert await watched.figures(task_id) == (5, 4, 0, 1)
    shorter = a_task()
    await watched.store.write(change_task(task_id, None, replace_numbers(shorter, numbers(8)[2:])))
    assert await watched.figures(task_id) == (6, 6, 0, 0)
    await watched.store.write(change_task(task_id, None, replace_numbers(shorter, numbers(9)[2:])))
    assert await watched.figures(task_id) == (7, 7, 0, 0)
    await watched.store.write(delete_task(task_id))
    assert await watched.figures(task_id) == (0, 0, 0, 0)


async def test_rows_that_are_dropped_amid_a_look_are_not_seen_at_the_next(watched: Watched) -> None:
    task_id = await new_task(watched.store, 5)
    await watched.look(task_id)
    shorter = change_task(task_id, None, replace_numbers(a_task(), numbers(2)))
    looking = asyncio.create_task(watched.store.read(lambda connection: watched.tallies.refresh(connection, [task_id])))
    await asyncio.gather(watched.store.write(shorter), looking)
    assert await watched.figures(task_id) == (2, 2, 0, 0)


async def test_a_look_that_fails_leaves_everything_to_the_next(watched: Watched) -> None:
    task_id = await new_task(watched.store, 3)
    await watched.look(task_id)
    watched.tallies.drop(task_id)
    with pytest.raises(ZeroDivisionError), patch("dialer.store.tallies._counted", side_effect=ZeroDivisionError):
        await watched.look(task_id)
    await watched.call(task_id)
    assert await watched.figures(task_id) == (3, 2, 0, 1)


async def test_many_tasks_are_counted_by_several_looks_in_the_order_asked_for(watched: Watched) -> None:
    ids = [await new_task(watched.store, 2) for _ in range(4)]

    async def counted(within_s: float) -> list[bool]:
        await watched.store.read(lambda connection: watched.tallies.refresh(connection, ids[::-1], within_s))
        return [watched.tallies.is_counted(one) for one in ids]

    assert await counted(0.0) == [False, False, False, True]
    await watched.call(ids[3])
    assert await counted(0.0) == [False, False, True, True]
    assert watched.tallies.of(ids[3]).done == 1
    assert await counted(10.0) == [True] * 4
    assert await watched.figures(ids[0]) == (2, 2, 0, 0)


async def test_where_order_is_not_promised_everything_is_counted_anew(watched: Watched) -> None:
    """As on PostgreSQL: a row with an id and a stamp of before is committed after the look."""
    store = watched.store
    task_id = await new_task(store, 3)
    chart = Chart()

    def late(tx: Transaction) -> None:
        tx.connection.execute(insert(attempt).values(
            id=1_000_000, task_id=task_id, attempt_number=1, phone_id="9530000001", phone="79530000001",
            state="endCall", result="FAIL", changed_us=60_000_001, closed_us=60_000_001))  # fmt: skip

    with patch("dialer.store.tallies._is_ordered", return_value=False):
        await watched.call(task_id)
        assert await watched.figures(task_id) == (3, 2, 0, 1)
        chart = await store.read(lambda connection: chart.refreshed(connection, task_id))
        later = watched.tallies._place
        watched.tallies._place = replace(later, last_id=2_000_000)
        await store.write(late)
        assert await watched.figures(task_id) == (4, 2, 0, 2)
        chart = await store.read(lambda connection: chart.refreshed(connection, task_id))
        assert sum(chart.minutes.values()) == 2


async def test_a_chart_is_the_same_looked_at_often_or_once(watched: Watched) -> None:
    store, chart = watched.store, Chart()
    clock_ns = NOW_NS
    with patch("time.time_ns", side_effect=lambda: clock_ns):
        task_id = await new_task(store, 6)
        for place in range(6):
            order = await first_order(store, task_id)
            value = f"answer-{order.attempt_id}-0123456789abcdef.wav" if place % 2 else "да"
            await watched.call(task_id)
            await store.write(save_answer(order.attempt_id, 1, "1", value, "1"))
            chart = await store.read(lambda connection, chart=chart: chart.refreshed(connection, task_id))  # type: ignore[misc]
            clock_ns += 40_000_000_000
    fresh = await store.read(lambda connection: Chart().refreshed(connection, task_id))
    assert chart == fresh
    assert chart.answers == {(1, "1", "да"): 3, (1, "1", None): 3}
    assert sum(chart.minutes.values()) == 6
    assert all(minute_us % MINUTE_US == 0 for minute_us, _ in chart.minutes)
    assert len(chart.minutes) == 4


def replace_numbers(change: TaskChange, listed: list[Number]) -> TaskChange:
    return replace(change, numbers=listed)


def fill(task_id: int) -> Operation[None]:
    """Many numbers, three of four done."""

    def operation(tx: Transaction) -> None:
        for start in range(0, MANY, 10_000):
            tx.connection.execute(
                insert(attempt),
                [
                    {
                        "task_id": task_id, "attempt_number": 1, "phone_id": f"953{place:07d}",
                        "phone": f"7953{place:07d}", "state": "endCall" if place % 4 else "CreateTask",
                        "result": ("SUCCESS_POLLING", "FAIL")[place % 2] if place % 4 else None,
                        "changed_us": tx.now_us, "closed_us": tx.now_us if place % 4 else None,
                    }
                    for place in range(start, start + 10_000)
                ],
            )  # fmt: skip

    return operation


async def test_a_second_look_at_300000_rows_costs_little(watched: Watched) -> None:
    store = watched.store
    task_id = await new_task(store, 5)
    await store.write(fill(task_id))

    async def took_s(of: int) -> float:
        began_s = time.perf_counter()
        await store.read(lambda connection: watched.tallies.refresh(connection, [of]))
        return time.perf_counter() - began_s

    first_s = await took_s(task_id)
    later_s = []
    for _ in range(5):
        await watched.call(task_id)
        later_s.append(await took_s(task_id))
    print(f"first look {first_s:.3f} s, later {later_s}")
    assert min(later_s) * 20 < first_s
    assert await watched.figures(task_id) == (MANY + 5, MANY // 4, 0, MANY * 3 // 4 + 5)


async def test_a_page_is_chosen_from_so_many_rows_and_goes_on(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "LOOKED_AT", 10)
    store = watched.store
    task_id = await new_task(store, 35)
    await store.write(close_by_signal("9520000023", None))
    found, pages, after = [], 0, None
    while True:
        page = await store.read(
            lambda connection, after=after: fetch_numbers(connection, task_id, after=after, limit=5, state=DONE)  # type: ignore[misc]
        )
        found += [row.phone_id for row in page.rows]
        pages, after = pages + 1, page.after
        if after is None:
            break
    assert found == ["9520000023"]
    assert pages == 4
    page = await store.read(lambda connection: fetch_numbers(connection, task_id, limit=100, state=WAITING))
    assert [row.phone_id for row in page.rows] == [f"952{place:07d}" for place in range(10)]


async def test_the_minutes_of_calls_are_found_without_looking_at_others(watched: Watched) -> None:
    store, plans = watched.store, list[str]()
    task_id, since_us = await new_task(store, 3), time.time_ns() // 1000
    await watched.call(task_id)
    await watched.call(task_id)
    await store.write(close_by_signal("9520000002", task_id))
    until_us = time.time_ns() // 1000 + MINUTE_US

    def query(connection: Connection) -> Counter[str]:
        def explain(_connection: object, _cursor: object, statement: str, values: object, *_: object) -> None:
            asked.append((statement, values))

        asked: list[tuple[str, object]] = []
        event.listen(connection, "before_cursor_execute", explain)
        found = console.fetch_call_minutes(connection, since_us, until_us)
        event.remove(connection, "before_cursor_execute", explain)
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[-1][0]}", asked[-1][1])  # type: ignore[arg-type]
        plans.extend(row[3] for row in rows.all())
        assert console.fetch_call_minutes(connection, 1, since_us) == {}
        assert all(minute_us % MINUTE_US == 0 and minute_us <= until_us for minute_us in found)
        return sum(found.values(), Counter())

    assert await store.read(query) == {"FAIL": 2}
    assert "SEARCH attempt USING INDEX attempt_changed (changed_us>? AND changed_us<?)" in plans, plans
