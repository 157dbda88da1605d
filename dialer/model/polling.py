"""Pollings as the CRM writes them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

LANG = "ru-RU"
ANSWER_TIMEOUT_S = 5.0
RECORD_S = 60
MAX_RECORD_S = 600


class Action(StrEnum):
    """`press[].action`: what a key does."""

    ANSWER = "answer"
    """Store `value`."""
    PLAYBACK = "playback"
    """Store the key, play `value` as text or file."""
    PLAYBACK_RECORD = "playback_record"
    """Play `value` (a text, or the full path of a sound file), record what the subscriber says for `valueOptions`
    seconds at the most, store the recording's name."""
    DIAL = "dial"
    """Store `value`, finish the polling, connect the subscriber to that extension."""
    RESTART = "restart"
    """Begin the polling again."""
    NOTHING = ""
    """Only go on."""


SPEAKING = frozenset({Action.PLAYBACK, Action.PLAYBACK_RECORD})
"""Actions whose `value` is played."""


@dataclass(frozen=True, slots=True)
class Press:
    key: str
    action: Action = Action.NOTHING
    value: str | None = None
    value_options: str | None = None
    """For playback: "file" (`value` is an uploaded file's name or a full path) or "text" (the default). For
    playback_record: seconds, 1 to 600."""
    next_question: str | None = None

    @property
    def plays_file(self) -> bool:
        if self.action is Action.PLAYBACK_RECORD:
            return (self.value or "").startswith("/")
        return self.action is Action.PLAYBACK and self.value_options == "file"

    @property
    def record_s(self) -> int:
        """How long playback_record records at the most, seconds."""
        return int(self.value_options or RECORD_S)

    def as_json(self) -> dict[str, str | None]:
        """The press as the API shows it and the store keeps it: the API's names, the API's order."""
        return {
            "key": self.key,
            "action": self.action.value,
            "value": self.value,
            "valueOptions": self.value_options,
            "nextQuestion": self.next_question,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Press":
        return cls(data["key"], Action(data["action"]), data["value"], data["valueOptions"], data["nextQuestion"])


@dataclass(frozen=True, slots=True)
class Question:
    question_id: str
    text: str = ""
    file: str | None = None
    """An uploaded file's name or a full path; when given the text is spoken only if the file cannot be played."""
    lang: str = LANG
    next_question: str | None = None
    """Where a key without a `nextQuestion` of its own goes on."""
    def_press: str | None = None
    """The key assumed when none is pressed."""
    timeout_s: float = ANSWER_TIMEOUT_S
    press: tuple[Press, ...] = field(default=())

    def files(self) -> Iterator[str]:
        """Sound files that it plays, as the CRM named them."""
        if self.file:
            yield self.file
        yield from (press.value for press in self.press if press.plays_file and press.value)


@dataclass(frozen=True, slots=True)
class Polling:
    polling_id: int
    crm_id: str
    name: str
    questions: tuple[Question, ...]

    def texts(self) -> Iterator[str]:
        """Everything that is spoken, as the CRM wrote it."""
        for question in self.questions:
            yield question.text
            yield from (press.value for press in question.press if press.value and press.action in SPEAKING)
