"""What every text-to-speech engine is to the rest: one small interface, and how one fails."""

import functools
import logging
from pathlib import Path
from typing import Protocol

from dialer.model.flow import Voice

log = logging.getLogger(__name__)


class SpeechError(Exception):
    """This text could not be spoken; the message says by which engine, and why."""


class EngineDownError(SpeechError):
    """The engine as a whole does not work now (not installed, not reachable, refuses our key): others speak."""


class SpeechEngine(Protocol):
    """Speaks a text into an audio file of any rate."""

    name: str
    """As in the settings, `[tts] engine`."""
    reads_russian: bool
    """Whether it reads numbers, dates and sums in Russian texts properly by itself."""
    at_once: int
    """Syntheses that may run at the same time."""

    def speaks(self, lang: str) -> bool:
        """Whether the engine has a voice for the language (BCP 47, `ru-RU`)."""

    def check(self) -> None:
        """Raises EngineDownError for what an administrator must mend first: not installed, no such voice."""

    def voice_for(self, voice: Voice) -> str:
        """Name of the voice that speaks when this one is asked for; with `name` and the language part of what a spoken
        text is kept under. Where there is none of that kind it is the usual one: better a wrong one than silence."""

    async def synthesize(self, text: str, lang: str, target: Path, voice: Voice = Voice.ANY) -> None:
        """Write the spoken text to `target`, a WAV file. Raises SpeechError; nothing of a process or a connection
        stays behind, also when cancelled."""

    async def close(self) -> None:
        """Give back what is kept between texts."""


@functools.cache
def note_missing_voice(engine: str, voice: Voice, missing: str) -> None:
    """Tell, once, that an engine speaks with its usual voice where a woman's or a man's was asked for."""
    log.warning("%s has no %s voice %s: its usual one speaks", engine, voice.value, missing)
