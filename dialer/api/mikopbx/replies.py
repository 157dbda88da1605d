"""What the MikoPBX facade answers: the shapes, as /openapi.json shows them. Replies are built by plain code, which is
faster for a hundred thousand rows; tests hold the one against the other."""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from dialer.api.endpoint import Answer

D = TypeVar("D")
TextOrNumber = str | int
MaybeStr = str | None


class _Shown(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Done(_Shown, Generic[D]):
    """The request was carried out."""

    result: Literal[True]
    data: D
    messages: list[Any]
    function: Literal[""]
    processor: Literal[""]
    pid: int


class ErrorData(_Shown):
    """A refusal that is known by name."""

    error: str


class NamedErrors(_Shown):
    """Messages as the PBX itself gives them."""

    error: list[str]


class Refused(_Shown):
    """The request was refused; nothing was stored."""

    result: Literal[False]
    data: ErrorData | Annotated[list[Any], Field(max_length=0)]
    messages: Annotated[list[str], Field(min_length=1)] | NamedErrors
    function: Literal[""]
    processor: Literal[""]
    pid: int


def answers(data: Any) -> dict[int, Answer]:
    """HTTP 200, whether the request was carried out or refused; `data` is a type that pydantic knows."""
    return {200: Answer("`result` tells whether it was done or refused", Done[data] | Refused)}


NoData = Annotated[list[Any], Field(max_length=0)]


class PollingHead(_Shown):
    id: str
    crmId: TextOrNumber
    """An automatic one is a number when posted and a text when read."""
    name: str


class PollingHeads(_Shown):
    results: list[PollingHead]


class PressShown(_Shown):
    key: str
    action: str
    value: MaybeStr
    valueOptions: MaybeStr
    nextQuestion: MaybeStr


class QuestionShown(_Shown):
    id: str
    questionText: str
    questionFile: MaybeStr
    lang: str
    press: list[PressShown]


class PollingShown(PollingHead):
    questions: list[QuestionShown]


class TaskShown(_Shown):
    """A task as it is read back: texts. As it is posted: what was sent keeps its type."""

    id: str
    crmId: TextOrNumber
    name: TextOrNumber
    innerNum: TextOrNumber
    innerNumType: str
    maxCountChannels: TextOrNumber
    state: TextOrNumber
    dialPrefix: TextOrNumber
    recordTalk: TextOrNumber = "1"
    """Only where it is asked for."""


class TaskList(_Shown):
    results: list[TaskShown]


class ResultShown(_Shown):
    id: str
    taskId: str
    phoneId: str
    phone: str
    linkedId: MaybeStr
    callFile: MaybeStr
    result: MaybeStr
    outDialState: MaybeStr
    inDialState: MaybeStr
    state: str
    verboseCallId: MaybeStr
    cause: MaybeStr
    params: str
    changeTime: str
    countTry: MaybeStr
    timeCallAllow: str
    closeTime: str
    recording: str = ""
    """Only where a talk was recorded: the name for /recording."""


class AnswerShown(_Shown):
    id: str
    taskId: str
    questionCrmId: str
    pollingId: str
    phoneId: str
    phone: str
    result: str
    exten: str
    changeTime: str


class TaskWhole(TaskShown):
    results: list[ResultShown]
    resultsPoling: list[AnswerShown]


class ResultPage(_Shown):
    results: list[ResultShown]


class AnswerPage(_Shown):
    results: list[AnswerShown]


class PhoneShown(_Shown):
    phone: str
    phoneId: str
    clientId: str


class PropertyShown(_Shown):
    key: str
    value: str


class ClientShown(_Shown):
    id: str
    name: str
    crmId: str
    phones: list[PhoneShown]
    properties: list[PropertyShown]


class AudioShown(_Shown):
    id: str
    name: str
    path: str


class AudioKept(_Shown):
    filename: str
