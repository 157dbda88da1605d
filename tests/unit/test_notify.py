"""What systemd is told (sd_notify(3)), heard at a real datagram socket, of the daemon itself, too."""

import asyncio
import contextlib
import os
import signal
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dialer.notify import Notifier
from tests.rig.daemon import COMMAND, Dialer
from tests.rig.waiting import wait_until

WATCHDOG_S = 0.4


class Systemd:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.heard: list[tuple[float, str]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)

    def listen(self) -> list[str]:
        with contextlib.suppress(BlockingIOError):
            while True:
                self.heard.append((time.monotonic(), self._socket.recv(4096).decode()))
        return [text for _, text in self.heard]

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    there = Systemd(f"@autodialer-test-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "notify"))
    yield there
    there.close()


def test_each_state_is_one_datagram_at_paths_and_abstract_addresses(systemd: Systemd) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": systemd.address})
    notifier.ready()
    notifier.status("nothing is dialled:\nAsterisk: away")
    notifier.stopping(90)
    assert systemd.listen() == [
        "READY=1",
        "STATUS=nothing is dialled: Asterisk: away",
        "STOPPING=1\nEXTEND_TIMEOUT_USEC=90000000",
    ]


async def test_by_hand_nobody_is_told_and_there_is_no_sign_of_life() -> None:
    notifier = Notifier({})
    notifier.ready()
    notifier.status("dialling")
    assert notifier.watchdog_s is None
    await asyncio.wait_for(notifier.keep_alive(), 1)


@pytest.mark.parametrize("gone", ["/nowhere/notify", "@autodialer-nobody"])
def test_a_systemd_that_does_not_listen_is_no_error(gone: str) -> None:
    Notifier({"NOTIFY_SOCKET": gone}).ready()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_ours_when_systemd_says_so(environment: dict[str, str], expected: float | None) -> None:
    assert Notifier(environment).watchdog_s == expected


async def test_a_blocked_loop_misses_the_watchdog(systemd: Systemd) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "100000"})
    alive = asyncio.create_task(notifier.keep_alive())
    await wait_until(lambda: len(systemd.listen()) > 3, "signs of life")
    systemd.listen()
    before = len(systemd.heard)
    time.sleep(0.5)  # noqa: ASYNC251 - this is the blow
    assert len(systemd.listen()) == before
    await wait_until(lambda: len(systemd.listen()) > before, "signs of life again")
    alive.cancel()


class Nowhere:
    """A closed port for an Asterisk."""

    ami_username, ami_secret, ami_port = "autodialer", "nobody", 9

    def __init__(self, folder: Path) -> None:
        self.spool_dir = folder / "spool" / "outgoing"
        self.spool_dir.mkdir(parents=True)


@asynccontextmanager
async def a_daemon(watchdog_s: float) -> AsyncIterator[tuple[Systemd, Dialer]]:
    with tempfile.TemporaryDirectory(prefix="dialer-", dir="/tmp") as name:
        folder = Path(name)
        there = Systemd(str(folder / "notify"))
        dialer = Dialer(folder / "dialer", Nowhere(folder))
        told = (f"NOTIFY_SOCKET={there.address}", f"WATCHDOG_USEC={watchdog_s * 1_000_000:.0f}")
        dialer.program = ("env", *told, *COMMAND)
        await dialer.start()
        try:
            yield there, dialer
        finally:
            await dialer.close()
            there.close()


async def test_the_daemon_tells_readiness_state_life_and_its_end() -> None:
    async with a_daemon(WATCHDOG_S) as (there, dialer):
        await wait_until(lambda: "READY=1" in there.listen(), "readiness")
        await dialer.health()  # REST serves
        trouble = await wait_until(
            lambda: [text for text in there.listen() if text.startswith("STATUS=nothing is dialled: Asterisk: away")],
            "what /health says",
        )
        assert trouble
        seen = there.listen().count("WATCHDOG=1")
        await wait_until(lambda: there.listen().count("WATCHDOG=1") > seen + 2, "signs of life")
        assert await dialer.stop() == 0
        assert there.listen()[-1].startswith("STOPPING=1") or "STOPPING=1" in "\n".join(there.listen())


async def test_a_daemon_that_stands_still_gives_no_sign_of_life() -> None:
    async with a_daemon(WATCHDOG_S) as (there, dialer):
        await wait_until(lambda: "WATCHDOG=1" in there.listen(), "signs of life")
        os.kill(dialer.pid, signal.SIGSTOP)
        try:
            there.listen()
            seen = there.listen().count("WATCHDOG=1")
            await asyncio.sleep(3 * WATCHDOG_S)  # a time in which nothing may come
            assert there.listen().count("WATCHDOG=1") == seen
        finally:
            os.kill(dialer.pid, signal.SIGCONT)
        await wait_until(lambda: there.listen().count("WATCHDOG=1") > seen, "signs of life again")
