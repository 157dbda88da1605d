"""The directory of clients: their phones, and what a CRM wants said to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, insert, select, update

from dialer.store.database import Operation, Transaction
from dialer.store.schema import client, client_phone

_ROWS_A_STATEMENT = 500
NAME_KEY = "NAME"
"""The property that is the client's name, unless the CRM gives one of that key."""


@dataclass(frozen=True, slots=True)
class ClientPhone:
    phone: str
    phone_id: str


@dataclass(frozen=True, slots=True)
class ClientChange:
    """What a CRM says about a client. `name` None: not said, and what is stored stays; the rest is replaced."""

    crm_id: str
    name: str | None = None
    phones: Sequence[ClientPhone] = ()
    """A phone (by its phone_id) that is listed again is stored once."""
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Client:
    client_id: int
    crm_id: str
    name: str
    phones: tuple[ClientPhone, ...]
    properties: dict[str, object]
    """As they fill placeholders: with the name as `NAME`."""


def save_clients(clients: Sequence[ClientChange]) -> Operation[list[Client]]:
    """Create or replace every client by its `crm_id`, all or none; of several with one `crm_id` the last counts."""

    def operation(tx: Transaction) -> list[Client]:
        wanted = list({one.crm_id: one for one in clients}.values())
        saved: list[Client] = []
        for start in range(0, len(wanted), _ROWS_A_STATEMENT):
            saved += _save(tx, wanted[start : start + _ROWS_A_STATEMENT])
        return saved

    return operation


def _save(tx: Transaction, changes: Sequence[ClientChange]) -> list[Client]:
    stored = _fetch_heads(tx.connection, changes)
    rows = [
        {
            "of": stored[one.crm_id][0] if one.crm_id in stored else None,
            "crm_id": one.crm_id,
            "name": one.name if one.name is not None else stored.get(one.crm_id, (0, ""))[1],
            "properties": dict(one.properties),
            "changed_us": tx.now_us,
        }
        for one in changes
    ]
    known = [row for row in rows if row["of"] is not None]
    if known:
        tx.connection.execute(update(client).where(client.c.id == bindparam("of")), known)
        ids = [row["of"] for row in known]
        tx.connection.execute(delete(client_phone).where(client_phone.c.client_id.in_(ids)))
    new = [{key: value for key, value in row.items() if key != "of"} for row in rows if row["of"] is None]
    if new:
        tx.connection.execute(insert(client), new)
    heads = _fetch_heads(tx.connection, changes)
    saved = [
        Client(client_id, one.crm_id, name, _once(one.phones), _filling(name, one.properties))
        for one in changes
        for client_id, name in (heads[one.crm_id],)
    ]
    phones = [
        {"client_id": one.client_id, "phone_id": phone.phone_id, "phone": phone.phone}
        for one in saved
        for phone in one.phones
    ]
    if phones:
        tx.connection.execute(insert(client_phone), phones)
    return saved


def _fetch_heads(connection: Connection, changes: Sequence[ClientChange]) -> dict[str, tuple[int, str]]:
    """Id and name of those that are stored, by crm_id."""
    wanted = [one.crm_id for one in changes]
    found = connection.execute(select(client.c.crm_id, client.c.id, client.c.name).where(client.c.crm_id.in_(wanted)))
    return {row.crm_id: (row.id, row.name) for row in found}


def _once(phones: Sequence[ClientPhone]) -> tuple[ClientPhone, ...]:
    """Each phone_id once, as it was listed first."""
    kept: dict[str, ClientPhone] = {}
    for phone in phones:
        kept.setdefault(phone.phone_id, phone)
    return tuple(kept.values())


def delete_client(crm_id: str) -> Operation[bool]:
    """Delete the client with its phones and properties; False: no such client."""

    def operation(tx: Transaction) -> bool:
        return tx.connection.execute(delete(client).where(client.c.crm_id == crm_id)).rowcount > 0

    return operation


def find_client_by_phone(connection: Connection, phone_id: str) -> Client | None:
    """The client with this phone; of several the one changed last."""
    row = connection.execute(_by_phone(phone_id)).first()
    if row is None:
        return None
    phones = connection.execute(
        select(client_phone.c.phone, client_phone.c.phone_id)
        .where(client_phone.c.client_id == row.id)
        .order_by(client_phone.c.id)
    )
    return Client(
        row.id,
        row.crm_id,
        row.name,
        tuple(ClientPhone(one.phone, one.phone_id) for one in phones),
        _filling(row.name, row.properties),
    )


def fetch_properties(connection: Connection, phone_id: str) -> dict[str, object]:
    """What fills placeholders for this phone: the client's properties and its name; {}: no such client."""
    row = connection.execute(_by_phone(phone_id)).first()
    return {} if row is None else _filling(row.name, row.properties)


def _by_phone(phone_id: str) -> Select[Any]:
    return (
        select(client)
        .join(client_phone, client_phone.c.client_id == client.c.id)
        .where(client_phone.c.phone_id == phone_id)
        .order_by(client.c.changed_us.desc(), client.c.id.desc())
        .limit(1)
    )


def _filling(name: str, properties: Mapping[str, object]) -> dict[str, object]:
    return {**({NAME_KEY: name} if name else {}), **properties}
