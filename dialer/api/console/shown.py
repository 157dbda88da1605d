"""What the console is answered: the shapes, as /openapi.json shows them. Times are Unix seconds, counts whole numbers;
null: none, or not known."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from dialer.model.access import Role

SECOND_US = 1_000_000
MaybeStr = str | None
Seconds = float
MaybeSeconds = float | None
Counts = dict[str, int]


class Shown(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Me(Shown):
    name: str
    """`local`: somebody at the machine itself; `user:LOGIN`; `key:NAME`."""
    login: MaybeStr
    """Of a user."""
    role: Role
    """What the caller may do."""
    version: str
    """The daemon's."""
    timezone: str
    """The PBX's zone, Europe/Moscow."""


class TaskProgress(Shown):
    """A task and how far it is."""

    id: int
    """Our id."""
    crmId: str
    """The CRM's id."""
    name: str
    """For people."""
    state: int
    """0 open, 1 closed, 2 paused."""
    innerNum: str
    """The polling, the internal number, or another facade's script."""
    innerNumType: str
    """polling, exten or script."""
    maxCountChannels: int
    """How many calls at once."""
    owner: str
    """The account of the VotBox API that it belongs to; empty: the PBX's own."""
    counted: bool
    """False: numbers, total, waiting, inProgress, done and results are not known yet and say 0. Only `GET /live` tells
    of such tasks, for a while after the daemon's start, and of each again when it is counted."""
    numbers: int
    """How many numbers were listed."""
    total: int
    """Attempts: a number that is tried again has one for each try. waiting + inProgress + done."""
    waiting: int
    """Attempts to come."""
    inProgress: int
    """Calls under way."""
    done: int
    """Attempts with a result."""
    results: Counts
    """How many of each result."""
    perMinute: int
    """Calls finished within the last minute."""
    changeTime: Seconds
    """When the task itself was changed."""


class TaskDetail(TaskProgress):
    """The task with what it is to do."""

    pollingName: MaybeStr
    """Of the polling, if it has one that is there."""
    dialPrefix: str
    """In front of each number."""
    recordTalk: bool
    """Whether talks with employees are recorded."""
    notifyUrl: str
    """Where results go, shortened for a read-only caller; empty: nowhere."""
    spent: MaybeStr
    """What its calls have cost; null: nothing."""
    rules: dict[str, Any]
    """Those that differ from the default, as `GET /pbxcore/api/module-dialer/v1/task/{id}` spells them."""


class AnswerOfRow(Shown):
    questionId: str
    """Which question."""
    result: str
    """What is stored for the key."""
    exten: str
    """The key."""
    changeTime: Seconds
    """When."""
    recording: MaybeStr
    """Below the MikoPBX base path, where the answer was spoken."""


class NumberRow(Shown):
    """An attempt of a number."""

    attemptId: int
    """The row's id in results."""
    number: str
    """As it was listed."""
    attemptNumber: int
    """Which try it is, from 1."""
    clientId: MaybeStr
    """Whose number it is."""
    state: str
    """CreateTask, CreateCallFile, afterDialOut … endCall."""
    result: MaybeStr
    """SUCCESS_POLLING, FAIL and so on; null: not finished."""
    cause: MaybeStr
    """In words."""
    outDialState: MaybeStr
    """Asterisk's DIALSTATUS."""
    employee: MaybeStr
    """The telephone that a dialogue called last."""
    talked_s: int | None
    """How long the subscriber's line was open."""
    cost: MaybeStr
    """What that has cost."""
    changeTime: Seconds
    """When the row changed."""
    closeTime: MaybeSeconds
    """When it was finished."""
    dueTime: MaybeSeconds
    """Before when it is not dialled."""
    stopList: Literal["all", "task"] | None
    """Which stop list the number is on now: that of all tasks, or the task's own; null: none."""
    recording: MaybeStr
    """Of the talk, below the MikoPBX base path: `/recording/NAME`."""
    params: dict[str, Any] | None
    """For the texts."""
    answers: list[AnswerOfRow]
    """In the order in which they were given."""


class NumberRows(Shown):
    rows: list[NumberRow]
    """In the order of the last ten digits; there may be fewer than `limit`, even none, though there are more."""
    next: MaybeStr
    """For `after`; null: that was all."""


class NumbersAdded(Shown):
    added: int
    """Numbers that were not in the list before."""
    duplicates: int
    """Numbers that were, or that were posted twice."""
    state: int
    """The task's state now: a closed one is opened by a new number."""


class BucketShown(Shown):
    time: Seconds
    """Its beginning."""
    results: Counts
    """How many of each result."""


class ValueShown(Shown):
    value: MaybeStr
    """The answer; null: recordings."""
    times: int
    """How often."""


class QuestionChart(Shown):
    pollingId: int
    """Our id of the polling."""
    questionId: str
    """Which question."""
    text: str
    """What is asked; empty where the polling is gone."""
    answers: list[ValueShown]
    """The most frequent ones first, 50 at the most."""
    others: int
    """How often something else was answered."""


class Charts(Shown):
    bucket_s: int
    """How long a bucket is."""
    outcomes: list[BucketShown]
    """Without empty buckets."""
    questions: list[QuestionChart]
    """In the order of the polling."""


class MinuteShown(Shown):
    time: Seconds
    """Its beginning."""
    begun: int
    """Calls begun, since the daemon's start."""
    results: Counts
    """Calls finished, by result."""


class Stats(Shown):
    minutes: list[MinuteShown]
    """Oldest first."""
    inProgress: int
    """Calls under way."""
    maxChannels: int
    """How many there may be; 0: no limit."""


Empty = Literal[""]


def seconds(time_us: int) -> float:
    return time_us / SECOND_US


def maybe_seconds(time_us: int | None) -> float | None:
    return time_us / SECOND_US if time_us else None
