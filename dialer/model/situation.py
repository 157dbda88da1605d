"""What the rules of `dialer.model.why` know and say: facts about the engine, a task, a number; what was found."""

from dataclasses import dataclass
from enum import StrEnum

from dialer.model.attempt import AttemptState
from dialer.model.task import Task

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
