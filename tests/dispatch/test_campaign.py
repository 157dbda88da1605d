"""The scheduler under a campaign's rules: made-up clocks, a real store, the test plays Asterisk's part."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from sqlalchemy import insert

from dialer.dispatch.task_queue import TaskQueue
from dialer.dispatch.traffic import EVENTS_ARE_LATE, MOMENT_S, MOST_UNCLAIMED, Traffic, Trunk
from dialer.dispatch.why import Explainer
from dialer.model.attempt import AttemptState, LegEnded, SubscriberAnswered, TalkBegan
from dialer.model.employees import Staff
from dialer.model.knee import BURST_S, FIRST_PER_S, HELD_S, Knee
from dialer.model.records import InRecord, OutRecord
from dialer.model.resting import LATE_S, MANY, REST_S
from dialer.model.rules import DayKind, DayWindow, Pacing
from dialer.model.situation import Rule
from dialer.model.task import InnerNumType, Number, TaskState
from dialer.store.schema import dialled
from dialer.store.tasks import TaskChange
from tests.dispatch.test_scheduler import BUSY, Bench, nothing_begins, running
from tests.rig.waiting import wait_for_answer, wait_until
from tests.store.making import fetch_task_results

UNAVAILABLE = LegEnded(OutRecord("CONGESTION", 34, (503,), False))
TALK = (LegEnded(OutRecord("ANSWER", 16, (200,), True)), LegEnded(InRecord("ANSWER", "", "5", 16, "", "")))


AT_ONCE = Knee().burst


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with running(tmp_path) as started:
        yield started


def number(place: int, **more: Any) -> Number:
    return Number(f"7952{place:07d}", f"952{place:07d}", **more)


async def post(bench: Bench, numbers: Iterable[Number], channels: int = 5, **rules: Any) -> int:
    change = TaskChange(
        inner_num="201",
        inner_num_type=InnerNumType.EXTEN,
        max_count_channels=channels,
        numbers=list(numbers),
        rules=rules,
    )
    return (await bench.desk.save(None, None, change)).task_id


def clock_is(bench: Bench, text: str, zone: str = "UTC") -> None:
    """Set the wall clock; timers run by the loop's own, so the scheduler is woken as its timer would."""
    bench.wall_s = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()
    wake(bench)


def wake(bench: Bench) -> None:
    for task_id in bench.scheduler._queues:
        bench.scheduler.feed(task_id)


async def begin_by_the_pace(bench: Bench, count: int) -> None:
    """So many calls begin, as fast as they may."""
    for begun in range(AT_ONCE, count + AT_ONCE, AT_ONCE):
        await bench.settled_files(min(begun, count))
        bench.now_s += BURST_S
        wake(bench)


async def claim(bench: Bench) -> list[int]:
    """Asterisk takes what lies in the spool; the attempts that got their leave."""
    taken = bench.take()
    return [attempt_id for attempt_id in taken if await bench.ledger.claim(attempt_id, f"call-{attempt_id}", "")]


async def why(bench: Bench, task_id: int, phone: str | None = None) -> tuple[Rule, str]:
    explainer = Explainer(bench.store, bench.ledger, bench.scheduler, clock=lambda: bench.wall_s)
    told = await explainer.explain(task_id, phone)
    assert told is not None
    return told.found.rule, told.found.reason


async def test_nobody_is_dialled_outside_the_window_and_somebody_when_it_opens(bench: Bench) -> None:
    clock_is(bench, "2026-11-25T08:59:30")
    task_id = await post(bench, [number(1)], start_min=9 * 60, end_min=18 * 60)
    await nothing_begins(bench)
    assert await why(bench, task_id) == (
        Rule.WINDOW,
        "none of the numbers that wait may be called now: the window is 09:00 to 18:00, it is 08:59 in UTC",
    )
    clock_is(bench, "2026-11-25T09:00:00")
    await bench.settled_files(1)


async def test_a_window_that_closes_before_the_claim_keeps_the_telephone_silent(bench: Bench) -> None:
    clock_is(bench, "2026-11-25T17:59:59")
    task_id = await post(bench, [number(1)], start_min=9 * 60, end_min=18 * 60)
    await bench.settled_files(1)
    clock_is(bench, "2026-11-25T18:00:00")
    assert await claim(bench) == []
    await bench.ledger.settle()
    await nothing_begins(bench)
    assert bench.scheduler.trouble is None, "nobody is to blame"
    clock_is(bench, "2026-11-26T09:00:00")
    await bench.settled_files(1)
    assert len(await claim(bench)) == 1
    assert (await why(bench, task_id))[0] is Rule.NOTHING_WAITS


async def test_subscribers_are_called_by_their_own_clocks(bench: Bench) -> None:
    clock_is(bench, "2026-11-25T06:30:00")
    zones = {1: "Asia/Vladivostok", 2: "Europe/Moscow", 3: "", 4: "+3.5", 5: "-5"}
    task_id = await post(
        bench, [number(place, zone=zone) for place, zone in zones.items()], 9, start_min=540, end_min=1080
    )
    await bench.settled_files(3)  # 16:30, 9:30 and 10:00; 6:30 of the PBX and 1:30 are too early
    assert [attempt.state for attempt in bench.ledger.in_progress().values()] == [AttemptState.SPOOLED] * 3
    rows = await bench.store.read(lambda connection: fetch_task_results(connection, task_id))
    assert {row.phone[-1] for row in rows if row.state != "CreateTask"} | {"1", "2", "4"} == {"1", "2", "4"}
    rule, reason = await why(bench, task_id, "79520000005")
    assert (rule, "it is 01:30 in UTC-05:00" in reason) == (Rule.WINDOW, True)
    clock_is(bench, "2026-11-25T09:00:00")
    await bench.settled_files(4)


async def test_weekends_and_holidays_are_days_off(bench: Bench) -> None:
    clock_is(bench, "2026-11-28T12:00:00")  # a Saturday
    rules: dict[str, Any] = {"weekdays": frozenset({1, 2, 3, 4, 5}), "holidays": frozenset({"2026-11-30"})}
    task_id = await post(bench, [number(1)], **rules)
    await nothing_begins(bench)
    assert "not on Saturdays" in (await why(bench, task_id))[1]
    clock_is(bench, "2026-11-30T12:00:00")
    await nothing_begins(bench)
    assert "2026-11-30 is a holiday" in (await why(bench, task_id))[1]
    clock_is(bench, "2026-12-01T00:00:00")
    await bench.settled_files(1)


async def test_a_task_begins_by_itself_at_its_time(bench: Bench) -> None:
    clock_is(bench, "2026-11-25T12:00:00")
    task_id = await post(bench, [number(1)], not_before_us=int((bench.wall_s + 0.3) * 1_000_000))
    await nothing_begins(bench)
    assert "the task begins 2026-11-25 12:00:00 in UTC" in (await why(bench, task_id))[1]
    bench.wall_s += 0.3  # the timer of the loop wakes the scheduler
    await bench.settled_files(1)


async def test_a_task_whose_beginning_is_taken_away_begins_at_once(bench: Bench) -> None:
    clock_is(bench, "2026-11-25T12:00:00")
    task_id = await post(bench, [number(1)], not_before_us=int(bench.wall_s + 86_400) * 1_000_000)
    await nothing_begins(bench)
    await bench.desk.change(task_id, None, TaskChange(rules={"not_before_us": 0}))
    await bench.settled_files(1)


async def test_a_changed_schedule_is_obeyed_at_once(bench: Bench) -> None:
    clock_is(bench, "2026-11-25T12:30:00")  # a Wednesday
    windows = (DayWindow(DayKind.WEDNESDAY, 540, 720), DayWindow(DayKind.WEDNESDAY, 780, 1080))
    task_id = await post(bench, [number(1)], schedule=windows)
    await nothing_begins(bench)
    assert "09:00 to 12:00, 13:00 to 18:00, it is 12:30 in UTC" in (await why(bench, task_id))[1]
    await bench.desk.change(task_id, None, TaskChange(rules={"schedule": windows[:1]}))
    clock_is(bench, "2026-11-25T13:00:00")
    await nothing_begins(bench)
    await bench.desk.change(task_id, None, TaskChange(rules={"schedule": windows}))
    await bench.settled_files(1)


async def test_a_busy_number_is_dialled_again_when_its_interval_is_over(bench: Bench) -> None:
    task_id = await post(bench, [number(1)], max_attempts=2, try_interval_s=300)
    await bench.settled_files(1)
    began_s = bench.wall_s
    (attempt_id,) = await claim(bench)
    bench.ledger.note(attempt_id, BUSY)
    await bench.ledger.settle()
    rows = await bench.store.read(lambda connection: fetch_task_results(connection, task_id))
    due_s = rows[1].due_us / 1_000_000
    bench.wall_s = due_s - 1
    await nothing_begins(bench)
    assert (await why(bench, task_id))[0] is Rule.NOT_DUE
    assert (await why(bench, task_id, "79520000001"))[0] is Rule.NOT_DUE
    bench.wall_s = due_s
    wake(bench)
    await bench.settled_files(1)
    (again,) = await claim(bench)
    assert again != attempt_id
    bench.ledger.note(again, BUSY)
    await wait_for_answer(
        lambda: bench.state_of(task_id), lambda state: state is TaskState.CLOSED, "the last attempt closes the task"
    )
    assert began_s > 0


async def test_next_attempts_that_are_due_come_before_the_rest_of_the_list(bench: Bench) -> None:
    task_id = await post(bench, [number(place) for place in range(300)], 1, max_attempts=2, try_interval_s=0)
    await bench.settled_files(1)
    (attempt_id,) = await claim(bench)
    bench.ledger.note(attempt_id, BUSY)
    bench.wall_s = 2_000_000_000.0
    tries = 1
    while tries < 102:
        bench.now_s += 1.0  # no more calls a second than Asterisk is known to bear
        await bench.settled_files(1)
        (attempt_id,) = await claim(bench)
        tries += 1
        bench.ledger.note(attempt_id, BUSY)
    await bench.ledger.settle()
    rows = await bench.store.read(lambda connection: fetch_task_results(connection, task_id))
    second = [row for row in rows if row.attempt_number == 2 and row.result]
    assert second, "what was read ahead is a hundred numbers; then the due ones come first"


async def test_a_telephone_called_often_enough_today_waits_for_tomorrow(tmp_path: Path) -> None:
    async with running(tmp_path, max_per_day=1) as bench:
        clock_is(bench, "2026-11-25T12:00:00")
        await post(bench, [number(1)])
        await bench.settled_files(1)
        (first,) = await claim(bench)
        bench.ledger.note(first, BUSY)
        await bench.ledger.settle()
        task_id = await post(bench, [number(1), number(2)])
        await bench.settled_files(1)
        (second,) = await claim(bench)
        bench.ledger.note(second, BUSY)
        await bench.ledger.settle()
        await nothing_begins(bench)
        assert (await why(bench, task_id, "79520000001"))[0] is Rule.DAY_CAP
        clock_is(bench, "2026-11-26T00:00:01")
        await bench.settled_files(1)
        (third,) = await claim(bench)
        assert (first, second, third) == (1, 3, 2)


async def test_numbers_called_often_enough_today_hold_up_no_other_task(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        clock_is(bench, "2026-11-25T12:00:00")
        many = [number(place) for place in range(1000)]
        today, _ = bench.scheduler.today()
        called = [{"day": today, "phone_id": one.phone_id, "times": 1} for one in many]
        await bench.store.write(lambda tx: tx.connection.execute(insert(dialled), called))
        bench.ledger.claims_open = False
        others: list[int] = []
        begun: list[int] = []
        """Calls of the other task at each look at the first one since that one was posted."""
        restock = bench.scheduler._restock

        async def counted(queue: TaskQueue) -> bool:
            if others and queue.task.task_id not in others:
                begun.append(bench.ledger.in_use_by(others[0]))
            found = await restock(queue)
            if not others:
                others.append(await post(bench, [number(5000)]))
            return found

        bench.scheduler._restock = counted  # type: ignore[method-assign]
        await post(bench, many, max_per_day=1)
        await wait_until(lambda: len(begun) >= 9, "all hundreds of the first task are read")
        assert begun.count(0) <= 2, "hundreds of the first task were read before"
        assert begun[-1] == 1


@pytest.mark.parametrize("calls_per_s", [50.0, 200.0, 400.0])
def test_a_rate_that_is_set_is_kept_to(calls_per_s: float) -> None:
    now_s = 1000.0
    traffic = Traffic(max_calls_per_s=calls_per_s, clock=lambda: now_s)
    traffic.knee.calls_per_s = 10_000.0
    traffic._keep_to_pace()
    begun = 0
    while now_s < 1001.0:
        refusal = traffic.refusal_of_engine()
        if refusal is None:
            begun += 1
            traffic.rate.took_one(now_s)
        else:
            now_s += refusal.wait_s
    assert abs(begun - calls_per_s) <= 2


def test_calls_that_the_pace_allows_within_a_moment_begin_together() -> None:
    now_s = 1000.0
    traffic = Traffic(clock=lambda: now_s)
    waits_s = []
    while now_s < 1001.0:
        refusal = traffic.refusal_of_engine()
        if refusal is None:
            traffic._pace.took_one(now_s)
        else:
            waits_s.append(refusal.wait_s)
            now_s += refusal.wait_s
    assert min(waits_s) >= MOMENT_S


async def test_a_raised_cap_wakes_who_waits_for_tomorrow(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        clock_is(bench, "2026-11-25T12:00:00")
        await post(bench, [number(1)])
        await bench.settled_files(1)
        (first,) = await claim(bench)
        bench.ledger.note(first, BUSY)
        await bench.ledger.settle()
        task_id = await post(bench, [number(1)], max_per_day=1)
        await nothing_begins(bench)
        assert (await why(bench, task_id, "79520000001"))[0] is Rule.DAY_CAP
        await bench.desk.change(task_id, None, TaskChange(rules={"max_per_day": 2}))
        await bench.settled_files(1)
        assert await claim(bench) == [2]


async def test_a_telephone_that_another_task_calls_first_is_refused_at_the_dial_instant(tmp_path: Path) -> None:
    async with running(tmp_path, max_per_day=1) as bench:
        clock_is(bench, "2026-11-25T12:00:00")
        for _ in range(2):
            await post(bench, [number(1)])
        await bench.settled_files(2)
        assert len(await claim(bench)) == 1
        await bench.ledger.settle()
        await nothing_begins(bench)
        assert bench.ledger.in_use == 1


async def test_why_of_a_task_sees_the_trunk_of_its_next_number_and_clients_that_are_called(tmp_path: Path) -> None:
    trunk = Trunk("city", ("7952",), max_channels=1)
    async with running(tmp_path, trunks=[trunk]) as bench:
        clock_is(bench, "2026-11-25T12:00:00")
        await post(bench, [number(1)])
        await bench.settled_files(1)
        full = await post(bench, [number(2)])
        await nothing_begins(bench)
        rule, reason = (await why(bench, full))[:2]
        assert rule is Rule.TRUNK, reason
    async with running(tmp_path / "clients") as bench:
        clock_is(bench, "2026-11-25T12:00:00")
        of_client = [replace(number(place), client_id="c") for place in (1, 2)]
        task_id = await post(bench, of_client)
        await bench.settled_files(1)
        rule, reason = (await why(bench, task_id))[:2]
        assert rule is Rule.OTHER_NUMBER, reason


async def test_each_trunk_has_its_own_channels(tmp_path: Path) -> None:
    trunks = [Trunk("north", ("79520",), max_channels=2), Trunk("south", ("79521",), max_channels=1)]
    async with running(tmp_path, trunks=trunks) as bench:
        north = await post(bench, [number(place) for place in range(5)], 9)
        await bench.settled_files(2)
        await post(bench, [number(1_000_000 + place) for place in range(5)], 9)
        await bench.settled_files(3)
        await post(bench, [number(2_000_000 + place) for place in range(5)], 9)
        await bench.settled_files(8)
        await nothing_begins(bench)
        assert await why(bench, north, "79520000004") == (
            Rule.TRUNK,
            "79520000004 waits, 2 before it; 2 calls are in progress, trunk north allows 2",
        )


async def test_a_trunk_that_answers_503_is_slowed_down_and_recovers_by_itself(bench: Bench) -> None:
    await post(bench, [number(place) for place in range(40)], 10)
    await bench.settled_files(10)
    for attempt_id in await claim(bench):
        bench.ledger.note(attempt_id, UNAVAILABLE)
    await bench.ledger.settle()
    await wait_until(lambda: not bench.scheduler._hungry, "the scheduler waits")
    slow = len(bench.files())
    assert slow < 10
    assert ["SIP 503" in told for told in bench.traffic.slowed_down()] == [True]
    bench.now_s += 120
    wake(bench)
    await wait_until(lambda: len(bench.files()) > slow, "calls begin again")
    assert bench.traffic.slowed_down() == []


async def test_an_asterisk_that_is_slow_to_begin_calls_gets_fewer(bench: Bench) -> None:
    await post(bench, [number(place) for place in range(40)], 10)
    await bench.settled_files(10)
    bench.now_s += 3
    await claim(bench)
    assert bench.traffic.slowed_down()[0].startswith("Asterisk: Asterisk took 3.0 s to begin a call, slowed down to")


async def test_an_asterisk_whose_events_come_late_gets_fewer_calls(bench: Bench) -> None:
    await post(bench, [number(place) for place in range(200)], 200)
    await begin_by_the_pace(bench, MOST_UNCLAIMED)
    bench.traffic.event_came(0.001)
    for _ in range(100):
        await claim(bench)
        bench.now_s += 0.01
        wake(bench)
        await wait_until(bench.files, "calls begin")
        bench.traffic.event_came(LATE_S - 0.01)
        if bench.traffic.knee.calls_per_s < FIRST_PER_S:
            break
    assert bench.traffic.knee.calls_per_s < FIRST_PER_S
    assert bench.traffic.knee.limit_per_s <= FIRST_PER_S


async def test_while_events_come_late_none_begins(bench: Bench) -> None:
    task_id = await post(bench, [number(place) for place in range(200)], 200)
    await begin_by_the_pace(bench, MOST_UNCLAIMED)
    await claim(bench)
    await bench.settled_files(AT_ONCE)
    await claim(bench)
    bench.traffic.event_came(0.001)
    for _ in range(MANY):
        bench.now_s += 0.01
        bench.traffic.event_came(LATE_S + 0.01)
    assert await why(bench, task_id) == (Rule.RATE, f"{EVENTS_ARE_LATE}, of all tasks")
    await nothing_begins(bench)
    assert bench.traffic.slowed_down() == [EVENTS_ARE_LATE]
    bench.now_s += REST_S
    await bench.settled_files(AT_ONCE)  # the next ones: nobody else tells the scheduler


async def test_an_asterisk_that_takes_up_no_call_files_gets_no_more_of_them(bench: Bench) -> None:
    task_id = await post(bench, [number(place) for place in range(200)], channels=200)
    await begin_by_the_pace(bench, MOST_UNCLAIMED)
    bench.now_s += 0.5
    wake(bench)
    rule, reason = await why(bench, task_id)
    assert (rule, reason) == (
        Rule.RATE,
        f"Asterisk has yet to take up {MOST_UNCLAIMED} call files, of all tasks",
    )
    assert len(bench.files()) == MOST_UNCLAIMED
    await claim(bench)
    await bench.settled_files(AT_ONCE)  # the next ones: claims let it go on


async def test_after_a_pause_as_many_calls_begin_at_once_as_the_pace_brings_in_a_moment(bench: Bench) -> None:
    await post(bench, [number(place) for place in range(200)], channels=200)
    await bench.settled_files(AT_ONCE)
    await nothing_begins(bench)
    bench.now_s += 0.01
    wake(bench)
    await bench.settled_files(AT_ONCE + 1)


async def test_calls_that_wait_for_the_pace_are_no_trouble_and_told_only_while_they_do(bench: Bench) -> None:
    knee = bench.traffic.knee
    knee.calls_per_s = knee.limit_per_s = 10.0
    bench.traffic.event_came(0.001)
    task_id = await post(bench, [number(place) for place in range(200)], channels=200)
    for begun in [2] + 20 * [1]:
        await bench.settled_files(begun)
        await claim(bench)
        bench.now_s += 0.1
        bench.traffic.event_came(0.001)
        wake(bench)
    await bench.settled_files(1)
    await nothing_begins(bench)
    told = f"the delay of Asterisk's events allows {knee.calls_per_s:.3g} calls a second"
    assert bench.traffic.slowed_down() == [told]
    assert await why(bench, task_id) == (Rule.RATE, f"{told}, of all tasks")
    assert not any(bench.traffic.who_is_slowed_down().values())
    bench.now_s += HELD_S
    assert bench.traffic.slowed_down() == []


async def test_a_task_begins_no_more_calls_a_second_than_it_may(bench: Bench) -> None:
    task_id = await post(bench, [number(place) for place in range(9)], 9, max_calls_per_s=2.0)
    await bench.settled_files(1)
    await nothing_begins(bench)
    assert (await why(bench, task_id))[0] is Rule.TASK_RATE
    bench.now_s += 0.5
    wake(bench)
    await bench.settled_files(2)


async def test_ten_tasks_share_thirty_channels_by_their_weights(tmp_path: Path) -> None:
    """Seeded calls of 20 to 100 s, a whole run of the scheduler itself."""
    async with running(tmp_path, max_channels=30) as bench:
        weights = range(1, 11)
        bench.scheduler.pbx_is_ready(False)
        tasks = {
            await post(bench, [number(weight * 10_000 + place) for place in range(700)], 30, weight=weight): weight
            for weight in weights
        }
        bench.scheduler.pbx_is_ready(True)
        used: Counter[int] = Counter()
        ends: list[tuple[float, int, int]] = []
        await begin_by_the_pace(bench, 30)
        began_s = bench.now_s
        while bench.now_s - began_s < 3000:
            await wait_until(lambda: bench.ledger.in_use == 30, "all channels are in use", poll_s=0.001)
            for attempt_id in await claim(bench):
                task_id = bench.ledger.in_progress()[attempt_id].task_id
                ends.append((bench.now_s + 20 + attempt_id * 37 % 81, attempt_id, task_id))
            ends.sort()
            end_s, attempt_id, task_id = ends.pop(0)
            for attempt in bench.ledger.in_progress().values():
                used[attempt.task_id] += round((end_s - bench.now_s) * 1000)
            bench.now_s = end_s
            bench.ledger.note(attempt_id, BUSY)
        parts = {
            weight: used[task_id] / sum(used.values()) / (weight / sum(weights)) for task_id, weight in tasks.items()
        }
        print("\n" + ", ".join(f"{weight}: {part:.3f}" for weight, part in parts.items()))
        assert all(0.9 < part < 1.1 for part in parts.values()), parts


async def test_as_many_subscribers_are_called_as_employees_are_free(bench: Bench) -> None:
    staff = Staff(3, 3, 0)
    bench.staffing.staff = lambda inner_num: staff
    task_id = await post(bench, [number(place) for place in range(20)], 9)
    await bench.settled_files(3)
    await nothing_begins(bench)
    assert (await why(bench, task_id))[0] is Rule.PACING
    first, *_ = await claim(bench)
    bench.ledger.note(first, SubscriberAnswered(f"call-{first}"))
    staff = Staff(3, 2, 1)
    bench.news_of("201")
    await nothing_begins(bench)  # the employee who rings has his call already
    staff = Staff(3, 2, 0)
    bench.ledger.note(first, TalkBegan(f"call-{first}", ""))
    await nothing_begins(bench)
    staff = Staff(3, 3, 0)
    for event in TALK:
        bench.ledger.note(first, event)
    await wait_until(lambda: len(bench.files()) == 1, "another call")
    assert bench.ledger.in_use == 3


async def test_power_dials_more_than_employees_are_free(bench: Bench) -> None:
    bench.staffing.staff = lambda inner_num: Staff(4, 4, 0)
    await post(bench, [number(place) for place in range(20)], 19, pacing=Pacing.POWER, power_ratio=1.5)
    await bench.settled_files(6)
    await nothing_begins(bench)
    assert len(await claim(bench)) == 6, "also at the dial instant"


async def test_an_answered_subscriber_is_given_an_employee_or_told_that_there_is_none(bench: Bench) -> None:
    staff = Staff(2, 2, 0)
    bench.staffing.staff = lambda inner_num: staff
    await post(bench, [number(place) for place in range(20)], 19, pacing=Pacing.POWER, power_ratio=2.0)
    await bench.settled_files(4)
    one, two, three, four = await claim(bench)
    for attempt_id in (one, two, three, four):
        bench.ledger.note(attempt_id, SubscriberAnswered(f"call-{attempt_id}"))
    assert await bench.ledger.find_employee(one, f"call-{one}")
    assert await bench.ledger.find_employee(two, f"call-{two}")
    waiting = asyncio.create_task(bench.ledger.find_employee(three, f"call-{three}"))
    nobody = asyncio.create_task(bench.ledger.find_employee(four, f"call-{four}"))
    for event in TALK:
        bench.ledger.note(one, event)
    assert await waiting, "one ended, and its employee is free for the next"
    assert not await nobody
    bench.ledger.note(four, LegEnded(OutRecord("ANSWER", 16, (200,), False)))
    bench.ledger.note(four, LegEnded(InRecord("", "", "", 16, "abandoned", "SUCCESS")))
    assert bench.staffing.abandon_rate("201") == (4, 1)


async def test_a_callback_rings_nobody_while_no_employee_is_free(bench: Bench) -> None:
    bench.staffing.staff = lambda inner_num: Staff(1, 0, 0)
    await post(bench, [number(1)], callback=True)
    await nothing_begins(bench)
    bench.staffing.staff = lambda inner_num: Staff(1, 1, 0)
    bench.news_of("201")
    await bench.settled_files(1)
    (file,) = bench.spool.iterdir()
    assert "@autodialer-callback/n" in file.read_text()


async def test_caller_ids_take_turns_and_a_number_s_own_wins(bench: Bench) -> None:
    listed = [number(1), number(2), number(3), number(4, caller_id="79520000099")]
    await post(bench, listed, 9, caller_ids=("79520000010", "79520000011"))
    await bench.settled_files(4)
    shown = Counter(
        line.partition("=")[2]
        for file in bench.spool.iterdir()
        for line in file.read_text().splitlines()
        if line.startswith("Setvar: AUTODIALER_CALLER=")
    )
    assert shown["79520000099"] == 1
    assert sorted(shown[one] for one in ("79520000010", "79520000011")) == [1, 2]


async def test_numbers_are_dialled_as_they_are_unless_the_task_asks_for_the_international_form(bench: Bench) -> None:
    for as_e164, shown in ((False, "89520000001"), (True, "+79520000001")):
        task_id = await post(bench, [Number("89520000001", "9520000001")], as_e164=as_e164)
        await bench.settled_files(1)
        (file,) = bench.spool.iterdir()
        assert f"Setvar: AUTODIALER_NUMBER={shown}\n" in file.read_text()
        (attempt_id,) = await claim(bench)
        bench.ledger.note(attempt_id, BUSY)
        await bench.desk.delete(task_id)


async def test_a_number_s_region_tells_its_zone_where_the_task_asks_for_it(bench: Bench) -> None:
    clock_is(bench, "2026-11-25T07:00:00")  # noon in Novosibirsk is 5:00
    landline = Number("+73832000000", "3832000000")
    task_id = await post(bench, [landline], start_min=13 * 60, end_min=15 * 60, zone_by_region=True)
    await bench.settled_files(1)
    await bench.desk.change(task_id, None, TaskChange(numbers=[landline, number(1)]))
    await nothing_begins(bench)
    rows = await bench.store.read(lambda connection: fetch_task_results(connection, task_id))
    assert [row.zone for row in rows] == ["Asia/Novosibirsk", ""]
