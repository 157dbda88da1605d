"""Who may log in: the login of `[auth]`, and the users in the database."""

import hashlib
from dataclasses import dataclass
from typing import Any

from dialer.api.access.passwords import Password
from dialer.model.access import Role
from dialer.store.access import Session, find_marked_session
from dialer.store.database import Store
from dialer.store.users import User, find_user


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody whose password was right."""

    login: str
    role: Role
    mark: str
    """What tells this login, password and role from earlier ones: a session is good as long as it is the same."""


class People:
    """Logins of both kinds. That of the settings comes first, and is an administrator's."""

    def __init__(self, store: Store, fixed: Password) -> None:
        self._store = store
        self._fixed = fixed

    @property
    def is_busy(self) -> bool:
        """Whether so many wait to be checked that no more should be asked."""
        return self._fixed.is_busy

    def is_fixed(self, login: str) -> bool:
        """Whether it is the login of the settings."""
        return login == self._fixed.login

    async def known(self, login: str, password: str) -> Known | None:
        """Who that is, if the password is right. A login that nobody has costs the same time as a wrong password."""
        user = await self._store.read(lambda connection: find_user(connection, _storable(login)))
        if self.is_fixed(login) or user is None:
            right = await self._fixed.is_right(login, password)
            return Known(login, Role.ADMIN, self._fixed.mark) if right else None
        right = await self._fixed.fits(password, user.password_hash)
        return Known(login, user.role, mark_of(user)) if right else None

    def session_of(self, connection: Any, token: str, now_us: int) -> tuple[Session, Role] | None:
        """A session that is good, and its user's role."""
        found = find_marked_session(connection, token, now_us)
        if found is None:
            return None
        session, mark = found
        if self.is_fixed(session.login):
            return (session, Role.ADMIN) if mark == self._fixed.mark else None
        user = find_user(connection, session.login)
        return (session, user.role) if user is not None and mark_of(user) == mark else None


def mark_of(user: User) -> str:
    return hashlib.sha256(f"{user.login}\0{user.password_hash}\0{user.role.value}".encode()).hexdigest()[:32]


def _storable(login: str) -> str:
    """Half of a surrogate pair is nobody's login."""
    return login.encode(errors="replace").decode()
