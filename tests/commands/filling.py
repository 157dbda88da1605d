"""Tasks with results, put into the database of a stopped daemon: to call a hundred thousand takes hours."""

import sqlite3
from contextlib import closing
from pathlib import Path

TIME_US = 1_790_000_000_000_000


def fill(database: Path, task_id: int, polling_id: int, count: int, *, first: int = 79_530_000_000) -> None:
    """So many numbers of a polling task: of four one is busy, one waits still, two have answered 1 and 2."""
    rows, answers = [], []
    for place in range(count):
        phone, kind = str(first + place), place % 4
        time_us = TIME_US + place * 1_000_000
        closed_us = None if kind == 3 else time_us
        result = None if kind == 3 else "FAIL" if kind == 2 else "SUCCESS_POLLING"
        state = "CreateTask" if kind == 3 else "failedOriginate" if kind == 2 else "EVENT_POLLING_END"
        cause = "SIP 486 Busy Here" if kind == 2 else None
        rows.append((task_id, 1, phone[-10:], phone, state, result, cause, time_us, closed_us))
        if kind < 2:
            answers.append((phone[-10:], phone, "1", f"v{kind + 1}", str(kind + 1), time_us))
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany(
            "INSERT INTO attempt (task_id, attempt_number, phone_id, phone, state, result, cause, changed_us,"
            " closed_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        ids = dict(connection.execute("SELECT phone_id, id FROM attempt WHERE task_id = ?", (task_id,)).fetchall())
        connection.executemany(
            "INSERT INTO answer (attempt_id, task_id, polling_id, phone_id, phone, question_id, result, exten,"
            " changed_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(ids[one[0]], task_id, polling_id, *one) for one in answers],
        )
