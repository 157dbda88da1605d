"""Tasks and the numbers in them."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


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


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a task, as the CRM listed it."""

    phone: str
    phone_id: str
    params: dict[str, object] | None = None
    """Values for `<name>` in the polling's texts."""
