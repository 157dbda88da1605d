"""/console/v1/users, keys, sessions: who may use the dialer"""

import asyncio
import re
import time
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WithJsonSchema, model_validator

from dialer.api.access.passwords import hash_password, new_key
from dialer.api.console.shown import Shown, maybe_seconds, seconds
from dialer.api.endpoint import Endpoint, Nothing
from dialer.api.mikopbx.envelope import RefusedError
from dialer.api.mikopbx.fields import PathText, wrong
from dialer.api.mikopbx.plain import is_id
from dialer.api.mikopbx.replies import NoData, answers
from dialer.api.mikopbx.serving import Call
from dialer.model.access import KEY_NAME, LEAST_PASSWORD, LOGIN, MAX_PASSWORD, Role
from dialer.model.audit import Change
from dialer.store import access, users
from dialer.store.audit import audited
from dialer.store.database import Store

FIXED = "it is the login of [auth]: the settings file has its password"


def _matching(pattern: str, words: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{words} expected, got {text[:70]!r}")
        return text

    return AfterValidator(check)


def _password(text: str) -> str:
    if not LEAST_PASSWORD <= len(text) <= MAX_PASSWORD:
        raise ValueError(f"{LEAST_PASSWORD} to {MAX_PASSWORD} characters expected")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("a text expected") from None
    return text


Login = Annotated[
    str,
    _matching(LOGIN, "1 to 60 letters, digits, . _ @ -"),
    WithJsonSchema({"type": "string", "pattern": LOGIN, "$comment": "1 to 60 letters, digits, . _ @ -"}),
]
KeyName = Annotated[
    str,
    _matching(KEY_NAME, "1 to 60 letters, digits, . _ -"),
    WithJsonSchema({"type": "string", "pattern": KEY_NAME, "$comment": "1 to 60 letters, digits, . _ -"}),
]
NewPassword = Annotated[
    str,
    AfterValidator(_password),
    WithJsonSchema({"type": "string", "minLength": LEAST_PASSWORD, "maxLength": MAX_PASSWORD}),
]


_DOTS = "…" * LEAST_PASSWORD


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, use_attribute_docstrings=True)


class UserBody(_Body):
    """A new user."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"login": "anna", "password": _DOTS, "role": "operator"}]}
    )

    login: Login
    """What the user logs in as; it stays."""
    password: NewPassword
    """8 to 1024 characters; only a hash of it is kept."""
    role: Role = Role.OPERATOR
    """What the user may do."""


class UserChangeBody(_Body):
    """What is to be changed; the user's sessions end."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"role": "read-only"}],
            "anyOf": [{"required": [name], "properties": {name: {"type": "string"}}} for name in ("password", "role")],
        }
    )

    password: NewPassword | None = None
    """8 to 1024 characters."""
    role: Role | None = None
    """What the user may do."""

    @model_validator(mode="after")
    def _says_something(self) -> "UserChangeBody":
        if self.password is None and self.role is None:
            raise wrong("password", "a password or a role expected")
        return self


class KeyBody(_Body):
    """A new API key."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "crm", "role": "operator"}]})

    name: KeyName
    """Whose key it is."""
    role: Role = Role.OPERATOR
    """What its holder may do."""


class UserPath(Nothing):
    """A user by the login."""

    login: PathText
    """As it was given."""


class KeyPath(Nothing):
    """A key by its name."""

    name: PathText
    """As it was given."""


class SessionPath(Nothing):
    """A session by its id."""

    id: Annotated[
        int, BeforeValidator(lambda text: int(text) if is_id(text) else 0), WithJsonSchema({"type": "string"})
    ]
    """As the list shows it."""


class UserInList(Shown):
    login: str
    """What the user logs in as."""
    role: Role
    """What the user may do."""
    createdTime: float | None
    """Since when; null for the one of the settings."""
    fixed: bool
    """The login of the settings file: it can be changed there only."""


class KeyInList(Shown):
    """An API key: what is known of it, not the key itself."""

    name: str
    """Whose key it is."""
    role: Role
    """What its holder may do."""
    createdTime: float
    """Since when."""
    lastUsedTime: float | None
    """To the minute; null: never."""


class KeyMade(Shown):
    name: str
    """Whose key it is."""
    role: Role
    """What its holder may do."""
    key: str
    """For `Authorization: Bearer`: shown this once, only a digest of it is kept."""


class SessionInList(Shown):
    """A login that is not over."""

    id: int
    """For DELETE."""
    login: str
    """Who logged in."""
    address: str
    """Where from."""
    createdTime: float
    """When."""
    expiresTime: float
    """When it ends; later with every use."""


class Users:
    """The login of `[auth]`, and users that are kept in the database."""

    def __init__(self, store: Store, fixed_login: str, *, has_fixed: bool) -> None:
        """`has_fixed`: whether the login of the settings has a password."""
        self._store = store
        self._fixed_login = fixed_login
        self._has_fixed = has_fixed
        self._hashing = asyncio.Lock()

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        admin = Role.ADMIN
        return (
            Endpoint("GET", "/users", self.list, "List users", answers(list[UserInList]), role=admin),
            Endpoint("POST", "/users", self.post, "Add a user", answers(UserInList), body_model=UserBody, role=admin),
            Endpoint("PUT", "/users/{login}", self.put, "Change a user's password or role; the user's sessions end",
                     answers(UserInList), path_model=UserPath, body_model=UserChangeBody, role=admin),
            Endpoint("DELETE", "/users/{login}", self.delete, "Delete a user; the user's sessions end",
                     answers(NoData), path_model=UserPath, role=admin),
        )  # fmt: skip

    async def list(self, _call: Call[Nothing, Nothing, None]) -> list[dict[str, Any]]:
        fixed = {"login": self._fixed_login, "role": Role.ADMIN.value, "createdTime": None, "fixed": True}
        stored = await self._store.read(users.fetch_users)
        return [*([fixed] if self._has_fixed else []), *map(_user, stored)]

    async def post(self, call: Call[Nothing, Nothing, UserBody]) -> dict[str, Any]:
        body = call.body
        self._check_not_fixed(body.login)
        saving = users.save_user(body.login, body.role, await self._hash(body.password))
        told = Change("user.create", body.login, body.role.value)
        try:
            return _user(await self._store.write(audited(saving, lambda _: told)))
        except access.NameTakenError:
            raise RefusedError(f"login: there is a user {body.login!r} already", data={"error": "UserExists"}) from None

    async def put(self, call: Call[UserPath, Nothing, UserChangeBody]) -> dict[str, Any]:
        login, body = call.path.login, call.body
        self._check_not_fixed(login)
        hashed = None if body.password is None else await self._hash(body.password)
        said = [*(["password"] if hashed else []), *([f"role {body.role.value}"] if body.role else [])]
        told = Change("user.role" if body.role else "user.password", login, "; ".join(said))
        changing = users.change_user(login, role=body.role, password_hash=hashed)
        changed = await self._store.write(audited(changing, _if_done(told)))
        if changed is None:
            raise _no_user(login)
        return _user(changed)

    async def delete(self, call: Call[UserPath, Nothing, None]) -> tuple[()]:
        login = call.path.login
        self._check_not_fixed(login)
        if not await self._store.write(audited(users.delete_user(login), _if_done(Change("user.delete", login)))):
            raise _no_user(login)
        return ()

    async def _hash(self, password: str) -> str:
        async with self._hashing:  # 64 MB each
            return await asyncio.to_thread(hash_password, password)

    def _check_not_fixed(self, login: str) -> None:
        if login == self._fixed_login:
            raise RefusedError(f"login: {FIXED}", data={"error": "UserFixed"})


class KeysAndSessions:
    """As `dialer apikey` and `dialer session`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        admin = Role.ADMIN
        return (
            Endpoint("GET", "/keys", self.keys, "List API keys", answers(list[KeyInList]), role=admin),
            Endpoint("POST", "/keys", self.make, "Make an API key", answers(KeyMade), body_model=KeyBody, role=admin),
            Endpoint("DELETE", "/keys/{name}", self.revoke, "Revoke an API key", answers(NoData),
                     path_model=KeyPath, role=admin),
            Endpoint("GET", "/sessions", self.sessions, "List sessions", answers(list[SessionInList]), role=admin),
            Endpoint("DELETE", "/sessions/{id}", self.end, "End a session", answers(NoData),
                     path_model=SessionPath, role=admin),
        )  # fmt: skip

    async def keys(self, _call: Call[Nothing, Nothing, None]) -> list[dict[str, Any]]:
        return [
            {
                "name": one.name,
                "role": one.role.value,
                "createdTime": seconds(one.created_us),
                "lastUsedTime": maybe_seconds(one.used_us),
            }
            for one in await self._store.read(access.fetch_keys)
        ]

    async def make(self, call: Call[Nothing, Nothing, KeyBody]) -> dict[str, Any]:
        name, role, key = call.body.name, call.body.role, new_key()
        told = Change("apikey.create", name, role.value)
        try:
            await self._store.write(audited(access.save_key(name, role, key), lambda _: told))
        except access.NameTakenError:
            raise RefusedError(f"name: there is a key {name!r} already", data={"error": "KeyExists"}) from None
        return {"name": name, "role": role.value, "key": key}

    async def revoke(self, call: Call[KeyPath, Nothing, None]) -> tuple[()]:
        name = call.path.name
        if not await self._store.write(audited(access.delete_key(name), _if_done(Change("apikey.revoke", name)))):
            raise RefusedError(f"name: there is no key {name[:60]!r}", data={"error": "KeyNotFound"})
        return ()

    async def sessions(self, _call: Call[Nothing, Nothing, None]) -> list[dict[str, Any]]:
        now_us = time.time_ns() // 1000
        return [
            {
                "id": one.session_id,
                "login": one.login,
                "address": one.address,
                "createdTime": seconds(one.created_us),
                "expiresTime": seconds(one.expires_us),
            }
            for one in await self._store.read(lambda connection: access.fetch_sessions(connection, now_us))
        ]

    async def end(self, call: Call[SessionPath, Nothing, None]) -> tuple[()]:
        told = _if_done(Change("session.end", str(call.path.id)))
        if not await self._store.write(audited(access.delete_session(call.path.id), told)):
            raise RefusedError(f"id: there is no session {call.path.id}", data={"error": "SessionNotFound"})
        return ()


def _if_done(change: Change) -> Callable[[object], Change | None]:
    return lambda done: change if done else None


def _no_user(login: str) -> RefusedError:
    return RefusedError(f"login: there is no user {login[:60]!r}", data={"error": "UserNotFound"})


def _user(one: users.User) -> dict[str, Any]:
    return {"login": one.login, "role": one.role.value, "createdTime": seconds(one.created_us), "fixed": False}
