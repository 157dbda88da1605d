"""The scheduler: keeps every open task at its number of channels. Woken by events; never walks the list of numbers."""

import asyncio
import logging
import time
from collections.abc import Callable

from dialer.dispatch.callfile import CallFileSettings, Spool, render_call_file
from dialer.dispatch.ledger import Ledger
from dialer.model.attempt import Attempt, AttemptState, NeverDialled
from dialer.model.pacing import Pace, free_channels
from dialer.model.safe import UnsafeValueError
from dialer.model.task import Task, TaskState
from dialer.store.attempts import Reserved, reserve_attempts
from dialer.store.database import Store, StoreError
from dialer.store.tasks import close_task_if_done, fetch_open_tasks, fetch_task

log = logging.getLogger(__name__)
BACK_OFF_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""How long nothing is dialled after call files came back unclaimed: Asterisk does not reach our FastAGI."""
STORE_RETRY_S = 1.0


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
        self._tasks: dict[int, Task] = {}
        self._hungry: dict[int, None] = {}
        self._wake = asyncio.Event()
        self._failures = 0
        self._resume_at_s = 0.0
        self._store_error: str | None = None
        self._pbx_ready = False
        self._draining = False
        ledger.on_channel_free = self.feed
        ledger.on_requeued = self._back_off
        ledger.on_claimed = self._claimed

    @property
    def trouble(self) -> str | None:
        """Why nothing is dialled although Asterisk is there, in words; None when all is well."""
        if self._failures:
            return "call files come back without a claim: does Asterisk reach our FastAGI, is the dialplan included?"
        return self._store_error or self._spool.check()

    async def load(self) -> None:
        """Take the open tasks from the store."""
        for task in await self._store.read(fetch_open_tasks):
            self._tasks[task.task_id] = task
            self.feed(task.task_id)

    async def task_changed(self, task_id: int) -> None:
        """Look at a task anew after the API created, changed or deleted it."""
        if await self._reload(task_id):
            self.feed(task_id)

    async def _reload(self, task_id: int) -> bool:
        """Take the task as it is stored now; False: it is not open."""
        task = await self._store.read(lambda connection: fetch_task(connection, task_id))
        if task is None or task.state is not TaskState.OPEN:
            self._tasks.pop(task_id, None)
            self._hungry.pop(task_id, None)
            return False
        self._tasks[task_id] = task
        return True

    def feed(self, task_id: int) -> None:
        """A channel of the task may be free."""
        if task_id in self._tasks:
            self._hungry[task_id] = None
        if self._max_channels:  # a channel freed by one task may be another's
            self._hungry.update(dict.fromkeys(self._tasks))
        self._wake.set()

    def pbx_is_ready(self, ready: bool) -> None:
        """Asterisk is connected and reconciled, or is not any more."""
        self._pbx_ready = ready
        if ready:
            self._hungry.update(dict.fromkeys(self._tasks))
            self._wake.set()

    def drain(self) -> None:
        """Begin no more calls."""
        self._draining = True
        self._ledger.claims_open = False

    async def run(self) -> None:
        """Serve until cancelled. A store that fails is tried again; `trouble` tells of it meanwhile."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if not self._pbx_ready or self._draining or not self._hungry:
                continue
            wait_s = max(self._resume_at_s - self._clock(), self._pace.wait_s(self._clock()))
            if wait_s > 0:
                asyncio.get_running_loop().call_later(wait_s, self._wake.set)
                continue
            try:
                await self._fill()
                self._store_error = None
            except StoreError as error:
                log.exception("the store failed; dialling goes on in %.0f s", STORE_RETRY_S)
                self._store_error = str(error)
                self._resume_at_s = self._clock() + STORE_RETRY_S
                self._hungry.update(dict.fromkeys(self._tasks))
                self._wake.set()

    def _claimed(self) -> None:
        self._failures = 0

    async def _fill(self) -> None:
        """One round over the hungry tasks: reserve, hand over to the ledger, write the call files."""
        wanted = self._portions()
        if not wanted:
            return
        reserved = await self._store.write(reserve_attempts(wanted))
        self._pace.took(len(reserved), self._clock())
        self._ledger.enter(
            Attempt(one.attempt_id, one.task_id, one.inner_num_type, AttemptState.CREATED) for one in reserved
        )
        for one in reserved:
            self._write_call_file(one)
        for task_id, count in wanted.items():
            if sum(one.task_id == task_id for one in reserved) < count:
                await self._queue_is_empty(task_id)

    def _portions(self) -> dict[int, int]:
        """How many attempts each hungry task may begin now; tasks that got their fill are hungry no more."""
        wanted: dict[int, int] = {}
        taken = 0
        for task_id in list(self._hungry):
            del self._hungry[task_id]
            task = self._tasks[task_id]
            in_use = self._ledger.in_use_by(task_id)
            count = free_channels(task.max_count_channels, in_use, self._max_channels, self._ledger.in_use + taken)
            allowed = self._pace.allowed(count, self._clock()) if not taken or not self._pace.calls_per_s else 0
            if allowed:
                wanted[task_id] = allowed
                taken += allowed
            if allowed < count:  # the pace holds it back: last in the row, looked at again when it allows
                self._hungry[task_id] = None
                self._wake.set()
        return wanted

    def _write_call_file(self, reserved: Reserved) -> None:
        try:
            self._spool.put(reserved.call_file, render_call_file(reserved, self._call_files))
        except (OSError, UnsafeValueError) as error:
            log.error("call file %s not written: %s", reserved.call_file, error)  # noqa: TRY400 - no trace needed
            self._ledger.note(reserved.attempt_id, NeverDialled())

    async def _queue_is_empty(self, task_id: int) -> None:
        self._hungry.pop(task_id, None)
        if self._ledger.in_use_by(task_id):
            return
        if await self._store.write(close_task_if_done(task_id)):
            log.info("task %d: every number is finished", task_id)
        await self._reload(task_id)

    def _back_off(self, task_id: int) -> None:
        now_s = self._clock()
        if now_s >= self._resume_at_s:
            delay_s = BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)]
            self._resume_at_s = now_s + delay_s
            self._failures += 1
            log.warning("a call file of task %d was not claimed; nothing is dialled for %.1f s", task_id, delay_s)
