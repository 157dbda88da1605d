"""Accounts: who may call this facade. Its own ones, with MD5 passwords, as the API has them."""

import asyncio
import hashlib
import hmac
import ipaddress
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from dialer.api.access.addresses import Peer
from dialer.api.access.gate import Gate
from dialer.api.access.passwords import Password
from dialer.api.votbox.errors import Code, VotboxError
from dialer.api.votbox.form import PASSWORD, Form

REMEMBER_S = 300.0
DOOR = "VotBox account"


@dataclass(frozen=True, slots=True)
class Account:
    """Who may call. Sees its own templates, tasks and files only."""

    name: str
    password_hash: str
    """argon2 of the MD5 of the password, in lower-case hexadecimal digits."""
    allow: tuple[str, ...] = ()
    """Networks that it may call from; empty: any."""
    caller_ids: Mapping[str, str] = field(default_factory=dict)
    """Numbers that it may show, by their ids."""
    any_caller_id: bool = False
    """Whether its lists may name other numbers to show."""
    lines: int = 10
    """Calls at a time where a template does not say how many."""


class Accounts:
    """Knows accounts by the MD5 of their passwords, which settings keep as argon2 hashes of that MD5. Who has failed
    too often waits, as at the other doors."""

    def __init__(self, accounts: Iterable[Account], gate: Gate) -> None:
        self._accounts = {account.name: account for account in accounts}
        self._gate = gate
        self._passwords = {name: Password(name, account.password_hash) for name, account in self._accounts.items()}
        self._nobody = Password("", "")
        self._key = secrets.token_bytes(32)
        self._right: dict[str, tuple[bytes, float]] = {}
        """What was right last, as a keyed digest, and until when it is not checked anew: argon2 takes a while."""
        self._checks: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()
        """One name and password is checked once, however many calls a client program begins with at a time."""

    def check_not_locked(self, peer: Peer) -> None:
        """Raises VotboxError for an address that has failed too often."""
        if self._gate.wait_s(peer):
            raise VotboxError(Code.LOCKED, "Слишком много неудачных попыток входа с этого адреса, повторите позже")

    async def admit(self, form: Form, peer: Peer) -> Account:
        """The account of a call. Raises VotboxError."""
        name, password = form.required("username"), form.required(PASSWORD).lower()
        digest = self._digest(name, password)
        async with self._checks.setdefault(digest, asyncio.Lock()):
            self.check_not_locked(peer)
            if not self._was_right(name, digest):
                await self._check(name, password, peer)
                self._right[name] = (digest, time.monotonic() + REMEMBER_S)
        account = self._accounts[name]
        if account.allow and not _is_within(peer.address, account.allow):
            raise VotboxError(Code.ADDRESS, f"Вызовы с адреса {peer.address} для этой учётной записи запрещены")
        return account

    def _was_right(self, name: str, digest: bytes) -> bool:
        right, until_s = self._right.get(name, (b"", 0.0))
        return until_s > time.monotonic() and hmac.compare_digest(right, digest)

    async def _check(self, name: str, password: str, peer: Peer) -> None:
        stored = self._passwords.get(name, self._nobody)
        if stored.is_busy:
            raise VotboxError(Code.LOCKED, "Слишком много попыток входа, повторите позже")
        self._gate.count(peer, DOOR, name)
        if not await stored.is_right(name, password):
            self._gate.tell_failed(peer, DOOR, name)
            raise VotboxError(Code.LOGIN, "Неверное имя пользователя или пароль")
        self._gate.succeeded(peer, DOOR, name)

    def _digest(self, name: str, password: str) -> bytes:
        return hmac.digest(self._key, f"{name}\0{password}".encode(errors="replace"), hashlib.sha256)


def _is_within(address: str, networks: tuple[str, ...]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in ipaddress.ip_network(network) for network in networks)
