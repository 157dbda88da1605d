"""Users of the console: a login, a role, an argon2 hash of the password. (The one of `[auth]` is not among them.)"""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from dialer.model.access import Role
from dialer.store.access import NameTakenError
from dialer.store.database import Operation, Transaction
from dialer.store.schema import session, user


@dataclass(frozen=True, slots=True)
class User:
    login: str
    role: Role
    password_hash: str
    created_us: int


def save_user(login: str, role: Role, password_hash: str) -> Operation[User]:
    """Store a new user. Raises NameTakenError."""

    def operation(tx: Transaction) -> User:
        if find_user(tx.connection, login) is not None:
            raise NameTakenError(login)
        values = {"login": login, "role": role.value, "password_hash": password_hash, "created_us": tx.now_us}
        tx.connection.execute(insert(user).values(values))
        return User(login, role, password_hash, tx.now_us)

    return operation


def change_user(login: str, *, role: Role | None = None, password_hash: str | None = None) -> Operation[User | None]:
    """Change what is said, and end the user's sessions; None: there is no such user."""

    def operation(tx: Transaction) -> User | None:
        said = {"role": None if role is None else role.value, "password_hash": password_hash}
        values = {name: value for name, value in said.items() if value is not None}
        if values:
            tx.connection.execute(update(user).where(user.c.login == login).values(values))
            tx.connection.execute(delete(session).where(session.c.login == login))
        return find_user(tx.connection, login)

    return operation


def delete_user(login: str) -> Operation[bool]:
    """With the user's sessions; False: there is no such user."""

    def operation(tx: Transaction) -> bool:
        found = tx.connection.execute(delete(user).where(user.c.login == login)).rowcount > 0
        if found:
            tx.connection.execute(delete(session).where(session.c.login == login))
        return found

    return operation


def find_user(connection: Connection, login: str) -> User | None:
    row = connection.execute(select(user).where(user.c.login == login)).first()
    return None if row is None else User(row.login, Role(row.role), row.password_hash, row.created_us)


def fetch_users(connection: Connection) -> list[User]:
    rows = connection.execute(select(user).order_by(user.c.login))
    return [User(row.login, Role(row.role), row.password_hash, row.created_us) for row in rows]
