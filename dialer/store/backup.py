"""Copies of a SQLite database that is in use, and what is looked at before a copy is believed."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from dialer.store.errors import DatabaseRefusedError, StoreError, damaged, store_error
from dialer.store.migrations import check_version
from dialer.store.sqlite import BUSY_TIMEOUT_S

MODE = 0o600
"""Telephone numbers and answers are in it."""
AsOwner = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class BackupFacts:
    """What a copy holds."""

    version: int
    """Of the schema."""
    tasks: int
    attempts: int
    changed_us: int
    """When its last row was changed, microseconds since 1970; 0: it has none."""


def back_up(database: Path, file: Path, as_owner: AsOwner = nullcontext) -> BackupFacts:
    """Write a copy as of now to `file`, which is replaced when the copy is known to be sound; else it stays as it was.
    The database may be in use: writers do not wait for us. `as_owner`: within it we are who owns the database.

    Raises StoreError, DatabaseRefusedError for what is no database of ours or is damaged.
    """
    aside = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with _failing_as(database):
            with as_owner():  # SQLite makes files beside it, which are the owner's
                source = _opened(database, "rw")
            with closing(source):
                check_version(source, str(database))  # also begins to read
                copy(source, aside)
        facts = look_at(aside)
        _to_disk(aside)
        aside.replace(file)
        _to_disk(file.parent)
    except OSError as error:
        raise StoreError(f"{file}: {error.strerror}") from error
    finally:
        for leftover in (aside, *(aside.with_name(f"{aside.name}{end}") for end in ("-journal", "-wal", "-shm"))):
            leftover.unlink(missing_ok=True)
    return facts


def copy(source: sqlite3.Connection, file: Path) -> None:
    """Copy all of a database into one new file, in one read: what others write meanwhile is not in it."""
    os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, MODE))
    with _failing_as(file), closing(sqlite3.connect(file)) as target:
        source.backup(target, pages=-1)
        # one file, which can be carried away: no log beside it
        target.execute("PRAGMA journal_mode = DELETE")


def copy_file(source: Path, file: Path, as_owner: AsOwner = nullcontext) -> None:
    """Copy a database that nobody changes into a new file, which is made within `as_owner`. Raises StoreError."""
    with _failing_as(source), closing(_opened(source, "ro")) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # SQLite opens its files only now
        with as_owner():
            copy(connection, file)


def look_at(file: Path) -> BackupFacts:
    """Read all of a copy. Raises DatabaseRefusedError for what is damaged, newer or not ours."""
    if not file.is_file():
        raise DatabaseRefusedError(f"{file}: there is no such file")
    with _failing_as(file), closing(_opened(file, "ro")) as connection:
        version = check_version(connection, str(file))
        if not version:
            raise DatabaseRefusedError(f"{file}: an empty database, no backup of ours")
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            raise damaged(str(file), " ".join(str(found).split()))
        if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise damaged(str(file), "rows that belong to others which are not there")
        counted = connection.execute("SELECT (SELECT count(*) FROM task), (SELECT count(*) FROM attempt)").fetchone()
        return BackupFacts(version, counted[0], counted[1], last_change_us(connection, "main"))


def last_change_us(connection: sqlite3.Connection, schema: str) -> int:
    """When a row was changed last, microseconds since 1970; 0: there is none."""
    tables = (f"{schema}.{name}" for name in ("task", "attempt", "answer"))
    asked = (" ".join(("SELECT coalesce(max(changed_us), 0) FROM", table)) for table in tables)
    return int(max(connection.execute(query).fetchone()[0] for query in asked))


@contextmanager
def _failing_as(database: Path) -> Iterator[None]:
    """What SQLite says, as the rest of the program is told it."""
    try:
        yield
    except sqlite3.Error as error:
        raise store_error(error, str(database)) from error


def _opened(file: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.resolve().as_uri()}?mode={mode}", uri=True, timeout=BUSY_TIMEOUT_S)


def _to_disk(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
