"""What a connection may cost, rule by rule, over real sockets: limits of tenths of a second instead of tens."""

import asyncio
import contextlib
import json
import resource
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from dialer.api import connections
from dialer.api.connections import Connections, Limits, Owed, allow_many_files
from dialer.api.mikopbx.envelope import refusal
from dialer.api.tls import Tls
from tests.api.test_tls import make_certificate
from tests.rig.slow import dribble, never_read
from tests.rig.waiting import wait_until

QUICK = Limits(
    first_request_s=0.4,
    next_request_s=0.8,
    head_s=0.4,
    stall_s=0.5,
    least_bytes_per_s=2000.0,
    look_every_s=0.05,
)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE_BYTES = 12 << 20
PIECE_S = 0.05


@dataclass
class Service:
    """A small server behind `Connections`."""

    port: int
    connections: Connections
    served: int = 0
    bodies: list[int] = field(default_factory=list)


@asynccontextmanager
async def serving(
    limits: Limits = QUICK, folder: Path = Path("/"), tls: ssl.SSLContext | None = None
) -> AsyncIterator[Service]:
    application = web.Application(client_max_size=LARGE_BYTES)

    async def get(_: web.Request) -> web.Response:
        service.served += 1
        return web.Response(text="here")

    async def post(request: web.Request) -> web.Response:
        try:
            service.bodies.append(len(await request.read()))
        except web.HTTPRequestTimeout as error:
            return refusal([str(error.reason)], status=408, headers={"Connection": "close"})
        return web.Response(text="taken")

    async def work(_: web.Request) -> web.Response:
        await asyncio.sleep(2 * limits.stall_s)
        return web.Response(text="done")

    async def text(_: web.Request) -> web.Response:
        service.served += 1
        return web.Response(body=bytes(LARGE_BYTES))

    async def file(_: web.Request) -> web.FileResponse:
        return web.FileResponse(folder / "large")

    application.add_routes(
        [web.get("/", get), web.post("/", post), web.get("/work", work), web.get("/text", text), web.get("/file", file)]
    )
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    under_test = Connections(runner, limits)
    await under_test.listen("127.0.0.1", 0, tls)
    service = Service(under_test.port, under_test)
    keeper = asyncio.create_task(under_test.keep())
    try:
        yield service
    finally:
        keeper.cancel()
        under_test.close()
        await asyncio.wait_for(runner.cleanup(), 10)


async def timed(reply: Any) -> tuple[bytes, float]:
    begun_s = time.monotonic()
    answer = await reply
    return answer, time.monotonic() - begun_s


def refused(answer: bytes, status: int) -> list[str]:
    """The messages of a refusal in the envelope, after which the connection is closed."""
    head, _, body = answer.partition(b"\r\n\r\n")
    version, said, _ = head.split(b" ", 2)
    assert int(said) == status
    assert version == b"HTTP/1.0" or b"connection: close" in head.lower()  # aiohttp's answer to what is no HTTP is 1.0
    reply = json.loads(body)
    assert reply["result"] is False
    return list(reply["messages"])


async def one_request(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.closing(writer):
        writer.write(request)
        return await asyncio.wait_for(reader.read(), 10)


@pytest.mark.parametrize("begin", [b"", b"G", b"GET / HTTP/1.1\r\n", b"\r\n"])
async def test_who_says_nothing_or_half_a_head_is_sent_away(begin: bytes) -> None:
    async with serving() as service:
        answer, lasted_s = await timed(one_request(service.port, begin))
        assert QUICK.first_request_s - 0.1 < lasted_s < 2
        assert (refused(answer, 408) == ["request: its head did not come in time"]) if begin else answer == b""
        assert service.connections.closed == 1


async def test_a_head_that_comes_byte_by_byte_does_not_last_longer() -> None:
    async with serving() as service:
        answer, lasted_s = await timed(dribble(service.port, b"GET / HTTP/1.1\r\n", b"X: 1\r\n", PIECE_S))
        assert lasted_s < QUICK.head_s + 1
        refused(answer, 408)


async def test_a_second_head_has_no_more_time_than_the_first() -> None:
    async with serving() as service:
        answer, lasted_s = await timed(dribble(service.port, GET + b"G", b"E", PIECE_S))
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert lasted_s < QUICK.head_s + 1


async def test_an_idle_connection_may_wait_for_its_next_request() -> None:
    async with serving() as service:
        answer, lasted_s = await timed(one_request(service.port, GET))
        assert answer.endswith(b"here")
        assert QUICK.next_request_s - 0.1 < lasted_s < QUICK.next_request_s + 1


@pytest.mark.parametrize("more", [b"", b"x"])
async def test_a_body_that_does_not_move_is_408(more: bytes) -> None:
    async with serving() as service:
        begin = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nx"
        answer, lasted_s = await timed(dribble(service.port, begin, more, PIECE_S))
        assert refused(answer, 408) == ["the body did not come in time"]
        assert QUICK.stall_s - 0.1 < lasted_s < QUICK.stall_s + 1
        assert service.bodies == []


async def test_a_slow_line_that_moves_gets_its_upload_through() -> None:
    """Three times as long as a body may stand still, at twice the least rate."""
    size = round(3 * QUICK.stall_s * 2 * QUICK.least_bytes_per_s)
    piece = round(2 * QUICK.least_bytes_per_s * PIECE_S)
    async with serving() as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        with contextlib.closing(writer):
            writer.write(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode())
            for place in range(0, size, piece):
                writer.write(bytes(min(piece, size - place)))
                await asyncio.sleep(PIECE_S)
            assert (await reader.readuntil(b"\r\n")) == b"HTTP/1.1 200 OK\r\n"
        assert service.bodies == [size]


async def test_our_own_work_costs_a_client_nothing() -> None:
    async with serving() as service:
        answer = await one_request(service.port, GET.replace(b"/ ", b"/work ", 1))
        assert answer.endswith(b"done")
        assert service.connections.closed == 1  # for no second request


@pytest.mark.parametrize("path", [b"/text", b"/file"])
async def test_a_reply_that_nobody_reads_is_not_kept(path: bytes, tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(LARGE_BYTES)
    async with serving(folder=tmp_path) as service:
        _, lasted_s = await timed(never_read(service.port, GET.replace(b"/", path, 1)))
        assert QUICK.stall_s - 0.1 < lasted_s < QUICK.stall_s + 2
        await wait_until(lambda: not list(open_ones(tmp_path / "large")), "the file is closed")
        await wait_until(lambda: service.connections.open == 0, "the connection is gone")


def open_ones(file: Path) -> Iterator[Path]:
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if entry.readlink() == file:
                yield entry


async def test_a_reply_that_is_taken_slowly_is_sent_to_its_end(tmp_path: Path) -> None:
    size = 12 << 20  # more than the systems on the way hold
    with (tmp_path / "large").open("wb") as file:
        file.truncate(size)
    async with serving(folder=tmp_path) as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port, limit=65_536)
        with contextlib.closing(writer):
            begun_s = time.monotonic()
            writer.write(b"GET /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            taken = 0
            while piece := await reader.read(65_536):
                taken += len(piece)
                await asyncio.sleep(0.01)
        assert taken > size
        assert time.monotonic() - begun_s > 2 * QUICK.stall_s


async def test_requests_without_end_and_no_reading_stop_being_served() -> None:
    async with serving() as service:
        pipelined = GET.replace(b"/", b"/text", 1) * 2000
        _, lasted_s = await timed(never_read(service.port, pipelined))
        assert lasted_s < QUICK.stall_s + 3
        assert service.served == 1


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with serving() as service:
        answer = await one_request(service.port, GET * 100)
        assert answer.count(b"HTTP/1.1 200 OK") == 100
        assert service.served == 100


async def test_the_slowest_goes_when_there_are_too_many() -> None:
    async with serving(replace(QUICK, most=5, head_s=30, first_request_s=30)) as service:
        slow = [asyncio.create_task(dribble(service.port, GET[:5], b"", 30)) for _ in range(5)]
        await wait_until(lambda: service.connections.open == 5, "they are connected")
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        with contextlib.closing(writer):
            writer.write(GET)
            assert await reader.readuntil(b"\r\n") == b"HTTP/1.1 200 OK\r\n"
            await wait_until(lambda: sum(one.done() for one in slow) == 1, "one has gone")
            assert service.connections.open == 5
        for one in slow:
            one.cancel()
        await asyncio.gather(*slow, return_exceptions=True)


async def test_clients_that_do_not_read_make_room_for_others(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(LARGE_BYTES)
    async with serving(replace(QUICK, most=20, stall_s=4, first_request_s=10, head_s=10), folder=tmp_path) as service:
        deaf = [asyncio.create_task(never_read(service.port, GET.replace(b"/", b"/file", 1))) for _ in range(20)]
        await wait_until(lambda: service.connections.owing == {Owed.TAKING: 20}, "all have asked, none has read")
        for _ in range(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
            with contextlib.closing(writer):
                writer.write(GET)
                assert await reader.readuntil(b"\r\n") == b"HTTP/1.1 200 OK\r\n"
        await asyncio.wait_for(asyncio.gather(*deaf), 20)


async def test_who_is_being_served_does_not_go_for_a_new_one() -> None:
    async with serving(replace(QUICK, most=2)) as service:
        served = [asyncio.create_task(one_request(service.port, GET.replace(b"/", b"/work", 1))) for _ in range(2)]
        await wait_until(lambda: service.connections.open == 2, "they are connected")
        await asyncio.wait(served, timeout=0.1)
        with contextlib.suppress(ConnectionError):
            assert await one_request(service.port, GET) == b""
        assert [answer.endswith(b"done") for answer in await asyncio.gather(*served)] == [True, True]


@pytest.mark.parametrize(
    ("request_bytes", "status", "message"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400, "request: not HTTP/1.1 as RFC 9112 has it"),
        (b"GET / HTTP/9.9\r\n\r\n", 400, "request: not HTTP/1.1 as RFC 9112 has it"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400, "request: not HTTP/1.1 as RFC 9112 has it"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 400, "request: a line of its head is too long"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 400, "request: a line of its head is too long"),
        (b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 8000 + b"\r\n", 431, "request: its head is too large"),
    ],
)
async def test_what_is_no_request_is_refused_in_the_envelope(
    request_bytes: bytes, status: int, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(replace(QUICK, head_bytes=8000)) as service:
        assert refused(await one_request(service.port, request_bytes), status) == [message]
        assert service.served == 0
    assert "Traceback" not in caplog.text


async def test_a_stop_waits_for_nobody_who_is_slow() -> None:
    async with serving(replace(QUICK, head_s=60, stall_s=60)) as service:
        begin = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nx"
        slow = [asyncio.create_task(dribble(service.port, one, b"", 60)) for one in (begin, b"GET /")]
        await wait_until(lambda: service.connections.open == 2, "they are connected")
        await asyncio.wait(slow, timeout=0.2)
        begun_s = time.monotonic()
    assert time.monotonic() - begun_s < 5
    for answer in await asyncio.gather(*slow):
        refused(answer, 408)


async def test_tls_clients_are_under_the_same_rules(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "dialer")
    async with serving(tls=Tls(certificate, key).context) as service:
        mute, lasted_s = await timed(one_request(service.port, b""))
        assert mute == b""
        assert lasted_s < QUICK.head_s + 2


async def test_handshakes_that_do_not_go_on_make_room_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "ENTERING", 20)
    certificate, key = make_certificate(tmp_path, "dialer")
    trusting = ssl.create_default_context(cafile=certificate)
    trusting.check_hostname = False
    async with serving(replace(QUICK, head_s=30), tls=Tls(certificate, key).context) as service:
        mute = [await asyncio.open_connection("127.0.0.1", service.port) for _ in range(100)]
        gone = [asyncio.create_task(reader.read()) for reader, _ in mute]
        await wait_until(lambda: sum(one.done() for one in gone) == 80, "all but so many are sent away")
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port, ssl=trusting)
        with contextlib.closing(writer):
            writer.write(GET)
            assert await reader.readuntil(b"\r\n") == b"HTTP/1.1 200 OK\r\n"
        for _, writer in mute:
            writer.close()
        await asyncio.gather(*gone, return_exceptions=True)


def test_as_many_files_as_the_system_allows() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    try:
        allow_many_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (min(hard, connections.MAX_FILES), hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
