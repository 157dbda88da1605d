"""The gate: every request passes here, and only those that are known get on."""

import asyncio
import json
import logging
import math
import time
from collections.abc import Collection

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from dialer.api.access.addresses import Peer, Peers
from dialer.api.access.passwords import Password
from dialer.api.access.people import People
from dialer.api.mikopbx.envelope import refusal
from dialer.api.mikopbx.serving import CALLER, TRAIL
from dialer.model.access import Caller, FailedLogins, Role
from dialer.model.audit import Author
from dialer.store.access import SECOND_US, SESSION_S, TOUCH_S, find_key, renew_session, touch_key
from dialer.store.audit import acting_as
from dialer.store.database import Operation, Store, StoreError

log = logging.getLogger("dialer.access")
NOT_AUTHENTICATED = {"error": ["The user isn't authenticated."]}
COOKIE = "PHPSESSID"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SELF_GUARDED = frozenset({"votbox"})
"""Routes, by their names, whose facade asks for passwords in a way of its own."""
OPEN = "open:"
"""What names of routes begin with that are open to everybody: the console's own files."""
KEY = "API key"
PEER = web.RequestKey("peer", Peer)


class Gate:
    """Who may come in: this machine itself, who has a session, who has a key."""

    def __init__(self, store: Store, peers: Peers, password: Password, *, trust_local: bool) -> None:
        self._store = store
        self._peers = peers
        self.people = People(store, password)
        self._trust_local = trust_local
        self._failed = FailedLogins()

    def middleware(self, open_paths: Collection[tuple[str, str]]) -> Middleware:
        """Let requests with a caller pass, and those to open paths (method, path)."""

        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            peer = request[PEER] = self._peers.peer_of(request)
            name = request.match_info.route.name or ""
            if (
                (request.method, request.rel_url.raw_path) in open_paths
                or name in SELF_GUARDED
                or name.startswith(OPEN)
            ):
                return await handler(request)
            caller = await self._caller(request, peer)
            if caller is None:
                return self._turn_away(request, peer)
            request[CALLER] = caller
            with acting_as(Author(caller.name, caller.address)) as request[TRAIL]:
                return await handler(request)

        return check

    def wait_s(self, peer: Peer) -> float:
        """Seconds until this address may try again. Who is trusted anyway is not kept waiting."""
        return 0.0 if peer.local and self._trust_local else self._failed.wait_s(peer.counted_as, time.monotonic())

    def _turn_away(self, request: web.Request, peer: Peer) -> web.Response:
        if "Authorization" in request.headers:
            if wait_s := self.wait_s(peer):
                return _too_many(wait_s)
            self.count(peer, KEY)
            self.tell_failed(peer, KEY)
        return refusal(NOT_AUTHENTICATED, status=401, headers={"WWW-Authenticate": "Bearer"})

    def count(self, peer: Peer, what: str, name: str = "") -> None:
        """Count an attempt as failed, before it is checked: else any number could be made at the same moment. `what`:
        which door, `name`: as whom."""
        self._failed.failed(peer.counted_as, time.monotonic(), f"{what}:{name}")

    def tell_failed(self, peer: Peer, what: str, name: str = "") -> None:
        """Log a failure in a line that fail2ban can read (systemd/fail2ban). The name is the sender's word: JSON's
        spelling keeps it in its place, behind the address. A proxy is not to be banned for what it passes on."""
        whose = f"somebody behind the proxy {peer.address}" if peer.is_proxy else peer.address
        log.warning("authentication failed from %s by %s%s", whose, what, f": {json.dumps(name[:60])}" * bool(name))

    def succeeded(self, peer: Peer, what: str, name: str) -> None:
        """Take back what `count` has counted for this name at this door."""
        self._failed.succeeded(peer.counted_as, f"{what}:{name}")

    async def is_still_in(self, request: web.Request) -> bool:
        """Whether who made a request that goes on and on might still make it. That is no use of a key or session."""
        caller = request.get(CALLER)
        return caller is not None and await self._caller(request, request[PEER], used=False) == caller

    async def _caller(self, request: web.Request, peer: Peer, *, used: bool = True) -> Caller | None:
        authorization = request.headers.get("Authorization")
        if authorization is not None:  # a wrong key is refused even from the machine itself
            return await self._key_holder(authorization, peer, used=used)
        token = request.cookies.get(COOKIE)
        if token and (peer.same_site or request.method in SAFE_METHODS):
            user = await self._user(token, peer, used=used)
            if user is not None:
                return user
        return Caller("local", Role.ADMIN, peer.address) if self._trust_local and peer.local else None

    async def _key_holder(self, authorization: str, peer: Peer, *, used: bool) -> Caller | None:
        scheme, _, secret = authorization.partition(" ")
        secret = secret.strip()
        key = None
        if scheme.lower() == "bearer" and secret:
            key = await self._store.read(lambda connection: find_key(connection, secret))
        if key is None:
            return None
        if used and _now_us() - (key.used_us or 0) > TOUCH_S * SECOND_US:
            self._later(touch_key(key.key_id))
        return Caller(f"key:{key.name}", key.role, peer.address)

    async def _user(self, token: str, peer: Peer, *, used: bool) -> Caller | None:
        now_us = _now_us()
        session = await self._store.read(lambda connection: self.people.session_of(connection, token, now_us))
        if session is None:
            return None
        found, role = session
        if used and found.expires_us - now_us < (SESSION_S - TOUCH_S) * SECOND_US:
            self._later(renew_session(found))
        return Caller(f"user:{found.login}", role, peer.address)

    def _later(self, operation: Operation[None]) -> None:
        """Nobody waits for a time of use, and a full disk keeps nobody out."""
        self._store.submit(operation).add_done_callback(_look_at)


def _look_at(done: "asyncio.Future[None]") -> None:
    """The store tells its trouble by itself; anything else is a fault of ours."""
    if not done.cancelled() and (error := done.exception()) and not isinstance(error, StoreError):
        log.error("time of use not stored", exc_info=error)


def _too_many(wait_s: float) -> web.Response:
    return refusal(
        {"error": ["Too many failed logins from this address."]},
        status=429,
        headers={"Retry-After": str(math.ceil(wait_s))},
    )


def _now_us() -> int:
    return time.time_ns() // 1000
