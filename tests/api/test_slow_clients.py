"""Clients that take their time, against the running daemon: others do not notice, and they are sent away."""

import asyncio
import contextlib
import sys
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import pytest

from tests.api.conftest import running_dialer
from tests.api.impatient import IMPATIENT
from tests.rig.daemon import BASE, Dialer
from tests.rig.slow import RECORDING, crowding, make_recording
from tests.rig.waiting import wait_until

HEADS, BODIES, NEVER_READING = 200, 200, 50
SAMPLES = 150
WORSE_MS = 100.0
GROWTH_MB = 20.0
LATE_S = 1.5
CLIENT: dict[str, Any] = {"crmId": "c1", "name": "Анна", "phones": ["79522233446"], "properties": []}


async def reply_times_ms(dialer: Dialer) -> list[float]:
    """Of reads and writes in turn."""
    times = []
    for place in range(SAMPLES):
        begun_s = time.perf_counter()
        if place % 3:
            await dialer.data("GET", "/task")
        else:
            await dialer.data("POST", "/client", {**CLIENT, "name": f"Анна {place}"})
        times.append((time.perf_counter() - begun_s) * 1000)
    return times


def open_files(pid: int) -> set[str]:
    """Names of what a process has open."""
    names = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            names.add(entry.readlink().name)
    return names


def p95(times: list[float]) -> float:
    return quantiles(times, n=20)[-1]


@pytest.mark.alone
async def test_450_slow_clients_delay_nobody_are_sent_away_and_cost_no_memory() -> None:
    async with running_dialer(program=(sys.executable, "-m", "tests.api.impatient")) as dialer:
        port = int(dialer.url.rpartition(":")[2])
        make_recording(dialer.workdir / "audio")
        await reply_times_ms(dialer)
        alone = await reply_times_ms(dialer)
        async with crowding(port, heads=HEADS, bodies=BODIES, never_reading=NEVER_READING) as crowd:
            await wait_until(lambda: crowd.open == HEADS + BODIES + NEVER_READING, "they are connected")
            crowded = await reply_times_ms(dialer)
            await wait_until(lambda: len(crowd.ended["never_read"]) >= NEVER_READING, "all were sent away once", 30)
            memory_mb = dialer.memory_mb
            crowded += await reply_times_ms(dialer)
            await wait_until(lambda: len(crowd.ended["never_read"]) >= 2 * NEVER_READING, "twice", 30)
            await wait_until(lambda: len(crowd.ended["slow_body"]) >= 2 * BODIES, "twice", 30)
            growth_mb = dialer.memory_mb - memory_mb
        print(
            f"\nreply times, ms, alone and with {HEADS + BODIES + NEVER_READING} slow clients: "
            f"median {median(alone):.1f}, {median(crowded):.1f}; 95% {p95(alone):.1f}, {p95(crowded):.1f}; "
            f"most {max(alone):.1f}, {max(crowded):.1f}; memory {memory_mb:.0f} MB, then {growth_mb:+.1f} MB"
        )
        assert median(crowded) - median(alone) < WORSE_MS
        assert p95(crowded) - p95(alone) < WORSE_MS
        assert growth_mb < GROWTH_MB
        allowed_s = {"slow_head": IMPATIENT.head_s, "slow_body": IMPATIENT.stall_s, "never_read": IMPATIENT.stall_s}
        for kind, limit_s in allowed_s.items():
            lasted = [one.lasted_s for one in crowd.ended[kind]]
            print(f"{kind}: {len(lasted)} sent away after {min(lasted):.1f} to {max(lasted):.1f} s")
            assert min(lasted) > limit_s - 0.5
            assert max(lasted) < limit_s + LATE_S
        for kind in ("slow_head", "slow_body"):
            assert all(one.reply.startswith(b"HTTP/1.1 408 ") for one in crowd.ended[kind])
            assert all(b'{"result": false,' in one.reply for one in crowd.ended[kind])
        await wait_until(lambda: RECORDING not in open_files(dialer.pid), "the recording is closed")
        log = dialer.log_file.read_text()
        assert "connections closed: their clients took too long" in log
        assert "Traceback" not in log
        assert await dialer.data("GET", "/task") == {"results": []}


async def test_who_leaves_amid_a_request_leaves_no_trace_in_the_log(dialer: Dialer) -> None:
    port = int(dialer.url.rpartition(":")[2])
    for path in (f"{BASE}/task", f"{BASE}/audio", "/admin-cabinet/session/start"):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\n[".encode())
        await writer.drain()
        assert (await dialer.health())["status"]  # it has been read by now
        writer.close()
        await writer.wait_closed()
    assert (await dialer.health())["status"]
    assert "ERROR" not in dialer.log_file.read_text()
