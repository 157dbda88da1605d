"""The daemon's engine without an Asterisk: its parts as the daemon puts them together, call files into a folder.

What FastAGI and the AMI would bring is given to the ledger as they give it, one call after the other.
"""

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from panoramisk.message import Message

from dialer.compose import VERSION
from dialer.compose.dialling import Dialling
from dialer.compose.dialogues import Dialogues
from dialer.compose.health import HealthWatch
from dialer.compose.measuring import Parts, measure
from dialer.compose.pbx import Pbx
from dialer.compose.speech import Speech
from dialer.config import Settings
from dialer.metrics.exposition import Metrics
from dialer.model.employees import Staff
from dialer.model.knee import MOST_PER_S
from dialer.model.task import InnerNumType, Number
from dialer.store.connections import _Thread
from dialer.store.database import Store
from dialer.store.tasks import TaskChange, save_task
from tests.rig.pbx import REPO_DIR

BUSY = "out|BUSY|17|0000002a:486 ||{call}|"
ANSWERED_OUT, ANSWERED_IN = "out|ANSWER|16|0000002a:200|subscriber|{call}|31", "in|ANSWER||30|16|||||{call}|"
"""An employee has talked with the subscriber, who has hung up."""
EMPLOYEES = 1000
CALLS_PER_S = 1000.0
CACHE_KIB = 2_000_000
"""Of whoever fills a database: its indexes are written in no order."""
_FILL = """
WITH RECURSIVE place(n) AS (SELECT ? UNION ALL SELECT n + 1 FROM place WHERE n + 1 < ?)
INSERT INTO attempt (task_id, attempt_number, phone_id, phone, state, changed_us)
SELECT ?, 1, printf('952%07d', n * 7654321 % 10000000), printf('7952%07d', n * 7654321 % 10000000), 'CreateTask', ?
FROM place
"""
"""Ten million numbers, in no order."""


def url_of(database: Path) -> str:
    return f"sqlite:///{database}"


async def fill(database: Path, rows: int, *, tasks: int = 1, channels: int = 100) -> list[int]:
    """Make a database with so many open numbers, in equal parts; returns the tasks."""
    store = await Store.open(url_of(database))
    change = TaskChange(
        inner_num="900",
        inner_num_type=InnerNumType.EXTEN,
        max_count_channels=channels // tasks,
        numbers=[Number("79520000000", "first")],
    )
    task_ids = [(await store.write(save_task(None, None, change))).task_id for _ in range(tasks)]
    await store.close()
    part = rows // tasks
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute("PRAGMA synchronous = OFF")
        for place, task_id in enumerate(task_ids):
            connection.execute(_FILL, (place * part, (place + 1) * part, task_id, time.time_ns() // 1000))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return task_ids


def fill_aside(database: Path, rows: int) -> None:
    """As `fill`, by a process of its own: what it frees would let this one grow unseen."""
    text = "import asyncio, pathlib, sys, tests.rig.engine as rig\n"
    text += "asyncio.run(rig.fill(pathlib.Path(sys.argv[1]), int(sys.argv[2])))"
    subprocess.run([sys.executable, "-c", text, str(database), str(rows)], check=True, cwd=REPO_DIR)


@dataclass(slots=True)
class Engine:
    """Plays Asterisk's part: every call file is a call that gets its leave, and finds the subscriber busy."""

    store: Store
    dialling: Dialling
    pbx: Pbx
    dialogues: Dialogues
    spool: Path
    made: int = 0
    """Calls."""
    _written: deque[int] = field(default_factory=deque)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def written(self, attempt_id: int) -> None:
        self._written.append(attempt_id)
        self._woken.set()

    async def make(self, calls: int, at_once: int) -> None:
        """Make so many calls, as fast as it goes; `at_once` of them claim together. Returns when all is committed."""
        made = 0
        while made < calls:
            while len(self._written) < min(at_once, calls - made):
                self._woken.clear()
                await self._woken.wait()
            some = [self._written.popleft() for _ in range(min(at_once, calls - made))]
            leaves = await asyncio.gather(*(self._claim(attempt_id) for attempt_id in some))
            assert all(leaves), "every call file gets its leave"
            for attempt_id in some:
                self.pbx.ami.on_event(_gone(attempt_id))
            made += len(some)
            self.made += len(some)
        await self.dialling.ledger.settle()

    def clear(self) -> None:
        """Remove what Asterisk would have removed: not part of what is measured."""
        for path in self.spool.iterdir():
            path.unlink()

    async def _claim(self, attempt_id: int) -> bool:
        return await self.dialling.ledger.claim(attempt_id, call_of(attempt_id), "")


def call_of(attempt_id: int) -> str:
    return f"1792800000.{attempt_id}"


def _gone(attempt_id: int) -> Message:
    """What the hangup handler of the outbound leg says."""
    return Message(
        {
            "Event": "UserEvent",
            "Privilege": "user,all",
            "UserEvent": "AutodialerGone",
            "Attempt": str(attempt_id),
            "Record": BUSY.format(call=call_of(attempt_id)),
        }
    )


@asynccontextmanager
async def running(
    database: Path, folder: Path, *, dials: bool = True, ami_port: int = 5038, agi_port: int = 4573
) -> AsyncIterator[Engine]:
    """The engine on a database that `fill` has made. `dials`: by itself; else the scheduler does what it is told."""
    spool = folder / "spool" / "outgoing"
    spool.mkdir(parents=True, exist_ok=True)
    settings = Settings.model_validate(
        {
            "store": {"url": url_of(database)},
            "ami": {"username": "autodialer", "secret": "unused", "port": ami_port},
            "agi": {"port": agi_port},
            "asterisk": {"spool_dir": spool},
            "audio": {"dir": folder / "audio"},
        }
    )
    store = await Store.open(settings.store.url)
    speech = Speech(settings)
    dialling = Dialling(settings, store, speech.prompts)
    pbx = Pbx(settings, store, dialling)
    dialogues = Dialogues(settings, dialling, speech.prompts)
    health = HealthWatch(store, dialling, pbx, dialogues, voices=speech.voices, webhooks=None)
    measure(
        Metrics(VERSION),
        Parts(
            store=store, dialling=dialling, pbx=pbx, speech=speech, dialogues=dialogues,
            webhooks=None, report=health.report,
        ),
    )  # fmt: skip
    engine = Engine(store, dialling, pbx, dialogues, spool)
    # its clock goes by calls: on a busy machine the rate would be lowered for an Asterisk that takes its time
    traffic = dialling.traffic
    traffic._clock = lambda: engine.made / CALLS_PER_S
    traffic.knee.calls_per_s = traffic._pace.max_calls_per_s = MOST_PER_S
    traffic._pace.burst = traffic.knee.burst
    put = dialling.spool.put

    def put_and_tell(attempt_id: int, text: str, *, probe: bool = False) -> None:
        put(attempt_id, text, probe=probe)
        engine.written(attempt_id)

    dialling.spool.put = put_and_tell  # type: ignore[method-assign]
    dialling.ledger.on_committed = lambda attempt_id, keys: None  # no AstDB that should forget it
    dialling.staffing.staff = lambda inner_num: Staff(EMPLOYEES, EMPLOYEES, 0)
    await dialling.scheduler.load()
    side_tasks = [asyncio.create_task(dialling.scheduler.run(), name="scheduler")] if dials else []
    dialling.scheduler.pbx_is_ready(True)
    try:
        yield engine
    finally:
        for task in side_tasks:
            task.cancel()
        await asyncio.gather(*side_tasks, return_exceptions=True)
        await store.close()


def memory_mb() -> float:
    """What this process holds in memory now (VmRSS)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@dataclass(slots=True)
class Steps:
    """What SQLite has done: statements, and instructions of its virtual machine."""

    statements: int = 0
    vm: int = 0

    def _step(self) -> None:
        self.vm += 1

    def _statement(self, sql: str) -> None:
        self.statements += 1

    def watch(self, connection: sqlite3.Connection) -> None:
        connection.set_progress_handler(self._step, 1)
        connection.set_trace_callback(self._statement)


@contextmanager
def counting_steps() -> Iterator[Steps]:
    """Count what SQLite does over connections that the store opens in the block; nothing that it costs is told."""
    steps = Steps()
    opened = _Thread._open

    def open_watched(thread: _Thread) -> None:
        opened(thread)
        steps.watch(thread._conn)

    _Thread._open = open_watched  # type: ignore[assignment,method-assign]
    try:
        yield steps
    finally:
        _Thread._open = opened  # type: ignore[method-assign]
