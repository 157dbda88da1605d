"""Taking an installation back: what the manifest names, as it was, and nothing of anybody else's."""

from gettext import gettext as _
from pathlib import Path

from dialer.install.changes import Command, FileChange, Kind, ModeChange, Plan, digest
from dialer.install.includes import INCLUDES
from dialer.install.manifest import FileDone, Manifest, manifest_path
from dialer.install.marked import our_lines, take_out
from dialer.install.plan import EDITED, free_name


def plan_removal(manifest: Manifest, config_file: Path, *, purge: bool, systemd: bool) -> Plan:
    """`purge`: settings, database and recordings go, too. `systemd`: whether the unit is known to a systemd. Raises
    OSError."""
    plan = Plan(must_be_idle=True)
    if manifest.unit:
        plan.stops = manifest.unit if systemd else ""
        plan.commands_before.append(Command(("systemctl", "disable", manifest.unit), _("the daemon"), must=False))
    for done in manifest.files:
        _plan_file(plan, done, purge=purge)
    changed = {file.path.name for file in plan.files}
    for include in INCLUDES:
        names = {
            include.source,
            include.main,
            include.main.replace(".conf", "_custom.conf"),
            Path(include.drop_in).name,
        }
        if names & changed:
            plan.asterisk.append(include.reload)
    for folder, before, after in manifest.modes:
        _plan_mode(plan, Path(folder), before, after)
    path = manifest_path(config_file)
    plan.manifest = FileChange(path, Kind.OWN, path.read_bytes(), None)
    data_dir = Path(manifest.data_dir)
    for made in sorted(map(Path, manifest.folders), key=lambda path: len(path.parts), reverse=True):
        if not (purge and (made == data_dir or data_dir in made.parents)):
            plan.removed_folders.append(made)
    if purge and data_dir.is_dir() and str(data_dir) in manifest.folders:
        plan.purged.append(data_dir)
    elif data_dir.is_dir() and any(path.is_file() for path in data_dir.rglob("*")):
        plan.notes.append(
            _("{data_dir}: database and recordings stay (--purge removes them)").format(data_dir=data_dir)
        )
    _plan_user(plan, manifest, purge=purge)
    if manifest.unit and systemd:
        plan.commands_after.append(Command(("systemctl", "daemon-reload"), _("the unit is gone"), must=False))
    return plan


def _plan_file(plan: Plan, done: FileDone, *, purge: bool) -> None:
    path = Path(done.path)
    now = path.read_bytes() if path.exists() else None
    if now is None:
        return
    if done.kind == Kind.LINES:
        _plan_lines(plan, path, now, done)
        return
    untouched = done.is_ours(digest(now))
    kept = Path(done.kept_as) if done.kept_as and not done.kept_as.endswith(EDITED) else None
    if kept is not None and not kept.exists():
        plan.notes.append(_("{kept}: what was there before {name} is gone").format(kept=kept, name=path.name))
        kept = None
    if done.kind == Kind.SETTINGS and not purge:
        if untouched:
            plan.files.append(FileChange(path, Kind.SETTINGS, now, None))
        else:
            plan.notes.append(_("{path}: your settings stay (--purge removes them)").format(path=path))
        return
    keep_as = None if untouched or purge else free_name(path, EDITED)
    if keep_as is not None:
        plan.notes.append(_("{path}: edited by somebody; kept as {name}").format(path=path, name=keep_as.name))
    if digest(now) != done.original:
        plan.files.append(FileChange(path, Kind.OWN, now, None, keep_before_as=keep_as, restore_from=kept))


def _plan_lines(plan: Plan, path: Path, now: bytes, done: FileDone) -> None:
    if not our_lines(now):
        return
    without = take_out(now)
    if not without and done.original is None:
        plan.files.append(FileChange(path, Kind.LINES, now, None))
        return
    plan.files.append(FileChange(path, Kind.LINES, now, without))
    if digest(without) != done.original:
        plan.notes.append(_("{path}: changed by somebody since: only our lines are taken out").format(path=path))


def _plan_mode(plan: Plan, path: Path, before: int, after: int) -> None:
    if path.is_dir() and path.stat().st_mode & 0o7777 == after:
        plan.modes.append(ModeChange(path, after, before, _("as it was")))


def _plan_user(plan: Plan, manifest: Manifest, *, purge: bool) -> None:
    if purge and manifest.user_made:
        plan.commands_after.append(Command(("userdel", manifest.user), _("made by the installation"), must=False))
        return
    for group in manifest.groups_joined:
        why = _("joined by the installation")
        plan.commands_after.append(Command(("gpasswd", "-d", manifest.user, group), why, must=False))
    if manifest.user_made:
        plan.notes.append(
            _("the user {user} stays: files are its own (--purge removes both)").format(user=manifest.user)
        )
