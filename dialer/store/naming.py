"""Rows that a CRM names, or that are named after their id."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select, update

_NOT_NAMED_YET = "\0"


def insert_named(connection: Connection, table: Table, crm_id: str | None, values: Mapping[str, Any]) -> int:
    """Insert a row and return its id. Without a `crm_id` the id serves as one, unless a CRM has taken that already."""
    while True:
        row = {**values, "crm_id": _NOT_NAMED_YET if crm_id is None else crm_id}
        row_id = int(connection.execute(insert(table).values(row).returning(table.c.id)).scalar_one())
        if crm_id is not None:
            return row_id
        this = table.c.id == row_id
        if not connection.execute(select(table.c.id).where(table.c.crm_id == str(row_id))).first():
            connection.execute(update(table).where(this).values(crm_id=str(row_id)))
            return row_id
        connection.execute(delete(table).where(this))
