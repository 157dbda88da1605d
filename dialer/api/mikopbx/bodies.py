"""What the MikoPBX facade takes: one declared model a body. Unknown fields are ignored, as the original does.

1C and PHP send numbers where texts are meant and the other way round, null or "" for what they do not say, and [] for
an empty object: all of that is understood. A number's own fields are in `numbers.py`.
"""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from dialer.api.mikopbx.plain import as_flag, as_list, as_text, no_bool, none_if_blank
from dialer.model.polling import ANSWER_TIMEOUT_S, LANG, MAX_RECORD_S, Action, Press, Question
from dialer.model.safe import safe_extension, safe_keys, safe_prefix
from dialer.model.task import InnerNumType, Number, TaskState
from dialer.store.tasks import TaskChange

MAX_ID = 2**63 - 1
MAX_CHANNELS = 10_000


def _no_nul(value: str) -> str:
    if "\0" in value:
        raise ValueError("a text without NUL characters expected")
    return value


def _not_empty(items: tuple[Any, ...]) -> tuple[Any, ...]:
    if not items:
        raise ValueError("a list with at least one item expected")
    return items


def _at_most(limit: int) -> BeforeValidator:
    """A bound looked at before the items are: millions of wrong ones must not cost millions of messages."""

    def check(items: Any) -> Any:
        if isinstance(items, list) and len(items) > limit:
            raise ValueError(f"{limit} items at most expected, got {len(items)}")
        return items

    return BeforeValidator(check)


_AsText = BeforeValidator(as_text)
_NoneIfBlank = BeforeValidator(none_if_blank)
_NoBool = BeforeValidator(no_bool)
_AsList = BeforeValidator(as_list)

Text = Annotated[str, Field(max_length=20_000), AfterValidator(_no_nul), _AsText]
Name = Annotated[str, Field(max_length=500), AfterValidator(_no_nul), _AsText]
Id = Annotated[str, Field(max_length=100), AfterValidator(_no_nul), _AsText]
Keys = Annotated[str, AfterValidator(safe_keys), _AsText]
Channels = Annotated[int, Field(ge=1, le=MAX_CHANNELS), _NoBool]
Prefix = Annotated[str, AfterValidator(safe_prefix), _AsText]
State = Annotated[
    TaskState, BeforeValidator(lambda value: int(value) if str(value) in ("0", "1", "2") else value), _NoBool
]
Flag = Annotated[bool, BeforeValidator(as_flag)]
Lang = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]

MaybeId = Annotated[Id | None, _NoneIfBlank]
MaybeText = Annotated[Text | None, _NoneIfBlank]
MaybeKeys = Annotated[Keys | None, _NoneIfBlank]


def _wrong(field: str, reason: str) -> PydanticCustomError:
    """An error that only the whole body shows; it names the field as a field's own error would."""
    return PydanticCustomError("field", "{reason}", {"field": field, "reason": reason})


def _check(door: Callable[[str], str], value: str, field: str) -> None:
    try:
        door(value)
    except ValueError as error:
        raise _wrong(field, str(error)) from None


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class PressBody(_Body):
    key: Keys
    action: Annotated[Action, BeforeValidator(lambda value: "" if value is None else value)] = Action.NOTHING
    value: MaybeText = None
    valueOptions: MaybeText = None
    nextQuestion: MaybeId = None

    @model_validator(mode="after")
    def _value_fits_action(self) -> "PressBody":
        if self.action is Action.DIAL:
            _check(safe_extension, self.value or "", "value")
        if self.action is Action.PLAYBACK:
            if not self.value:
                raise _wrong("value", "missing, nothing to play")
            if self.valueOptions not in (None, "text", "file"):
                raise _wrong("valueOptions", "'text' or 'file' expected")
        if self.action is Action.PLAYBACK_RECORD and self.valueOptions is not None:
            seconds = self.valueOptions
            if not (seconds.isascii() and seconds.isdecimal() and 1 <= int(seconds[:9]) <= MAX_RECORD_S):
                raise _wrong("valueOptions", f"1 to {MAX_RECORD_S} seconds expected, got {seconds[:60]!r}")
        return self

    def press(self) -> Press:
        return Press(self.key, self.action, self.value, self.valueOptions, self.nextQuestion)


class QuestionBody(_Body):
    questionId: MaybeId = None
    questionText: MaybeText = None
    questionFile: MaybeText = None
    lang: Annotated[Lang | None, _NoneIfBlank] = None
    nextQuestion: MaybeId = None
    defPress: MaybeKeys = None
    timeout: Annotated[Annotated[float, Field(ge=0, le=60), _NoBool] | None, _NoneIfBlank] = None
    press: Annotated[tuple[PressBody, ...], _at_most(100), _AsList] = ()

    @model_validator(mode="after")
    def _is_sound(self) -> "QuestionBody":
        if not (self.questionText or "").strip() and not self.questionFile:
            raise _wrong("questionText", "missing, and there is no questionFile")
        keys = [press.key for press in self.press]
        if len(keys) != len(set(keys)):
            raise _wrong("press", "a key is listed twice")
        if self.defPress and self.defPress not in keys:
            raise _wrong("defPress", "not one of the keys")
        return self

    def question(self, position: int) -> Question:
        return Question(
            self.questionId if self.questionId is not None else str(position),
            self.questionText or "",
            self.questionFile,
            self.lang or LANG,
            self.nextQuestion,
            self.defPress,
            ANSWER_TIMEOUT_S if self.timeout is None else self.timeout,
            tuple(press.press() for press in self.press),
        )


class PollingBody(_Body):
    crmId: MaybeId = None
    name: Annotated[Name | None, _NoneIfBlank] = None
    questions: Annotated[tuple[QuestionBody, ...], AfterValidator(_not_empty), _at_most(1000), _AsList]

    @model_validator(mode="after")
    def _ids_differ(self) -> "PollingBody":
        ids = [question.question_id for question in self.model_questions()]
        if len(ids) != len(set(ids)):
            raise _wrong("questions", "a questionId is given twice")
        return self

    def model_questions(self) -> tuple[Question, ...]:
        return tuple(question.question(position) for position, question in enumerate(self.questions))


class TaskBody(_Body):
    """A task's fields; None: not said. `name` and `dialPrefix` can be said to be empty."""

    id: Annotated[Annotated[int, Field(ge=1, le=MAX_ID), _NoBool] | None, _NoneIfBlank] = None
    crmId: MaybeId = None
    name: Name | None = None
    state: Annotated[State | None, _NoneIfBlank] = None
    innerNum: MaybeId = None
    innerNumType: Annotated[InnerNumType | None, _NoneIfBlank] = None
    maxCountChannels: Annotated[Channels | None, _NoneIfBlank] = None
    dialPrefix: Prefix | None = None
    recordTalk: Annotated[Flag | None, _NoneIfBlank] = None

    def change(self, numbers: list[Number] | None) -> TaskChange:
        return TaskChange(
            name=self.name,
            state=self.state,
            inner_num=self.innerNum,
            inner_num_type=self.innerNumType,
            max_count_channels=self.maxCountChannels,
            dial_prefix=self.dialPrefix,
            record_talk=self.recordTalk,
            numbers=numbers,
        )
