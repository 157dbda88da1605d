"""The rules of a task: when, how often and how its numbers are dialled."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import IntEnum, StrEnum
from typing import Any

WHOLE_DAY_MIN = 1440
ALL_DAYS = frozenset(range(1, 8))


class Pacing(StrEnum):
    """`pacing` of the API: how many subscribers an `exten` task calls at once, never above its limits."""

    PROGRESSIVE = "progressive"
    """As many as employees are free."""
    POWER = "power"
    """`powerRatio` times as many."""
    PREDICTIVE = "predictive"
    """As many as the measured answer rate and talk time allow: few who answer find nobody (`maxAbandonRate`)."""


class Amd(StrEnum):
    """`amd` of the API: what an answering machine gets (Asterisk 22 app_amd)."""

    OFF = "off"
    """Nobody listens for machines."""
    HANGUP = "hangup"
    """The call is ended."""
    MESSAGE = "message"
    """`amdMessage` is left after the beep."""


@dataclass(frozen=True, slots=True)
class RetryRule:
    """After which results a number is tried again, and when."""

    on: str
    """A result (`FAIL_PROVIDER`), a name of `dialer.model.retry` (`busy`), or the beginning of a cause (`SIP 486`)."""
    interval_s: int | None = None
    """Seconds until the next attempt; None: `tryInterval` of the task."""


class DayKind(IntEnum):
    """What a day is, for a schedule: 1 to 7 as ISO counts weekdays, or one that is not what its weekday says."""

    MONDAY = 1
    TUESDAY = 2
    WEDNESDAY = 3
    THURSDAY = 4
    FRIDAY = 5
    SATURDAY = 6
    SUNDAY = 7
    HOLIDAY = 8
    """A holiday: nothing is dialled unless the schedule has windows for holidays."""
    MOVED = 9
    """A working day by the calendar's word: without windows of its own it is what its weekday says."""


@dataclass(frozen=True, slots=True)
class DayWindow:
    """When numbers may be dialled on one kind of day, minutes of the subscriber's day."""

    day: DayKind
    start_min: int
    """0 to 1439."""
    end_min: int
    """1 to 1440, after `start_min`."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a task says beside its list. Every field has the default of the API."""

    max_attempts: int = 1
    try_interval_s: int = 60
    retry_on: tuple[RetryRule, ...] | None = None
    """None: where nobody was reached."""
    until_signal: bool = False
    """Also a number that was reached is tried again, until the CRM says that it is done."""
    start_min: int = 0
    """Minutes of the subscriber's day, from when on numbers are dialled …"""
    end_min: int = WHOLE_DAY_MIN
    """… and until when; before `start_min`: across midnight."""
    weekdays: frozenset[int] = ALL_DAYS
    """1 Monday to 7 Sunday."""
    use_calendar: bool = True
    """Whether the holidays and working days of the settings hold."""
    holidays: frozenset[str] = frozenset()
    """Dates (2026-12-31) on which nobody is dialled."""
    working_days: frozenset[str] = frozenset()
    """Dates on which numbers are dialled whatever the weekday and the calendar say."""
    zone_by_region: bool = False
    """Whether a number's region tells its time zone."""
    as_e164: bool = False
    """Whether numbers are dialled in their international form."""
    callback: bool = False
    """The employee is rung first, then the subscriber."""
    caller_ids: tuple[str, ...] = ()
    """Shown to subscribers, in turn."""
    amd: Amd = Amd.OFF
    amd_message: str = ""
    """A text …"""
    amd_message_file: str = ""
    """… or the name or full path of a sound file, with the text for want of it."""
    pacing: Pacing = Pacing.PROGRESSIVE
    power_ratio: float = 1.5
    max_abandon_rate: float = 0.03
    """Of the answered calls, how many may find nobody (predictive); 0.03: three in a hundred."""
    apology: str = ""
    """What a subscriber hears whom nobody could take: a text …"""
    apology_file: str = ""
    """… or the name or full path of a sound file."""
    priority: int = 0
    """0 to 9; more goes first."""
    weight: int = 10
    """1 to 1000: the task's part of channels that it shares with others of its priority."""
    max_calls_per_s: float = 0.0
    """0: no limit of its own."""
    max_cost_u: int | None = None
    """Millionths of the currency: when the task has spent so much, it pauses."""
    lang: str = "ru-RU"
    """Of `apology` and `amd_message`."""
    schedule: tuple[DayWindow, ...] = ()
    """When there are any: they take the place of `start_min`, `end_min`, `weekdays`."""
    not_before_us: int = 0
    """Microseconds since 1970, before which nothing of the task is dialled; 0: at once."""
    ring_timeout_s: int = 0
    """How long subscribers are rung; 0: as long as the settings say."""
    success_after_s: int | None = None
    """A call that lasted so long is a success, whatever came of its dialogue (`script` tasks)."""
    tells_progress: bool = False
    """Whether its receiver is told every step of a call, not only the results."""
    breakable: bool = False
    """Whether its user may end calls in progress."""
    max_per_day: int = 0
    """How often a telephone is called in a day by all tasks together; 0: as often as the settings say."""


DEFAULTS = Rules()


def as_stored(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of `Rules` as JSON holds them."""
    stored: dict[str, Any] = {}
    for name, value in rules.items():
        if name == "retry_on" and value is not None:
            stored[name] = [[rule.on, rule.interval_s] for rule in value]
        elif name == "schedule":
            stored[name] = [[one.day.value, one.start_min, one.end_min] for one in value]
        elif isinstance(value, frozenset):
            stored[name] = sorted(value)
        elif isinstance(value, tuple):
            stored[name] = list(value)
        else:
            stored[name] = value
    return stored


_READERS: Mapping[str, Any] = {
    "retry_on": lambda value: None if value is None else tuple(RetryRule(on, interval_s) for on, interval_s in value),
    "schedule": lambda value: tuple(DayWindow(DayKind(day), start, end) for day, start, end in value),
    "weekdays": frozenset,
    "holidays": frozenset,
    "working_days": frozenset,
    "caller_ids": tuple,
    "amd": Amd,
    "pacing": Pacing,
}
_NAMES = frozenset(one.name for one in fields(Rules))


def as_rules(stored: Mapping[str, Any]) -> Rules:
    """What `as_stored` has made of some fields; the others have their defaults."""
    read = {name: _READERS.get(name, lambda value: value)(value) for name, value in stored.items() if name in _NAMES}
    return Rules(**read)


def conflict_of(rules: Rules, *, to_employee: bool) -> tuple[str, str] | None:
    """Which field of the API does not go with the others, and why; None: they go together. `to_employee`: whether an
    employee or a queue talks to whoever answers."""
    if rules.start_min and (rules.start_min - rules.end_min) % WHOLE_DAY_MIN == 0:
        return "timeEnd", f"the same as timeStart, {rules.start_min}: the window would never open"
    if rules.callback and rules.pacing is not Pacing.PROGRESSIVE:
        return "pacing", "only progressive together with isCallback: each call rings an employee first"
    if rules.callback and not to_employee:
        return "isCallback", "only for innerNumType exten: a polling has no employee to ring first"
    if rules.amd is Amd.MESSAGE and not (rules.amd_message or rules.amd_message_file):
        return "amd", "message needs amdMessage or amdMessageFile"
    if rules.callback and rules.amd is not Amd.OFF:
        return "amd", "not together with isCallback: the employee hears the machine"
    return None
