"""/access: API keys and sessions, for administrators"""

import time
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from dialer.api.endpoint import Endpoint, Nothing
from dialer.api.mikopbx.envelope import RefusedError
from dialer.api.mikopbx.fields import PathText
from dialer.api.mikopbx.plain import is_id
from dialer.api.mikopbx.replies import NoData, answers
from dialer.api.mikopbx.serving import Call
from dialer.model.access import Role
from dialer.model.audit import Change
from dialer.store.access import SECOND_US, delete_key, delete_session, fetch_keys, fetch_sessions
from dialer.store.audit import audited
from dialer.store.database import Store


class _Shown(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class KeyShown(_Shown):
    """An API key: what is known of it, not the key itself."""

    name: str
    """As it was given to `dialer apikey add`."""
    role: Role
    """What its holder may do."""
    created: str
    """Unix seconds."""
    lastUsed: str | None
    """Unix seconds, to the minute; null: never."""


class SessionShown(_Shown):
    """A login that is not over."""

    id: str
    """For DELETE."""
    login: str
    """Who logged in."""
    address: str
    """Where from."""
    created: str
    """Unix seconds."""
    expires: str
    """Unix seconds; later with every use."""


class KeyPath(Nothing):
    """A key by its name."""

    name: PathText
    """As it was given to `dialer apikey add`."""


class SessionPath(Nothing):
    """A session by its id."""

    id: Annotated[
        int, BeforeValidator(lambda text: int(text) if is_id(text) else 0), WithJsonSchema({"type": "string"})
    ]
    """As the list shows it."""


class AccessManagement:
    """Keys and sessions can be seen and revoked; keys are made by `dialer apikey add` only."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        admin = Role.ADMIN
        return (
            Endpoint("GET", "/access/keys", self.keys, "List API keys", answers(list[KeyShown]), role=admin),
            Endpoint("DELETE", "/access/keys/{name}", self.revoke, "Revoke an API key", answers(NoData),
                     path_model=KeyPath, role=admin),
            Endpoint("GET", "/access/sessions", self.sessions, "List sessions", answers(list[SessionShown]),
                     role=admin),
            Endpoint("DELETE", "/access/sessions/{id}", self.end, "End a session", answers(NoData),
                     path_model=SessionPath, role=admin),
        )  # fmt: skip

    async def keys(self, _call: Call[Nothing, Nothing, None]) -> list[dict[str, Any]]:
        return [
            {
                "name": one.name,
                "role": one.role.value,
                "created": _seconds(one.created_us),
                "lastUsed": None if one.used_us is None else _seconds(one.used_us),
            }
            for one in await self._store.read(fetch_keys)
        ]

    async def revoke(self, call: Call[KeyPath, Nothing, None]) -> tuple[()]:
        name = call.path.name
        if not await self._store.write(
            audited(delete_key(name), lambda done: Change("apikey.revoke", name) if done else None)
        ):
            raise RefusedError(f"name: there is no key {name[:60]!r}", data={"error": "KeyNotFound"})
        return ()

    async def sessions(self, _call: Call[Nothing, Nothing, None]) -> list[dict[str, Any]]:
        now_us = time.time_ns() // 1000
        return [
            {
                "id": str(one.session_id),
                "login": one.login,
                "address": one.address,
                "created": _seconds(one.created_us),
                "expires": _seconds(one.expires_us),
            }
            for one in await self._store.read(lambda connection: fetch_sessions(connection, now_us))
        ]

    async def end(self, call: Call[SessionPath, Nothing, None]) -> tuple[()]:
        ended = Change("session.end", str(call.path.id))
        if not await self._store.write(audited(delete_session(call.path.id), lambda done: ended if done else None)):
            raise RefusedError(f"id: there is no session {call.path.id}", data={"error": "SessionNotFound"})
        return ()


def _seconds(time_us: int) -> str:
    return str(time_us // SECOND_US)
