"""One daemon at a time on one SQLite file."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from dialer.store.errors import StoreError


class InUseError(StoreError):
    """Another process holds the database."""


@contextmanager
def sole_user(url: str) -> Iterator[None]:
    """Hold the database for this process; InUseError while another daemon has it. The kernel frees the lock of a
    process that was killed. What is not a SQLite file, or cannot be made, is left to whoever opens it."""
    file = database_file(url)
    lock = _open_lock(file) if file is not None else None
    if lock is None:
        yield
        return
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUseError(f"[store] url: another dialer is using {file}") from None
        yield
    finally:
        os.close(lock)


def in_use(url: str) -> bool:
    """Whether some process holds the database; makes nothing. Raises OSError for a lock that cannot be looked at."""
    file = database_file(url)
    try:
        lock = None if file is None else os.open(_lock_of(file), os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    if lock is None:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def database_file(url: str) -> Path | None:
    """The SQLite file; None for what is none."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return None
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return Path(parsed.database).resolve()  # the same file by whatever name


def _lock_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.lock")


def _open_lock(file: Path) -> int | None:
    lock = _lock_of(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return os.open(lock, os.O_CREAT | os.O_RDWR, 0o600)
    except PermissionError as error:
        if lock.exists():
            raise StoreError(f"[store] url: {lock} cannot be opened by this user: mend its owner") from error
        return None
    except OSError:
        return None
