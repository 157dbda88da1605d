"""The call flow: the small set of steps that every facade's dialogue compiles to and `agi/dialogue.py` runs."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

StepName = str


class PromptError(Exception):
    """The prompt cannot be played; the text says why."""


class Voice(StrEnum):
    """Whose voice a text is spoken with."""

    ANY = ""
    """That of the settings."""
    FEMALE = "female"
    MALE = "male"


@dataclass(frozen=True, slots=True)
class Prompt:
    """Something a subscriber hears: an audio file to play or, without one or when it cannot be played, a text to
    speak."""

    text: str = ""
    """Plain: parameters filled in, no markup (`dialer.model.texts`)."""
    file: str | None = None
    """The name of an uploaded file, or a full path."""
    lang: str = "ru-RU"
    voice: Voice = Voice.ANY
    """Who speaks the text."""

    @property
    def silent(self) -> bool:
        """Whether there is nothing in it that anybody could pronounce."""
        return not self.file and not any(character.isalnum() for character in self.text)


@dataclass(frozen=True, slots=True)
class Say:
    """Play the prompt to its end, or until one of the keys is pressed."""

    prompt: Prompt
    then: StepName
    keys: Mapping[str, StepName] = field(default_factory=dict)
    """Single keys that cut it short, and where they lead."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Play the prompt, take keys; anything that is not one of the answers asks again."""

    prompt: Prompt
    answers: Mapping[str, StepName]
    timeout_s: float
    """Seconds to press the first key after the prompt's end."""
    default_key: str | None = None
    most_times: int | None = None
    """How often it is asked at the most; None: until it is answered …"""
    otherwise: StepName | None = None
    """… and where an ask without an answer leads then."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Store an answer. `value` None: the key that was pressed."""

    question_id: str
    value: str | None
    then: StepName
    refuses: bool = False
    """With it the subscriber wants no further calls."""


@dataclass(frozen=True, slots=True)
class Record:
    """Record what the subscriber says after a tone, and store the recording's name as the answer."""

    question_id: str
    max_s: int
    then: StepName
    mail_to: str = ""
    """Addresses, separated by commas, that the recording is sent to."""


@dataclass(frozen=True, slots=True)
class Hunt:
    """Call one telephone after the other until somebody answers; the subscriber talks to that one."""

    telephones: tuple[str, ...]
    ring_timeout_s: int
    """For each of them."""
    then: StepName
    """After the talk."""
    otherwise: StepName
    """When nobody answers."""
    melody: Prompt | None = None
    """What the subscriber hears meanwhile; None: the ringing tone."""
    shown_number: str = ""
    """The number that is shown to who is called; empty: the number of the subscriber's leg."""
    about: str = ""
    """What the list says of the subscriber: goes with the news of each telephone called."""
    reaches_goal: bool = False
    """Whether somebody's answer is what the flow is for."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What the flow is for has been reached: whatever comes then, the call is a success."""

    then: StepName


@dataclass(frozen=True, slots=True)
class Connect:
    """The dialogue is finished; connect the subscriber to an internal number."""

    extension: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The dialogue reached its end."""

    refused: bool = False
    """The subscriber wants no such calls."""


Step = Say | Ask | Keep | Record | Hunt | Reach | Connect | Finish


@dataclass(frozen=True, slots=True)
class Flow:
    start: StepName
    steps: Mapping[StepName, Step]
    has_goal: bool = False
    """Whether it is a success only when its goal is reached (`Reach`), not by its end."""
    ends_by_itself: bool = False
    """Whether it comes to its end whatever the subscriber presses or does not: nobody need end it."""

    def prompts(self) -> Iterator[Prompt]:
        """Everything that may be played, what comes first in a call first."""
        next_steps, seen = deque([self.start]), {self.start}
        while next_steps:
            step = self.steps[next_steps.popleft()]
            if isinstance(step, Say | Ask) and not step.prompt.silent:
                yield step.prompt
            if isinstance(step, Hunt) and step.melody is not None and not step.melody.silent:
                yield step.melody
            following = _following(step)
            unseen = [then for then in dict.fromkeys(following) if then is not None and then not in seen]
            seen.update(unseen)
            if isinstance(step, Say | Ask):
                next_steps.extend(unseen)
            else:  # takes no time: what it leads to comes next
                next_steps.extendleft(reversed(unseen))


def _following(step: Step) -> list[StepName | None]:
    """Where a step may lead, the likeliest first."""
    match step:
        case Ask(answers=answers, otherwise=otherwise):
            return [*answers.values(), otherwise]
        case Say(then=then, keys=keys):
            return [then, *keys.values()]
        case Hunt(then=then, otherwise=otherwise):
            return [then, otherwise]
        case _:
            return [getattr(step, "then", None)]
