"""The ledger: every attempt on its way, and the only place where an event moves one.

Events come from the AMI (`note`), from FastAGI (`claim`, the dialogue) and from the scheduler (`begin`); each goes
through the state machine in `dialer.model.attempt`, into the store, and wakes the scheduler when a channel is free.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable

from dialer.dispatch.flows import FlowSource
from dialer.dispatch.observing import CallObserver
from dialer.dispatch.saving import Saver
from dialer.model.about import about
from dialer.model.attempt import (
    DIALLED_STATES,
    Attempt,
    AttemptEvent,
    AttemptState,
    CallFileWritten,
    ClaimGranted,
    DialogueFinished,
    DialogueStarted,
    LegEnded,
    NeverDialled,
    SubscriberAnswered,
    apply_event,
    is_of_another_call,
)
from dialer.model.call import CallOrder
from dialer.model.flow import Flow, Prompt
from dialer.model.progress import Progress
from dialer.model.records import InRecord, OutRecord
from dialer.model.task import InnerNumType
from dialer.store import attempts as stored
from dialer.store.database import Store, StoreError
from dialer.store.finishing import Bill

log = logging.getLogger(__name__)
GRACE_S = 2.0
"""How long one leg's record waits for the other's before Asterisk is asked. They come within milliseconds, or not."""
ANSWER_PATIENCE_S = 3.0
ANSWER_RETRY_S = 0.25


async def _always(order: CallOrder) -> bool:
    return True


def kept_under(event: AttemptEvent) -> tuple[str, ...]:
    """Where in AstDB Asterisk keeps what the event tells (contexts autodialer-out-gone, autodialer-in-gone)."""
    match event:
        case LegEnded(OutRecord()):
            return ("out",)
        case LegEnded(InRecord()):
            return ("in",)
        case NeverDialled(linked_id) if linked_id:
            return ("undialled",)
        case _:
            return ()


class Ledger:
    """Attempts in progress. Each holds a channel of its task from its call file to the end of its last leg; one that
    stands by, from its turn on."""

    def __init__(self, store: Store, flows: FlowSource) -> None:
        self._store = store
        self._flows = flows
        self._attempts: dict[int, Attempt] = {}
        self._orders: dict[int, CallOrder] = {}
        self._by_task: defaultdict[int, set[int]] = defaultdict(set)
        self._grace: dict[int, asyncio.TimerHandle] = {}
        self._saver = Saver(store, self._saved)
        self._claiming: dict[int, list[NeverDialled]] = {}
        """Attempts whose claim is being committed, and what their calls said meanwhile."""
        self._held: dict[int, int] = {}
        """Attempts in a dialogue, and the id of its polling."""
        self._empty = asyncio.Event()
        self._empty.set()
        self.claims_open = True
        """False while the daemon drains: no claim is granted any more."""
        self.may_dial: Callable[[CallOrder], bool] = lambda order: True
        """Whether the rules of its task let a number be dialled at this instant."""
        self.turn_of: Callable[[int], Awaitable[None] | None] = lambda attempt_id: None
        """Waits for a moment until an attempt that stands by has a channel; None: it does not."""
        self.has_asked: Callable[[int], bool] = lambda attempt_id: False
        """Whether one that stands by has asked for its leave."""
        self.is_in_window: Callable[[CallOrder], bool] = lambda order: True
        """Whether the subscriber may be called at this hour."""
        self.now_us: Callable[[], int | None] = lambda: None
        """The engine's clock; None: the store's."""
        self.day_cap: Callable[[CallOrder], stored.DayCap | None] = lambda order: None
        """How often its telephone may be called today."""
        self.find_employee_for: Callable[[CallOrder], Awaitable[bool]] = _always
        """Waits for an employee for a subscriber who has answered; False: none became free in time."""
        self.bill: Callable[[CallOrder, int], int | None] = lambda order, talked_s: None
        """What a call of so many seconds has cost, in millionths of the currency."""
        self.bill_employee: Callable[[CallOrder, str, int], int | None] = lambda order, telephone, talked_s: None
        """Likewise, what a talk with an employee's telephone has cost."""
        self.observers: list[CallObserver] = []
        self.is_recorded: Callable[[str, bool], bool] = lambda name, expected: True
        """Whether there is a recording of this name, and whether there should be one."""
        self.on_came_back: Callable[[int], None] = lambda task_id: None
        """Called with the task's id when an attempt came back although nobody refused it: Asterisk could not ask."""
        self.on_silence: Callable[[int], None] = lambda attempt_id: None
        """Called when one leg has reported and the other has not for a while: has the call a channel still?"""
        self.on_committed: Callable[[int, tuple[str, ...]], None] = lambda attempt_id, keys: None
        """Called when what Asterisk keeps of an attempt under these keys is durable here and may be forgotten there."""

    @property
    def in_use(self) -> int:
        """Channels in use by all tasks."""
        return len(self._attempts)

    def in_use_by(self, task_id: int) -> int:
        return len(self._by_task[task_id]) if task_id in self._by_task else 0

    def states(self) -> list[AttemptState]:
        """Of all attempts in progress."""
        return [attempt.state for attempt in self._attempts.values()]

    def in_progress(self) -> dict[int, Attempt]:
        """All attempts in progress, as they are now."""
        return dict(self._attempts)

    def state_of(self, attempt_id: int) -> AttemptState | None:
        """The state of an attempt in progress, which may be ahead of the database; None: it is not in progress."""
        attempt = self._attempts.get(attempt_id)
        return None if attempt is None else attempt.state

    def knows(self, attempt_id: int) -> bool:
        """In progress, or its last change is not committed yet."""
        return attempt_id in self._attempts or self._saver.is_saving(attempt_id)

    def task_of(self, attempt_id: int) -> int | None:
        """Whose attempt in progress it is; None: it is none."""
        order = self._orders.get(attempt_id)
        return None if order is None else order.task_id

    def begin(self, order: CallOrder) -> None:
        """Take an attempt out of the queue; its call file may be written when this returns."""
        self._enter(order, AttemptState.CREATED, "")
        self.note(order.attempt_id, CallFileWritten())

    def resume(self, in_progress: stored.InProgress, order: CallOrder | None = None) -> None:
        """Take over an attempt that was in progress when the daemon stopped. `order`: the whole of it."""
        self._enter(order or in_progress.order, in_progress.state, in_progress.linked_id)

    def note(self, attempt_id: int, event: AttemptEvent) -> None:
        """Apply an event. Unknown attempts (finished, deleted) are acknowledged, so that Asterisk forgets them."""
        attempt = self._attempts.get(attempt_id)
        task_id, linked_id = (None, "") if attempt is None else (attempt.task_id, attempt.linked_id)
        with about(task_id, attempt_id, linked_id):
            self._note(attempt_id, attempt, event)

    def _note(self, attempt_id: int, attempt: Attempt | None, event: AttemptEvent) -> None:
        if attempt is None:
            if not self._saver.is_saving(attempt_id):
                self.on_committed(attempt_id, kept_under(event))
            return
        if isinstance(event, NeverDialled) and attempt_id in self._claiming:
            self._claiming[attempt_id].append(event)  # whether it had leave is just being decided
            return
        moved = apply_event(attempt, event)
        if moved is attempt:
            if isinstance(event, NeverDialled) or is_of_another_call(attempt, event):
                self.on_committed(attempt_id, kept_under(event))
            return
        self._attempts[attempt_id] = moved
        if moved.closed:
            self._close(moved)
        elif moved.state is AttemptState.CREATED:
            has_asked = self.has_asked(attempt_id)  # a call that stood by was hung up: no fault of Asterisk's
            self._give_back(moved, attempt.linked_id, kept_under(event))
            if not has_asked:
                self.on_came_back(moved.task_id)
        else:
            self._tell_moved(moved)
            self._keep(attempt, moved)

    def _keep(self, attempt: Attempt, moved: Attempt) -> None:
        """Save how far a call has come, unless the rest of it is expected within moments."""
        attempt_id = moved.attempt_id
        if moved.awaits_record:
            self._arm_grace(attempt_id)
        elif moved.state is AttemptState.SPOOLED:
            self._saver.save(attempt_id, stored.mark_spooled(self._orders[attempt_id]))
        elif moved.state is AttemptState.POLLED:  # nobody but us knows that the goal is reached
            self._saver.save(attempt_id, stored.save_progress(moved), is_whole=True, may_wait=False)
        elif moved.state is not attempt.state:
            self._saver.save_passing(attempt_id, stored.save_progress(moved))

    def take_back(self, attempt_id: int) -> None:
        """Give an attempt whose call file nobody has looked at to the queue, with no blame on anybody."""
        if attempt_id not in self._claiming:
            self._take_back(attempt_id)

    def _take_back(self, attempt_id: int) -> None:
        attempt = self._attempts.get(attempt_id)
        if attempt is not None and attempt.state is AttemptState.SPOOLED:
            self._give_back(apply_event(attempt, NeverDialled()))

    async def claim(self, attempt_id: int, linked_id: str, verbose_call_id: str) -> bool:
        """May this attempt be dialled now? A yes is committed before it is given, and given once."""
        attempt = self._attempts.get(attempt_id)
        if attempt is None or attempt.state is not AttemptState.SPOOLED:
            log.warning("claim refused: attempt %d is not waiting for one", attempt_id)
            return False
        told_meanwhile = self._claiming.setdefault(attempt_id, [])
        try:
            granted = await self._commit_claim(self._orders[attempt_id], linked_id, verbose_call_id)
        finally:
            self._claiming.pop(attempt_id, None)
        attempt = self._attempts.get(attempt_id)
        if not granted or attempt is None:
            self._take_back(attempt_id)  # not if another call of the same attempt was granted it meanwhile
            for event in told_meanwhile:
                self.on_committed(attempt_id, kept_under(event))
            return False
        self._attempts[attempt_id] = apply_event(attempt, ClaimGranted(linked_id))
        self._tell_moved(self._attempts[attempt_id])
        for event in told_meanwhile:
            self.note(attempt_id, event)
        return True

    async def _commit_claim(self, order: CallOrder, linked_id: str, verbose_call_id: str) -> bool:
        if not self.claims_open or not self.may_dial(order):
            return False
        claim = stored.claim_attempt(
            order.attempt_id,
            linked_id,
            verbose_call_id,
            self.day_cap(order),
            now_us=self.now_us(),
            counts=not order.callback,
            shown_number=(order.caller_id or "") if order.tells_progress else None,
        )
        try:
            return await self._store.submit(claim, is_one_of_many=True)
        except StoreError as error:
            log.error("claim of attempt %d refused: %s", order.attempt_id, error)  # noqa: TRY400 - no trace needed
            return False

    async def still_claimed(self, attempt_id: int, linked_id: str) -> bool:
        """Whether a callback's subscriber may be dialled, now that the employee has answered. On a no the attempt is
        given back."""
        attempt, order = self._attempts.get(attempt_id), self._orders.get(attempt_id)
        if attempt is None or order is None or attempt.linked_id != linked_id or attempt.state not in DIALLED_STATES:
            return False
        try:
            may = self.claims_open and self.is_in_window(order)
            holds = may and await self._store.write(stored.confirm_claim(attempt_id, self.day_cap(order)))
        except StoreError as error:
            log.error("attempt %d: its subscriber is not dialled: %s", attempt_id, error)  # noqa: TRY400
            holds = False
        attempt, undialled = self._attempts.get(attempt_id), NeverDialled(linked_id)
        if not holds and attempt is not None:
            back = apply_event(attempt, undialled)
            if back.state is AttemptState.CREATED:  # with no blame on anybody
                self._give_back(back, linked_id, kept_under(undialled))
        return holds

    async def find_employee(self, attempt_id: int, linked_id: str) -> bool:
        """Wait for an employee for a subscriber who has answered; False: none became free in time."""
        order = self._order_of_call(attempt_id, linked_id)
        return order is not None and await self.find_employee_for(order)

    def apology_of(self, attempt_id: int) -> Prompt | None:
        """What a subscriber hears whom no employee could take."""
        order = self._orders.get(attempt_id)
        return None if order is None else order.apology

    def message_of(self, attempt_id: int, linked_id: str) -> Prompt | None:
        """What an answering machine is left; None: of another call, or nothing."""
        order = self._order_of_call(attempt_id, linked_id)
        return None if order is None else order.message

    def _order_of_call(self, attempt_id: int, linked_id: str) -> CallOrder | None:
        """The order of an attempt that is being dialled, if it is this call's."""
        attempt = self._attempts.get(attempt_id)
        if attempt is None or attempt.state not in DIALLED_STATES:
            return None
        return None if is_of_another_call(attempt, SubscriberAnswered(linked_id)) else self._orders[attempt_id]

    async def begin_dialogue(self, attempt_id: int, linked_id: str) -> Flow | None:
        """The call flow for an answered attempt; None when there is none to hold (deleted, not a polling, unknown, of
        another call)."""
        attempt, order = self._attempts.get(attempt_id), self._orders.get(attempt_id)
        if attempt is None or order is None or attempt.state not in DIALLED_STATES:
            return None
        if attempt.kind is InnerNumType.EXTEN or is_of_another_call(attempt, SubscriberAnswered(linked_id)):
            return None
        found = await self._flows.flow_for(order)
        if found is None:
            return None
        self._held[attempt_id], flow = found
        self.note(attempt_id, DialogueStarted())
        self.tell_progress(attempt_id, Progress.ANSWERED)
        return flow

    def reached_goal(self, attempt_id: int) -> None:
        """What the dialogue is for has been reached; it may go on."""
        self.note(attempt_id, DialogueFinished())

    def employee_joined(self, attempt_id: int, linked_id: str, telephone: str, *, is_goal: bool) -> None:
        """Somebody has answered at a telephone that the dialogue called; `is_goal`: that is what it is for."""
        if self._order_of_call(attempt_id, linked_id) is not None:
            if is_goal:
                self.note(attempt_id, DialogueFinished())
            self.tell_progress(attempt_id, Progress.EMPLOYEE_ANSWERED, telephone=telephone)

    def tell_progress(self, attempt_id: int, progress: Progress, **details: str) -> None:
        """Note a step of a call for the task's receiver, if that wants to know."""
        order = self._orders.get(attempt_id)
        if order is not None and order.tells_progress:
            self._saver.save(attempt_id, stored.tell_progress(attempt_id, progress, details))

    async def keep_answer(
        self, attempt_id: int, question_id: str, result: str, keys: str, *, mail_to: str = "", refuses: bool = False
    ) -> bool:
        """Store an answer; True when it is committed, so that the next question acknowledges it. The subscriber waits
        for a database that fails, but not for long."""
        operation = stored.save_answer(
            attempt_id, self._held.get(attempt_id, 0), question_id, result, keys, mail_to=mail_to, refuses=refuses
        )
        deadline_s = asyncio.get_running_loop().time() + ANSWER_PATIENCE_S
        while True:
            try:
                await self._store.write(operation)
            except StoreError as error:
                if asyncio.get_running_loop().time() >= deadline_s:
                    log.error("answer of attempt %d: %s", attempt_id, error)  # noqa: TRY400 - no trace needed
                    return False
                await asyncio.sleep(ANSWER_RETRY_S)
            else:
                return True

    async def end_dialogue(self, attempt_id: int, *, finished: bool) -> None:
        self._held.pop(attempt_id, None)
        if finished:
            self.note(attempt_id, DialogueFinished())

    async def wait_empty(self) -> None:
        """Return when no attempt is in progress."""
        await self._empty.wait()

    async def settle(self) -> None:
        """Return when everything noted so far is committed, or after 10 s: Asterisk keeps what is not."""
        await self._saver.settle()

    def _saved(self, attempt_id: int, keys: tuple[str, ...]) -> None:
        if keys:
            self.on_committed(attempt_id, keys)

    def _enter(self, order: CallOrder, state: AttemptState, linked_id: str) -> None:
        attempt = Attempt(
            order.attempt_id,
            order.task_id,
            order.inner_num_type,
            state,
            linked_id,
            callback=order.callback,
            success_after_s=order.success_after_s,
        )
        self._attempts[order.attempt_id] = attempt
        self._orders[order.attempt_id] = order
        self._by_task[order.task_id].add(order.attempt_id)
        self._empty.clear()
        for observer in self.observers:
            observer.call_began(order)
        if state is not AttemptState.CREATED:
            self._tell_moved(attempt)

    def _tell_moved(self, attempt: Attempt) -> None:
        order = self._orders[attempt.attempt_id]
        for observer in self.observers:
            observer.call_moved(order, attempt)

    def _close(self, attempt: Attempt) -> None:
        recording, bill = self._recording_of(attempt), self._bill_of(attempt)
        order = self._forget(attempt)
        keys = ("out",) * (attempt.out_record is not None) + ("in",) * (attempt.in_record is not None)
        result = stored.save_result(attempt, recording, bill, tells_progress=order.tells_progress)
        self._saver.save(attempt.attempt_id, result, keys, is_whole=True)
        self._tell_over(order, attempt)

    def _bill_of(self, attempt: Attempt) -> Bill:
        talked_s = None if attempt.out_record is None else attempt.out_record.talked_s
        order = self._orders[attempt.attempt_id]
        cost_u = None if talked_s is None else self.bill(order, talked_s)
        leg = attempt.in_record
        if leg is None or not leg.employee:
            return Bill(talked_s, cost_u)
        with_employee_s = int(leg.talk_s or 0) if leg.talked else 0
        employee_cost_u = self.bill_employee(order, leg.employee, with_employee_s)
        return Bill(talked_s, cost_u, leg.employee, with_employee_s, employee_cost_u)

    def _tell_over(self, order: CallOrder, attempt: Attempt) -> None:
        for observer in self.observers:
            observer.call_over(order, attempt)

    def _recording_of(self, attempt: Attempt) -> str | None:
        """The name of the talk's recording, if there was a talk and it was recorded."""
        name, leg = self._orders[attempt.attempt_id].recording, attempt.in_record
        if name is None or (leg is not None and not attempt.talked):
            return None
        return name if self.is_recorded(name, leg is not None) else None

    def _give_back(self, attempt: Attempt, linked_id: str = "", keys: tuple[str, ...] = ()) -> None:
        order = self._forget(attempt)
        if attempt.callback:  # its employee's leg may report before this is committed
            keys = (*keys, "in")
        self._saver.save(attempt.attempt_id, stored.requeue_attempt(attempt.attempt_id, linked_id), keys, is_whole=True)
        self._tell_over(order, attempt)

    def _forget(self, attempt: Attempt) -> CallOrder:
        self._attempts.pop(attempt.attempt_id, None)
        order = self._orders.pop(attempt.attempt_id)
        if not self._attempts:
            self._empty.set()
        of_task = self._by_task[attempt.task_id]
        of_task.discard(attempt.attempt_id)
        if not of_task:
            del self._by_task[attempt.task_id]
        timer = self._grace.pop(attempt.attempt_id, None)
        if timer is not None:
            timer.cancel()
        return order

    def _arm_grace(self, attempt_id: int) -> None:
        if attempt_id not in self._grace:
            loop = asyncio.get_running_loop()
            self._grace[attempt_id] = loop.call_later(GRACE_S, self._grace_over, attempt_id)

    def _grace_over(self, attempt_id: int) -> None:
        """Ask whether the call lives still, again and again until it is closed: an `h` extension may run for long."""
        del self._grace[attempt_id]
        self._arm_grace(attempt_id)
        self.on_silence(attempt_id)
