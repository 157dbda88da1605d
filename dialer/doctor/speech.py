"""Checks of what speaks: each engine says a word."""

import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from gettext import gettext as _
from pathlib import Path

from dialer.compose.speech import build_engines
from dialer.config import Settings
from dialer.doctor.findings import Finding, fail, ok, warn
from dialer.speech.engines import SpeechEngine, SpeechError

_WORD = "Проверка."
_LANG = "ru-RU"


async def check_speech(settings: Settings) -> AsyncIterator[Finding]:
    """ffmpeg, then every engine that the settings or the machine have; while another one speaks, one that does not is a
    warning."""
    if shutil.which("ffmpeg") is None:
        yield fail("ffmpeg", _("not installed: uploaded sounds cannot be read"), _("apt-get install ffmpeg"))
    else:
        yield ok("ffmpeg", _("installed"))
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
            yield ok(f"speech {engine.name}", _("speaks, in {seconds:.1f} s").format(seconds=took_s))
        finally:
            await engine.close()
    for engine, problem in problems:
        says = warn if spoken else fail
        yield says(f"speech {engine.name}", problem, _how_to_mend(engine.name))


def _how_to_mend(engine: str) -> str:
    match engine:
        case "rhvoice":
            return "apt-get install rhvoice rhvoice-russian"
        case "piper":
            return _("pip install 'autodialer[piper]', and a voice: [tts.piper] model")
        case "yandex":
            return _("[tts.yandex] api_key, folder_id; the way to the internet")
    return f"apt-get install {engine}"


async def _speak(engine: SpeechEngine) -> float:
    """Seconds. Raises SpeechError."""
    engine.check()
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dialer-doctor-") as folder:
        await engine.synthesize(_WORD, _LANG, Path(folder) / "word.wav")
    return time.monotonic() - began_s
