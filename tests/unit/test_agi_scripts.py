"""FastAGI around a talk: a callback's second question, an employee for who has answered, a machine's message."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest
import pytest_asyncio

from agi.server import FastAgiServer
from agi.session import AgiSession
from dialer.model.flow import Flow, Prompt, PromptError
from dialer.model.progress import Progress
from tests.rig.ports import PortBlock
from tests.rig.waiting import wait_until


class Desk:
    """Answers as the tests want it, and is its own voice."""

    def __init__(self) -> None:
        self.holds = True
        self.employee: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.apology: Prompt | None = Prompt("sorry")
        self.message: Prompt | None = Prompt("message")
        self.asked: list[tuple[int, str]] = []
        self.cancelled = False
        self.joined: list[tuple[int, str, str]] = []
        self.turn: asyncio.Future[None] | None = None

    def task_of(self, attempt_id: int) -> int | None:
        return 7

    def turn_of(self, attempt_id: int) -> Awaitable[None] | None:
        return self.turn

    async def claim(self, attempt_id: int, linked_id: str, verbose_call_id: str) -> bool:
        self.asked.append((attempt_id, linked_id))
        return True

    async def still_claimed(self, attempt_id: int, linked_id: str) -> bool:
        self.asked.append((attempt_id, linked_id))
        return self.holds

    async def find_employee(self, attempt_id: int, linked_id: str) -> bool:
        self.asked.append((attempt_id, linked_id))
        try:
            return await self.employee
        except asyncio.CancelledError:
            self.cancelled = True
            raise

    def employee_joined(self, attempt_id: int, linked_id: str, telephone: str, *, is_goal: bool) -> None:
        self.joined.append((attempt_id, linked_id, telephone))

    def apology_of(self, attempt_id: int) -> Prompt | None:
        return self.apology

    def message_of(self, attempt_id: int, linked_id: str) -> Prompt | None:
        return self.message

    async def begin_dialogue(self, attempt_id: int, linked_id: str) -> Flow | None:
        return None

    async def end_dialogue(self, attempt_id: int, *, finished: bool) -> None: ...

    async def keep_answer(
        self, attempt_id: int, question_id: str, result: str, keys: str, *, mail_to: str = "", refuses: bool = False
    ) -> bool:
        return True

    def reached_goal(self, attempt_id: int) -> None:
        raise AssertionError

    def tell_progress(self, attempt_id: int, progress: Progress, **details: str) -> None:
        raise AssertionError

    async def fetch(self, prompt: Prompt, patience_s: float | None = None) -> Path:
        if prompt.text == "broken":
            raise PromptError("broken")
        return Path(f"/sounds/{prompt.text}.wav")

    async def melody(self, prompt: Prompt) -> str:
        raise AssertionError

    def tone(self) -> Path:
        raise AssertionError


class Asterisk:
    """The other end: runs one script, answers every verb with success."""

    def __init__(self, desk: Desk, server: FastAgiServer, port: int) -> None:
        self.desk = desk
        self.server = server
        self.port = port

    async def begin(self, script: str, *more: str) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        arguments = "".join(f"agi_arg_{place}: {one}\n" for place, one in enumerate(("17", "rig-1.2", *more), 1))
        self._writer.write(f"agi_network_script: {script}\n{arguments}\n".encode())

    def say(self, line: str) -> None:
        self._writer.write(f"{line}\n".encode())

    async def verbs(self) -> list[str]:
        """What the script says until it closes."""
        said = []
        while line := await self._reader.readline():
            said.append(line.decode().strip())
            self.say("200 result=0 endpos=8000")
        self._writer.close()
        return said

    async def run(self, script: str, *more: str) -> list[str]:
        await self.begin(script, *more)
        return await self.verbs()


@pytest_asyncio.fixture
async def asterisk(tmp_path: Path) -> AsyncIterator[Asterisk]:
    desk, ports = Desk(), PortBlock(udp_ports=0, tcp_ports=1)
    server = FastAgiServer("127.0.0.1", ports.port(1), desk, desk, recordings=tmp_path, dialogue_limit_s=120)
    await server.start()
    yield Asterisk(desk, server, ports.port(1))
    await server.close()
    ports.release()


async def test_a_call_that_stands_by_is_answered_in_its_turn(asterisk: Asterisk) -> None:
    asterisk.desk.turn = asyncio.get_running_loop().create_future()
    waited: list[float] = []
    asterisk.server.on_reply = lambda script, waited_s: waited.append(waited_s)
    await asterisk.begin("claim", "C-1")
    await wait_until(lambda: asterisk.server.sessions == 1, "the question")
    assert asterisk.desk.asked == []
    asterisk.desk.turn.set_result(None)
    assert await asterisk.verbs() == ['SET VARIABLE AUTODIALER_CLAIM "granted"']
    assert asterisk.desk.asked == [(17, "rig-1.2")]
    assert len(waited) == 1


async def test_a_call_that_hangs_up_while_it_stands_by_gets_no_leave(
    asterisk: Asterisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AgiSession, "is_there", False)
    ends: list[str] = []
    asterisk.server.on_end = lambda script, end: ends.append(end)
    asterisk.desk.turn = asyncio.get_running_loop().create_future()
    asterisk.desk.turn.set_result(None)
    assert await asterisk.run("claim", "C-1") == []
    assert ends == ["hung_up"]
    assert asterisk.desk.asked == []


@pytest.mark.parametrize(("holds", "word"), [(True, "granted"), (False, "refused")])
async def test_whether_a_callbacks_leave_holds_is_answered_like_a_claim(
    asterisk: Asterisk, holds: bool, word: str
) -> None:
    asterisk.desk.holds = holds
    assert await asterisk.run("still") == [f'SET VARIABLE AUTODIALER_CLAIM "{word}"']
    assert asterisk.desk.asked == [(17, "rig-1.2")]


async def test_a_leg_whose_employee_was_found_goes_on_without_a_word(asterisk: Asterisk) -> None:
    asterisk.desk.employee.set_result(True)
    assert await asterisk.run("employee") == []
    assert asterisk.desk.asked == [(17, "rig-1.2")]


async def test_who_finds_nobody_is_abandoned_before_the_apology_is_played(asterisk: Asterisk) -> None:
    asterisk.desk.employee.set_result(False)
    assert await asterisk.run("employee") == [
        'SET VARIABLE AUTODIALER_DIALOGUE "abandoned"',
        'STREAM FILE /sounds/sorry ""',
        'SET VARIABLE AUTODIALER_DIALOGUE "apologised"',
    ]


@pytest.mark.parametrize("apology", [None, Prompt("broken")])
async def test_without_an_apology_that_can_be_played_the_leg_is_only_abandoned(
    asterisk: Asterisk, apology: Prompt | None
) -> None:
    asterisk.desk.employee.set_result(False)
    asterisk.desk.apology = apology
    assert await asterisk.run("employee") == ['SET VARIABLE AUTODIALER_DIALOGUE "abandoned"']
    assert (asterisk.server.trouble is None) is (apology is None)


@pytest.mark.parametrize("how", ["HANGUP", "closed"])
async def test_who_hangs_up_while_an_employee_is_looked_for_is_not_looked_for_any_more(
    asterisk: Asterisk, how: str
) -> None:
    await asterisk.begin("employee")
    await wait_until(lambda: asterisk.desk.asked, "an employee is looked for")
    if how == "closed":
        asterisk._writer.close()
    else:
        asterisk.say(how)
        assert await asterisk.verbs() == []
    await wait_until(lambda: asterisk.server.sessions == 0, "the session has ended")
    assert asterisk.desk.cancelled


async def test_an_employee_who_has_answered_is_told_before_the_talk_begins(asterisk: Asterisk) -> None:
    assert await asterisk.run("joined", "79001112233") == []
    assert asterisk.desk.joined == [(17, "rig-1.2", "79001112233")]


async def test_a_message_is_played_and_then_told(asterisk: Asterisk) -> None:
    assert await asterisk.run("message") == [
        'STREAM FILE /sounds/message ""',
        'SET VARIABLE AUTODIALER_DIALOGUE "message"',
    ]


async def test_a_message_that_cannot_be_played_is_told(asterisk: Asterisk) -> None:
    asterisk.desk.message = Prompt("broken")
    assert await asterisk.run("message") == ['SET VARIABLE AUTODIALER_DIALOGUE "unspoken"']
    assert "broken" in (asterisk.server.trouble or "")


async def test_no_message_no_verb(asterisk: Asterisk) -> None:
    asterisk.desk.message = None
    assert await asterisk.run("message") == []


async def test_what_is_left_at_the_end_ends_without_a_fault(
    asterisk: Asterisk, caplog: pytest.LogCaptureFixture
) -> None:
    """Amid a script, and before its first line."""
    ends: list[str] = []
    asterisk.server.on_end = lambda _script, end: ends.append(end)
    await asterisk.begin("employee")
    silent_reader, silent = await asyncio.open_connection("127.0.0.1", asterisk.port)
    await wait_until(lambda: asterisk.desk.asked and asterisk.server.sessions == 2, "both are being served")
    await asterisk.server.close()
    assert asterisk.server.sessions == 0
    assert asterisk.desk.cancelled
    assert await asterisk.verbs() == []
    assert await silent_reader.read() == b""
    silent.close()
    assert ends == ["failed", "failed"]
    assert caplog.records == []
