"""The ledger: every attempt on its way, and the only place where an event moves one.

Events come from the AMI (`note`), from FastAGI (`claim`, the dialogue) and from the scheduler (`begin`); each goes
through the state machine in `dialer.model.attempt`, into the store, and wakes the scheduler when a channel is free.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable

from dialer.dispatch.pollings import PollingBook
from dialer.model.attempt import (
    DIALLED_STATES,
    Attempt,
    AttemptEvent,
    AttemptState,
    CallFileWritten,
    ClaimGranted,
    DialogueFinished,
    DialogueStarted,
    GraceOver,
    NeverDialled,
    apply_event,
)
from dialer.model.call import CallOrder
from dialer.model.compile_polling import compile_polling
from dialer.model.flow import Flow
from dialer.model.task import InnerNumType
from dialer.store import attempts as stored
from dialer.store.database import Operation, Store

log = logging.getLogger(__name__)
GRACE_S = 3.0
"""How long one leg's record waits for the other's. They come within milliseconds of each other, or not at all."""


class Ledger:
    """Attempts in progress. Each holds a channel of its task from the reservation to the end of its last leg."""

    def __init__(self, store: Store, pollings: PollingBook) -> None:
        self._store = store
        self._pollings = pollings
        self._attempts: dict[int, Attempt] = {}
        self._orders: dict[int, CallOrder] = {}
        self._by_task: defaultdict[int, set[int]] = defaultdict(set)
        self._grace: dict[int, asyncio.TimerHandle] = {}
        self._closing: set[int] = set()
        self._held: dict[int, int] = {}
        """Attempts in a dialogue, and the id of its polling."""
        self._pending: set[asyncio.Future[None]] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self.claims_open = True
        """False while the daemon drains: no claim is granted any more."""
        self.on_channel_free: Callable[[int], None] = lambda task_id: None
        self.on_claimed: Callable[[], None] = lambda: None
        """Called when a claim was granted: Asterisk reaches us."""
        self.on_requeued: Callable[[int], None] = lambda task_id: None
        """Called with the task's id when an attempt came back although nobody refused it: Asterisk could not ask."""
        self.on_committed: Callable[[int], None] = lambda attempt_id: None
        """Called when an attempt's result is durable and Asterisk need not keep it any more."""

    @property
    def in_use(self) -> int:
        """Channels in use by all tasks."""
        return len(self._attempts)

    def in_use_by(self, task_id: int) -> int:
        return len(self._by_task[task_id]) if task_id in self._by_task else 0

    def ids(self) -> set[int]:
        return set(self._attempts)

    def find(self, attempt_id: int) -> Attempt | None:
        return self._attempts.get(attempt_id)

    def knows(self, attempt_id: int) -> bool:
        """In progress, or its result is being committed."""
        return attempt_id in self._attempts or attempt_id in self._closing

    def begin(self, order: CallOrder) -> None:
        """Take an attempt out of the queue; its call file may be written when this returns."""
        self.resume(order, AttemptState.CREATED)
        self.note(order.attempt_id, CallFileWritten())

    def resume(self, order: CallOrder, state: AttemptState) -> None:
        """Take over an attempt that is in progress already; one that is known stays as it is."""
        if not self.knows(order.attempt_id):
            self._attempts[order.attempt_id] = Attempt(order.attempt_id, order.task_id, order.inner_num_type, state)
            self._orders[order.attempt_id] = order
            self._by_task[order.task_id].add(order.attempt_id)
            self._empty.clear()

    def note(self, attempt_id: int, event: AttemptEvent) -> None:
        """Apply an event. Unknown attempts (finished, deleted) are acknowledged, so that Asterisk forgets them."""
        attempt = self._attempts.get(attempt_id)
        if attempt is None:
            if attempt_id not in self._closing:
                self.on_committed(attempt_id)
            return
        moved = apply_event(attempt, event)
        if moved is attempt:
            return
        self._attempts[attempt_id] = moved
        if moved.closed:
            self._close(moved)
        elif moved.state is AttemptState.CREATED:
            self._give_back(moved)
            self.on_requeued(moved.task_id)
        elif moved.awaits_record:
            self._arm_grace(attempt_id)
        elif moved.state is AttemptState.SPOOLED:
            self._save(attempt_id, stored.mark_spooled(self._orders[attempt_id]))
        elif moved.state is not attempt.state:
            self._save(attempt_id, stored.save_progress(moved))

    async def claim(self, attempt_id: int, linked_id: str, verbose_call_id: str) -> bool:
        """May this attempt be dialled now? A yes is committed before it is given, and given once."""
        attempt = self._attempts.get(attempt_id)
        if attempt is None or attempt.state is not AttemptState.SPOOLED:
            log.warning("claim refused: attempt %d is not waiting for one", attempt_id)
            return False
        granted = self.claims_open and await self._store.write(
            stored.claim_attempt(attempt_id, linked_id, verbose_call_id)
        )
        attempt = self._attempts.get(attempt_id)
        if attempt is None:
            return False
        if granted:
            self._attempts[attempt_id] = apply_event(attempt, ClaimGranted())
            self.on_claimed()
            log.info("attempt %d of task %d: dialling", attempt_id, attempt.task_id)
        else:
            self._give_back(apply_event(attempt, NeverDialled()))
        return granted

    async def begin_dialogue(self, attempt_id: int) -> Flow | None:
        """The call flow for an answered attempt; None when there is none to hold (deleted, not a polling, unknown)."""
        attempt, order = self._attempts.get(attempt_id), self._orders.get(attempt_id)
        if attempt is None or order is None or attempt.state not in DIALLED_STATES:
            return None
        if attempt.kind is not InnerNumType.POLLING:
            return None
        polling = await self._pollings.find(order.inner_num)
        if polling is None:
            return None
        self._held[attempt_id] = polling.polling_id
        self.note(attempt_id, DialogueStarted())
        return compile_polling(polling, order.params)

    async def keep_answer(self, attempt_id: int, question_id: str, result: str, keys: str) -> None:
        """Store an answer; returns when it is committed, so that the next question acknowledges it."""
        polling_id = self._held.get(attempt_id, 0)
        await self._store.write(stored.save_answer(attempt_id, polling_id, question_id, result, keys))

    async def end_dialogue(self, attempt_id: int, *, finished: bool) -> None:
        self._held.pop(attempt_id, None)
        if finished:
            self.note(attempt_id, DialogueFinished())

    async def wait_empty(self) -> None:
        """Return when no attempt is in progress."""
        await self._empty.wait()

    async def settle(self) -> None:
        """Return when everything noted so far is committed."""
        while self._pending:
            await asyncio.gather(*self._pending, return_exceptions=True)

    def dialled(self) -> list[Attempt]:
        """Attempts that got leave to dial and have no result yet."""
        return [attempt for attempt in self._attempts.values() if attempt.state in DIALLED_STATES]

    def _close(self, attempt: Attempt) -> None:
        self._forget(attempt)
        self._closing.add(attempt.attempt_id)
        verdict = attempt.verdict
        log.info("attempt %d of task %d: %s", attempt.attempt_id, attempt.task_id, verdict)
        future = self._save(attempt.attempt_id, stored.save_result(attempt))
        future.add_done_callback(lambda done: self._committed(attempt, done))
        self.on_channel_free(attempt.task_id)

    def _committed(self, attempt: Attempt, done: "asyncio.Future[None]") -> None:
        self._closing.discard(attempt.attempt_id)
        if done.cancelled() or done.exception() is not None:
            return  # its records stay in AstDB and the row stays open: the next reconciliation closes it
        self.on_committed(attempt.attempt_id)

    def _give_back(self, attempt: Attempt) -> None:
        self._forget(attempt)
        self._save(attempt.attempt_id, stored.requeue_attempt(attempt.attempt_id))
        self.on_channel_free(attempt.task_id)

    def _forget(self, attempt: Attempt) -> None:
        self._attempts.pop(attempt.attempt_id, None)
        self._orders.pop(attempt.attempt_id, None)
        if not self._attempts:
            self._empty.set()
        of_task = self._by_task.get(attempt.task_id)
        if of_task is not None:
            of_task.discard(attempt.attempt_id)
            if not of_task:
                del self._by_task[attempt.task_id]
        timer = self._grace.pop(attempt.attempt_id, None)
        if timer is not None:
            timer.cancel()

    def _arm_grace(self, attempt_id: int) -> None:
        if attempt_id not in self._grace:
            loop = asyncio.get_running_loop()
            self._grace[attempt_id] = loop.call_later(GRACE_S, self.note, attempt_id, GraceOver())

    def _save(self, attempt_id: int, operation: Operation[None]) -> "asyncio.Future[None]":
        future = self._store.submit(operation)
        self._pending.add(future)
        future.add_done_callback(lambda done: self._saved(attempt_id, done))
        return future

    def _saved(self, attempt_id: int, done: "asyncio.Future[None]") -> None:
        self._pending.discard(done)
        if not done.cancelled() and done.exception() is not None:
            log.error("attempt %d: not stored: %s", attempt_id, done.exception())
