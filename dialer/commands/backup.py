"""`dialer backup` and `dialer restore`: copies of the database, and one of them in its place."""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from gettext import gettext as _
from gettext import ngettext
from pathlib import Path

import click

from dialer.commands.asking import be_sure
from dialer.commands.exits import NotNowError, WrongSettingsError
from dialer.commands.options import config_option, settings_of, yes_option
from dialer.commands.owner import acting_as_owner, own_name
from dialer.commands.tables import one_line, shown_time
from dialer.model.audit import Author
from dialer.store.backup import BackupFacts, back_up, copy_file, look_at
from dialer.store.errors import DatabaseRefusedError, StoreError
from dialer.store.restore import Restoration, Restored, Since
from dialer.store.sole import InUseError, sole_user
from dialer.store.url import database_file

UNIT = "autodialer.service"
STOP_S = 120.0
"""The unit gives the daemon 90 s to end its calls."""
SHOWN_TASKS = 20


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace FILE, if it is there.")
@config_option
def backup(file: Path, force: bool, config_file: Path) -> None:
    """Write a copy of the database to FILE, also while the daemon runs: all of one moment, and looked through.

    Sound files and recordings are files of their own and not in it.
    """
    settings = settings_of(config_file)
    database = _database(settings.store.url)
    if not database.exists():
        raise WrongSettingsError(_("{database}: there is no database").format(database=database))
    if file.exists() and file.samefile(database):
        raise click.UsageError(_("{file} is the database itself").format(file=file))
    if file.exists() and not force:
        raise click.ClickException(_("{file} is there already; --force replaces it").format(file=file))
    with _exit_codes():
        facts = back_up(database, file, lambda: acting_as_owner(database))
    click.echo(_("{file}: {facts}").format(file=file, facts=_said(facts, settings.dialing.timezone)))


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--restart", is_flag=True, help="Stop the daemon by systemctl, and start it afterwards.")
@click.option("--unit", default=UNIT, show_default=True, help="Its systemd unit.")
@yes_option
@config_option
def restore(file: Path, restart: bool, unit: str, sure: bool, config_file: Path) -> None:
    """Put the backup FILE in the place of the database. The daemon must be stopped, or --restart given.

    Tasks, lists, pollings and rules come back as they were. What was done since does not: results, answers, calls, stop
    lists and keys are taken over from the database that is replaced, so that nobody is called twice. Every task that
    was open comes back paused: look at it, then dialer tasks resume. The replaced database is kept beside.
    """
    settings = settings_of(config_file)
    database = _database(settings.store.url)
    with _exit_codes():
        facts = look_at(file)
    click.echo(_("{file}: {facts}").format(file=file, facts=_said(facts, settings.dialing.timezone)))
    if not restart:
        _refuse_in_use(database, settings.store.url)
    be_sure(_("Put it in the place of {database}?").format(database=database), sure)
    url = settings.store.url
    with _exit_codes(), _stopped(unit, database, url, restart), _readable(file, database) as source:
        told = _restore(database, source, url)
    for line in report_lines(told):
        click.echo(line)


def _restore(database: Path, source: Path, url: str) -> Restored:
    author = Author(f"command:{own_name()}")
    with acting_as_owner(database), sole_user(url):
        restoration = Restoration(database, source, author)
        try:
            told = asyncio.run(restoration.prepare())
            told.kept_as = restoration.swap()
        finally:
            restoration.discard()
    return told


def report_lines(told: Restored) -> Iterator[str]:
    """What a person must know now."""
    if told.kept_as is not None:
        yield _("the database as it was is kept: {file}").format(file=told.kept_as)
    yield from _unknown(told)
    if told.taken_over:
        yield ngettext(
            "{count} attempt taken over as it was: what was dialled since is not dialled again",
            "{count} attempts taken over as they were: what was dialled since is not dialled again",
            told.taken_over,
        ).format(count=told.taken_over)
    if told.lost:
        yield ngettext(
            "{count} number that may have been dialled ended as FAIL, Lost",
            "{count} numbers that may have been dialled ended as FAIL, Lost",
            told.lost,
        ).format(count=told.lost)
    if told.unlisted:
        yield ngettext(
            "{count} number that is not listed any more, and may have been dialled before, ended as FAIL, Lost",
            "{count} numbers that are not listed any more, and may have been dialled before, ended as FAIL, Lost",
            told.unlisted,
        ).format(count=told.unlisted)
    if told.in_progress:
        yield ngettext(
            "{count} call was in progress: the daemon looks for it in Asterisk when it starts",
            "{count} calls were in progress: the daemon looks for them in Asterisk when it starts",
            told.in_progress,
        ).format(count=told.in_progress)
    yield from _tasks(told.gone, _("WARNING: tasks that are not in the backup are gone:"))
    yield from _tasks(told.paused, _("paused, go on with dialer tasks resume:"))


def _unknown(told: Restored) -> Iterator[str]:
    """What nobody knows of the time since the backup, and what follows from that."""
    if told.since is Since.KNOWN:
        return
    yield {
        Since.MISSING: _("WARNING: there was no database to replace"),
        Since.UNREADABLE: _("WARNING: it could not be read: {why}").format(why=told.unreadable),
        Since.FOREIGN: _("WARNING: it was another database, or made anew: it knows nothing of the backup's tasks"),
        Since.PARTLY: _("WARNING: it was restored from an earlier backup: it knows only what it did itself"),
    }[told.since]
    yield _("WARNING: numbers that were dialled since the backup are not known; resumed tasks dial them again")
    if told.keys or told.users:
        yield _("WARNING: who gets in is the backup's; what was revoked or deleted since is valid again, look through:")
        for title, names in ((_("API keys"), told.keys), (_("users"), told.users)):
            if names:
                yield f"  {title}: {', '.join(map(one_line, names))}"


def _tasks(tasks: list[tuple[int, str]], heading: str) -> Iterator[str]:
    if tasks:
        yield heading
        yield from (f"  {task_id}  {one_line(name)}" for task_id, name in tasks[:SHOWN_TASKS])
        if len(tasks) > SHOWN_TASKS:
            yield "  …"


def _said(facts: BackupFacts, zone: str) -> str:
    changed = shown_time(facts.changed_us / 1_000_000, zone) or "-"
    return _("{tasks} tasks, {attempts} attempts, last change {time}, schema version {version}").format(
        tasks=facts.tasks, attempts=facts.attempts, time=changed, version=facts.version
    )


def _database(url: str) -> Path:
    database = database_file(url)
    if database is None:
        raise WrongSettingsError(_("[store] url: no SQLite file; use the tools of that database"))
    return database


def _refuse_in_use(database: Path, url: str) -> None:
    with _exit_codes():
        try:
            with acting_as_owner(database), sole_user(url):
                return
        except InUseError as error:
            raise NotNowError(
                _("{why}: stop the daemon first (systemctl stop autodialer), or say --restart").format(why=error)
            ) from None


@contextmanager
def _stopped(unit: str, database: Path, url: str, restart: bool) -> Iterator[None]:
    """Within, the daemon is stopped; afterwards it is started, whatever happened."""
    if not restart:
        yield
        return
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        raise click.ClickException(_("there is no systemctl here: stop the daemon, restore, start it"))
    _systemctl(systemctl, "stop", unit)
    try:
        _wait_until_free(database, url)
        yield
    finally:
        _systemctl(systemctl, "start", unit)


def _systemctl(systemctl: str, verb: str, unit: str) -> None:
    click.echo(f"systemctl {verb} {unit}")
    done = subprocess.run([systemctl, verb, "--", unit], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise click.ClickException(f"systemctl {verb} {unit}: {done.stderr.strip() or done.returncode}")


def _wait_until_free(database: Path, url: str) -> None:
    deadline_s = time.monotonic() + STOP_S
    while True:
        try:
            with acting_as_owner(database), sole_user(url):
                return
        except InUseError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.1)


@contextmanager
def _readable(file: Path, database: Path) -> Iterator[Path]:
    """The file, or where it is root's and the database is not, a copy that its owner may read."""
    if os.geteuid() != 0:
        yield file
        return
    own = database.with_name(f".{database.name}.given")  # always the same: who was killed leaves it to the next one

    def as_owner() -> AbstractContextManager[None]:
        """Whose folder it is might put a link where root is about to write."""
        return acting_as_owner(database)

    with as_owner():
        own.unlink(missing_ok=True)
    try:
        copy_file(file, own, as_owner)
        yield own
    finally:
        with as_owner():
            own.unlink(missing_ok=True)


@contextmanager
def _exit_codes() -> Iterator[None]:
    """What the store says, with the exit code for it."""
    try:
        yield
    except DatabaseRefusedError as error:
        raise WrongSettingsError(str(error)) from None
    except StoreError as error:
        raise NotNowError(str(error)) from None
    except OSError as error:
        raise click.ClickException(str(error)) from None
