"""Text to speech. One small interface; espeak-ng, which is always there, is the engine of this version."""

import asyncio
from pathlib import Path
from typing import Protocol

SYNTHESIS_TIMEOUT_S = 20.0


class SpeechError(Exception):
    """The text could not be spoken; the message says which engine and why."""


class SpeechEngine(Protocol):
    """Speaks a text into an audio file of any rate."""

    name: str
    voice: str

    async def synthesize(self, text: str, lang: str, target: Path) -> None:
        """Write the spoken text to `target`. Raises SpeechError."""


class EspeakNg:
    """Debian's espeak-ng. The text goes through standard input: it is never an option or a shell word."""

    name = "espeak-ng"

    def __init__(self, voice: str = "", words_per_minute: int = 150) -> None:
        self.voice = voice
        self._words_per_minute = words_per_minute

    async def synthesize(self, text: str, lang: str, target: Path) -> None:
        voice = self.voice or lang.partition("-")[0].lower() or "ru"
        command = ["espeak-ng", "-v", voice, "-s", str(self._words_per_minute), "-w", str(target), "--stdin"]
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
        except FileNotFoundError:
            raise SpeechError("espeak-ng is not installed") from None
        try:
            async with asyncio.timeout(SYNTHESIS_TIMEOUT_S):
                _, errors = await process.communicate(text.encode())
        except TimeoutError:
            process.kill()
            await process.wait()
            raise SpeechError(f"espeak-ng took more than {SYNTHESIS_TIMEOUT_S:.0f} s") from None
        if process.returncode != 0:
            raise SpeechError(f"espeak-ng: {errors.decode(errors='replace').strip()[:200]}")
