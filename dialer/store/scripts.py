"""Scripts: what other facades' call flows are compiled from, kept in the words of the facade."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from dialer.store.database import Operation, Transaction
from dialer.store.schema import script


@dataclass(frozen=True, slots=True)
class Script:
    script_id: int
    owner: str
    """The account that it belongs to."""
    name: str
    content: Mapping[str, Any]


def save_script(owner: str, name: str, content: Mapping[str, Any], *, listed: bool = True) -> Operation[int]:
    """Create one; returns its id. Not `listed`: it is there for one task."""

    def operation(tx: Transaction) -> int:
        values = {"owner": owner, "name": name, "content": content, "listed": int(listed), "created_us": tx.now_us}
        return int(tx.connection.execute(insert(script).values(values).returning(script.c.id)).scalar_one())

    return operation


def change_script(script_id: int, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Operation[None]:
    """Let `change` make the new content of the one there is: calls that begin from now on follow it."""

    def operation(tx: Transaction) -> None:
        this = script.c.id == script_id
        content = tx.connection.execute(select(script.c.content).where(this)).scalar_one()
        tx.connection.execute(update(script).where(this).values(content=dict(change(content))))

    return operation


def find_script(connection: Connection, reference: str, owner: str) -> Script | None:
    """The owner's script of this id, if it is one."""
    if not (reference.isascii() and reference.isdecimal() and len(reference) < 19):
        return None
    row = connection.execute(select(script).where(script.c.id == int(reference), script.c.owner == owner)).first()
    return None if row is None else _script_of(row)


def fetch_script(connection: Connection, script_id: int) -> Script | None:
    row = connection.execute(select(script).where(script.c.id == script_id)).first()
    return None if row is None else _script_of(row)


def fetch_scripts(connection: Connection, owner: str) -> list[Script]:
    """Those that are listed, oldest first."""
    rows = connection.execute(select(script).where(script.c.owner == owner, script.c.listed == 1).order_by(script.c.id))
    return [_script_of(row) for row in rows]


def _script_of(row: Row[Any]) -> Script:
    return Script(row.id, row.owner, row.name, row.content)
