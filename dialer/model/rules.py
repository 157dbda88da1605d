"""The rules of a task: when, how often and how its numbers are dialled. Defaults are those of a task that says nothing."""

from dataclasses import dataclass, field
from enum import StrEnum

WHOLE_DAY_MIN = 1440
ALL_DAYS = frozenset(range(1, 8))


class Pacing(StrEnum):
    """`pacing` of the API: how many subscribers an `exten` task calls at once, never above its limits."""

    PROGRESSIVE = "progressive"
    """As many as employees are free."""
    POWER = "power"
    """`powerRatio` times as many."""
    PREDICTIVE = "predictive"
    """As many as the measured answer rate and talk time allow, so that few who answer find nobody (`maxAbandonRate`)."""


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
    """A text, or the name or full path of a sound file."""
    pacing: Pacing = Pacing.PROGRESSIVE
    power_ratio: float = 1.5
    max_abandon_rate: float = 0.03
    """Of the answered calls, how many may find nobody (predictive); 0.03: three in a hundred."""
    apology: str = ""
    """What a subscriber hears whom nobody could take: a text, or the name or full path of a sound file."""
    priority: int = 0
    """0 to 9; more goes first."""
    weight: int = 10
    """1 to 1000: the task's part of channels that it shares with others of its priority."""
    max_calls_per_s: float = 0.0
    """0: no limit of its own."""
    max_cost_u: int | None = None
    """Millionths of the currency: when the task has spent so much, it pauses."""
    lang: str = field(default="ru-RU")
    """Of `apology` and `amd_message`."""
