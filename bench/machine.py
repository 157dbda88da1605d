"""The machine that a run was made on, in words."""

import os
import platform
import sqlite3
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

PRECEDENCE = -15
"""As nice(1) has it."""


def describe() -> dict[str, str]:
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "processor": f"{_first('/proc/cpuinfo', 'model name')}, {len(os.sched_getaffinity(0))} cores for all: the "
        "daemon, Asterisk, SIPp and the bench itself",
        "memory": f"{int(_first('/proc/meminfo', 'MemTotal').split()[0]) / 1024**2:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()} "
        f"({Path(sys.executable).resolve()}), "
        f"SQLite {sqlite3.sqlite_version}",
        "load before": f"{os.getloadavg()[0]:.2f}",
    }


def take_precedence(pid: int, nice: int = PRECEDENCE) -> None:
    """Let a process be served before programs that have nothing to do with the bench, and with it its session where the
    kernel shares cores out among sessions (sched(7), autogroup). Without the right to it nothing happens."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, nice)
        Path(f"/proc/{pid}/autogroup").write_text(str(nice))


def _first(file: str, name: str) -> str:
    for line in Path(file).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "0"
