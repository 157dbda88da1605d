"""The dialogue: runs a call flow. First what is said and asked, without I/O; then the same over FastAGI."""

import contextlib
import logging
import secrets
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agi.session import AgiError, AgiSession, HungUpError, UnplayableError, UnstoredError
from dialer.model.flow import Ask, Connect, Finish, Flow, Keep, Prompt, PromptError, Record, Say
from dialer.model.safe import KEYS, safe_extension, safe_recording_name

log = logging.getLogger(__name__)
NEXT_KEY_TIMEOUT_S = 2.0
"""Between the keys of an answer of several digits."""
SILENT_TIMEOUT_S = 1.0
"""The least wait where nothing is said: a question asked again and again must not spin."""
SILENCE_ENDS_S = 3.0
"""A recorded answer ends when the subscriber has said nothing for so long."""
PATIENCE_S = 0.8
"""How long the subscriber waits for a prompt that is still being made, before another voice stands in: a second with
what that one takes. Shorter waits would let it stand in often; a longer silence makes people say 'hello?' and leave."""
_ALL_KEYS = "".join(sorted(KEYS))


@dataclass(frozen=True, slots=True)
class Play:
    """Play the prompt to its end."""

    prompt: Prompt


@dataclass(frozen=True, slots=True)
class Listen:
    """Play the prompt until a key is pressed, then collect one of the keys; reply with what was pressed, or nothing."""

    prompt: Prompt
    keys: frozenset[str]
    timeout_s: float


@dataclass(frozen=True, slots=True)
class StoreAnswer:
    """Store an answer for good before going on."""

    question_id: str
    result: str
    keys: str


@dataclass(frozen=True, slots=True)
class RecordAnswer:
    """Record what the subscriber says; reply with the recording's name."""

    max_s: int


@dataclass(frozen=True, slots=True)
class Ending:
    """The flow reached its end; `connect_to` is the extension that the subscriber gets, if any."""

    connect_to: str | None = None


Command = Play | Listen | StoreAnswer | RecordAnswer
Conversation = Generator[Command, str, Ending]


def converse(flow: Flow) -> Conversation:
    """Walk the flow: yields commands, is sent what the subscriber pressed or said, returns the ending. Raises
    EndlessFlowError."""
    step_name = flow.start
    pressed = ""
    without_a_word = 0
    while True:
        without_a_word += 1
        if without_a_word > len(flow.steps):
            raise EndlessFlowError(f"the flow goes round by {step_name!r} without a word")
        match flow.steps[step_name]:
            case Say(prompt, then):
                if not prompt.silent:
                    yield Play(prompt)
                    without_a_word = 0
                step_name = then
            case Ask(prompt, answers, timeout_s, default_key):
                keys = yield Listen(prompt, frozenset(answers), timeout_s)
                without_a_word = 0
                key = keys if keys in answers else default_key
                if key in answers:
                    pressed, step_name = str(key), answers[str(key)]
            case Keep(question_id, value, then):
                yield StoreAnswer(question_id, pressed if value is None else value, pressed)
                step_name = then
            case Record(question_id, max_s, then):
                recording = yield RecordAnswer(max_s)
                yield StoreAnswer(question_id, recording, pressed)
                without_a_word = 0
                step_name = then
            case Connect(extension):
                return Ending(extension)
            case Finish():
                return Ending()


class EndlessFlowError(AgiError):
    """The flow's fault: a circle of steps that neither speak nor ask."""


class Voice(Protocol):
    """Where prompts come from. Raises PromptError for what cannot be played."""

    async def fetch(self, prompt: Prompt, patience_s: float | None = None) -> Path: ...

    def tone(self) -> Path: ...


class AnswerBook(Protocol):
    """Where answers go."""

    async def keep_answer(self, attempt_id: int, question_id: str, result: str, keys: str) -> bool: ...


class Speaker:
    """Holds conversations over FastAGI. `limit_s` seconds without an accepted answer end one. Asterisk records answers
    to `recordings`."""

    def __init__(self, voice: Voice, book: AnswerBook, recordings: Path, limit_s: int) -> None:
        self._voice = voice
        self._book = book
        self._recordings = recordings
        self._limit_s = limit_s

    async def hold(self, session: AgiSession, attempt_id: int, flow: Flow) -> Ending:
        """Run the flow to its end. Raises HungUpError when the subscriber leaves before, UnstoredError."""
        conversation = converse(flow)
        await session.hang_up_after(self._limit_s)
        pressed, heard, answered = "", False, False
        while True:
            try:
                command = conversation.send(pressed) if pressed else next(conversation)
            except StopIteration as stop:
                ending: Ending = stop.value
                break
            if isinstance(command, StoreAnswer):
                # No verb between the last answer and the end: who hangs up after the last key has finished.
                if not await self._book.keep_answer(attempt_id, command.question_id, command.result, command.keys):
                    raise UnstoredError(f"the answer to question {command.question_id!r} could not be stored")
                answered, pressed = heard, ""
                continue
            if answered:  # a key was pressed and accepted: the time begins anew (an assumed key does not count)
                await session.hang_up_after(self._limit_s)
                answered = heard = False
            if isinstance(command, RecordAnswer):
                pressed = await self._record(session, attempt_id, command.max_s)
            else:
                pressed = await self._speak(session, command)
            heard = heard or pressed != ""
        if ending.connect_to is not None:
            await session.hang_up_after(0)
            await session.set_variable("AUTODIALER_CONNECT", safe_extension(ending.connect_to))
        return ending

    async def say(self, session: AgiSession, prompt: Prompt) -> None:
        """Play one prompt to its end. Raises HungUpError, UnplayableError."""
        if not prompt.silent:
            await session.play(await self._fetch(prompt))

    async def _speak(self, session: AgiSession, command: Play | Listen) -> str:
        """Play, and return what was pressed."""
        if isinstance(command, Listen):
            return await self._listen(session, command)
        await session.play(await self._fetch(command.prompt))
        return ""

    async def _record(self, session: AgiSession, attempt_id: int, max_s: int) -> str:
        """Record after a tone, and return the recording's name. Who hangs up has said what was to be said."""
        name = safe_recording_name(f"answer-{attempt_id}-{secrets.token_hex(8)}.wav")
        path = self._recordings / name
        await session.hang_up_after(self._limit_s + max_s)
        await session.play(_sound(self._voice.tone()))
        if not await session.record(_sound(path), max_s, SILENCE_ENDS_S):
            with contextlib.suppress(OSError):
                path.unlink()
            raise HungUpError("nothing was said before the hang-up")
        return name

    async def _listen(self, session: AgiSession, command: Listen) -> str:
        key, timeout_s = "", command.timeout_s
        if command.prompt.silent:  # a text of parameters that this number does not have
            timeout_s = max(timeout_s, SILENT_TIMEOUT_S)
        else:
            key = await session.play(await self._fetch(command.prompt), _ALL_KEYS)
        if not key:
            key = await session.wait_for_key(timeout_s)
        pressed = ""
        while key:
            pressed += key
            if not any(longer.startswith(pressed) and longer != pressed for longer in command.keys):
                break
            key = await session.wait_for_key(NEXT_KEY_TIMEOUT_S)
        return pressed

    async def _fetch(self, prompt: Prompt) -> str:
        try:
            return _sound(await self._voice.fetch(prompt, PATIENCE_S))
        except PromptError as error:
            raise UnplayableError(f"{prompt.file}: {error}" if prompt.file else str(error)) from error


def _sound(file: Path) -> str:
    """The file as AGI takes it: without its ending."""
    return str(file.with_suffix(""))
