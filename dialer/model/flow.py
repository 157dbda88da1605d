"""The call flow: the small set of steps that every facade's dialogue compiles to and `agi/dialogue.py` runs."""

from collections.abc import Mapping
from dataclasses import dataclass

StepName = str


@dataclass(frozen=True, slots=True)
class Prompt:
    """Something a subscriber hears: a text to speak or an audio file to play."""

    text: str = ""
    file: str | None = None
    lang: str = "ru-RU"

    @property
    def silent(self) -> bool:
        return not self.file and not self.text.strip()


@dataclass(frozen=True, slots=True)
class Say:
    """Play the prompt to its end."""

    prompt: Prompt
    then: StepName


@dataclass(frozen=True, slots=True)
class Ask:
    """Play the prompt, take keys; anything that is not one of the answers asks again."""

    prompt: Prompt
    answers: Mapping[str, StepName]
    timeout_s: float
    """Seconds to press the first key after the prompt's end."""
    default_key: str | None = None


@dataclass(frozen=True, slots=True)
class Keep:
    """Store an answer. `value` None: the key that was pressed."""

    question_id: str
    value: str | None
    then: StepName


@dataclass(frozen=True, slots=True)
class Connect:
    """The dialogue is finished; connect the subscriber to an internal number."""

    extension: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The dialogue reached its end."""


Step = Say | Ask | Keep | Connect | Finish


@dataclass(frozen=True, slots=True)
class Flow:
    start: StepName
    steps: Mapping[StepName, Step]
