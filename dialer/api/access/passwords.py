"""Passwords: hashed with argon2, checked by a thread, never more than two at a time (64 MB each)."""

import asyncio
import base64
import hashlib
import hmac
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from dialer.model.access import MAX_PASSWORD

_AT_ONCE = 2
_WAITING = 20


def new_key() -> str:
    """An API key that nobody can guess."""
    return f"ad_{secrets.token_urlsafe(32)}"


def hash_password(password: str) -> str:
    """What `[auth] password_hash` holds."""
    return PasswordHasher().hash(password)


def hash_of_nothing() -> str:
    """A hash like any other to check, which no known password fits; nothing is computed for it."""
    hasher = PasswordHasher()
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    salt, digest = (
        base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (hasher.salt_len, hasher.hash_len)
    )
    return f"$argon2id$v={ARGON2_VERSION}${cost}${salt}${digest}"


class Password:
    """The one login of the settings."""

    def __init__(self, login: str, password_hash: str) -> None:
        self.login = login
        self.is_set = bool(password_hash)
        self._hash = password_hash or hash_of_nothing()
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._asked = 0

    @property
    def mark(self) -> str:
        """What tells this login and password from earlier ones; says nothing about either."""
        return hashlib.sha256(f"{self.login}\0{self._hash}".encode()).hexdigest()[:32]

    @property
    def is_busy(self) -> bool:
        """Whether so many wait to be checked that no more should be asked."""
        return self._asked >= _WAITING

    async def fits(self, password: str, password_hash: str | None = None) -> bool:
        """Whether the password is that of a hash; None: of this login's own."""
        if len(password) > MAX_PASSWORD:
            return False
        self._asked += 1
        try:
            async with self._free:
                return await asyncio.to_thread(_verify, password_hash or self._hash, password)
        finally:
            self._asked -= 1

    async def is_right(self, login: str, password: str) -> bool:
        """Whether both are right. A wrong login costs the same time as a wrong password."""
        matches = await self.fits(password)
        same_login = hmac.compare_digest(login.encode(errors="replace"), self.login.encode())
        return matches and same_login and self.is_set


def _verify(password_hash: str, password: str) -> bool:
    try:
        return PasswordHasher().verify(password_hash, password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False
