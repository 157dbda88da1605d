"""From the command to the first call: a daemon that was killed, with ten million numbers and a thousand open ones.

Then what a large database costs that was left by a kill: all its pages are read beside the calls, some seconds later.
"""

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.reading import Others, asking
from bench.rig import SETTINGS, cpu_s, running_line
from bench.rows import Place, Row
from dialer.app import CHECK_AFTER_S
from tests.rig.daemon import Dialer
from tests.rig.engine import call_of, fill
from tests.rig.pbx import Pbx
from tests.rig.waiting import wait_until

MOST_S = 3.0
OPEN = 1000
WITH_RECORD, SPOOLED = 300, 300
"""Of those: with a record in AstDB; and with a call file that is gone. The others had leave, and left no trace."""
TIMES = 3
CHECK_TIMEOUT_S = 120.0
_CHECKED = re.compile(r"checked in ([0-9.]+) s")
APART = 10 * OPEN
_LEAVE_OPEN = f"""
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
first = int(sys.argv[2])
connection.execute("BEGIN")
connection.execute(
    "UPDATE attempt SET state = 'afterDialOut', linked_id = '1792800000.' || id WHERE id >= ? AND id < ?",
    (first, first + {OPEN}),
)
connection.execute(
    "UPDATE attempt SET state = 'CreateCallFile', linked_id = NULL WHERE id >= ? AND id < ?",
    (first + {OPEN - SPOOLED}, first + {OPEN}),
)
connection.execute("COMMIT")
os._exit(0)
"""
"""Ends as a daemon that is killed: with its write-ahead log."""


async def measure(place: Place) -> Sequence[Row]:
    rows = place.scaled(10_000_000, 600_000)  # a smaller database is checked before anything else
    async with running_line(place.folder, "instant.xml") as line:
        dialer = Dialer(place.folder / "dialer", line.pbx, {**SETTINGS, "log": {"level": "INFO"}})
        try:
            await fill(dialer.database, rows, channels=2)
            seen = [await _start(dialer, line.pbx, 1 + round_ * APART) for round_ in range(TIMES)]
            checked = await _checked(dialer)
        finally:
            await dialer.close()
    serves_s, dials_s, used_s = (sorted(one)[TIMES // 2] for one in zip(*seen, strict=True))
    program_s = sorted(_import_s() for _ in range(TIMES))[TIMES // 2]
    return [
        Row(
            measure=f"start with {rows:,} rows and {OPEN:,} open attempts to reconcile, after a kill",
            seen=f"{dials_s:.2f} s to the first new call; REST after {serves_s:.2f} s; {used_s:.2f} s of a processor",
            against=f"{program_s:.2f} s: Python reads the daemon's modules and does nothing",
            to_reach=f"< {MOST_S:.0f} s",
            reached=dials_s < MOST_S,
            bound_by=f"the import of modules, {program_s / dials_s:.0%} of it; no query at the start depends on the "
            "rows, and the check of all pages after a kill goes on beside the calls",
            next_step="a quarter of the import is pydantic, which looks for the docstrings of 139 models' fields in "
            "their sources (inspect): only /openapi.json needs them",
            figures={"rows": rows, "rest_s": serves_s, "dials_s": dials_s, "cpu_s": used_s, "import_s": program_s},
        ),
        Row(
            measure=f"check of all pages after a kill, {rows:,} rows, {CHECK_AFTER_S:.0f} s after the start",
            seen=f"{checked.took_s:.1f} s, {checked.used_s:.1f} s of a processor more than before; meanwhile "
            f"{checked.meanwhile}",
            against=f"before it {checked.before}",
            to_reach="report",
            reached=None,
            bound_by="SQLite, which reads each page once, in a thread; the disk, where the file is not in memory",
            next_step="less precedence for its thread than for the calls",
            figures={
                "check_s": checked.took_s, "cpu_s": checked.used_s,
                "others_p99_ms": checked.meanwhile.read_p99_ms,
                "others_change_p99_ms": checked.meanwhile.changed_p99_ms,
                "before_p99_ms": checked.before.read_p99_ms, "before_change_p99_ms": checked.before.changed_p99_ms,
            },
        ),
    ]  # fmt: skip


@dataclass(frozen=True)
class Checked:
    """What the check took, and what others waited before it and meanwhile."""

    took_s: float
    used_s: float
    """Of processors, beyond what the daemon used before it in as much time."""
    before: Others
    meanwhile: Others


async def _checked(dialer: Dialer) -> Checked:
    """Start once more, and look at the check that the kills before have left to be done."""

    def found() -> re.Match[str] | None:
        return _CHECKED.search(dialer.log_file.read_text(errors="replace"), len(said))

    said = dialer.log_file.read_text(errors="replace")
    await dialer.start()
    started_s = time.monotonic()
    await asyncio.sleep(CHECK_AFTER_S / 2)  # what a start does is done
    used_s, at_s = [cpu_s(dialer.pid)], [time.monotonic()]
    async with asking(dialer) as before:
        await asyncio.sleep(started_s + 0.9 * CHECK_AFTER_S - time.monotonic())
    used_s.append(cpu_s(dialer.pid))
    at_s.append(time.monotonic())
    async with asking(dialer) as meanwhile:
        await wait_until(found, "the check of all pages", CHECK_TIMEOUT_S, poll_s=0.1)
    used_s.append(cpu_s(dialer.pid))
    at_s.append(time.monotonic())
    match = found()
    assert match is not None
    without_s = (used_s[1] - used_s[0]) / (at_s[1] - at_s[0]) * (at_s[2] - at_s[1])
    return Checked(float(match[1]), used_s[2] - used_s[1] - without_s, before, meanwhile)


async def _start(dialer: Dialer, pbx: Pbx, first: int) -> tuple[float, float, float]:
    """Seconds to REST, to the first new call with all that was open reconciled, and of a processor."""
    subprocess.run([sys.executable, "-c", _LEAVE_OPEN, str(dialer.database), str(first)], check=True)
    for attempt_id in range(first, first + WITH_RECORD):
        await pbx.rx(f'database put autodialer/{attempt_id} out "out|BUSY|17|0000002a:486 ||{call_of(attempt_id)}|"')
    began_s, began_us = time.monotonic(), time.time_ns() // 1000
    await dialer.start()
    serves_s = time.monotonic() - began_s
    await wait_until(lambda: is_done(dialer.database, first, began_us), "reconciled, and a new call", 60.0, poll_s=0.02)
    dials_s = time.monotonic() - began_s
    used_s = cpu_s(dialer.pid)
    await dialer.kill()
    await asyncio.sleep(1.0)  # calls that it had begun end
    for path in pbx.spool_dir.iterdir():
        path.unlink()
    return serves_s, dials_s, used_s


def is_done(database: Path, first: int, began_us: int) -> bool:
    """Whether all that had leave has its result, all that had a call file is in the queue again or was dialled from
    there, and a call has got leave since."""
    had_leave = (first, first + OPEN - SPOOLED)
    had_file = (first + OPEN - SPOOLED, first + OPEN)
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5.0)) as connection:
        left: int = connection.execute(
            "SELECT count(*) FROM attempt WHERE closed_us IS NULL AND id >= ? AND id < ?", had_leave
        ).fetchone()[0]
        untouched: int = connection.execute(
            "SELECT count(*) FROM attempt WHERE changed_us <= ? AND id >= ? AND id < ?", (began_us, *had_file)
        ).fetchone()[0]
        new: int = connection.execute(
            "SELECT count(*) FROM attempt WHERE state != 'CreateTask' AND changed_us > ? "
            "AND state != 'CreateCallFile' AND NOT (id >= ? AND id < ?)",
            (began_us, *had_leave),
        ).fetchone()[0]
    return left == 0 and untouched == 0 and new > 0


def _import_s() -> float:
    began_s = time.monotonic()
    subprocess.run([sys.executable, "-c", "import dialer.app"], check=True, env={**os.environ})
    return time.monotonic() - began_s
