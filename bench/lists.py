"""Lists of a million numbers: posted, posted again, and posted while calls go on."""

import asyncio
import contextlib
import json
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

from bench.reading import ask_on
from bench.rig import running_daemon, running_line
from bench.rows import Place, Row
from dialer.store.database import Store
from dialer.store.sqlite import LIST_CACHE_KIB
from tests.rig.daemon import Dialer

CALLS_A_SECOND = 40
CHANNELS = 60
LOOK_S = 0.05
_INSERT = (
    "INSERT INTO attempt (task_id, attempt_number, state, changed_us, phone_id, phone, params) "
    "VALUES (1, 1, 'CreateTask', 1700000000000000, ?, ?, ?)"
)


@dataclass
class Watched:
    """What was seen while something was done."""

    took_s: float = 0.0
    began_us: int = 0
    ended_us: int = 0
    most_mb: float = 0.0
    """Of the daemon and its processes."""
    others_ms: list[float] = field(default_factory=list)
    """Other requests, sorted."""

    @property
    def p99_ms(self) -> float:
        return self.others_ms[round(len(self.others_ms) * 0.99) - 1]


async def measure(place: Place) -> Sequence[Row]:
    count = place.scaled(1_000_000, 60_000)
    order = random.Random(1).sample(range(10_000_000), count)
    phones = [f"7952{one:07d}" for one in order]
    numbers = [{"number": one, "params": {"name": f"Client {at}"}} for at, one in enumerate(phones)]
    fields = {"name": "large", "innerNum": "900", "state": 2, "numbers": numbers}
    body, other = (json.dumps({"crmId": crm_id, **fields}).encode() for crm_id in ("large", "other"))
    del numbers, fields
    loads_s, insert_s = await _bare(place.folder / "bare.db", body)
    async with (
        running_line(place.folder, "instant.xml") as line,
        running_daemon(place.folder / "dialer", line, {"http": {"max_body_mb": 256}}) as dialer,
    ):
        idle_mb = _memory_mb(dialer.pid)
        first, again = [await _posted(dialer, body) for _ in range(2)]
        await _dial(dialer, place.scaled(8000, 2000))
        await asyncio.sleep(place.scaled(5, 2))
        before_us = time.time_ns() // 1000
        await asyncio.sleep(place.scaled(20, 4))
        amid = await _posted(dialer, other)
        with closing(sqlite3.connect(dialer.database)) as connection:
            before, meanwhile = (
                _calls_per_s(connection, since_us, until_us)
                for since_us, until_us in ((before_us, amid.began_us), (amid.began_us, amid.ended_us))
            )
    bare_s = loads_s + insert_s
    ratio, lowered = first.took_s / bare_s, 1 - meanwhile / before
    most_mb = max(first.most_mb, amid.most_mb)
    return [
        Row(
            f"POST of a task with {count:,} numbers",
            f"{first.took_s:.1f} s, {ratio:.2f}x; memory {most_mb:.0f} MB, its process included; amid calls "
            f"{amid.took_s:.1f} s, others' p99 {amid.p99_ms:.0f} ms, {meanwhile:.1f} calls/s",
            f"json.loads {loads_s:.1f} s + executemany {insert_s:.1f} s; idle {idle_mb:.0f} MB; {before:.1f} calls/s",
            "<= 1.5x, < 1024 MB, p99 < 100 ms, rate lowered by <= 5 %",
            ratio <= 1.5 and most_mb < 1024 and amid.p99_ms < 100 and lowered <= 0.05,
            "SQLite: the index of the numbers is gone through at random, and each part is written to the log",
            "read and check a part while the one before is stored",
            {
                "took_s": first.took_s, "loads_s": loads_s, "executemany_s": insert_s, "ratio": ratio,
                "most_mb": most_mb, "idle_mb": idle_mb, "amid_calls_s": amid.took_s, "others_p99_ms": amid.p99_ms,
                "calls_per_s_before": before, "calls_per_s_meanwhile": meanwhile,
            },
        ),
        Row(
            f"the same {count:,} numbers posted again",
            f"{again.took_s:.1f} s, {again.took_s / first.took_s:.2f}x; others' p99 {again.p99_ms:.0f} ms",
            f"first POST {first.took_s:.1f} s",
            "<= 1.5x",
            again.took_s <= 1.5 * first.took_s,
            "reading the JSON, and then the rows, to compare: a process of its own, the writer is not needed",
            "keep a digest of each list: the same one changes nothing",
            {"took_s": again.took_s, "ratio": again.took_s / first.took_s, "others_p99_ms": again.p99_ms},
        ),
    ]  # fmt: skip


async def _bare(database: Path, body: bytes) -> tuple[float, float]:
    """Seconds of `json.loads`, and of SQLite's taking the same rows into the same tables."""
    store = await Store.open(f"sqlite:///{database}")
    await store.close()
    began_s = time.perf_counter()
    listed = json.loads(body)["numbers"]
    loads_s = time.perf_counter() - began_s
    rows = [(one["number"][-10:], one["number"], json.dumps(one["params"])) for one in listed]
    del listed
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        # as the daemon has it
        for pragma in ("synchronous = FULL", "foreign_keys = ON", f"cache_size = -{LIST_CACHE_KIB}"):
            connection.execute(f"PRAGMA {pragma}")
        began_s = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(_INSERT, rows)
        connection.execute("COMMIT")
        return loads_s, time.perf_counter() - began_s


async def _posted(dialer: Dialer, body: bytes) -> Watched:
    async with _watching(dialer) as watched:
        reply = await dialer.call("POST", "/task", raw=body)
    if not reply["result"]:
        raise AssertionError(reply["messages"])
    return watched


@asynccontextmanager
async def _watching(dialer: Dialer) -> AsyncIterator[Watched]:
    watched = Watched(began_us=time.time_ns() // 1000)
    asking = asyncio.create_task(ask_on(dialer))
    looking = asyncio.create_task(_look_at_memory(dialer, watched))
    began_s = time.perf_counter()
    try:
        yield watched
    finally:
        watched.took_s, watched.ended_us = time.perf_counter() - began_s, time.time_ns() // 1000
        asking.cancel()
        looking.cancel()
        watched.others_ms = await asking
        await asyncio.gather(looking, return_exceptions=True)


async def _look_at_memory(dialer: Dialer, watched: Watched) -> None:
    while True:
        watched.most_mb = max(watched.most_mb, _memory_mb(dialer.pid))
        await asyncio.sleep(LOOK_S)


def _memory_mb(pid: int) -> float:
    """Of a process and its children."""
    total_mb = 0.0
    with contextlib.suppress(OSError, ValueError):  # a child may end meanwhile
        status = Path(f"/proc/{pid}/status").read_text()
        total_mb = int(status.partition("VmRSS:")[2].split()[0]) / 1024
    with contextlib.suppress(OSError):
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            total_mb += sum(_memory_mb(int(child)) for child in children.read_text().split())
    return total_mb


async def _dial(dialer: Dialer, count: int) -> None:
    numbers = [f"7952{at:07d}" for at in range(count)]
    rules = {"maxCountChannels": CHANNELS, "maxCallsPerSecond": CALLS_A_SECOND}
    await dialer.data("POST", "/task", {"crmId": "dialled", "innerNum": "900", "numbers": numbers, **rules})


def _calls_per_s(connection: sqlite3.Connection, since_us: int, until_us: int) -> float:
    ended = "SELECT count(*) FROM attempt WHERE state != 'CreateTask' AND closed_us BETWEEN ? AND ?"
    count: int = connection.execute(ended, (since_us, until_us)).fetchone()[0]
    return count / ((until_us - since_us) / 1_000_000)
