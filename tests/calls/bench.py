"""Calls through the real Asterisk with the engine's parts around one memory instead of a store: call files, FastAGI,
the link and the state machine. For what a call of any order comes to, whatever the tasks of the API can ask for."""

import asyncio
import math
import struct
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from agi.server import FastAgiServer
from dialer.dispatch.callfile import CallFileSettings, Spool, render_call_file
from dialer.dispatch.ledger import kept_under
from dialer.model.attempt import (
    DIALLED_STATES,
    Attempt,
    AttemptEvent,
    AttemptState,
    CallFileWritten,
    ClaimGranted,
    DialogueFinished,
    DialogueStarted,
    NeverDialled,
    SubscriberAnswered,
    apply_event,
    is_of_another_call,
)
from dialer.model.call import CallOrder
from dialer.model.flow import Ask, Finish, Flow, Keep, Prompt, Say
from dialer.model.progress import Progress
from dialer.model.task import InnerNumType
from dialer.model.verdict import Verdict
from dialer.pbx.ami import AmiClient
from dialer.pbx.link import PbxLink
from dialer.pbx.presence import Presence
from tests.rig.pbx import Pbx
from tests.rig.ports import PortBlock
from tests.rig.sipp import Sipp
from tests.rig.waiting import wait_until

FLOW = Flow(
    "hello",
    {
        "hello": Say(Prompt(file="question"), "ask"),
        "ask": Ask(Prompt(), {"1": "keep"}, 3.0, "1"),
        "keep": Keep("1", None, "end"),
        "end": Finish(),
    },
)
QUESTION, MESSAGE, APOLOGY = (Prompt(file=name) for name in ("question", "message", "apology"))
_SOUNDS_S = {"question": 0.7, "message": 3.0, "apology": 1.5}
RING_S = 8
MAX_CALL_S = 600


@dataclass
class Memory:
    """What the store would keep, over a crash of the desk."""

    orders: dict[int, CallOrder] = field(default_factory=dict)
    attempts: dict[int, Attempt] = field(default_factory=dict)
    given_back: list[int] = field(default_factory=list)


class Desk:
    """Decides about attempts as the ledger does, from memory. `holds` and `finds` are what the tests decide."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.claims: list[int] = []
        self.stills: list[int] = []
        self.holds: Callable[[int], bool] = lambda attempt_id: True
        self.employee = asyncio.Event()
        self.employee_wait_s = 1.0
        self.on_committed: Callable[[int, tuple[str, ...]], None] = lambda attempt_id, keys: None
        self.on_silence: Callable[[int], None] = lambda attempt_id: None

    def task_of(self, attempt_id: int) -> int | None:
        return 7

    def in_progress(self) -> dict[int, Attempt]:
        attempts = self.memory.attempts
        return {key: one for key, one in attempts.items() if not one.closed and one.state is not AttemptState.CREATED}

    def note(self, attempt_id: int, event: AttemptEvent) -> None:
        attempt = self.in_progress().get(attempt_id)
        if attempt is None:
            self.on_committed(attempt_id, kept_under(event))
            return
        moved = apply_event(attempt, event)
        if moved is attempt and (isinstance(event, NeverDialled) or is_of_another_call(attempt, event)):
            self.on_committed(attempt_id, kept_under(event))
        self.memory.attempts[attempt_id] = moved
        if moved.state is AttemptState.CREATED:
            self.memory.given_back.append(attempt_id)
        if moved.awaits_record:
            asyncio.get_running_loop().call_later(0.5, self._look_for, attempt_id)
        if moved.closed or moved.state is AttemptState.CREATED:
            self.on_committed(attempt_id, ("out", "in", "undialled"))

    def _look_for(self, attempt_id: int) -> None:
        if attempt_id in self.in_progress():
            self.on_silence(attempt_id)

    def take_back(self, attempt_id: int) -> None:
        self.note(attempt_id, NeverDialled())

    def turn_of(self, attempt_id: int) -> None:
        return None

    async def claim(self, attempt_id: int, linked_id: str, verbose_call_id: str) -> bool:
        attempt = self.in_progress().get(attempt_id)
        self.claims.append(attempt_id)
        if attempt is None or attempt.state is not AttemptState.SPOOLED:
            return False
        self.note(attempt_id, ClaimGranted(linked_id))
        return True

    async def still_claimed(self, attempt_id: int, linked_id: str) -> bool:
        self.stills.append(attempt_id)
        self.note(attempt_id, SubscriberAnswered(linked_id))
        return self.holds(attempt_id)

    async def begin_dialogue(self, attempt_id: int, linked_id: str) -> Flow | None:
        if self.in_progress()[attempt_id].state not in DIALLED_STATES:
            return None
        self.note(attempt_id, DialogueStarted())
        return FLOW

    async def keep_answer(
        self, attempt_id: int, question_id: str, result: str, keys: str, *, mail_to: str = "", refuses: bool = False
    ) -> bool:
        return True

    def reached_goal(self, attempt_id: int) -> None:
        self.note(attempt_id, DialogueFinished())

    def tell_progress(self, attempt_id: int, progress: Progress, **details: str) -> None:
        """Nobody is told."""

    def employee_joined(self, attempt_id: int, linked_id: str, telephone: str, *, is_goal: bool) -> None:
        """Nobody is told."""

    async def end_dialogue(self, attempt_id: int, *, finished: bool) -> None:
        if finished:
            self.note(attempt_id, DialogueFinished())

    async def find_employee(self, attempt_id: int, linked_id: str) -> bool:
        self.note(attempt_id, SubscriberAnswered(linked_id))
        try:
            await asyncio.wait_for(self.employee.wait(), self.employee_wait_s)
        except TimeoutError:
            return False
        return True

    def apology_of(self, attempt_id: int) -> Prompt | None:
        return self.memory.orders[attempt_id].apology

    def message_of(self, attempt_id: int, linked_id: str) -> Prompt | None:
        return self.memory.orders[attempt_id].message


class Sounds:
    """The prompts, as files that are told apart."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for pitch, (name, length_s) in enumerate(_SOUNDS_S.items()):
            with wave.open(str(folder / f"{name}.wav"), "wb") as file:
                file.setparams((1, 2, 8_000, 0, "NONE", ""))
                # a chirp: unlike any other part of itself
                rise = 100 + 70 * pitch
                samples = (
                    math.sin(2 * math.pi * (300 + rise * at / 8_000) * at / 8_000)
                    for at in range(round(length_s * 8_000))
                )
                file.writeframes(b"".join(struct.pack("<h", round(9_000 * sample)) for sample in samples))

    def path(self, prompt: Prompt) -> Path:
        return self.folder / f"{prompt.file}.wav"

    async def fetch(self, prompt: Prompt, patience_s: float | None = None) -> Path:
        return self.path(prompt)

    async def melody(self, prompt: Prompt) -> str:
        return "default"

    def tone(self) -> Path:
        return self.folder / "question.wav"


class Bench:
    """Asterisk, provider and employees, and a desk that can be killed: `memory` stays."""

    def __init__(self, folder: Path) -> None:
        self.provider = Sipp.provider(folder / "provider")
        self.employees = Sipp.employees(folder / "employees")
        self.pbx = Pbx(folder / "pbx", provider_port=self.provider.port, employees_port=self.employees.port)
        self.memory = Memory()
        self.max_call_s = MAX_CALL_S
        self._folder = folder
        self._ports = PortBlock(udp_ports=0, tcp_ports=1)
        self._agi: FastAgiServer | None = None
        self._listening: asyncio.Task[None] | None = None
        self._next_id = 1

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Bench"]:
        async with AsyncExitStack() as stack:
            stack.callback(self._ports.release)
            for part in (self.provider, self.employees, self.pbx):
                part.workdir.mkdir(parents=True, exist_ok=True)
                stack.push_async_callback(part.close)
                await part.start()
            sounds = self.pbx.workdir / "sounds"
            sounds.mkdir()
            self.recordings = self.pbx.workdir / "recordings"
            self.recordings.mkdir()
            self.sounds = Sounds(sounds)
            stack.push_async_callback(self.kill)
            await self.start()
            yield self

    async def start(self) -> None:
        """A desk that knows what the one before had stored: that a talk has begun is not."""
        for attempt_id, attempt in self.memory.attempts.items():
            self.memory.attempts[attempt_id] = attempt._replace(talking=False)
        self.desk = Desk(self.memory)
        ready = asyncio.Event()
        self._agi = FastAgiServer(
            "127.0.0.1", self._ports.port(1), self.desk, self.sounds, recordings=self.recordings, dialogue_limit_s=20
        )
        await self._agi.start()
        client = AmiClient("127.0.0.1", self.pbx.ami_port, self.pbx.ami_username, self.pbx.ami_secret)
        self.spool = Spool(self.pbx.spool_dir)
        self.link = PbxLink(
            client,
            self.desk,
            self.spool,
            Presence(client, "internal"),
            contexts=("outgoing", "internal"),
            on_ready=lambda is_ready: ready.set() if is_ready else ready.clear(),
        )
        self.link.listens_for_machines = lambda: True
        self._listening = asyncio.create_task(self.link.run())
        await wait_until(ready.is_set, f"the link is ready: {self.link.trouble}")

    async def kill(self) -> None:
        """Every connection of the desk breaks, as in a crash."""
        listening, self._listening = self._listening, None
        if listening is not None and self._agi is not None:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await self._agi.close()

    def begin(self, phone: str, inner_num: str = "", **fields: object) -> int:
        """Put a call file into the spool; returns its attempt."""
        kind = InnerNumType.EXTEN if inner_num else InnerNumType.POLLING
        attempt_id, self._next_id = self._next_id, self._next_id + 1
        order = replace(CallOrder(attempt_id, 1, phone, "", inner_num, kind), **fields)  # type: ignore[arg-type]
        self.memory.orders[attempt_id] = order
        attempt = Attempt(attempt_id, 1, kind, callback=order.callback)
        self.memory.attempts[attempt_id] = apply_event(attempt, CallFileWritten())
        settings = CallFileSettings(
            f"127.0.0.1:{self._ports.port(1)}", "outgoing", "internal", RING_S, self.max_call_s, self.recordings
        )
        self.spool.put(attempt_id, render_call_file(order, settings))
        return attempt_id

    def attempt(self, attempt_id: int) -> Attempt:
        return self.memory.attempts[attempt_id]

    async def ended(self, attempt_id: int, timeout_s: float = 40.0) -> Verdict:
        """The result of the attempt, when it has one."""
        await wait_until(lambda: self.attempt(attempt_id).closed, f"the end of attempt {attempt_id}", timeout_s)
        verdict = self.attempt(attempt_id).verdict
        assert verdict is not None
        return verdict

    async def call(self, phone: str, inner_num: str = "", **fields: object) -> Attempt:
        """Place a call; returns its attempt when it is closed."""
        attempt_id = self.begin(phone, inner_num, **fields)
        await self.ended(attempt_id)
        return self.attempt(attempt_id)
