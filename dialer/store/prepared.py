"""Statements of the paths that run for every call, without SQLAlchemy's part of an execution, which is most of it."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Executable
from sqlalchemy.exc import DBAPIError


class Prepared:
    """A change of rows, compiled once. Values are texts, whole numbers and None: nothing converts them; none is a list
    (`IN`)."""

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._compiled: _Compiled | None = None

    def run(self, connection: Connection, values: Mapping[str, object]) -> int:
        """Say how many rows it was about. Raises SQLAlchemyError."""
        if connection.dialect.name != "sqlite":
            result: Any = connection.execute(self._statement, values)
            return int(result.rowcount)
        if self._compiled is None:
            self._compiled = _compiled(self._statement, connection)
        sql, names, constants = self._compiled.sql, self._compiled.names, self._compiled.constants
        raw: Any = connection.connection.dbapi_connection
        parameters = [values[name] if name in values else constants[name] for name in names]
        try:
            return int(raw.execute(sql, parameters).rowcount)
        except sqlite3.Error as error:
            raise DBAPIError.instance(sql, None, error, sqlite3.Error, hide_parameters=True) from error


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    names: tuple[str, ...]
    """Of the parameters, in their order …"""
    constants: Mapping[str, object]
    """… and the values of those that the statement itself gives."""


def _compiled(statement: Any, connection: Connection) -> _Compiled:
    compiled = statement.compile(dialect=connection.dialect)
    constants = {name: one.value for name, one in compiled.binds.items()}
    return _Compiled(str(compiled), tuple(compiled.positiontup), constants)
