"""One daemon at a time on one SQLite file."""

import errno
import fcntl
import os
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dialer.store.errors import StoreError
from dialer.store.url import database_file

_NO_FILE = frozenset({errno.ELOOP, errno.ENXIO, errno.EISDIR})
"""Of `open`: a link, a socket, a folder."""


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
    """Whether some process holds the database; makes nothing. What is no file (a link, a pipe) is no lock. Raises
    OSError for a lock that cannot be looked at."""
    file = database_file(url)
    try:
        lock = None if file is None else os.open(_lock_of(file), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno in _NO_FILE:
            return False
        raise
    if lock is None:
        return False
    try:
        if not stat.S_ISREG(os.fstat(lock).st_mode):
            return False
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def locked_databases(folder: Path, users: Collection[int], *, but: Collection[Path] = ()) -> set[Path]:
    """The SQLite files below the folder beside which a lock lies, one of these users or of whoever owns the folder;
    not those below the folders `but`."""
    found: set[Path] = set()
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if Path(place, name) not in but]
        for lock in (Path(place, name) for name in names if name.endswith(".lock")):
            with suppress(FileNotFoundError):
                seen, owner = lock.lstat(), Path(place).stat().st_uid
                if stat.S_ISREG(seen.st_mode) and seen.st_uid in {owner, *users}:
                    found.add(lock.with_suffix(""))
    return found


def _lock_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.lock")


def _open_lock(file: Path) -> int | None:
    lock = _lock_of(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        held = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except PermissionError as error:
        if lock.exists():
            raise StoreError(f"[store] url: {lock} cannot be opened by this user: mend its owner") from error
        return None
    except OSError as error:
        if error.errno in _NO_FILE:
            raise _no_lock(lock) from None
        return None
    if not stat.S_ISREG(os.fstat(held).st_mode):
        os.close(held)
        raise _no_lock(lock)
    return held


def _no_lock(lock: Path) -> StoreError:
    return StoreError(f"[store] url: {lock} is no regular file: remove it")
