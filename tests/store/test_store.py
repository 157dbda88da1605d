"""The store on real SQLite files."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, insert, update

from dialer.model.task import Number, TaskState
from dialer.store.attempts import claim_attempt, mark_spooled, requeue_attempt, save_answer, save_result
from dialer.store.database import Store, StoreError, Transaction
from dialer.store.queue import fetch_due, fetch_new, fetch_next_due_us, fetch_zones
from dialer.store.results import fetch_answers_since
from dialer.store.schema import answer, attempt
from dialer.store.tasks import TaskChange, change_task, close_task_if_done, fetch_task
from tests.store.making import fetch_results_since, fetch_task_results, first_order, lost, new_task

SECOND_US = 1_000_000


async def test_a_claim_is_granted_once(store: Store) -> None:
    order = await first_order(store, await new_task(store))
    await store.write(mark_spooled(order))
    claims = [store.write(claim_attempt(order.attempt_id, "rig-1", "[C-1]")) for _ in range(10)]
    assert sorted(await asyncio.gather(*claims)) == [False] * 9 + [True]


async def test_no_claim_without_a_call_file_or_for_a_paused_task(store: Store) -> None:
    task_id = await new_task(store)
    order = await first_order(store, task_id)
    assert await store.write(claim_attempt(order.attempt_id, "", "")) is False
    await store.write(mark_spooled(order))
    await store.write(change_task(task_id, None, TaskChange(state=TaskState.PAUSED)))
    assert await store.write(claim_attempt(order.attempt_id, "", "")) is False
    await store.write(change_task(task_id, None, TaskChange(state=TaskState.OPEN)))
    assert await store.write(claim_attempt(order.attempt_id, "", "")) is True


async def test_an_attempt_with_a_result_is_never_claimed_requeued_or_changed(store: Store) -> None:
    task_id = await new_task(store)
    order = await first_order(store, task_id)
    await store.write(mark_spooled(order))
    await store.write(claim_attempt(order.attempt_id, "", ""))
    await store.write(save_result(lost(order)))
    before = await store.read(lambda connection: fetch_task_results(connection, task_id))
    await store.write(requeue_attempt(order.attempt_id))
    await store.write(mark_spooled(order))
    assert await store.write(claim_attempt(order.attempt_id, "", "")) is False
    await store.write(save_result(lost(order)))
    assert await store.read(lambda connection: fetch_task_results(connection, task_id)) == before


async def test_the_schema_itself_refuses_a_second_result(store: Store) -> None:
    task_id = await new_task(store)
    order = await first_order(store, task_id)
    await store.write(mark_spooled(order))
    await store.write(claim_attempt(order.attempt_id, "", ""))
    await store.write(save_result(lost(order)))

    def overwrite(tx: Transaction) -> None:
        tx.connection.execute(update(attempt).where(attempt.c.id == order.attempt_id).values(result="SUCCESS"))

    with pytest.raises(StoreError, match="already has its result"):
        await store.write(overwrite)

    def second_row(tx: Transaction) -> None:
        row = tx.connection.execute(attempt.select().where(attempt.c.id == order.attempt_id)).mappings().one()
        tx.connection.execute(insert(attempt).values({**row, "id": None}))

    with pytest.raises(StoreError, match="UNIQUE"):
        await store.write(second_row)


async def test_one_failing_operation_does_not_take_its_group_along(store: Store) -> None:
    def fail(_tx: Transaction) -> None:
        raise LookupError("on purpose")

    task_id = await new_task(store)
    good = [store.submit(change_task(task_id, None, TaskChange(name=str(place)))) for place in range(5)]
    bad = store.submit(fail)
    more = [store.submit(change_task(task_id, None, TaskChange(name=f"later {place}"))) for place in range(5)]
    await asyncio.gather(*good, *more)
    with pytest.raises(LookupError):
        await bad
    task = await store.read(lambda connection: fetch_task(connection, task_id))
    assert task is not None
    assert task.name == "later 4"


async def test_answers_of_deleted_attempts_are_not_kept(store: Store) -> None:
    order = await first_order(store, await new_task(store))
    await store.write(save_answer(order.attempt_id, 1, "1", "yes", "1"))
    await store.write(save_answer(order.attempt_id + 77, 1, "1", "yes", "1"))
    rows = await store.read(lambda connection: fetch_answers_since(connection, 0, 100))
    assert [(row.attempt_id, row.result) for row in rows] == [(order.attempt_id, "yes")]


async def test_a_task_closes_when_its_last_number_is_finished(store: Store) -> None:
    task_id = await new_task(store)
    assert await store.write(close_task_if_done(task_id)) is False
    order = await first_order(store, task_id)
    await store.write(mark_spooled(order))
    assert await store.write(close_task_if_done(task_id)) is False
    await store.write(claim_attempt(order.attempt_id, "", ""))
    await store.write(save_result(lost(order)))
    assert await store.write(close_task_if_done(task_id)) is True
    assert await store.write(close_task_if_done(task_id)) is False


@pytest.mark.parametrize("claimed", [True, False])
async def test_an_unlisted_number_keeps_its_row_only_when_it_is_being_dialled(store: Store, claimed: bool) -> None:
    task_id = await new_task(store, 3)
    order = await first_order(store, task_id)
    await store.write(mark_spooled(order))
    if claimed:
        await store.write(claim_attempt(order.attempt_id, "", ""))
    await store.write(change_task(task_id, None, TaskChange(numbers=[Number("79529999999", "9529999999")])))
    rows = await store.read(lambda connection: fetch_task_results(connection, task_id))
    assert [row.phone for row in rows] == ([order.phone] if claimed else []) + ["79529999999"]
    assert await store.write(claim_attempt(order.attempt_id, "", "")) is False


@pytest.mark.parametrize("fetch", [fetch_results_since, fetch_answers_since])
@pytest.mark.parametrize("shown_us", [SECOND_US, 100])
async def test_paging_by_the_greatest_time_seen_reaches_every_row(store: Store, fetch: object, shown_us: int) -> None:
    """Also when more rows than a page holds share one step of the time that clients see."""
    sizes = [1, 3, 25, 2, 40, 1]  # rows per step; a page holds ten

    def fill(tx: Transaction) -> None:
        row = 0
        for step, size in enumerate(sizes, start=100):
            for place in range(size):
                row += 1
                common = {"phone": str(row), "phone_id": str(row), "changed_us": step * shown_us + place % shown_us}
                tx.connection.execute(insert(attempt).values(task_id=row, state="endCall", **common))
                tx.connection.execute(
                    insert(answer).values(
                        attempt_id=row, task_id=row, polling_id=1, question_id="1", result="1", exten="1", **common
                    )
                )

    await store.write(fill)
    seen: set[int] = set()
    since_us, pages = 0, 0
    while True:
        rows = await store.read(lambda connection: fetch(connection, since_us, shown_us, 10))  # type: ignore[operator]  # noqa: B023
        seen |= {row.id for row in rows}
        greatest_us = rows[-1].changed_us // shown_us * shown_us
        assert [row.changed_us for row in rows] == sorted(row.changed_us for row in rows)
        if greatest_us == since_us:
            break
        since_us, pages = greatest_us, pages + 1
        assert pages < 20
    assert len(seen) == sum(sizes)


async def test_time_stamps_never_go_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/dialer.db"
    store = await Store.open(url)
    stamp = await store.write(lambda tx: tx.now_us)
    task_id = await new_task(store)
    monkeypatch.setattr("time.time_ns", lambda: 1_000_000_000)
    assert await store.write(lambda tx: tx.now_us) >= stamp
    await store.close()
    store = await Store.open(url)  # also over a restart
    assert await store.write(lambda tx: tx.now_us) >= stamp
    assert await store.read(lambda connection: fetch_task(connection, task_id)) is not None
    await store.close()


async def test_what_was_asked_before_closing_is_committed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/dialer.db"
    store = await Store.open(url)
    task_id = await new_task(store)
    future = store.submit(change_task(task_id, None, TaskChange(name="last words")))
    await store.close()
    assert future.done()
    again = await Store.open(url)
    task = await again.read(lambda connection: fetch_task(connection, task_id))
    await again.close()
    assert task is not None
    assert task.name == "last words"


async def test_the_queue_is_read_by_its_index(store: Store) -> None:
    """No work proportional to the list for each call: neither a scan nor a sort."""
    task_id, plans = await new_task(store, 10), list[str]()

    def explained(connection: Connection) -> None:
        def explain(_connection: object, cursor: object, statement: str, parameters: object, *_: object) -> None:
            statements.append((statement, parameters))

        statements: list[tuple[str, object]] = []
        event.listen(connection, "before_cursor_execute", explain)
        fetch_zones(connection, task_id)
        fetch_due(connection, task_id, "", 1, 10)
        fetch_new(connection, task_id, "", 0, 10)
        fetch_next_due_us(connection, task_id, "", 1)
        event.remove(connection, "before_cursor_execute", explain)
        for statement, parameters in statements:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]
            plans.extend(row[3] for row in rows)

    await store.read(explained)
    assert len(plans) == 5
    assert all(plan.startswith("SEARCH attempt USING ") and "INDEX attempt_ready (task_id=? AND held=?" in plan
               for plan in plans), plans  # fmt: skip
