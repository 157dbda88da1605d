"""When the bench of a start takes it for done."""

import sqlite3
from contextlib import closing
from pathlib import Path

from bench.start import OPEN, SPOOLED, is_done
from dialer.store.database import Store
from tests.store.making import new_task, url_of

BEGAN_US = 4_000_000_000_000_000
"""After all that the test stores."""
HAD_LEAVE = (1, OPEN - SPOOLED)
NEW = OPEN + 1
_CHANGE = "UPDATE attempt SET state = ?, closed_us = ?, result = ?, changed_us = ? WHERE id BETWEEN ? AND ?"


async def test_a_start_is_done_when_all_that_was_open_is_reconciled_and_a_call_has_leave(tmp_path: Path) -> None:
    database = tmp_path / "dialer.db"
    store = await Store.open(url_of(database))
    await new_task(store, NEW)
    await store.close()
    since_us = BEGAN_US + 1
    steps = (
        ("afterDialOut", None, None, 1, *HAD_LEAVE),
        ("CreateCallFile", None, None, 1, OPEN - SPOOLED + 1, OPEN),
        ("afterDialOut", since_us, "FAIL", since_us, *HAD_LEAVE),
        ("afterDialOut", None, None, since_us, NEW, NEW),
        ("CreateTask", None, None, since_us, OPEN - SPOOLED + 1, OPEN - 1),
        ("CreateTask", None, None, since_us, OPEN, OPEN),
    )
    seen = []
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        for step in steps:
            connection.execute(_CHANGE, step)
            seen.append(is_done(database, 1, BEGAN_US))
    assert seen == [False] * (len(steps) - 1) + [True]
