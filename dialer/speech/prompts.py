"""Prompts as files: every text and sound a dialogue plays, made once and kept."""

import asyncio
import hashlib
import logging
import uuid
from collections.abc import Iterable
from pathlib import Path

from dialer.model.flow import Prompt
from dialer.speech.audio import AudioError, convert_for_telephone
from dialer.speech.engines import SpeechEngine, SpeechError

log = logging.getLogger(__name__)


class PromptError(Exception):
    """The prompt cannot be played; the text says why."""


class PromptLibrary:
    """Gives the file of a prompt, synthesizing or converting it when it is not there yet."""

    def __init__(self, folder: Path, engine: SpeechEngine, allowed_dirs: Iterable[Path] = (), at_once: int = 2) -> None:
        self._folder = folder / "prompts"
        self._engine = engine
        self._allowed = [folder, *allowed_dirs]
        self._slots = asyncio.Semaphore(at_once)
        self._making: dict[Path, asyncio.Task[None]] = {}

    def set_up(self) -> None:
        """Create the folder; raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)

    async def fetch(self, prompt: Prompt) -> Path:
        """The 8 kHz WAV of the prompt. Simultaneous requests for one prompt make it once. Raises PromptError."""
        wanted = self._path_of(prompt)
        if wanted.exists():
            return wanted
        making = self._making.get(wanted)
        if making is None:
            making = asyncio.create_task(self._make(prompt, wanted), name=f"prompt {wanted.name}")
            self._making[wanted] = making
            making.add_done_callback(lambda _: self._making.pop(wanted, None))
        await asyncio.shield(making)
        return wanted

    def check_file(self, text: str) -> Path:
        """The path of a sound file that a polling may name. Raises PromptError."""
        path = Path(text)
        if "\0" in text or not path.is_absolute():
            raise PromptError("the full path of a WAV file expected")
        resolved = path.resolve()
        if not any(resolved.is_relative_to(folder.resolve()) for folder in self._allowed):
            raise PromptError(f"not in an allowed folder ({', '.join(map(str, self._allowed))})")
        if not resolved.is_file():
            raise PromptError("no such file")
        return resolved

    def _path_of(self, prompt: Prompt) -> Path:
        if prompt.file:
            path = self.check_file(prompt.file)
            key = f"file|{path}|{path.stat().st_mtime_ns}"
        else:
            key = f"text|{self._engine.name}|{self._engine.voice}|{prompt.lang}|{prompt.text}"
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.wav"

    async def _make(self, prompt: Prompt, wanted: Path) -> None:
        spoken, converted = (wanted.with_name(f"{uuid.uuid4().hex}.{part}") for part in ("spoken", "part"))
        try:
            async with self._slots:
                source = Path(prompt.file) if prompt.file else spoken
                if not prompt.file:
                    await self._engine.synthesize(prompt.text, prompt.lang, spoken)
                await asyncio.to_thread(convert_for_telephone, source, converted)
                converted.rename(wanted)  # whole or not at all
        except (SpeechError, AudioError, OSError) as error:
            raise PromptError(str(error)) from error
        finally:
            spoken.unlink(missing_ok=True)
            converted.unlink(missing_ok=True)
