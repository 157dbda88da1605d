"""Scheduler and ledger on a real store and a real folder; the test plays Asterisk's part, call file by call file."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
import pytest_asyncio

from dialer.dispatch.callfile import CallFileSettings, Spool
from dialer.dispatch.desk import TaskDesk
from dialer.dispatch.ledger import Ledger
from dialer.dispatch.orders import OrderBook
from dialer.dispatch.pollings import PollingBook
from dialer.dispatch.scheduler import Scheduler
from dialer.dispatch.staffing import Staffing
from dialer.dispatch.task_queue import TaskQueue
from dialer.dispatch.traffic import Traffic, Trunk
from dialer.model.attempt import AttemptState, LegEnded, NeverDialled
from dialer.model.employees import Staff
from dialer.model.records import InRecord, OutRecord
from dialer.model.task import InnerNumType, Number, TaskState
from dialer.store.attempts import fetch_in_progress
from dialer.store.database import Store
from dialer.store.results import fetch_answers_since
from dialer.store.tasks import TaskChange, fetch_task
from tests.rig.waiting import wait_for_answer, wait_until
from tests.store.making import fetch_task_results

BUSY = LegEnded(OutRecord("BUSY", 17, (486,), False))


@dataclass
class Bench:
    store: Store
    ledger: Ledger
    scheduler: Scheduler
    desk: TaskDesk
    spool: Path
    database: Path
    staffing: Staffing
    traffic: Traffic
    now_s: float = 1000.0
    wall_s: float = 1_792_800_000.0
    """2026-10-24 00:00 UTC, a Saturday."""
    looks_begun: int = 0
    looks_ended: int = 0
    """Of the scheduler, at the hungry tasks; one after the other."""

    def somebody_is_free(self, is_free: Callable[[str], bool]) -> None:
        """Say which internal numbers have employees, many of them, who can take a call; the others have one who
        cannot."""
        self.staffing.staff = lambda inner_num: Staff(99, 99, 0) if is_free(inner_num) else Staff(1, 0, 0)

    def news_of(self, inner_num: str) -> None:
        """Presence has news of it."""
        self.staffing.staff_changed(inner_num)

    async def post(self, count: int, channels: int, series: int = 0) -> int:
        numbers = [Number(f"7952{series + place:07d}", f"952{series + place:07d}") for place in range(count)]
        change = TaskChange(
            inner_num="201", inner_num_type=InnerNumType.EXTEN, max_count_channels=channels, numbers=numbers
        )
        return (await self.desk.save(None, None, change)).task_id

    def files(self) -> set[str]:
        return {path.name for path in self.spool.iterdir()}

    async def settled_files(self, count: int) -> set[str]:
        await wait_until(lambda: len(self.files()) == count, f"{count} call files")
        return self.files()

    def take(self) -> list[int]:
        """Do what Asterisk does with call files: take them away; return their attempts."""
        attempts = []
        for path in self.spool.iterdir():
            line = next(line for line in path.read_text().splitlines() if line.startswith("Channel:"))
            attempts.append(int(line.split("/")[1].split("@")[0]))
            path.unlink()
        return sorted(attempts)

    async def state_of(self, task_id: int) -> TaskState:
        task = await self.store.read(lambda connection: fetch_task(connection, task_id))
        assert task is not None
        return task.state


async def nothing_begins(bench: Bench) -> None:
    """Let the scheduler look at every task once more, after what it looks at now: no call may begin."""
    before, next_look = bench.files(), bench.looks_begun + 1
    bench.scheduler._hungry.update(dict.fromkeys(bench.scheduler._queues))
    bench.scheduler._wake.set()
    await wait_until(lambda: bench.looks_ended >= next_look, "the scheduler has looked once more")
    assert bench.files() == before


@asynccontextmanager
async def running(
    tmp_path: Path,
    max_channels: int = 0,
    max_calls_per_s: float = 0.0,
    trunks: Iterable[Trunk] = (),
    max_per_day: int = 0,
) -> AsyncIterator[Bench]:
    spool = tmp_path / "spool" / "outgoing"
    spool.mkdir(parents=True)
    store = await Store.open(f"sqlite:///{tmp_path}/dialer.db")
    ledger = Ledger(store, PollingBook(store))
    folder = Spool(spool)
    assert folder.check() is None
    settings = CallFileSettings("127.0.0.1:4573", "outgoing", "internal", 45, 14_400, tmp_path)
    bench: Bench
    orders = OrderBook()
    traffic = Traffic(
        max_channels=max_channels,
        max_calls_per_s=max_calls_per_s,
        trunks=trunks,
        dial_string=orders.dial_string,
        clock=lambda: bench.now_s,
    )
    staffing = Staffing(clock=lambda: bench.now_s)
    scheduler = Scheduler(
        store,
        ledger,
        folder,
        settings,
        traffic=traffic,
        staffing=staffing,
        orders=orders,
        max_per_day=max_per_day,
        clock=lambda: bench.now_s,
        wall=lambda: bench.wall_s,
    )
    bench = Bench(
        store, ledger, scheduler, TaskDesk(store, scheduler), spool, tmp_path / "dialer.db", staffing, traffic
    )
    fill = scheduler._fill

    async def counted() -> float | None:
        bench.looks_begun += 1
        try:
            return await fill()
        finally:
            bench.looks_ended += 1

    scheduler._fill = counted  # type: ignore[method-assign]
    task = asyncio.create_task(scheduler.run())
    scheduler.pbx_is_ready(True)
    try:
        yield bench
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await store.close()


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with running(tmp_path) as started:
        yield started


async def test_a_task_is_filled_to_its_channels_and_refilled_by_each_end(bench: Bench) -> None:
    task_id = await bench.post(5, channels=2)
    await bench.settled_files(2)
    finished = 0
    while finished < 5:
        for attempt_id in bench.take():
            assert await bench.ledger.claim(attempt_id, "", "")
            bench.ledger.note(attempt_id, BUSY)
            finished += 1
        await bench.settled_files(min(2, 5 - finished))
    await bench.ledger.settle()
    await wait_until(lambda: not bench.ledger.in_use, "no call in progress")

    await wait_for_answer(
        lambda: bench.state_of(task_id), lambda state: state is TaskState.CLOSED, "the task closes itself"
    )


async def test_an_attempt_not_claimed_comes_back_after_a_pause_that_grows(bench: Bench) -> None:
    await bench.post(1, channels=1)
    for pause_s in (0.5, 1.0, 2.0, 5.0):
        await bench.settled_files(1)
        (attempt_id,) = bench.take()
        bench.ledger.note(attempt_id, NeverDialled())
        assert bench.scheduler.trouble is not None
        await bench.ledger.settle()
        assert bench.files() == set()
        bench.now_s += pause_s
        bench.scheduler.pbx_is_ready(True)
    await bench.settled_files(1)
    (attempt_id,) = bench.take()
    assert await bench.ledger.claim(attempt_id, "", "")
    assert bench.scheduler.trouble is None


async def test_a_claim_of_a_paused_task_is_refused_and_its_number_waits(bench: Bench) -> None:
    task_id = await bench.post(2, channels=1)
    await bench.settled_files(1)
    (attempt_id,) = bench.take()
    await bench.desk.change(task_id, None, TaskChange(state=TaskState.PAUSED))
    assert not await bench.ledger.claim(attempt_id, "", "")
    assert bench.ledger.in_use == 0
    await bench.ledger.settle()
    assert bench.files() == set()
    await bench.desk.change(task_id, None, TaskChange(state=TaskState.OPEN))
    await bench.settled_files(1)
    assert bench.take() == [attempt_id]


async def test_a_second_claim_for_the_same_attempt_is_refused(bench: Bench) -> None:
    await bench.post(1, channels=1)
    await bench.settled_files(1)
    (attempt_id,) = bench.take()
    claims = await asyncio.gather(*(bench.ledger.claim(attempt_id, f"call-{place}", "") for place in range(5)))
    assert sorted(claims) == [False] * 4 + [True]
    await bench.ledger.settle()
    assert bench.ledger.in_use == 1
    (row,) = await bench.store.read(fetch_in_progress)
    assert (row.order.attempt_id, row.state) == (attempt_id, AttemptState.DIALLING)
    bench.ledger.note(attempt_id, NeverDialled("call-4" if claims[0] else "call-0"))
    assert bench.ledger.in_use == 1, "another call's word changes nothing"


async def test_an_unknown_attempt_is_never_granted(bench: Bench) -> None:
    assert not await bench.ledger.claim(12345, "", "")


async def test_all_tasks_share_the_global_limit_in_turn(tmp_path: Path) -> None:
    async with running(tmp_path, max_channels=4) as bench:
        await bench.post(10, channels=10, series=0)
        await bench.settled_files(4)
        await bench.post(10, channels=10, series=100)
        for _ in range(3):
            for attempt_id in bench.take():
                assert await bench.ledger.claim(attempt_id, "", "")
                bench.ledger.note(attempt_id, BUSY)
            names = await bench.settled_files(4)
        served = {int(name.removeprefix("dialer-").removesuffix(".call")) <= 10 for name in names}
        assert served == {True, False}, "attempts 1 to 10 are the first task's, 11 to 20 the second's"


async def test_calls_begin_no_faster_than_the_pace(tmp_path: Path) -> None:
    async with running(tmp_path, max_calls_per_s=2.0) as bench:
        await bench.post(3, channels=3)
        for count in (1, 2, 3):
            await bench.settled_files(count)
            bench.scheduler.pbx_is_ready(True)
            assert len(bench.files()) == count
            bench.now_s += 0.5
            bench.scheduler.pbx_is_ready(True)


async def test_nothing_begins_while_draining(bench: Bench) -> None:
    bench.scheduler.drain()
    await bench.post(3, channels=3)
    await bench.ledger.settle()
    assert bench.files() == set()


async def test_nothing_begins_that_was_stopped_while_numbers_were_read(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    restock = TaskQueue.restock

    async def stopped_meanwhile(queue: TaskQueue, now: datetime) -> bool:
        found = await restock(queue, now)
        bench.scheduler.drain()
        return found

    monkeypatch.setattr(TaskQueue, "restock", stopped_meanwhile)
    await bench.post(3, channels=3)
    await wait_until(lambda: bench.scheduler.engine().draining, "numbers are read")
    await nothing_begins(bench)


async def test_tasks_with_the_same_employees_begin_no_more_calls_together_than_employees_are_free(bench: Bench) -> None:
    bench.staffing.staff = lambda inner_num: Staff(5, 3, 0)
    for series in (0, 100, 200):
        await bench.post(10, channels=10, series=series)
    await bench.settled_files(3)
    await nothing_begins(bench)


async def test_a_spool_that_cannot_be_written_is_told_and_survived(bench: Bench) -> None:
    bench.spool.rename(bench.spool.with_name("gone"))
    await bench.post(1, channels=1)
    await wait_until(lambda: bench.scheduler.trouble, "the trouble is told")
    assert bench.ledger.in_use == 0
    bench.spool.mkdir()
    bench.now_s += 60
    bench.scheduler.pbx_is_ready(True)
    await bench.settled_files(1)


async def test_a_result_that_cannot_be_committed_is_committed_later(bench: Bench) -> None:
    """The database is locked for longer than its time-out; the number still gets its result, and health says so."""
    task_id = await bench.post(1, channels=1)
    await bench.settled_files(1)
    (attempt_id,) = bench.take()
    assert await bench.ledger.claim(attempt_id, "", "")
    await bench.store.write(lambda tx: tx.connection.exec_driver_sql("PRAGMA busy_timeout = 50"))
    with closing(sqlite3.connect(bench.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        bench.ledger.note(attempt_id, BUSY)
        await wait_until(lambda: bench.store.trouble, "the trouble is told")
        assert bench.ledger.knows(attempt_id)
        assert bench.ledger.in_use == 0
        other.execute("ROLLBACK")
    await bench.ledger.settle()
    assert not bench.ledger.knows(attempt_id)
    (row,) = await bench.store.read(lambda connection: fetch_task_results(connection, task_id))
    assert (row.result, row.cause) == ("FAIL", "SIP 486 Busy Here")


async def test_a_number_that_came_back_as_the_queue_was_read_is_not_forgotten(bench: Bench) -> None:
    for place in range(20):
        task_id = await bench.post(1, channels=1, series=place)
        await wait_until(lambda: len(bench.files()) == 1, "a call file")
        (attempt_id,) = bench.take()
        await bench.desk.change(task_id, None, TaskChange(state=TaskState.PAUSED))
        refused = asyncio.create_task(bench.ledger.claim(attempt_id, "", ""))
        await bench.desk.change(task_id, None, TaskChange(state=TaskState.OPEN))
        await refused
        if not refused.result():
            await bench.settled_files(1)
            assert bench.take() == [attempt_id]
            assert await bench.ledger.claim(attempt_id, "", "")
        bench.ledger.note(attempt_id, BUSY)


async def test_changes_of_an_attempt_keep_their_order_also_when_the_first_one_fails(bench: Bench) -> None:
    """The call file's mark cannot be committed, the number comes back meanwhile: it waits in the queue again."""
    bench.scheduler.pbx_is_ready(False)
    await bench.post(1, channels=1)
    await bench.store.write(lambda tx: tx.connection.exec_driver_sql("PRAGMA busy_timeout = 50"))
    with closing(sqlite3.connect(bench.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        bench.scheduler.pbx_is_ready(True)
        await bench.settled_files(1)
        (attempt_id,) = bench.take()
        assert not await bench.ledger.claim(attempt_id, "call", "")
        assert bench.store.trouble is not None
        assert "locked" in bench.store.trouble
        other.execute("ROLLBACK")
    await bench.ledger.settle()
    assert await bench.store.read(fetch_in_progress) == []
    bench.now_s += 60
    bench.scheduler.pbx_is_ready(True)
    await bench.settled_files(1)
    assert await bench.ledger.claim(attempt_id, "call", "")


async def test_while_nobody_is_free_nobody_is_dialled(bench: Bench) -> None:
    free = False
    bench.somebody_is_free(lambda inner_num: free)
    await bench.post(3, channels=2)
    marker = await bench.desk.save(None, None, TaskChange(inner_num="1", numbers=[Number("79529999999", "9529999999")]))
    bench.somebody_is_free(lambda inner_num: free or inner_num == "1")
    bench.news_of("1")
    await bench.settled_files(1)  # the marker's: had the others begun, they would have begun before it
    assert bench.ledger.in_use_by(marker.task_id) == 1
    free = True
    bench.news_of("201")
    await bench.settled_files(3)


async def test_an_employee_who_is_taken_before_the_claim_costs_a_number_nothing(bench: Bench) -> None:
    task_id = await bench.post(1, channels=1)
    await bench.settled_files(1)
    (attempt_id,) = bench.take()
    bench.somebody_is_free(lambda inner_num: False)
    assert not await bench.ledger.claim(attempt_id, "", "")
    await bench.ledger.settle()
    assert bench.scheduler.trouble is None
    assert await bench.state_of(task_id) is TaskState.OPEN
    bench.somebody_is_free(lambda inner_num: True)
    bench.news_of("201")
    await bench.settled_files(1)


async def test_a_task_whose_last_number_is_finished_closes_although_nobody_is_free(bench: Bench) -> None:
    task_id = await bench.post(1, channels=1)
    await bench.settled_files(1)
    (attempt_id,) = bench.take()
    assert await bench.ledger.claim(attempt_id, "", "")
    bench.somebody_is_free(lambda inner_num: False)
    bench.ledger.note(attempt_id, BUSY)
    await wait_for_answer(
        lambda: bench.state_of(task_id), lambda state: state is TaskState.CLOSED, "the task closes itself"
    )


async def test_a_call_that_got_its_leave_and_says_that_it_did_not_dial_is_dialled_again(bench: Bench) -> None:
    """And what Asterisk keeps of it is forgotten there only when it is back in the queue for good."""
    forgotten: list[tuple[int, tuple[str, ...]]] = []
    bench.ledger.on_committed = lambda attempt_id, keys: forgotten.append((attempt_id, keys))
    await bench.post(1, channels=1)
    await bench.settled_files(1)
    (attempt_id,) = bench.take()
    assert await bench.ledger.claim(attempt_id, "rig-1", "")
    bench.ledger.note(attempt_id, NeverDialled("rig-2"))  # another call of the same file
    assert (forgotten, bench.ledger.in_use) == ([(attempt_id, ("undialled",))], 1)
    bench.ledger.note(attempt_id, NeverDialled("rig-1"))
    assert forgotten == [(attempt_id, ("undialled",))]
    await bench.ledger.settle()
    assert forgotten[1:] == [(attempt_id, ("undialled",))]
    bench.now_s += 1
    await bench.settled_files(1)
    assert bench.take() == [attempt_id]


async def test_only_what_asterisk_keeps_is_forgotten_there(bench: Bench) -> None:
    forgotten: list[tuple[str, ...]] = []
    bench.ledger.on_committed = lambda attempt_id, keys: forgotten.append(keys)
    await bench.post(1, channels=1)
    await bench.settled_files(1)
    (attempt_id,) = bench.take()
    assert await bench.ledger.claim(attempt_id, "rig-1", "")
    bench.ledger.note(attempt_id, BUSY)
    await bench.ledger.settle()
    assert forgotten[-1] == ("out",)  # an unanswered call has no other leg
    bench.ledger.note(attempt_id, BUSY)
    assert forgotten[-1] == ("out",)
    bench.ledger.note(attempt_id, LegEnded(InRecord("", "", "", 16, "", "")))
    assert forgotten[-1] == ("in",)


@asynccontextmanager
async def locked(bench: Bench, busy_timeout_ms: int) -> AsyncIterator[sqlite3.Connection]:
    """Another process holds the database; `ROLLBACK` on it lets go."""
    await bench.store.write(lambda tx: tx.connection.exec_driver_sql(f"PRAGMA busy_timeout = {busy_timeout_ms}"))
    with closing(sqlite3.connect(bench.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


async def claim_being_committed(bench: Bench) -> tuple[int, "asyncio.Task[bool]"]:
    """A claim whose commit waits for the database."""
    (attempt_id,) = bench.take()
    claim = asyncio.create_task(bench.ledger.claim(attempt_id, "rig-1", ""))
    await wait_until(lambda: attempt_id in bench.ledger._claiming, "the claim is being committed")
    return attempt_id, claim


async def test_a_number_is_not_taken_back_while_its_claim_is_being_committed(bench: Bench) -> None:
    """Reconciliation saw no channel: the call came a moment later."""
    await bench.post(1, channels=1)
    await bench.settled_files(1)
    async with locked(bench, 10_000) as other:
        attempt_id, claim = await claim_being_committed(bench)
        bench.ledger.take_back(attempt_id)
        bench.ledger.note(attempt_id, NeverDialled())
        other.execute("ROLLBACK")
    assert await claim
    assert bench.ledger.in_progress()[attempt_id].state is AttemptState.DIALLING
    assert [one.state for one in await bench.store.read(fetch_in_progress)] == [AttemptState.DIALLING]


async def test_a_call_that_died_while_its_claim_was_being_committed_is_dialled_again(bench: Bench) -> None:
    await bench.post(1, channels=1)
    await bench.settled_files(1)
    async with locked(bench, 10_000) as other:
        attempt_id, claim = await claim_being_committed(bench)
        bench.ledger.note(attempt_id, NeverDialled("rig-1"))
        other.execute("ROLLBACK")
    await claim
    await bench.ledger.settle()
    assert await bench.store.read(fetch_in_progress) == []
    assert bench.ledger.in_use == 0
    bench.now_s += 1
    await bench.settled_files(1)
    assert bench.take() == [attempt_id]


async def test_nothing_is_dialled_while_the_database_cannot_be_written(bench: Bench) -> None:
    bench.scheduler.pbx_is_ready(False)
    await bench.post(1, channels=1)
    bench.store._trouble = "the disk is full"
    bench.scheduler.pbx_is_ready(True)
    await wait_until(lambda: bench.scheduler._timer, "the scheduler has looked, and will look again")
    assert bench.files() == set()
    bench.store._trouble = None
    await bench.settled_files(1)  # it looks again by itself


async def test_an_answer_waits_for_a_database_that_fails_for_a_moment(bench: Bench) -> None:
    await bench.post(1, channels=1)
    await bench.settled_files(1)
    (attempt_id,) = bench.take()
    assert await bench.ledger.claim(attempt_id, "rig-1", "")
    async with locked(bench, 20) as other:
        keeping = asyncio.create_task(bench.ledger.keep_answer(attempt_id, "1", "yes", "1"))
        await wait_until(lambda: bench.store.trouble, "the first try has failed")
        other.execute("ROLLBACK")
        assert await keeping
    answers = await bench.store.read(lambda connection: fetch_answers_since(connection, 0, 100))
    assert [row.result for row in answers] == ["yes"], "stored once"


async def test_an_answer_that_cannot_be_stored_is_not_acknowledged(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dialer.dispatch.ledger.ANSWER_PATIENCE_S", 0.5)
    await bench.post(1, channels=1)
    await bench.settled_files(1)
    (attempt_id,) = bench.take()
    assert await bench.ledger.claim(attempt_id, "rig-1", "")
    async with locked(bench, 20) as other:
        assert await bench.ledger.keep_answer(attempt_id, "1", "yes", "1") is False
        other.execute("ROLLBACK")
