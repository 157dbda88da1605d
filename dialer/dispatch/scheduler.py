"""The scheduler: keeps every open task at its number of channels. Woken by events; never walks the list of numbers."""

import asyncio
import functools
import logging
import math
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from dialer.dispatch.callfile import CallFileSettings, Spool, render_call_file
from dialer.dispatch.ledger import Ledger
from dialer.dispatch.observing import Watching
from dialer.dispatch.orders import OrderBook
from dialer.dispatch.staffing import Staffing
from dialer.dispatch.task_queue import TaskQueue
from dialer.dispatch.traffic import MOMENT_S, MOST_UNCLAIMED, Traffic
from dialer.model.about import about
from dialer.model.attempt import DIALLED_STATES, Attempt, NeverDialled
from dialer.model.call import CallOrder
from dialer.model.employees import Decision
from dialer.model.hours import Calendar
from dialer.model.limits import Refusal
from dialer.model.rules import Amd, Pacing
from dialer.model.safe import UnsafeValueError
from dialer.model.situation import Engine, Rule
from dialer.model.task import Task, TaskState
from dialer.model.why import DATABASE_RETRY_S, ENGINE_RULES, first_of
from dialer.store.attempts import DayCap
from dialer.store.database import Store, StoreError
from dialer.store.finishing import QUEUE_TOPIC, RETOLD_TOPIC, SPENT_TOPIC, TASK_TOPIC
from dialer.store.joining import is_joining
from dialer.store.queue import fetch_called_out, postpone
from dialer.store.rescheduling import capped_until_us
from dialer.store.tasks import close_task_if_done, fetch_open_tasks, fetch_task

log = logging.getLogger(__name__)
BACK_OFF_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""How long nothing is dialled after call files came back unclaimed: Asterisk does not reach our FastAGI."""
LOOK_AGAIN_S = 0.1
PREDICT_AGAIN_S = 1.0
"""Talks come nearer to their end also when nothing else happens."""
REPLACE_AFTER_S = 0.01
"""When a channel went to a call that stood by: its INVITE comes first, then the next one's call file."""
LONGEST_SLEEP_S = 3600.0
"""The clock may be set, and the days of the calendar change."""


class _Day(NamedTuple):
    """Of the PBX's zone. (Every claim asks for it; to find it takes as long as ten questions.)"""

    number: int
    """Counted from year 1."""
    ends: datetime
    begins_s: float
    ends_s: float
    """Unix seconds."""


class Scheduler(Watching):
    """Open tasks and what each may still begin."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        spool: Spool,
        call_files: CallFileSettings,
        *,
        traffic: Traffic,
        staffing: Staffing,
        orders: OrderBook,
        zone: tzinfo = UTC,
        calendar: Callable[[int], Calendar] = lambda year: Calendar(),
        max_per_day: int = 0,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`zone`: the PBX's. `calendar`: of the settings, for a year. `max_per_day`: calls to one telephone, 0: any
        number. `wall`: Unix seconds."""
        self._store = store
        self._ledger = ledger
        self._spool = spool
        self._call_files = call_files
        self._traffic = traffic
        self._staffing = staffing
        self._orders = orders
        self._zone = zone
        self._calendar = calendar
        self._max_per_day = max_per_day
        self._clock = clock
        self._wall = wall
        self._queues: dict[int, TaskQueue] = {}
        self._hungry: dict[int, None] = {}
        self._asleep: set[int] = set()
        """Tasks that have nothing to dial: only their own timers and events wake them."""
        self._timers: dict[int, asyncio.TimerHandle] = {}
        """When tasks are looked at again by themselves."""
        self._replacing: set[int] = set()
        """Tasks for which others are to stand by."""
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._failures = 0
        self._resume_at_s = 0.0
        self._pbx_ready = False
        self._draining = False
        self.on_held: Callable[[int | None], None] = lambda task_id: None
        """Told of a task that has nothing to dial, or may not dial, for now; None: no task may."""
        ledger.observers += [traffic, staffing, self]
        ledger.may_dial = self._may_dial
        ledger.turn_of, ledger.has_asked = traffic.turn_of, traffic.has_asked
        traffic.may_stand_by = self._may_stand_by
        ledger.is_in_window = self._is_in_window
        ledger.now_us = lambda: int(self._wall() * 1_000_000)
        ledger.day_cap = self._day_cap
        ledger.on_came_back = self._back_off
        ledger.find_employee_for = staffing.find_employee
        staffing.on_capacity = self._capacity_of
        store.listen(QUEUE_TOPIC, lambda task_id: self.feed(int(task_id)))
        store.listen(TASK_TOPIC, self._changed_by_engine)
        store.listen(RETOLD_TOPIC, self._stock_is_old)
        store.listen(SPENT_TOPIC, _tell_spent)
        self._changed_tasks: set[int] = set()
        self._today: _Day | None = None

    @property
    def trouble(self) -> str | None:
        """Why nothing is dialled although Asterisk is there, in words; None when all is well."""
        trouble = self.spool_trouble
        if trouble is None and self._failures and (self._hungry or self._ledger.in_use):
            trouble = (
                "call files come back without a claim: does Asterisk take them from [asterisk] spool_dir, "
                f"does it include our dialplan, does it reach FastAGI at {self._call_files.agi_address}?"
            )
        return trouble

    @property
    def waiting_for(self) -> list[str]:
        """Internal numbers of open tasks at which nobody is free."""
        return sorted({queue.task.inner_num for queue in self._queues.values() if self.nobody_free(queue.task)})

    @property
    def spool_trouble(self) -> str | None:
        """Why call files cannot be written, in words; None when they can."""
        return self._spool.check()

    def dials(self, task_id: int) -> bool:
        """Whether a task is open here: its numbers are dialled as its rules let them."""
        return task_id in self._queues

    @property
    def listens_for_machines(self) -> bool:
        """Whether some open task asks for answering machines."""
        return any(queue.task.rules.amd is not Amd.OFF for queue in self._queues.values())

    def engine(self) -> Engine:
        """What may hold every task back, as it is now."""
        refusal = self._traffic.refusal_of_engine()
        return Engine(
            draining=self._draining,
            database_trouble=self._store.trouble,
            asterisk_ready=self._pbx_ready,
            in_use=self._traffic.in_use,
            max_channels=self._traffic.channels.max_channels,
            back_off_s=max(0.0, self._resume_at_s - self._clock()),
            pace_s=refusal.wait_s if refusal else 0.0,
            pace=refusal.reason if refusal else "",
            agi_address=self._call_files.agi_address,
        )

    async def load(self) -> None:
        """Take the open tasks from the store."""
        for task in await self._store.read(fetch_open_tasks):
            self.task_is(task)

    def task_is(self, task: Task) -> None:
        """Take a task as it has just been stored: created, changed, paused, closed."""
        if task.state is TaskState.OPEN:
            self._queues[task.task_id] = self.queue_of(task)
            self._traffic.task_is(task)
            self.feed(task.task_id)
        else:
            self.task_is_gone(task.task_id)

    def channels_of(self, task_id: int) -> int:
        """Channels that the task uses; calls that stand by for one have none."""
        return self._traffic.in_use_by(task_id)

    def queue_of(self, task: Task) -> TaskQueue:
        """The numbers of a task, by its rules as they are now."""
        calendar = self._calendar(self._now().astimezone(self._zone).year)
        return TaskQueue(task, self._store, calendar=calendar, zone=self._zone, is_known=self._ledger.knows)

    def task_is_gone(self, task_id: int) -> None:
        """Dial no more numbers of a task."""
        self._queues.pop(task_id, None)
        self._hungry.pop(task_id, None)
        self._asleep.discard(task_id)
        self._traffic.task_is_gone(task_id)
        self.on_held(task_id)
        timer = self._timers.pop(task_id, None)
        if timer is not None:
            timer.cancel()

    def feed(self, task_id: int) -> None:
        """A channel of the task may be free, or a number may be dialled that could not be before."""
        if task_id in self._queues:
            self._asleep.discard(task_id)
            self._hungry[task_id] = None
            self._wake.set()

    def call_over(self, order: CallOrder, attempt: Attempt) -> None:
        """A channel freed by one task may be another's."""
        if self._traffic.is_full(order.task_id):
            self._replace(order.task_id)
        else:
            self.feed(order.task_id)
        if self._traffic.channels.max_channels or self._traffic.has_trunks:
            self._feed_all()

    def call_moved(self, order: CallOrder, attempt: Attempt) -> None:
        """Asterisk reaches us."""
        if attempt.state in DIALLED_STATES:
            self._failures = 0
            if self._hungry and self._traffic.unclaimed == MOST_UNCLAIMED - 1:  # the others may have held all back
                self._wake.set()

    def pbx_is_ready(self, ready: bool) -> None:
        """Asterisk is connected and reconciled, or is not any more."""
        self._pbx_ready = ready
        if ready:
            self._feed_all()

    def drain(self) -> None:
        """Begin no more calls."""
        self._draining = True
        self._ledger.claims_open = False

    async def run(self) -> None:
        """Serve until cancelled. A store that fails is tried again."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            wait_s: float | None = DATABASE_RETRY_S
            try:
                await self._take_changed_tasks()
                wait_s = await self._fill()
            except StoreError as error:
                log.error("%s; dialling goes on in %.0f s", error, DATABASE_RETRY_S)  # noqa: TRY400 - no trace needed
                self._hungry.update(dict.fromkeys(self._queues))
            if wait_s is not None and wait_s <= MOMENT_S:
                # at the limit of a rate: whatever would wake us before could only find it so
                await asyncio.sleep(wait_s)
                self._wake.set()
            elif wait_s is not None:
                self._wake_in(wait_s)

    def decision(self, task: Task) -> Decision | None:
        """How many calls more the task's employees allow, and why; None: any number."""
        return self._staffing.decision(task)

    def nobody_free(self, task: Task) -> bool:
        """Whether no employee of the task could take a call now."""
        return self._staffing.nobody_free(task)

    def refusal_of_task(self, task: Task) -> Refusal | None:
        """Whether the task's own rate allows no call now."""
        refusal = self._traffic.refusal_of_task(task.task_id)
        return None if refusal is None or refusal.wait_s == math.inf else refusal

    def refusal_of_trunk(self, dial_string: str) -> Refusal | None:
        """Whether the trunk for a number allows no call now."""
        return self._traffic.refusal_of_trunk(dial_string)

    def dial_string(self, task: Task, phone: str) -> str:
        """What the routes see for a number of a task."""
        return self._orders.dial_string_of(task, phone)

    def most_per_day(self, task: Task) -> int:
        """How often a telephone may be called on a day by this task; 0: any number of times."""
        return min(filter(None, (task.rules.max_per_day, self._max_per_day)), default=0)

    def today(self) -> tuple[int, datetime]:
        """The day of the PBX's zone, counted from year 1, and its end."""
        today, now_s = self._today, self._wall()
        if today is None or not today.begins_s <= now_s < today.ends_s:  # the clock may also be set back
            local = datetime.fromtimestamp(now_s, UTC).astimezone(self._zone)
            begins = datetime(local.year, local.month, local.day, tzinfo=self._zone)
            ends = begins + timedelta(days=1)
            today = self._today = _Day(local.toordinal(), ends, begins.timestamp(), ends.timestamp())
        return today.number, today.ends

    async def _fill(self) -> float | None:
        """Calls for the hungry tasks in turn, until none has a free channel, a number and somebody to talk to it.

        Who could not be served for want of a channel of all stays hungry. Returns the seconds after which to go on, or
        None: some event will tell.
        """
        while self._hungry:
            held = first_of(ENGINE_RULES, self.engine())
            if held is None and await self._restock_hungry():  # much may have happened meanwhile
                held = first_of(ENGINE_RULES, self.engine())
            if held is not None:
                if held.rule is Rule.RATE:
                    self._traffic.calls_wait()
                self.on_held(None)
                return held.next_look_s
            self._begin_round(self._able())
        return None

    def _begin_round(self, able: Mapping[int, int]) -> None:
        """As many calls of tasks as whoever may begin the fewest of them may: until then nothing need be asked anew."""
        for _ in range(min(self._traffic.room(), *able.values()) if able else 0):
            task_id = self._traffic.next_of(able)
            if task_id is None or not self._begin(self._queues[task_id]):
                return

    async def _restock_hungry(self) -> bool:
        """Read numbers of hungry tasks that have none left. Those that get none are hungry no more: some event or timer
        tells. Says whether any had to be asked for."""
        asked = False
        for task_id in list(self._hungry):
            queue = self._queues.get(task_id)
            if queue is None or queue.stock_at(self._now()) or not self._room_by_limits(task_id):
                continue
            asked = True
            if not await self._restock(queue) and self._queues.get(task_id) is queue:  # else whoever changed it fed it
                self._sated(task_id)
                await self._nothing_to_dial(queue)
        return asked

    def _able(self) -> dict[int, int]:
        """The hungry tasks that could begin calls now, and how many. Whoever limits or employees let begin none is
        hungry no more."""
        able = {}
        for task_id in list(self._hungry):
            queue = self._queues.get(task_id)
            room = 0 if queue is None else self._room_by_limits(task_id)
            if queue is None or not room:
                self._sated(task_id)
            elif stock := queue.stock_at(self._now()):
                if begin := self._room_by_employees(queue.task):
                    able[task_id] = min(room, stock, begin)
                else:
                    self._sated(task_id)
        return able

    def _sated(self, task_id: int) -> None:
        self._hungry.pop(task_id, None)
        self.on_held(task_id)

    def _room_by_limits(self, task_id: int) -> int:
        refusal = self._traffic.refusal_of_task(task_id)
        if refusal is not None:
            self._look_in(task_id, refusal.wait_s)
            return 0
        return self._traffic.room_of_task(task_id)

    def _room_by_employees(self, task: Task) -> int:
        begin = self._staffing.room(task)
        if not begin and task.rules.pacing is Pacing.PREDICTIVE:
            self._look_in(task.task_id, PREDICT_AGAIN_S)
        return begin

    def _begin(self, queue: TaskQueue) -> bool:
        """Begin one call of a task; it stays hungry. False: something has changed by it that is to be looked at."""
        number = queue.take(self._now())
        if number is None:
            return False
        if self._ledger.knows(number.attempt_id):
            return True
        order = self._orders.order(queue.task, number)
        refusal = self._traffic.refusal_of_order(order)
        if refusal is not None:
            queue.put_back(number)
            self._sated(order.task_id)
            self._look_in(order.task_id, refusal.wait_s)
            return False
        self._traffic.took_one(order)
        self._ledger.begin(order)
        try:
            self._spool.put(order.attempt_id, render_call_file(order, self._call_files))
        except (OSError, UnsafeValueError) as error:
            with about(order.task_id, order.attempt_id):
                log.error("call file of attempt %d not written: %s", order.attempt_id, error)  # noqa: TRY400
            self._ledger.note(order.attempt_id, NeverDialled())
            return False
        return True

    async def _restock(self, queue: TaskQueue) -> bool:
        """Read numbers that may be dialled now. Those called as often today as they may be wait for tomorrow."""
        found = await queue.restock(self._now())
        most = self.most_per_day(queue.task)
        if not found or not most:
            return found
        day, ends = self.today()
        numbers = queue.in_stock()
        called_out = await self._store.read(
            functools.partial(
                fetch_called_out, phone_ids=[number.phone_id for number in numbers], day=day, most=most
            )
        )  # fmt: skip
        if called_out and self._queues.get(queue.task.task_id) is queue:  # else the cap may be another one now
            late = [number.attempt_id for number in numbers if number.phone_id in called_out]
            queue.drop(late)
            task = queue.task
            await self._store.write(postpone(task.task_id, late, capped_until_us(ends), task.rules.max_per_day))
        return True

    async def _nothing_to_dial(self, queue: TaskQueue) -> None:
        task_id = queue.task.task_id
        self._asleep.add(task_id)
        if queue.has_waiting:
            until = queue.waits_until
            self._look_in(task_id, math.inf if until is None else (until - self._now()).total_seconds())
        elif self._ledger.in_use_by(task_id):
            return
        elif await self._store.read(functools.partial(is_joining, task_id=task_id)):
            self._look_in(task_id, DATABASE_RETRY_S)  # each part of its list tells, and the end of it
        elif await self._store.write(close_task_if_done(task_id)):
            log.info("task %d: every number is finished", task_id, extra={"task_id": task_id})
            self.task_is_gone(task_id)
        else:  # a number came back while we looked: look again
            self._look_in(task_id, LOOK_AGAIN_S)

    def _look_in(self, task_id: int, delay_s: float) -> None:
        """Look at a task again after so long, if nothing else comes before."""
        timer = self._timers.pop(task_id, None)
        if timer is not None:
            timer.cancel()
        if delay_s == math.inf:
            return
        delay_s = min(max(delay_s, 0.001), LONGEST_SLEEP_S)
        self._timers[task_id] = asyncio.get_running_loop().call_later(delay_s, self.feed, task_id)

    def _replace(self, task_id: int) -> None:
        if task_id not in self._replacing:
            self._replacing.add(task_id)
            asyncio.get_running_loop().call_later(REPLACE_AFTER_S, self._replaced, task_id)

    def _replaced(self, task_id: int) -> None:
        self._replacing.discard(task_id)
        self.feed(task_id)

    def _wake_in(self, delay_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._wake.set)

    def _may_dial(self, order: CallOrder) -> bool:
        """At the dial instant: a channel, the window of the subscriber, somebody to talk to."""
        if self._traffic.stands_by(order.attempt_id):
            return False
        queue = self._queues.get(order.task_id)
        if queue is None:
            return True  # the claim knows that the task is not open
        return self._is_in_window(order) and self._staffing.may_dial(order, queue.task.rules.pacing)

    def _may_stand_by(self, task_id: int) -> bool:
        """Not for employees: others may want them."""
        task = self._task(task_id)
        return task is not None and not self._staffing.bounds(task)

    def _is_in_window(self, order: CallOrder) -> bool:
        queue = self._queues.get(order.task_id)
        return queue is None or queue.is_open(order.zone, self._now())

    def _day_cap(self, order: CallOrder) -> DayCap:
        queue = self._queues.get(order.task_id)
        most = self.most_per_day(queue.task) if queue else self._max_per_day
        day, ends = self.today()
        return DayCap(day, capped_until_us(ends), most)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._wall(), UTC)

    def _capacity_of(self, inner_num: str) -> None:
        for task_id, queue in self._queues.items():
            if queue.task.inner_num == inner_num and task_id not in self._asleep:
                self.feed(task_id)

    def _changed_by_engine(self, task_id: str) -> None:
        self._changed_tasks.add(int(task_id))
        self._wake.set()

    async def _take_changed_tasks(self) -> None:
        """Tasks that the engine itself has paused, or whose user has ended them, or whose list is joined."""
        while self._changed_tasks:
            task_id = self._changed_tasks.pop()
            known = self._task(task_id)
            try:
                task = await self._store.read(functools.partial(fetch_task, task_id=task_id))
            except StoreError:
                self._changed_tasks.add(task_id)
                raise
            if task is not None and self._task(task_id) is known:  # else the CRM has changed it meanwhile
                self.task_is(task)

    def _task(self, task_id: int) -> Task | None:
        """As it was told last; None: it is not open."""
        queue = self._queues.get(task_id)
        return None if queue is None else queue.task

    def _stock_is_old(self, detail: str) -> None:
        """Numbers of a task were told anew, or dropped. What is being read for the old queue is for nobody, too."""
        task = self._task(int(detail))
        if task is not None:
            self._queues[task.task_id] = self.queue_of(task)
            self.feed(task.task_id)

    def _feed_all(self) -> None:
        self._hungry.update(dict.fromkeys(task_id for task_id in self._queues if task_id not in self._asleep))
        self._wake.set()

    def _back_off(self, task_id: int) -> None:
        now_s = self._clock()
        if now_s >= self._resume_at_s:
            delay_s = BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)]
            self._resume_at_s = now_s + delay_s
            self._failures += 1
            with about(task_id):
                log.warning("a call file of task %d was not claimed; nothing is dialled for %.1f s", task_id, delay_s)


def _tell_spent(task_id: str) -> None:
    log.warning("task %s: paused, it has spent what it may", task_id, extra={"task_id": int(task_id)})
