"""Why nothing is dialling: the rules that hold a call back, as ordered tables.

`ENGINE_RULES` are what the scheduler itself asks before each call; `RULES` are all that can be told about a task or one
of its numbers. A rule looks at facts and gives None or what it found. A new rule (a window, a stop list, a retry that
is not due) is a function here and a line in its table.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from dialer.model.attempt import AttemptState
from dialer.model.limits import is_full
from dialer.model.outcome import Outcome
from dialer.model.task import InnerNumType, Task, TaskState

F = TypeVar("F")
DATABASE_RETRY_S = 1.0
MOST_COUNTED = 10_000
"""Waiting numbers are counted up to here; one more means: more."""
PROVIDER_FAILURES = 5
"""So many finished numbers in a row that the provider refused are worth telling."""


class Rule(StrEnum):
    """Who says so; the API shows it as it is spelled here."""

    NOT_IN_LIST = "not_in_list"
    """The number asked for is not in the task's list."""
    FINISHED = "finished"
    """The number asked for has its result."""
    NUMBER_IN_PROGRESS = "number_in_progress"
    """The number asked for is being dialled or talked to. Blocks nothing."""
    TASK_CLOSED = "task_closed"
    """State 1: closed by the CRM, or every number is finished."""
    TASK_PAUSED = "task_paused"
    """State 2."""
    DRAINING = "draining"
    """The daemon stops after the calls in progress."""
    DATABASE = "database"
    """What would happen could not be stored."""
    AMI_AWAY = "ami_away"
    """No AMI connection."""
    AMI_REFUSED = "ami_refused"
    """Asterisk does not know our AMI user or its secret."""
    ASTERISK_BOOTING = "asterisk_booting"
    """Asterisk still loads its modules."""
    ASTERISK_SETUP = "asterisk_setup"
    """Dialplan, modules or AMI rights are not as they must be."""
    ASTERISK_LOOKING = "asterisk_looking"
    """After a connect: calls in progress are looked for in Asterisk before new ones begin."""
    SPOOL = "spool"
    """Call files cannot be written."""
    BACK_OFF = "back_off"
    """Call files came back unclaimed; tried again after a while."""
    ALL_CHANNELS = "all_channels"
    """[dialing] max_channels are in use by all tasks together."""
    RATE = "rate"
    """[dialing] max_calls_per_s, or Asterisk is slow and calls are slowed down."""
    NOTHING_WAITS = "nothing_waits"
    """Every number of the task is finished or in progress."""
    WINDOW = "window"
    """Hours, weekdays, holidays: no subscriber who waits, or not the one asked for, may be called now."""
    NOT_DUE = "not_due"
    """The next attempt, or the time of the number's own (timeCallAllow), has not come yet."""
    OTHER_NUMBER = "other_number"
    """Another number of the same client is tried before the one asked for."""
    DAY_CAP = "day_cap"
    """The telephone asked for has been called as often today as it may be."""
    TASK_CHANNELS = "task_channels"
    """maxCountChannels of the task are in use."""
    TASK_RATE = "task_rate"
    """maxCallsPerSecond of the task."""
    TRUNK = "trunk"
    """Channels or rate of the trunk, or it is slowed down because the provider refuses calls."""
    NOBODY_FREE = "nobody_free"
    """The employee or queue of the task cannot take a call."""
    PACING = "pacing"
    """As many calls are on their way to the employees as the task's pacing allows."""
    PROVIDER_DOWN = "provider_down"
    """The last numbers of the task all failed for the provider's sake. Blocks nothing: dialling goes on, as far as the
    limits allow."""
    DIALOGUE = "dialogue"
    """The last dialogue could not be held. Blocks nothing."""
    RECORDING = "recording"
    """The last talk was not recorded. Blocks nothing."""
    NUMBER_WAITS = "number_waits"
    """The number asked for is in the queue of a task that is being dialled. Blocks nothing."""
    DIALLING = "dialling"
    """Nothing holds the next call back."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """What a rule found, and when it is looked at next."""

    rule: Rule
    reason: str
    next_look_s: float | None
    """Seconds from now; None: on the event alone."""
    next_look_on: str
    """When, in words."""
    blocks: bool = True
    """Whether it holds calls back, or is only worth knowing."""


@dataclass(frozen=True, slots=True)
class Engine:
    """What holds every task back, as the scheduler knows it."""

    draining: bool
    database_trouble: str | None
    asterisk_ready: bool
    in_use: int
    max_channels: int
    back_off_s: float
    pace_s: float
    """Until the rates allow a call …"""
    pace: str = ""
    """… and which does not, in words."""
    agi_address: str = ""


@dataclass(frozen=True, slots=True)
class NumberFacts:
    """The number somebody asks about; the texts of times are the zone's."""

    state: AttemptState
    since: str
    result: str | None = None
    cause: str | None = None
    before: int = 0
    """Numbers of the queue in front of it."""
    closed: str | None = None
    """Why its subscriber may not be called at this hour, in words."""
    opens_in_s: float | None = None
    due_in_s: float = 0.0
    """Until its next attempt may be made."""
    due: str = ""
    """When that is, in words."""
    held_by: str | None = None
    """A number of the same client that is tried before it."""
    called_today: int = 0
    most_per_day: int = 0
    """0: as often as one likes."""
    day_ends_in_s: float = 0.0
    over_in_s: float | None = None
    """Until its lifetime is over; None: it has none."""
    over: str = ""
    """When that is, in words."""

    @property
    def waits(self) -> bool:
        return self.state is AttemptState.CREATED


@dataclass(frozen=True, slots=True)
class ProviderFailures:
    """The last finished numbers of the task: as many as were asked for, none of them with another result."""

    count: int
    cause: str | None
    """Of the latest."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The hours and times of the numbers that wait; texts are words."""

    closed: str | None = None
    """Why no subscriber may be called at this hour."""
    next_in_s: float | None = None
    """Until some number may be dialled; None: not known."""
    next_at: str = ""
    held: bool = False
    """All that wait do so for another number of their client."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a limit says."""

    reason: str
    wait_s: float | None
    """None: until a call ends."""


@dataclass(frozen=True, slots=True)
class Situation:
    """All that the rules need to know about one task, and about one of its numbers when somebody asks for it."""

    task: Task
    engine: Engine
    in_use: int
    """Channels in use by the task."""
    waiting: int
    """Numbers in its queue, counted to `MOST_COUNTED` and one more."""
    asterisk: Blocked | None = None
    """What keeps Asterisk from being used."""
    spool_trouble: str | None = None
    may_connect: bool = True
    """Whether somebody is there to talk to a subscriber who answers."""
    obstacle: str | None = None
    """Why not, in words."""
    pacing: str | None = None
    """Why no call more may begin for the employees who are there, in words."""
    schedule: Schedule | None = None
    """Where numbers wait and none may be dialled now."""
    task_rate: Held | None = None
    trunk: Held | None = None
    """Of the number asked for, or the next one."""
    spent: str | None = None
    """What a task that may spend no more has spent, in words."""
    presence_look_s: float | None = None
    """Seconds until employees and queues are looked at anew."""
    failures: ProviderFailures | None = None
    dialogue_trouble: str | None = None
    recording_trouble: str | None = None
    phone: str | None = None
    """The number asked for."""
    number: NumberFacts | None = None
    """What is known of it; None: it is not in the list."""


def shown_count(count: int) -> str:
    """A bounded count in words."""
    return f"more than {MOST_COUNTED}" if count > MOST_COUNTED else str(count)


def not_in_list(now: Situation) -> Blocked | None:
    if now.phone is None or now.number is not None:
        return None
    return Blocked(
        Rule.NOT_IN_LIST, f"{now.phone} is not in the task's list", None, "when the CRM posts a list with this number"
    )


def finished(now: Situation) -> Blocked | None:
    if now.number is None or now.number.result is None:
        return None
    cause = f" ({now.number.cause})" if now.number.cause else ""
    reason = f"{now.phone} is finished: {now.number.result}{cause}, {now.number.since}"
    return Blocked(Rule.FINISHED, reason, None, "never: a number has one result")


def number_in_progress(now: Situation) -> Blocked | None:
    if now.number is None or now.number.result is not None or now.number.waits:
        return None
    reason = f"{now.phone} is in progress: {now.number.state.value} since {now.number.since}"
    return Blocked(Rule.NUMBER_IN_PROGRESS, reason, None, "when its call ends", blocks=False)


def task_closed(now: Situation) -> Blocked | None:
    if now.task.state is not TaskState.CLOSED:
        return None
    unfinished = now.waiting or now.in_use
    by_crm = f"by the CRM, {shown_count(now.waiting)} numbers wait, {now.in_use} calls are in progress"
    reason = f"the task is closed (state 1): {by_crm if unfinished else 'every number is finished'}"
    return Blocked(Rule.TASK_CLOSED, reason, None, "when the CRM sets state 0 or posts the task anew")


def task_paused(now: Situation) -> Blocked | None:
    if now.task.state is not TaskState.PAUSED:
        return None
    reason = "the task is paused (state 2)"
    if now.spent is not None:
        return Blocked(
            Rule.TASK_PAUSED, f"{reason}: {now.spent}", None, "when the CRM sets state 0 and a higher maxCost"
        )
    return Blocked(Rule.TASK_PAUSED, reason, None, "when the CRM sets state 0")


def draining(now: Engine) -> Blocked | None:
    if not now.draining:
        return None
    reason = f"the daemon is stopping: {now.in_use} calls in progress are watched to their end, none begins"
    return Blocked(Rule.DRAINING, reason, None, "when the daemon is started again")


def database(now: Engine) -> Blocked | None:
    if now.database_trouble is None:
        return None
    reason = f"nothing can be stored: {now.database_trouble}"
    return Blocked(Rule.DATABASE, reason, DATABASE_RETRY_S, "every second")


def asterisk_not_ready(now: Engine) -> Blocked | None:
    if now.asterisk_ready:
        return None
    return Blocked(Rule.AMI_AWAY, "Asterisk is not ready", None, "when the AMI connection is ready")


def all_channels(now: Engine) -> Blocked | None:
    if not is_full(now.in_use, now.max_channels):
        return None
    reason = f"{now.in_use} channels are in use by all tasks, [dialing] max_channels allows {now.max_channels}"
    return Blocked(Rule.ALL_CHANNELS, reason, None, "when a call of any task ends")


def back_off(now: Engine) -> Blocked | None:
    if now.back_off_s <= 0:
        return None
    reason = (
        "a call file came back unclaimed: does Asterisk take call files from [asterisk] spool_dir, does it include "
        f"our dialplan, does it reach FastAGI at {now.agi_address}?"
    )
    return Blocked(Rule.BACK_OFF, reason, now.back_off_s, "when the pause after it is over, with the next call file")


def rate(now: Engine) -> Blocked | None:
    if now.pace_s <= 0:
        return None
    return Blocked(Rule.RATE, f"{now.pace}, of all tasks", now.pace_s, "when the next call may begin")


EngineRule = Callable[[Engine], Blocked | None]
ENGINE_RULES: tuple[EngineRule, ...] = (draining, database, asterisk_not_ready, back_off, all_channels, rate)
"""What the scheduler asks before each call, in this order; it goes on after `next_look_s`, or when an event tells."""


def asterisk(now: Situation) -> Blocked | None:
    """What the link knows more about than the scheduler."""
    said = asterisk_not_ready(now.engine)
    return said and (now.asterisk or said)


def spool(now: Situation) -> Blocked | None:
    if now.spool_trouble is None:
        return None
    return Blocked(Rule.SPOOL, now.spool_trouble, now.engine.back_off_s or None, "with the next call file")


def nothing_waits(now: Situation) -> Blocked | None:
    if now.waiting:
        return None
    if now.in_use:
        reason = f"no number waits: {now.in_use} in progress, all others are finished"
        return Blocked(Rule.NOTHING_WAITS, reason, None, "when a call of the task ends; the last one closes the task")
    reason = "no number waits: all are finished, or the list is empty"
    return Blocked(Rule.NOTHING_WAITS, reason, None, "at once: the task is being closed")


def task_channels(now: Situation) -> Blocked | None:
    if not is_full(now.in_use, now.task.max_count_channels):
        return None
    reason = f"{now.in_use} channels are in use, maxCountChannels of the task is {now.task.max_count_channels}"
    return Blocked(Rule.TASK_CHANNELS, reason, None, "when a call of the task ends")


def task_rate(now: Situation) -> Blocked | None:
    if now.task_rate is None:
        return None
    return Blocked(Rule.TASK_RATE, now.task_rate.reason, now.task_rate.wait_s, "when the next call may begin")


def trunk(now: Situation) -> Blocked | None:
    if now.trunk is None:
        return None
    on = "when a call of the trunk ends" if now.trunk.wait_s is None else "when its next call may begin"
    return Blocked(Rule.TRUNK, now.trunk.reason, now.trunk.wait_s, on)


def other_number(now: Situation) -> Blocked | None:
    """Of the number asked for, else of all that wait."""
    on = "when the call to that one has ended, if nobody was reached"
    if now.number is None:
        if now.schedule is None or not now.schedule.held:
            return None
        reason = "each number that waits does so for another number of the same client, which is being called"
        return Blocked(Rule.OTHER_NUMBER, reason, None, on)
    if not now.number.waits or now.number.held_by is None:
        return None
    reason = f"{now.phone} waits for {now.number.held_by}, another number of the same client"
    return Blocked(Rule.OTHER_NUMBER, reason, None, on)


def day_cap(now: Situation) -> Blocked | None:
    number = now.number
    if number is None or not number.waits or not 0 < number.most_per_day <= number.called_today:
        return None
    reason = f"{now.phone} has been called {number.called_today} times today, {number.most_per_day} are allowed"
    return _unless_over(now, Blocked(Rule.DAY_CAP, reason, number.day_ends_in_s, "when the next day begins"))


def _unless_over(now: Situation, waits: Blocked) -> Blocked:
    """A number whose lifetime is over before it could be dialled is looked at then."""
    over_in_s = now.number.over_in_s if now.number is not None else None
    if now.number is None or over_in_s is None or (waits.next_look_s is not None and waits.next_look_s <= over_in_s):
        return waits
    reason = f"{waits.reason}; its lifetime is over before that, {now.number.over}"
    return Blocked(waits.rule, reason, over_in_s, "when its lifetime is over: it ends without a call")


def window(now: Situation) -> Blocked | None:
    """Of the number asked for, else of all that wait."""
    if now.number is not None:
        closed, opens_in_s, who = now.number.closed if now.number.waits else None, now.number.opens_in_s, now.phone
    else:
        schedule = now.schedule or Schedule()
        closed, opens_in_s, who = schedule.closed, schedule.next_in_s, "none of the numbers that wait"
    if not closed:
        return None
    may_not = "may not" if now.number is not None else "may"
    reason = f"{who} {may_not} be called now: {closed}"
    return _unless_over(now, Blocked(Rule.WINDOW, reason, opens_in_s, "when the window opens"))


def not_due(now: Situation) -> Blocked | None:
    """Likewise."""
    if now.number is not None:
        if not now.number.waits or now.number.due_in_s <= 0:
            return None
        reason = f"{now.phone} waits for its time: {now.number.due}"
        return _unless_over(now, Blocked(Rule.NOT_DUE, reason, now.number.due_in_s, "at that time"))
    if now.schedule is None or now.schedule.closed is not None or now.schedule.held:
        return None
    at = f", the next at {now.schedule.next_at}" if now.schedule.next_at else ""
    times = "their next attempt, timeCallAllow, or the next day (maxPerDay)"
    reason = f"all numbers that wait do so for their time: {times}{at}"
    return Blocked(Rule.NOT_DUE, reason, now.schedule.next_in_s, "at that time")


def pacing(now: Situation) -> Blocked | None:
    if now.pacing is None:
        return None
    return Blocked(Rule.PACING, now.pacing, None, "when an employee becomes free, or a call ends unanswered")


def nobody_free(now: Situation) -> Blocked | None:
    if now.may_connect:
        return None
    why = f": {now.obstacle}" if now.obstacle else ""
    reason = f"nobody at internal number {now.task.inner_num} can take a call{why}"
    return Blocked(Rule.NOBODY_FREE, reason, now.presence_look_s, "every 30 s, and on Asterisk's events of its state")


def provider_down_at_work(now: Situation) -> Blocked | None:
    """A task that works stands at one of its limits nearly always: what goes wrong with it is told before those."""
    return provider_down(now) if now.in_use and now.may_connect else None


def provider_down(now: Situation) -> Blocked | None:
    if now.failures is None or now.failures.count < PROVIDER_FAILURES:
        return None
    cause = f": {now.failures.cause}" if now.failures.cause else ""
    reason = f"the last {now.failures.count} finished numbers all ended {Outcome.FAIL_PROVIDER.value}{cause}"
    return Blocked(Rule.PROVIDER_DOWN, reason, None, "with each call: dialling goes on", blocks=False)


def dialogue(now: Situation) -> Blocked | None:
    if now.dialogue_trouble is None or now.task.inner_num_type is not InnerNumType.POLLING:
        return None
    reason = f"the last dialogue of the daemon could not be held: {now.dialogue_trouble}"
    return Blocked(Rule.DIALOGUE, reason, None, "with the next dialogue: dialling goes on", blocks=False)


def recording(now: Situation) -> Blocked | None:
    if now.recording_trouble is None or not now.task.record_talk:
        return None
    return Blocked(Rule.RECORDING, now.recording_trouble, None, "with the next talk: dialling goes on", blocks=False)


def number_waits(now: Situation) -> Blocked | None:
    if now.number is None or not now.number.waits:
        return None
    reason = f"{now.phone} waits, {shown_count(now.number.before)} before it"
    return Blocked(Rule.NUMBER_WAITS, reason, None, "when a channel of the task is free", blocks=False)


def _of_engine(rule: EngineRule) -> Callable[[Situation], Blocked | None]:
    return lambda now: rule(now.engine)


SituationRule = Callable[[Situation], Blocked | None]
RULES: tuple[SituationRule, ...] = (
    # of the number asked for
    not_in_list,
    finished,
    number_in_progress,
    # of the task: the engine has no queue for one that is not open
    task_closed,
    task_paused,
    # of the engine, in the order of ENGINE_RULES
    _of_engine(draining),
    _of_engine(database),
    asterisk,
    spool,
    _of_engine(back_off),
    provider_down_at_work,
    _of_engine(all_channels),
    _of_engine(rate),
    # of the task again. The engine asks for the next number last, as that is a query; to readers it says most
    nothing_waits,
    other_number,
    day_cap,
    not_due,
    window,
    task_channels,
    task_rate,
    nobody_free,
    pacing,
    trunk,
    # nothing blocks, but this is worth knowing
    provider_down,
    dialogue,
    recording,
    number_waits,
)


def first_of(rules: Iterable[Callable[[F], Blocked | None]], facts: F) -> Blocked | None:
    """What the first rule that has something to say says; None: no rule has."""
    return next((found for rule in rules if (found := rule(facts)) is not None), None)


def first_block(now: Situation) -> Blocked:
    """What the first rule of the table says of the task's next call, or of the number asked for; else: dialling."""
    found = first_of(RULES, now)
    if found is not None:
        return found
    reason = f"dialling: nothing holds the next call back, {shown_count(now.waiting)} numbers wait"
    return Blocked(Rule.DIALLING, reason, None, "with each call", blocks=False)
