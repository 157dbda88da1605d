"""A SQLite file: what is looked at before it is used, and how connections to it are set up."""

import logging
import os
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy import Connection

from dialer.store.errors import DatabaseRefusedError, StoreError, damaged, store_error
from dialer.store.migrations import check_version, migrate
from dialer.store.schema import SCHEMA_VERSION

log = logging.getLogger(__name__)
BUSY_TIMEOUT_S = 2.0
"""How long a write waits for the lock. Nobody but us writes in normal times; an administrator's statement or a backup
takes milliseconds. A claim waits with it, and Asterisk for the claim: the call file's WaitTime runs meanwhile and a
channel is held, but 2 s leave most of 45 s to ring. Without an answer the call goes back to the queue undialled."""
WAL_KEPT_BYTES = 64 * 1024 * 1024
LIST_CACHE_KIB = 65_536
LIST_LOG_PAGES = 98_304
"""384 MiB."""
_MEND = "mend owner and mode, or mount its file system for writing"
CHECKED_FIRST_BYTES = 64 * 1024 * 1024
"""A file that is no larger is read whole before it is used, in a fraction of a second."""
CHECK_DUE = "check_due"
"""`meta` has a row of that key from an unclean end until a check beside the calls has ended well: the log, which tells
of such an end, goes with the next clean one."""


def prepare_file(path: Path, *, checks_later: bool = False) -> bool:
    """Make the file a database of the current version; nothing is changed in one that is refused. One that has had an
    unclean end is read whole. With `checks_later` a large one is not; True: it is to be, by `PageCheck`.

    Raises DatabaseRefusedError, or StoreError for what may be over soon: a lock, a full disk.
    """
    path = path.resolve()  # SQLite puts its files beside what a link points to
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseRefusedError(f"the folder of {path} cannot be made: {error}") from error
    _check_access(path)
    wal_bytes = _wal_bytes(path)
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as connection:
            version = check_version(connection, str(path))
            migrates = 0 < version < SCHEMA_VERSION
            is_due = version == SCHEMA_VERSION and _is_check_due(connection)
            connection.execute("PRAGMA synchronous = FULL")
            # Reading a million rows takes 0.4 s from memory but 4 s from a cold disk: only when there is a reason.
            to_check = wal_bytes > 0 or migrates or is_due
            may_wait = checks_later and not migrates and path.stat().st_size > CHECKED_FIRST_BYTES
            later = to_check and may_wait and (is_due or _note_check(connection))
            if to_check and not later:
                _check_pages(connection, path)
                if is_due:
                    _forget_check(connection)
            _use_wal(connection, path)
            migrate(connection, str(path))
    except sqlite3.Error as error:
        raise store_error(error, str(path)) from error
    return later


class PageCheck:
    """Reads a large database whole while it is in use: of ten million rows that takes ten seconds and more, in which
    nothing would be dialled."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self._connection: sqlite3.Connection | None = None

    def run(self) -> None:
        """For a thread of its own. Raises DatabaseRefusedError for a damaged one, StoreError when it cannot be read or
        was interrupted."""
        try:
            with closing(sqlite3.connect(self._path, isolation_level=None)) as self._connection:
                _check_pages(self._connection, self._path)
        except sqlite3.Error as error:
            raise store_error(error, str(self._path)) from error

    def interrupt(self) -> None:
        """Cut short the statement that `run` executes just now, if it does."""
        if self._connection is not None:
            with suppress(sqlite3.ProgrammingError):  # it is closed
                self._connection.interrupt()


def check_file(path: Path) -> None:
    """Look whether another process keeps a database of our version there. Raises DatabaseRefusedError or StoreError."""
    _check_access(path)
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S)) as connection:
            version = check_version(connection, str(path))
    except sqlite3.Error as error:
        raise store_error(error, str(path)) from error
    if version != SCHEMA_VERSION:
        raise DatabaseRefusedError(
            f"{path} has schema version {version}, this command knows {SCHEMA_VERSION}: use that of the running daemon"
        )


def inspect_file(path: Path, *, pages_up_to_bytes: int) -> tuple[int, int]:
    """The schema version of a database, and how long its write-ahead log is; changes nothing, also beside a daemon.
    Reads all pages of one that is not too long. Raises DatabaseRefusedError or StoreError."""
    path = path.resolve()
    _check_access(path)
    wal_bytes = _wal_bytes(path)
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=BUSY_TIMEOUT_S)) as connection:
            version = check_version(connection, str(path))
            if path.stat().st_size <= pages_up_to_bytes:
                found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
                if found != "ok":
                    raise damaged(str(path), " ".join(str(found).split()))
    except sqlite3.Error as error:
        raise store_error(error, str(path)) from error
    return version, wal_bytes


def _check_access(path: Path) -> None:
    """Say in plain words what SQLite calls "unable to open database file", or notices at the first write only."""
    if path.is_dir():
        raise DatabaseRefusedError(f"{path} is a folder: give a file in [store] url")
    # the files beside it may be somebody else's: of an administrator who opened the database as root
    for file in (path, *_beside(path)):
        if file.exists() and not os.access(file, os.R_OK | os.W_OK, effective_ids=True):
            raise DatabaseRefusedError(f"{file} cannot be read and written by this user: {_MEND}")
    if not os.access(path.parent, os.W_OK | os.X_OK, effective_ids=True):
        raise DatabaseRefusedError(f"{path.parent} cannot be written by this user (SQLite needs files there): {_MEND}")


def _beside(path: Path) -> tuple[Path, Path]:
    """The write-ahead log and its index."""
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def _wal_bytes(path: Path) -> int:
    """The length of the write-ahead log that an unclean end has left; 0 after a clean one."""
    wal, index = _beside(path)
    # SQLite makes the log before its index and deletes it after (3.40 wal.c): an index alone means that somebody took
    # the log away. Looked for twice, as another process may be opening or closing the database just now.
    if path.exists() and not wal.exists() and index.exists() and not wal.exists():
        raise DatabaseRefusedError(
            f"{path} has lost its {wal.name}, and with it what was committed last: put it back. "
            f"To go on without it, remove {index.name}; numbers dialled last may then be dialled again"
        )
    return wal.stat().st_size if wal.exists() else 0


def _check_pages(connection: sqlite3.Connection, path: Path) -> None:
    began_s = time.monotonic()
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise damaged(str(path), " ".join(str(found).split()))
    log.info("%s: checked in %.1f s after an unclean end or before an upgrade", path, time.monotonic() - began_s)


def _is_check_due(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM meta WHERE key = ?", (CHECK_DUE,)).fetchone() is not None


def _note_check(connection: sqlite3.Connection) -> bool:
    """Say whether it could be: not on a full disk, nor while another process writes."""
    try:
        connection.execute("INSERT INTO meta (key, value) VALUES (?, '')", (CHECK_DUE,))
    except sqlite3.OperationalError:
        return False
    return True


def _forget_check(connection: sqlite3.Connection) -> None:
    with suppress(sqlite3.OperationalError):  # then it is checked once more
        connection.execute("DELETE FROM meta WHERE key = ?", (CHECK_DUE,))


def _use_wal(connection: sqlite3.Connection, path: Path) -> None:
    """Once for ever. SQLite does not wait for locks when it changes the mode; a second daemon may hold one just now."""
    deadline_s = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline_s:
                raise
            time.sleep(0.01)
            continue
        if mode != "wal":
            raise StoreError(f"{path}: its file system allows no write-ahead log (journal_mode stays {mode!r})")
        return


def set_up(connection: sqlite3.Connection) -> None:
    """A connection as we need it."""
    connection.isolation_level = None  # transactions begin where we say, not where Python's sqlite3 guesses
    # FULL: a granted claim must survive a power cut, or the number would look undialled and be dialled again.
    # Grouped commits share its cost.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA busy_timeout = {round(BUSY_TIMEOUT_S * 1000)}")
    # else the log of one list of a million numbers keeps its place on the disk for ever
    connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}")


def make_room(connection: Connection) -> None:
    """Let a writer of many rows keep the index of their numbers in memory: with SQLite's usual 2 MB it reads and writes
    the same pages again and again, half of the time of storing a million. And let it not copy its log into the file at
    each commit: the same pages come again (`copy_log`)."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA cache_size = -{LIST_CACHE_KIB}")
        connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint = {LIST_LOG_PAGES}")


def take_room_back(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA cache_size = -2000")
        connection.exec_driver_sql("PRAGMA wal_autocheckpoint = 1000")


def copy_log(connection: Connection) -> None:
    """Copy what is in the write-ahead log into the file, beside the writer."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")


def begin_log_anew(connection: Connection) -> None:
    """Let the writer's commit copy what others have written while `copy_log` ran: little. Only a log that is copied
    whole begins anew; else it grows, and at last the writer copies hundreds of megabytes while all wait."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA wal_autocheckpoint = 1")
        connection.exec_driver_sql(
            f"PRAGMA user_version = {SCHEMA_VERSION}"
        )  # as it is: a page, that there is a commit
