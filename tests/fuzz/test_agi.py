"""FastAGI against what nobody should send."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from itertools import repeat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi.connections import Connection
from agi.server import FastAgiServer
from agi.session import AgiError, AgiSession, HungUpError
from tests.fuzz.agi_target import A_DAY_S, Desk, check_agi
from tests.fuzz.damage import bounded, damaged
from tests.fuzz.loops import TimelessLoop, Wire, cut, listened_to, run_timeless
from tests.fuzz.memory import at_most
from tests.fuzz.seeds import CLAIM, DIALOGUE, agi_seeds
from tests.rig.ports import PortBlock
from tests.rig.waiting import wait_until

MOST_TAKEN_BYTES, MOST_MEMORY_BYTES = 1 << 19, 1 << 22
line = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=60)
key = st.sampled_from("0123456789*#")


@bounded(100)
@given(st.binary(max_size=2000))
def test_any_bytes(data: bytes) -> None:
    check_agi(data)


@bounded(200)
@given(damaged(agi_seeds()))
def test_damaged_sessions(data: bytes) -> None:
    check_agi(data)


@bounded(120)
@given(st.sampled_from((CLAIM, DIALOGUE)), st.lists(st.integers(-(10**30), 10**30).map(str) | line, max_size=8))
def test_replies_with_any_result(environment: bytes, results: list[str]) -> None:
    check_agi(environment + "".join(f"200 result={result}\n" for result in results).encode())


def session_on(loop: TimelessLoop) -> tuple[AgiSession, Wire]:
    connection = Connection(lambda _: None)
    connection.transport = wire = Wire(loop, connection)
    return AgiSession(connection), wire


@bounded(60)
@given(st.dictionaries(line.filter(lambda name: ":" not in name), line, max_size=30))
def test_an_environment_is_read_as_it_was_written(environment: dict[str, str]) -> None:
    async def read(loop: TimelessLoop) -> None:
        session, wire = session_on(loop)
        reading = asyncio.create_task(session.read_environment())
        await wire.feed("".join(f"{name}: {value}\n" for name, value in environment.items()).encode() + b"\n")
        await reading
        wire.close()
        assert session.environment == environment

    run_timeless(read)


Verb = Callable[[AgiSession], Awaitable[object]]


def play(session: AgiSession) -> Awaitable[object]:
    return session.play("/sounds/a", "0123456789*#")


def wait_for_key(session: AgiSession) -> Awaitable[object]:
    return session.wait_for_key(1.0)


def hang_up_after(session: AgiSession) -> Awaitable[object]:
    return session.hang_up_after(60)


between = st.lists(st.sampled_from(("HANGUP\n", "100 Trying...\n", "\n", "\r\n")), max_size=3).map("".join)
any_verb = st.sampled_from((play, wait_for_key, hang_up_after))
unknown = line.map("5{}\n".format).filter(lambda text: text[:3] not in ("520", "511"))
exchange = st.one_of(
    st.tuples(st.just(play), key.map(lambda one: (f"200 result={ord(one)} endpos=800\n", one))),
    st.tuples(st.just(play), st.integers(1, 10**6).map(lambda end: (f"200 result=0 endpos={end}\r\n", ""))),
    st.tuples(st.just(wait_for_key), key.map(lambda one: (f"200 result={ord(one)}\n", one))),
    st.tuples(st.just(wait_for_key), st.integers(128, 10**9).map(lambda no_key: (f"200 result={no_key}\n", ""))),
    st.tuples(st.just(hang_up_after), st.just(("200 result=0\n", None))),
    st.tuples(any_verb, st.just(("200 result=-1\n", HungUpError))),
    st.tuples(any_verb, st.just(("511 Command Not Permitted on a dead channel\n", HungUpError))),
    st.tuples(any_verb, unknown.map(lambda text: (text, AgiError))),
    st.tuples(any_verb, line.map(lambda text: (f"520-{text}\nUsage: {text}\n520 End\n", AgiError))),
    st.tuples(any_verb, st.sampled_from(("200 result=\n", "200\n", "200 result=9" + "9" * 5000 + "\n")).map(
        lambda text: (text, AgiError))),
)  # fmt: skip


@bounded(120)
@given(st.lists(st.tuples(between, exchange), max_size=12))
def test_every_verb_gets_its_own_reply(dialogue: list[tuple[str, tuple[Verb, tuple[str, object]]]]) -> None:
    """Also the verbs after one that failed: each reply is read to its end and no farther."""

    async def talk(loop: TimelessLoop) -> None:
        session, wire = session_on(loop)
        sent = "".join(noise + reply for noise, (_, (reply, _)) in dialogue).encode()
        feeding = asyncio.create_task(wire.feed(sent))
        for _, (verb, (reply, expected)) in dialogue:
            if isinstance(expected, type):
                with pytest.raises(expected):
                    await verb(session)
            else:
                assert await verb(session) == expected, reply
        await feeding
        wire.feed_eof()
        with pytest.raises(HungUpError):
            await session.wait_for_key(1.0)
        wire.close()

    run_timeless(talk)


@pytest.mark.parametrize("begin", [b"", CLAIM, DIALOGUE, DIALOGUE + b"200 result=0\n"])
@pytest.mark.parametrize(
    "endless", [b"x" * 5000, b"x" * 60_000 + b"\n", b"x: y\n", b"\n", b"HANGUP\n", b"100 x\n", b"520-\n", b"520-x\ny\n"]
)
def test_who_never_ends_is_given_up(begin: bytes, endless: bytes) -> None:
    async def send(loop: TimelessLoop) -> None:
        desk = Desk(3)
        server = FastAgiServer("", 0, desk, desk, recordings=Path("/nowhere"), dialogue_limit_s=120)
        await server.start()
        wire = await loop.accept()
        await wire.feed(begin)
        sent = 0
        for _ in repeat(None):
            await wire.feed(endless * (1 + 5000 // len(endless)))
            sent += len(endless) * (1 + 5000 // len(endless))
            if wire.is_closing():
                break
            assert sent < MOST_TAKEN_BYTES, "still listening"
        async with asyncio.timeout(A_DAY_S):
            await wire.closed.wait()
        assert desk.ended == desk.begun

    with at_most(MOST_MEMORY_BYTES):
        run_timeless(send, "agi")


def test_clients_of_a_real_socket_that_break_off_anywhere() -> None:
    """By FIN and by RST; the server then serves the next one, and none of them is a fault of ours."""
    loop = asyncio.new_event_loop()
    ports = PortBlock(udp_ports=0, tcp_ports=1)
    desk = Desk(3)
    server = FastAgiServer("127.0.0.1", ports.port(1), desk, desk, recordings=Path("/nowhere"), dialogue_limit_s=120)

    async def visit(data: bytes, *, reset: bool) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", ports.port(1))
        with contextlib.suppress(ConnectionError):
            for piece in cut(data):
                writer.write(piece)
                await writer.drain()
        if reset:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def claim() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", ports.port(1))
        writer.write(CLAIM)
        assert await reader.readline() == b'SET VARIABLE AUTODIALER_CLAIM "granted"\n'
        writer.write(b"200 result=1\n")
        assert await reader.read() == b""
        writer.close()
        await wait_until(lambda: server.sessions == 0, "every session has ended")

    @bounded(60)
    @given(damaged(agi_seeds()) | st.sampled_from(agi_seeds()), st.booleans())
    def visited(data: bytes, reset: bool) -> None:
        loop.run_until_complete(visit(data, reset=reset))
        loop.run_until_complete(claim())

    with listened_to("agi", "asyncio") as records:
        loop.run_until_complete(server.start())
        visited()
        loop.run_until_complete(server.close())
    loop.close()
    ports.release()
    assert [record for record in records if record.exc_info is not None] == []
    assert desk.ended == desk.begun
