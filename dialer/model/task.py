"""Tasks and the numbers in them."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from dialer.model.rules import DEFAULTS, Rules


class TaskState(IntEnum):
    """`state` of the API."""

    OPEN = 0
    """Numbers are dialled."""
    CLOSED = 1
    """Nothing is dialled; set by the CRM, or by the engine when every number is finished."""
    PAUSED = 2
    """Nothing is dialled until the CRM opens it again."""


class InnerNumType(StrEnum):
    """`innerNumType` of the API: who talks to a subscriber that answers."""

    POLLING = "polling"
    """A polling; `innerNum` is its id."""
    EXTEN = "exten"
    """An employee or a queue; `innerNum` is the internal number."""
    SCRIPT = "script"
    """A call flow of another facade; `innerNum` is the id of its script."""


@dataclass(frozen=True, slots=True)
class Task:
    task_id: int
    crm_id: str
    name: str
    state: TaskState
    inner_num: str
    inner_num_type: InnerNumType
    max_count_channels: int
    dial_prefix: str
    record_talk: bool = False
    """Record the talk with an employee."""
    notify_url: str | None = None
    """Where results and answers are delivered to."""
    rules: Rules = DEFAULTS
    """When, how often and how its numbers are dialled."""
    spent_u: int = 0
    """What its calls have cost, millionths of the currency."""
    owner: str = ""
    """The account of a facade that it belongs to; empty: the PBX's own."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a task, as the CRM listed it."""

    phone: str
    phone_id: str
    params: dict[str, object] | None = None
    """Values for `<name>` in the polling's texts."""
    client_id: str | None = None
    """Numbers of one client: when one of them is reached, the others are done; never two at once."""
    zone: str = ""
    """Of the subscriber: `Asia/Omsk`, `+5.5` (hours from UTC); empty: not known, the PBX's."""
    not_before_us: int = 0
    """Microseconds since 1970; 0: at once."""
    until_us: int | None = None
    """After that it is not dialled any more; microseconds since 1970."""
    caller_id: str | None = None
    """The number that this subscriber is shown."""
    ring_timeout_s: int | None = None
    """How long it is rung; None: as long as the task says."""
