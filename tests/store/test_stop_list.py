"""Stop lists in the database: what is listed, what ends, by which index. Real SQLite files."""

import functools
from typing import Any

import pytest
from sqlalchemy import Connection, event

from dialer.model.attempt import Attempt, AttemptState
from dialer.model.outcome import Outcome
from dialer.model.task import InnerNumType, Number, TaskState
from dialer.model.verdict import Verdict
from dialer.store.attempts import claim_attempt, mark_spooled, save_result
from dialer.store.database import Store, Transaction
from dialer.store.finishing import QUEUE_TOPIC
from dialer.store.stop_list import (
    Stop,
    add_stops,
    end_stopped,
    fetch_stopped,
    fetch_stops,
    fetch_tasks_with_waiting,
    find_stops,
    remove_stop,
    share_out,
)
from dialer.store.tasks import TaskChange, change_task, delete_task, save_task
from tests.store.making import fetch_task_results, first_order, new_task, numbers

BUSY = Verdict(Outcome.FAIL, "SIP 486 Busy Here")
HOOK = "https://crm.example/hook"


def stop(place: int, reason: str = "") -> Stop:
    return Stop(f"7952{place:07d}", f"952{place:07d}", reason)


async def put(store: Store, places: list[int], task_id: int | None = None, reason: str = "") -> int:
    """As the API does: listed first, then ended; says how many were new."""
    stops = [stop(place, reason) for place in places]
    added = await store.write(add_stops(stops, task_id))
    tasks = await store.read(fetch_tasks_with_waiting) if task_id is None else [task_id]
    for share in share_out(tasks, len(stops)):
        await store.write(end_stopped([one.phone_id for one in stops], share))
    return added


async def results(store: Store, task_id: int) -> list[tuple[str | None, str | None]]:
    rows = await store.read(lambda connection: fetch_task_results(connection, task_id))
    return [(row.result, row.cause) for row in rows]


async def listed(store: Store, task_id: int | None = None, after_id: int = 0, limit: int = 9) -> list[tuple[str, str]]:
    rows = await store.read(lambda connection: fetch_stops(connection, task_id, after_id, limit))
    return [(row.phone_id[-1], row.reason) for row in rows]


ENDED, WAITS = ("FAIL", "Stop list"), (None, None)


async def test_what_waits_ends_in_every_task_or_in_one(store: Store) -> None:
    one, two = await new_task(store, 3), await new_task(store, 3)
    assert await put(store, [0]) == 1
    assert await put(store, [1], two) == 1
    assert await results(store, one) == [ENDED, WAITS, WAITS]
    assert await results(store, two) == [ENDED, ENDED, WAITS]


async def test_a_number_is_not_dialled_from_the_moment_it_is_listed(store: Store) -> None:
    """The daemon may be killed before the waiting attempts are ended."""
    task_id = await new_task(store)
    order = await first_order(store, task_id)
    await store.write(mark_spooled(order))
    await store.write(add_stops([stop(0)]))
    assert not await store.write(claim_attempt(order.attempt_id, "", ""))
    assert await results(store, task_id) == [ENDED]


async def test_an_attempt_with_its_call_file_out_ends_too(store: Store) -> None:
    task_id = await new_task(store)
    order = await first_order(store, task_id)
    await store.write(mark_spooled(order))
    await put(store, [0])
    assert await results(store, task_id) == [ENDED]
    assert not await store.write(claim_attempt(order.attempt_id, "", ""))


@pytest.mark.parametrize("stopped", ["", "of all tasks", "of the task"])
async def test_a_call_in_progress_goes_on_and_is_the_last(store: Store, stopped: str) -> None:
    rules = {"max_attempts": 2, "try_interval_s": 0}
    change = TaskChange(inner_num="201", inner_num_type=InnerNumType.EXTEN, numbers=numbers(1), rules=rules)
    task_id = (await store.write(save_task(None, None, change))).task_id
    order = await first_order(store, task_id)
    await store.write(mark_spooled(order))
    assert await store.write(claim_attempt(order.attempt_id, "", ""))
    if stopped:
        await put(store, [0], task_id if stopped == "of the task" else None)
    assert await results(store, task_id) == [WAITS]
    busy = Attempt(order.attempt_id, task_id, InnerNumType.EXTEN, AttemptState.DIALLING, verdict=BUSY)
    await store.write(save_result(busy))
    assert await results(store, task_id) == [(BUSY.outcome.value, BUSY.cause), *([] if stopped else [WAITS])]


async def test_numbers_said_again_are_counted_as_known_and_keep_the_reason_that_is_not_said_anew(store: Store) -> None:
    assert await put(store, [0, 1], reason="asked us to") == 2
    assert await put(store, [0, 2]) == 1
    assert await put(store, [1], reason="court") == 0
    assert await listed(store) == [("0", "asked us to"), ("1", "court"), ("2", "")]
    assert await put(store, [1], 7) == 1, "another list"


async def test_pages_go_on_behind_an_id_and_each_list_is_by_itself(store: Store) -> None:
    await put(store, [0, 1, 2])
    await put(store, [3], 7)
    first = (await store.read(lambda connection: fetch_stops(connection, None, 0, 1)))[0]
    assert (first.task_id, first.phone, first.created_us > 0) == (None, "79520000000", True)
    assert await listed(store, None, first.row_id, 1) == [("1", "")]
    assert await listed(store, 7) == [("3", "")]


async def test_one_phone_is_found_on_all_its_lists(store: Store) -> None:
    await put(store, [0], 7)
    await put(store, [0])
    found = await store.read(lambda connection: find_stops(connection, "9520000000"))
    assert [row.task_id for row in found] == [None, 7]
    asked = [f"952{place:07d}" for place in range(1200)]
    await put(store, [1100], 7)
    for task_id, stopped in ((None, {asked[0]}), (7, {asked[0], asked[1100]}), (8, {asked[0]})):
        asking = functools.partial(fetch_stopped, phone_ids=asked, task_id=task_id)
        assert await store.read(asking) == stopped


async def test_taken_off_it_is_dialled_when_it_is_posted_anew(store: Store) -> None:
    await put(store, [0])
    assert await store.write(remove_stop("9520000000"))
    assert not await store.write(remove_stop("9520000000"))
    assert await results(store, await new_task(store)) == [WAITS]


async def test_a_deleted_task_takes_its_list_with_it(store: Store) -> None:
    task_id = await new_task(store)
    await put(store, [0], task_id)
    await put(store, [1])
    await store.write(delete_task(task_id))
    assert (await listed(store, task_id), await listed(store)) == ([], [("1", "")])


async def test_results_are_told_and_the_queue_is_looked_at(store: Store) -> None:
    told: list[str] = []
    store.listen(QUEUE_TOPIC, told.append)
    task_id = await new_task(store, 2)
    await store.write(change_task(task_id, None, TaskChange(notify_url=HOOK)))
    await put(store, [0])
    assert told == [str(task_id)]
    assert await store.read(lambda connection: connection.exec_driver_sql("SELECT count(*) FROM event").scalar()) == 1


async def test_the_client_s_next_number_has_its_turn(store: Store) -> None:
    one, two = (Number(f"7952000000{place}", f"952000000{place}", client_id="c") for place in (0, 1))
    change = TaskChange(inner_num="201", inner_num_type=InnerNumType.EXTEN, numbers=[one, two])
    task_id = (await store.write(save_task(None, None, change))).task_id
    await put(store, [0])
    assert await results(store, task_id) == [ENDED, WAITS]
    assert (await first_order(store, task_id)).phone == two.phone


async def test_only_tasks_with_something_waiting_are_gone_through(store: Store) -> None:
    finished, spooled, paused = [await new_task(store) for _ in range(3)]
    await put(store, [0], finished)
    await store.write(mark_spooled(await first_order(store, spooled)))
    await store.write(change_task(paused, None, TaskChange(state=TaskState.PAUSED)))
    assert await store.read(fetch_tasks_with_waiting) == [spooled, paused]


@pytest.mark.parametrize(
    ("tasks", "phones", "operations"), [(0, 500, 0), (1, 500, 1), (9, 500, 3), (9, 1, 1), (3, 5000, 3)]
)
def test_one_operation_ends_a_bounded_number_of_attempts(tasks: int, phones: int, operations: int) -> None:
    shares = list(share_out(list(range(tasks)), phones))
    assert len(shares) == operations
    assert [task for share in shares for task in share] == list(range(tasks))


def plans_of(connection: Connection, run: Any) -> list[str]:
    """How SQLite goes about every statement of a run."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        statements.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    run()
    event.remove(connection, "before_cursor_execute", note)
    return [
        str(row[3])
        for statement, parameters in statements
        if isinstance(parameters, tuple)
        for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    ]


async def test_attempts_are_found_by_task_and_number_and_none_is_scanned(store: Store) -> None:
    tasks = [await new_task(store, 30) for _ in range(3)]
    stops = [stop(place) for place in range(20)]

    def explain(tx: Transaction) -> list[str]:
        plans = plans_of(tx.connection, lambda: add_stops(stops)(tx))
        plans += plans_of(tx.connection, lambda: fetch_tasks_with_waiting(tx.connection))
        return plans + plans_of(tx.connection, lambda: end_stopped([one.phone_id for one in stops], tasks)(tx))

    plans = await store.write(explain)
    assert any("sqlite_autoindex_attempt_1 (task_id=? AND phone_id=?)" in plan for plan in plans), plans
    assert any("attempt_ready (task_id=?)" in plan for plan in plans), plans
    scans = [plan for plan in plans if plan.startswith("SCAN") and "CONSTANT ROW" not in plan]
    assert all("task" in plan.split() for plan in scans), scans


async def test_lists_are_read_by_index(store: Store) -> None:
    await put(store, list(range(20)))

    def explain(connection: Connection) -> list[str]:
        plans = plans_of(connection, lambda: fetch_stops(connection, None, 5, 5))
        plans += plans_of(connection, lambda: find_stops(connection, "9520000000"))
        return plans + plans_of(connection, lambda: fetch_stopped(connection, ["9520000000"], 7))

    plans = await store.read(explain)
    assert not any(plan.startswith("SCAN") for plan in plans), plans
