"""Lists of a million numbers: posted, posted again, posted with a tenth of them changed, and posted while calls go on.

Others ask meanwhile for small things, and change a small task: those wait for the writer that stores the list. Whether
calls go on is judged at a rate that leaves some of the processors free: at the most that the machine bears, whoever
reads a list takes its time from Asterisk. What that comes to is told beside it.
"""

import asyncio
import contextlib
import json
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

from bench.reading import Others, asking
from bench.rig import running_daemon, running_line
from bench.rows import Place, Row
from dialer.store.database import Store
from dialer.store.sqlite import LIST_CACHE_KIB
from tests.rig.daemon import Dialer

CALLS_A_SECOND = 40
CHANNELS = 60
FREELY = 400
"""Channels of a task that is dialled as fast as it goes."""
MOST_MB, MOST_MS, MOST_LOWERED, MOST_AGAIN = 1024.0, 100.0, 0.05, 1.5
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
    others: Others = field(default_factory=Others)

    @property
    def is_borne(self) -> bool:
        """By the memory, and by others."""
        return self.most_mb < MOST_MB and self.others.p99_ms < MOST_MS

    def figures(self) -> dict[str, float]:
        others = {"others_p99_ms": self.others.read_p99_ms, "others_change_p99_ms": self.others.changed_p99_ms}
        return {"took_s": self.took_s, "most_mb": self.most_mb, **(others if self.others.read_ms else {})}


async def measure(place: Place) -> Sequence[Row]:
    count = place.scaled(1_000_000, 60_000)
    order = random.Random(1).sample(range(10_000_000), count)
    phones = [f"7952{one:07d}" for one in order]
    numbers = [{"number": one, "params": {"name": f"Client {at}"}} for at, one in enumerate(phones)]
    fields = {"name": "large", "innerNum": "900", "state": 2}

    body, other, third = (
        json.dumps({"crmId": crm_id, **fields, "numbers": numbers}).encode() for crm_id in ("large", "other", "third")
    )
    for at in range(0, count, 20):  # one of twenty has other parameters, another one is another number
        numbers[at]["params"] = {"name": f"Client {at}, moved"}
        numbers[at + 10]["number"] = f"7953{at:07d}"
    changed_body = json.dumps({"crmId": "large", **fields, "numbers": numbers}).encode()
    del numbers
    loads_s, insert_s = await _bare(place.folder / "bare.db", body)
    async with (
        running_line(place.folder, "instant.xml") as line,
        running_daemon(place.folder / "dialer", line, {"http": {"max_body_mb": 256}}) as dialer,
    ):
        idle_mb = _memory_mb(dialer.pid)
        first = await _posted(dialer, body, others_ask=False)  # as the bound is
        again = await _posted(dialer, body)
        changed = await _posted(dialer, changed_body)
        rules = {"maxCountChannels": CHANNELS, "maxCallsPerSecond": CALLS_A_SECOND}
        throttled = await _amid_calls(
            dialer, other, {**rules, "numbers": _phones(place.scaled(8000, 2000))}, place, settle_s=place.scaled(5, 2)
        )
        rules = {"maxCountChannels": FREELY}  # the daemon needs some time to find its rate
        free = await _amid_calls(
            dialer,
            third,
            {**rules, "numbers": _phones(place.scaled(60_000, 8000))},
            place,
            settle_s=place.scaled(25, 4),
        )
    bare_s = loads_s + insert_s
    ratio, amid = first.took_s / bare_s, throttled.posted
    most_mb = max(first.most_mb, amid.most_mb)
    return [
        Row(
            f"POST of a task with {count:,} numbers",
            f"{first.took_s:.1f} s, {ratio:.2f}x; memory {most_mb:.0f} MB, its process included; amid calls "
            f"{amid.took_s:.1f} s, {amid.others}, {throttled.after:.1f} calls/s",
            f"json.loads {loads_s:.1f} s + executemany {insert_s:.1f} s; idle {idle_mb:.0f} MB; "
            f"{throttled.before:.1f} calls/s, held at {CALLS_A_SECOND} so that the list finds time that Asterisk does "
            "not need",
            "<= 1.5x, < 1024 MB, p99 < 100 ms, rate lowered by <= 5 %",
            ratio <= 1.5 and first.most_mb < MOST_MB and amid.is_borne and throttled.lowered <= MOST_LOWERED,
            "SQLite: the index of the numbers is gone through at random, so each part writes nearly all of its pages "
            "to the log again; the list is read meanwhile, by a process on the other core",
            "pages of 16 KiB, or an index of the numbers that is made when the list is whole",
            {
                "loads_s": loads_s, "executemany_s": insert_s, "ratio": ratio, "idle_mb": idle_mb, **first.figures(),
                **{f"amid_calls_{name}": value for name, value in amid.figures().items()},
                "calls_per_s_before": throttled.before, "calls_per_s_meanwhile": throttled.after,
            },
        ),
        Row(
            f"the same {count:,} numbers, amid calls as fast as the machine bears",
            f"{free.posted.took_s:.1f} s, {free.posted.others}; {free.after:.0f} calls/s ({-free.lowered:+.0%})",
            f"{free.before:.0f} calls/s before",
            "report",
            None,
            "processors: Asterisk, its provider and the daemon fill them, and reading a list takes a part of one",
            "a core for the list's process; less work for each row",
            {
                "calls_per_s_before": free.before, "calls_per_s_meanwhile": free.after, "lowered": free.lowered,
                **free.posted.figures(),
            },
        ),
        _row_of_another_post(
            f"the same {count:,} numbers posted again", again, first,
            "reading the JSON, and then the rows, to compare: a process of its own, the writer is not needed",
            "keep a digest of each list: the same one changes nothing",
        ),
        _row_of_another_post(
            f"{count:,} numbers posted again, one of twenty with other parameters, one of twenty another one",
            changed, first,
            "reading and comparing as for the same list; then what differs is stored",
            "read and check a part while the one before is stored",
        ),
    ]  # fmt: skip


def _row_of_another_post(measure_: str, again: Watched, first: Watched, bound_by: str, next_step: str) -> Row:
    ratio = again.took_s / first.took_s
    return Row(
        measure_,
        f"{again.took_s:.1f} s, {ratio:.2f}x; memory {again.most_mb:.0f} MB; {again.others}",
        f"first POST, while nobody asked: {first.took_s:.1f} s, {first.most_mb:.0f} MB",
        "<= 1.5x, < 1024 MB, p99 < 100 ms",
        ratio <= MOST_AGAIN and again.is_borne,
        bound_by,
        next_step,
        {"ratio": ratio, **again.figures()},
    )


@dataclass(frozen=True)
class AmidCalls:
    """A list posted while calls go on, which were so many a second before, and meanwhile."""

    posted: Watched
    before: float
    after: float

    @property
    def lowered(self) -> float:
        return 1 - self.after / self.before if self.before else 1.0


def _phones(count: int) -> list[str]:
    return [f"7952{at:07d}" for at in range(count)]


async def _amid_calls(
    dialer: Dialer, body: bytes, dialled: Mapping[str, object], place: Place, *, settle_s: float
) -> AmidCalls:
    """`dialled`: what is said of the task whose calls go on. Others ask all the time: only the list differs."""
    task_id = (await dialer.data("POST", "/task", {"innerNum": "900", **dialled}))["id"]
    await asyncio.sleep(settle_s)
    before_us = time.time_ns() // 1000
    async with asking(dialer):
        await asyncio.sleep(place.scaled(20, 4))
    posted = await _posted(dialer, body)
    await dialer.data("PUT", f"/task/{task_id}", {"state": 1})
    await dialer.wait_health(lambda report: not report["calls_in_progress"], "no call in progress", 60)
    with closing(sqlite3.connect(dialer.database)) as connection:
        before, meanwhile = (
            _calls_per_s(connection, since_us, until_us)
            for since_us, until_us in ((before_us, posted.began_us), (posted.began_us, posted.ended_us))
        )
    return AmidCalls(posted, before, meanwhile)


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


async def _posted(dialer: Dialer, body: bytes, *, others_ask: bool = True) -> Watched:
    async with _watching(dialer, others_ask=others_ask) as watched:
        reply = await dialer.call("POST", "/task", raw=body)
    if not reply["result"]:
        raise AssertionError(reply["messages"])
    return watched


@asynccontextmanager
async def _watching(dialer: Dialer, *, others_ask: bool = True) -> AsyncIterator[Watched]:
    async with asking(dialer) if others_ask else contextlib.nullcontext(Others()) as others:
        watched = Watched(began_us=time.time_ns() // 1000, others=others)
        looking = asyncio.create_task(_look_at_memory(dialer, watched))
        began_s = time.perf_counter()
        try:
            yield watched
        finally:
            watched.took_s, watched.ended_us = time.perf_counter() - began_s, time.time_ns() // 1000
            looking.cancel()
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


def _calls_per_s(connection: sqlite3.Connection, since_us: int, until_us: int) -> float:
    ended = "SELECT count(*) FROM attempt WHERE state != 'CreateTask' AND closed_us BETWEEN ? AND ?"
    count: int = connection.execute(ended, (since_us, until_us)).fetchone()[0]
    return count / ((until_us - since_us) / 1_000_000)
