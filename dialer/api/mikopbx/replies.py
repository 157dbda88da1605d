"""What the MikoPBX facade answers: the shapes, as /openapi.json shows them. Replies are built by plain code, which is
faster for a hundred thousand rows; tests hold the one against the other."""

from typing import Annotated, Any, Generic, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field

from dialer.api.endpoint import Answer

D = TypeVar("D")
TextOrNumber = str | int
MaybeStr = str | None


class _Shown(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


def _name_of(data: Any) -> str:
    """What a type is called in /openapi.json."""
    if get_origin(data) is list:
        return f"ListOf{_name_of(get_args(data)[0])}"
    return data.__name__ if isinstance(data, type) else "Nothing"


class Done(_Shown, Generic[D]):
    """The request was carried out."""

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        return f"Done{_name_of(params[0])}"

    result: Literal[True]
    """Whether it was done."""
    data: D
    """What was asked for."""
    messages: list[Any]
    """Empty."""
    function: Literal[""]
    """Always empty."""
    processor: Literal[""]
    """Always empty."""
    pid: int
    """The daemon's process."""


class ErrorData(_Shown):
    """A refusal that is known by name."""

    error: str
    """TaskNotFound, PollingInUse and the like: for programs."""


class NamedErrors(_Shown):
    """Messages as the PBX itself gives them."""

    error: list[str]
    """Why."""


class Refused(_Shown):
    """The request was refused; nothing was stored."""

    result: Literal[False]
    """Whether it was done."""
    data: ErrorData | Annotated[list[Any], Field(max_length=0)]
    """Empty where a value was wrong; else the refusal's name."""
    messages: Annotated[list[str], Field(min_length=1)] | NamedErrors
    """Each names the field and what was expected: `numbers[0].number: …`."""
    function: Literal[""]
    """Always empty."""
    processor: Literal[""]
    """Always empty."""
    pid: int
    """The daemon's process."""


def answers(data: Any) -> dict[int, Answer]:
    """HTTP 200, whether the request was carried out or refused; `data` is a type that pydantic knows."""
    return {200: Answer("`result` tells whether it was done or refused", Done[data] | Refused)}


NoData = Annotated[list[Any], Field(max_length=0)]


class PollingHead(_Shown):
    id: str
    """Our id."""
    crmId: TextOrNumber
    """The CRM's id. One that was given by us is a number when posted and a text when read."""
    name: str
    """For people."""


class PollingHeads(_Shown):
    results: list[PollingHead]
    """By id."""


class PressShown(_Shown):
    key: str
    """What is pressed."""
    action: str
    """What then happens."""
    value: MaybeStr
    """As posted."""
    valueOptions: MaybeStr
    """As posted."""
    nextQuestion: MaybeStr
    """The question to go on with."""


class QuestionShown(_Shown):
    id: str
    """Our id of the question, not the `questionId` that was posted."""
    questionText: str
    """What is spoken."""
    questionFile: MaybeStr
    """What is played instead."""
    lang: str
    """The language it is spoken in."""
    press: list[PressShown]
    """The keys."""


class PollingShown(PollingHead):
    questions: list[QuestionShown]
    """In their order."""


_AS_POSTED = "A rule of the campaign, where it differs from the default"
RuleShown = Annotated[str | int | bool, Field(description=_AS_POSTED)]
RulesShown = Annotated[list[str], Field(description=_AS_POSTED)]


class RetryShown(_Shown):
    on: str
    """A result or a cause."""
    interval: MaybeStr
    """Seconds; null: `tryInterval`."""


class SignalDone(_Shown):
    """Attempts were ended by a signal."""

    phone: str
    """As it was posted, without spaces, brackets and hyphens."""
    phoneId: str
    """The last ten digits."""
    taskId: str
    """The task; empty: all."""
    closed: int
    """How many attempts it was about."""


class TaskShown(_Shown):
    """A task as it is read back: texts. As it is posted: what was sent keeps its type."""

    id: str
    """Our id, for /task/{id}."""
    crmId: TextOrNumber
    """The CRM's id."""
    name: TextOrNumber
    """For people."""
    innerNum: TextOrNumber
    """The polling, or the internal number."""
    innerNumType: str
    """polling or exten."""
    maxCountChannels: TextOrNumber
    """How many calls at once."""
    state: TextOrNumber
    """0: open. 1: closed, every number is finished or the CRM closed it. 2: paused."""
    dialPrefix: TextOrNumber
    """In front of each number."""
    recordTalk: TextOrNumber | bool = "1"
    """Whether talks with employees are recorded; only where it was asked for."""
    notifyUrl: str = ""
    """Where results and answers are posted to, shortened for a read-only caller; only where it was asked for."""
    duplicates: int = 0
    """How many of the numbers posted were there before in the same list, only where there are some: each is dialled
    once, as it is listed first."""
    spent: str = ""
    """What the task's calls have cost; only where the settings have prices."""
    maxAttempt: RuleShown = ""
    tryInterval: RuleShown = ""
    attemptUntilSignal: RuleShown = ""
    retryOn: Annotated[list[RetryShown], Field(description=_AS_POSTED)] = []
    timeStart: RuleShown = ""
    timeEnd: RuleShown = ""
    weekDays: RulesShown = []
    holidays: RulesShown = []
    workDays: RulesShown = []
    useCalendar: RuleShown = ""
    zoneByRegion: RuleShown = ""
    e164: RuleShown = ""
    isCallback: RuleShown = ""
    callerId: RulesShown = []
    amd: RuleShown = ""
    amdMessage: RuleShown = ""
    amdMessageFile: RuleShown = ""
    pacing: RuleShown = ""
    powerRatio: RuleShown = ""
    maxAbandonRate: RuleShown = ""
    apology: RuleShown = ""
    apologyFile: RuleShown = ""
    lang: RuleShown = ""
    priority: RuleShown = ""
    weight: RuleShown = ""
    maxCallsPerSecond: RuleShown = ""
    maxPerDay: RuleShown = ""
    maxCost: RuleShown = ""


class TaskList(_Shown):
    results: list[TaskShown]
    """By id, 1000 at the most; go on with the last id as `offset`."""


class ResultShown(_Shown):
    """What became of a number."""

    id: str
    """The row's id; it stays the same."""
    taskId: str
    """The task's id."""
    phoneId: str
    """The last ten digits."""
    phone: str
    """The number as it was posted, without spaces, brackets and hyphens."""
    linkedId: MaybeStr
    """Asterisk's linkedid of the call, to find it in the call history."""
    callFile: MaybeStr
    """The name of the call file."""
    result: MaybeStr
    """SUCCESS_POLLING, FAIL_USER_BUSY and so on; null while it is not finished."""
    outDialState: MaybeStr
    """Asterisk's DIALSTATUS of the call to the subscriber."""
    inDialState: MaybeStr
    """The same of the call to the employee."""
    state: str
    """How far the call is: CreateTask, CreateCallFile, afterDialOut … endCall."""
    verboseCallId: MaybeStr
    """The call's mark in Asterisk's log."""
    cause: MaybeStr
    """In words: SIP 486 Busy Here, No answer …"""
    params: str
    """The number's parameters, as PHP serializes them."""
    changeTime: str
    """When the row changed, Unix seconds."""
    countTry: MaybeStr
    """Which attempt it is, from the second on."""
    timeCallAllow: str
    """Before when it is not dialled, Unix seconds; 0: at once."""
    closeTime: str
    """When it was finished, Unix seconds; 0 before."""
    nextTry: str = ""
    """Only where the number has an attempt after this one, a row of its own: before when that is not made, Unix
    seconds. Without it the result is the number's."""
    recording: str = ""
    """Only where a talk was recorded: the name for /recording."""
    clientId: str = ""
    """Only where there is one."""
    callerId: str = ""
    """Only where the number has its own."""
    talkTime: str = ""
    """How many seconds the subscriber's line was open; only beside a `cost`."""
    cost: str = ""
    """What that has cost; only where the settings have a price."""


class AnswerShown(_Shown):
    """An answer to a question."""

    id: str
    """The answer's id."""
    taskId: str
    """The task's id."""
    questionCrmId: str
    """The `questionId` that was posted."""
    pollingId: str
    """Our id of the polling."""
    phoneId: str
    """The last ten digits."""
    phone: str
    """The number as it was posted."""
    result: str
    """What is stored for the key: its `value`, the key itself, or a recording's name."""
    exten: str
    """The key that was pressed."""
    changeTime: str
    """When, Unix seconds with four decimals."""


class TaskWhole(TaskShown):
    results: list[ResultShown]
    """A row for each number."""
    resultsPoling: list[AnswerShown]
    """The answers given."""


class ResultPage(_Shown):
    results: list[ResultShown]
    """10000 at the most, oldest first; ask again from the greatest `changeTime`."""


class AnswerPage(_Shown):
    results: list[AnswerShown]
    """10000 at the most, oldest first; ask again from the greatest `changeTime`."""


class PhoneShown(_Shown):
    phone: str
    """As it was posted, without spaces, brackets and hyphens."""
    phoneId: str
    """The last ten digits."""
    clientId: str
    """Our id of the client."""


class PropertyShown(_Shown):
    key: str
    """Its name."""
    value: str
    """What is said for it."""


class ClientShown(_Shown):
    id: str
    """Our id."""
    name: str
    """The client's name."""
    crmId: str
    """The CRM's id."""
    phones: list[PhoneShown]
    """Its telephones."""
    properties: list[PropertyShown]
    """Its properties; NAME is its name."""


class AudioShown(_Shown):
    id: str
    """Our id."""
    name: str
    """The file's name, for `questionFile` and `value`."""
    path: str
    """Where it is kept; the same for `questionFile` and `value`."""


class AudioKept(_Shown):
    filename: str
    """The full path of the file, for `questionFile` and `value`."""


class SheetNumber(_Shown):
    """A telephone number out of a table."""

    number: str
    """As it is dialled."""
    clientId: str
    """The same for all numbers of a row, and for the same client in another table."""


class SheetNumbers(Done[list[SheetNumber]]):
    """A table was read."""

    data: list[SheetNumber]
    """Each number once, in the table's order."""
    messages: list[str]
    """What is wrong with other cells, by row and column; the first 20."""
