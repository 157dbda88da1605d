"""The outbox of tasks that are told every step, and of recordings that are mailed. Real SQLite files."""

from dataclasses import replace
from typing import Any

import pytest

from dialer.model.attempt import Attempt, AttemptState
from dialer.model.call import CallOrder
from dialer.model.outcome import Outcome
from dialer.model.progress import Progress
from dialer.model.records import OutRecord
from dialer.model.task import InnerNumType
from dialer.model.verdict import Verdict
from dialer.store import events
from dialer.store.attempts import claim_attempt, mark_spooled, save_answer, save_result, tell_progress
from dialer.store.database import Store
from dialer.store.events import Event
from dialer.store.finishing import Bill
from dialer.store.queue import fetch_new
from dialer.store.tasks import save_task
from tests.store.making import a_task, end_by_user

URL = "https://crm.example/notify"
LATER_US = 2**62
NOT_ANSWERED = OutRecord("NOANSWER", 19, (180,), False)
MESSAGE = "answer-1-0123456789abcdef.wav"


async def order_of(store: Store, url: str | None = URL, **rules: Any) -> CallOrder:
    change = replace(a_task(1), notify_url=url, rules={"tells_progress": True, **rules})
    task_id = (await store.write(save_task(None, None, change))).task_id
    (one,) = await store.read(lambda connection: fetch_new(connection, task_id, "", 0, 1))
    return CallOrder(one.attempt_id, task_id, one.phone, "", "201", InnerNumType.EXTEN)


async def claim(store: Store, attempt_id: int, shown_number: str | None = "7495") -> bool:
    return await store.write(claim_attempt(attempt_id, "rig-1", "[C-1]", now_us=LATER_US, shown_number=shown_number))


def closed(order: CallOrder, outcome: Outcome, out: OutRecord | None = None) -> Attempt:
    state = AttemptState.POLLING if outcome.is_success else AttemptState.DIALLING
    return Attempt(
        order.attempt_id, order.task_id, order.inner_num_type, state, out_record=out, verdict=Verdict(outcome)
    )


async def waiting(store: Store) -> list[Event]:
    return await store.read(lambda connection: events.fetch_events(connection, dead=False, after_id=0, limit=100))


async def told(store: Store) -> list[str]:
    return [one.content.get("progress", one.kind) for one in await waiting(store)]


async def test_each_step_is_an_event_with_the_row_as_it_was_then(store: Store) -> None:
    order = await order_of(store)
    await store.write(mark_spooled(order))
    assert await claim(store, order.attempt_id)
    await store.write(tell_progress(order.attempt_id, Progress.KEY, {"key": "1"}))
    bill = Bill(42, 1_000, "201", 20, 500)
    await store.write(save_result(closed(order, Outcome.SUCCESS_POLLING), None, bill, tells_progress=True))
    dialled, key, ended = await waiting(store)
    assert {one.kind for one in (dialled, key, ended)} == {"progress"}
    assert {one.url for one in (dialled, key, ended)} == {URL}
    assert [one.due_us for one in (dialled, key, ended)] == [0, None, None], "each waits for the one before"
    assert (dialled.content["progress"], dialled.content["details"]) == ("dialled", {"shown": "7495"})
    assert (dialled.content["state"], dialled.content["result"]) == (AttemptState.DIALLING.value, None)
    assert (key.content["progress"], key.content["details"]) == ("key", {"key": "1"})
    assert (ended.content["progress"], ended.content["result"]) == ("ended", "SUCCESS_POLLING")
    known = ("talked_s", "cost_u", "employee", "employee_talked_s", "employee_cost_u", "next_due_us")
    assert [ended.content[name] for name in known] == [42, 1_000, "201", 20, 500, None]
    assert all(one.content["at_us"] <= one.created_us for one in (dialled, key, ended))
    assert all("rules" not in one.content and "notify_url" not in one.content for one in (dialled, key, ended))


async def test_events_of_every_attempt_know_the_first_one(store: Store) -> None:
    order = await order_of(store, max_attempts=2, try_interval_s=60)
    await store.write(mark_spooled(order))
    assert await claim(store, order.attempt_id)
    await store.write(save_result(closed(order, Outcome.FAIL, NOT_ANSWERED), tells_progress=True))
    second = replace(order, attempt_id=order.attempt_id + 1)
    await store.write(mark_spooled(second))
    assert await claim(store, second.attempt_id)
    found = await waiting(store)
    assert [one.content["progress"] for one in found] == ["dialled", "unanswered", "ended", "dialled"]
    assert {one.content["first_id"] for one in found} == {order.attempt_id}
    assert found[1].content["details"] == {"cause": "19"}
    assert found[2].content["next_due_us"] is not None


async def test_who_answered_is_not_told_as_unanswered(store: Store) -> None:
    order = await order_of(store)
    out = OutRecord("ANSWER", 16, (200,), True)
    await store.write(save_result(closed(order, Outcome.FAIL_POLLING, out), tells_progress=True))
    assert await told(store) == ["ended"]


async def test_a_result_is_told_once(store: Store) -> None:
    order = await order_of(store)
    for _ in range(2):
        await store.write(save_result(closed(order, Outcome.FAIL, NOT_ANSWERED), tells_progress=True))
    assert await told(store) == ["unanswered", "ended"]


async def test_a_leave_that_is_refused_is_no_step(store: Store) -> None:
    order = await order_of(store)
    assert not await claim(store, order.attempt_id)
    await store.write(mark_spooled(order))
    assert await claim(store, order.attempt_id)
    assert not await claim(store, order.attempt_id)
    assert await told(store) == ["dialled"]


async def test_a_number_that_shows_none_is_told_and_one_that_is_not_asked_for_is_not(store: Store) -> None:
    for shown, steps in (("", ["dialled"]), (None, ["dialled"])):
        order = await order_of(store)
        await store.write(mark_spooled(order))
        assert await claim(store, order.attempt_id, shown)
        assert await told(store) == steps


async def test_a_number_that_the_user_ends_is_told_as_ended(store: Store) -> None:
    order = await order_of(store)
    await end_by_user(store, order.task_id)
    (one,) = await waiting(store)
    assert (one.content["progress"], one.content["cause"]) == ("ended", "Ended by the user")


@pytest.mark.parametrize(
    ("url", "tells", "kinds"), [(URL, False, ["answer", "result"]), (None, True, []), ("", True, [])]
)
async def test_tasks_that_do_not_ask_for_steps_are_told_as_ever(
    store: Store, url: str | None, tells: bool, kinds: list[str]
) -> None:
    order = await order_of(store, url, tells_progress=tells)
    await store.write(mark_spooled(order))
    assert await claim(store, order.attempt_id)
    await store.write(tell_progress(order.attempt_id, Progress.KEY, {"key": "1"}))
    await store.write(save_answer(order.attempt_id, 1, "menu", "1", "1"))
    await store.write(save_result(closed(order, Outcome.FAIL, NOT_ANSWERED), tells_progress=True))
    assert await told(store) == kinds


async def test_answers_of_a_task_that_is_told_steps_are_not_told_twice(store: Store) -> None:
    order = await order_of(store)
    await store.write(save_answer(order.attempt_id, 1, "menu", "1", "1"))
    assert await waiting(store) == []


@pytest.mark.parametrize("url", [None, URL])
async def test_a_recording_is_mailed_to_each_address_whatever_the_crm_is_told(store: Store, url: str | None) -> None:
    order = await order_of(store, url)
    await store.write(save_answer(order.attempt_id, 1, "message", MESSAGE, "", mail_to="a@example.org,,b@example.org"))
    first, second = await waiting(store)
    assert (first.kind, first.url, second.url) == ("mail", "mailto:a@example.org", "mailto:b@example.org")
    assert (first.content["result"], first.content["phone"], first.due_us, second.due_us) == (
        MESSAGE, order.phone, 0, 0,
    )  # fmt: skip
    assert first.event_id != second.event_id


async def test_an_answer_of_an_attempt_that_is_gone_is_not_mailed(store: Store) -> None:
    await store.write(save_answer(999, 1, "message", MESSAGE, "", mail_to="a@example.org"))
    assert await waiting(store) == []


async def test_a_step_of_an_attempt_that_is_gone_is_not_told(store: Store) -> None:
    await store.write(tell_progress(999, Progress.KEY, {"key": "1"}))
    assert await waiting(store) == []
