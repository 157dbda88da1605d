"""Calls that stand by for a channel: Asterisk has their call files, and nobody is dialled before a channel is free."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from dialer.dispatch import standby
from dialer.dispatch.traffic import Traffic, Trunk
from dialer.model.attempt import Attempt, AttemptState, NeverDialled
from dialer.model.call import CallOrder
from dialer.model.records import OutRecord
from dialer.model.task import InnerNumType, Task, TaskState
from dialer.store.attempts import fetch_in_progress
from dialer.store.tasks import TaskChange
from tests.dispatch.test_scheduler import BUSY, Bench, nothing_begins, running
from tests.rig.waiting import wait_until

CHANNELS = 2
OFTEN = 30
"""Ends of calls, GAP_S apart: two calls stand by."""
GAP_S = 0.02


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with running(tmp_path) as started:
        yield started


async def asked(bench: Bench, attempt_id: int) -> bool:
    """The question for leave, as the FastAGI server has it answered."""
    if (turn := bench.ledger.turn_of(attempt_id)) is not None:
        await turn
    return await bench.ledger.claim(attempt_id, f"call-{attempt_id}", "")


async def busy_task(bench: Bench, ends: int = OFTEN, count: int = 60) -> tuple[int, list[int]]:
    """A task after so many calls, and its calls in progress."""
    task_id = await bench.post(count, CHANNELS)

    def with_channel() -> list[int]:
        bench.take()
        return sorted(one for one in bench.ledger.in_progress() if not bench.traffic.stands_by(one))

    for _ in range(ends):
        await wait_until(lambda: len(with_channel()) == CHANNELS, "every channel in use")
        attempt_id = with_channel()[0]
        assert await asked(bench, attempt_id)
        bench.now_s += GAP_S
        bench.ledger.note(attempt_id, BUSY)
    await wait_until(lambda: len(with_channel()) == CHANNELS, "every channel in use")
    for attempt_id in with_channel():
        assert await asked(bench, attempt_id)
    return task_id, with_channel()


async def those_that_stand_by(bench: Bench, count: int) -> list[int]:
    def found() -> list[int]:
        return sorted(attempt_id for attempt_id in bench.ledger.in_progress() if bench.traffic.stands_by(attempt_id))

    await wait_until(lambda: len(found()) == count, f"{count} calls stand by")
    bench.take()
    return found()


async def test_a_call_that_stands_by_is_dialled_when_a_channel_is_free(bench: Bench) -> None:
    task_id, in_progress = await busy_task(bench)
    first, second = await those_that_stand_by(bench, 2)
    assert bench.scheduler.channels_of(task_id) == CHANNELS
    late, early = (asyncio.create_task(asked(bench, one)) for one in (first, second))
    await nothing_begins(bench)
    assert not early.done()
    assert not late.done()
    bench.ledger.note(in_progress[0], BUSY)
    done, _ = await asyncio.wait((early, late), return_when=asyncio.FIRST_COMPLETED)
    assert [one.result() for one in done] == [True], "for one channel one call"
    assert late in done, "who was begun first has asked, too"
    assert bench.scheduler.channels_of(task_id) == CHANNELS
    assert len(await those_that_stand_by(bench, 2)) == 2, "another one takes its place"
    bench.ledger.note(in_progress[1], BUSY)
    assert await early


async def test_who_has_not_asked_yet_has_its_turn_all_the_same(bench: Bench) -> None:
    _, in_progress = await busy_task(bench)
    first, second = await those_that_stand_by(bench, 2)
    asks = asyncio.create_task(asked(bench, second))
    await nothing_begins(bench)
    bench.ledger.note(in_progress[0], BUSY)
    assert await asks, "who has asked comes first"
    bench.ledger.note(in_progress[1], BUSY)
    assert not bench.traffic.stands_by(first)
    assert bench.ledger.turn_of(first) is None
    assert await asked(bench, first)


async def test_without_a_channel_the_answer_is_no_and_the_number_goes_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standby, "LONGEST_S", 0.01)
    task_id, in_progress = await busy_task(bench)
    first, _ = await those_that_stand_by(bench, 2)
    bench.now_s += 60  # no call has ended for long: none more stands by
    assert not await asked(bench, first)
    assert bench.scheduler.channels_of(task_id) == CHANNELS
    await bench.ledger.settle()
    assert first not in [one.order.attempt_id for one in await bench.store.read(fetch_in_progress)]
    await nothing_begins(bench)
    for attempt_id in in_progress:
        bench.ledger.note(attempt_id, BUSY)
    assert bench.scheduler.trouble is None, "nobody is to blame"


async def test_a_claim_that_did_not_wait_its_turn_is_refused(bench: Bench) -> None:
    await busy_task(bench)
    first, _ = await those_that_stand_by(bench, 2)
    assert not await bench.ledger.claim(first, "call", "")


async def test_more_channels_are_for_who_stands_by(bench: Bench) -> None:
    task_id, _ = await busy_task(bench)
    some = await those_that_stand_by(bench, 2)
    asks = [asyncio.create_task(asked(bench, one)) for one in some]
    await bench.desk.change(task_id, None, TaskChange(max_count_channels=CHANNELS + 2))
    assert await asyncio.gather(*asks) == [True, True]
    assert bench.scheduler.channels_of(task_id) == CHANNELS + 2


async def test_fewer_channels_are_for_nobody(bench: Bench) -> None:
    task_id, in_progress = await busy_task(bench)
    first, _ = await those_that_stand_by(bench, 2)
    await bench.desk.change(task_id, None, TaskChange(max_count_channels=1))
    bench.ledger.note(in_progress[0], BUSY)
    assert bench.traffic.stands_by(first)
    bench.ledger.note(in_progress[1], BUSY)
    assert not bench.traffic.stands_by(first)


async def test_a_pause_lets_nobody_wait(bench: Bench) -> None:
    task_id, _ = await busy_task(bench)
    some = await those_that_stand_by(bench, 2)
    asks = [asyncio.create_task(asked(bench, one)) for one in some]
    await nothing_begins(bench)
    await bench.desk.change(task_id, None, TaskChange(state=TaskState.PAUSED))
    assert await asyncio.gather(*asks) == [False, False]
    assert bench.ledger.in_use == CHANNELS


async def test_a_call_that_is_hung_up_while_it_stands_by_is_nobodys_fault(bench: Bench) -> None:
    await busy_task(bench)
    first, second = await those_that_stand_by(bench, 2)
    asks = asyncio.create_task(asked(bench, first))
    await nothing_begins(bench)
    bench.ledger.note(first, NeverDialled(f"call-{first}"))
    assert not await asks
    assert bench.scheduler.trouble is None
    assert bench.scheduler.engine().back_off_s == 0
    bench.ledger.note(second, NeverDialled(""))
    assert bench.scheduler.engine().back_off_s > 0, "nobody has asked for that one"


async def test_nobody_stands_by_for_an_employee(bench: Bench) -> None:
    bench.somebody_is_free(lambda inner_num: True)
    await busy_task(bench)
    await nothing_begins(bench)
    assert await those_that_stand_by(bench, 0) == []


async def test_where_channels_become_free_now_and_then_nobody_stands_by(bench: Bench) -> None:
    await busy_task(bench, ends=9)
    await nothing_begins(bench)
    assert await those_that_stand_by(bench, 0) == []


@pytest.mark.parametrize(
    "limits", [{"max_channels": 50}, {"max_calls_per_s": 1e6}, {"trunks": [Trunk("all", ["7"], max_channels=50)]}]
)
async def test_nobody_stands_by_where_others_may_want_the_channel(tmp_path: Path, limits: dict[str, object]) -> None:
    async with running(tmp_path, **limits) as bench:  # type: ignore[arg-type]
        task_id, _ = await busy_task(bench)
        await nothing_begins(bench)
        assert await those_that_stand_by(bench, 0) == []
        assert bench.scheduler.channels_of(task_id) == CHANNELS


def test_a_call_that_was_dialled_before_a_start_has_its_channel() -> None:
    """More than the task may have now, and one whose call file had just been written."""
    traffic = Traffic()
    traffic.task_is(Task(7, "", "", TaskState.OPEN, "201", InnerNumType.EXTEN, 1, ""))
    orders = [CallOrder(one, 7, "79520000001", "", "201", InnerNumType.EXTEN) for one in (1, 2, 3)]
    for order, state in zip(orders, (AttemptState.DIALLING, AttemptState.DIALLING, AttemptState.SPOOLED), strict=True):
        traffic.call_began(order)
        traffic.call_moved(order, Attempt(order.attempt_id, 7, InnerNumType.EXTEN, state))
    assert [traffic.stands_by(order.attempt_id) for order in orders] == [False, False, True]
    assert traffic.in_use_by(7) == 2
    ended = Attempt(1, 7, InnerNumType.EXTEN, AttemptState.ENDED)
    traffic.call_over(orders[0], ended)
    assert traffic.stands_by(3), "one channel, and it is in use"
    traffic.call_over(orders[1], ended)
    assert not traffic.stands_by(3)
    assert traffic.in_use_by(7) == 1


@pytest.mark.parametrize("callback", [False, True])
def test_the_end_of_the_subscribers_leg_frees_the_channel(callback: bool) -> None:
    """Not of a callback, whose employee may be there still."""
    traffic = Traffic()
    traffic.task_is(Task(7, "", "", TaskState.OPEN, "201", InnerNumType.EXTEN, 2, ""))
    order = CallOrder(1, 7, "79520000001", "", "201", InnerNumType.EXTEN, callback=callback)
    attempt = Attempt(1, 7, InnerNumType.EXTEN, AttemptState.CONNECTING, callback=callback)
    traffic.call_began(order)
    traffic.call_moved(order, attempt)
    assert traffic.in_use_by(7) == 1
    ended = attempt._replace(out_record=OutRecord("ANSWER", 16, (200,), subscriber_hung_up=True))
    for _ in range(2):  # whatever else is told of it afterwards
        traffic.call_moved(order, ended)
        assert traffic.in_use_by(7) == callback
    traffic.call_over(order, ended)
    assert traffic.in_use_by(7) == 0
