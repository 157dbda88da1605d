"""What the MikoPBX facade takes: one declared model a body. Unknown fields are ignored, as the original does.

What each field may be is in `fields.py`; a number's own fields are in `numbers.py`.
"""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from dialer.api.mikopbx.fields import (
    NULL,
    AsList,
    Keys,
    Later,
    ListSchema,
    MaybeChannels,
    MaybeFlag,
    MaybeId,
    MaybeKeys,
    MaybeKind,
    MaybeLang,
    MaybeName,
    MaybeOwnId,
    MaybePrefix,
    MaybeState,
    MaybeText,
    MaybeTimeout,
    at_most,
    check_by,
    not_empty,
    one_of,
    wrong,
)
from dialer.api.mikopbx.numbers import NUMBERS_SCHEMA, read_numbers
from dialer.model.polling import ANSWER_TIMEOUT_S, LANG, MAX_RECORD_S, Action, Press, Question
from dialer.model.safe import safe_extension
from dialer.model.task import Number
from dialer.store.tasks import TaskChange


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class PressBody(_Body):
    key: Keys
    action: Annotated[
        Action,
        BeforeValidator(lambda value: "" if value is None else value),
        one_of({"enum": [*(action.value for action in Action), None]}),
    ] = Action.NOTHING
    value: MaybeText = None
    valueOptions: MaybeText = None
    nextQuestion: MaybeId = None

    @model_validator(mode="after")
    def _value_fits_action(self) -> "PressBody":
        if self.action is Action.DIAL:
            check_by(safe_extension, self.value or "", "value")
        if self.action is Action.PLAYBACK:
            if not self.value:
                raise wrong("value", "missing, nothing to play")
            if self.valueOptions not in (None, "text", "file"):
                raise wrong("valueOptions", "'text' or 'file' expected")
        if self.action is Action.PLAYBACK_RECORD and self.valueOptions is not None:
            seconds = self.valueOptions
            if not (seconds.isascii() and seconds.isdecimal() and 1 <= int(seconds[:9]) <= MAX_RECORD_S):
                raise wrong("valueOptions", f"1 to {MAX_RECORD_S} seconds expected, got {seconds[:60]!r}")
        return self

    def press(self) -> Press:
        return Press(self.key, self.action, self.value, self.valueOptions, self.nextQuestion)


class QuestionBody(_Body):
    questionId: MaybeId = None
    questionText: MaybeText = None
    questionFile: MaybeText = None
    lang: MaybeLang = None
    nextQuestion: MaybeId = None
    defPress: MaybeKeys = None
    timeout: MaybeTimeout = None
    press: Annotated[tuple[PressBody, ...], ListSchema(most=100, others=(NULL,)), at_most(100), AsList] = ()

    @model_validator(mode="after")
    def _is_sound(self) -> "QuestionBody":
        if not (self.questionText or "").strip() and not self.questionFile:
            raise wrong("questionText", "missing, and there is no questionFile")
        keys = [press.key for press in self.press]
        if len(keys) != len(set(keys)):
            raise wrong("press", "a key is listed twice")
        if self.defPress and self.defPress not in keys:
            raise wrong("defPress", "not one of the keys")
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
    name: MaybeName = None
    questions: Annotated[
        tuple[QuestionBody, ...],
        ListSchema(least=1, most=1000),
        AfterValidator(not_empty),
        at_most(1000),
        AsList,
    ]

    @model_validator(mode="after")
    def _ids_differ(self) -> "PollingBody":
        ids = [question.question_id for question in self.model_questions()]
        if len(ids) != len(set(ids)):
            raise wrong("questions", "a questionId is given twice")
        return self

    def model_questions(self) -> tuple[Question, ...]:
        return tuple(question.question(position) for position, question in enumerate(self.questions))


def _checked_numbers(value: Any) -> list[Number]:
    numbers, problems = read_numbers(value)
    if problems:
        raise PydanticCustomError("problems", "{problems}", {"problems": problems})
    return numbers


Numbers = Annotated[list[Number], PlainValidator(_checked_numbers), one_of(NUMBERS_SCHEMA)]


class _TaskFields(_Body):
    """A task's fields; None: not said. `name` and `dialPrefix` can be said to be empty."""

    crmId: MaybeId = None
    name: MaybeName = None
    state: MaybeState = None
    innerNum: MaybeId = None
    innerNumType: MaybeKind = None
    maxCountChannels: MaybeChannels = None
    dialPrefix: MaybePrefix = None
    recordTalk: MaybeFlag = None
    maxAttempt: Annotated[None, Later(1)] = None
    attemptUntilSignal: Annotated[None, Later(0)] = None
    timeStart: Annotated[None, Later(0)] = None
    timeEnd: Annotated[None, Later(1440)] = None
    isCallback: Annotated[None, Later(0)] = None

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


class TaskBody(_TaskFields):
    """A task as it is posted: created, or updated where its `crmId` or `id` is known."""

    id: MaybeOwnId = None
    numbers: Numbers


class TaskChangeBody(_TaskFields):
    """What is to be changed in a task."""

    numbers: Annotated[Numbers | None, one_of(NUMBERS_SCHEMA, NULL)] = None
