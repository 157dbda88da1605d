"""The call flow: the small set of steps that every facade's dialogue compiles to and `agi/dialogue.py` runs."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

StepName = str


class PromptError(Exception):
    """The prompt cannot be played; the text says why."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Something a subscriber hears: an audio file to play or, without one or when it cannot be played, a text to
    speak."""

    text: str = ""
    """Plain: parameters filled in, no markup (`dialer.model.texts`)."""
    file: str | None = None
    """The name of an uploaded file, or a full path."""
    lang: str = "ru-RU"

    @property
    def silent(self) -> bool:
        """Whether there is nothing in it that anybody could pronounce."""
        return not self.file and not any(character.isalnum() for character in self.text)


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
class Record:
    """Record what the subscriber says after a tone, and store the recording's name as the answer."""

    question_id: str
    max_s: int
    then: StepName


@dataclass(frozen=True, slots=True)
class Connect:
    """The dialogue is finished; connect the subscriber to an internal number."""

    extension: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The dialogue reached its end."""


Step = Say | Ask | Keep | Record | Connect | Finish


@dataclass(frozen=True, slots=True)
class Flow:
    start: StepName
    steps: Mapping[StepName, Step]

    def prompts(self) -> Iterator[Prompt]:
        """Everything that may be played, what comes first in a call first."""
        next_steps, seen = deque([self.start]), {self.start}
        while next_steps:
            step = self.steps[next_steps.popleft()]
            if isinstance(step, Say | Ask) and not step.prompt.silent:
                yield step.prompt
            following = [*step.answers.values()] if isinstance(step, Ask) else [getattr(step, "then", None)]
            unseen = [then for then in dict.fromkeys(following) if then is not None and then not in seen]
            seen.update(unseen)
            if isinstance(step, Say | Ask):
                next_steps.extend(unseen)
            else:  # takes no time: what it leads to comes next
                next_steps.extendleft(unseen)
