"""Prompts as files: every text and sound a dialogue plays, made once and kept."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from dialer.model.flow import Prompt, PromptError
from dialer.speech.audio import AudioError, convert_for_telephone
from dialer.speech.cache import PromptCache
from dialer.speech.chain import EngineChain
from dialer.speech.engines import SpeechEngine, SpeechError
from dialer.speech.tone import write_tone
from dialer.speech.uploads import Uploads

log = logging.getLogger(__name__)
RECIPE = 1
"""Part of what prompts are kept under: raised when the same text or file is to sound different."""
CONVERSIONS_AT_ONCE = 2
Making = Callable[[], Awaitable[Path]]


class PromptLibrary:
    """Gives the file of a prompt, speaking or converting it when it is not there yet."""

    def __init__(
        self,
        cache: PromptCache,
        chain: EngineChain,
        uploads: Uploads,
        allowed_dirs: Iterable[Path] = (),
        max_file_s: int = 600,
    ) -> None:
        self._cache = cache
        self._chain = chain
        self._uploads = uploads
        self._allowed = list(allowed_dirs)
        self._max_file_s = max_file_s
        self._converting = asyncio.Semaphore(CONVERSIONS_AT_ONCE)
        self._making: dict[object, asyncio.Task[Path]] = {}

    def set_up(self) -> None:
        """Create the folders and the tone; raises OSError."""
        self._cache.set_up()
        self._uploads.set_up()
        if not self._cache.has(self.tone()):
            _, part = self._cache.aside(self.tone())
            write_tone(part)
            self._cache.take_in(part, self.tone())

    def tone(self) -> Path:
        """The tone after which a subscriber is recorded."""
        return self._cache.path_of("tone", RECIPE)

    async def fetch(self, prompt: Prompt, patience_s: float | None = None) -> Path:
        """The 8 kHz WAV of the prompt. Simultaneous requests for one prompt make it once. Raises PromptError.

        With `patience_s`: a text that is not spoken by then is taken from whichever engine has it, or can speak it
        first; the preferred engine's goes on being made, for the next call.
        """
        if prompt.file:
            try:
                return await self._fetch_file(prompt.file)
            except PromptError as error:
                if not prompt.text:
                    raise
                log.warning("%s: its text is spoken instead: %s", prompt.file, error)
        return await self._fetch_text(prompt, patience_s)

    async def close(self) -> None:
        """Give up what is being made."""
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
        engines = self._chain.engines_for(prompt.lang)
        if not engines:
            raise PromptError(f"no engine speaks {prompt.lang}")
        wanted = self._spoken_by(engines[0], prompt)
        if self._cache.has(wanted):
            return wanted
        making = self._start(("text", prompt.lang, prompt.text), lambda: self._speak(engines, prompt))
        if patience_s is None or len(engines) == 1:
            return await asyncio.shield(making)
        await asyncio.wait({making}, timeout=patience_s)
        if making.done():
            return making.result()
        return await self._stand_in(making, engines[1:], prompt)

    async def _stand_in(self, making: "asyncio.Task[Path]", engines: list[SpeechEngine], prompt: Prompt) -> Path:
        """Whatever can be played first: what another engine has spoken before, or what the last one speaks now."""
        for engine in engines:
            spoken = self._spoken_by(engine, prompt)
            if self._cache.has(spoken):
                return spoken
        engine = self._chain.last_resort(engines)
        log.info("a text is not spoken yet: %s speaks it", engine.name)
        standing_in = self._start(("stand-in", prompt.lang, prompt.text), lambda: self._speak([engine], prompt))
        done, _ = await asyncio.wait({making, standing_in}, return_when=asyncio.FIRST_COMPLETED)
        for first in done:
            if first.exception() is None:
                return first.result()
        return await asyncio.shield(standing_in if making in done else making)

    def _start(self, key: object, make: Making) -> "asyncio.Task[Path]":
        """The task that makes something, begun now or before."""
        making = self._making.get(key)
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

    async def _speak(self, engines: list[SpeechEngine], prompt: Prompt) -> Path:
        """The first engine that can."""
        reasons = []
        for engine in engines:
            try:
                return await self._speak_with(engine, prompt)
            except SpeechError as error:
                reasons.append(str(error))
        raise PromptError("; ".join(reasons))

    async def _speak_with(self, engine: SpeechEngine, prompt: Prompt) -> Path:
        wanted = self._spoken_by(engine, prompt)
        if self._cache.has(wanted):
            return wanted
        spoken, part = self._cache.aside(wanted)
        try:
            await self._chain.speak(engine, prompt.text, prompt.lang, spoken, part)
            await asyncio.to_thread(self._cache.take_in, part, wanted)
        except OSError as error:
            raise PromptError(f"{error.filename or wanted.parent}: {error.strerror}") from error
        finally:
            spoken.unlink(missing_ok=True)
            part.unlink(missing_ok=True)
        return wanted

    def _spoken_by(self, engine: SpeechEngine, prompt: Prompt) -> Path:
        return self._cache.path_of("text", RECIPE, engine.name, engine.voice, prompt.lang, prompt.text)

    async def _fetch_file(self, reference: str) -> Path:
        return await self.convert(self.check_file(reference))

    async def convert(self, source: Path) -> Path:
        """The 8 kHz WAV of any sound file, kept under the file itself: an upload that is converted before it gets its
        name needs no second conversion. Raises PromptError."""
        try:
            status = await asyncio.to_thread(source.stat)
        except OSError as error:
            raise PromptError(error.strerror or str(error)) from error
        wanted = self._cache.path_of("file", RECIPE, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        if self._cache.has(wanted):
            return wanted
        return await asyncio.shield(self._start(wanted, lambda: self._convert(source, wanted)))

    async def _convert(self, source: Path, wanted: Path) -> Path:
        _, part = self._cache.aside(wanted)
        try:
            async with self._converting:
                await asyncio.to_thread(convert_for_telephone, source, part, self._max_file_s)
                await asyncio.to_thread(self._cache.take_in, part, wanted)
        except AudioError as error:
            raise PromptError(str(error)) from error
        except OSError as error:
            raise PromptError(f"{error.filename or wanted.parent}: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)
        return wanted
