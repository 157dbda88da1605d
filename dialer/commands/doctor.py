"""`dialer doctor`: is everything in place, here and in Asterisk, and if not, how is it mended?"""

import asyncio
import json
import logging
import os
import pwd
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from gettext import gettext as _
from importlib.metadata import version
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from dialer.commands import screen
from dialer.commands.daemon import KEY_VARIABLE, fetch_health
from dialer.commands.exits import NoPermissionError, UnavailableError
from dialer.commands.options import config_option, config_words
from dialer.config import ConfigError, Settings, load_settings
from dialer.doctor.asterisk import (
    Ami,
    check_dialplan,
    check_heard,
    check_login,
    check_modules,
    check_rights,
    check_spool_path,
    connected,
)
from dialer.doctor.findings import Finding, State, exit_code, fail, ok, warn
from dialer.doctor.machine import (
    NoSuchUserError,
    being,
    check_audio,
    check_certificate,
    check_clock_is_set,
    check_database,
    check_disks,
    check_settings_file,
    check_spool,
    check_unit,
    daemon_runs,
)
from dialer.doctor.probe import judge, place_probe
from dialer.doctor.speech import check_speech
from dialer.pbx.ami import AmiDownError, AmiRefusedError, AmiState

HEALTH_TIMEOUT_S = 3.0
_COLOURS = {State.OK: "green", State.WARN: "yellow", State.FAIL: "bold red"}
_USER = "autodialer"


@click.command()
@config_option
@click.option(
    "--json", "as_json", is_flag=True, help='For programs: {"state", "findings": [{check, state, says, mend}]}.'
)
@click.option("--user", help=f"That the daemon runs as; {_USER} where root asks and there is one.")
@click.option("--no-call", is_flag=True, help="Put no call file into Asterisk's spool (it rings nobody).")
def doctor(config_file: Path, as_json: bool, user: str | None, no_call: bool) -> None:
    """Look at everything that calls need, whether the daemon runs or not, and say how to mend what is wrong.

    Best as root: then Asterisk's files can be read, too, and what the daemon may do is tried with its user's rights.

    Exit codes: 0 all is well; 1 warnings; 3 something must be mended.
    """
    logging.basicConfig(level=logging.CRITICAL)  # what the parts log is told by the findings
    console = screen.console(soft_wrap=True)
    found: list[Finding] = []
    for one in _examine(config_file, user or _usual_user(), calls=not no_call):
        found.append(_for_these_settings(one, config_file))
        if not as_json:
            _tell(console, found[-1])
    code = exit_code(found)
    if as_json:
        worst = {0: State.OK, 1: State.WARN}.get(code, State.FAIL)
        click.echo(
            json.dumps({"state": worst, "findings": [asdict(one) for one in found]}, ensure_ascii=False, indent=1)
        )
    else:
        bad = [sum(one.state is state for one in found) for state in (State.FAIL, State.WARN)]
        said = _("{count} checks: {failed} to be mended, {warned} warnings")
        console.print(said.format(count=len(found), failed=bad[0], warned=bad[1]))
    raise SystemExit(code)


def _for_these_settings(one: Finding, config_file: Path) -> Finding:
    """The `dialer install` that is advised is that of these settings."""
    words = config_words(config_file)
    return replace(one, mend=re.sub(r"\bdialer install( --[a-z-]+)?", lambda said: said[0] + words, one.mend))


def _tell(console: Console, one: Finding) -> None:
    console.print(Text.assemble((f"{one.state.value:4}", _COLOURS[one.state]), f"  {one.check}: {one.says}"))
    if one.mend:
        console.print(Text(f"      -> {one.mend}"))


def _usual_user() -> str | None:
    """None: whoever we are."""
    try:
        return pwd.getpwnam(_USER).pw_name if os.geteuid() == 0 else None
    except KeyError:
        return None


def _examine(config_file: Path, user: str | None, *, calls: bool) -> Iterator[Finding]:
    try:
        settings = load_settings(config_file)
        with being(user):
            found = list(_guarded("settings", lambda: [check_settings_file(config_file)]))
        yield from found
    except ConfigError as error:
        yield fail(
            "settings", str(error), _("mend what it names; `dialer install` writes new ones where there are none")
        )
        return
    except NoSuchUserError as error:
        yield fail("user", str(error), _("dialer install makes it; --user names another"))
        return
    runs = daemon_runs(settings)
    with being(user):
        found = [
            *_guarded("database", lambda: [check_database(settings)]),
            *_guarded("disk", lambda: check_disks(settings)),
            *_guarded("spool", lambda: [check_spool(settings)]),
            *_guarded("audio", lambda: check_audio(settings)),
            *_guarded("tls", lambda: check_certificate(settings)),
        ]
    yield from found
    yield check_clock_is_set()
    yield from check_unit()
    answers = False
    for one in _check_daemon(settings, runs):
        answers = answers or (one.check == "daemon" and runs is not False)
        yield one
    yield from asyncio.run(_collect(settings, user, calls=calls, daemon_runs=answers))


def _guarded(check: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """A folder that the daemon's user cannot even look into is what is wrong."""
    try:
        yield from look()
    except OSError as error:
        mend = _("the daemon's user must be able to pass every folder above it (chmod o+x), or give it to its group")
        yield fail(check, f"{error.filename}: {error.strerror}", mend)


def _check_daemon(settings: Settings, runs: bool | None) -> Iterator[Finding]:
    try:
        told = fetch_health(settings, HEALTH_TIMEOUT_S)
    except NoPermissionError as error:
        yield warn(
            "daemon",
            _("is there, but does not tell us how it is: {problem}").format(problem=error.message),
            _("{variable}=KEY dialer doctor; a key: dialer apikey add NAME").format(variable=KEY_VARIABLE),
        )
        return
    except click.ClickException as error:
        if runs is False and isinstance(error, UnavailableError):
            yield warn(
                "daemon",
                _("does not run"),
                _("systemctl start autodialer, or dialer serve; its log: journalctl -u autodialer"),
            )
        else:
            yield fail("rest", error.message, _("[http] host, port; the daemon's log: journalctl -u autodialer"))
        return
    here = version("autodialer")
    if told["version"] != here:
        yield warn(
            "daemon",
            _("runs version {version}, installed is {here}").format(version=told["version"], here=here),
            _("systemctl restart autodialer"),
        )
    elif told["trouble"] and not told["dialling"]:
        yield fail(
            "daemon",
            _("nothing is dialled: {trouble}").format(trouble=told["trouble"]),
            _("see what is said below, and docs: when things break"),
        )
    elif told["trouble"]:
        yield warn(
            "daemon",
            _("dials, but not all is well: {trouble}").format(trouble=told["trouble"]),
            _("what it names; told until the next call goes well"),
        )
    else:
        yield ok(
            "daemon",
            _("{status}, {calls_in_progress} calls in progress").format(
                status=told["status"], calls_in_progress=told["calls_in_progress"]
            ),
        )


async def _collect(settings: Settings, user: str | None, *, calls: bool, daemon_runs: bool) -> list[Finding]:
    return [one async for one in _ask_around(settings, user, calls=calls, daemon_runs=daemon_runs)]


async def _ask_around(
    settings: Settings, user: str | None, *, calls: bool, daemon_runs: bool
) -> AsyncIterator[Finding]:
    async for one in check_speech(settings):
        yield one
    async with connected(settings) as ami:
        state = await ami.wait_state()
        yield check_login(settings, ami)
        if state is not AmiState.READY:
            return
        try:
            async for one in _ask_asterisk(settings, ami, user, calls=calls, daemon_runs=daemon_runs):
                yield one
        except (AmiDownError, TimeoutError) as error:
            yield fail(
                "ami",
                _("Asterisk does not answer: {problem}").format(problem=error or _("no answer in time")),
                _("its log; 'core show channels'"),
            )
        except AmiRefusedError as error:
            yield fail("rights", str(error), _("the rights in manager_autodialer.conf: dialer install --repair"))
        except OSError as error:
            yield fail(
                "fastagi",
                _("nobody can listen at {host}: {error}").format(host=settings.agi.host, error=error),
                _("[agi] host: an address of this machine"),
            )


async def _ask_asterisk(
    settings: Settings, ami: Ami, user: str | None, *, calls: bool, daemon_runs: bool
) -> AsyncIterator[Finding]:
    rights = [one async for one in check_rights(settings, ami)]
    for one in rights:
        yield one
    if any(one.check == "rights" and one.state is State.FAIL and "write" in one.says for one in rights):
        return  # nothing else can be asked
    yield await check_spool_path(settings, ami)
    async for one in check_dialplan(settings, ami):
        yield one
    async for one in check_modules(ami):
        yield one
    if calls:
        result = await place_probe(settings, ami, user, daemon_runs=daemon_runs)
        for one in judge(result, settings, daemon_runs=daemon_runs, now=datetime.now(UTC)):
            yield one
        for one in check_heard(ami):
            yield one
