"""FastAGI: any bytes at all, to the real server and its session."""

import asyncio
import re
import zlib
from pathlib import Path

from agi.server import FastAgiServer
from dialer.model.flow import Ask, Connect, Flow, Hunt, Keep, Prompt, Reach, Record, Say
from dialer.model.progress import Progress
from dialer.model.safe import KEYS
from tests.fuzz.loops import TimelessLoop, run_timeless

A_DAY_S = 86_400.0
_SOUND = "/sounds/[a-z]+"
VERB = re.compile(
    rf'STREAM FILE {_SOUND} "[0-9*#]*"|GET OPTION {_SOUND} "[0-9*#]+" [0-9]+|CHANNEL STATUS'
    r"|WAIT FOR DIGIT [0-9]+|SET AUTOHANGUP [0-9]+"
    r'|RECORD FILE /nowhere/answer-[0-9]+-[0-9a-f]{16} wav "#\*0123456789" [0-9]+ s=3'
    r'|SET VARIABLE [A-Z_]+ "[a-z0-9]*"|GET VARIABLE [A-Z_]+|EXEC MixMonitor /[A-Za-z0-9._/-]+,b'
    r"|EXEC Dial Local/[0-9]+@autodialer-employee/n,9,gm\(autodialer-1\)"
    r"U\(autodialer-joined\^[0-9]+\^[A-Za-z0-9*#._+-]*\^[0-9]+\^goal\)"
)
FLOW = Flow(
    "hello",
    {
        "hello": Say(Prompt("Здравствуйте"), "first", {"9": "hunt"}),
        "first": Ask(Prompt("Один или двенадцать?"), {"1": "one", "12": "twelve", "#": "say"}, 5.0, "1"),
        "one": Keep("1", None, "second"),
        "twelve": Keep("1", "двенадцать", "second"),
        "second": Ask(Prompt(""), {"*": "say", "0": "end"}, 0.1, "0"),
        "say": Record("2", 10, "goal"),
        "goal": Reach("hunt"),
        "hunt": Hunt(("203", "89520000001"), 9, "end", "last", Prompt("Ждите"), "79520000002", reaches_goal=True),
        "last": Ask(Prompt("Ещё?"), {"1": "end"}, 1.0, most_times=2, otherwise="end"),
        "end": Connect("201"),
    },
)


class Desk:
    """Decides about attempts as the bytes want it, and notes what it is told."""

    def __init__(self, luck: int) -> None:
        self._luck = luck
        self.claims: list[tuple[int, str, str]] = []
        self.begun: list[int] = []
        self.ended: list[int] = []

    def task_of(self, attempt_id: int) -> int | None:
        return 7

    def turn_of(self, attempt_id: int) -> None:
        return None

    async def claim(self, attempt_id: int, linked_id: str, verbose_call_id: str) -> bool:
        assert 0 <= attempt_id < 10**19
        assert "\n" not in linked_id + verbose_call_id
        self.claims.append((attempt_id, linked_id, verbose_call_id))
        await asyncio.sleep(0)
        return bool(self._luck & 1)

    async def still_claimed(self, attempt_id: int, linked_id: str) -> bool:
        await asyncio.sleep(0)
        return bool(self._luck & 1)

    async def find_employee(self, attempt_id: int, _linked_id: str) -> bool:
        await asyncio.sleep(self._luck & 7)
        return bool(self._luck & 1)

    def apology_of(self, attempt_id: int) -> Prompt | None:
        return Prompt("Все заняты") if self._luck & 2 else None

    def message_of(self, attempt_id: int, _linked_id: str) -> Prompt | None:
        return Prompt("Перезвоните") if self._luck & 4 else None

    async def begin_dialogue(self, attempt_id: int, _linked_id: str) -> Flow | None:
        if not self._luck & 2 and attempt_id == 0:
            return None
        self.begun.append(attempt_id)
        return FLOW

    async def end_dialogue(self, attempt_id: int, *, finished: bool) -> None:
        assert isinstance(finished, bool)
        self.ended.append(attempt_id)

    def reached_goal(self, attempt_id: int) -> None:
        assert attempt_id == self.begun[-1]

    def tell_progress(self, attempt_id: int, progress: Progress, **details: str) -> None:
        assert attempt_id == self.begun[-1]
        assert set(details.get("key", "")) <= KEYS

    def employee_joined(self, attempt_id: int, _linked_id: str, _telephone: str, *, is_goal: bool) -> None:
        assert 0 <= attempt_id < 10**19

    async def keep_answer(
        self, attempt_id: int, question_id: str, result: str, keys: str, *, mail_to: str = "", refuses: bool = False
    ) -> bool:
        assert attempt_id == self.begun[-1]
        assert set(keys) <= KEYS
        expected = {"1": r"1|12|двенадцать|#?", "2": r"answer-[0-9]+-[0-9a-f]{16}\.wav"}[question_id]
        assert re.fullmatch(expected, result), result
        return bool(self._luck & 12)

    async def fetch(self, prompt: Prompt, _patience_s: float | None = None) -> Path:
        assert not prompt.silent
        return Path("/sounds/a.wav")

    async def melody(self, prompt: Prompt) -> str:
        assert not prompt.silent
        return "autodialer-1"

    def tone(self) -> Path:
        return Path("/sounds/tone.wav")


def check_agi(data: bytes) -> None:
    """The server takes leave of every client within its time, in its own words, and asks Asterisk for nothing but what
    it means to."""
    run_timeless(lambda loop: _serve(loop, data), "agi")


async def _serve(loop: TimelessLoop, data: bytes) -> None:
    luck = zlib.crc32(data)
    desk = Desk(luck)
    server = FastAgiServer("", 0, desk, desk, recordings=Path("/nowhere"), dialogue_limit_s=120)
    await server.start()
    wire = await loop.accept()
    await wire.feed(data)
    if luck & 16:  # silence: every verb but one has its time, and that one ends with the connection
        await asyncio.wait([asyncio.ensure_future(wire.closed.wait())], timeout=A_DAY_S)
    wire.feed_eof()
    async with asyncio.timeout(A_DAY_S):
        await wire.closed.wait()
    await asyncio.sleep(0)
    assert server.sessions == 0
    assert desk.ended == desk.begun
    for verb in wire.written.decode("ascii").splitlines():
        assert VERB.fullmatch(verb), verb
    await server.close()
