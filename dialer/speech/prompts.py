"""Prompts as files: every text and sound a dialogue plays, made once and kept."""

import asyncio
import logging
import os
import shutil
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from dialer.model.flow import Prompt, PromptError
from dialer.speech.audio import AudioError, convert_for_telephone
from dialer.speech.cache import PromptCache, discard
from dialer.speech.chain import EngineChain
from dialer.speech.engines import SpeechEngine, SpeechError
from dialer.speech.melodies import Melodies
from dialer.speech.tone import write_tone
from dialer.speech.uploads import Uploads

log = logging.getLogger(__name__)
RECIPE = 1
"""Part of what prompts are kept under: raised when the same text or file is to sound different."""
CONVERSIONS_AT_ONCE = 2
MAX_TEXT_CHARS = 5000
"""Six minutes of speech: nobody listens for so long, and longer ones take memory and time from all other calls."""
FULL_BYTES = 65_536
KNOWN_FILES = 10_000
"""Sound files that are remembered: a CRM that names more of them has each looked at anew."""
MELODY_PATIENCE_S = 0.8
"""How long a subscriber hears nothing at the most before the first telephone is called for him."""
Making = Callable[[], Awaitable[Path]]


@dataclass(frozen=True, slots=True)
class _Known:
    """A sound file that was found good, as it was then."""

    path: Path
    identity: tuple[int, ...]
    converted: Path


class PromptLibrary:
    """Gives the file of a prompt, speaking or converting it when it is not there yet."""

    def __init__(
        self,
        cache: PromptCache,
        chain: EngineChain,
        uploads: Uploads,
        allowed_dirs: Iterable[Path] = (),
        *,
        private_dirs: Iterable[Path] = (),
        max_file_s: int = 600,
        melodies: Melodies | None = None,
    ) -> None:
        """Files may be played from `allowed_dirs`, but not from `private_dirs` below them. Melodies are beside the
        cache where nothing else is said."""
        self._cache = cache
        self._chain = chain
        self._uploads = uploads
        self._allowed = list(allowed_dirs)
        self._private = list(private_dirs)
        self._tone = cache.folder.with_name("tone.wav")
        self._melodies = melodies or Melodies(cache.folder.with_name("melodies"))
        self._closed = False
        self._max_file_s = max_file_s
        self._converting = asyncio.Semaphore(CONVERSIONS_AT_ONCE)
        self._making: dict[object, asyncio.Task[Path]] = {}
        self._known: dict[str, _Known] = {}
        """By what names it in a polling."""
        self.on_looked_up: Callable[[str, bool], None] = lambda kind, found: None
        """Told of each prompt asked for: "text" or "file", and whether it is there already."""

    def set_up(self) -> None:
        """Create the folders and the tone; raises OSError."""
        self._cache.set_up()
        self._uploads.set_up()
        self._melodies.set_up()
        _, part = self._cache.aside(self._tone)
        write_tone(part)
        part.replace(self._tone)

    def tone(self) -> Path:
        """The tone after which a subscriber is recorded."""
        return self._tone

    async def fetch(self, prompt: Prompt, patience_s: float | None = None) -> Path:
        """The 8 kHz WAV of the prompt. Simultaneous requests for one prompt make it once. Raises PromptError.

        With `patience_s`: a text that is not spoken by then is taken from whichever engine has it, or can speak it
        first; the preferred engine's goes on being made, for the next call. A file that is not converted by then is
        left for its text, if it has one.
        """
        if prompt.file:
            try:
                async with asyncio.timeout(patience_s if prompt.text else None):
                    return await self._fetch_file(prompt.file)
            except (PromptError, TimeoutError) as error:
                if not prompt.text:
                    raise
                log.warning("%s: its text is spoken instead: %s", prompt.file, error or "not converted yet")
        return await self._fetch_text(prompt, patience_s)

    async def melody(self, prompt: Prompt) -> str:
        """The class of music on hold that plays the prompt over and over, for Dial(…,m(CLASS)). Raises PromptError."""
        sound = await self.fetch(prompt, MELODY_PATIENCE_S)
        try:
            return await asyncio.to_thread(self._melodies.place, sound)
        except OSError as error:
            raise PromptError(f"{error.filename or sound}: {error.strerror}") from error

    async def close(self) -> None:
        """Give up what is being made, and make nothing more."""
        self._closed = True
        for making in self._making.values():
            making.cancel()
        await asyncio.gather(*self._making.values(), return_exceptions=True)
        await self._chain.close()

    def check_file(self, reference: str) -> Path:
        """The path of a sound file that a polling may name: an uploaded file's name, or a full path in a folder that is
        allowed. Raises PromptError."""
        if "\0" in reference:
            raise PromptError("a file name without NUL characters expected")
        path = Path(reference)
        try:
            if not path.is_absolute():
                return self._check_upload(reference)
            resolved = path.resolve()
            if any(resolved.is_relative_to(folder.resolve()) for folder in self._private):
                raise PromptError("a recording is not played to others")
            if not any(resolved.is_relative_to(folder.resolve()) for folder in self._allowed):
                raise PromptError(f"not in an allowed folder ({', '.join(map(str, self._allowed))})")
            if not resolved.is_file():
                raise PromptError("no such file")
        except OSError as error:  # a name too long, a folder that may not be entered
            raise PromptError(error.strerror or str(error)) from error
        return resolved

    def _check_upload(self, name: str) -> Path:
        try:
            path = self._uploads.path_of(name)
        except ValueError as error:
            raise PromptError(f"the name of an uploaded file or a full path expected: {error}") from error
        if not path.is_file():
            raise PromptError("there is no uploaded file of that name, and it is not a full path")
        return path

    async def _fetch_text(self, prompt: Prompt, patience_s: float | None) -> Path:
        if len(prompt.text) > MAX_TEXT_CHARS:
            raise PromptError(f"{MAX_TEXT_CHARS} characters at most are spoken at once, got {len(prompt.text)}")
        engines = self._chain.engines_for(prompt.lang)
        if not engines:
            raise PromptError(f"no engine speaks {prompt.lang}")
        first, *others = engines
        wanted = self._spoken_by(first, prompt)
        found = self._cache.has(wanted)
        self.on_looked_up("text", found)
        if found:
            return wanted
        spoken = next((path for one in others if self._cache.has(path := self._spoken_by(one, prompt))), None)
        if spoken and self._chain.rests(first):
            return spoken
        making = self._start(("text", prompt.lang, prompt.voice, prompt.text), lambda: self._speak(engines, prompt))
        if spoken and self._chain.is_doubtful(first):
            return spoken
        if patience_s is None:
            return await asyncio.shield(making)
        await asyncio.wait({making}, timeout=patience_s)
        if making.done():
            return making.result()
        return spoken or await self._stand_in(making, engines, prompt)

    async def _stand_in(self, making: "asyncio.Task[Path]", engines: list[SpeechEngine], prompt: Prompt) -> Path:
        """What the engine that depends on least speaks now, past everybody who waits, or the first one after all."""
        engine = self._chain.last_resort(engines)
        log.info("a text is not spoken yet: %s speaks it", engine.name)
        standing_in = self._start(
            ("stand-in", prompt.lang, prompt.voice, prompt.text), lambda: self._speak([engine], prompt, urgent=True)
        )
        done, _ = await asyncio.wait({making, standing_in}, return_when=asyncio.FIRST_COMPLETED)
        for first in done:
            if first.exception() is None:
                return first.result()
        return await asyncio.shield(standing_in if making in done else making)

    def _start(self, key: object, make: Making) -> "asyncio.Task[Path]":
        """The task that makes something, begun now or before."""
        making = self._making.get(key)
        if making is None and self._closed:
            raise PromptError("the dialer stops")
        if making is None:
            making = asyncio.ensure_future(make())
            making.set_name(f"prompt {key!r:.60}")
            self._making[key] = making
            making.add_done_callback(lambda done: self._made(key, done))
        return making

    def _made(self, key: object, making: "asyncio.Task[Path]") -> None:
        self._making.pop(key, None)
        if not making.cancelled() and (error := making.exception()) and not isinstance(error, PromptError):
            log.error("a prompt was not made", exc_info=error)
        self._cache.note_size()

    async def _speak(self, engines: list[SpeechEngine], prompt: Prompt, *, urgent: bool = False) -> Path:
        """The first engine that can."""
        reasons = []
        for engine in self._chain.in_turn(engines):
            try:
                return await self._speak_with(engine, prompt, urgent=urgent)
            except SpeechError as error:
                reasons.append(str(error))
        raise PromptError("; ".join(reasons))

    async def _speak_with(self, engine: SpeechEngine, prompt: Prompt, *, urgent: bool) -> Path:
        wanted = self._spoken_by(engine, prompt)
        if self._cache.has(wanted):
            return wanted
        spoken, part = self._cache.aside(wanted)
        try:
            await self._chain.speak(engine, prompt, (spoken, part), urgent=urgent)
            wanted = self._spoken_by(engine, prompt)  # it may have found out that it has no such voice
            await asyncio.to_thread(self._cache.take_in, part, wanted)
        except OSError as error:
            raise PromptError(f"{error.filename or wanted.parent}: {error.strerror}") from error
        finally:
            discard(spoken, part)
        return wanted

    def _spoken_by(self, engine: SpeechEngine, prompt: Prompt) -> Path:
        voice = engine.voice_for(prompt.voice)
        return self._cache.path_of("text", RECIPE, engine.name, voice, prompt.lang, prompt.text)

    async def _fetch_file(self, reference: str) -> Path:
        known = self._known.get(reference)
        if known is not None and _identity(known.path) == known.identity and self._cache.has(known.converted):
            self.on_looked_up("file", True)
            return known.converted
        path = self.check_file(reference)
        named = Path(reference) if Path(reference).is_absolute() else path  # a link may lead elsewhere the next time
        identity = _identity(named)
        converted = await self.convert(path)
        if identity is not None:
            if len(self._known) >= KNOWN_FILES:
                self._known.clear()
            self._known[reference] = _Known(named, identity, converted)
        return converted

    async def convert(self, source: Path) -> Path:
        """The 8 kHz WAV of any sound file, kept under the file itself: an upload that is converted before it gets its
        name needs no second conversion. Raises PromptError."""
        try:
            identity = _identity_of(await asyncio.to_thread(source.stat))
        except OSError as error:
            raise PromptError(error.strerror or str(error)) from error
        wanted = self._cache.path_of("file", RECIPE, *identity)
        found = self._cache.has(wanted)
        self.on_looked_up("file", found)
        if found:
            return wanted
        return await asyncio.shield(self._start(wanted, lambda: self._convert(source, wanted)))

    async def _convert(self, source: Path, wanted: Path) -> Path:
        _, part = self._cache.aside(wanted)
        try:
            async with self._converting:
                await asyncio.to_thread(convert_for_telephone, source, part, self._max_file_s)
                await asyncio.to_thread(self._cache.take_in, part, wanted)
        except AudioError as error:
            if shutil.disk_usage(wanted.parent).free < FULL_BYTES:
                raise PromptError(f"{wanted.parent}: the disk is full") from error
            raise PromptError(str(error)) from error
        except OSError as error:
            raise PromptError(f"{error.filename or wanted.parent}: {error.strerror}") from error
        finally:
            discard(part)
        return wanted


def _identity(path: Path) -> tuple[int, ...] | None:
    """What tells a file from another one, or from itself after a change; None: it is not there."""
    try:
        return _identity_of(path.stat())
    except OSError:
        return None


def _identity_of(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
