"""Why nothing is dialling: the rules that hold a call back, as ordered tables.

`ENGINE_RULES` are what the scheduler itself asks before each call; `RULES` are all that can be told about a task or one
of its numbers. A rule looks at facts and gives None or what it found. A new rule (a window, a stop list, a retry that
is not due) is a function here and a line in its table.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

from dialer.model.limits import is_full
from dialer.model.outcome import Outcome
from dialer.model.situation import (
    MOST_COUNTED,
    PROVIDER_FAILURES,
    Blocked,
    Engine,
    Rule,
    Schedule,
    Situation,
)
from dialer.model.task import InnerNumType, TaskState

F = TypeVar("F")
DATABASE_RETRY_S = 1.0


def shown_count(count: int) -> str:
    """A bounded count in words."""
    return f"more than {MOST_COUNTED}" if count > MOST_COUNTED else str(count)


def _numbers_wait(count: int) -> str:
    return "1 number waits" if count == 1 else f"{shown_count(count)} numbers wait"


def _channels_are(count: int) -> str:
    return "1 channel is" if count == 1 else f"{count} channels are"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


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
    calls = "1 call is" if now.in_use == 1 else f"{now.in_use} calls are"
    by_crm = f"by the CRM, {_numbers_wait(now.waiting)}, {calls} in progress"
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
    reason = f"{_channels_are(now.in_use)} in use by all tasks, [dialing] max_channels allows {now.max_channels}"
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
    reason = f"{_channels_are(now.in_use)} in use, maxCountChannels of the task is {now.task.max_count_channels}"
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
    if number.due_in_s > number.day_ends_in_s + 1:  # it waits for longer than that
        return None
    allowed = "1 is allowed" if number.most_per_day == 1 else f"{number.most_per_day} are allowed"
    reason = f"{now.phone} has been called {_times(number.called_today)} today, {allowed}"
    return _unless_over(now, Blocked(Rule.DAY_CAP, reason, number.day_ends_in_s, "when the next day begins"))


def _unless_over(now: Situation, waits: Blocked) -> Blocked:
    """A number whose lifetime is over before it could be dialled is looked at then."""
    over_in_s = now.number.over_in_s if now.number is not None else None
    if now.number is None or over_in_s is None or (waits.next_look_s is not None and waits.next_look_s <= over_in_s):
        return waits
    reason = f"{waits.reason}; its lifetime is over before that, {now.number.over}"
    return Blocked(waits.rule, reason, max(0.0, over_in_s), "when its lifetime is over: it ends without a call")


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
    if now.dialogue_trouble is None or now.task.inner_num_type is InnerNumType.EXTEN:
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
    for rule in rules:
        found = rule(facts)
        if found is not None:
            return found
    return None


def first_block(now: Situation) -> Blocked:
    """What the first rule of the table says of the task's next call, or of the number asked for; else: dialling."""
    found = first_of(RULES, now)
    if found is not None:
        return found
    reason = f"dialling: nothing holds the next call back, {_numbers_wait(now.waiting)}"
    return Blocked(Rule.DIALLING, reason, None, "with each call", blocks=False)
