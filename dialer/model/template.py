"""Templates of an auto-informer: what a call says, asks and does, in fixed places that are switched on and off.

The words are those of the VotBox autocall API; as a call flow a template is made by `compile_template`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from dialer.model.flow import Prompt, Voice

RING_TIMEOUT_S = 45
MENU_TIMEOUT_S = 5.0
MESSAGE_S = 60
"""How long a subscriber's message may be."""


class Action(IntEnum):
    """ACTIONCODE of a menu's key, AutoAction."""

    END = 0
    """The call is ended."""
    REPEAT = 1
    """The information is said again."""
    OPERATOR = 2
    """The first operator of a list who answers is connected."""


class Goal(IntEnum):
    """CallOkType: what makes a call a success."""

    ANSWER = 0
    """The subscriber answered."""
    DURATION = 1
    """The call lasted `goal_s`."""
    INFORMATION = 2
    """The information was said to its end."""
    KEY = 3
    """A key of the menu was pressed."""
    OPERATOR = 4
    """An operator talked to the subscriber."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Something to play: a file or a text."""

    file: str = ""
    text: str = ""
    voice: Voice = Voice.ANY

    def prompt(self) -> Prompt:
        return Prompt(self.text, self.file or None, voice=self.voice)

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> "Sound | None":
        return None if data is None else cls(data["file"], data["text"], Voice(data["voice"]))

    def as_json(self) -> dict[str, str]:
        return {"file": self.file, "text": self.text, "voice": self.voice.value}


@dataclass(frozen=True, slots=True)
class MenuKey:
    """What a key of the menu does."""

    key: str
    description: str
    action: Action
    repeats: int = 0
    """With REPEAT: how often the information is said again."""
    telephones: tuple[str, ...] = ()
    """With OPERATOR: whom to call, one after the other."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "MenuKey":
        return cls(data["key"], data["description"], Action(data["action"]), data["repeats"], tuple(data["telephones"]))

    def as_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "description": self.description,
            "action": self.action.value,
            "repeats": self.repeats,
            "telephones": list(self.telephones),
        }


@dataclass(frozen=True, slots=True)
class Template:
    """One template. A place that is None is not used."""

    greeting: Sound | None = None
    greeting_from_list: bool = False
    """Each number has a greeting of its own; `greeting` is for those that have none."""
    voice: Voice | None = Voice.ANY
    """For texts whose own voice is not said; None: as the list says."""
    information: Sound | None = None
    records_message: bool = False
    message_to: str = ""
    """Addresses, separated by commas, that a recorded message is mailed to."""
    refusing_key: str = ""
    """Whoever presses it is not called again."""
    asks: bool = False
    """Whether there is a menu; else `automatic` follows the information."""
    menu: Sound | None = None
    menu_repeats: int = 0
    """How often the menu is said again to whom has chosen nothing."""
    keys: tuple[MenuKey, ...] = ()
    automatic: MenuKey | None = None
    """What follows the information where nobody is asked; its key says nothing."""
    final: Sound | None = None
    melody: Sound | None = None
    """Heard while operators are rung."""
    goal: Goal = Goal.ANSWER
    goal_s: int = 0
    operators_ring_s: int = RING_TIMEOUT_S
    shows_subscriber: bool = False
    """Whether operators see the subscriber's number."""
    task_defaults: Mapping[str, Any] = field(default_factory=dict)
    """What tasks of this template begin with, in the facade's own words; no part of the call."""

    def sounds(self) -> Iterator[Sound]:
        """Everything that is played, but what only the list knows."""
        for sound in (self.greeting, self.information, self.menu, self.final, self.melody):
            if sound is not None:
                yield sound

    def as_json(self) -> dict[str, Any]:
        """As the store keeps it."""
        sounds = {name: getattr(self, name) for name in _SOUNDS}
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            **{name: None if sound is None else sound.as_json() for name, sound in sounds.items()},
            "voice": None if self.voice is None else self.voice.value,
            "keys": [key.as_json() for key in self.keys],
            "automatic": None if self.automatic is None else self.automatic.as_json(),
            "goal": self.goal.value,
            "task_defaults": dict(self.task_defaults),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Template":
        read: dict[str, Any] = {
            **{name: data[name] for name in _PLAIN if name in data},
            **{name: Sound.from_json(data[name]) for name in _SOUNDS},
        }
        return cls(
            **read,
            voice=None if data["voice"] is None else Voice(data["voice"]),
            keys=tuple(map(MenuKey.from_json, data["keys"])),
            automatic=None if data["automatic"] is None else MenuKey.from_json(data["automatic"]),
            goal=Goal(data["goal"]),
            task_defaults=data["task_defaults"],
        )


_SOUNDS = ("greeting", "information", "menu", "final", "melody")
_PLAIN = (
    "greeting_from_list", "records_message", "message_to", "refusing_key", "asks", "menu_repeats", "goal_s",
    "operators_ring_s", "shows_subscriber",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OwnWords:
    """What the list says of one number beside its telephone: kept as the number's params."""

    sent: str = ""
    """The telephone as it was sent; empty: as it is dialled."""
    description: str = ""
    """DESCR, both halves."""
    client: str = ""
    """CLIID: whom the CRM knows the subscriber as."""
    greeting: Sound | None = None
    voice: Voice = Voice.ANY
    """For the template's texts, where the template leaves that to the list."""
    operator: str = ""
    """CCPHONE: called in place of every list of the template."""

    def as_params(self) -> dict[str, object] | None:
        """Only what is said: lists are long."""
        said: dict[str, object] = {name: getattr(self, name) for name in _WORDS if getattr(self, name)}
        if self.greeting is not None:
            said["greeting"] = self.greeting.as_json()
        if self.voice is not Voice.ANY:
            said["voice"] = self.voice.value
        return said or None

    @classmethod
    def from_params(cls, params: Mapping[str, Any] | None) -> "OwnWords":
        said = params or {}
        words: dict[str, Any] = {name: said[name] for name in _WORDS if name in said}
        return cls(**words, greeting=Sound.from_json(said.get("greeting")), voice=Voice(said.get("voice", "")))


_WORDS = ("sent", "description", "client", "operator")
