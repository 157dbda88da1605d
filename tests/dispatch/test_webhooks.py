"""The deliverer, with a receiver that is a real HTTP server."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection, event

from dialer.api.couriers import JsonCourier
from dialer.api.mikopbx.webhooks import render_event
from dialer.api.webhook_sender import HttpSender
from dialer.dispatch.webhooks import AT_ONCE, SECOND_US, Webhooks
from dialer.model.call import CallOrder
from dialer.model.task import InnerNumType, Number
from dialer.model.webhook import Signer, secret_key
from dialer.store import events
from dialer.store.attempts import save_answer, save_result
from dialer.store.database import Query, Store
from dialer.store.events import Event
from dialer.store.queue import fetch_new
from dialer.store.tasks import TaskChange, change_task, delete_task, save_task
from tests.rig.receiver import SECRET, Receiver, receiving
from tests.rig.waiting import wait_for_answer, wait_until
from tests.store.making import a_task, lost

HOUR_US = 3600 * SECOND_US


@dataclass
class Clock:
    """Goes with the real one, and can be put forward."""

    ahead_us: int = 0

    def now_us(self) -> int:
        return time.time_ns() // 1000 + self.ahead_us


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving(Receiver()) as one:
        yield one


@asynccontextmanager
async def delivering(store: Store, clock: Clock | None = None) -> AsyncIterator[Webhooks]:
    sender = HttpSender(["127.0.0.0/8"], 5)
    now_us = (clock or Clock()).now_us
    courier = JsonCourier(sender, Signer(secret_key(SECRET)), render_event)
    couriers = {events.RESULT: courier, events.ANSWER: courier}
    webhooks = Webhooks(store, couriers, give_up_after_h=24, now_us=now_us, luck=lambda: 0.0)
    running = asyncio.create_task(webhooks.run(), name="webhooks")
    try:
        yield webhooks
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await sender.close()


async def orders_of(store: Store, url: str | None, count: int = 1) -> list[CallOrder]:
    """A task of so many numbers that wants to be told."""
    change = replace(a_task(count), notify_url=url)
    task_id = (await store.write(save_task(None, None, change))).task_id
    queued = await store.read(lambda connection: fetch_new(connection, task_id, "", 0, count))
    return [CallOrder(one.attempt_id, task_id, one.phone, "", "201", InnerNumType.EXTEN, None) for one in queued]


async def answer_and_end(store: Store, order: CallOrder, answers: int = 2) -> None:
    for place in range(answers):
        await store.write(save_answer(order.attempt_id, 7, f"q{place}", f"да {place}", "1"))
    await store.write(save_result(lost(order)))


async def waiting(store: Store) -> list[Event]:
    return await store.read(lambda connection: events.fetch_events(connection, dead=False, after_id=0, limit=9999))


async def dead(store: Store) -> list[Event]:
    return await store.read(lambda connection: events.fetch_events(connection, dead=True, after_id=0, limit=9999))


async def urls(store: Store) -> list[str]:
    return [one.url for one in await waiting(store)]


def told_of(receiver: Receiver, order: CallOrder) -> list[str]:
    mine = [one for one in receiver.taken if one["data"]["phone"] == order.phone]
    return [one["data"]["questionCrmId"] if one["type"] == "answer" else one["data"]["result"] for one in mine]


async def test_each_answer_and_the_result_are_told_in_order_as_the_api_shows_them(
    store: Store, receiver: Receiver
) -> None:
    orders = await orders_of(store, receiver.url, 20)
    async with delivering(store):
        await asyncio.gather(*(answer_and_end(store, order) for order in orders))
        await wait_until(lambda: len(receiver.taken) == 60, "everything is told")
        await wait_for_answer(lambda: waiting(store), lambda left: not left, "nothing waits")
    for order in orders:
        assert told_of(receiver, order) == ["q0", "q1", "FAIL"]
    assert len({one["id"] for one in receiver.taken}) == 60
    result = next(one for one in receiver.taken if one["type"] == "result")
    assert list(result) == ["id", "type", "taskId", "crmId", "data"]
    assert result["data"]["result"] == "FAIL"
    assert result["data"]["cause"].startswith("Lost:")
    assert result["taskId"] == result["crmId"] == result["data"]["taskId"]


async def test_who_did_not_ask_is_not_told_and_nobody_twice(store: Store, receiver: Receiver) -> None:
    (silent,) = await orders_of(store, None)
    (asked,) = await orders_of(store, receiver.url)
    await answer_and_end(store, silent)
    await answer_and_end(store, asked)
    await store.write(save_result(lost(asked)))  # the attempt has its result already
    assert len(await waiting(store)) == 3


async def test_a_deleted_task_tells_what_it_still_had_to_tell(store: Store, receiver: Receiver) -> None:
    (order,) = await orders_of(store, receiver.url)
    await answer_and_end(store, order)
    await store.write(delete_task(order.task_id))
    async with delivering(store):
        await wait_until(lambda: told_of(receiver, order) == ["q0", "q1", "FAIL"], "everything is told")


async def test_what_was_on_its_way_is_told_again_by_the_next_daemon(store: Store, receiver: Receiver) -> None:
    (order,) = await orders_of(store, receiver.url)
    await answer_and_end(store, order)
    receiver.hold.clear()
    async with delivering(store):
        await wait_until(lambda: len(receiver.deliveries) == 1, "the first is on its way")
    receiver.hold.set()
    async with delivering(store):
        await wait_until(lambda: told_of(receiver, order)[-1:] == ["FAIL"], "everything is told")
    ids = [one["id"] for one in receiver.deliveries]
    assert ids[0] == ids[1], "the same event has the same id"
    assert list(dict.fromkeys(ids)) == ids[1:]


async def test_a_receiver_that_is_down_for_an_hour_costs_few_tries_and_loses_nothing(
    store: Store, receiver: Receiver
) -> None:
    orders = await orders_of(store, receiver.url, 200)
    receiver.status = 503
    clock = Clock()
    async with delivering(store, clock) as webhooks:
        for order in orders:
            await answer_and_end(store, order, answers=1)
        began_us = clock.now_us()
        while clock.now_us() < began_us + HOUR_US:
            tried = len(receiver.deliveries)
            resting = await wait_until(lambda: webhooks.report()["resting"], "the receiver rests")
            assert isinstance(resting, dict)
            (rest,) = resting.values()
            assert rest["reason"] == "HTTP 503"
            clock.ahead_us += (max(0, rest["next_try_s"]) + 1) * SECOND_US
            webhooks.look()
            await wait_until(lambda tried=tried: len(receiver.deliveries) > tried, "it is asked again")  # type: ignore[misc]
        assert len(receiver.deliveries) <= AT_ONCE + 22
        assert await dead(store) == []
        receiver.status = 204
        clock.ahead_us += HOUR_US
        webhooks.look()
        await wait_until(lambda: len(receiver.taken) == 400, "everything is told")
    for order in orders:
        assert told_of(receiver, order) == ["q0", "FAIL"]


async def test_a_receiver_that_is_down_does_not_hold_up_another(store: Store, receiver: Receiver) -> None:
    async with receiving(Receiver(status=503)) as other:
        down = await orders_of(store, other.url, 50)
        up = await orders_of(store, receiver.url, 50)
        async with delivering(store):
            for pair in zip(down, up, strict=True):
                for order in pair:
                    await answer_and_end(store, order, answers=1)
            await wait_until(lambda: len(receiver.taken) == 100, "everything for the one that is up is told")
            await wait_for_answer(lambda: waiting(store), lambda left: len(left) == 100, "what was told waits no more")


async def test_an_event_that_is_refused_holds_up_its_own_number_only_and_is_given_up_after_a_day(
    store: Store, receiver: Receiver
) -> None:
    poison, good = await orders_of(store, receiver.url, 2)
    receiver.refuse[Number(poison.phone, poison.phone[-10:]).phone_id] = 500
    clock = Clock()
    async with delivering(store, clock) as webhooks:
        await answer_and_end(store, poison)
        await answer_and_end(store, good)
        await wait_until(lambda: told_of(receiver, good) == ["q0", "q1", "FAIL"], "the other number is told")
        of_poison = {poison.phone[-10:]}
        await wait_for_answer(
            lambda: waiting(store), lambda left: {one.number[1] for one in left} == of_poison, "only its own wait"
        )
        assert webhooks.report()["resting"] == {}
        refusing = await wait_until(lambda: webhooks.report()["refusing"], "the refusal is told")
        assert isinstance(refusing, dict)
        assert list(refusing.values()) == ["HTTP 500"]
        for count in (1, 2, 3):
            clock.ahead_us += 25 * HOUR_US
            webhooks.look()
            await wait_for_dead(store, count)
            await wait_for_answer(
                lambda: waiting(store), lambda left: all(one.tries for one in left[:1]), "the next one is tried"
            )
        given_up = await dead(store)
        assert [one.last_error for one in given_up] == ["HTTP 500"] * 3
        assert told_of(receiver, poison) == []
        receiver.refuse.clear()
        assert await store.write(events.replay([given_up[0].event_id])) == [given_up[0].row_id]
        await wait_until(lambda: told_of(receiver, poison) == ["q0"], "one is told after all")
        assert receiver.taken[-1]["id"] == given_up[0].event_id
        assert await store.write(events.replay(None)) == [one.row_id for one in given_up[1:]]
        await wait_until(lambda: told_of(receiver, poison) == ["q0", "q1", "FAIL"], "the others too")
    assert await dead(store) == []


async def test_a_receiver_is_not_forgotten_when_a_delivery_fails_amid_the_look(
    store: Store, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    (poison,) = await orders_of(store, receiver.url)
    receiver.refuse[poison.phone[-10:]] = 500
    clock = Clock()
    async with delivering(store, clock) as webhooks:
        next_due_us = webhooks._next_due_us
        late: list[int] = []

        async def answered_before_the_failure(of: Any, now_us: int) -> int | None:
            """As the database answered before the failure was noted; told to the loop after it."""
            if now_us < 0 or late:
                return await next_due_us(of, now_us)
            await wait_until(lambda: not of.under_way, "the failure is noted")
            late.append(now_us)
            return None

        monkeypatch.setattr(webhooks, "_next_due_us", answered_before_the_failure)
        await answer_and_end(store, poison, answers=0)
        await wait_until(lambda: late, "the failure was noted amid the look")
        receiver.refuse.clear()
        clock.ahead_us += HOUR_US
        webhooks.look()
        await wait_until(lambda: told_of(receiver, poison) == ["FAIL"], "it is told after all")


async def test_an_event_that_brings_a_working_receiver_down_is_given_up_too(store: Store, receiver: Receiver) -> None:
    poison, good, later = await orders_of(store, receiver.url, 3)
    receiver.refuse[Number(poison.phone, poison.phone[-10:]).phone_id] = 504
    clock = Clock()
    async with delivering(store, clock) as webhooks:
        await answer_and_end(store, poison, answers=0)
        await wait_until(lambda: webhooks.report()["resting"], "the receiver rests")
        clock.ahead_us += HOUR_US
        await answer_and_end(store, good)
        webhooks.look()
        await wait_until(lambda: told_of(receiver, good) == ["q0", "q1", "FAIL"], "it works")
        clock.ahead_us += 25 * HOUR_US
        webhooks.look()
        await wait_for_dead(store, 1)
        clock.ahead_us += HOUR_US
        await answer_and_end(store, later)
        webhooks.look()
        await wait_until(lambda: told_of(receiver, later) == ["q0", "q1", "FAIL"], "it goes on working")
    assert [one.last_error for one in await dead(store)] == ["HTTP 504"]


async def wait_for_dead(store: Store, count: int) -> None:
    await wait_for_answer(lambda: dead(store), lambda found: len(found) == count, f"{count} events are given up")


async def test_what_waits_for_a_receiver_that_never_comes_back_is_given_up_at_once(
    store: Store, receiver: Receiver
) -> None:
    orders = await orders_of(store, receiver.url, 30)
    receiver.status = 502
    clock = Clock()
    for order in orders:
        await answer_and_end(store, order, answers=1)
    clock.ahead_us = 25 * HOUR_US
    async with delivering(store, clock) as webhooks:
        await wait_until(lambda: webhooks.report()["resting"], "it is tried")
        assert await dead(store) == [], "the machine was off: nobody has tried for a day"
        clock.ahead_us += 25 * HOUR_US
        webhooks.look()
        await wait_for_dead(store, 60)
    assert await waiting(store) == []


async def test_a_change_of_the_receiver_leaves_no_event_behind(store: Store, receiver: Receiver) -> None:
    async with receiving(Receiver(status=503)) as down:
        (order,) = await orders_of(store, down.url)
        async with delivering(store) as webhooks:
            await store.write(save_answer(order.attempt_id, 7, "q0", "да", "1"))
            await wait_until(lambda: webhooks.report()["resting"], "the first receiver rests")
            await store.write(change_task(order.task_id, None, TaskChange(notify_url=receiver.url)))
            await store.write(save_result(lost(order)))
            await wait_until(lambda: told_of(receiver, order) == ["FAIL"], "the other one does not wait for it")
            await wait_for_answer(lambda: urls(store), lambda left: left == [down.url], "what is told goes")


async def test_a_clock_that_was_ahead_holds_nothing_up(store: Store, receiver: Receiver) -> None:
    (order,) = await orders_of(store, receiver.url)
    await answer_and_end(store, order)
    async with delivering(store, Clock(-HOUR_US)):
        await wait_until(lambda: told_of(receiver, order) == ["q0", "q1", "FAIL"], "everything is told")


async def test_a_replayed_event_goes_before_those_of_its_number_that_wait(store: Store, receiver: Receiver) -> None:
    (order,) = await orders_of(store, receiver.url)
    await answer_and_end(store, order)
    first, second, third = await waiting(store)
    assert (first.due_us, second.due_us, third.due_us) == (0, None, None)
    await store.write(events.mark_dead(first.row_id, "HTTP 410", 1))
    assert [one.due_us for one in await waiting(store)] == [0, None]
    await store.write(events.replay(None))
    await store.write(events.mark_failed(second.row_id, "HTTP 500", 1, 2))
    assert [(one.due_us, one.tries) for one in await waiting(store)] == [(0, 1), (None, 1), (None, 0)]
    async with delivering(store):
        await wait_until(lambda: told_of(receiver, order) == ["q0", "q1", "FAIL"], "everything is told")


async def test_giving_up_and_replaying_hold_the_writer_for_a_batch_only(store: Store) -> None:
    orders = await orders_of(store, "http://192.0.2.1/hook", events.BATCH // 2 + 10)
    await asyncio.gather(*(answer_and_end(store, order, answers=1) for order in orders))
    bury = events.bury_old("http://192.0.2.1/hook", 2**62, "HTTP 503", 1)
    assert [await store.write(bury) for _ in range(2)] == [events.BATCH, 20]
    first = await store.write(events.replay(None))
    second = await store.write(events.replay(None, first[-1]))
    assert (len(first), len(second)) == (events.BATCH, 20)
    assert [one.due_us for one in await waiting(store)].count(0) == len(orders)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (lambda connection: events.fetch_due(connection, "u", 1, 8), "event_due (url=? AND due_us<?)"),
        (lambda connection: events.fetch_next_due_us(connection, "u", 1), "event_due (url=? AND due_us>?)"),
        (events.count_events, "event_dead"),
    ],
)
async def test_what_is_due_is_found_by_index_without_sorting(store: Store, query: Query[object], index: str) -> None:
    def plan(connection: Connection) -> list[str]:
        asked: list[tuple[str, Any]] = []
        event.listen(connection.engine, "before_cursor_execute", lambda *seen: asked.append((seen[2], seen[3])))
        query(connection)
        statement, parameters = asked[-1]
        return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]

    (step,) = await store.read(plan)
    assert index in step


async def test_results_without_a_receiver_cost_next_to_nothing(store: Store) -> None:
    """Told as a ratio: machines are noisy."""
    took_s = {}
    for name, url in (("without", None), ("with", "http://192.0.2.1/hook")):
        orders = await orders_of(store, url, 2000)
        began_s = time.perf_counter()
        await asyncio.gather(*(store.write(save_result(lost(order))) for order in orders))
        took_s[name] = time.perf_counter() - began_s
    print(f"\nresults with an event each take {took_s['with'] / took_s['without']:.2f} times as long as without")
    assert len(await waiting(store)) == 2000


def test_a_change_of_the_receiver_is_said_or_not() -> None:
    assert "notify_url" not in TaskChange().columns()
    assert TaskChange(notify_url="").columns()["notify_url"] == ""
