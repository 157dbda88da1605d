"""`dialer install` and `uninstall`: the dialer as an add-on of the Asterisk of this machine."""

import grp
import os
import pwd
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from gettext import gettext as _
from gettext import ngettext
from pathlib import Path
from typing import TypeVar
from zoneinfo import available_timezones

import click
from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from dialer.api.access.passwords import hash_password
from dialer.commands import screen
from dialer.commands.asking import be_sure
from dialer.commands.exits import LEFT_EDITED, NotNowError
from dialer.commands.options import config_option, config_words, settings_of
from dialer.config import ConfigError, Settings, load_settings
from dialer.install.changes import FileChange, Kind, Plan
from dialer.install.doing import DoingError, do
from dialer.install.look import Found, LookError, look
from dialer.install.manifest import Manifest, ManifestError, left_path, manifest_path, read_manifest, with_left
from dialer.install.options import DATA_DIR, remembered
from dialer.install.plan import SYSTEMD_DIR, Known, PlanError, Wishes, plan_installation
from dialer.install.settings_file import NewSecrets, local_time_zone, new_secrets, settings_text
from dialer.install.shipped import NotShippedError
from dialer.install.undo import data_folders, plan_removal
from dialer.store.sole import in_use, locked_databases
from dialer.store.url import database_file

T = TypeVar("T")
_ETC = Path("/etc/asterisk")
_folder = click.Path(path_type=Path, file_okay=False)
_dry_run_option = click.option("--dry-run", is_flag=True, help="Show what would be changed, change nothing.")
_verbose_option = click.option("--verbose", is_flag=True, help="Show new files as a whole, too.")
_yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
_no_reload_option = click.option("--no-reload", is_flag=True, help="Do not tell an Asterisk that runs to read it anew.")


@dataclass(frozen=True, slots=True)
class _Asked:
    etc: Path
    data_dir: Path
    outgoing_context: str | None
    internal_context: str | None
    http_port: int
    agi_port: int
    cli_port: int
    timezone: str | None


def _known_zone(_ctx: click.Context, _option: click.Parameter, name: str | None) -> str | None:
    if name is not None and name not in available_timezones():
        raise click.BadParameter(_("a time zone name such as Europe/Moscow expected"))
    return name


@click.command()
@click.option("--asterisk-etc", type=_folder, help=f"Asterisk's configuration folder: {_ETC}, or where it was before.")
@config_option
@click.option("--data-dir", type=_folder, show_default=str(DATA_DIR),
              help="For the database and the sounds, where no settings are there yet.")  # fmt: skip
@click.option("--outgoing-context", help="Of your outgoing routes; found by its usual names.")
@click.option("--internal-context", help="Of your employees and queues; found by its usual names.")
@click.option("--http-port", type=click.IntRange(1, 65535), show_default="8088")
@click.option("--agi-port", type=click.IntRange(1, 65535), show_default="4573")
@click.option("--cli-port", type=click.IntRange(1, 65535), show_default="4574")
@click.option("--timezone", metavar="ZONE", callback=_known_zone,
              help="Of the PBX, such as Europe/Moscow: the machine's, where no settings are there yet.")  # fmt: skip
@click.option("--add-modules", is_flag=True, help="Have modules.conf load what the dialer needs (autoload=no).")
@click.option("--repair", is_flag=True, help="Put back what somebody has edited or removed of it; copies are kept.")
@click.option("--user", show_default="autodialer", help="That the daemon runs as; made when missing.")
@click.option("--no-user", is_flag=True, help="Make no user: the daemon runs as Asterisk's.")
@click.option("--systemd-dir", type=_folder, show_default=str(SYSTEMD_DIR))
@click.option("--no-systemd", is_flag=True, help="Write no unit.")
@_no_reload_option
@_dry_run_option
@_verbose_option
@_yes_option
def install(  # noqa: PLR0917 - click passes them by name
    asterisk_etc: Path | None,
    config_file: Path,
    data_dir: Path | None,
    outgoing_context: str | None,
    internal_context: str | None,
    http_port: int | None,
    agi_port: int | None,
    cli_port: int | None,
    timezone: str | None,
    add_modules: bool,
    repair: bool,
    user: str | None,
    no_user: bool,
    systemd_dir: Path | None,
    no_systemd: bool,
    no_reload: bool,
    dry_run: bool,
    verbose: bool,
    yes: bool,
) -> None:
    """Set the dialer up beside an Asterisk: dialplan, AMI user, settings, systemd unit.

    Shows every change and asks before it makes it. Run again it changes nothing, or brings files of an older version up
    to date, with the options of the run before where no others are given. `dialer uninstall` takes all of it back.

    Exit codes: 0 done, or nothing to do; 1 not done, or only in part: run it again; 4 done, but for files that
    somebody has edited: --repair puts them back.
    """
    console, config_file = screen.console(soft_wrap=True), _absolute(config_file)
    old = _or_refuse(lambda: read_manifest(manifest_path(config_file)))
    left = _or_refuse(lambda: read_manifest(left_path(config_file)))
    etc = asterisk_etc or (_ETC if old is None else Path(old.etc))
    options = remembered(
        old,
        {
            "data_dir": None if data_dir is None else str(data_dir),
            "outgoing_context": outgoing_context,
            "internal_context": internal_context,
            "http_port": http_port,
            "agi_port": agi_port,
            "cli_port": cli_port,
            "timezone": timezone,
            "add_modules": add_modules or None,
            "user": user,
            "make_user": False if no_user else None if user is None else True,
            "systemd_dir": "" if no_systemd else None if systemd_dir is None else str(systemd_dir),
        },
    )
    asked = _Asked(
        etc.resolve(),
        Path(options["data_dir"]),
        *(
            options[name]
            for name in ("outgoing_context", "internal_context", "http_port", "agi_port", "cli_port", "timezone")
        ),
    )
    found = _or_refuse(lambda: look(asked.etc))
    known, made = _known(found, config_file, asked)
    wishes = Wishes(
        config_file,
        asked.data_dir,
        options["user"],
        options["make_user"],
        Path(options["systemd_dir"]) if options["systemd_dir"] else None,
        options["add_modules"],
        _command(),
        options,
        repair,
    )
    plan, _manifest = _or_refuse(lambda: plan_installation(found, wishes, known, old, left))
    if made is not None:
        plan.secrets += (made.webhooks, made.password_hash)
    said = _("{pbx} in {etc}, user {user}, group {group}")
    console.print(said.format(pbx=found.kind.value, etc=found.etc, user=found.user, group=found.group))
    try:
        _carry_out(console, plan, found.control_socket, dry_run=dry_run, yes=yes, no_reload=no_reload, verbose=verbose)
    finally:
        if made is not None and config_file.exists():  # written, whatever has failed after it
            _tell_password(console, made)
    if not dry_run:
        console.print(_("is all well? {command}").format(command=f"dialer doctor{config_words(config_file)}"))
    if plan.left_edited:
        raise SystemExit(LEFT_EDITED)


def _tell_password(console: Console, made: NewSecrets) -> None:
    console.print(
        _(
            "login for REST and console from other machines: admin, password {password} (shown this once; another: "
            "`dialer passwd`)"
        ).format(password=made.password)
    )


@click.command()
@config_option
@click.option("--purge", is_flag=True, help="Also settings, database and recordings.")
@click.option("--keep-settings", is_flag=True, help="Not the settings, even if nobody has changed them.")
@_no_reload_option
@_dry_run_option
@_verbose_option
@_yes_option
def uninstall(  # noqa: PLR0917 - click passes them by name
    config_file: Path, purge: bool, keep_settings: bool, no_reload: bool, dry_run: bool, verbose: bool, yes: bool
) -> None:
    """Take back what `dialer install` has done, each file as it was. What somebody else has written since stays.

    Stops the daemon's unit first, and waits for its calls in progress as long as they take. What stays is told, and
    removed by --purge, then or later.

    Exit codes: 0 done, or nothing to do; 1 not done, or only in part: run it again; 75 not done, a daemon runs.
    """
    console, config_file = screen.console(soft_wrap=True), _absolute(config_file)
    installed = _or_refuse(lambda: read_manifest(manifest_path(config_file)))
    left = _or_refuse(lambda: read_manifest(left_path(config_file)))
    if installed is None:
        said = _("nothing to take back: {file} is not there")
        console.print(said.format(file=manifest_path(config_file)))
    manifest = left if installed is None else with_left(installed, left)
    if manifest is None:
        for path in filter(Path.exists, (config_file, _database(config_file, DATA_DIR))):
            said = _("{path}: stays: no installation that is known here has made it")
            console.print(said.format(path=path))
        return
    runs = Path("/run/systemd/system").is_dir()
    plan = _or_refuse(
        lambda: plan_removal(manifest, config_file, purge=purge, systemd=runs, keep_settings=keep_settings)
    )
    if plan.left is not None and plan.left.after is not None:
        said = _("what stays is removed by: {command}")
        plan.notes.append(said.format(command=f"dialer uninstall --purge{config_words(config_file)}"))
    if installed is None and not purge:
        _tell_notes(console, plan)
        return
    databases = _databases(config_file, manifest)

    def make_sure_idle() -> None:
        """The dialplan of calls in progress must not go away under them: their results would be lost."""
        for file in sorted(databases):
            if _or_refuse(lambda: in_use(f"sqlite:///{file}")):  # noqa: B023 - called at once
                said = _(
                    "{file}: a daemon is using it: stop it first, calls in progress are waited for; nothing was removed"
                )
                raise NotNowError(said.format(file=file))

    if not (plan.stops or dry_run):  # before anybody is asked
        make_sure_idle()
    _carry_out(
        console,
        plan,
        Path(manifest.control_socket),
        make_sure_idle,
        dry_run=dry_run,
        yes=yes,
        no_reload=no_reload,
        verbose=verbose,
    )


def _absolute(path: Path) -> Path:
    """Without `..`; a link keeps its name."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - `resolve` follows links


def _database(config_file: Path, data_dir: Path) -> Path:
    settings = _settings(config_file)
    file = None if settings is None else database_file(settings.store.url)
    return file or (data_dir / "dialer.db").resolve()


def _settings(config_file: Path) -> Settings | None:
    """None: gone, or broken: no reason to keep the rest."""
    try:
        return load_settings(config_file)
    except ConfigError:
        return None


def _databases(config_file: Path, manifest: Manifest) -> set[Path]:
    """That a daemon may be using: the one of the settings, and all others below the folders for data. Not among sounds
    and recordings: others write there."""
    settings, data_dir = _settings(config_file), Path(manifest.data_dir or DATA_DIR)
    audio = {data_dir / "audio"} if settings is None else {settings.audio.dir, settings.audio.recordings}
    users = {0}
    with suppress(KeyError):
        users.add(pwd.getpwnam(manifest.user).pw_uid)
    with suppress(FileNotFoundError):
        users.add(Path(manifest.etc).stat().st_uid)  # Asterisk's user may be the daemon's
    found = {_database(config_file, data_dir)}
    for folder in {*data_folders(manifest), data_dir}:
        if not audio.intersection((folder, *folder.parents)):
            found |= locked_databases(folder, users, but=audio)
    return found


def _carry_out(
    console: Console,
    plan: Plan,
    control_socket: Path,
    make_sure_idle: Callable[[], None] = lambda: None,
    *,
    dry_run: bool,
    yes: bool,
    no_reload: bool,
    verbose: bool,
) -> None:
    if no_reload:
        plan.asterisk.clear()
    _show(console, plan, verbose=verbose)
    if plan.changes_nothing:
        console.print(_("nothing to change"))
    elif dry_run:
        console.print(_("dry run: nothing was changed"))
    else:
        if not yes:
            if not sys.stdin.isatty():
                raise click.ClickException(_("nobody to ask here: --yes does it, --dry-run only shows it"))
            be_sure(_("Do this?"), sure=False)
        try:
            do(plan, control_socket, console.print, make_sure_idle)
        except DoingError as error:
            raise click.ClickException(str(error)) from None
        console.print(_("done"))
    _tell_notes(console, plan)


def _tell_notes(console: Console, plan: Plan) -> None:
    left = _("left for you:")
    for note in plan.notes:
        console.print(Text.assemble((left, "yellow"), f" {note}"))


def _show(console: Console, plan: Plan, *, verbose: bool) -> None:
    def tell(verb: str, what: object, why: str = "") -> None:
        """Verbs are given translated."""
        behind = f"  ({why})" if why else ""
        console.print(Text.assemble((verb, "cyan"), f" {what}{behind}"))

    if plan.stops:
        tell(_("run"), f"systemctl stop {plan.stops}", _("calls in progress are waited for"))
    if plan.manifest is not None:
        verb = _("remove") if plan.manifest.after is None else _("write")
        tell(verb, plan.manifest.path, _("what was done, to be taken back"))
    if plan.left is not None:
        verb = _("remove") if plan.left.after is None else _("write")
        tell(verb, plan.left.path, _("what stays, to be removed by --purge"))
    for command in plan.commands_before:
        tell(_("run"), " ".join(command.argv), command.why)
    for folder in plan.folders:
        tell(_("make"), folder.path, f"{folder.mode:04o}, {_owner(folder.owner, folder.group)}")
    for change in plan.modes:
        tell(_("mode"), f"{change.path}  {change.before:04o} -> {change.after:04o}", change.why)
    for file in plan.files:
        _show_file(console, file, plan.secrets, tell, verbose=verbose)
    for path in [*plan.removed_folders, *plan.purged]:
        if path.exists():
            tell(_("remove"), path, _("with all that is in it") if path in plan.purged else _("if it is empty"))
    if not plan.changes_nothing:
        for line in plan.asterisk:
            tell(_("tell Asterisk"), line)
    for command in plan.commands_after:
        tell(_("run"), " ".join(command.argv), command.why)


def _show_file(
    console: Console, file: FileChange, secrets: tuple[str, ...], tell: Callable[..., None], *, verbose: bool
) -> None:
    if file.keep_before_as is not None:
        tell(_("keep"), f"{file.path} -> {file.keep_before_as.name}")
    if file.restore_from is not None:
        tell(_("put back"), f"{file.path} <- {file.restore_from.name}")
    if file.after is None and file.kind is not Kind.LINES:
        if file.before is not None:
            tell(_("remove"), file.path)
    elif file.before is None and file.after is not None and not verbose:
        lines = file.after.count(b"\n")
        size = ngettext("{count} line", "{count} lines", lines).format(count=lines)
        tell(_("write"), file.path, f"{size}, {file.mode:04o}, {_owner(file.owner, file.group)}")
    else:
        console.print(Syntax(file.diff(secrets), "diff", theme="ansi_dark", background_color="default"))


def _owner(owner: int | str, group: int | str) -> str:
    """By name, where it has one."""
    with suppress(KeyError):
        owner = owner if isinstance(owner, str) else pwd.getpwuid(owner).pw_name
    with suppress(KeyError):
        group = group if isinstance(group, str) else grp.getgrgid(group).gr_name
    return f"{owner}:{group}"


def _known(found: Found, config_file: Path, asked: _Asked) -> tuple[Known, NewSecrets | None]:
    """What the settings say; new ones, with secrets of their own, where there are none."""
    if config_file.exists():
        settings = settings_of(config_file)
        database = database_file(settings.store.url)
        contexts = (settings.asterisk.outgoing_context, settings.asterisk.internal_context)
        return (
            Known(
                settings.ami.username,
                settings.ami.secret.get_secret_value(),
                settings.audio.dir,
                settings.audio.recordings,
                asked.data_dir if database is None else database.parent,
                contexts,
                f"{settings.cli.host}:{settings.cli.port}",
                None,
            ),
            None,
        )
    made = new_secrets(hash_password)
    outgoing = asked.outgoing_context or found.outgoing_context or "outgoing"
    internal = asked.internal_context or found.internal_context or "internal"
    text = settings_text(
        found,
        made,
        data_dir=asked.data_dir,
        timezone=asked.timezone or local_time_zone(),
        outgoing_context=outgoing,
        internal_context=internal,
        http_port=asked.http_port,
        agi_port=asked.agi_port,
        cli_port=asked.cli_port,
    )
    audio = asked.data_dir / "audio"
    contexts = (outgoing, internal)
    cli = f"127.0.0.1:{asked.cli_port}"
    known = Known("autodialer", made.ami, audio, audio / "recordings", asked.data_dir, contexts, cli, text)
    return known, made


def _command() -> Path:
    """The `dialer` command that the unit runs."""
    packaged = Path("/usr/bin/dialer")
    beside = Path(sys.executable).with_name("dialer")
    if packaged.exists() and packaged.resolve() == beside.resolve():
        return packaged
    return beside


def _or_refuse(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except PermissionError as error:
        raise click.ClickException(
            _("{filename}: {strerror}: run it as root").format(filename=error.filename, strerror=error.strerror)
        ) from None
    except (LookError, PlanError, ManifestError, NotShippedError) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from None
