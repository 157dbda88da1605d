"""Numbers that the user ends: who waits is done, and calls in progress are their numbers' last. Real SQLite files."""

from typing import Any

import pytest

from dialer.model.attempt import Attempt, AttemptState
from dialer.model.call import CallOrder
from dialer.model.outcome import Outcome
from dialer.model.task import InnerNumType, Number, TaskState
from dialer.model.verdict import Verdict
from dialer.store.attempts import claim_attempt, mark_spooled, requeue_attempt, save_result
from dialer.store.database import Store
from dialer.store.events import fetch_events
from dialer.store.finishing import TASK_TOPIC
from dialer.store.items import count_unfinished
from dialer.store.queue import fetch_due, fetch_new
from dialer.store.results import ResultRow
from dialer.store.tasks import TaskChange, fetch_task, save_task
from tests.store.making import end_by_user, fetch_task_results

BUSY = Verdict(Outcome.FAIL, "SIP 486 Busy Here")
LEFT = Verdict(Outcome.FAIL_POLLING)
REACHED = Verdict(Outcome.SUCCESS_POLLING)
ENDED = "Ended by the user"
LATER_US = 2**62
RETRIED = {"max_attempts": 3, "try_interval_s": 60, "until_signal": True}


async def post(store: Store, count: int, notify_url: str | None = None, client_id: str | None = None) -> int:
    numbers = [Number(f"7952{place:07d}", f"952{place:07d}", client_id=client_id) for place in range(count)]
    change = TaskChange(
        inner_num="201", inner_num_type=InnerNumType.EXTEN, numbers=numbers, rules=RETRIED, notify_url=notify_url
    )
    return (await store.write(save_task(None, None, change))).task_id


async def ready(store: Store, task_id: int) -> list[CallOrder]:
    def read(connection: Any) -> list[CallOrder]:
        found = [*fetch_due(connection, task_id, "", LATER_US, 2000), *fetch_new(connection, task_id, "", 0, 2000)]
        return [CallOrder(row.attempt_id, task_id, row.phone, "", "201", InnerNumType.EXTEN) for row in found]

    return await store.read(read)


async def dial(store: Store, order: CallOrder) -> bool:
    await store.write(mark_spooled(order))
    return await store.write(claim_attempt(order.attempt_id, "rig-1", "[C-1]", now_us=LATER_US))


async def end(store: Store, order: CallOrder, verdict: Verdict) -> None:
    closed = Attempt(order.attempt_id, order.task_id, InnerNumType.EXTEN, AttemptState.DIALLING, verdict=verdict)
    await store.write(save_result(closed))


async def rows(store: Store, task_id: int) -> list[ResultRow]:
    return list(await store.read(lambda connection: fetch_task_results(connection, task_id)))


async def results(store: Store, task_id: int) -> list[tuple[str | None, str | None]]:
    return [(row.result, row.cause) for row in await rows(store, task_id)]


async def unfinished(store: Store, task_id: int) -> int:
    return await store.read(lambda connection: count_unfinished(connection, task_id))


async def state_of(store: Store, task_id: int) -> TaskState:
    task = await store.read(lambda connection: fetch_task(connection, task_id))
    assert task is not None
    return task.state


async def test_a_task_that_is_ended_has_all_its_results_and_is_closed(store: Store) -> None:
    task_id, other = await post(store, 3), await post(store, 1)
    told: list[str] = []
    store.listen(TASK_TOPIC, told.append)
    assert await end_by_user(store, task_id) == []
    assert await results(store, task_id) == [("FAIL", ENDED)] * 3
    assert (await state_of(store, task_id), await state_of(store, other)) == (TaskState.CLOSED, TaskState.OPEN)
    assert await unfinished(store, task_id) == 0
    assert told == [str(task_id)]
    assert len(await ready(store, other)) == 1


@pytest.mark.parametrize("hang_up", [False, True])
async def test_calls_in_progress_are_told_and_are_their_numbers_last(store: Store, hang_up: bool) -> None:
    task_id = await post(store, 3)
    first, second, _ = await ready(store, task_id)
    assert await dial(store, first)
    assert await dial(store, second)
    ended = await end_by_user(store, task_id, hang_up=hang_up)
    assert ended == [first.attempt_id, second.attempt_id]
    assert [row.result for row in await rows(store, task_id)] == [None, None, "FAIL"]
    await end(store, first, LEFT)
    await end(store, second, BUSY)
    assert await results(store, task_id) == [
        ("FAIL_POLLING", f"{ENDED}: {LEFT}" if hang_up else None),
        ("FAIL", f"{ENDED}: {BUSY}" if hang_up else "SIP 486 Busy Here"),
        ("FAIL", ENDED),
    ]
    assert await unfinished(store, task_id) == 0


async def test_a_call_that_is_hung_up_after_its_goal_is_a_success_still(store: Store) -> None:
    task_id = await post(store, 1)
    (order,) = await ready(store, task_id)
    assert await dial(store, order)
    await end_by_user(store, task_id, hang_up=True)
    await end(store, order, REACHED)
    assert await results(store, task_id) == [("SUCCESS_POLLING", None)]


async def test_only_the_numbers_that_are_said_are_ended_and_the_task_goes_on(store: Store) -> None:
    task_id, other = await post(store, 4), await post(store, 1)
    first, second, third, fourth = await ready(store, task_id)
    (of_other,) = await ready(store, other)
    for order in (first, second):
        assert await dial(store, order)
    chosen = [first.attempt_id, third.attempt_id, of_other.attempt_id, 999]
    assert await end_by_user(store, task_id, chosen) == [first.attempt_id]
    assert await state_of(store, task_id) is TaskState.OPEN
    await end(store, first, BUSY)
    await end(store, second, BUSY)
    assert [(row.phone[-1], row.attempt_number, row.cause) for row in await rows(store, task_id)] == [
        ("0", 1, "SIP 486 Busy Here"), ("1", 1, "SIP 486 Busy Here"), ("2", 1, ENDED), ("3", 1, None), ("1", 2, None),
    ]  # fmt: skip
    assert {order.phone for order in await ready(store, task_id)} == {second.phone, fourth.phone}
    assert len(await ready(store, other)) == 1


async def test_no_numbers_are_none_and_not_all(store: Store) -> None:
    task_id = await post(store, 2)
    assert await end_by_user(store, task_id, []) == []
    assert await state_of(store, task_id) is TaskState.OPEN
    assert len(await ready(store, task_id)) == 2


async def test_more_numbers_than_one_statement_takes_are_ended(store: Store) -> None:
    task_id = await post(store, 1203)
    orders = await ready(store, task_id)
    for order in (orders[0], orders[700]):
        assert await dial(store, order)
    chosen = [order.attempt_id for order in orders[:-1]]
    in_progress = [orders[0].attempt_id, orders[700].attempt_id]
    assert await end_by_user(store, task_id, chosen, hang_up=True) == in_progress
    assert [order.phone for order in await ready(store, task_id)] == [orders[-1].phone]


@pytest.mark.parametrize("ways", [(True, False), (False, True), (True, True)])
async def test_a_call_that_was_to_be_hung_up_stays_so_however_often_it_is_ended(
    store: Store, ways: tuple[bool, bool]
) -> None:
    task_id = await post(store, 1)
    (order,) = await ready(store, task_id)
    assert await dial(store, order)
    for hang_up in ways:
        assert await end_by_user(store, task_id, hang_up=hang_up) == [order.attempt_id]
    await end(store, order, LEFT)
    assert await results(store, task_id) == [("FAIL_POLLING", f"{ENDED}: FAIL_POLLING")]


async def test_a_call_file_whose_number_was_ended_gets_no_leave_to_dial(store: Store) -> None:
    task_id = await post(store, 1)
    (order,) = await ready(store, task_id)
    await store.write(mark_spooled(order))
    assert await end_by_user(store, task_id, [order.attempt_id]) == []
    assert not await store.write(claim_attempt(order.attempt_id, "rig-1", "[C-1]", now_us=LATER_US))
    assert await results(store, task_id) == [("FAIL", ENDED)]


@pytest.mark.parametrize("hang_up", [False, True])
async def test_a_number_that_was_ended_while_its_call_came_to_nothing_is_not_called_after_all(
    store: Store, hang_up: bool
) -> None:
    """Of a callback the employee answers before the subscriber is dialled; a call may also find no line."""
    task_id = await post(store, 1)
    (order,) = await ready(store, task_id)
    assert await dial(store, order)
    await end_by_user(store, task_id, [order.attempt_id], hang_up=hang_up)
    await store.write(requeue_attempt(order.attempt_id, "rig-1"))
    assert await ready(store, task_id) == []
    assert await results(store, task_id) == [("FAIL", ENDED)]
    assert await unfinished(store, task_id) == 0


async def test_a_number_that_waits_for_its_next_attempt_is_ended(store: Store) -> None:
    task_id = await post(store, 1)
    (order,) = await ready(store, task_id)
    assert await dial(store, order)
    await end(store, order, BUSY)
    assert await end_by_user(store, task_id) == []
    assert await results(store, task_id) == [("FAIL", "SIP 486 Busy Here"), ("FAIL", ENDED)]


async def test_a_number_of_a_client_that_is_ended_lets_the_next_one_go(store: Store) -> None:
    task_id = await post(store, 2, client_id="к-1")
    (order,) = await ready(store, task_id)
    await end_by_user(store, task_id, [order.attempt_id])
    (other,) = await ready(store, task_id)
    assert other.phone != order.phone


async def test_every_number_that_is_ended_is_told(store: Store) -> None:
    task_id = await post(store, 2, "https://crm.example/hook")
    await end_by_user(store, task_id)
    told = await store.read(lambda connection: fetch_events(connection, dead=False, after_id=0, limit=10))
    assert [one.content["cause"] for one in told] == [ENDED, ENDED]
