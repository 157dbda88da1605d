"""API keys and sessions. Of both only a digest is stored: SHA-256 without salt is enough for 256 random bits, which
nobody can guess, and can be looked up by index."""

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from dialer.model.access import Role
from dialer.store.database import Operation, Transaction
from dialer.store.schema import api_key, session

SECOND_US = 1_000_000
SESSION_S = 3600
LONGEST_SESSION_S = 30 * 86_400
"""However much it is used."""
TOUCH_S = 60
"""How old a stored time of use may be: a read need not become a write each time."""


class NameTakenError(Exception):
    """There is a key of this name."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    key_id: int
    name: str
    role: Role
    created_us: int
    used_us: int | None


@dataclass(frozen=True, slots=True)
class Session:
    session_id: int
    login: str
    address: str
    """Where the login came from."""
    created_us: int
    expires_us: int


def digest_of(secret: str) -> str:
    """What is stored of a key or token."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def save_key(name: str, role: Role, secret: str) -> Operation[None]:
    """Store a new key. Raises NameTakenError."""

    def operation(tx: Transaction) -> None:
        if tx.connection.execute(select(api_key.c.id).where(api_key.c.name == name)).first():
            raise NameTakenError(name)
        tx.connection.execute(
            insert(api_key).values(name=name, role=role.value, digest=digest_of(secret), created_us=tx.now_us)
        )

    return operation


def delete_key(name: str) -> Operation[bool]:
    """False: there is none of this name."""
    return lambda tx: tx.connection.execute(delete(api_key).where(api_key.c.name == name)).rowcount > 0


def fetch_keys(connection: Connection) -> list[ApiKey]:
    return [
        ApiKey(row.id, row.name, Role(row.role), row.created_us, row.used_us)
        for row in connection.execute(select(api_key).order_by(api_key.c.name))
    ]


def find_key(connection: Connection, secret: str) -> ApiKey | None:
    row = connection.execute(select(api_key).where(api_key.c.digest == digest_of(secret))).first()
    return None if row is None else ApiKey(row.id, row.name, Role(row.role), row.created_us, row.used_us)


def touch_key(key_id: int) -> Operation[None]:
    """Store that the key is used now."""

    def operation(tx: Transaction) -> None:
        tx.connection.execute(update(api_key).where(api_key.c.id == key_id).values(used_us=tx.now_us))

    return operation


def start_session(token: str, login: str, password_mark: str, address: str) -> Operation[None]:
    """Store a session of an hour; those that are over are removed."""

    def operation(tx: Transaction) -> None:
        tx.connection.execute(delete(session).where(session.c.expires_us < tx.now_us))
        tx.connection.execute(
            insert(session).values(
                digest=digest_of(token),
                login=login,
                password_mark=password_mark,
                address=address,
                created_us=tx.now_us,
                expires_us=tx.now_us + SESSION_S * SECOND_US,
            )
        )

    return operation


def find_marked_session(connection: Connection, token: str, now_us: int) -> tuple[Session, str] | None:
    """The session of this token, unless it is over, and what tells the password that began it."""
    row = connection.execute(
        select(session).where(session.c.digest == digest_of(token), session.c.expires_us > now_us)
    ).first()
    if row is None:
        return None
    return Session(row.id, row.login, row.address, row.created_us, row.expires_us), row.password_mark


def find_session(connection: Connection, token: str, password_mark: str, now_us: int) -> Session | None:
    """The session of this token, unless it is over or of another password."""
    found = find_marked_session(connection, token, now_us)
    return found[0] if found is not None and found[1] == password_mark else None


def renew_session(used: Session) -> Operation[None]:
    """Another hour from now."""

    def operation(tx: Transaction) -> None:
        expires_us = min(tx.now_us + SESSION_S * SECOND_US, used.created_us + LONGEST_SESSION_S * SECOND_US)
        tx.connection.execute(update(session).where(session.c.id == used.session_id).values(expires_us=expires_us))

    return operation


def end_session(token: str) -> Operation[None]:
    def operation(tx: Transaction) -> None:
        tx.connection.execute(delete(session).where(session.c.digest == digest_of(token)))

    return operation


def delete_session(session_id: int) -> Operation[bool]:
    """False: there is no such session."""
    return lambda tx: tx.connection.execute(delete(session).where(session.c.id == session_id)).rowcount > 0


def delete_sessions() -> Operation[int]:
    """End every session; say how many."""
    return lambda tx: tx.connection.execute(delete(session)).rowcount


def fetch_sessions(connection: Connection, now_us: int) -> list[Session]:
    """Sessions that are not over."""
    rows = connection.execute(select(session).where(session.c.expires_us > now_us).order_by(session.c.id))
    return [Session(row.id, row.login, row.address, row.created_us, row.expires_us) for row in rows]
