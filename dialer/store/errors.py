"""What a failing database means: whose fault it is, and what to do."""

import sqlite3

from sqlalchemy.exc import DataError as BadValueError
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError


class StoreError(Exception):
    """The database cannot be used now; the text says which one and why. Nothing of the operation was stored."""


class DatabaseRefusedError(StoreError):
    """Damaged, not ours, newer, or not to be opened: trying again does not help, the administrator must act."""


_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
# after these a rollback leaves the connection as new, whether or not SQLite had rolled back by itself
_ROLLED_BACK = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL})
_RESCUE = "nothing was changed; put a backup in its place (a database that is made anew has neither tasks nor results)"


def is_of_operation(error: Exception) -> bool:
    """Whether the operation itself is wrong; else the database cannot be written and would refuse any other one."""
    if isinstance(error, IntegrityError | BadValueError | ProgrammingError):
        return True
    # SQLite says SQLITE_ERROR for SQL that makes no sense, and sqlite3 raises an OperationalError for it as for a lock
    return not isinstance(error, DBAPIError) or sqlite_code(error) == sqlite3.SQLITE_ERROR


def leaves_guesses(error: Exception) -> bool:
    """Whether the connection may be in a state that neither SQLAlchemy nor we know."""
    return isinstance(error, SQLAlchemyError) and sqlite_code(error) not in _ROLLED_BACK


def is_disk_full(error: Exception) -> bool:
    return sqlite_code(error) == sqlite3.SQLITE_FULL


def store_error(error: SQLAlchemyError | sqlite3.Error, database: str) -> StoreError:
    """Return what the rest of the program is told, without SQL and the phone numbers in it."""
    cause = _cause(error)
    code = sqlite_code(error)
    if code in _DAMAGED:
        return damaged(database, str(cause))
    detail = ""
    if code == sqlite3.SQLITE_IOERR:  # "disk I/O error" alone says little
        name = getattr(cause, "sqlite_errorname", "")
        detail = " (the disk is full)" if name == "SQLITE_IOERR_SHMSIZE" else f" ({name})"
    return StoreError(f"the database {database} failed: {cause}{detail}")


def as_sqlalchemy_has_it(sql: str, error: sqlite3.Error) -> DBAPIError:
    """The error of a statement that was run without SQLAlchemy, without the values in it: phone numbers, and texts of
    errors go into logs."""
    told = DBAPIError.instance(sql, None, error, sqlite3.Error, hide_parameters=True)
    assert isinstance(told, DBAPIError)  # noqa: S101 - of an error of the driver's
    return told


def damaged(database: str, how: str) -> DatabaseRefusedError:
    return DatabaseRefusedError(f"{database} is damaged or not a database: {how}; {_RESCUE}")


def sqlite_code(error: Exception) -> int | None:
    """SQLite's primary result code; None for what does not come from SQLite."""
    code = getattr(_cause(error), "sqlite_errorcode", None)
    return None if code is None else int(code) & 0xFF


def _cause(error: Exception) -> BaseException:
    return getattr(error, "orig", None) or error
