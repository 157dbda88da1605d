"""What follows a result: next attempts, clients, signals, lifetimes, stop lists, budgets, caps. Real SQLite files."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from dialer.model.attempt import Attempt, AttemptState
from dialer.model.call import CallOrder
from dialer.model.outcome import Outcome
from dialer.model.rules import RetryRule
from dialer.model.task import InnerNumType, Number, TaskState
from dialer.model.verdict import Verdict
from dialer.store.attempts import DayCap, claim_attempt, mark_spooled, requeue_attempt, save_result
from dialer.store.database import Store, Transaction
from dialer.store.finishing import Bill, close_by_signal, close_expired
from dialer.store.queue import fetch_due, fetch_new, fetch_next_due_us, fetch_zones, postpone
from dialer.store.rescheduling import capped_until_us
from dialer.store.results import ResultRow
from dialer.store.schema import stop_number
from dialer.store.tasks import TaskChange, TaskRefusedError, change_task, fetch_task, save_task
from tests.store.making import fetch_task_results

BUSY = Verdict(Outcome.FAIL, "SIP 486 Busy Here")
TALKED = Verdict(Outcome.SUCCESS_CLIENT_H)
LATER_US = 2**62
RETRIED = {"max_attempts": 3, "try_interval_s": 60}


def number(place: int, client_id: str | None = None, **more: Any) -> Number:
    return Number(f"7952{place:07d}", f"952{place:07d}", client_id=client_id, **more)


async def post(store: Store, numbers: list[Number], task_id: int | None = None, **rules: Any) -> int:
    change = TaskChange(inner_num="201", inner_num_type=InnerNumType.EXTEN, numbers=numbers, rules=rules)
    return (await store.write(save_task(None, task_id, change))).task_id


async def ready(store: Store, task_id: int, now_us: int = LATER_US) -> list[CallOrder]:
    """Who may be dialled, as the scheduler reads it."""

    def read(connection: Any) -> list[CallOrder]:
        zones = fetch_zones(connection, task_id)
        found = [row for zone in zones for row in fetch_due(connection, task_id, zone, now_us, 100)]
        found += [row for zone in zones for row in fetch_new(connection, task_id, zone, 0, 100)]
        return [CallOrder(row.attempt_id, task_id, row.phone, "", "201", InnerNumType.EXTEN) for row in found]

    return await store.read(read)


async def dial(store: Store, order: CallOrder) -> bool:
    await store.write(mark_spooled(order))
    return await store.write(claim_attempt(order.attempt_id, "rig-1", "[C-1]", now_us=LATER_US))


def closed(order: CallOrder, verdict: Verdict) -> Attempt:
    return Attempt(order.attempt_id, order.task_id, InnerNumType.EXTEN, AttemptState.DIALLING, verdict=verdict)


async def end(store: Store, order: CallOrder, verdict: Verdict, bill: Bill | None = None) -> None:
    await store.write(save_result(closed(order, verdict), None, bill or Bill()))


async def call(store: Store, order: CallOrder, verdict: Verdict) -> None:
    assert await dial(store, order)
    await end(store, order, verdict)


async def rows(store: Store, task_id: int) -> list[ResultRow]:
    return list(await store.read(lambda connection: fetch_task_results(connection, task_id)))


async def results(store: Store, task_id: int) -> list[tuple[str, int, str | None]]:
    return [(row.phone[-1], row.attempt_number, row.result) for row in await rows(store, task_id)]


async def state_of(store: Store, task_id: int) -> TaskState:
    task = await store.read(lambda connection: fetch_task(connection, task_id))
    assert task is not None
    return task.state


async def test_each_attempt_is_a_row_of_its_own_and_the_last_one_finishes_the_number(store: Store) -> None:
    task_id = await post(store, [number(1)], **RETRIED)
    for attempt_number in (1, 2, 3):
        (order,) = await ready(store, task_id)
        await call(store, order, BUSY)
        assert len(await rows(store, task_id)) == min(attempt_number + 1, 3)
    assert await ready(store, task_id) == []
    assert await results(store, task_id) == [("1", 1, "FAIL"), ("1", 2, "FAIL"), ("1", 3, "FAIL")]
    first, second, last = await rows(store, task_id)
    assert (first.next_due_us, second.next_due_us, last.next_due_us) == (second.due_us, last.due_us, None)


async def test_the_next_attempt_waits_for_its_interval(store: Store) -> None:
    rule = RetryRule("busy", 600)
    task_id = await post(store, [number(1)], max_attempts=2, retry_on=(rule,))
    (order,) = await ready(store, task_id)
    before_us = time.time_ns() // 1000
    await call(store, order, BUSY)
    assert await ready(store, task_id, before_us + 599_000_000) == []
    due_us = await store.read(lambda connection: fetch_next_due_us(connection, task_id, "", 0))
    assert due_us is not None
    assert 600_000_000 <= due_us - before_us < 610_000_000
    assert len(await ready(store, task_id, due_us)) == 1


async def test_a_next_attempt_carries_what_the_number_said(store: Store) -> None:
    listed = number(
        1, "к-1", params={"имя": "Анна"}, zone="Asia/Omsk", until_us=LATER_US, caller_id="79520000099"
    )  # fmt: skip
    task_id = await post(store, [listed], **RETRIED)
    (order,) = await ready(store, task_id)
    await call(store, order, BUSY)
    first, second = await rows(store, task_id)
    for name in ("phone", "phone_id", "params", "client_id", "zone", "until_us", "caller_id"):
        assert getattr(first, name) == getattr(second, name)
    assert (second.state, second.result, second.held) == ("CreateTask", None, 0)


async def test_a_result_stored_twice_gives_one_next_attempt(store: Store) -> None:
    task_id = await post(store, [number(1)], **RETRIED)
    (order,) = await ready(store, task_id)
    await call(store, order, BUSY)
    await end(store, order, TALKED)
    assert await results(store, task_id) == [("1", 1, "FAIL"), ("1", 2, None)]


async def test_posting_the_list_again_does_not_hurry_a_next_attempt(store: Store) -> None:
    task_id = await post(store, [number(1)], **RETRIED)
    (order,) = await ready(store, task_id)
    await call(store, order, BUSY)
    due_us = (await rows(store, task_id))[1].due_us
    assert due_us
    await post(store, [number(1), number(2)], task_id)
    assert [row.due_us for row in await rows(store, task_id)] == [0, due_us, 0]


async def test_a_time_of_its_own_is_kept_and_can_be_changed(store: Store) -> None:
    task_id = await post(store, [number(1, not_before_us=LATER_US), number(2)])
    assert [order.phone[-1] for order in await ready(store, task_id, 1)] == ["2"]
    await post(store, [number(1), number(2)], task_id)
    assert len(await ready(store, task_id, 1)) == 2


async def test_of_a_client_one_number_is_dialled_at_a_time_in_the_order_of_the_list(store: Store) -> None:
    task_id = await post(store, [number(1, "a"), number(2, "a"), number(3, "b"), number(4, "a"), number(5)])
    assert [order.phone[-1] for order in await ready(store, task_id)] == ["1", "3", "5"]
    orders = await ready(store, task_id)
    await call(store, orders[0], BUSY)
    assert [order.phone[-1] for order in await ready(store, task_id)] == ["2", "3", "5"]


async def test_when_one_number_is_reached_the_client_s_others_are_done(store: Store) -> None:
    task_id = await post(store, [number(1, "a"), number(2, "a"), number(3, "a"), number(4, "b")], **RETRIED)
    await call(store, (await ready(store, task_id))[0], BUSY)
    second = next(order for order in await ready(store, task_id) if order.phone.endswith("2"))
    await call(store, second, TALKED)
    assert await results(store, task_id) == [
        ("1", 1, "FAIL"),
        ("2", 1, "SUCCESS_CLIENT_H"),
        ("3", 1, "SUCCESS_ANOTHER_PHONE"),
        ("4", 1, None),
        ("1", 2, "SUCCESS_ANOTHER_PHONE"),
    ]
    assert [order.phone[-1] for order in await ready(store, task_id)] == ["4"]


async def test_the_client_s_other_numbers_come_before_the_next_attempt_of_the_first(store: Store) -> None:
    task_id = await post(store, [number(1, "a"), number(2, "a")], max_attempts=2, try_interval_s=0)
    order_of_calls = []
    while orders := await ready(store, task_id):
        assert len(orders) == 1
        order_of_calls.append(orders[0].phone[-1])
        await call(store, orders[0], BUSY)
    assert order_of_calls == ["1", "2", "1", "2"]


async def test_a_client_whose_number_is_dropped_from_the_list_goes_on_with_the_next(store: Store) -> None:
    task_id = await post(store, [number(1, "a"), number(2, "a")])
    await post(store, [number(2, "a"), number(3, "a")], task_id)
    assert [order.phone[-1] for order in await ready(store, task_id)] == ["2"]
    await call(store, (await ready(store, task_id))[0], BUSY)
    assert [order.phone[-1] for order in await ready(store, task_id)] == ["3"]


async def test_a_number_that_joins_a_client_who_is_being_called_waits(store: Store) -> None:
    task_id = await post(store, [number(1, "a"), number(2)])
    assert await dial(store, (await ready(store, task_id))[0])
    await post(store, [number(1, "a"), number(2, "a")], task_id)
    assert await ready(store, task_id) == []


async def test_a_signal_ends_waiting_numbers_of_the_phone_and_its_client(store: Store) -> None:
    one = await post(store, [number(1, "a"), number(2, "a"), number(3)])
    other = await post(store, [number(1), number(2)])
    assert await store.write(close_by_signal("9520000001", one)) == 2
    assert [row.result for row in await rows(store, one)] == [
        "SUCCESS_EXTERNAL_SIGNAL",
        "SUCCESS_EXTERNAL_SIGNAL",
        None,
    ]
    assert [row.result for row in await rows(store, other)] == [None, None]
    assert await store.write(close_by_signal("9520000001", None)) == 1
    assert await store.write(close_by_signal("9520000001", None)) == 0
    assert [row.result for row in await rows(store, other)] == ["SUCCESS_EXTERNAL_SIGNAL", None]


async def test_a_signal_amid_a_call_makes_it_the_last_and_a_failure_of_it_is_told_beside(store: Store) -> None:
    task_id = await post(store, [number(1)], **RETRIED)
    (order,) = await ready(store, task_id)
    assert await dial(store, order)
    assert await store.write(close_by_signal("9520000001", None)) == 1
    await end(store, order, BUSY)
    (row,) = await rows(store, task_id)
    assert (row.result, row.cause) == ("SUCCESS_EXTERNAL_SIGNAL", "The call itself: FAIL (SIP 486 Busy Here)")


async def test_a_call_that_reaches_somebody_after_the_signal_keeps_its_own_result(store: Store) -> None:
    task_id = await post(store, [number(1)], until_signal=True, **RETRIED)
    (order,) = await ready(store, task_id)
    assert await dial(store, order)
    await store.write(close_by_signal("9520000001", None))
    await end(store, order, TALKED)
    assert await results(store, task_id) == [("1", 1, "SUCCESS_CLIENT_H")]


async def test_until_the_signal_who_was_reached_is_called_again(store: Store) -> None:
    task_id = await post(store, [number(1)], until_signal=True, **RETRIED)
    await call(store, (await ready(store, task_id))[0], TALKED)
    assert await results(store, task_id) == [("1", 1, "SUCCESS_CLIENT_H"), ("1", 2, None)]
    await store.write(close_by_signal("9520000001", None))
    assert (await results(store, task_id))[1] == ("1", 2, "SUCCESS_EXTERNAL_SIGNAL")


async def test_a_signal_before_the_claim_keeps_the_telephone_silent(store: Store) -> None:
    task_id = await post(store, [number(1)])
    (order,) = await ready(store, task_id)
    await store.write(mark_spooled(order))
    await store.write(close_by_signal("9520000001", None))
    assert not await store.write(claim_attempt(order.attempt_id, "", ""))
    assert await results(store, task_id) == [("1", 1, "SUCCESS_EXTERNAL_SIGNAL")]


async def test_a_number_whose_lifetime_is_over_ends_with_a_cause_that_says_so(store: Store) -> None:
    now_us = time.time_ns() // 1000
    old, young = number(1, "a", until_us=now_us), number(3, until_us=now_us + 3_600_000_000)
    task_id = await post(store, [old, number(2, "a"), young])
    assert await store.write(close_expired()) == now_us + 3_600_000_000
    first, second, third = await rows(store, task_id)
    assert (first.result, first.cause) == ("FAIL", "Lifetime over: timeCallUntil has passed")
    assert (second.result, second.held, third.result) == (None, 0, None), "the client's other number has its turn"


async def test_a_lifetime_that_ends_before_the_next_attempt_allows_none(store: Store) -> None:
    task_id = await post(store, [number(1, until_us=time.time_ns() // 1000 + 30_000_000)], **RETRIED)
    await call(store, (await ready(store, task_id))[0], BUSY)
    assert await results(store, task_id) == [("1", 1, "FAIL")]


async def test_a_lifetime_that_ends_before_the_claim_keeps_the_telephone_silent(store: Store) -> None:
    task_id = await post(store, [number(1, until_us=time.time_ns() // 1000 - 1)])
    (order,) = await ready(store, task_id)
    assert not await dial(store, order)
    assert (await rows(store, task_id))[0].cause == "Lifetime over: timeCallUntil has passed"


def stop(phone_id: str, task_id: int = 0) -> Any:
    def operation(tx: Transaction) -> None:
        values = {"task_id": task_id, "phone_id": phone_id, "phone": phone_id, "reason": "", "created_us": 0}
        tx.connection.execute(stop_number.insert().values(values))

    return operation


async def test_a_number_on_the_stop_list_ends_when_its_list_is_loaded(store: Store) -> None:
    await store.write(stop("9520000001"))
    task_id = await post(store, [number(1), number(2)])
    first, second = await rows(store, task_id)
    assert (first.result, first.cause, first.state, second.result) == ("FAIL", "Stop list", "failedOriginate", None)


async def test_the_stop_list_is_asked_again_at_the_dial_instant(store: Store) -> None:
    for list_of in (0, 1):
        task_id = await post(store, [number(5 + list_of), number(7)])
        order = (await ready(store, task_id))[0]
        await store.write(mark_spooled(order))
        await store.write(stop(f"952000000{5 + list_of}", list_of and task_id))
        assert not await store.write(claim_attempt(order.attempt_id, "", ""))
        first, second = await rows(store, task_id)
        assert (first.result, first.cause, second.result) == ("FAIL", "Stop list", None)


async def test_a_number_that_comes_onto_the_stop_list_amid_its_call_is_not_dialled_again(store: Store) -> None:
    task_id = await post(store, [number(1)], **RETRIED)
    (order,) = await ready(store, task_id)
    assert await dial(store, order)
    await store.write(stop("9520000001"))
    await end(store, order, BUSY)
    assert await results(store, task_id) == [("1", 1, "FAIL")]


async def test_the_stop_list_of_another_task_stops_nothing(store: Store) -> None:
    await store.write(stop("9520000001", 5))
    task_id = await post(store, [number(1)])
    assert await dial(store, (await ready(store, task_id))[0])


async def test_a_task_that_has_spent_what_it_may_is_paused(store: Store) -> None:
    task_id = await post(store, [number(1), number(2), number(3)], max_cost_u=3_000_000)
    for cost_u, state in ((1_500_000, TaskState.OPEN), (1_500_000, TaskState.PAUSED)):
        order = (await ready(store, task_id))[0]
        assert await dial(store, order)
        await end(store, order, TALKED, Bill(90, cost_u))
        assert await state_of(store, task_id) is state
    task = await store.read(lambda connection: fetch_task(connection, task_id))
    assert task is not None
    assert task.spent_u == 3_000_000
    assert [(row.talked_s, row.cost_u) for row in await rows(store, task_id)] == [(90, 1_500_000)] * 2 + [(None, None)]
    (last,) = await ready(store, task_id)
    assert not await dial(store, last)
    await store.write(requeue_attempt(last.attempt_id))
    await store.write(change_task(task_id, None, TaskChange(state=TaskState.OPEN, rules={"max_cost_u": 9_000_000})))
    assert await dial(store, last)


async def test_a_telephone_is_called_no_more_often_on_a_day_than_it_may_by_all_tasks(store: Store) -> None:
    cap = DayCap(740_000, LATER_US, 2)
    for _ in range(2):
        task_id = await post(store, [number(1)])
        (order,) = await ready(store, task_id)
        await store.write(mark_spooled(order))
        assert await store.write(claim_attempt(order.attempt_id, "", "", cap))
    task_id = await post(store, [number(1), number(2)])
    first, second = await ready(store, task_id)
    for order in (first, second):
        await store.write(mark_spooled(order))
    assert not await store.write(claim_attempt(first.attempt_id, "", "", cap))
    assert await store.write(claim_attempt(second.attempt_id, "", "", cap))
    await store.write(requeue_attempt(first.attempt_id))
    assert (await rows(store, task_id))[0].due_us == LATER_US
    await store.write(mark_spooled(first))
    assert await store.write(claim_attempt(first.attempt_id, "", "", replace(cap, day=740_001), now_us=LATER_US))


async def test_rules_said_stay_when_others_are_said(store: Store) -> None:
    task_id = await post(store, [number(1)], **RETRIED, weekdays=frozenset({1, 2}), retry_on=(RetryRule("busy", 5),))
    await store.write(change_task(task_id, None, TaskChange(rules={"start_min": 540, "max_attempts": 5})))
    task = await store.read(lambda connection: fetch_task(connection, task_id))
    assert task is not None
    assert (task.rules.max_attempts, task.rules.try_interval_s, task.rules.start_min) == (5, 60, 540)
    assert (task.rules.weekdays, task.rules.retry_on) == (frozenset({1, 2}), (RetryRule("busy", 5),))


async def test_posting_a_list_with_times_that_have_passed_does_not_hurry_a_next_attempt(store: Store) -> None:
    listed = number(1, not_before_us=1)
    task_id = await post(store, [listed], **RETRIED)
    (order,) = await ready(store, task_id)
    await call(store, order, BUSY)
    due_us = (await rows(store, task_id))[1].due_us
    await post(store, [listed], task_id)
    assert (await rows(store, task_id))[1].due_us == due_us > 1


async def test_a_number_taken_off_the_list_amid_its_call_gets_no_further_attempt(store: Store) -> None:
    task_id = await post(store, [number(1), number(2)], **RETRIED)
    first, second = await ready(store, task_id)
    for order in (first, second):
        assert await dial(store, order)
    await post(store, [number(3)], task_id)
    await post(store, [number(2), number(3)], task_id)
    for order in (first, second):
        await end(store, order, BUSY)
    assert await results(store, task_id) == [("1", 1, "FAIL"), ("2", 1, "FAIL"), ("3", 1, None), ("2", 2, None)]


async def test_a_claim_whose_number_was_put_off_or_held_meanwhile_is_refused(store: Store) -> None:
    task_id = await post(store, [number(1), number(2, "a")])
    first, second = await ready(store, task_id)
    await post(store, [number(1, not_before_us=LATER_US), number(3, "a"), number(2, "a")], task_id)
    for order in (first, second):
        await store.write(mark_spooled(order))
    assert not await store.write(claim_attempt(first.attempt_id, "", ""))
    assert await store.write(claim_attempt(second.attempt_id, "", ""))


async def test_a_task_that_has_spent_its_budget_is_not_opened_until_it_may_spend_more(store: Store) -> None:
    task_id = await post(store, [number(1), number(2)], max_cost_u=5)
    order = (await ready(store, task_id))[0]
    assert await dial(store, order)
    await end(store, order, TALKED, Bill(1, 5))
    with pytest.raises(TaskRefusedError, match="maxCost: the task's calls have cost"):
        await store.write(change_task(task_id, None, TaskChange(state=TaskState.OPEN)))
    await store.write(change_task(task_id, None, TaskChange(state=TaskState.OPEN, rules={"max_cost_u": 6})))
    assert await state_of(store, task_id) is TaskState.OPEN


async def test_a_changed_interval_moves_next_attempts_that_wait_but_no_time_of_the_list(store: Store) -> None:
    task_id = await post(store, [number(1), number(2)], **RETRIED)
    for order in await ready(store, task_id):
        await call(store, order, BUSY)
    of_list_us = 4_000_000_000_000_000
    await post(store, [number(1), number(2, not_before_us=of_list_us)], task_id)
    await store.write(change_task(task_id, None, TaskChange(rules={"try_interval_s": 5})))
    found = {(row.phone_id, row.attempt_number): row for row in await rows(store, task_id)}
    first_id, second_id = number(1).phone_id, number(2).phone_id
    assert found[first_id, 2].due_us == found[first_id, 1].closed_us + 5_000_000
    assert found[second_id, 2].due_us == of_list_us
    await store.write(change_task(task_id, None, TaskChange(rules={"retry_on": (RetryRule("busy", 7),)})))
    assert (await rows(store, task_id))[2].due_us == found[first_id, 1].closed_us + 7_000_000
    await store.write(change_task(task_id, None, TaskChange(rules={"retry_on": (RetryRule("no_answer", 9),)})))
    assert (await rows(store, task_id))[2].due_us == found[first_id, 1].closed_us + 7_000_000, "it is granted"


async def test_a_changed_cap_wakes_who_was_called_out_today_but_no_time_of_the_list(store: Store) -> None:
    midnight = datetime(2040, 1, 1, tzinfo=UTC)
    of_list_us = int(midnight.timestamp()) * 1_000_000
    task_id = await post(store, [number(1), number(2, not_before_us=of_list_us)])
    capped = (await rows(store, task_id))[0]
    await store.write(postpone(task_id, [capped.id], capped_until_us(midnight), 0))
    await store.write(change_task(task_id, None, TaskChange(rules={"try_interval_s": 5})))
    assert [row.due_us for row in await rows(store, task_id)] == [of_list_us + 1, of_list_us]
    await store.write(change_task(task_id, None, TaskChange(rules={"max_per_day": 5})))
    assert [row.due_us for row in await rows(store, task_id)] == [0, of_list_us]


async def test_a_changed_rule_never_hurries_a_number_before_the_time_of_its_list(store: Store) -> None:
    now_us = int(time.time()) * 1_000_000
    midnight = datetime.fromtimestamp((now_us + 3600 * 1_000_000) // 60_000_000 * 60, UTC)
    day = {"max_attempts": 3, "try_interval_s": 86_400}
    task_id = await post(store, [number(1), number(2)], **day)
    for order in await ready(store, task_id):
        await call(store, order, BUSY)
    in_six_hours_us = now_us + 6 * 3600 * 1_000_000
    await post(store, [number(1, not_before_us=in_six_hours_us), number(2)], task_id)
    await store.write(change_task(task_id, None, TaskChange(rules={"try_interval_s": 60})))
    found = [row for row in await rows(store, task_id) if row.attempt_number == 2]
    assert found[0].due_us == in_six_hours_us
    assert found[1].due_us < now_us + 3600 * 1_000_000
    await store.write(postpone(task_id, [row.id for row in found], capped_until_us(midnight), 0))
    await store.write(change_task(task_id, None, TaskChange(rules={"max_per_day": 9})))
    found = [row for row in await rows(store, task_id) if row.attempt_number == 2]
    assert [row.due_us for row in found] == [in_six_hours_us, 0]


async def test_a_number_that_was_called_out_today_follows_a_longer_interval(store: Store) -> None:
    midnight = datetime.fromtimestamp((int(time.time()) + 3600) // 60 * 60, UTC)
    task_id = await post(store, [number(1)], **RETRIED)
    (order,) = await ready(store, task_id)
    await call(store, order, BUSY)
    first, second = await rows(store, task_id)
    for rules, due_us in (
        ({"try_interval_s": 70}, capped_until_us(midnight)),
        ({"try_interval_s": 86_400}, first.closed_us + 86_400 * 1_000_000),
    ):
        await store.write(postpone(task_id, [second.id], capped_until_us(midnight), 0))
        await store.write(change_task(task_id, None, TaskChange(rules=rules)))
        assert (await rows(store, task_id))[1].due_us == due_us
    await store.write(change_task(task_id, None, TaskChange(rules={"try_interval_s": 90, "max_per_day": 5})))
    assert (await rows(store, task_id))[1].due_us == first.closed_us + 90 * 1_000_000


async def test_after_a_changed_interval_a_client_is_called_by_the_number_that_may_be_called_first(store: Store) -> None:
    task_id = await post(store, [number(1, "c"), number(2, "c"), number(3, "d")], **RETRIED)
    for verdict in (BUSY, Verdict(Outcome.FAIL, "No answer")):
        order, *_ = await ready(store, task_id, int(time.time() * 1_000_000))
        await call(store, order, verdict)
    again = [row for row in await rows(store, task_id) if row.attempt_number == 2]
    assert [(row.phone_id, row.held) for row in again] == [(number(1).phone_id, 0), (number(2).phone_id, 1)]
    later = (RetryRule("busy", 86_400), RetryRule("no_answer", 60))
    await store.write(change_task(task_id, None, TaskChange(rules={"retry_on": later})))
    again = [row for row in await rows(store, task_id) if row.attempt_number == 2]
    assert [row.held for row in again] == [1, 0]
    last = (await rows(store, task_id))[2]
    assert (last.phone_id, last.held) == (number(3).phone_id, 0)


async def test_a_postponement_by_a_cap_that_is_changed_meanwhile_is_none(store: Store) -> None:
    """It was decided before the change, and comes to the store after it."""
    midnight = datetime.fromtimestamp((int(time.time()) + 3600) // 60 * 60, UTC)
    task_id = await post(store, [number(1)], max_per_day=1)
    (waiting,) = await rows(store, task_id)
    decided = postpone(task_id, [waiting.id], capped_until_us(midnight), 1)
    await store.write(change_task(task_id, None, TaskChange(rules={"max_per_day": 2})))
    await store.write(decided)
    assert (await rows(store, task_id))[0].due_us == 0
