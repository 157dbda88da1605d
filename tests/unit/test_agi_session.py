"""The FastAGI protocol at its edges: what a real Asterisk sends rarely, and clients that close at any byte."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from agi.connections import Connection
from agi.server import FastAgiServer
from agi.session import AgiError, AgiSession, HungUpError, UnplayableError, UnstoredError
from dialer.model.flow import Flow, Prompt
from dialer.model.progress import Progress
from tests.rig.ports import PortBlock
from tests.rig.waiting import wait_until

ENVIRONMENT = (
    b"agi_network: yes\nagi_network_script: claim\nagi_request: agi://127.0.0.1/claim\n"
    b"agi_arg_1: 17\nagi_arg_2: rig-1.2\nagi_arg_3: [C-0000001b]\n\n"
)


class Wire:
    """A session over a socket pair; `asterisk` is the other end."""

    async def __aenter__(self) -> "Wire":
        loop = asyncio.get_running_loop()
        accepted: asyncio.Future[Connection] = loop.create_future()
        self._server = await loop.create_server(lambda: Connection(accepted.set_result), "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.reader, self.asterisk = await asyncio.open_connection(host, port)
        self.connection = await accepted
        self.session, self.transport = AgiSession(self.connection), self.connection.transport
        return self

    async def __aexit__(self, *_: object) -> None:
        self.asterisk.close()
        self.transport.close()
        self._server.close()


async def test_environment_is_read() -> None:
    async with Wire() as wire:
        wire.asterisk.write(ENVIRONMENT)
        await wire.session.read_environment()
        assert wire.session.script == "claim"
        assert [wire.session.argument(number) for number in (1, 2, 3, 4)] == ["17", "rig-1.2", "[C-0000001b]", ""]


@pytest.mark.parametrize("end", [lambda peer: peer.write(b"HANGUP\n"), lambda peer: peer.close()])
async def test_a_channel_that_leaves_unasked_is_not_there(end: Callable[[asyncio.StreamWriter], None]) -> None:
    async with Wire() as wire:
        wire.asterisk.write(ENVIRONMENT)
        await wire.session.read_environment()
        assert wire.session.is_there
        end(wire.asterisk)
        await wait_until(lambda: not wire.session.is_there, "its end is heard")


async def test_a_hangup_line_between_replies_is_skipped() -> None:
    async with Wire() as wire:
        wire.asterisk.write(b"HANGUP\n200 result=0\n200 result=49\n")
        await wire.session.set_variable("A", "b")
        assert await wire.session.wait_for_key(1) == "1"


@pytest.mark.parametrize("reply", [b"200 result=-1\n", b"511 Command Not Permitted on a dead channel\n", b""])
async def test_every_way_of_hanging_up_is_noticed(reply: bytes) -> None:
    async with Wire() as wire:
        wire.asterisk.write(reply * 2)
        if not reply:
            wire.asterisk.close()
        with pytest.raises(HungUpError):
            await wire.session.play("/sounds/a")


async def test_a_file_that_asterisk_does_not_see_is_told_from_a_hangup() -> None:
    async with Wire() as wire:
        wire.asterisk.write(b"200 result=-1 endpos=0\n200 result=6\n")
        with pytest.raises(UnplayableError, match="/sounds/a"):
            await wire.session.play("/sounds/a")


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        (b"200 result=49 endpos=0\n", "1"),
        (b"200 result=35 endpos=64000\n", "#"),
        (b"200 result=0 endpos=64000\n200 result=6\n", ""),
        (b"200 result=0 endpos=64000\nHANGUP\n511 Command Not Permitted on a dead channel\n", HungUpError),
        (b"200 result=0 endpos=0\n200 result=6\n", UnplayableError),
        (b"200 result=-1 endpos=0\n511 Command Not Permitted on a dead channel\n", HungUpError),
        (b"200 result=-1 endpos=800\n200 result=6\n", HungUpError),
    ],
)
async def test_a_question_is_answered_or_not_or_left(replies: bytes, expected: str | type[Exception]) -> None:
    """A hang-up amid the wait is told as silence is: a key that is assumed must not be the answer of who has gone."""
    async with Wire() as wire:
        wire.asterisk.write(replies)
        if isinstance(expected, str):
            assert await wire.session.ask("/sounds/a", 2.5) == expected
        else:
            with pytest.raises(expected):
                await wire.session.ask("/sounds/a", 2.5)
        assert await wire.reader.readline() == b'GET OPTION /sounds/a "#*0123456789" 2500\n'


@pytest.mark.parametrize(
    "reply", [b"510 Invalid or unknown command\n", b"520-Invalid\nUsage: x\n520 End\n", b"what?\n"]
)
async def test_nonsense_is_an_error(reply: bytes) -> None:
    async with Wire() as wire:
        wire.asterisk.write(reply)
        with pytest.raises(AgiError):
            await wire.session.play("/sounds/a")


async def test_who_writes_faster_than_we_read_is_read_to_the_end() -> None:
    async with Wire() as wire:
        wire.asterisk.write((b"200 result=49 " + b"x" * 10_000 + b"\n") * 40)
        assert [await wire.session.wait_for_key(1) for _ in range(40)] == ["1"] * 40


async def test_who_will_say_no_more_still_hears_us() -> None:
    async with Wire() as wire:
        wire.asterisk.write(b"200 result=0\n")
        wire.asterisk.write_eof()
        await wire.session.set_variable("A", "b")
        with pytest.raises(HungUpError):
            await wire.session.set_variable("C", "d")
        assert [await wire.reader.readline() for _ in range(2)] == [b'SET VARIABLE A "b"\n', b'SET VARIABLE C "d"\n']


async def test_who_leaves_our_commands_unread_has_hung_up() -> None:
    async with Wire() as wire:
        wire.connection.pause_writing()  # asyncio: 64 KiB wait to be sent
        with pytest.raises(HungUpError):
            await wire.session.set_variable("A", "b")


@pytest.mark.parametrize("value", ['a"b', "a b", "a\nb", "${X}", "$[1]", "ж", "a,b", "a\\b"])
async def test_no_value_breaks_out_of_a_verb(value: str) -> None:
    async with Wire() as wire:
        with pytest.raises(ValueError, match="plain value of a variable"):
            await wire.session.set_variable("NAME", value)
        with pytest.raises(ValueError):
            await wire.session.play(f"/sounds/{value}\n")


@pytest.mark.parametrize(
    ("reply", "recorded"),
    [
        (b"200 result=0 (timeout) endpos=16000", True),
        (b"200 result=35 (dtmf) endpos=16000", True),
        (b"200 result=0 (timeout) endpos=0", True),
        (b"200 result=-1 (hangup) endpos=16000", True),
        (b"200 result=-1 (hangup) endpos=800", False),
        (b"200 result=-1 (waitfor) endpos=", False),
    ],
)
async def test_a_recording_ends_by_silence_a_key_or_a_hang_up(reply: bytes, recorded: bool) -> None:
    async with Wire() as wire:
        wire.asterisk.write(reply + b"\n")
        assert await wire.session.record("/rec/a", 10, 3.0) is recorded
        command = await wire.reader.readline()
    assert command == b'RECORD FILE /rec/a wav "#*0123456789" 10000 s=3\n'


async def test_a_recording_that_asterisk_cannot_write_is_the_administrators_to_mend() -> None:
    async with Wire() as wire:
        wire.asterisk.write(b"200 result=-1 (writefile)\n")
        with pytest.raises(UnstoredError, match="recordings_dir"):
            await wire.session.record("/rec/a", 10, 3.0)


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        (b"200 result=1 (ANSWER)", "ANSWER"),
        (b"200 result=1 ()", ""),
        (b"200 result=0", ""),
        (b"200 result=1 (a (b) c)", "a (b) c"),
        (b"200 result=1", ""),
    ],
)
async def test_a_variable_that_is_not_set_is_empty(reply: bytes, value: str) -> None:
    async with Wire() as wire:
        wire.asterisk.write(reply + b"\n")
        assert await wire.session.variable("DIALSTATUS") == value
        assert await wire.reader.readline() == b"GET VARIABLE DIALSTATUS\n"


@pytest.mark.parametrize("name", ["", "a", "X}", "CDR(x)", "A B", 'A"'])
async def test_no_other_name_than_a_plain_one_is_asked_for(name: str) -> None:
    async with Wire() as wire:
        with pytest.raises(ValueError, match="name of a variable"):
            await wire.session.variable(name)


VARIABLES = {"AUTODIALER_CALL": "rig-1.2", "DIALSTATUS": "ANSWER", "HANGUPCAUSE": "16"}


async def said_to(wire: Wire, replies: dict[str, str]) -> list[str]:
    """Answer as Asterisk would until the session's end closes: variables by `replies`, every other verb by success."""
    said = []
    while line := (await wire.reader.readline()).decode().strip():
        said.append(line)
        name = line.removeprefix("GET VARIABLE ")
        value = replies.get(name) if name != line else None
        wire.asterisk.write(b"200 result=0\n" if value is None else f"200 result=1 ({value})\n".encode())
    return said


@pytest.mark.parametrize(("melody", "music"), [("", ""), ("autodialer-0f", "m(autodialer-0f)")])
async def test_an_employee_is_dialled_with_what_the_subscriber_hears_meanwhile(melody: str, music: str) -> None:
    async with Wire() as wire:
        answering = asyncio.create_task(said_to(wire, VARIABLES))
        assert await wire.session.dial("+79001112233", 25, 17, melody) == ("ANSWER", "16")
        wire.transport.close()
        assert await answering == [
            "GET VARIABLE AUTODIALER_CALL",
            f"EXEC Dial Local/+79001112233@autodialer-employee/n,25,g{music}"
            "U(autodialer-joined^17^rig-1.2^+79001112233)",
            "GET VARIABLE DIALSTATUS",
            "GET VARIABLE HANGUPCAUSE",
        ]


async def test_who_hangs_up_amid_the_talk_is_gone() -> None:
    async with Wire() as wire:
        wire.asterisk.write(b"200 result=1 (rig-1.2)\nHANGUP\n200 result=-1\n")
        with pytest.raises(HungUpError):
            await wire.session.dial("201", 25, 17)


@pytest.mark.parametrize("telephone", ["", "201,60", "201@internal", "201^x", "SIP/201", "201)", "x" * 40])
async def test_nothing_but_a_number_is_dialled(telephone: str) -> None:
    async with Wire() as wire:
        wire.asterisk.write(b"200 result=1 (rig-1.2)\n" * 2)
        with pytest.raises(ValueError, match="expected, got"):
            await wire.session.dial(telephone, 25, 17)
        with pytest.raises(ValueError, match="context name"):
            await wire.session.dial("201", 25, 17, "m)U(evil")


@pytest.mark.parametrize("call", ["a^b", "a b", "a)", "$X"])
async def test_a_call_whose_id_is_odd_is_not_dialled_for(call: str) -> None:
    async with Wire() as wire:
        wire.asterisk.write(f"200 result=1 ({call})\n".encode())
        with pytest.raises(ValueError, match="plain value of a variable"):
            await wire.session.dial("201", 25, 17)


@pytest.mark.parametrize(
    ("variables", "verbs"),
    [
        (
            {"AUTODIALER_RECORD": "/rec/talk-17.wav"},
            [
                "GET VARIABLE AUTODIALER_RECORDS",
                'SET VARIABLE AUTODIALER_RECORDS "1"',
                "EXEC MixMonitor /rec/talk-17.wav,b",
            ],
        ),
        ({}, []),
        ({"AUTODIALER_RECORD": "/rec/a.wav", "AUTODIALER_RECORDS": "1"}, ["GET VARIABLE AUTODIALER_RECORDS"]),
    ],
    ids=["asked for", "not asked for", "already on"],
)
async def test_a_talk_is_recorded_once_when_the_call_file_says_so(variables: dict[str, str], verbs: list[str]) -> None:
    async with Wire() as wire:
        answering = asyncio.create_task(said_to(wire, variables))
        await wire.session.record_talk()
        wire.transport.close()
        assert await answering == ["GET VARIABLE AUTODIALER_RECORD", *verbs]


class Desk:
    """Grants everything; remembers what it was asked."""

    def __init__(self) -> None:
        self.claims: list[tuple[int, str, str]] = []

    def task_of(self, attempt_id: int) -> int | None:
        return 7

    def turn_of(self, attempt_id: int) -> None:
        return None

    async def claim(self, attempt_id: int, linked_id: str, verbose_call_id: str) -> bool:
        self.claims.append((attempt_id, linked_id, verbose_call_id))
        return True

    async def still_claimed(self, attempt_id: int, linked_id: str) -> bool:
        return True

    async def find_employee(self, attempt_id: int, linked_id: str) -> bool:
        return False

    def employee_joined(self, attempt_id: int, linked_id: str, telephone: str, *, is_goal: bool) -> None:
        raise AssertionError

    def apology_of(self, attempt_id: int) -> Prompt | None:
        return None

    def message_of(self, attempt_id: int, linked_id: str) -> Prompt | None:
        return None

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
        raise AssertionError

    async def melody(self, prompt: Prompt) -> str:
        raise AssertionError

    def tone(self) -> Path:
        raise AssertionError


async def test_a_client_that_closes_at_any_byte_costs_nothing(tmp_path: Path) -> None:
    desk, ports = Desk(), PortBlock(udp_ports=0, tcp_ports=1)
    server = FastAgiServer("127.0.0.1", ports.port(1), desk, desk, recordings=tmp_path, dialogue_limit_s=120)
    await server.start()
    for length in range(len(ENVIRONMENT)):
        _, writer = await asyncio.open_connection("127.0.0.1", ports.port(1))
        writer.write(ENVIRONMENT[:length])
        writer.close()
        await writer.wait_closed()
    await wait_until(lambda: server.sessions == 0, "every session has ended")
    assert desk.claims == []
    reader, writer = await asyncio.open_connection("127.0.0.1", ports.port(1))
    writer.write(ENVIRONMENT)
    assert await reader.readline() == b'SET VARIABLE AUTODIALER_CLAIM "granted"\n'
    writer.write(b"200 result=1\n")
    assert await reader.read() == b""
    writer.close()
    assert desk.claims == [(17, "rig-1.2", "[C-0000001b]")]
    await server.close()
    ports.release()
