"""Tables of millions of rows, made by SQLite itself in a database that the store has made."""

import sqlite3
from contextlib import closing
from pathlib import Path

from dialer.store.database import Store

ROWS_A_SECOND = 100
"""Of finished calls."""
FIRST_US = 1_700_000_000_000_000
_FILL = """
WITH RECURSIVE place(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM place WHERE n + 1 < :rows)
INSERT INTO attempt (task_id, attempt_number, phone_id, phone, params, state, result, cause, out_dial_state,
  linked_id, verbose_call_id, call_file, changed_us, closed_us, talked_s)
SELECT :task_id, 1, printf('952%07d', n), printf('7952%07d', n), printf('{"name": "Client %d"}', n), 'endCall',
  CASE n % 3 WHEN 0 THEN 'SUCCESS' WHEN 1 THEN 'FAIL_USER_BUSY' ELSE 'FAIL_NO_ANSWER' END,
  CASE n % 3 WHEN 0 THEN NULL WHEN 1 THEN 'SIP 486 Busy Here' ELSE 'No answer' END,
  CASE n % 3 WHEN 0 THEN 'ANSWER' WHEN 1 THEN 'BUSY' ELSE 'NOANSWER' END,
  printf('1700000000.%d', n), printf('C-%08x', n), printf('dialer-%d.call', n),
  :first_us + n * :step_us, :first_us + n * :step_us, n % 60
FROM place
"""
_TASK = """
INSERT INTO task (crm_id, name, state, inner_num, inner_num_type, max_count_channels, dial_prefix, changed_us)
VALUES (:name, :name, 1, '201', 'exten', 1, '', :first_us) RETURNING id
"""


async def fill(database: Path, task_rows: list[int]) -> list[int]:
    """Closed tasks with so many finished rows each; returns their ids. No daemon may be using the file."""
    store = await Store.open(f"sqlite:///{database}")
    await store.close()
    step_us = 1_000_000 // ROWS_A_SECOND
    ids: list[int] = []
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = -262144")
        first_us = FIRST_US
        for place, rows in enumerate(task_rows):
            with_id = {"name": f"bench {place}", "first_us": first_us}
            ids.append(int(connection.execute(_TASK, with_id).fetchone()[0]))
            values = {"rows": rows, "task_id": ids[-1], "first_us": first_us, "step_us": step_us}
            connection.execute(_FILL, values)
            first_us += rows * step_us
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return ids
