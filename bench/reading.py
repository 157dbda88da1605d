"""What CRMs read: the news of a table of ten million rows, and a task of a million numbers."""

import asyncio
import json
import math
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field

import aiohttp
from sqlalchemy import select
from sqlalchemy.dialects import sqlite

from bench.filling import FIRST_US, ROWS_A_SECOND, fill
from bench.rows import Place, Row
from dialer.store.results import COLUMNS, PAGE_ROWS, SHOWN
from dialer.store.schema import attempt
from tests.api.conftest import AbsentPbx
from tests.rig.daemon import BASE, Dialer
from tests.rig.ports import PortBlock

SECOND_US = 1_000_000
ASKED_EVERY_S = 0.02


async def measure(place: Place) -> Sequence[Row]:
    task_rows = [place.scaled(rows, rows // 20) for rows in (2_000_000, 1_000_000, 3_000_000, 4_000_000)]
    spool = place.folder / "spool" / "outgoing"
    spool.mkdir(parents=True)
    ids = await fill(place.folder / "dialer.db", task_rows)
    ports = PortBlock(udp_ports=0, tcp_ports=1)
    dialer = Dialer(place.folder, AbsentPbx(ports.port(1), spool))
    try:
        await dialer.start()
        whole = await _whole_task(dialer, ids[1], task_rows[1])
        return [await _news(dialer, sum(task_rows), place.scaled(200, 20)), whole]
    finally:
        await dialer.close()
        ports.release()


async def _news(dialer: Dialer, rows: int, times: int) -> Row:
    """A page from each of so many places of the table; the same statement by SQLite alone in between."""
    assert dialer.session is not None
    bare_s: list[float] = []
    served_s: list[float] = []
    span_s = (rows - 2 * PAGE_ROWS) // ROWS_A_SECOND
    with closing(sqlite3.connect(dialer.database)) as connection:
        for place in range(times):
            since_s = FIRST_US // SECOND_US + span_s * place // times
            statement = _statement(since_s * SECOND_US)
            connection.execute(statement).fetchall()  # the pages are in memory for both
            began_s = time.perf_counter()
            found = connection.execute(statement).fetchall()
            bare_s.append(time.perf_counter() - began_s)
            began_s = time.perf_counter()
            async with dialer.session.get(f"{dialer.url}{BASE}/results/{since_s}") as response:
                body = await response.read()
            served_s.append(time.perf_counter() - began_s)
            if place == 0 and len(json.loads(body)["data"]["results"]) != len(found):
                raise AssertionError("another page than SQLite's")
    bare_ms, served_ms = (sorted(one * 1000 for one in some) for some in (bare_s, served_s))
    middle = len(bare_ms) // 2
    p99_ms = served_ms[round(len(served_ms) * 0.99) - 1]
    ratio = served_ms[middle] / bare_ms[middle]
    return Row(
        f"GET /results/{{changeTime}}: {PAGE_ROWS:,} rows in a table of {rows:,}",
        f"p99 {p99_ms:.0f} ms, median {served_ms[middle]:.0f} ms, {ratio:.1f}x",
        f"SQLite alone, the same statement: median {bare_ms[middle]:.0f} ms",
        "p99 < 150 ms, <= 3x",
        p99_ms < 150 and ratio <= 3,
        "SQLite's reading and making JSON of the rows, 55 %; Python's text of their parameters, 30 %; sending, 10 %. "
        "The p99 is the machine's: no garbage collection, no waiting, and SQLite alone is slow in the same moments",
        "store parameters as they are shown: then Python has nothing to do with a row",
        {"p99_ms": p99_ms, "median_ms": served_ms[middle], "bare_median_ms": bare_ms[middle], "ratio": ratio},
    )


def _statement(since_us: int) -> str:
    query = select(*COLUMNS[attempt]).where(*SHOWN[attempt], attempt.c.changed_us >= since_us)
    page = query.order_by(attempt.c.changed_us, attempt.c.id).limit(PAGE_ROWS)
    return str(page.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))


async def _whole_task(dialer: Dialer, task_id: int, rows: int) -> Row:
    """One task read to the end, while somebody else asks for small things."""
    assert dialer.session is not None
    idle_mb = dialer.memory_mb
    watching = asyncio.create_task(_greatest_mb(dialer))
    async with asking(dialer) as others:
        began_s, first_s, size = time.perf_counter(), 0.0, 0
        async with dialer.session.get(f"{dialer.url}{BASE}/task/{task_id}") as response:
            async for some in response.content.iter_any():
                first_s = first_s or time.perf_counter() - began_s
                size += len(some)
        took_s = time.perf_counter() - began_s
    watching.cancel()
    greatest_mb = await watching
    grown_mb = greatest_mb - idle_mb
    first_ms = first_s * 1000
    return Row(
        f"GET /task/{{id}} of {rows:,} rows",
        f"memory +{grown_mb:.0f} MB, first byte {first_ms:.0f} ms, {others}; "
        f"{size / 1e6:.0f} MB in {took_s:.1f} s",
        f"idle: {idle_mb:.0f} MB",
        "streamed, < 100 MB above idle, first byte < 200 ms, others' p99 < 100 ms",
        grown_mb < 100 and first_ms < 200 and others.p99_ms < 100,
        "SQLite's reading and making JSON of rows, beside the loop; Python's text of their parameters, a third, shares "
        "the interpreter with it",
        "a process, as for the console's tables",
        {
            "grown_mb": grown_mb, "first_byte_ms": first_ms, "others_p99_ms": others.read_p99_ms,
            "others_change_p99_ms": others.changed_p99_ms, "took_s": took_s, "bytes": size,
        },
    )  # fmt: skip


@dataclass
class Others:
    """What others waited for small requests, milliseconds after the time that each was to go out: readings, which wait
    for nobody, and changes, which wait for the one writer."""

    read_ms: list[float] = field(default_factory=list)
    changed_ms: list[float] = field(default_factory=list)

    @property
    def read_p99_ms(self) -> float:
        return p99(self.read_ms)

    @property
    def changed_p99_ms(self) -> float:
        return p99(self.changed_ms)

    @property
    def p99_ms(self) -> float:
        """The worse of the two: what is judged."""
        return max(self.read_p99_ms, self.changed_p99_ms)

    def __str__(self) -> str:
        return f"others' p99 {self.read_p99_ms:.0f} ms, with a small PUT {self.changed_p99_ms:.0f} ms"


def p99(times_ms: Sequence[float]) -> float:
    """Infinite for none: who never got an answer did not get it in time."""
    return sorted(times_ms)[round(len(times_ms) * 0.99) - 1] if times_ms else math.inf


@asynccontextmanager
async def asking(dialer: Dialer) -> AsyncIterator[Others]:
    """Small requests of both kinds in turns, at fixed times, whether or not those before are answered, until the block
    is left and all are answered. What is changed is the name of a paused task that is made for it."""
    small = {"crmId": "small", "name": "small", "innerNum": "900", "state": 2, "numbers": ["79530000001"]}
    task_id = (await dialer.data("POST", "/task", small))["id"]
    others = Others()

    async def ask(method: str, path: str, body: object, times_ms: list[float], due_s: float) -> None:
        async with session.request(method, f"{dialer.url}{BASE}{path}", json=body) as response:
            if not (await response.json())["result"]:
                raise AssertionError(await response.text())
        times_ms.append((time.perf_counter() - due_s) * 1000)

    async def go_on() -> None:
        due_s = time.perf_counter()
        async with asyncio.TaskGroup() as asked:
            with suppress(asyncio.CancelledError):
                while True:
                    asked.create_task(ask("GET", "/task?limit=1", None, others.read_ms, due_s))
                    due_s += ASKED_EVERY_S
                    await asyncio.sleep(due_s - time.perf_counter())
                    new = {"name": f"at {due_s}"}
                    asked.create_task(ask("PUT", f"/task/{task_id}", new, others.changed_ms, due_s))
                    due_s += ASKED_EVERY_S
                    await asyncio.sleep(due_s - time.perf_counter())

    # a reading must not wait here for a connection that a change keeps
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        going = asyncio.create_task(go_on(), name="others")
        try:
            yield others
        finally:
            going.cancel()
            await going


async def _greatest_mb(dialer: Dialer) -> float:
    greatest_mb = 0.0
    try:
        while True:
            greatest_mb = max(greatest_mb, dialer.memory_mb)
            await asyncio.sleep(0.02)
    except asyncio.CancelledError:
        return greatest_mb
