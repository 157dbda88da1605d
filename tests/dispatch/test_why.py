"""What holds calls back in the engine is what is told: scheduler, ledger and store are real, Asterisk is played."""

import time
from collections.abc import AsyncIterator, Coroutine, Iterable
from pathlib import Path
from typing import Any, TypeVar

import pytest_asyncio

from dialer.dispatch.why import Explainer, Explanation
from dialer.model.attempt import LegEnded, NeverDialled
from dialer.model.records import OutRecord
from dialer.model.situation import Blocked, Rule
from dialer.model.task import TaskState
from dialer.store.tasks import TaskChange
from tests.dispatch.test_scheduler import BUSY, Bench, locked, nothing_begins, running
from tests.rig.waiting import wait_for_answer, wait_until

T = TypeVar("T")
PHONE = "79520000000"
UNAVAILABLE = LegEnded(OutRecord("CONGESTION", 34, (503,), False))
AWAY = Blocked(Rule.AMI_AWAY, "Asterisk: away (AMI 192.0.2.1:5038: refused)", 0.7, "when the AMI connection is back")


class Asked:
    """An explainer of a bench, asked about one task."""

    def __init__(self, bench: Bench, task_id: int) -> None:
        self.explainer = Explainer(bench.store, bench.ledger, bench.scheduler)
        self._task_id = task_id

    async def tells(self, phone: str | None = None) -> Explanation:
        told = await self.explainer.explain(self._task_id, phone)
        assert told is not None
        return told

    async def comes_to_tell(self, rule: Rule, phone: str | None = None) -> Explanation:
        return await wait_for_answer(lambda: self.tells(phone), lambda told: told.found.rule is rule, rule.value)


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with running(tmp_path) as started:
        yield started


async def post_unseen(bench: Bench, count: int, channels: int, series: int = 0) -> int:
    """A task that may be dialled, which the scheduler does not know: it has seen nobody free, and is told no more."""
    return await unseen(bench, bench.post(count, channels, series))


async def unseen(bench: Bench, change: Coroutine[Any, Any, T]) -> T:
    """Make the change while nobody is free; when the scheduler has seen that, all are free."""
    looked: list[str] = []

    def is_free(inner_num: str) -> bool:
        looked.append(inner_num)
        return False

    bench.somebody_is_free(is_free)
    changed = await change
    await wait_until(lambda: looked, "the scheduler has looked")
    bench.somebody_is_free(lambda inner_num: True)
    return changed


async def dial(bench: Bench, event: LegEnded, attempts: Iterable[int]) -> None:
    for attempt_id in attempts:
        assert await bench.ledger.claim(attempt_id, "", "")
        bench.ledger.note(attempt_id, event)


async def test_a_task_that_is_not_there_has_no_explanation(bench: Bench) -> None:
    assert await Explainer(bench.store, bench.ledger, bench.scheduler).explain(5) is None


async def test_a_paused_task_is_told_and_goes_on_when_it_is_opened(bench: Bench) -> None:
    task_id = await bench.post(3, channels=2)
    asked = Asked(bench, task_id)
    await bench.settled_files(2)
    await bench.desk.change(task_id, None, TaskChange(state=TaskState.PAUSED))
    attempts = bench.take()
    for attempt_id in attempts:
        assert not await bench.ledger.claim(attempt_id, "", "")
    told = await asked.tells()
    assert (told.found.rule, told.found.blocks, told.found.next_look_s) == (Rule.TASK_PAUSED, True, None)
    await nothing_begins(bench)
    await bench.desk.change(task_id, None, TaskChange(state=TaskState.OPEN))
    await bench.settled_files(2)


async def test_a_closed_task_is_told(bench: Bench) -> None:
    task_id = await bench.post(1, channels=1)
    await bench.settled_files(1)
    await dial(bench, BUSY, bench.take())
    await Asked(bench, task_id).comes_to_tell(Rule.TASK_CLOSED)


async def test_a_draining_daemon_is_told(bench: Bench) -> None:
    bench.scheduler.drain()
    told = await Asked(bench, await bench.post(1, channels=1)).tells()
    assert told.found.rule is Rule.DRAINING
    await nothing_begins(bench)


async def test_a_database_that_cannot_be_written_is_told_and_looked_at_again_every_second(bench: Bench) -> None:
    bench.scheduler.pbx_is_ready(False)
    task_id = await bench.post(1, channels=1)
    asked = Asked(bench, task_id)
    async with locked(bench, 20) as other:
        await bench.store.probe()
        bench.scheduler.pbx_is_ready(True)
        told = await asked.tells()
        assert (told.found.rule, told.found.next_look_s) == (Rule.DATABASE, 1.0)
        assert "locked" in told.found.reason
        await wait_until(lambda: bench.scheduler._timer, "the scheduler has looked, and will look again")
        assert bench.files() == set()
        other.execute("ROLLBACK")
    await bench.store.probe()
    await bench.settled_files(1)
    assert (await asked.tells()).found.rule is not Rule.DATABASE


async def test_an_asterisk_that_is_away_is_told_in_the_words_of_the_link(bench: Bench) -> None:
    bench.scheduler.pbx_is_ready(False)
    asked = Asked(bench, await bench.post(1, channels=1))
    assert (await asked.tells()).found.rule is Rule.AMI_AWAY
    asked.explainer.asterisk = lambda: AWAY
    assert (await asked.tells()).found == AWAY
    await nothing_begins(bench)
    bench.scheduler.pbx_is_ready(True)
    await bench.settled_files(1)


async def test_a_spool_that_is_not_there_is_told(bench: Bench) -> None:
    gone = bench.spool.with_name("gone")
    bench.spool.rename(gone)
    asked = Asked(bench, await bench.post(1, channels=1))
    await wait_until(lambda: bench.scheduler.engine().back_off_s > 0, "a call file could not be written")
    told = await asked.tells()
    assert (told.found.rule, told.found.next_look_s) == (Rule.SPOOL, 0.5)
    assert "no such folder" in told.found.reason
    gone.rename(bench.spool)
    assert (await asked.tells()).found.rule is Rule.BACK_OFF
    await nothing_begins(bench)
    bench.now_s += 0.5
    bench.scheduler._feed_all()
    await bench.settled_files(1)


async def test_all_numbers_in_progress_are_told_with_their_count(bench: Bench) -> None:
    asked = Asked(bench, await bench.post(2, channels=5))
    await bench.settled_files(2)
    told = await asked.tells()
    assert (told.found.rule, told.in_use, told.waiting) == (Rule.NOTHING_WAITS, 2, 0)
    assert "2 in progress" in told.found.reason
    await nothing_begins(bench)


async def test_what_has_left_the_queue_is_not_counted_before_the_database_knows(bench: Bench) -> None:
    """The call file is there, its mark is not committed yet: the number does not wait any more."""
    bench.scheduler.pbx_is_ready(False)
    asked = Asked(bench, await bench.post(3, channels=1))
    async with locked(bench, 10_000) as other:
        bench.scheduler.pbx_is_ready(True)
        await bench.settled_files(1)
        told = await asked.tells(PHONE)
        assert (told.found.rule, told.waiting) == (Rule.NUMBER_IN_PROGRESS, 2)
        assert "CreateCallFile" in told.found.reason
        other.execute("ROLLBACK")


async def test_the_channels_of_a_task_are_told_until_one_is_free(bench: Bench) -> None:
    asked = Asked(bench, await bench.post(5, channels=2))
    await bench.settled_files(2)
    told = await asked.tells()
    assert (told.found.rule, told.in_use, told.waiting) == (Rule.TASK_CHANNELS, 2, 3)
    await nothing_begins(bench)
    await dial(bench, BUSY, bench.take())
    await bench.settled_files(2)


async def test_the_channels_of_all_tasks_are_told_until_one_is_free(tmp_path: Path) -> None:
    async with running(tmp_path, max_channels=2) as bench:
        await bench.post(2, channels=2)
        await bench.settled_files(2)
        asked = Asked(bench, await bench.post(1, channels=5, series=100))
        told = await asked.tells()
        assert (told.found.rule, told.in_use, told.waiting) == (Rule.ALL_CHANNELS, 0, 1)
        await nothing_begins(bench)
        await dial(bench, BUSY, bench.take())
        await bench.settled_files(1)


async def test_the_rate_is_told_with_the_time_of_the_next_call(tmp_path: Path) -> None:
    async with running(tmp_path, max_calls_per_s=2.0) as bench:
        asked = Asked(bench, await bench.post(3, channels=3))
        await bench.settled_files(1)
        bench.now_s += 0.1
        told = await asked.tells()
        assert told.found.rule is Rule.RATE
        assert told.found.next_look_s is not None
        assert round(told.found.next_look_s, 6) == 0.4
        await nothing_begins(bench)
        bench.now_s += 0.4
        bench.scheduler._feed_all()
        await bench.settled_files(2)


async def test_unclaimed_call_files_are_told_with_the_pause_after_them(bench: Bench) -> None:
    asked = Asked(bench, await bench.post(1, channels=1))
    for pause_s in (0.5, 1.0, 2.0):
        await bench.settled_files(1)
        (attempt_id,) = bench.take()
        bench.ledger.note(attempt_id, NeverDialled())
        await bench.ledger.settle()
        told = await asked.tells()
        assert (told.found.rule, told.found.next_look_s) == (Rule.BACK_OFF, pause_s)
        assert "127.0.0.1:4573" in told.found.reason
        await nothing_begins(bench)
        bench.now_s += pause_s
        bench.scheduler._feed_all()


async def test_an_employee_who_is_not_free_is_told_until_free(bench: Bench) -> None:
    free = False
    bench.somebody_is_free(lambda inner_num: free)
    asked = Asked(bench, await bench.post(1, channels=1))
    asked.explainer.obstacle = lambda inner_num: f"the hint of {inner_num} says in use"
    asked.explainer.presence_look_s = lambda: 12.5
    told = await asked.tells()
    assert (told.found.rule, told.found.next_look_s) == (Rule.NOBODY_FREE, 12.5)
    assert "the hint of 201 says in use" in told.found.reason
    await nothing_begins(bench)
    free = True
    bench.news_of("201")
    await bench.settled_files(1)


async def test_nobody_is_asked_for_by_the_explanation_of_a_paused_task(bench: Bench) -> None:
    task_id = await post_unseen(bench, 1, channels=1)
    await bench.desk.change(task_id, None, TaskChange(state=TaskState.PAUSED))
    asked_for: list[str] = []

    def is_free(inner_num: str) -> bool:
        asked_for.append(inner_num)
        return False

    bench.somebody_is_free(is_free)
    assert (await Asked(bench, task_id).tells()).found.rule is Rule.TASK_PAUSED
    assert asked_for == []


async def fail_at_the_provider(bench: Bench, count: int, series: int = 0) -> int:
    """A task whose first `count` numbers the provider has refused, and which has one channel and numbers left."""
    task_id = await bench.post(count + 5, channels=1, series=series)
    for _ in range(count):
        await wait_until(bench.files, "a call file")
        await dial(bench, UNAVAILABLE, bench.take())
        bench.now_s += 10  # many refusals at once would slow the trunk down
    await wait_until(bench.files, "the next call file")
    await bench.ledger.settle()
    return task_id


async def test_a_provider_that_refused_the_last_numbers_is_told_and_holds_nothing_back(bench: Bench) -> None:
    task_id = await fail_at_the_provider(bench, 5)
    asked = Asked(bench, task_id)
    told = await asked.tells()
    assert (told.found.rule, told.found.blocks, told.in_use) == (Rule.PROVIDER_DOWN, False, 1)
    assert "SIP 503 Service Unavailable" in told.found.reason
    await bench.desk.change(task_id, None, TaskChange(max_count_channels=2))
    await bench.settled_files(2)
    await bench.desk.change(task_id, None, TaskChange(state=TaskState.PAUSED))
    assert (await asked.tells()).found.rule is Rule.TASK_PAUSED, "what stops the task is told first"


async def hold_a_channel_free(bench: Bench, task_id: int) -> None:
    await unseen(bench, bench.desk.change(task_id, None, TaskChange(max_count_channels=9)))


async def test_four_failures_of_the_provider_are_not_told(bench: Bench) -> None:
    task_id = await fail_at_the_provider(bench, 4)
    await hold_a_channel_free(bench, task_id)
    assert (await Asked(bench, task_id).tells()).found.rule is Rule.DIALLING


async def test_failures_of_an_hour_ago_are_not_told(bench: Bench) -> None:
    task_id = await fail_at_the_provider(bench, 5)
    await hold_a_channel_free(bench, task_id)
    assert (await Asked(bench, task_id).tells()).found.rule is Rule.PROVIDER_DOWN
    later = Explainer(bench.store, bench.ledger, bench.scheduler, clock=lambda: time.time() + 3600)
    told = await later.explain(task_id)
    assert told is not None
    assert told.found.rule is Rule.DIALLING


async def test_failures_of_another_task_are_not_told(bench: Bench) -> None:
    await fail_at_the_provider(bench, 5)
    other = Asked(bench, await post_unseen(bench, 3, channels=1, series=100))
    assert (await other.tells()).found.rule is Rule.DIALLING


async def test_one_number_that_the_provider_took_ends_the_row(bench: Bench) -> None:
    task_id = await fail_at_the_provider(bench, 5)
    await dial(bench, BUSY, bench.take())
    await bench.settled_files(1)
    await bench.ledger.settle()
    await hold_a_channel_free(bench, task_id)
    assert (await Asked(bench, task_id).tells()).found.rule is Rule.DIALLING


async def test_a_number_is_told_where_it_stands(bench: Bench) -> None:
    asked = Asked(bench, await bench.post(4, channels=1))
    await bench.settled_files(1)
    assert (await asked.comes_to_tell(Rule.NUMBER_IN_PROGRESS, PHONE)).phone == PHONE
    told = await asked.tells("79520000003")
    assert told.found.rule is Rule.TASK_CHANNELS, "what holds the task back holds the number back"
    assert told.found.reason.startswith("79520000003 waits, 2 before it; 1 channel is in use")
    await dial(bench, BUSY, bench.take())
    told = await asked.comes_to_tell(Rule.FINISHED, PHONE)
    assert told.found.reason.startswith("79520000000 is finished: FAIL (SIP 486 Busy Here), 2")
    assert told.found.reason.endswith("UTC")
    assert (await asked.tells("79529999999")).found.rule is Rule.NOT_IN_LIST
    same_digits = await asked.tells("+89520000003")
    assert same_digits.found.rule is Rule.TASK_CHANNELS, "known by the last ten digits, as everywhere"


async def test_a_number_of_a_task_that_is_dialled_waits_for_its_turn(bench: Bench) -> None:
    told = await Asked(bench, await post_unseen(bench, 4, channels=2)).tells("79520000002")
    assert (told.found.rule, told.found.blocks) == (Rule.NUMBER_WAITS, False)
    assert told.found.reason == "79520000002 waits, 2 before it"
    bench.news_of("201")
    await bench.settled_files(2)


async def test_when_nothing_blocks_it_is_told_that_it_dials(bench: Bench) -> None:
    told = await Asked(bench, await post_unseen(bench, 3, channels=2)).tells()
    assert (told.found.rule, told.found.blocks, told.in_use, told.waiting) == (Rule.DIALLING, False, 0, 3)
    bench.news_of("201")
    await bench.settled_files(2)


async def test_troubles_that_block_nothing_are_told_to_whom_they_concern(bench: Bench) -> None:
    task_id = await post_unseen(bench, 1, channels=1)
    await unseen(bench, bench.desk.change(task_id, None, TaskChange(record_talk=True)))
    asked = Asked(bench, task_id)
    asked.explainer.recording_trouble = lambda: "[audio] recordings_dir: Asterisk does not record"
    asked.explainer.dialogue_trouble = lambda: "a prompt cannot be played"
    told = await asked.tells()
    assert (told.found.rule, told.found.blocks) == (Rule.RECORDING, False)
