"""The explainer: gathers what the rules of `dialer.model.why` ask for, about one task or one of its numbers."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from dialer.dispatch.ledger import Ledger
from dialer.dispatch.scheduler import Scheduler
from dialer.dispatch.task_queue import TaskQueue
from dialer.model.limits import Refusal
from dialer.model.prices import shown
from dialer.model.safe import phone_id_of
from dialer.model.situation import Blocked, Held, NumberFacts, ProviderFailures, Rule, Schedule, Situation
from dialer.model.task import Task, TaskState
from dialer.model.why import first_block, shown_count
from dialer.store.database import Store
from dialer.store.why import Asked, NumberRow, fetch_facts, has_held

PROVIDER_WINDOW_S = 600
"""Results older than this say nothing of the provider now."""
_OF_NUMBER = {
    Rule.NOT_IN_LIST, Rule.FINISHED, Rule.NUMBER_IN_PROGRESS, Rule.NUMBER_WAITS, Rule.NOT_DUE, Rule.OTHER_NUMBER,
    Rule.DAY_CAP, Rule.WINDOW,
}  # fmt: skip


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a task, or a number of it, is not being dialled; or that it is."""

    task: Task
    phone: str | None
    found: Blocked
    in_use: int
    """Channels in use by the task, one for each number in progress."""
    waiting: int
    """Numbers in its queue; `MOST_COUNTED` + 1: more than that."""


class Explainer:
    """Asks whoever knows. Changes nothing."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        scheduler: Scheduler,
        *,
        zone: tzinfo = UTC,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`zone`: of the times in reasons."""
        self._store = store
        self._ledger = ledger
        self._scheduler = scheduler
        self._zone = zone
        self._clock = clock
        self.asterisk: Callable[[], Blocked | None] = _nothing
        """What keeps Asterisk from being used."""
        self.obstacle: Callable[[str], str | None] = lambda inner_num: None
        """Why an internal number cannot take a call."""
        self.presence_look_s: Callable[[], float | None] = _nothing
        """Seconds until presence is looked at anew."""
        self.dialogue_trouble: Callable[[], str | None] = _nothing
        self.recording_trouble: Callable[[], str | None] = _nothing

    async def explain(self, task_id: int, phone: str | None = None) -> Explanation | None:
        """The first thing that holds the task's next call back, or the number; None: no such task. `phone` as
        `safe_number` takes it. Raises StoreError."""
        asked = Asked(
            task_id,
            None if phone is None else phone_id_of(phone),
            int((self._clock() - PROVIDER_WINDOW_S) * 1_000_000),
            self._scheduler.today()[0],
        )
        facts = await self._store.read(lambda connection: fetch_facts(connection, asked))
        if facts is None:
            return None
        task, failures = facts.task, facts.provider_failures
        # the database may not know yet what has just left the queue
        waiting = facts.waiting - sum(map(self._ledger.knows, facts.waiting_ids))
        # those that have a channel; else those whose end is not told yet
        in_use = self._scheduler.channels_of(task_id) or self._ledger.in_use_by(task_id)
        # the engine asks for employees of open tasks only, and whoever is asked for is looked after from then on
        decision = self._scheduler.decision(task) if task.state is TaskState.OPEN else None
        nobody = decision is not None and self._scheduler.nobody_free(task)
        queue = self._scheduler.queue_of(task)
        number = None if facts.number is None else self._facts_of(facts.number, queue)
        schedule = await self._schedule(queue) if task.state is TaskState.OPEN and waiting else None
        next_phone = phone if facts.number is not None else next((one.phone for one in queue.in_stock()), None)
        dialled = None if next_phone is None else self._scheduler.dial_string(task, next_phone)
        situation = Situation(
            task,
            self._scheduler.engine(),
            in_use,
            waiting,
            asterisk=self.asterisk(),
            spool_trouble=self._scheduler.spool_trouble,
            may_connect=not nobody,
            obstacle=self.obstacle(task.inner_num) if nobody else None,
            pacing=decision.reason if decision is not None and decision.begin == 0 and not nobody else None,
            schedule=schedule,
            task_rate=_held(self._scheduler.refusal_of_task(task)),
            trunk=_held(self._scheduler.refusal_of_trunk(dialled)) if dialled else None,
            spent=_spent(task),
            presence_look_s=self.presence_look_s(),
            failures=ProviderFailures(len(failures), failures[0] if failures else None),
            dialogue_trouble=self.dialogue_trouble(),
            recording_trouble=self.recording_trouble(),
            phone=phone,
            number=number,
        )
        return Explanation(task, phone, _with_place(first_block(situation), situation), in_use, waiting)

    async def _schedule(self, queue: TaskQueue) -> Schedule | None:
        """Why no number of a queue in which some wait may be dialled now; None: some may."""
        now = self._now()
        if await queue.restock(now):
            return None
        if not queue.has_waiting:
            held = await self._store.read(lambda connection: has_held(connection, queue.task.task_id))
            return Schedule(held=True) if held else None
        until = queue.waits_until
        at = "" if until is None else self._shown(until)
        return Schedule(queue.closed, None if until is None else (until - now).total_seconds(), at)

    def _facts_of(self, row: NumberRow, queue: TaskQueue) -> NumberFacts:
        """The ledger's state is ahead of the database's; a result is final there."""
        now = self._now()
        due = datetime.fromtimestamp(row.due_us / 1_000_000, UTC)
        opening = queue.next_opening(row.zone, max(now, due))
        until = None if row.until_us is None else datetime.fromtimestamp(row.until_us / 1_000_000, UTC)
        return NumberFacts(
            self._ledger.state_of(row.attempt_id) or row.state,
            self._shown(datetime.fromtimestamp(row.changed_us / 1_000_000, UTC)),
            row.result,
            row.cause,
            row.before - sum(map(self._ledger.knows, row.before_ids)),
            closed=queue.why_closed(row.zone, now) or None,
            opens_in_s=None if opening is None else (opening - now).total_seconds(),
            due_in_s=(due - now).total_seconds() if row.due_us else 0.0,
            due=self._shown(due),
            held_by=row.held_by,
            called_today=row.called_today,
            most_per_day=self._scheduler.most_per_day(queue.task),
            day_ends_in_s=(self._scheduler.today()[1] - now).total_seconds(),
            over_in_s=None if until is None else (until - now).total_seconds(),
            over="" if until is None else self._shown(until),
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def _shown(self, moment: datetime) -> str:
        return moment.astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def _held(refusal: Refusal | None) -> Held | None:
    return None if refusal is None else Held(refusal.reason, None if refusal.wait_s == math.inf else refusal.wait_s)


def _spent(task: Task) -> str | None:
    most_u = task.rules.max_cost_u
    if most_u is None or task.spent_u < most_u:
        return None
    return f"its calls have cost {shown(task.spent_u)}, maxCost is {shown(most_u)}"


def _with_place(found: Blocked, situation: Situation) -> Blocked:
    """A number that waits is told its place also where something holds the whole task back."""
    if situation.number is None or found.rule in _OF_NUMBER:
        return found
    place = f"{situation.phone} waits, {shown_count(situation.number.before)} before it; "
    return Blocked(found.rule, place + found.reason, found.next_look_s, found.next_look_on, found.blocks)
