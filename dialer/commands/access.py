"""`dialer passwd`, `apikey` and `session`: who may use the API. They work on the database itself, whether the daemon
runs or not: who may read its settings and write its files is the administrator."""

import asyncio
import hashlib
import re
import sys
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from gettext import gettext as _
from gettext import ngettext
from pathlib import Path
from typing import Any, TypeVar

import click

from dialer.api.access.passwords import hash_password, new_key
from dialer.commands.exits import NotNowError, WrongSettingsError
from dialer.commands.options import config_option, json_option, settings_of
from dialer.commands.owner import acting_as_owner, own_name
from dialer.commands.tables import print_json
from dialer.model.access import KEY_NAME, LEAST_PASSWORD, LOGIN, MAX_PASSWORD, Role
from dialer.model.audit import Author, Change
from dialer.store import access, users
from dialer.store.audit import acting_as, audited
from dialer.store.database import Operation, Query, Store, StoreError
from dialer.store.errors import DatabaseRefusedError
from dialer.store.sole import InUseError, sole_user
from dialer.store.url import database_file

T = TypeVar("T")
_role_option = click.option(
    "--role", type=click.Choice([role.value for role in Role]), default=Role.OPERATOR.value, show_default=True
)


@click.command()
@click.option("--votbox", is_flag=True, help="For [votbox.accounts.NAME]: its clients send the MD5 of the password.")
def passwd(votbox: bool) -> None:
    """Print the line of [auth] for a password that is asked for, or read from standard input.

    Put it into the settings and restart the daemon; sessions of the old password are over then.
    """
    password = _asked_password()
    sent = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest() if votbox else password
    click.echo(f'password_hash = "{hash_password(sent)}"')


def _asked_password() -> str:
    """Asked for, or read from standard input."""
    if sys.stdin.isatty():
        password = str(click.prompt(_("Password"), hide_input=True, confirmation_prompt=True))
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not LEAST_PASSWORD <= len(password) <= MAX_PASSWORD:
        said = _("a password of {least} to {most} characters expected").format(least=LEAST_PASSWORD, most=MAX_PASSWORD)
        raise click.ClickException(said)
    return password


@click.group()
def apikey() -> None:
    """Keys for programs: `Authorization: Bearer KEY`."""


@apikey.command("add")
@click.argument("name", metavar="NAME")
@_role_option
@config_option
def add_key(name: str, role: str, config_file: Path) -> None:
    """Make a key and print it, this once: only a digest is kept."""
    if not re.fullmatch(KEY_NAME, name):
        raise click.BadParameter(_("1 to 60 letters, digits, . _ - expected"), param_hint="NAME")
    key = new_key()
    try:
        _write(config_file, access.save_key(name, Role(role), key), lambda _: Change("apikey.create", name, role))
    except access.NameTakenError:
        said = _("there is a key {name} already: revoke it first").format(name=repr(name))
        raise click.ClickException(said) from None
    click.echo(key)


@apikey.command("list")
@json_option
@config_option
def list_keys(as_json: bool, config_file: Path) -> None:
    """Names, roles, when made and last used (to the minute)."""
    keys = _read(config_file, access.fetch_keys)
    if as_json:
        print_json(
            [
                {"name": one.name, "role": one.role.value, "created": _s(one.created_us), "lastUsed": _s(one.used_us)}
                for one in keys
            ]
        )
        return
    for one in keys:
        used = _("never") if one.used_us is None else _shown(one.used_us)
        made = _shown(one.created_us)
        said = _("{name}  {role}  made {made}  last used {used}")
        click.echo(said.format(name=one.name, role=one.role.value, made=made, used=used))


@apikey.command("revoke")
@click.argument("name", metavar="NAME")
@config_option
def revoke_key(name: str, config_file: Path) -> None:
    """Take a key back; at once, also from a daemon that runs."""
    if not _write(config_file, access.delete_key(name), _if_done("apikey.revoke", name)):
        raise click.ClickException(_("there is no key {name}").format(name=repr(name)))


@click.group()
def session() -> None:
    """Logins that are not over."""


@session.command("list")
@json_option
@config_option
def list_sessions(as_json: bool, config_file: Path) -> None:
    """Ids, logins, where they came from, when they end."""
    now_us = time.time_ns() // 1000
    sessions = _read(config_file, lambda connection: access.fetch_sessions(connection, now_us))
    if as_json:
        print_json(
            [
                {
                    "id": one.session_id,
                    "login": one.login,
                    "address": one.address,
                    "created": _s(one.created_us),
                    "expires": _s(one.expires_us),
                }
                for one in sessions
            ]
        )
        return
    for one in sessions:
        said = _("{id}  {login}  from {address}  since {since}  until {until}")
        since, until = _shown(one.created_us), _shown(one.expires_us)
        click.echo(said.format(id=one.session_id, login=one.login, address=one.address, since=since, until=until))


@session.command("revoke")
@click.argument("session_id", metavar="[SESSION]", type=int, required=False)
@click.option("--all", "everyone", is_flag=True, help="End every session.")
@config_option
def revoke_session(session_id: int | None, everyone: bool, config_file: Path) -> None:
    """End a session, at once."""
    if everyone == (session_id is not None):
        raise click.UsageError(_("either the id of a session or --all expected"))
    if everyone:
        ended = _write(config_file, access.delete_sessions(), lambda count: Change("session.end", "all", f"{count}"))
        click.echo(ngettext("{count} session ended", "{count} sessions ended", ended).format(count=ended))
    elif not _write(config_file, access.delete_session(session_id or 0), _if_done("session.end", str(session_id))):
        raise click.ClickException(_("there is no session {id}").format(id=session_id))


@click.group()
def user() -> None:
    """Who may log in to the console, beside the login of [auth]."""


@user.command("add")
@click.argument("login", metavar="LOGIN")
@_role_option
@config_option
def add_user(login: str, role: str, config_file: Path) -> None:
    """Add a user; the password is asked for, or read from standard input."""
    if not re.fullmatch(LOGIN, login):
        raise click.BadParameter(_("1 to 60 letters, digits, . _ @ - expected"), param_hint="LOGIN")
    if login == settings_of(config_file).auth.login:
        raise click.ClickException(
            _("{login} is the login of [auth]: its password is in the settings").format(login=repr(login))
        )
    hashed = hash_password(_asked_password())
    try:
        _write(config_file, users.save_user(login, Role(role), hashed), lambda _: Change("user.create", login, role))
    except access.NameTakenError:
        raise click.ClickException(_("there is a user {login} already").format(login=repr(login))) from None


@user.command("list")
@json_option
@config_option
def list_users(as_json: bool, config_file: Path) -> None:
    """Logins, roles, when made."""
    found = _read(config_file, users.fetch_users)
    if as_json:
        print_json([{"login": one.login, "role": one.role.value, "created": _s(one.created_us)} for one in found])
        return
    for one in found:
        said = _("{login}  {role}  made {made}")
        click.echo(said.format(login=one.login, role=one.role.value, made=_shown(one.created_us)))


@user.command("passwd")
@click.argument("login", metavar="LOGIN")
@config_option
def change_password(login: str, config_file: Path) -> None:
    """Change a user's password, asked for or read from standard input; the user's sessions end."""
    changing = users.change_user(login, password_hash=hash_password(_asked_password()))
    if _write(config_file, changing, _if_done("user.password", login)) is None:
        raise click.ClickException(_("there is no user {login}").format(login=repr(login)))


@user.command("role")
@click.argument("login", metavar="LOGIN")
@click.argument("role", metavar="ROLE", type=click.Choice([role.value for role in Role]))
@config_option
def change_role(login: str, role: str, config_file: Path) -> None:
    """Change what a user may do; the user's sessions end."""
    changing = users.change_user(login, role=Role(role))
    if _write(config_file, changing, _if_done("user.role", login, role)) is None:
        raise click.ClickException(_("there is no user {login}").format(login=repr(login)))


@user.command("delete")
@click.argument("login", metavar="LOGIN")
@config_option
def remove_user(login: str, config_file: Path) -> None:
    """Delete a user; the user's sessions end."""
    if not _write(config_file, users.delete_user(login), _if_done("user.delete", login)):
        raise click.ClickException(_("there is no user {login}").format(login=repr(login)))


def _if_done(action: str, target: str, detail: str = "") -> Callable[[object], Change | None]:
    return lambda done: Change(action, target, detail) if done else None


def _s(time_us: int | None) -> float | None:
    """Unix seconds, for programs."""
    return None if time_us is None else time_us / 1_000_000


def _shown(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _read(config_file: Path, query: Query[T]) -> T:
    return _on_store(config_file, lambda store: store.read(query))


def _write(config_file: Path, operation: Operation[T], told: Callable[[T], Change | None]) -> T:
    """With a row in the audit log."""
    with acting_as(Author(f"command:{own_name()}")):
        operation = audited(operation, told)
    return _on_store(config_file, lambda store: store.write(operation))


def _on_store(config_file: Path, use: Callable[[Store], Coroutine[Any, Any, T]]) -> T:
    url = settings_of(config_file).store.url

    async def run(*, beside_daemon: bool) -> T:
        store = await Store.open(url, beside_daemon=beside_daemon)
        try:
            return await use(store)
        finally:
            await store.close()

    try:
        with acting_as_owner(database_file(url)):
            try:
                with sole_user(url):
                    return asyncio.run(run(beside_daemon=False))
            except InUseError:
                return asyncio.run(run(beside_daemon=True))
    except DatabaseRefusedError as error:
        raise WrongSettingsError(str(error)) from None
    except StoreError as error:
        raise NotNowError(str(error)) from None
