"""Which engine speaks: the engines in their order, and which of them rest after a failure."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from dialer.speech.audio import AudioError, convert_speech
from dialer.speech.engines import EngineDownError, SpeechEngine, SpeechError
from dialer.speech.reading import read_aloud

log = logging.getLogger(__name__)
REST_S = (10.0, 30.0, 60.0, 300.0)
"""How long an engine that does not work is left alone: each text would wait for its time-out again."""


@dataclass(slots=True)
class EngineState:
    """What became of the texts given to an engine since the start."""

    spoken: int = 0
    failed: int = 0
    resting: bool = False
    last_error: str | None = None


class EngineChain:
    """Engines in the order of preference; the next one speaks when one fails."""

    def __init__(self, engines: Sequence[SpeechEngine], clock: Callable[[], float] = time.monotonic) -> None:
        self._engines = list(engines)
        self._clock = clock
        self._slots = {engine.name: asyncio.Semaphore(engine.at_once) for engine in engines}
        self._states = {engine.name: EngineState() for engine in engines}
        self._failures_in_a_row = dict.fromkeys(self._slots, 0)
        self._rests_until_s = dict.fromkeys(self._slots, 0.0)

    def engines_for(self, lang: str) -> list[SpeechEngine]:
        """Those that speak the language, in order; who rests comes last: better a late try than silence."""
        able = [engine for engine in self._engines if engine.speaks(lang)]
        now_s = self._clock()
        return sorted(able, key=lambda engine: self._rests_until_s[engine.name] > now_s)

    def last_resort(self, engines: Sequence[SpeechEngine]) -> SpeechEngine:
        """The last of these that does not rest: the one that depends on least."""
        awake = [engine for engine in engines if self._rests_until_s[engine.name] <= self._clock()]
        return (awake or list(engines))[-1]

    def report(self) -> dict[str, dict[str, object]]:
        """What each engine has done, for /health."""
        now_s = self._clock()
        for name, state in self._states.items():
            state.resting = self._rests_until_s[name] > now_s
        return {name: asdict(state) for name, state in self._states.items()}

    async def speak(self, engine: SpeechEngine, text: str, lang: str, spoken: Path, target: Path) -> None:
        """Have one engine speak: `spoken` is its own file, `target` what a telephone gets. Near-empty audio is a
        failure too. Raises SpeechError, and OSError, which is nobody's but the disk's fault."""
        state = self._states[engine.name]
        try:
            async with self._slots[engine.name]:
                read = text if engine.reads_russian else await asyncio.to_thread(read_aloud, text, lang)
                await engine.synthesize(read, lang, spoken)
                await asyncio.to_thread(convert_speech, spoken, target)
        except (SpeechError, AudioError) as error:
            state.failed += 1
            state.last_error = str(error)
            log.warning("%s did not speak a text of %d characters: %s", engine.name, len(text), error)
            if isinstance(error, EngineDownError):
                self._let_rest(engine.name)
            if isinstance(error, AudioError):
                raise SpeechError(f"{engine.name}: {error}") from error
            raise
        state.spoken += 1
        self._failures_in_a_row[engine.name] = 0
        self._rests_until_s[engine.name] = 0.0

    async def close(self) -> None:
        for engine in self._engines:
            await engine.close()

    def _let_rest(self, name: str) -> None:
        now_s = self._clock()
        if self._rests_until_s[name] > now_s:
            return  # several texts met the same failure
        failures = self._failures_in_a_row[name]
        self._rests_until_s[name] = now_s + REST_S[min(failures, len(REST_S) - 1)]
        self._failures_in_a_row[name] = failures + 1
