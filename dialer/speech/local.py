"""Engines on this machine, each a command of its own: the text in through standard input, a WAV file out."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import sys
from pathlib import Path

from dialer.model.flow import Voice
from dialer.speech.engines import EngineDownError, SpeechError, note_missing_voice

SYNTHESIS_TIMEOUT_S = 20.0
ERROR_CHARS = 200
WAV_HEADER_BYTES = 44
RHVOICE_VOICES = Path("/usr/share/RHVoice/voices")


class EspeakNg:
    """Debian's espeak-ng: always there, speaks nearly every language, pleases nobody."""

    name = "espeak-ng"
    reads_russian = False
    at_once = 2

    def __init__(
        self, voice: str = "", words_per_minute: int = 150, *, female_voice: str = "+f2", male_voice: str = "+m3"
    ) -> None:
        """A voice that begins with a plus is a variant of the usual one: of `voice`, else of the language's own."""
        self._voices = {Voice.ANY: voice, Voice.FEMALE: female_voice, Voice.MALE: male_voice}
        self._missing: set[Voice] = set()
        self._words_per_minute = words_per_minute

    def speaks(self, lang: str) -> bool:
        return True

    def check(self) -> None:
        if shutil.which("espeak-ng") is None:
            raise EngineDownError("espeak-ng is not installed")

    def voice_for(self, voice: Voice) -> str:
        """A variant that does not exist is not told: espeak-ng 1.51 itself speaks with the usual voice then."""
        usual, wanted = self._voices[Voice.ANY], self._voices[voice]
        if voice in self._missing:
            return usual
        return usual.partition("+")[0] + wanted if wanted.startswith("+") else wanted

    async def synthesize(self, text: str, lang: str, target: Path, voice: Voice = Voice.ANY) -> None:
        name = self.voice_for(voice)
        spoken_by = name if name and not name.startswith("+") else (_language(lang) or "ru") + name
        command = ["espeak-ng", "-v", spoken_by, "-s", str(self._words_per_minute), "-w", str(target), "--stdin"]
        code, error = await run_command(self.name, command, text)
        if code != 0 and name == spoken_by and "voice does not exist" in error:
            if name == self._voices[Voice.ANY]:
                raise EngineDownError(f"espeak-ng has no voice {name}")
            note_missing_voice(self.name, voice, name)
            self._missing.add(voice)
            await self.synthesize(text, lang, target, voice)
            return
        _check_written(self.name, code, error, target)

    async def close(self) -> None:
        pass


class RhVoice:
    """Debian's RHVoice by its `RHVoice-test` command; Russian voices only."""

    name = "rhvoice"
    reads_russian = False
    at_once = 2

    def __init__(self, voice: str = "anna", *, female_voice: str = "anna", male_voice: str = "aleksandr") -> None:
        self._voices = {Voice.ANY: voice, Voice.FEMALE: female_voice, Voice.MALE: male_voice}

    @staticmethod
    def installed() -> bool:
        return shutil.which("RHVoice-test") is not None

    def speaks(self, lang: str) -> bool:
        return _language(lang) == "ru"

    def check(self) -> None:
        self._check_voice(self._voices[Voice.ANY])

    def voice_for(self, voice: Voice) -> str:
        usual, wanted = self._voices[Voice.ANY], self._voices[voice]
        if wanted == usual or _is_rhvoice(wanted):
            return wanted
        note_missing_voice(self.name, voice, wanted)
        return usual

    async def synthesize(self, text: str, lang: str, target: Path, voice: Voice = Voice.ANY) -> None:
        name = self.voice_for(voice)
        self._check_voice(name)
        code, error = await run_command(self.name, ["RHVoice-test", "-p", name, "-o", str(target)], text)
        _check_written(self.name, code, error, target)

    def _check_voice(self, name: str) -> None:
        if not self.installed():
            raise EngineDownError("rhvoice is not installed")
        # RHVoice 1.8 speaks with another voice, and says nothing of it, when it does not know this one.
        if not _is_rhvoice(name):
            raise EngineDownError(f"rhvoice has no voice {name} (in {RHVOICE_VOICES})")

    async def close(self) -> None:
        pass


class Piper:
    """The `piper` command with its voices, each a model file (.onnx) that has its config (.onnx.json) beside it."""

    name = "piper"
    reads_russian = False
    at_once = 2

    def __init__(self, model: Path, *, female_model: Path | None = None, male_model: Path | None = None) -> None:
        self._model = model.absolute()
        others = {Voice.FEMALE: female_model, Voice.MALE: male_model}
        self._others = {voice: other.absolute() for voice, other in others.items() if other is not None}

    def speaks(self, lang: str) -> bool:
        """Compares languages without regions. True also when the config is not readable: `synthesize` says so then."""
        try:
            return _read_language(self._model) == _language(lang)
        except EngineDownError:
            return True

    def check(self) -> None:
        _find_piper()
        if not self._model.is_file():
            raise EngineDownError(f"piper: no model {self._model}")
        _read_language(self._model)

    def voice_for(self, voice: Voice) -> str:
        return self._model_for(voice).stem

    async def synthesize(self, text: str, lang: str, target: Path, voice: Voice = Voice.ANY) -> None:
        self.check()
        command = [_find_piper(), "-m", str(self._model_for(voice)), "-f", str(target)]
        code, error = await run_command(self.name, command, text, {"PYTHONUTF8": "1"})
        # What piper 1.2 .. 1.8 end with when a text has nothing to say; anything else is not the text's doing.
        if code != 0 and "channels not specified" not in error:
            raise EngineDownError(f"piper: {error or f'ended with {code}'}")
        _check_written(self.name, 0, "", target)

    async def close(self) -> None:
        pass

    def _model_for(self, voice: Voice) -> Path:
        """That of the voice where it is whole and speaks the usual one's language, else the usual one."""
        model = self._others.get(voice)
        if voice is Voice.ANY or model == self._model:
            return self._model
        if model is None:
            note_missing_voice(self.name, voice, "in the settings")
            return self._model
        with contextlib.suppress(EngineDownError):
            if model.is_file() and _read_language(model) == _read_language(self._model):
                return model
        note_missing_voice(self.name, voice, str(model))
        return self._model


async def run_command(
    name: str, command: list[str], text: str, environment: dict[str, str] | None = None
) -> tuple[int, str]:
    """Exit code and last error line (cut to 200 characters) of a command that gets the text on its standard input.

    `environment` is added to ours. Raises EngineDownError when it cannot be started and SpeechError when it takes
    more than 20 s. However it ends, also by cancellation, neither it nor a process it started is left.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    except FileNotFoundError:
        raise EngineDownError(f"{name} is not installed") from None
    except OSError as error:
        raise EngineDownError(f"{name} cannot be started: {error.strerror}") from None
    try:
        async with asyncio.timeout(SYNTHESIS_TIMEOUT_S):
            _, errors = await process.communicate(text.encode(errors="replace"))
            code = await process.wait()
    except TimeoutError:
        raise SpeechError(f"{name} took more than {SYNTHESIS_TIMEOUT_S:g} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    lines = errors.decode(errors="replace").split("\n")
    return code, next((line.strip()[:ERROR_CHARS] for line in reversed(lines) if line.strip()), "")


def _check_written(name: str, code: int, error: str, target: Path) -> None:
    if code != 0:
        raise SpeechError(f"{name}: {error or f'ended with {code}'}")
    if not target.exists() or target.stat().st_size <= WAV_HEADER_BYTES:
        raise SpeechError(f"{name}: nothing to say in this text")


def _language(lang: str) -> str:
    """The language part of `ru-RU`, `ru_RU` or `ru`."""
    return re.split("[-_]", lang, maxsplit=1)[0].lower()


def _read_language(model: Path) -> str:
    """The language part of a Piper voice's config. Raises EngineDownError."""
    file = model.with_name(f"{model.name}.json")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise EngineDownError(f"piper: no config {file} ({error.strerror})") from None
    except ValueError:
        raise EngineDownError(f"piper: {file} is not JSON") from None
    for section, field in (("language", "code"), ("espeak", "voice")):
        with contextlib.suppress(KeyError, TypeError):
            return _language(str(config[section][field]))
    raise EngineDownError(f"piper: {file} has neither language.code nor espeak.voice")


def _is_rhvoice(name: str) -> bool:
    """Whether a voice of that name is installed; its case does not matter."""
    try:
        return any(entry.name.casefold() == name.casefold() for entry in RHVOICE_VOICES.iterdir() if entry.is_dir())
    except OSError:
        return False


def _find_piper() -> str:
    """The command of the environment we run in, else the one on PATH. Raises EngineDownError."""
    beside = Path(sys.executable).with_name("piper")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("piper")
    if found is None:
        raise EngineDownError("piper is not installed")
    return found
