"""What the MikoPBX facade takes: one declared model a body. Unknown fields are ignored, as the original does.

What each field may be is in `fields.py`; a number's own fields are in `numbers.py`, examples in `examples.py`.

pydantic rather than msgspec: it tells every fault of a body at once, with what was sent, and numbers may come as texts
as PHP takes them; msgspec stops at the first, and says `Expected str matching regex`. It is also slower: a polling of
two questions takes 114 us against 13 us, JSON included; a task of 100,000 numbers 1.4 s against 0.36 s, 0.7 s of it
JSON, and storing them takes longer than either.
"""

import re
from datetime import UTC
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainValidator,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from dialer.api.mikopbx import examples
from dialer.api.mikopbx.fields import (
    BLANK,
    EXTENSION_SCHEMAS,
    INTEGER,
    NULL,
    AsList,
    Keys,
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
    MaybeUrl,
    NoneIfBlank,
    Schema,
    at_most,
    check_by,
    not_empty,
    one_of,
    wrong,
)
from dialer.api.mikopbx.numbers import NUMBERS_SCHEMA, PHONE_SCHEMAS, phone_of, read_numbers
from dialer.api.mikopbx.rules import RulesFields
from dialer.api.mikopbx.times import ZONE
from dialer.model.polling import ANSWER_TIMEOUT_S, LANG, MAX_RECORD_S, Action, Press, Question
from dialer.model.safe import safe_extension
from dialer.model.task import InnerNumType, Number
from dialer.store.tasks import TaskChange


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, use_attribute_docstrings=True)


def _when(action: Action, **fields: Schema) -> Schema:
    """A rule in JSON Schema: these fields are needed for the action."""
    return {
        "if": {"properties": {"action": {"const": action.value}}, "required": ["action"]},
        "then": {"properties": fields},
    }


def _needing(rule: Schema, *names: str) -> Schema:
    return {**rule, "then": {**rule["then"], "required": list(names)}}


_SAID: Schema = {"anyOf": [{"type": "string", "minLength": 1}, INTEGER]}
_RECORD_S = "^0{0,15}([1-9]|[1-9][0-9]|[1-5][0-9][0-9]|600)$"
_PRESS_RULES: list[Schema] = [
    _needing(_when(Action.DIAL, value={"anyOf": list(EXTENSION_SCHEMAS)}), "value"),
    _needing(_when(Action.PLAYBACK, value=_SAID, valueOptions={"enum": ["text", "file", "", None]}), "value"),
    _when(
        Action.PLAYBACK_RECORD,
        valueOptions={
            "anyOf": [
                {"type": "string", "pattern": _RECORD_S},
                {"type": "integer", "minimum": 1, "maximum": MAX_RECORD_S},
                BLANK,
            ]
        },
    ),
]


class PressBody(_Body):
    """What a key does."""

    model_config = ConfigDict(json_schema_extra={"allOf": list(_PRESS_RULES)})

    key: Keys
    """What the subscriber presses."""
    action: Annotated[
        Action,
        BeforeValidator(lambda value: "" if value is None else value),
        one_of({"enum": [*(action.value for action in Action), None]}),
    ] = Action.NOTHING
    """What then happens. answer: `value` is stored. playback: `value` is played, the key is stored. playback_record:
    `value` is played, what the subscriber says is recorded. dial: `value` is stored, the polling ends, the subscriber
    is connected to that internal number. restart: the polling begins again. Empty: it only goes on."""
    value: MaybeText = None
    """dial: the internal number. playback: the text, or the file's name or full path. playback_record: the text or
    the file's full path. answer: the result; not said: the key."""
    valueOptions: MaybeText = None
    """playback: `text` (the default) or `file`. playback_record: for how many seconds at the most, 1 to 600; 60 by
    default."""
    nextQuestion: MaybeId = None
    """The `questionId` to go on with; not said: the question's own `nextQuestion`; an unknown one ends the polling."""

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
            if not re.search(_RECORD_S, seconds) or not seconds.isdecimal():
                raise wrong("valueOptions", f"1 to {MAX_RECORD_S} seconds expected, got {seconds[:60]!r}")
        return self

    def press(self) -> Press:
        return Press(self.key, self.action, self.value, self.valueOptions, self.nextQuestion)


_VISIBLE = "[^ \\t\\r\\n\\u00a0]"
_QUESTION_NEEDS: list[Schema] = [
    {
        "required": ["questionText"],
        "properties": {"questionText": {"anyOf": [{"type": "string", "pattern": _VISIBLE}, INTEGER]}},
    },
    {"required": ["questionFile"], "properties": {"questionFile": _SAID}},
]


class QuestionBody(_Body):
    """What is asked. It needs a text or a file."""

    model_config = ConfigDict(json_schema_extra={"anyOf": list(_QUESTION_NEEDS)})

    questionId: MaybeId = None
    """What `nextQuestion` names it by, each once in a polling; not said: its position, from 0."""
    questionText: MaybeText = None
    """What is spoken, of 5000 characters at most; `<name>` is a number's parameter or a client's property."""
    questionFile: MaybeText = None
    """The name of an uploaded file, or a full path, played instead of the text."""
    lang: MaybeLang = None
    """In which language it is spoken; ru-RU by default."""
    nextQuestion: MaybeId = None
    """The `questionId` to go on with where a key names none; not said or unknown: the polling ends."""
    defPress: MaybeKeys = None
    """The key, one of `press`, that counts as pressed when none is; not said: the question is asked again."""
    timeout: MaybeTimeout = None
    """For how many seconds a key is awaited after the prompt; 5 by default."""
    press: Annotated[
        tuple[PressBody, ...],
        ListSchema(most=100, others=(BLANK,)),
        at_most(100),
        AsList,
        NoneIfBlank,
    ] = ()
    """The keys, each once."""

    @model_validator(mode="after")
    def _is_sound(self) -> "QuestionBody":
        if not re.search(_VISIBLE, self.questionText or "") and not self.questionFile:
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
    """A polling: questions, and what the keys do."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.POLLING]})

    crmId: MaybeId = None
    """The CRM's id; a known one is replaced, not said: one is given."""
    name: MaybeName = None
    """For people."""
    questions: Annotated[
        tuple[QuestionBody, ...],
        ListSchema(least=1, most=1000),
        AfterValidator(not_empty),
        at_most(1000),
        AsList,
    ]
    """They are asked from the first on."""

    @model_validator(mode="after")
    def _ids_differ(self) -> "PollingBody":
        ids = [question.question_id for question in self.model_questions()]
        if len(ids) != len(set(ids)):
            raise wrong("questions", "a questionId is given twice")
        return self

    def model_questions(self) -> tuple[Question, ...]:
        return tuple(question.question(position) for position, question in enumerate(self.questions))


def _checked_numbers(value: Any, info: ValidationInfo) -> list[Number]:
    numbers, problems = read_numbers(value, (info.context or {}).get(ZONE, UTC))
    if problems:
        raise PydanticCustomError("problems", "{problems}", {"problems": problems})
    return numbers


Numbers = Annotated[list[Number], PlainValidator(_checked_numbers), one_of(NUMBERS_SCHEMA)]


_TASK_RULES: list[Schema] = [
    {
        "if": {"properties": {"innerNumType": {"const": InnerNumType.EXTEN.value}}, "required": ["innerNumType"]},
        "then": {"properties": {"innerNum": {"anyOf": [*EXTENSION_SCHEMAS, BLANK]}}},
    }
]


class SignalBody(_Body):
    """A number that the CRM is done with."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.SIGNAL]})

    phone: Annotated[str, BeforeValidator(phone_of), one_of(*PHONE_SCHEMAS)]
    """Its waiting attempts, and those of its client's other numbers, end as SUCCESS_EXTERNAL_SIGNAL; a call in progress
    is the last."""
    taskId: MaybeOwnId = None
    """Only of this task; not said: of all."""


class _TaskFields(RulesFields):
    """A task's fields; None: not said. `name` and `dialPrefix` can be said to be empty."""

    model_config = ConfigDict(json_schema_extra={"allOf": list(_TASK_RULES)})

    crmId: MaybeId = None
    """The CRM's id of the task; not said: one is given."""
    name: MaybeName = None
    """For people."""
    state: MaybeState = None
    """0: open, numbers are dialled (the default). 1: closed. 2: paused."""
    innerNum: MaybeId = None
    """Who talks to a subscriber that answers: the polling's `crmId` or id; or the internal number of an employee or a
    queue, 1 to 20 of 0-9 * #. A new task needs it."""
    innerNumType: MaybeKind = None
    """What `innerNum` is: polling, or exten (the default): an internal number."""
    maxCountChannels: MaybeChannels = None
    """How many calls at once; 1 by default."""
    dialPrefix: MaybePrefix = None
    """Stands in front of each number for the outgoing routes; not said: that of the settings."""
    recordTalk: MaybeFlag = None
    """1: talks with employees are recorded; 0 by default."""
    notifyUrl: MaybeUrl = None
    """Each result and answer is posted there, signed; empty: nowhere any more. Needs [webhooks] secret."""

    @model_validator(mode="after")
    def _inner_num_fits_its_type(self) -> Self:
        if self.innerNumType is InnerNumType.EXTEN and self.innerNum is not None:
            check_by(safe_extension, self.innerNum, "innerNum")
        return self

    def change(self, numbers: list[Number] | None) -> TaskChange:
        return TaskChange(
            name=self.name,
            state=self.state,
            inner_num=self.innerNum,
            inner_num_type=self.innerNumType,
            max_count_channels=self.maxCountChannels,
            dial_prefix=self.dialPrefix,
            record_talk=self.recordTalk,
            notify_url=self.notifyUrl,
            numbers=numbers,
            rules=self.said(),
        )


class TaskBody(_TaskFields):
    """A task as it is posted: created, or updated where its `crmId` or `id` is known."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": list(_TASK_RULES),
            "examples": [examples.TASK, examples.TASK_OF_POLLING, examples.TASK_OF_CAMPAIGN],
        }
    )

    id: MaybeOwnId = None
    """Our id of a task that is to be updated; an unknown one creates."""
    numbers: Annotated[Numbers | None, one_of(NUMBERS_SCHEMA, NULL)] = None
    """Who is dialled: telephone numbers, or objects with one; those with the same last ten digits are one. A new task
    needs them; not said: the list stays."""


class TaskChangeBody(_TaskFields):
    """What is to be changed in a task; what is not said stays."""

    model_config = ConfigDict(json_schema_extra={"allOf": list(_TASK_RULES), "examples": [examples.TASK_CHANGE]})

    numbers: Annotated[Numbers | None, one_of(NUMBERS_SCHEMA, NULL)] = None
    """The new list: numbers that stay keep their rows, others are added and dropped."""
