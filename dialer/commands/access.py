"""`dialer passwd`, `apikey` and `session`: who may use the API. They work on the database itself, whether the daemon
runs or not: who may read its settings and write its files is the administrator."""

import asyncio
import hashlib
import os
import re
import secrets
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from dialer.api.access.passwords import MAX_PASSWORD, hash_password
from dialer.commands.options import config_option, settings_of
from dialer.model.access import Role
from dialer.store import access
from dialer.store.database import Operation, Query, Store, StoreError
from dialer.store.sole import InUseError, database_file, sole_user

T = TypeVar("T")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}", re.ASCII)


@click.command()
@click.option("--votbox", is_flag=True, help="For [votbox.accounts.NAME]: its clients send the MD5 of the password.")
def passwd(votbox: bool) -> None:
    """Print the line of [auth] for a password that is asked for, or read from standard input.

    Put it into the settings and restart the daemon; sessions of the old password are over then.
    """
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not 8 <= len(password) <= MAX_PASSWORD:
        raise click.ClickException(f"a password of 8 to {MAX_PASSWORD} characters expected")
    sent = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest() if votbox else password
    click.echo(f'password_hash = "{hash_password(sent)}"')


@click.group()
def apikey() -> None:
    """Keys for programs: `Authorization: Bearer KEY`."""


@apikey.command("add")
@click.argument("name")
@click.option(
    "--role", type=click.Choice([role.value for role in Role]), default=Role.OPERATOR.value, show_default=True
)
@config_option
def add_key(name: str, role: str, config_file: Path) -> None:
    """Make a key and print it, this once: only a digest is kept."""
    if not _NAME.fullmatch(name):
        raise click.BadParameter("1 to 60 letters, digits, . _ - expected", param_hint="NAME")
    key = f"ad_{secrets.token_urlsafe(32)}"
    try:
        _write(config_file, access.save_key(name, Role(role), key))
    except access.NameTakenError:
        raise click.ClickException(f"there is a key {name!r} already: revoke it first") from None
    click.echo(key)


@apikey.command("list")
@config_option
def list_keys(config_file: Path) -> None:
    """Names, roles, when made and last used (to the minute)."""
    for one in _read(config_file, access.fetch_keys):
        used = "never" if one.used_us is None else _shown(one.used_us)
        click.echo(f"{one.name}  {one.role.value}  made {_shown(one.created_us)}  last used {used}")


@apikey.command("revoke")
@click.argument("name")
@config_option
def revoke_key(name: str, config_file: Path) -> None:
    """Take a key back; at once, also from a daemon that runs."""
    if not _write(config_file, access.delete_key(name)):
        raise click.ClickException(f"there is no key {name!r}")


@click.group()
def session() -> None:
    """Logins that are not over."""


@session.command("list")
@config_option
def list_sessions(config_file: Path) -> None:
    """Ids, logins, where they came from, when they end."""
    now_us = time.time_ns() // 1000
    for one in _read(config_file, lambda connection: access.fetch_sessions(connection, now_us)):
        click.echo(
            f"{one.session_id}  {one.login}  from {one.address}  since {_shown(one.created_us)}  "
            f"until {_shown(one.expires_us)}"
        )


@session.command("revoke")
@click.argument("session_id", type=int, required=False)
@click.option("--all", "everyone", is_flag=True, help="End every session.")
@config_option
def revoke_session(session_id: int | None, everyone: bool, config_file: Path) -> None:
    """End a session, at once."""
    if everyone == (session_id is not None):
        raise click.UsageError("either the id of a session or --all expected")
    if everyone:
        click.echo(f"{_write(config_file, access.delete_sessions())} sessions ended")
    elif not _write(config_file, access.delete_session(session_id or 0)):
        raise click.ClickException(f"there is no session {session_id}")


def _shown(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _read(config_file: Path, query: Query[T]) -> T:
    return _on_store(config_file, lambda store: store.read(query))


def _write(config_file: Path, operation: Operation[T]) -> T:
    return _on_store(config_file, lambda store: store.write(operation))


def _on_store(config_file: Path, use: Callable[[Store], Coroutine[Any, Any, T]]) -> T:
    url = settings_of(config_file).store.url
    _be_the_owner_of(url)

    async def run(*, beside_daemon: bool) -> T:
        store = await Store.open(url, beside_daemon=beside_daemon)
        try:
            return await use(store)
        finally:
            await store.close()

    try:
        try:
            with sole_user(url):
                return asyncio.run(run(beside_daemon=False))
        except InUseError:
            return asyncio.run(run(beside_daemon=True))
    except StoreError as error:
        raise click.ClickException(str(error)) from None


def _be_the_owner_of(url: str) -> None:
    """root leaves no files of its own beside a database that is the daemon's user's."""
    file = database_file(url)
    if os.geteuid() == 0 and file is not None:
        with suppress(OSError):
            owner = (file if file.exists() else file.parent).stat()
            os.setegid(owner.st_gid)
            os.seteuid(owner.st_uid)
