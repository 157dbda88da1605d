"""Checks of what speaks: each engine says a word."""

import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from dialer.config import Settings
from dialer.doctor.findings import Finding, fail, ok, warn
from dialer.speech.engines import SpeechEngine, SpeechError
from dialer.voices import build_engines

_WORD = "Проверка."
_LANG = "ru-RU"
_INSTALL = {
    "espeak-ng": "apt-get install espeak-ng",
    "rhvoice": "apt-get install rhvoice rhvoice-russian",
    "piper": "pip install 'autodialer[piper]', and a voice: [tts.piper] model",
    "yandex": "[tts.yandex] api_key, folder_id; the way to the internet",
}


async def check_speech(settings: Settings) -> AsyncIterator[Finding]:
    """ffmpeg, then every engine that the settings or the machine have; while another one speaks, one that does not is a
    warning."""
    if shutil.which("ffmpeg") is None:
        yield fail("ffmpeg", "not installed: uploaded sounds cannot be read", "apt-get install ffmpeg")
    else:
        yield ok("ffmpeg", "installed")
    engines = build_engines(settings.tts)
    spoken: list[SpeechEngine] = []
    problems: list[tuple[SpeechEngine, str]] = []
    for engine in engines:
        try:
            took_s = await _speak(engine)
        except (SpeechError, OSError) as error:
            problems.append((engine, str(error)))
        else:
            spoken.append(engine)
            yield ok(f"speech {engine.name}", f"speaks, in {took_s:.1f} s")
        finally:
            await engine.close()
    for engine, problem in problems:
        says = warn if spoken else fail
        yield says(f"speech {engine.name}", problem, _INSTALL.get(engine.name, "see README, Voices"))


async def _speak(engine: SpeechEngine) -> float:
    """Seconds. Raises SpeechError."""
    engine.check()
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dialer-doctor-") as folder:
        await engine.synthesize(_WORD, _LANG, Path(folder) / "word.wav")
    return time.monotonic() - began_s
