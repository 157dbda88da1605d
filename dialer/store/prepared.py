"""Statements of the paths that run for every call, without SQLAlchemy's part of an execution, which is most of it."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Executable

from dialer.store.errors import as_sqlalchemy_has_it


class Prepared:
    """A statement, compiled once. Values and what is found are texts, whole numbers and None: nothing converts them;
    no value is a list (`IN`)."""

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._compiled: _Compiled | None = None

    def run(self, connection: Connection, values: Mapping[str, object]) -> int:
        """Change rows; say how many. Raises SQLAlchemyError."""
        if connection.dialect.name != "sqlite":
            result: Any = connection.execute(self._statement, values)
            return int(result.rowcount)
        return int(self._execute(connection, values).rowcount)

    def first(self, connection: Connection, values: Mapping[str, object]) -> tuple[Any, ...] | None:
        """The first row that is found. Raises SQLAlchemyError."""
        if connection.dialect.name != "sqlite":
            found = connection.execute(self._statement, values).first()
            return None if found is None else tuple(found)
        cursor = self._execute(connection, values)
        row: tuple[Any, ...] | None = cursor.fetchone()
        cursor.close()
        return row

    def _execute(self, connection: Connection, values: Mapping[str, object]) -> sqlite3.Cursor:
        if self._compiled is None:
            self._compiled = _compiled(self._statement, connection)
        raw: Any = connection.connection.dbapi_connection
        parameters = self._compiled.in_order({**self._compiled.constants, **values})
        try:
            cursor: sqlite3.Cursor = raw.execute(self._compiled.sql, parameters)
        except sqlite3.Error as error:
            raise as_sqlalchemy_has_it(self._compiled.sql, error) from error
        return cursor


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    in_order: Callable[[Mapping[str, object]], Sequence[object]]
    """Makes the parameters of values by name."""
    constants: Mapping[str, object]
    """The values that the statement itself gives."""


def _compiled(statement: Any, connection: Connection) -> _Compiled:
    compiled = statement.compile(dialect=connection.dialect)
    constants = {name: one.value for name, one in compiled.binds.items() if not one.required}
    return _Compiled(str(compiled), _picker(compiled.positiontup), constants)


def _picker(names: Sequence[str]) -> Callable[[Mapping[str, object]], Sequence[object]]:
    """Picks these values. (A comprehension takes several times as long: a result has some twenty.)"""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: [values[name] for name in names]
