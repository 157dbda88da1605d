"""The FastAGI server: answers the dialplan's questions and holds its dialogues."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Protocol

from agi.connections import Connection, ConnectionTasks
from agi.dialogue import AnswerBook, Speaker, Voice
from agi.session import AgiError, AgiSession, HungUpError, UnplayableError, UnstoredError
from dialer.model.about import work_on
from dialer.model.flow import Flow, Prompt
from dialer.model.records import attempt_id_of
from dialer.model.safe import UnsafeValueError

log = logging.getLogger(__name__)
_PROMPTS = frozenset({"STREAM FILE", "GET OPTION"})
BACKLOG = 1024
"""Calls that connect at the same moment; a full backlog costs Asterisk two seconds a call."""


class CallDesk(AnswerBook, Protocol):
    """Who decides about attempts."""

    def task_of(self, attempt_id: int) -> int | None:
        """Whose attempt it is; None: it is over."""

    @property
    def turn_of(self) -> Callable[[int], Awaitable[None] | None]:
        """Waits for a moment until an attempt that stands by has a channel (`claim` tells); None: it does not."""

    async def claim(self, attempt_id: int, linked_id: str, verbose_call_id: str) -> bool:
        """May this attempt be dialled now? A yes is given once."""

    async def still_claimed(self, attempt_id: int, linked_id: str) -> bool:
        """Does the leave of a callback hold, now that its employee has answered? On a no the attempt is given back."""

    async def begin_dialogue(self, attempt_id: int, linked_id: str) -> Flow | None: ...
    async def end_dialogue(self, attempt_id: int, *, finished: bool) -> None: ...

    async def find_employee(self, attempt_id: int, linked_id: str) -> bool:
        """Wait for an employee for a subscriber who has answered; False: none became free in time. Cancelled when the
        subscriber leaves."""

    def employee_joined(self, attempt_id: int, linked_id: str, telephone: str, *, is_goal: bool) -> None:
        """Somebody has answered at a telephone that the dialogue called, which may be what the dialogue is for; the
        talk begins when this returns."""

    def apology_of(self, attempt_id: int) -> Prompt | None:
        """What the subscriber hears whom no employee could take."""

    def message_of(self, attempt_id: int, linked_id: str) -> Prompt | None:
        """What an answering machine is left; None: of another call, or nothing."""


class FastAgiServer:
    """Listens on host:port; `agi://host:port/claim,ID,LINKEDID,CALLID`, likewise `still`; `…/dialogue,ID,LINKEDID`,
    likewise `employee` and `message`; `…/joined,ID,LINKEDID,TELEPHONE,GOAL`; `…/key,TASK`; `…/doctor`."""

    def __init__(
        self, host: str, port: int, desk: CallDesk, voice: Voice, *, recordings: Path, dialogue_limit_s: int
    ) -> None:
        self._host = host
        self._port = port
        self._desk = desk
        self._speaker = Speaker(voice, desk, recordings, dialogue_limit_s)
        self._server: asyncio.Server | None = None
        self._sessions = ConnectionTasks(self._serve)
        self.press_key: Callable[[str, str, str], Awaitable[str]] | None = None
        """What the key of a task on a telephone does: the telephone's channel, the task as it was dialled, the number
        of who pressed it; returns what has become of the task: `paused`, `resumed`, or `refused`."""
        self.trouble: str | None = None
        """Why the last dialogue, message or apology came to nothing, in words; None when it did not."""
        self.on_reply: Callable[[str, float], None] = lambda script, waited_s: None
        """Told how long a channel has waited for our first command, from its connection."""
        self.on_prompt: Callable[[str, float], None] = lambda script, waited_s: None
        """Likewise, for the first prompt."""
        self.on_claim: Callable[[bool], None] = lambda granted: None
        """Told the answer to each question for leave to dial."""
        self.on_end: Callable[[str, str], None] = lambda script, end: None
        """Told how each session has ended: done, hung_up, failed."""

    @property
    def sessions(self) -> int:
        """Sessions open now."""
        return len(self._sessions)

    async def start(self) -> None:
        self._server = await asyncio.get_running_loop().create_server(
            self._sessions.protocol, self._host, self._port, backlog=BACKLOG
        )

    async def close(self) -> None:
        """Stop listening and drop the sessions that are left."""
        if self._server is not None:
            self._server.close()
        await self._sessions.close()

    async def _serve(self, connection: Connection) -> None:
        session = AgiSession(connection)
        session.on_command = self._timing(session)
        end = "failed"
        try:
            await session.read_environment()
            await self._route(session)
            end = "done"
        except HungUpError as error:
            end = "hung_up"
            log.debug("FastAGI session %s ended: %s", session.script, error)
        except (AgiError, TimeoutError, UnsafeValueError) as error:
            log.warning("FastAGI session %s given up: %s", session.script, error or "time-out")
        except Exception:
            # without an answer Asterisk does not dial; the call is given back or reported by its hangup handlers
            log.exception("FastAGI session %s failed", session.script)
        finally:
            self.on_end(session.script, end)

    def _timing(self, session: AgiSession) -> Callable[[str], None]:
        """Tells, at the first command and at the first prompt, how long that took from now."""
        now = asyncio.get_running_loop().time
        began_s, told = now(), set[str]()

        def sent(verb: str) -> None:
            if not told:
                self.on_reply(session.script, now() - began_s)
            if verb in _PROMPTS and told.isdisjoint(_PROMPTS):
                self.on_prompt(session.script, now() - began_s)
            told.add(verb)

        return sent

    async def _route(self, session: AgiSession) -> None:
        if session.script == "doctor":  # of no attempt: are we who is asked for leave?
            await session.set_variable("AUTODIALER_DAEMON", "here")
            return
        if session.script == "key" and self.press_key is not None:
            channel, caller = (session.environment.get(name, "") for name in ("agi_channel", "agi_callerid"))
            became = await self.press_key(channel, session.argument(1), caller)
            await session.set_variable("AUTODIALER_KEY", became)
            return
        attempt_id = attempt_id_of(session.argument(1))
        if attempt_id is None:
            raise AgiError(f"attempt id expected, got {session.argument(1)[:60]!r}")
        work_on(self._desk.task_of(attempt_id), attempt_id, session.argument(2))
        match session.script:
            case "claim":
                await self._claim(session, attempt_id)
            case "still":
                holds = await self._desk.still_claimed(attempt_id, session.argument(2))
                await session.set_variable("AUTODIALER_CLAIM", "granted" if holds else "refused")
            case "dialogue":
                await self._dialogue(session, attempt_id)
            case "employee":
                await self._employee(session, attempt_id)
            case "joined":
                is_goal = session.argument(4) == "goal"
                self._desk.employee_joined(attempt_id, session.argument(2), session.argument(3), is_goal=is_goal)
            case "message":
                await self._message(session, attempt_id)
            case unknown:
                raise AgiError(f"no such script: {unknown[:60]!r}")

    async def _claim(self, session: AgiSession, attempt_id: int) -> None:
        if (turn := self._desk.turn_of(attempt_id)) is not None:
            await turn
            if not session.is_there:
                raise HungUpError("while it stood by")
            session.on_command = self._timing(session)  # what it has waited for is not us
        granted = await self._desk.claim(attempt_id, session.argument(2), session.argument(3))
        self.on_claim(granted)
        await session.set_variable("AUTODIALER_CLAIM", "granted" if granted else "refused")

    async def _dialogue(self, session: AgiSession, attempt_id: int) -> None:
        flow = await self._desk.begin_dialogue(attempt_id, session.argument(2))
        if flow is None:
            raise AgiError(f"no dialogue for attempt {attempt_id}")
        finished = False
        try:
            told = await self._speaker.hold(session, attempt_id, flow)
            finished = told == "finished"
            self.trouble = None
            await session.set_variable("AUTODIALER_DIALOGUE", told)
        except UnplayableError as error:
            self._tell_trouble(attempt_id, f"a prompt cannot be played: {error}")
            await session.set_variable("AUTODIALER_DIALOGUE", "unplayable")
        except UnstoredError as error:
            self._tell_trouble(attempt_id, str(error))
            await session.set_variable("AUTODIALER_DIALOGUE", "unstored")
        finally:
            await self._desk.end_dialogue(attempt_id, finished=finished)

    async def _employee(self, session: AgiSession, attempt_id: int) -> None:
        """Nothing is set when an employee was found: the leg goes on."""
        if await _unless_hung_up(session, self._desk.find_employee(attempt_id, session.argument(2))):
            return
        # before the apology: who hangs up in it was abandoned all the same
        await session.set_variable("AUTODIALER_DIALOGUE", "abandoned")
        apology = self._desk.apology_of(attempt_id)
        if apology is None:
            return
        try:
            await self._speaker.say(session, apology)
        except UnplayableError as error:
            self._tell_trouble(attempt_id, f"a prompt cannot be played: {error}")
        else:
            self.trouble = None
            await session.set_variable("AUTODIALER_DIALOGUE", "apologised")

    async def _message(self, session: AgiSession, attempt_id: int) -> None:
        message = self._desk.message_of(attempt_id, session.argument(2))
        if message is None:
            raise AgiError(f"no message for attempt {attempt_id}")
        try:
            await self._speaker.say(session, message)
            self.trouble = None
            await session.set_variable("AUTODIALER_DIALOGUE", "message")
        except UnplayableError as error:
            self._tell_trouble(attempt_id, f"a prompt cannot be played: {error}")
            await session.set_variable("AUTODIALER_DIALOGUE", "unspoken")

    def _tell_trouble(self, attempt_id: int, reason: str) -> None:
        task_id = self._desk.task_of(attempt_id)
        self.trouble = reason if task_id is None else f"task {task_id}: {reason}"
        log.error("attempt %d: %s", attempt_id, self.trouble)


async def _unless_hung_up(session: AgiSession, waiting: Coroutine[None, None, bool]) -> bool:
    """What `waiting` returns. Raises HungUpError, and cancels it, when the channel hangs up before."""
    decision = asyncio.create_task(waiting, name="looking for an employee")
    hangup = asyncio.create_task(session.wait_for_hangup(), name="waiting for a hang-up")
    try:
        await asyncio.wait((decision, hangup), return_when=asyncio.FIRST_COMPLETED)
        if not decision.done():
            await hangup  # raises
        return await decision
    finally:
        for task in (decision, hangup):
            task.cancel()
        await asyncio.gather(decision, hangup, return_exceptions=True)
