"""Text never becomes code: nothing that is said to Asterisk has a second header, action, variable or expression."""

import ast
import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agi.connections import Connection
from agi.session import AgiSession
from dialer.dispatch.callfile import CallFileSettings, Spool, render_call_file
from dialer.model import safe
from dialer.model.call import CallOrder
from dialer.model.safe import UnsafeValueError
from dialer.model.task import InnerNumType
from dialer.pbx.ami import AmiClient, AmiState
from tests.rig.waiting import wait_until

REPO = Path(__file__).resolve().parents[2]
PIECES = [
    "\n", "\r", "\r\n", "\n\n", "\r\n\r\n", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029", "\0", "\x7f", "\x1b",
    "|", ",", ";", "&", "\\", '"', "'", "`", "$", "${", "}", "$[", "]", "${EPOCH}", "$[1+1]", "${SHELL(reboot)}",
    "(", ")", "<", ">", "/", "..", "@", "%", "~", "^", "!", "?", "=", ":", " ", "\t",
    "٣", "１", "७", "Ω", "Анна", "é", "\ud800", "\U0001f600", "A", "x", "7952", "0", "*", "#", "+",
    "Setvar: X=1", "Application: System", "\r\nAction: Originate", "EXEC System reboot", "HANGUP", "7" * 2000,
]  # fmt: skip
hostile = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=6).map("".join),
    st.tuples(st.sampled_from(["79522233446", "201", "/var/sounds/a"]), st.sampled_from(PIECES)).map("".join),
    st.text(max_size=80),
    st.from_regex(r"[0-9*#+]{0,20}", fullmatch=True),
)
GOOD_ORDER = CallOrder(
    7,
    1_000_000_001,
    "79522233446",
    "999",
    "300",
    InnerNumType.EXTEN,
    None,
    "talk-7-0123456789abcdef.wav",
    caller_id="74951234567",
)
GOOD_SETTINGS = CallFileSettings("127.0.0.1:4573", "outgoing", "internal", 45, 14_400, Path("/var/rec"))
IN_A_CALL_FILE = r"[A-Za-z0-9 :/@_=.*#+\[\]-]"
FORBIDDEN = frozenset("$`{}\\|&\0\r")


def names_in(text: str) -> list[str]:
    """Headers, and the variables that are set."""
    lines = [line.split(": ", 1) for line in text.removesuffix("\n").split("\n")]
    return [value.split("=")[0] if name == "Setvar" else name for name, value in lines]


GOOD_NAMES = names_in(render_call_file(GOOD_ORDER, GOOD_SETTINGS))


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(("phone", "dialled", "dial_prefix", "inner_num", "recording", "caller_id"), hostile),
    ),
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(("agi_address", "outgoing_context", "internal_context", "dial_prefix"), hostile),
    ),
)
@settings(max_examples=500)
def test_a_call_file_has_the_lines_it_is_to_have_whatever_the_values(
    of_order: dict[str, str], of_settings: dict[str, str]
) -> None:
    try:
        text = render_call_file(replace(GOOD_ORDER, **of_order), replace(GOOD_SETTINGS, **of_settings))  # type: ignore[arg-type]
    except UnsafeValueError:
        return
    assert names_in(text) == GOOD_NAMES
    for line in text.removesuffix("\n").split("\n"):
        assert re.fullmatch(f"{IN_A_CALL_FILE}{{1,200}}", line, re.ASCII)


def test_every_text_of_an_order_is_tried_above() -> None:
    texts = {field.name for field in fields(CallOrder) if field.type in (str, str | None)}
    # the zone reaches no call file
    assert texts == {"phone", "dialled", "dial_prefix", "inner_num", "recording", "caller_id", "zone"}


@given(st.lists(st.one_of(hostile, st.just("Priority: 1")), min_size=1, max_size=4).map("\n".join))
@settings(max_examples=200)
def test_a_spool_takes_plain_lines_only(text: str) -> None:
    with TemporaryDirectory() as folder:
        outgoing = Path(folder, "outgoing")
        outgoing.mkdir()
        try:
            Spool(outgoing).put(7, text)
        except UnsafeValueError:
            assert list(outgoing.iterdir()) == []
            return
        (written,) = outgoing.iterdir()
        content = written.read_bytes().decode("ascii")
        assert content == f"{text.removesuffix(chr(10))}\n"
        assert not FORBIDDEN & set(content)


class Ear:
    """The other end of a connection: keeps what is said, and answers each piece of it."""

    def __init__(self, greeting: bytes, end: bytes, answer: Callable[[bytes], bytes]) -> None:
        self._greeting, self._end, self._answer = greeting, end, answer
        self.heard: list[bytes] = []
        self.port = 0
        self._listening: list[asyncio.Task[object]] = []

    async def __aenter__(self) -> "Ear":
        self._server = await asyncio.start_server(self._listen, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await asyncio.wait_for(asyncio.gather(*self._listening), 5)

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is not None:
            self._listening.append(task)
        writer.write(self._greeting)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                piece = await reader.readuntil(self._end)
                self.heard.append(piece)
                writer.write(self._answer(piece))
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def ami_answer(action: bytes) -> bytes:
    found = re.search(rb"ActionID: (\S+)", action)
    booted = b"Event: FullyBooted\r\n\r\n" if b"Action: Login" in action else b""
    return b"Response: Success\r\nActionID: " + (found.group(1) if found else b"") + b"\r\n\r\n" + booted


async def say_to_ami(values: list[tuple[str, str]], *, tells: bool) -> tuple[list[bytes], int]:
    """What an AMI hears, and how many actions were let through. `tells`: two at a time, nobody asks for the answers."""
    sent = 0
    async with Ear(b"Asterisk Call Manager/9.0.0\r\n", b"\r\n\r\n", ami_answer) as ear:
        client = AmiClient("127.0.0.1", ear.port, "autodialer", "secret")
        client.start()
        try:
            await wait_until(lambda: client.state is AmiState.READY, "logged in")
            for action, value in values:
                fields = {"Action": action, "Key": value}
                with contextlib.suppress(UnsafeValueError):
                    if tells:
                        await client.tell([{"Action": "Ping", "Key": "1"}, fields])
                        sent += 2
                    else:
                        await client.action(fields)
                        sent += 1
        finally:
            client.close()
        return ear.heard[1:], sent


@given(st.lists(st.tuples(st.one_of(st.just("DBDel"), hostile), hostile), min_size=1, max_size=8))
@settings(max_examples=60)
@pytest.mark.parametrize("tells", [False, True])
def test_an_ami_action_is_one_action_with_its_own_headers(tells: bool, values: list[tuple[str, str]]) -> None:
    heard, sent = asyncio.run(say_to_ami([*values, ("Ping", "1")], tells=tells))
    assert len(heard) == sent >= 1
    for action in heard:
        lines = action.decode("ascii").removesuffix("\r\n\r\n").split("\r\n")
        assert sorted(line.split(": ")[0] for line in lines) == ["Action", "ActionID", "Key"]
        assert not FORBIDDEN & set("".join(lines))


Verb = Callable[[AgiSession, str], Awaitable[object]]
VERBS: dict[str, tuple[Verb, str]] = {
    "play": (lambda session, text: session.play(text), r'STREAM FILE /[A-Za-z0-9._/-]+ ""'),
    "keys": (lambda session, text: session.play("/a", text), r'STREAM FILE /a "[0-9*#]*"'),
    "ask": (lambda session, text: session.ask(text, 5), r'GET OPTION /[A-Za-z0-9._/-]+ "[0-9*#]+" 5000'),
    "record": (
        lambda session, text: session.record(text, 60, 3),
        r'RECORD FILE /[A-Za-z0-9._/-]+ wav "[0-9*#]+" 60000 s=3',
    ),
    "value": (lambda session, text: session.set_variable("NAME", text), r'SET VARIABLE NAME "[A-Za-z0-9*#._+-]*"'),
    "name": (lambda session, text: session.set_variable(text, "1"), r'SET VARIABLE [A-Z_]+ "1"'),
}


async def say_to_agi(values: list[tuple[str, str]]) -> tuple[list[bytes], list[str]]:
    """What Asterisk hears of FastAGI, and the verbs that were let through."""
    said = []
    async with Ear(b"", b"\n", lambda _: b"200 result=49 endpos=800\n") as ear:  # a key: nothing is asked after it
        listening = asyncio.get_running_loop().create_connection(
            lambda: Connection(lambda _: None), "127.0.0.1", ear.port
        )
        transport, connection = await listening
        session = AgiSession(connection)
        for verb, value in values:
            with contextlib.suppress(UnsafeValueError):
                await VERBS[verb][0](session, value)
                said.append(verb)
        transport.close()
        return ear.heard, said


@given(st.lists(st.tuples(st.sampled_from(sorted(VERBS)), hostile), min_size=1, max_size=10))
@settings(max_examples=150)
def test_an_agi_verb_is_one_command(values: list[tuple[str, str]]) -> None:
    heard, said = asyncio.run(say_to_agi([*values, ("play", "/var/sounds/hello")]))
    assert len(heard) == len(said) >= 1
    for command, verb in zip(heard, said, strict=True):
        assert re.fullmatch(VERBS[verb][1] + r"\n", command.decode("ascii"), re.ASCII)


def functions_of(file: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [
        node
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def called_in(function: ast.AST) -> set[str]:
    """Names of what is called, without what they are called on."""
    called = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    return {one.id for one in called if isinstance(one, ast.Name)} | {
        one.attr for one in called if isinstance(one, ast.Attribute)
    }


def test_every_door_is_the_one_door() -> None:
    for function in functions_of(Path(safe.__file__)):
        if function.name.startswith("safe_"):
            assert "let_through" in called_in(function), function.name


@pytest.mark.parametrize(
    ("rooms", "writes", "file", "writers"),
    [
        (["agi"], {"write", "writelines"}, "agi/session.py", {"_reply_to"}),
        (["dialer/pbx"], {"send_action", "send_command", "sendall", "write"}, "dialer/pbx/ami.py", {"action", "tell"}),
        (
            ["dialer/dispatch"],
            {"open", "write_text", "write_bytes", "rename"},
            "dialer/dispatch/callfile.py",
            {"put"},
        ),
    ],
)
def test_asterisk_has_few_writers_and_each_lets_through_whole_lines(
    rooms: list[str], writes: set[str], file: str, writers: set[str]
) -> None:
    writing = [
        (str(path.relative_to(REPO)), function)
        for room in rooms
        for path in (REPO / room).rglob("*.py")
        for function in functions_of(path)
        if called_in(function) & writes
    ]
    assert sorted((path, function.name) for path, function in writing) == [(file, name) for name in sorted(writers)]
    for _, function in writing:
        assert {"safe_line", "safe_lines"} & called_in(function), function.name
