"""The scheduler: keeps every open task at its number of channels. Woken by events; never walks the list of numbers."""

import asyncio
import functools
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from dialer.dispatch.callfile import CallFileSettings, Spool, render_call_file
from dialer.dispatch.ledger import Ledger
from dialer.dispatch.recordings import new_talk_name
from dialer.model.attempt import NeverDialled
from dialer.model.call import CallOrder
from dialer.model.pacing import Pace, is_full
from dialer.model.safe import UnsafeValueError
from dialer.model.task import InnerNumType, Task, TaskState
from dialer.model.why import DATABASE_RETRY_S, ENGINE_RULES, Engine, first_of
from dialer.store.attempts import Queued, fetch_queued
from dialer.store.database import Store, StoreError
from dialer.store.tasks import close_task_if_done, fetch_open_tasks

log = logging.getLogger(__name__)
BACK_OFF_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""How long nothing is dialled after call files came back unclaimed: Asterisk does not reach our FastAGI."""
LOOK_AGAIN_S = 0.1
STOCK = 100
"""Numbers of a task read at a time."""


@dataclass(slots=True, eq=False)
class _Queue:
    """An open task and the next numbers of its queue. What is in stock is not reserved: the claim decides."""

    task: Task
    stock: deque[Queued] = field(default_factory=deque)
    read_up_to: int = 0
    """The last attempt id read into the stock."""


class Scheduler:
    """Open tasks and what each may still begin."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        spool: Spool,
        call_files: CallFileSettings,
        *,
        max_channels: int = 0,
        max_calls_per_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._spool = spool
        self._call_files = call_files
        self._max_channels = max_channels
        self._pace = Pace(max_calls_per_s)
        self._clock = clock
        self._queues: dict[int, _Queue] = {}
        self._hungry: dict[int, None] = {}
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._failures = 0
        self._resume_at_s = 0.0
        self._pbx_ready = False
        self._draining = False
        ledger.on_channel_free = self.feed
        ledger.on_came_back = self._back_off
        ledger.on_claimed = self._claimed

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
        tasks = (queue.task for queue in self._queues.values())
        return sorted(
            {task.inner_num for task in tasks if not self._ledger.may_connect(task.inner_num_type, task.inner_num)}
        )

    @property
    def spool_trouble(self) -> str | None:
        """Why call files cannot be written, in words; None when they can."""
        return self._spool.check()

    def engine(self) -> Engine:
        """What may hold every task back, as it is now."""
        now_s = self._clock()
        return Engine(
            draining=self._draining,
            database_trouble=self._store.trouble,
            asterisk_ready=self._pbx_ready,
            in_use=self._ledger.in_use,
            max_channels=self._max_channels,
            back_off_s=max(0.0, self._resume_at_s - now_s),
            pace_s=self._pace.wait_s(now_s),
            calls_per_s=self._pace.calls_per_s,
            agi_address=self._call_files.agi_address,
        )

    async def load(self) -> None:
        """Take the open tasks from the store."""
        for task in await self._store.read(fetch_open_tasks):
            self.task_is(task)

    def task_is(self, task: Task) -> None:
        """Take a task as it has just been stored: created, changed, paused, closed."""
        if task.state is TaskState.OPEN:
            self._queues[task.task_id] = _Queue(task)
            self.feed(task.task_id)
        else:
            self.task_is_gone(task.task_id)

    def task_is_gone(self, task_id: int) -> None:
        """Dial no more numbers of a task."""
        self._queues.pop(task_id, None)
        self._hungry.pop(task_id, None)

    def feed(self, task_id: int) -> None:
        """A channel of the task may be free."""
        if task_id in self._queues:
            self._hungry[task_id] = None
        if self._max_channels:  # a channel freed by one task may be another's
            self._hungry.update(dict.fromkeys(self._queues))
        self._wake.set()

    def employee_is_free(self, inner_num: str) -> None:
        """An employee or queue can take a call again."""
        for task_id, queue in self._queues.items():
            if queue.task.inner_num_type is InnerNumType.EXTEN and queue.task.inner_num == inner_num:
                self.feed(task_id)

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
                wait_s = await self._fill()
            except StoreError as error:
                log.error("%s; dialling goes on in %.0f s", error, DATABASE_RETRY_S)  # noqa: TRY400 - no trace needed
                self._hungry.update(dict.fromkeys(self._queues))
            if wait_s is not None:
                self._wake_in(wait_s)

    async def _fill(self) -> float | None:
        """A call for each hungry task in turn, until none has a free channel, a number and somebody to talk to it.

        Who is not served stays hungry, in the same order: next time it is first. Returns the seconds after which to go
        on, or None: some event will tell.
        """
        while self._hungry:
            held = first_of(ENGINE_RULES, self.engine())
            if held is not None:
                return held.next_look_s
            task_id = next(iter(self._hungry))
            del self._hungry[task_id]
            queue = self._queues[task_id]
            if is_full(self._ledger.in_use_by(task_id), queue.task.max_count_channels):
                continue
            if not queue.stock and not await self._restock(queue):
                await self._queue_is_empty(queue)
            elif self._ledger.may_connect(queue.task.inner_num_type, queue.task.inner_num):
                self._begin(queue)
        return None

    def _wake_in(self, delay_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._wake.set)

    def _begin(self, queue: _Queue) -> None:
        """Begin one call of a task that is still the one we know; it stays hungry behind the others."""
        task = queue.task
        if self._queues.get(task.task_id) is not queue:
            return  # changed while its numbers were read: whoever changed it has fed it
        self._hungry[task.task_id] = None
        number = queue.stock.popleft()
        order = CallOrder(
            number.attempt_id,
            task.task_id,
            number.phone,
            task.dial_prefix,
            task.inner_num,
            task.inner_num_type,
            number.params,
            new_talk_name(number.attempt_id) if task.record_talk else None,
        )
        if self._ledger.knows(order.attempt_id):
            return
        self._pace.took_one(self._clock())
        self._ledger.begin(order)
        try:
            self._spool.put(order.attempt_id, render_call_file(order, self._call_files))
        except (OSError, UnsafeValueError) as error:
            log.error("call file of attempt %d not written: %s", order.attempt_id, error)  # noqa: TRY400
            self._ledger.note(order.attempt_id, NeverDialled())

    async def _restock(self, queue: _Queue) -> bool:
        """Read on in the task's queue; at its end begin anew, for attempts that came back. False: nothing waits."""
        for after_id in dict.fromkeys((queue.read_up_to, 0)):
            rows = await self._store.read(
                functools.partial(fetch_queued, task_id=queue.task.task_id, after_id=after_id, limit=STOCK)
            )
            queue.stock.extend(row for row in rows if not self._ledger.knows(row.attempt_id))
            if queue.stock:
                queue.read_up_to = rows[-1].attempt_id
                return True
        return False

    async def _queue_is_empty(self, queue: _Queue) -> None:
        task_id = queue.task.task_id
        if self._ledger.in_use_by(task_id):
            return
        if await self._store.write(close_task_if_done(task_id)):
            log.info("task %d: every number is finished", task_id)
            self.task_is_gone(task_id)
        else:  # a number came back while we looked: look again
            asyncio.get_running_loop().call_later(LOOK_AGAIN_S, self.feed, task_id)

    def _feed_all(self) -> None:
        self._hungry.update(dict.fromkeys(self._queues))
        self._wake.set()

    def _claimed(self) -> None:
        self._failures = 0

    def _back_off(self, task_id: int) -> None:
        now_s = self._clock()
        if now_s >= self._resume_at_s:
            delay_s = BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)]
            self._resume_at_s = now_s + delay_s
            self._failures += 1
            log.warning("a call file of task %d was not claimed; nothing is dialled for %.1f s", task_id, delay_s)
