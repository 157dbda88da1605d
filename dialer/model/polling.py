"""Pollings as the CRM writes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

LANG = "ru-RU"
ANSWER_TIMEOUT_S = 5.0


class Action(StrEnum):
    """`press[].action`: what a key does."""

    ANSWER = "answer"
    """Store `value`."""
    PLAYBACK = "playback"
    """Store the key, play `value` as text or file."""
    DIAL = "dial"
    """Store `value`, finish the polling, connect the subscriber to that extension."""
    RESTART = "restart"
    """Begin the polling again."""
    NOTHING = ""
    """Only go on."""


@dataclass(frozen=True, slots=True)
class Press:
    key: str
    action: Action = Action.NOTHING
    value: str | None = None
    value_options: str | None = None
    """For playback: "file" (`value` is a path) or "text" (the default)."""
    next_question: str | None = None

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
    """Absolute path of a WAV; when given the text is not spoken."""
    lang: str = LANG
    next_question: str | None = None
    """Where a key without a `nextQuestion` of its own goes on."""
    def_press: str | None = None
    """The key assumed when none is pressed."""
    timeout_s: float = ANSWER_TIMEOUT_S
    press: tuple[Press, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Polling:
    polling_id: int
    crm_id: str
    name: str
    questions: tuple[Question, ...]
