"""What the MikoPBX facade takes: one declared model a body. Unknown fields are ignored, as the original does."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from dialer.model.polling import ANSWER_TIMEOUT_S, LANG, Action, Press, Question
from dialer.model.safe import phone_id_of, safe_extension, safe_keys, safe_number, safe_prefix
from dialer.model.task import InnerNumType, Number, TaskState
from dialer.store.tasks import TaskChange

MAX_ID = 2**63 - 1
MAX_CHANNELS = 10_000
MAX_NUMBERS = 5_000_000


def _scalar_as_text(value: Any) -> Any:
    """1C and PHP send numbers where texts are meant, and the other way round."""
    if isinstance(value, bool):
        return value
    return str(value) if isinstance(value, int) else value


def _null_is(default: Any) -> Callable[[Any], Any]:
    return lambda value: default if value is None else value


def _empty_is_none(value: Any) -> Any:
    return None if value in ("", None) else _scalar_as_text(value)


def _no_nul(value: str) -> str:
    if "\0" in value:
        raise ValueError("a text without NUL characters expected")
    return value


Text = Annotated[str, BeforeValidator(_scalar_as_text), Field(max_length=20_000), AfterValidator(_no_nul)]
Name = Annotated[str, BeforeValidator(lambda value: _scalar_as_text(_null_is("")(value))), Field(max_length=500)]
Id = Annotated[str, BeforeValidator(_scalar_as_text), Field(max_length=100), AfterValidator(_no_nul)]
OptionalId = Annotated[Id | None, BeforeValidator(_empty_is_none)]
Keys = Annotated[str, BeforeValidator(_scalar_as_text), AfterValidator(safe_keys)]
OptionalKeys = Annotated[Keys | None, BeforeValidator(_empty_is_none)]
OptionalText = Annotated[Text | None, BeforeValidator(_empty_is_none)]
Phone = Annotated[str, BeforeValidator(_scalar_as_text), AfterValidator(safe_number)]
Channels = Annotated[int, Field(ge=1, le=MAX_CHANNELS)]
Prefix = Annotated[
    str, BeforeValidator(lambda value: _scalar_as_text(_null_is("")(value))), AfterValidator(safe_prefix)
]

Lang = Annotated[str, BeforeValidator(_null_is(LANG)), Field(pattern=r"^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$")]


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
    action: Annotated[Action, BeforeValidator(_null_is(""))] = Action.NOTHING
    value: OptionalText = None
    valueOptions: OptionalText = None
    nextQuestion: OptionalId = None

    @model_validator(mode="after")
    def _value_fits_action(self) -> "PressBody":
        if self.action is Action.DIAL:
            _check(safe_extension, self.value or "", "value")
        if self.action is Action.PLAYBACK:
            if not self.value:
                raise _wrong("value", "missing, nothing to play")
            if self.valueOptions not in (None, "text", "file"):
                raise _wrong("valueOptions", "'text' or 'file' expected")
        return self

    def press(self) -> Press:
        return Press(self.key, self.action, self.value, self.valueOptions, self.nextQuestion)


class QuestionBody(_Body):
    questionId: OptionalId = None
    questionText: Annotated[Text, BeforeValidator(_null_is(""))] = ""
    questionFile: OptionalText = None
    lang: Lang = LANG
    nextQuestion: OptionalId = None
    defPress: OptionalKeys = None
    timeout: Annotated[float, Field(ge=0, le=60)] = ANSWER_TIMEOUT_S
    press: tuple[PressBody, ...] = ()

    @model_validator(mode="after")
    def _is_sound(self) -> "QuestionBody":
        if not self.questionText.strip() and not self.questionFile:
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
            self.questionText,
            self.questionFile,
            self.lang or LANG,
            self.nextQuestion,
            self.defPress,
            self.timeout,
            tuple(press.press() for press in self.press),
        )


class PollingBody(_Body):
    crmId: OptionalId = None
    name: Name = ""
    questions: Annotated[tuple[QuestionBody, ...], Field(min_length=1, max_length=1000)]

    @model_validator(mode="after")
    def _ids_differ(self) -> "PollingBody":
        ids = [question.question_id for question in self.model_questions()]
        if len(ids) != len(set(ids)):
            raise _wrong("questions", "a questionId is given twice")
        return self

    def model_questions(self) -> tuple[Question, ...]:
        return tuple(question.question(position) for position, question in enumerate(self.questions))


class NumberBody(_Body):
    number: Phone
    params: dict[str, Any] | None = None


def _listed_number(value: Any) -> Any:
    """A number stands alone or in an object."""
    return {"number": value} if isinstance(value, str | int) and not isinstance(value, bool) else value


def _some_numbers(listed: tuple[NumberBody, ...]) -> tuple[NumberBody, ...]:
    if not 1 <= len(listed) <= MAX_NUMBERS:
        raise ValueError(f"a list of 1 to {MAX_NUMBERS} numbers expected, got {len(listed)}")
    return listed


Numbers = Annotated[tuple[Annotated[NumberBody, BeforeValidator(_listed_number)], ...], AfterValidator(_some_numbers)]


def _type_or_exten(value: Any) -> Any:
    return InnerNumType.EXTEN if value in ("", None) else value


Type = Annotated[InnerNumType, BeforeValidator(_type_or_exten)]
State = Annotated[TaskState, BeforeValidator(lambda value: int(value) if str(value) in ("0", "1", "2") else value)]


class TaskPutBody(_Body):
    """Any subset of a task's fields."""

    crmId: OptionalId = None
    name: Name | None = None
    state: State | None = None
    innerNum: Annotated[Id, Field(min_length=1)] | None = None
    innerNumType: Type | None = None
    maxCountChannels: Channels | None = None
    dialPrefix: Prefix | None = None
    numbers: Numbers | None = None

    def change(self) -> TaskChange:
        return TaskChange(
            name=self.name,
            state=self.state,
            inner_num=self.innerNum,
            inner_num_type=self.innerNumType,
            max_count_channels=self.maxCountChannels,
            dial_prefix=self.dialPrefix,
            numbers=None
            if self.numbers is None
            else [Number(one.number, phone_id_of(one.number), one.params) for one in self.numbers],
        )


class TaskPostBody(TaskPutBody):
    """A whole task: what is not said has its default."""

    id: Annotated[
        Annotated[int, Field(ge=1, le=MAX_ID)] | None, BeforeValidator(lambda value: None if value == "" else value)
    ] = None
    name: Name = ""
    state: State = TaskState.OPEN
    innerNum: Annotated[Id, Field(min_length=1)]
    innerNumType: Type = InnerNumType.EXTEN
    maxCountChannels: Channels = 1
    dialPrefix: Prefix = ""
    numbers: Numbers

    @model_validator(mode="after")
    def _extension_is_one(self) -> "TaskPostBody":
        if self.innerNumType is InnerNumType.EXTEN:
            _check(safe_extension, self.innerNum, "innerNum")
        return self
