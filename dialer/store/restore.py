"""A backup in the place of the database: what was stored comes back, what was done does not.

The world has gone on since the backup: numbers were dialled, answers were given, results were told, people asked not to
be called again. All that is in the database that is replaced, so it is taken over from there:

  results, answers, calls that were begun, further attempts    no number is dialled anew, no result is given twice
  the stop list (both are kept), calls of the day, money spent  likewise: what forbids a call stays forbidden
  deliveries to receivers                                       nothing is delivered anew, what waits is delivered
  keys, users, sessions, the audit log                          what was revoked stays revoked
  the last ids given                                            no id means two things to a CRM or to Asterisk

Tasks, lists, pollings, rules and clients are the backup's. Where the replaced database cannot be read nobody knows what
was dialled since: then calls that had a call file at the time of the backup count as dialled and lost. In any case
every task that was open comes back paused: a person looks at it first. Calls that were in progress are left in
progress: the daemon compares them with Asterisk when it starts, as after a crash.
"""

import os
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select, update

from dialer.model.audit import Author, Change
from dialer.model.outcome import Outcome
from dialer.model.task import TaskState
from dialer.store.audit import entry
from dialer.store.backup import copy_file, look_at
from dialer.store.database import Store, Transaction
from dialer.store.errors import StoreError, damaged
from dialer.store.finishing import close_undialled, release_clients
from dialer.store.schema import (
    IN_PROGRESS,
    SCHEMA_VERSION,
    api_key,
    attempt,
    audit,
    metadata,
    session,
    task,
    user,
)
from dialer.store.sqlite import prepare_file

LOST = "Lost: the database was restored, whether this number was dialled is not known"
_GAPS = {"attempt": 10_000_000, "answer": 10_000_000, "event": 10_000_000}
_GAP = 10_000
"""How many ids may have been given since a backup that is all we have."""
_ACCESS = tuple(table.name for table in (api_key, session, user, audit))
"""Tables that are taken whole from the replaced database."""
_ENDS = ("", "-wal", "-shm", "-journal")


@dataclass(slots=True)
class Restored:
    """What a person is told."""

    paused: list[tuple[int, str]] = field(default_factory=list)
    """Tasks that were open: id and name."""
    gone: list[tuple[int, str]] = field(default_factory=list)
    """Tasks of the replaced database that the backup does not know."""
    taken_over: int = 0
    """Attempts as the replaced database has them."""
    lost: int = 0
    """Attempts that count as dialled because nobody knows."""
    in_progress: int = 0
    """Attempts that the daemon will look for in Asterisk."""
    unreadable: str = ""
    """Why the replaced database told nothing; empty: it did, or there was none."""
    kept_as: Path | None = None
    """Where the replaced database is now."""


class Restoration:
    """One restore, within `sole_user`: no daemon uses the database meanwhile. `prepare`, then `swap` or `discard`."""

    def __init__(self, database: Path, file: Path, author: Author) -> None:
        """`author`: of the row in the audit log."""
        self._author = author
        self._database = database
        self._file = file
        self._aside = database.with_name(f".{database.name}.restoring")
        self._current = database.with_name(f".{database.name}.as-it-was")

    async def prepare(self) -> Restored:
        """Make the new database beside the old one. Raises StoreError, DatabaseRefusedError."""
        self.discard()
        look_at(self._file)
        copy_file(self._file, self._aside)
        prepare_file(self._aside)
        told = Restored()
        known = self._readable_current(told)
        with closing(sqlite3.connect(self._aside, isolation_level=None)) as connection:
            unknown = _take_over(connection, known, told)
        store = await Store.open(f"sqlite:///{self._aside}")
        try:
            await store.write(lambda tx: _settle(tx, unknown, told))
            await store.write(entry(self._author, Change("database.restore", str(self._file), "")))
        finally:
            await store.close()
        look_at(self._aside)
        return told

    def swap(self) -> Path | None:
        """Put the new database into the place of the old one; return where that is now. Whenever it is interrupted, one
        of the two is there, or a database that no daemon starts on."""
        kept = None
        database = self._database
        if database.exists():
            kept = _free_name(database, time.strftime("%Y%m%d-%H%M%S"))
            _without_log(database)
            self._aside.chmod(database.stat().st_mode & 0o660)
            os.link(database, kept)
            wal = database.with_name(f"{database.name}-wal")
            if wal.exists():  # damaged; its index stays until the end: without its log no daemon takes the database
                wal.rename(kept.with_name(f"{kept.name}-wal"))
        with self._aside.open("rb") as written:
            os.fsync(written.fileno())
        self._aside.replace(database)
        database.with_name(f"{database.name}-shm").unlink(missing_ok=True)
        folder = os.open(database.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self.discard()
        return kept

    def discard(self) -> None:
        """Leave nothing behind but the database."""
        for base in (self._aside, self._current):
            for end in _ENDS:
                base.with_name(f"{base.name}{end}").unlink(missing_ok=True)

    def _readable_current(self, told: Restored) -> Path | None:
        """The replaced database in our version; None: there is none, or it cannot be read, and `told` why."""
        if not self._database.exists():
            return None
        try:
            if not _has_header(self._database):
                raise damaged(str(self._database), "file is not a database")
            _without_log(self._database)
            if look_at(self._database).version == SCHEMA_VERSION:
                return self._database
            copy_file(self._database, self._current)
            prepare_file(self._current)
        except (StoreError, sqlite3.Error, OSError) as error:
            told.unreadable = str(error)
            return None
        return self._current


def _without_log(database: Path) -> None:
    """Bring what the log holds into the file; a log that cannot be read stays."""
    if not _has_header(database):
        return  # SQLite would delete the log of what it does not know
    try:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.DatabaseError:
        return


def _has_header(database: Path) -> bool:
    with database.open("rb") as opened:
        return opened.read(16) == b"SQLite format 3\0"


def _free_name(database: Path, stamp: str) -> Path:
    name = f"{database.name}.before-restore-{stamp}"
    taken = 0
    while database.with_name(name).exists():
        taken += 1
        name = f"{database.name}.before-restore-{stamp}-{taken}"
    return database.with_name(name)


def _from_replaced(table: str, where: str = "") -> str:
    """Take rows over. All columns by name: a migrated table may have them in another order than a new one."""
    columns = ", ".join(f'"{column.name}"' for column in metadata.tables[table].columns)
    where_to, where_from = f"main.{table}", f"now.{table}"
    return " ".join(("INSERT OR IGNORE INTO", where_to, f"({columns})", "SELECT", columns, "FROM", where_from, where))


_CHOOSE = """
CREATE TEMP TABLE both AS SELECT t.id FROM main.task t JOIN now.task n ON n.id = t.id AND n.crm_id = t.crm_id;
CREATE TEMP TABLE taken AS
  SELECT n.id AS new_id, o.id AS old_id
  FROM now.attempt n LEFT JOIN main.attempt o
    ON o.task_id = n.task_id AND o.phone_id = n.phone_id AND o.attempt_number = n.attempt_number
  WHERE n.task_id IN (SELECT id FROM both) AND CASE
    WHEN o.id IS NULL
      THEN n.closed_us IS NOT NULL OR n.attempt_number > 1 OR n.state NOT IN ('CreateTask', 'CreateCallFile')
    ELSE o.closed_us IS NULL
      AND (n.closed_us IS NOT NULL OR n.state <> 'CreateTask' OR o.state <> 'CreateTask')
    END;
DELETE FROM main.answer WHERE attempt_id IN (SELECT old_id FROM taken WHERE old_id IS NOT NULL);
DELETE FROM main.attempt WHERE id IN (SELECT old_id FROM taken WHERE old_id IS NOT NULL);
DELETE FROM main.event WHERE task_id IN (SELECT id FROM both);
INSERT OR IGNORE INTO main.stop_number (task_id, phone_id, phone, reason, created_us)
  SELECT task_id, phone_id, phone, reason, created_us FROM now.stop_number
  WHERE task_id = 0 OR task_id IN (SELECT id FROM both);
INSERT INTO main.dialled (day, phone_id, times) SELECT day, phone_id, times FROM now.dialled WHERE true
  ON CONFLICT (day, phone_id) DO UPDATE SET times = max(times, excluded.times);
UPDATE main.task SET spent_u = (SELECT n.spent_u FROM now.task n WHERE n.id = task.id)
  WHERE id IN (SELECT id FROM both);
"""
_TAKE_OVER = (
    *filter(str.strip, _CHOOSE.split(";")),
    _from_replaced("attempt", "WHERE id IN (SELECT new_id FROM taken)"),
    _from_replaced("answer", "WHERE attempt_id IN (SELECT new_id FROM taken)"),
    _from_replaced("event", "WHERE task_id IN (SELECT id FROM both)"),
    *(
        statement
        for table in _ACCESS
        for statement in (" ".join(("DELETE FROM", f"main.{table}")), _from_replaced(table))
    ),
)
_WITH_CALL_FILE = "SELECT id FROM main.attempt WHERE closed_us IS NULL AND state = 'CreateCallFile'"


def _take_over(connection: sqlite3.Connection, current: Path | None, told: Restored) -> list[int]:
    """What was done since, from the replaced database; return attempts with a call file that nobody knows more of."""
    if current is None:
        connection.execute("BEGIN IMMEDIATE")
        for (table,) in connection.execute("SELECT name FROM sqlite_sequence").fetchall():
            gap = _GAPS.get(table, _GAP)
            connection.execute("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = ?", (gap, table))
        connection.execute("DELETE FROM session")
        connection.execute("COMMIT")
        return [row[0] for row in connection.execute(_WITH_CALL_FILE)]
    connection.execute("ATTACH ? AS now", (str(current),))
    connection.execute("BEGIN IMMEDIATE")
    for statement in _TAKE_OVER:
        connection.execute(statement)
    for table, seq in connection.execute("SELECT name, seq FROM now.sqlite_sequence").fetchall():
        raised = "UPDATE main.sqlite_sequence SET seq = max(seq, ?) WHERE name = ?"
        if not connection.execute(raised, (seq, table)).rowcount:
            connection.execute("INSERT INTO main.sqlite_sequence (name, seq) VALUES (?, ?)", (table, seq))
    taken = {row[0] for row in connection.execute("SELECT new_id FROM taken")}
    told.taken_over = len(taken)
    told.gone = connection.execute(
        "SELECT id, name FROM now.task WHERE id NOT IN (SELECT id FROM both) ORDER BY id"
    ).fetchall()
    unknown = [row[0] for row in connection.execute(_WITH_CALL_FILE) if row[0] not in taken]
    connection.execute("COMMIT")
    connection.execute("DETACH now")
    return unknown


def _settle(tx: Transaction, unknown: list[int], told: Restored) -> None:
    told.lost = 0
    for start in range(0, len(unknown), 500):
        some = attempt.c.id.in_(unknown[start : start + 500])
        told.lost += close_undialled(tx, some, Outcome.FAIL, LOST)
    for (task_id,) in tx.connection.execute(select(task.c.id)).all():
        release_clients(tx, task_id)
    is_open = task.c.state == TaskState.OPEN.value
    rows = tx.connection.execute(select(task.c.id, task.c.name).where(is_open).order_by(task.c.id)).all()
    told.paused = [(row.id, row.name) for row in rows]
    tx.connection.execute(update(task).where(is_open).values(state=TaskState.PAUSED.value, changed_us=tx.now_us))
    told.in_progress = len(tx.connection.execute(select(attempt.c.id).where(IN_PROGRESS)).all())
