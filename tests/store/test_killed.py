"""A process that is killed while it writes."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dialer.store.database import Store
from tests.store.making import ask, new_task, url_of

ACKNOWLEDGED = 40
WRITER = """
import asyncio, sys
from dialer.store.database import Store
from dialer.store.tasks import save_task
from tests.store.making import a_task

async def write(store, series):
    place = 0
    while True:
        place += 1
        task = await store.write(save_task(f"{series}-{place}", None, a_task(50)))
        print(task.task_id, flush=True)

async def main():
    store = await Store.open(sys.argv[1])
    await asyncio.gather(*(write(store, series) for series in range(8)))

asyncio.run(main())
"""


@pytest.mark.parametrize("round_", range(2))
async def test_what_was_acknowledged_before_sigkill_is_there_and_nothing_by_halves(tmp_path: Path, round_: int) -> None:
    database = tmp_path / "dialer.db"
    acknowledged: list[int] = []
    with subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-c", WRITER, url_of(database)],
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            acknowledged.append(int(line))
            if len(acknowledged) == ACKNOWLEDGED * (round_ + 1):
                writer.send_signal(signal.SIGKILL)
    store = await Store.open(url_of(database))
    last = await new_task(store)
    await store.close()
    stored = ask(database, "SELECT task_id, count(*) FROM attempt GROUP BY task_id ORDER BY task_id")
    assert set(acknowledged) <= {row[0] for row in stored}
    assert [row[1] for row in stored] == [50] * (len(stored) - 1) + [1]
    assert stored[-1][0] == last
    assert ask(database, "PRAGMA integrity_check") == [("ok",)]
