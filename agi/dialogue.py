"""The dialogue: runs a call flow. First what is said and asked, without I/O; then the same over FastAGI."""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agi.limit import TimeLimit, length_s
from agi.session import AgiError, AgiSession, HungUpError, UnplayableError, UnstoredError
from dialer.model.flow import Ask, Connect, Finish, Flow, Hunt, Keep, Prompt, PromptError, Reach, Record, Say
from dialer.model.progress import Progress
from dialer.model.safe import safe_extension, safe_number, safe_recording_name

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


@dataclass(frozen=True, slots=True)
class Play:
    """Play the prompt to its end, or until one of the keys is pressed; reply with that, or nothing."""

    prompt: Prompt
    keys: frozenset[str] = frozenset()


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
    mail_to: str = ""
    refuses: bool = False


@dataclass(frozen=True, slots=True)
class RecordAnswer:
    """Record what the subscriber says; reply with the recording's name."""

    max_s: int


@dataclass(frozen=True, slots=True)
class CallEmployee:
    """Call one telephone of the hunt and let the two talk; reply with its number if somebody answered, or nothing."""

    telephone: str
    hunt: Hunt


@dataclass(frozen=True, slots=True)
class MarkGoal:
    """What the flow is for has been reached: make that durable before going on."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The flow reached its end; `connect_to` is the extension that the subscriber gets, if any."""

    connect_to: str | None = None
    refused: bool = False
    """The subscriber wants no such calls."""


Command = Play | Listen | StoreAnswer | RecordAnswer | CallEmployee | MarkGoal
Conversation = Generator[Command, str, Ending]


def converse(flow: Flow) -> Conversation:
    """Walk the flow: yields commands, is sent what the subscriber pressed or said, returns the ending. Raises
    EndlessFlowError."""
    step_name = flow.start
    pressed = ""
    without_a_word = 0
    asked = 0
    while True:
        without_a_word += 1
        if without_a_word > len(flow.steps):
            raise EndlessFlowError(f"the flow goes round by {step_name!r} without a word")
        match flow.steps[step_name]:
            case Say(prompt, then, keys_out):
                key = ""
                if not prompt.silent:
                    key = yield Play(prompt, frozenset(keys_out))
                    without_a_word = 0
                pressed = key or pressed
                step_name = keys_out.get(key, then)
            case Ask(prompt, answers, timeout_s, default_key, most_times, otherwise):
                keys = yield Listen(prompt, frozenset(answers), timeout_s)
                without_a_word = 0
                asked += 1
                answer = keys if keys in answers else default_key
                if answer in answers:
                    asked, pressed, step_name = 0, str(answer), answers[str(answer)]
                elif otherwise is not None and most_times is not None and asked >= most_times:
                    asked, step_name = 0, otherwise
            case Keep(question_id, value, then, refuses):
                yield StoreAnswer(question_id, pressed if value is None else value, pressed, refuses=refuses)
                step_name = then
            case Record(question_id, max_s, then, mail_to):
                recording = yield RecordAnswer(max_s)
                yield StoreAnswer(question_id, recording, pressed, mail_to)
                without_a_word = 0
                step_name = then
            case Hunt() as hunt:
                step_name = yield from _hunt(hunt)
                without_a_word = 0
            case Reach(then):
                yield MarkGoal()
                step_name = then
            case Connect(extension):
                return Ending(extension)
            case Finish(refused):
                return Ending(refused=refused)


def _hunt(hunt: Hunt) -> Generator[Command, str, str]:
    """The step that follows."""
    for telephone in hunt.telephones:
        answered = yield CallEmployee(telephone, hunt)
        if answered:
            if hunt.reaches_goal:
                yield MarkGoal()
            return hunt.then
    return hunt.otherwise


class EndlessFlowError(AgiError):
    """The flow's fault: a circle of steps that neither speak nor ask."""


class Voice(Protocol):
    """Where prompts come from. Raises PromptError for what cannot be played."""

    async def fetch(self, prompt: Prompt, patience_s: float | None = None) -> Path: ...

    async def melody(self, prompt: Prompt) -> str:
        """The class of music on hold that plays it."""

    def tone(self) -> Path: ...


class AnswerBook(Protocol):
    """Where answers and news of the dialogue go."""

    async def keep_answer(
        self, attempt_id: int, question_id: str, result: str, keys: str, *, mail_to: str = "", refuses: bool = False
    ) -> bool: ...

    def reached_goal(self, attempt_id: int) -> None: ...

    def tell_progress(self, attempt_id: int, progress: Progress, **details: str) -> None: ...


class Speaker:
    """Holds conversations over FastAGI. `limit_s` seconds without an accepted answer end one. Asterisk records answers
    to `recordings`."""

    def __init__(self, voice: Voice, book: AnswerBook, recordings: Path, limit_s: int) -> None:
        self._voice = voice
        self._book = book
        self._recordings = recordings
        self._limit_s = limit_s

    async def hold(self, session: AgiSession, attempt_id: int, flow: Flow) -> str:
        """Run the flow to its end; say what it came to: finished | missed | refused, as Asterisk's record is to tell.
        Raises HungUpError when the subscriber leaves before, UnstoredError."""
        conversation = converse(flow)
        limit = TimeLimit(session, 0 if flow.ends_by_itself else self._limit_s)
        pressed, heard, answered, reached = "", False, False, not flow.has_goal
        while True:
            try:
                command = conversation.send(pressed) if pressed else next(conversation)
            except StopIteration as stop:
                ending: Ending = stop.value
                break
            if isinstance(command, StoreAnswer):
                # No verb between the last answer and the end: who hangs up after the last key has finished.
                kept = await self._book.keep_answer(
                    attempt_id,
                    command.question_id,
                    command.result,
                    command.keys,
                    mail_to=command.mail_to,
                    refuses=command.refuses,
                )
                if not kept:
                    raise UnstoredError(f"the answer to question {command.question_id!r} could not be stored")
                answered, pressed = heard, ""
                continue
            if isinstance(command, MarkGoal):
                reached, pressed = True, ""
                # Before any verb: who hangs up right after the key that was the goal has reached it.
                self._book.reached_goal(attempt_id)
                await session.set_variable("AUTODIALER_DIALOGUE", "finished")
                continue
            if answered:  # a key was pressed and accepted: the time begins anew (an assumed key does not count)
                limit.begin_anew()
                answered = heard = False
            match command:
                case CallEmployee(telephone, hunt):
                    pressed = await self._call(session, limit, attempt_id, telephone, hunt)
                    await limit.begin()
                    continue
                case RecordAnswer(max_s):
                    pressed = await self._record(session, limit, attempt_id, max_s)
                case Play() | Listen():
                    pressed = await self._speak(session, limit, command)
                    if pressed:
                        self._book.tell_progress(attempt_id, Progress.KEY, key=pressed)
            heard = heard or pressed != ""
        if ending.connect_to is not None:
            await limit.lift()
            await session.set_variable("AUTODIALER_CONNECT", safe_extension(ending.connect_to))
        return _told_of(ending, reached=reached)

    async def say(self, session: AgiSession, prompt: Prompt) -> None:
        """Play one prompt to its end. Raises HungUpError, UnplayableError."""
        if not prompt.silent:
            await session.play(_sound(await self._fetch(prompt)))

    async def _speak(self, session: AgiSession, limit: TimeLimit, command: Play | Listen) -> str:
        """Play, and return what was pressed."""
        if isinstance(command, Listen):
            return await self._listen(session, limit, command)
        sound = await self._fetch(command.prompt)
        await limit.allow(length_s(sound))
        return await session.play(_sound(sound), "".join(sorted(command.keys)))

    async def _call(self, session: AgiSession, limit: TimeLimit, attempt_id: int, telephone: str, hunt: Hunt) -> str:
        """Call one telephone; its number after a talk, else nothing. Whoever hangs up amid the talk is a HungUpError
        like any other: what there was of it, Asterisk's record tells."""
        telephone = safe_number(telephone)
        melody = "" if hunt.melody is None or hunt.melody.silent else await self._melody(hunt.melody)
        await limit.lift()
        await session.record_talk()
        await session.set_variable("AUTODIALER_EMPLOYEE", telephone)
        await session.set_variable("_AUTODIALER_SHOWN", hunt.shown_number)
        if hunt.reaches_goal:
            await session.set_variable("AUTODIALER_DIALOGUE", "hunting")
        self._book.tell_progress(attempt_id, Progress.REDIRECTED, telephone=telephone, about=hunt.about)
        status, cause = await session.dial(
            telephone, hunt.ring_timeout_s, attempt_id, melody, is_goal=hunt.reaches_goal
        )
        if status == "ANSWER":
            return telephone
        if hunt.reaches_goal:
            await session.set_variable("AUTODIALER_DIALOGUE", "")
        self._book.tell_progress(attempt_id, Progress.EMPLOYEE_UNANSWERED, telephone=telephone, cause=cause)
        return ""

    async def _melody(self, prompt: Prompt) -> str:
        """A melody that cannot be played leaves the ringing tone: the call is worth more."""
        try:
            return await self._voice.melody(prompt)
        except PromptError as error:
            log.warning("the ringing tone in place of a melody: %s", error)
            return ""

    async def _record(self, session: AgiSession, limit: TimeLimit, attempt_id: int, max_s: int) -> str:
        """Record after a tone, and return the recording's name. Who hangs up has said what was to be said."""
        name = safe_recording_name(f"answer-{attempt_id}-{secrets.token_hex(8)}.wav")
        path = self._recordings / name
        await limit.begin(max_s)
        await session.play(_sound(self._voice.tone()))
        if not await session.record(_sound(path), max_s, SILENCE_ENDS_S):
            with contextlib.suppress(OSError):
                path.unlink()
            raise HungUpError("nothing was said before the hang-up")
        return name

    async def _listen(self, session: AgiSession, limit: TimeLimit, command: Listen) -> str:
        timeout_s = command.timeout_s
        longest_s = timeout_s + NEXT_KEY_TIMEOUT_S * max(map(len, command.keys), default=0)
        if command.prompt.silent:  # a text of parameters that this number does not have
            timeout_s = max(timeout_s, SILENT_TIMEOUT_S)
            await limit.allow(longest_s)
            key = await session.wait_for_key(timeout_s)
        else:
            sound = await self._fetch(command.prompt)
            await limit.allow(longest_s + length_s(sound))
            key = await session.ask(_sound(sound), timeout_s)
        pressed = ""
        while key:
            pressed += key
            if not any(longer.startswith(pressed) and longer != pressed for longer in command.keys):
                break
            key = await session.wait_for_key(NEXT_KEY_TIMEOUT_S)
        return pressed

    async def _fetch(self, prompt: Prompt) -> Path:
        try:
            async with asyncio.timeout(self._limit_s):
                return await self._voice.fetch(prompt, PATIENCE_S)
        except TimeoutError:
            raise UnplayableError(f"{prompt.file or prompt.text[:60]}: not made within {self._limit_s} s") from None
        except PromptError as error:
            raise UnplayableError(f"{prompt.file}: {error}" if prompt.file else str(error)) from error


def _told_of(ending: Ending, *, reached: bool) -> str:
    if reached:
        return "finished"
    return "refused" if ending.refused else "missed"


def _sound(file: Path) -> str:
    """The file as AGI takes it: without its ending."""
    return str(file.with_suffix(""))
