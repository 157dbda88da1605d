"""Staffing: how many calls may be on their way to the employees of each internal number, and who gets one of them.

Counts the calls from what the ledger tells, knows employees from presence, and lets `dialer.model.employees` decide.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from dialer.dispatch.observing import Watching
from dialer.model.attempt import Attempt, AttemptState
from dialer.model.call import CallOrder
from dialer.model.employees import Decision, Lines, PaceBook, Staff, lines_to_begin
from dialer.model.limits import ANY_NUMBER
from dialer.model.outcome import Outcome
from dialer.model.rules import Pacing, Rules
from dialer.model.task import InnerNumType, Task
from dialer.model.verdict import Verdict

log = logging.getLogger(__name__)
EMPLOYEE_WAIT_S = 2.0
"""How long a subscriber who has answered waits for an employee before the call counts as abandoned."""
_ABANDONED = frozenset(
    {Outcome.FAIL_USER_BUSY, Outcome.FAIL_USER_NO_ANSWER, Outcome.FAIL_CLIENT_H_BEFORE_ANSWER}
)  # fmt: skip


@dataclass(slots=True)
class _Call:
    """A call to an employee that is in progress."""

    rings_since_s: float | None = None
    answered_at_s: float | None = None
    talks_since_s: float | None = None
    has_employee: bool = False
    """It was let through to the internal number."""
    seen: bool = False
    resumed: bool = False
    """It was begun before the daemon started: nobody knows how long it rang or talked."""


@dataclass(slots=True)
class _Desk:
    """The calls of one internal number. Counted as they move: every task of the number asks for each call."""

    calls: dict[int, _Call] = field(default_factory=dict)
    begun: int = 0
    """Calls of those that ring or have rung …"""
    answered: int = 0
    """… of them, answered …"""
    talking: int = 0
    """… and of those, with an employee."""
    book: PaceBook = field(default_factory=PaceBook)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def lines(self) -> Lines:
        return Lines(len(self.calls) - self.answered, self.answered - self.talking, self.talking)

    def rings(self, call: _Call, now_s: float) -> None:
        if call.rings_since_s is None:
            call.rings_since_s = now_s
            self.begun += 1

    def is_answered(self, call: _Call, now_s: float) -> None:
        if call.answered_at_s is None:
            call.answered_at_s = now_s
            self.answered += 1

    def talks(self, call: _Call, now_s: float) -> None:
        if call.talks_since_s is None:
            call.talks_since_s = now_s
            self.talking += 1

    def over(self, attempt_id: int) -> None:
        call = self.calls.pop(attempt_id)
        self.begun -= call.rings_since_s is not None
        self.answered -= call.answered_at_s is not None
        self.talking -= call.talks_since_s is not None

    def ahead_of(self, attempt_id: int) -> tuple[int, int]:
        """Other calls that may want an employee before this one, and how many of them are answered."""
        ahead, connecting = self.begun - self.talking, self.answered - self.talking
        own = self.calls.get(attempt_id)
        if own is None or own.rings_since_s is None or own.talks_since_s is not None:
            return ahead, connecting
        return ahead - 1, connecting - (own.answered_at_s is not None)


class Staffing(Watching):
    """Pacing of tasks that connect subscribers to employees. Internal numbers that are neither employee nor queue have
    no bound; tasks with the same internal number share its employees."""

    def __init__(self, *, wrap_up_s: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        """`wrap_up_s`: what employees have to do after a talk."""
        self._wrap_up_s = wrap_up_s
        self._clock = clock
        self._desks: dict[str, _Desk] = {}
        self.staff: Callable[[str], Staff | None] = lambda inner_num: None
        """Who is there now; None: the number is neither employee nor queue."""
        self.on_capacity: Callable[[str], None] = lambda inner_num: None
        """Called with an internal number for which another call may begin."""

    def decision(self, task: Task) -> Decision | None:
        """How many calls more the task may begin, and why; None: as many as its limits allow."""
        return self._decision(task.inner_num_type, task.inner_num, task.rules)

    def nobody_free(self, task: Task) -> bool:
        """Whether no employee of the task could take a call now."""
        if task.inner_num_type is not InnerNumType.EXTEN:
            return False
        staff = self.staff(task.inner_num)
        return staff is not None and staff.free == 0

    def bounds(self, task: Task) -> bool:
        """Whether employees are what the task's calls are for."""
        return task.inner_num_type is InnerNumType.EXTEN and self.staff(task.inner_num) is not None

    def room(self, task: Task) -> int:
        """How many calls the task may begin before this is to be asked anew."""
        decision = self.decision(task)
        if decision is None:
            return ANY_NUMBER
        # predictive weighs each call that has begun anew
        return min(1, decision.begin) if task.rules.pacing is Pacing.PREDICTIVE else decision.begin

    def may_dial(self, order: CallOrder, pacing: Pacing) -> bool:
        """At the dial instant: whether somebody is there still for a call that was begun for them."""
        if order.inner_num_type is not InnerNumType.EXTEN or (staff := self.staff(order.inner_num)) is None:
            return True
        if pacing is not Pacing.PROGRESSIVE:
            return staff.on_duty > 0
        ahead, connecting = self._desk(order.inner_num).ahead_of(order.attempt_id)
        return ahead < staff.free + min(staff.ringing, connecting)

    async def find_employee(self, order: CallOrder) -> bool:
        """Wait for an employee who can take a subscriber that has answered; False: none could within 2 s."""
        desk = self._desk(order.inner_num)
        try:
            async with asyncio.timeout(EMPLOYEE_WAIT_S):
                while not self._take_employee(desk, order):
                    desk.changed.clear()
                    await desk.changed.wait()
        except TimeoutError:
            return False
        return True

    def staff_changed(self, inner_num: str) -> None:
        """Presence has news of an employee or queue."""
        self._desk(inner_num).changed.set()
        self.on_capacity(inner_num)

    def abandon_rate(self, inner_num: str) -> tuple[int, int]:
        """Answered calls of the window, and those of them that found nobody."""
        measured = self._desk(inner_num).book.measured(self._clock())
        return measured.answered, measured.abandoned

    def call_began(self, order: CallOrder) -> None:
        if order.inner_num_type is InnerNumType.EXTEN:
            self._desk(order.inner_num).calls[order.attempt_id] = _Call()

    def call_moved(self, order: CallOrder, attempt: Attempt) -> None:
        desk, call = self._call_of(order)
        if desk is None or call is None:
            return
        if not call.seen:
            call.seen, call.resumed = True, attempt.state is not AttemptState.SPOOLED
        if attempt.state is AttemptState.SPOOLED:
            return  # nothing has changed for employees
        now_s = self._clock()
        desk.rings(call, now_s)
        if order.callback:
            self._note_callback(desk, call, attempt, now_s)
            return
        if attempt.state is AttemptState.DIALLING and not attempt.talking:
            return  # a call on its way, as before
        if (attempt.state is AttemptState.CONNECTING or attempt.talking) and call.answered_at_s is None:
            desk.is_answered(call, now_s)
            if not call.resumed:
                desk.book.subscriber_answered(now_s, now_s - (call.rings_since_s or now_s))
        if attempt.talking and call.talks_since_s is None:
            desk.talks(call, now_s)
            if not call.resumed:
                desk.book.employee_took(now_s, now_s - (call.answered_at_s or now_s))
        desk.changed.set()
        self.on_capacity(order.inner_num)

    @staticmethod
    def _note_callback(desk: _Desk, call: _Call, attempt: Attempt, now_s: float) -> None:
        """Its employee is called first: being found from the leave on, taken as soon as he has answered."""
        desk.is_answered(call, now_s)
        if attempt.state is AttemptState.CONNECTING or attempt.talking:
            desk.talks(call, now_s)

    def call_over(self, order: CallOrder, attempt: Attempt) -> None:
        desk, call = self._call_of(order)
        if desk is None or call is None:
            return
        desk.over(order.attempt_id)
        if attempt.verdict is not None and not order.callback and not call.resumed:
            self._remember(desk.book, call, attempt.verdict)
        desk.changed.set()
        self.on_capacity(order.inner_num)

    def _decision(self, kind: InnerNumType, inner_num: str, rules: Rules) -> Decision | None:
        if kind is not InnerNumType.EXTEN or (staff := self.staff(inner_num)) is None:
            return None
        desk = self._desk(inner_num)
        return lines_to_begin(rules, staff, desk.lines(), desk.book, self._clock())

    def _take_employee(self, desk: _Desk, order: CallOrder) -> bool:
        staff, own = self.staff(order.inner_num), desk.calls.get(order.attempt_id)
        let_through = sum(call.has_employee and call.talks_since_s is None for call in desk.calls.values())
        if staff is not None and let_through >= staff.free + min(staff.ringing, let_through):
            return False
        if own is not None:
            own.has_employee = True
        return True

    def _remember(self, book: PaceBook, call: _Call, verdict: Verdict) -> None:
        now_s = self._clock()
        if call.talks_since_s is not None:
            book.talk_ended(now_s, now_s - call.talks_since_s + self._wrap_up_s)
        elif call.answered_at_s is None:
            if call.rings_since_s is not None:
                book.call_ended_unanswered(now_s, now_s - call.rings_since_s)
        elif verdict.outcome in _ABANDONED:
            book.abandoned(now_s)

    def _call_of(self, order: CallOrder) -> tuple[_Desk | None, _Call | None]:
        desk = self._desks.get(order.inner_num) if order.inner_num_type is InnerNumType.EXTEN else None
        return desk, None if desk is None else desk.calls.get(order.attempt_id)

    def _desk(self, inner_num: str) -> _Desk:
        if inner_num not in self._desks:
            self._desks[inner_num] = _Desk()
        return self._desks[inner_num]
