"""Which engine speaks: the engines in their order, and which of them rest after a failure."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from dialer.model.flow import Prompt
from dialer.speech.audio import AudioError, convert_speech
from dialer.speech.engines import EngineDownError, SpeechEngine, SpeechError
from dialer.speech.reading import read_aloud

log = logging.getLogger(__name__)
REST_S = (10.0, 30.0, 60.0, 300.0)
"""How long an engine that does not work is left alone: each text would wait for its time-out again."""
FAILURES_TO_REST = 3
"""After so many texts in a row that it did not speak an engine rests too, whatever the reasons."""
URGENT_AT_ONCE = 4
"""Syntheses of an engine beside its usual ones, for subscribers who have answered already."""


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
        self._urgent_slots = {engine.name: asyncio.Semaphore(URGENT_AT_ONCE) for engine in engines}
        self._failures_in_a_row = dict.fromkeys(self._slots, 0)
        self._rests = dict.fromkeys(self._slots, 0)
        self._rests_until_s = dict.fromkeys(self._slots, 0.0)
        self.on_tried: Callable[[str, float, bool], None] = lambda engine, took_s, spoken: None
        """Told of each text: by which engine, how long it took, whether it was spoken."""

    def engines_for(self, lang: str) -> list[SpeechEngine]:
        """Those that speak the language, in the order of preference."""
        return [engine for engine in self._engines if engine.speaks(lang)]

    def in_turn(self, engines: Sequence[SpeechEngine]) -> list[SpeechEngine]:
        """In which order to try these: who rests comes last, better a late try than silence."""
        return sorted(engines, key=self.rests)

    def rests(self, engine: SpeechEngine) -> bool:
        return self._rests_until_s[engine.name] > self._clock()

    def is_doubtful(self, engine: SpeechEngine) -> bool:
        """Whether it did not speak the last text it was given."""
        return self._failures_in_a_row[engine.name] > 0

    def last_resort(self, engines: Sequence[SpeechEngine]) -> SpeechEngine:
        """The last of these that does not rest: the one that depends on least."""
        awake = [engine for engine in engines if not self.rests(engine)]
        return (awake or list(engines))[-1]

    def check(self) -> None:
        """Tell, in the log and in /health, which engine cannot work as it is set up."""
        for engine in self._engines:
            try:
                engine.check()
            except EngineDownError as error:
                self._states[engine.name].last_error = str(error)
                log.warning("%s will not speak: %s", engine.name, error)

    def report(self) -> dict[str, dict[str, object]]:
        """What each engine has done, for /health."""
        now_s = self._clock()
        for name, state in self._states.items():
            state.resting = self._rests_until_s[name] > now_s
        return {name: asdict(state) for name, state in self._states.items()}

    async def speak(
        self, engine: SpeechEngine, prompt: Prompt, files: tuple[Path, Path], *, urgent: bool = False
    ) -> None:
        """Have one engine speak the text: the first of `files` is its own, the second what a telephone gets. Near-empty
        audio is a failure too. `urgent`: past everybody who waits. Raises SpeechError, and OSError, the disk's
        fault."""
        spoken, target = files
        text, lang = prompt.text, prompt.lang
        state = self._states[engine.name]
        late_try = self.rests(engine)
        async with (self._urgent_slots if urgent else self._slots)[engine.name]:
            if self.rests(engine) and not late_try:
                raise EngineDownError(f"{engine.name} rests: {state.last_error}")  # failed others while this one waited
            began_s = time.perf_counter()
            try:
                read = text if engine.reads_russian else await asyncio.to_thread(read_aloud, text, lang)
                await engine.synthesize(read, lang, spoken, prompt.voice)
                await asyncio.to_thread(convert_speech, spoken, target)
            except (SpeechError, AudioError) as error:
                self.on_tried(engine.name, time.perf_counter() - began_s, False)
                self._note_failure(engine, len(text), error)
                if isinstance(error, AudioError):
                    raise SpeechError(f"{engine.name}: {error}") from error
                raise
            self.on_tried(engine.name, time.perf_counter() - began_s, True)
        state.spoken += 1
        self._failures_in_a_row[engine.name] = self._rests[engine.name] = 0
        self._rests_until_s[engine.name] = 0.0

    async def close(self) -> None:
        for engine in self._engines:
            await engine.close()

    def _note_failure(self, engine: SpeechEngine, length: int, error: Exception) -> None:
        state = self._states[engine.name]
        state.failed += 1
        state.last_error = str(error)
        log.warning("%s did not speak a text of %d characters: %s", engine.name, length, error)
        self._failures_in_a_row[engine.name] += 1
        if isinstance(error, EngineDownError) or self._failures_in_a_row[engine.name] >= FAILURES_TO_REST:
            self._let_rest(engine.name)

    def _let_rest(self, name: str) -> None:
        now_s = self._clock()
        if self._rests_until_s[name] > now_s:
            return  # several texts met the same failure
        self._rests_until_s[name] = now_s + REST_S[min(self._rests[name], len(REST_S) - 1)]
        self._rests[name] += 1
