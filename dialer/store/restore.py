"""A backup in the place of the database: what was stored comes back, what was done does not.

The world has gone on since the backup: numbers were dialled, answers were given, results were told, people asked not to
be called again. All that is in the database that is replaced, so it is taken over from there:

  results, answers, calls that were begun, further attempts    no number is dialled anew, no result is given twice
  the stop list (both are kept), calls of the day, money spent  likewise: what forbids a call stays forbidden
  deliveries to receivers                                       nothing is delivered anew, what waits is delivered
  keys, users, sessions, the audit log                          what was revoked stays revoked
  the last ids given                                            no id means two things to a CRM or to Asterisk

Tasks, lists, pollings, rules and clients are the backup's; a list that it caught half joined is joined whole. A number
that waits in the backup, and that the replaced database does not list any more (its task was deleted, the CRM took it
off the list), may have been dialled before its row went: it ends as lost, and nobody is told of that.

How much the replaced database knows depends on what it is (`Since`): each has a lineage, which its copies keep, and a
branch, which is new after each restore that could not know all. What is not known counts as done where that can be
seen: attempts that had a call file at the time of the backup are lost, ids go on after a gap, sessions end. In any case
every task that was open comes back paused: a person looks at it first. Calls that were in progress are left in
progress: the daemon compares them with Asterisk when it starts, as after a crash.
"""

import json
import os
import secrets
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import delete, func, select, update

from dialer.model.audit import Author, Change
from dialer.model.outcome import Outcome
from dialer.model.task import TaskState
from dialer.store.audit import entry
from dialer.store.backup import copy_file, last_change_us, look_at
from dialer.store.database import Operation, Store, Transaction
from dialer.store.errors import DatabaseRefusedError, StoreError, damaged, store_error
from dialer.store.finishing import close_undialled, release_clients
from dialer.store.joining import fetch_joining, finish_joining
from dialer.store.schema import (
    IN_PROGRESS,
    OF_LISTS,
    OLD_LINEAGE,
    SCHEMA_VERSION,
    api_key,
    attempt,
    audit,
    event,
    metadata,
    session,
    task,
    user,
)
from dialer.store.sqlite import prepare_file

T = TypeVar("T")
LOST = "Lost: the database was restored, whether this number was dialled is not known"
_GAPS = {"attempt": 10_000_000, "answer": 10_000_000, "event": 10_000_000}
_GAP = 10_000
"""How many ids may have been given since a backup that is all we have."""
_ACCESS = tuple(table.name for table in (api_key, session, user, audit))
"""Tables that are taken whole from the replaced database."""
_ENDS = ("", "-wal", "-shm", "-journal")


class Since(Enum):
    """What is known of the time since the backup."""

    KNOWN = auto()
    """All: the replaced database is what became of the one that was backed up."""
    PARTLY = auto()
    """What the replaced database did: both have one origin, but it was restored without knowing all of the other."""
    FOREIGN = auto()
    """Nothing: the replaced database is another one, or was made anew."""
    UNREADABLE = auto()
    MISSING = auto()


@dataclass(slots=True)
class Restored:
    """What a person is told."""

    since: Since = Since.KNOWN
    paused: list[tuple[int, str]] = field(default_factory=list)
    """Tasks that were open: id and name."""
    gone: list[tuple[int, str]] = field(default_factory=list)
    """Tasks of the replaced database that the backup does not know."""
    taken_over: int = 0
    """Attempts as the replaced database has them."""
    lost: int = 0
    """Attempts that count as dialled because nobody knows."""
    unlisted: int = 0
    """Attempts that count as dialled because the replaced database does not list their numbers any more."""
    keys: list[str] = field(default_factory=list)
    """Names of API keys as the backup has them, where nobody knows whether they were revoked since …"""
    users: list[str] = field(default_factory=list)
    """… and of users."""
    in_progress: int = 0
    """Attempts that the daemon will look for in Asterisk."""
    unreadable: str = ""
    """Why, if it is."""
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
        changed_us = look_at(self._file).changed_us
        copy_file(self._file, self._aside)
        prepare_file(self._aside)
        told = Restored()
        known = self._readable_current(told)
        has_current = known is not None
        unknown = self._beside(known, lambda connection: _take_over(connection, told, has_current=has_current))
        await self._write(_finish_lists)  # its new numbers may be listed no more, too
        unlisted: list[int] = []
        if told.since is Since.KNOWN:
            unlisted = self._beside(known, lambda connection: _not_listed(connection, changed_us))
        await self._write(
            lambda tx: _settle(tx, unknown, unlisted, told),
            entry(self._author, Change("database.restore", str(self._file), "")),
        )
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

    async def _write(self, *operations: Operation[Any]) -> None:
        store = await Store.open(f"sqlite:///{self._aside}")
        try:
            for operation in operations:
                await store.write(operation)
        finally:
            await store.close()

    def _beside(self, current: Path | None, change: Callable[[sqlite3.Connection], T]) -> T:
        """In one transaction, with the replaced database as `now`, if there is one."""
        try:
            with closing(sqlite3.connect(self._aside, isolation_level=None)) as connection:
                if current is not None:
                    connection.execute("ATTACH ? AS now", (str(current),))
                connection.execute("BEGIN IMMEDIATE")
                result = change(connection)
                connection.execute("COMMIT")
                return result
        except sqlite3.IntegrityError as error:
            raise DatabaseRefusedError(
                f"{self._file} and {self._database} contradict each other: {error}; nothing was changed"
            ) from error
        except sqlite3.Error as error:
            raise store_error(error, str(self._aside)) from error

    def _readable_current(self, told: Restored) -> Path | None:
        """The replaced database in our version; None: there is none, or it cannot be read, and `told` why."""
        if not self._database.exists():
            told.since = Since.MISSING
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
            told.since, told.unreadable = Since.UNREADABLE, str(error)
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
    return " ".join(("INSERT INTO", where_to, f"({columns})", "SELECT", columns, "FROM", where_from, where))


def _statements(script: str) -> tuple[str, ...]:
    return tuple(filter(str.strip, script.split(";")))


# n: as the replaced database has it, o: as the backup has it
_BOTH = {
    Since.KNOWN: "CREATE TEMP TABLE both AS SELECT t.id FROM main.task t JOIN now.task n ON n.id = t.id",
    Since.PARTLY: "CREATE TEMP TABLE both AS "
    "SELECT t.id FROM main.task t JOIN now.task n ON n.id = t.id AND n.crm_id = t.crm_id",
    Since.FOREIGN: "CREATE TEMP TABLE both AS SELECT id FROM main.task WHERE false",
}
_CHOOSE = """
CREATE TEMP TABLE taken AS
  SELECT n.id AS new_id, o.id AS old_id
  FROM now.attempt n LEFT JOIN main.attempt o
    ON o.task_id = n.task_id AND o.phone_id = n.phone_id AND o.attempt_number = n.attempt_number
  WHERE n.task_id IN (SELECT id FROM both) AND """
_CHOSEN = {
    # another id: the number was taken off the list since, and is in it anew
    Since.KNOWN: """CASE
    WHEN o.id IS NULL
      THEN n.closed_us IS NOT NULL OR n.attempt_number > 1 OR n.state NOT IN ('CreateTask', 'CreateCallFile')
    WHEN o.closed_us IS NULL
      THEN n.closed_us IS NOT NULL OR n.state <> 'CreateTask' OR o.state <> 'CreateTask' OR n.id <> o.id
    ELSE n.id <> o.id AND (n.closed_us IS NOT NULL OR n.state NOT IN ('CreateTask', 'CreateCallFile'))
    END""",
    # only what has gone further than in the backup
    Since.PARTLY: """CASE
    WHEN o.id IS NULL
      THEN n.closed_us IS NOT NULL OR n.state NOT IN ('CreateTask', 'CreateCallFile')
        OR (n.attempt_number > 1 AND EXISTS (SELECT 1 FROM main.attempt p WHERE p.task_id = n.task_id
          AND p.phone_id = n.phone_id AND p.attempt_number < n.attempt_number AND p.closed_us IS NULL))
    WHEN o.closed_us IS NULL
      THEN n.closed_us IS NOT NULL OR (n.state = 'CreateCallFile' AND o.state = 'CreateTask')
        OR (n.state NOT IN ('CreateTask', 'CreateCallFile') AND o.state IN ('CreateTask', 'CreateCallFile'))
    ELSE false
    END""",
    Since.FOREIGN: "false",
}
_CHANGE = _statements("""
DELETE FROM main.answer WHERE attempt_id IN (SELECT old_id FROM taken WHERE old_id IS NOT NULL);
DELETE FROM main.attempt WHERE id IN (SELECT old_id FROM taken WHERE old_id IS NOT NULL);
INSERT OR IGNORE INTO main.stop_number (task_id, phone_id, phone, reason, created_us)
  SELECT task_id, phone_id, phone, reason, created_us FROM now.stop_number
  WHERE task_id = 0 OR task_id IN (SELECT id FROM both);
INSERT INTO main.dialled (day, phone_id, times) SELECT day, phone_id, times FROM now.dialled WHERE true
  ON CONFLICT (day, phone_id) DO UPDATE SET times = max(times, excluded.times);
UPDATE main.task SET spent_u = max(spent_u, (SELECT n.spent_u FROM now.task n WHERE n.id = task.id))
  WHERE id IN (SELECT id FROM both)
""")
_INSERT = (
    _from_replaced("attempt", "WHERE id IN (SELECT new_id FROM taken)"),
    _from_replaced("answer", "WHERE attempt_id IN (SELECT new_id FROM taken)"),
)
_DELIVERIES = {
    # also those of tasks that are in one of both only
    Since.KNOWN: ("DELETE FROM main.event", _from_replaced("event")),
    # of a number's events the first one has a time, the others wait for it
    Since.PARTLY: (
        _from_replaced(
            "event",
            "WHERE task_id IN (SELECT id FROM both) AND event_id NOT IN (SELECT event_id FROM main.event)",
        ),
        *_statements("""
CREATE TEMP TABLE first AS SELECT min(id) AS id FROM main.event WHERE dead_us IS NULL GROUP BY url, task_id, phone_id;
UPDATE main.event SET due_us = NULL WHERE dead_us IS NULL AND id NOT IN (SELECT id FROM first);
UPDATE main.event SET due_us = 0 WHERE due_us IS NULL AND id IN (SELECT id FROM first)
"""),
    ),
    Since.FOREIGN: (),
}
_WITH_CALL_FILE = "SELECT id FROM main.attempt WHERE closed_us IS NULL AND state = 'CreateCallFile'"
_NOT_LISTED = """
SELECT o.id, o.task_id FROM main.attempt o
WHERE o.closed_us IS NULL AND o.state IN ('CreateTask', 'CreateCallFile') AND NOT EXISTS (
  SELECT 1 FROM now.attempt n
  WHERE n.task_id = o.task_id AND n.phone_id = o.phone_id AND n.attempt_number = o.attempt_number)
"""
_SAME_ROWS = """
SELECT 1 FROM main.attempt o JOIN now.attempt n ON n.id = o.id AND n.task_id = o.task_id AND n.phone_id = o.phone_id
  AND n.attempt_number = o.attempt_number AND n.changed_us = o.changed_us
UNION ALL
SELECT 1 FROM main.task o JOIN now.task n ON n.id = o.id AND n.crm_id = o.crm_id AND n.changed_us = o.changed_us
UNION ALL
SELECT 1 FROM main.api_key o JOIN now.api_key n ON n.digest = o.digest AND n.created_us = o.created_us
LIMIT 1
"""
"""Rows that no two databases have by chance, with the time they were stored at in microseconds."""
_NUMBERED = tuple(table.name for table in metadata.tables.values() if table.dialect_options["sqlite"]["autoincrement"])


def _take_over(connection: sqlite3.Connection, told: Restored, *, has_current: bool) -> list[int]:
    """What was done since, from the replaced database. Says which attempts had a call file, and nobody knows more.
    Raises IntegrityError where both have different rows of one id."""
    taken: set[int] = set()
    if has_current:
        told.since = _kinship(connection)
        taken = _take_rows(connection, told)
    if told.since is Since.KNOWN:
        _note_left_out(connection, told)
        return []
    unknown = [row[0] for row in connection.execute(_WITH_CALL_FILE) if row[0] not in taken]
    _leave_gap(connection)
    connection.execute("DELETE FROM main.session")
    connection.execute("UPDATE main.meta SET value = ? WHERE key = 'branch'", (secrets.token_hex(16),))
    if told.since is not Since.PARTLY:
        told.keys = [row[0] for row in connection.execute("SELECT name FROM main.api_key ORDER BY name")]
        told.users = [row[0] for row in connection.execute("SELECT login FROM main.console_user ORDER BY login")]
    return unknown


def _kinship(connection: sqlite3.Connection) -> Since:
    ours, theirs = _meta(connection, "main"), _meta(connection, "now")
    if ours.get("lineage") == theirs.get("lineage") is not None:
        return Since.KNOWN if ours.get("branch") == theirs.get("branch") else Since.PARTLY
    either = (ours.get("lineage", OLD_LINEAGE), theirs.get("lineage", OLD_LINEAGE))
    if not any(lineage.startswith(OLD_LINEAGE) for lineage in either):
        return Since.FOREIGN
    if connection.execute(_SAME_ROWS).fetchone() is None:
        return Since.FOREIGN
    connection.executemany("DELETE FROM main.meta WHERE key = ?", [(key,) for key in ours])
    connection.executemany("INSERT INTO main.meta (key, value) VALUES (?, ?)", theirs.items())
    return Since.KNOWN


def _meta(connection: sqlite3.Connection, schema: str) -> dict[str, str]:
    """What tells about the database; not the keys of lists, which go with its rows."""
    of_lists = " OR ".join(f"key GLOB '{start}*'" for start in OF_LISTS)
    return dict(
        connection.execute(" ".join(("SELECT key, value FROM", f"{schema}.meta WHERE NOT ({of_lists})"))).fetchall()
    )


def _take_rows(connection: sqlite3.Connection, told: Restored) -> set[int]:
    """Say which attempts were taken."""
    since = told.since
    connection.execute(_BOTH[since])
    connection.execute(_CHOOSE + _CHOSEN[since])
    taken = {row[0] for row in connection.execute("SELECT new_id FROM taken")}
    for statement in _CHANGE:  # of another database too: what forbids calls is about telephones, not about rows
        connection.execute(statement)
    if since is not Since.FOREIGN:
        inserted = [connection.execute(statement).rowcount for statement in _INSERT]
        if inserted[0] != len(taken):
            raise sqlite3.IntegrityError(f"{inserted[0]} attempts of {len(taken)} can be taken over")
        for statement in _DELIVERIES[since]:
            connection.execute(statement)
        for table in _ACCESS:
            connection.execute(" ".join(("DELETE FROM", f"main.{table}")))
            connection.execute(_from_replaced(table))
    for table in _NUMBERED:
        seq = connection.execute("SELECT seq FROM now.sqlite_sequence WHERE name = ?", (table,)).fetchone()
        _raise_sequence(connection, table, seq[0] if seq else 0)
    told.taken_over = len(taken)
    told.gone = connection.execute(
        "SELECT id, name FROM now.task WHERE id NOT IN (SELECT id FROM both) ORDER BY id"
    ).fetchall()
    return taken


def _not_listed(connection: sqlite3.Connection, changed_us: int) -> list[int]:
    """Attempts that wait, and may have been dialled before the replaced database's rows of them went. Where the backup
    is the very database that the last restore replaced, its tasks that were left out then have not been dialled since.
    """
    noted = json.loads(_meta(connection, "now").get("left_out", "{}"))
    spared = set(noted["tasks"]) if noted.get("changed_us") == changed_us else set()
    return [row[0] for row in connection.execute(_NOT_LISTED) if row[1] not in spared]


def _note_left_out(connection: sqlite3.Connection, told: Restored) -> None:
    noted = {"changed_us": last_change_us(connection, "now"), "tasks": [task_id for task_id, _name in told.gone]}
    connection.execute("INSERT OR REPLACE INTO main.meta (key, value) VALUES ('left_out', ?)", (json.dumps(noted),))


def _leave_gap(connection: sqlite3.Connection) -> None:
    """Ids that may have been given since the backup are not given again."""
    for table in _NUMBERED:
        gap = _GAPS.get(table, _GAP)
        seq = connection.execute("SELECT seq FROM main.sqlite_sequence WHERE name = ?", (table,)).fetchone()
        _raise_sequence(connection, table, (seq[0] if seq else 0) + gap)


def _raise_sequence(connection: sqlite3.Connection, table: str, seq: int) -> None:
    raised = "UPDATE main.sqlite_sequence SET seq = max(seq, ?) WHERE name = ?"
    if not connection.execute(raised, (seq, table)).rowcount:
        connection.execute("INSERT INTO main.sqlite_sequence (name, seq) VALUES (?, ?)", (table, seq))


def _finish_lists(tx: Transaction) -> None:
    """Lists that were joined in parts at the time of the backup."""
    for task_id in fetch_joining(tx.connection):
        finish_joining(tx, task_id)


def _settle(tx: Transaction, unknown: list[int], unlisted: list[int], told: Restored) -> None:
    """`unknown`: attempts that had a call file, and nobody knows more. `unlisted`: those that wait, and that the
    replaced database does not list any more."""
    told.lost = _close_lost(tx, unknown)
    (last_event,) = tx.connection.execute(select(func.coalesce(func.max(event.c.id), 0))).one()
    told.unlisted = _close_lost(tx, unlisted)
    # their receiver has taken them off, or has their true results
    tx.connection.execute(delete(event).where(event.c.id > last_event))
    for (task_id,) in tx.connection.execute(select(task.c.id)).all():
        release_clients(tx, task_id)
    is_open = task.c.state == TaskState.OPEN.value
    rows = tx.connection.execute(select(task.c.id, task.c.name).where(is_open).order_by(task.c.id)).all()
    told.paused = [(row.id, row.name) for row in rows]
    tx.connection.execute(update(task).where(is_open).values(state=TaskState.PAUSED.value, changed_us=tx.now_us))
    told.in_progress = len(tx.connection.execute(select(attempt.c.id).where(IN_PROGRESS)).all())


def _close_lost(tx: Transaction, ids: list[int]) -> int:
    return sum(
        close_undialled(tx, attempt.c.id.in_(ids[start : start + 500]), Outcome.FAIL, LOST)
        for start in range(0, len(ids), 500)
    )
