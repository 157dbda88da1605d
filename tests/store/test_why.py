"""What is told about a task: cheap however long its list."""

import time

from sqlalchemy import Connection, event, insert, update

from dialer.model.attempt import AttemptState
from dialer.model.situation import MOST_COUNTED
from dialer.store.attempts import mark_spooled, save_result
from dialer.store.database import Store, Transaction
from dialer.store.schema import attempt
from dialer.store.tasks import delete_task
from dialer.store.why import Asked, TaskFacts, fetch_facts
from tests.store.making import first_order, lost, new_task

LONG = 200_000
MOST_S = 0.05
"""A query that reads every row of the list takes many times longer."""


async def facts(store: Store, task_id: int, phone_id: str | None = None, since_us: int = 0) -> TaskFacts | None:
    return await store.read(lambda connection: fetch_facts(connection, Asked(task_id, phone_id, since_us)))


async def known(store: Store, task_id: int, phone_id: str | None = None, since_us: int = 0) -> TaskFacts:
    found = await facts(store, task_id, phone_id, since_us)
    assert found is not None
    return found


async def post_long(store: Store) -> int:
    """A task of very many numbers."""
    task_id = await new_task(store, 1)
    rows = [
        {"task_id": task_id, "attempt_number": 1, "phone_id": f"953{place:07d}", "phone": f"7953{place:07d}",
         "state": AttemptState.CREATED.value, "changed_us": 1}
        for place in range(LONG)
    ]  # fmt: skip
    await store.write(lambda tx: tx.connection.execute(insert(attempt), rows) and None)
    return task_id


async def finish_first(store: Store, task_id: int) -> None:
    order = await first_order(store, task_id)
    await store.write(mark_spooled(order))
    await store.write(save_result(lost(order)))


async def test_a_task_that_is_not_there_has_no_facts(store: Store) -> None:
    assert await facts(store, 5) is None
    task_id = await new_task(store)
    await store.write(delete_task(task_id))
    assert await facts(store, task_id) is None


async def test_a_number_is_found_with_its_place_and_its_result(store: Store) -> None:
    task_id = await new_task(store, 4)
    found = await known(store, task_id, "9520000002")
    assert found.waiting == len(found.waiting_ids) == 4
    assert found.number is not None
    assert (found.number.state, found.number.before) == (AttemptState.CREATED, 2)
    await finish_first(store, task_id)
    found = await known(store, task_id, "9520000002")
    assert found.number is not None
    assert (found.waiting, found.number.before) == (3, 1)
    found = await known(store, task_id, "9520000000")
    assert found.number is not None
    assert (found.number.result, found.number.before) == ("FAIL", 0)
    assert (await known(store, task_id, "9529999999")).number is None
    assert (await known(store, await new_task(store, 1), "9520000002")).number is None, "it is another task's"


async def test_a_long_queue_is_counted_to_a_bound_and_quickly(store: Store) -> None:
    task_id = await post_long(store)
    took_s = 1.0
    for _ in range(5):  # others work on this machine too
        began_s = time.perf_counter()
        found = await known(store, task_id, f"953{LONG - 1:07d}")
        took_s = min(took_s, time.perf_counter() - began_s)
    print(f"\nfacts of a task of {LONG} numbers: {took_s * 1000:.1f} ms")
    assert (found.waiting, list(found.waiting_ids)) == (MOST_COUNTED + 1, [])
    assert found.number is not None
    assert found.number.before == MOST_COUNTED + 1
    assert took_s < MOST_S


async def test_no_query_reads_a_table_row_by_row(store: Store) -> None:
    """Every step is a search in an index, or a scan of one of our own bounded selections."""
    task_id, plans = await new_task(store, 3), list[str]()

    def explained(connection: Connection) -> None:
        def explain(_connection: object, cursor: object, statement: str, parameters: object, *_: object) -> None:
            if statement.startswith("SELECT"):
                statements.append((statement, parameters))

        statements: list[tuple[str, object]] = []
        event.listen(connection, "before_cursor_execute", explain)
        fetch_facts(connection, Asked(task_id, "9520000002", 0))
        event.remove(connection, "before_cursor_execute", explain)
        for statement, parameters in statements:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]
            plans.extend(row[3] for row in rows)

    await store.read(explained)
    print("\n" + "\n".join(plans))
    reads = [plan for plan in plans if "attempt" in plan]
    assert len(reads) == 6
    assert all(plan.startswith("SEARCH") for plan in reads)
    assert sum("attempt_ready" in plan for plan in reads) == 4
    assert sum("attempt_changed" in plan for plan in reads) == 1


async def test_failures_of_the_provider_are_told_as_far_as_they_stand_in_a_row(store: Store) -> None:
    task_id = await new_task(store, 8)

    def results(*given: str) -> object:
        def operation(tx: Transaction) -> None:
            for place, result in enumerate(given):
                tx.connection.execute(
                    update(attempt)
                    .where(attempt.c.task_id == task_id, attempt.c.phone_id == f"952{place:07d}")
                    .values(state="failedOriginate", result=result, cause=f"cause {place}", changed_us=1000 + place,
                            closed_us=1000 + place)
                )  # fmt: skip

        return operation

    await store.write(results("FAIL_PROVIDER", "FAIL", *["FAIL_PROVIDER"] * 5))  # type: ignore[arg-type]
    assert (await known(store, task_id)).provider_failures == [f"cause {place}" for place in (6, 5, 4, 3, 2)]
    assert (await known(store, task_id, since_us=1004)).provider_failures == ["cause 6", "cause 5", "cause 4"]
    assert (await known(store, await new_task(store))).provider_failures == []
