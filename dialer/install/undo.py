"""Taking an installation back: what the manifest names, as it was, and nothing of anybody else's."""

import os
from collections.abc import Set
from gettext import gettext as _
from pathlib import Path

from dialer.install.changes import Command, FileChange, Kind, ModeChange, Plan, digest
from dialer.install.includes import INCLUDES
from dialer.install.manifest import FileDone, Manifest, left_path, manifest_path
from dialer.install.marked import our_lines, take_out
from dialer.install.plan import EDITED, free_name, kept_before, note_edited


def plan_removal(
    manifest: Manifest, config_file: Path, *, purge: bool, systemd: bool, keep_settings: bool = False
) -> Plan:
    """`purge`: settings, database and recordings go, too. `systemd`: whether the unit is known to a systemd. Raises
    OSError."""
    plan = Plan()
    if manifest.unit:
        plan.stops = manifest.unit if systemd else ""
        plan.commands_before.append(Command(("systemctl", "disable", manifest.unit), _("the daemon"), must=False))
    for done in manifest.files:
        _plan_file(plan, done, purge=purge, keep_settings=keep_settings)
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
    gone = {*(file.path for file in plan.files), manifest_path(config_file), left_path(config_file)}
    _plan_folders(plan, manifest, gone, purge=purge)
    if config_file.exists() and not any(_is_same(config_file, Path(one.path)) for one in manifest.files):
        said = _("{path}: your settings stay: they were there before the installation")
        plan.notes.append(said.format(path=config_file))
    _plan_user(plan, manifest, purge=purge)
    if manifest.unit and systemd:
        plan.commands_after.append(Command(("systemctl", "daemon-reload"), _("the unit is gone"), must=False))
    _plan_manifest(plan, manifest, config_file, gone, purge=purge)
    return plan


def data_folders(manifest: Manifest) -> list[Path]:
    """Folders of ours for database, sounds and recordings, without those that lie in another one of them."""
    found = {Path(one) for one in (*manifest.data_folders, manifest.data_dir) if one in manifest.folders}
    return sorted(one for one in found if not found.intersection(one.parents))


def _is_same(one: Path, other: Path) -> bool:
    """By whatever name."""
    return one == other or (other.exists() and one.samefile(other))


def _plan_folders(plan: Plan, manifest: Manifest, gone: Set[Path], *, purge: bool) -> None:
    ours = data_folders(manifest)
    for folder in filter(Path.is_dir, ours):
        if purge:
            plan.purged.append(folder)
        elif any(_stays(path, gone) for path in folder.rglob("*")):
            said = _("{data_dir}: database and recordings stay (--purge removes them)")
            plan.notes.append(said.format(data_dir=folder))
    data_dir = Path(manifest.data_dir)
    if manifest.data_dir and not {data_dir, *data_dir.parents}.intersection(ours):
        beside = (path for path in data_dir.rglob("*") if not set(ours).intersection(path.parents))
        if any(_stays(path, gone) for path in beside):
            said = _("{data_dir}: database and recordings stay: the folder was there before the installation")
            plan.notes.append(said.format(data_dir=data_dir))
    for made in sorted(map(Path, manifest.folders), key=lambda path: len(path.parts), reverse=True):
        if not {made, *made.parents}.intersection(plan.purged):
            plan.removed_folders.append(made)


def _plan_manifest(plan: Plan, manifest: Manifest, config_file: Path, gone: Set[Path], *, purge: bool) -> None:
    """What is to be known of what stays has a file of its own: `installed.json` is there while something is."""
    installed, left = manifest_path(config_file), left_path(config_file)
    before = left.read_bytes() if left.exists() else None
    if not purge and (what_stays := _what_stays(manifest, left.parent, gone)) is not None:
        after = what_stays.as_json()
        plan.left = FileChange(left, Kind.OWN, before, after, os.geteuid(), os.getegid(), mode=0o600)
    elif before is not None:
        plan.left = FileChange(left, Kind.OWN, before, None)
    if installed.exists():
        plan.manifest = FileChange(installed, Kind.OWN, installed.read_bytes(), None)


def _what_stays(manifest: Manifest, settings_folder: Path, gone: Set[Path]) -> Manifest | None:
    """None: nothing of ours. Folders that are empty go: should they be there again later, they are somebody else's."""
    settings = [one for one in manifest.files if one.kind == Kind.SETTINGS and _stays(Path(one.path), gone)]
    folders = [one for one in manifest.folders if any(_stays(path, gone) for path in Path(one).rglob("*"))]
    data = [str(one) for one in data_folders(manifest) if str(one) in folders]
    if not (settings or data or manifest.user_made):
        return None
    if str(settings_folder) in manifest.folders:
        folders = list(dict.fromkeys([str(settings_folder), *folders]))
    user = manifest.user if manifest.user_made else ""
    return Manifest(
        manifest.etc,
        manifest.control_socket,
        files=settings,
        folders=folders,
        data_folders=data,
        data_dir=manifest.data_dir,
        user=user,
        user_made=manifest.user_made,
    )


def _stays(path: Path, gone: Set[Path]) -> bool:
    return path.is_file() and path not in gone


def _plan_file(plan: Plan, done: FileDone, *, purge: bool, keep_settings: bool) -> None:
    path = Path(done.path)
    now = path.read_bytes() if path.exists() else None
    if done.kind == Kind.LINES:
        if now is not None:
            _plan_lines(plan, path, now, done)
        return
    if digest(now) == done.original:  # as it was
        return
    kept = kept_before(plan, done)
    if now is None:
        if kept is not None:
            plan.files.append(FileChange(path, Kind.OWN, None, None, restore_from=kept))
        return
    untouched = done.is_ours(digest(now))
    if done.kind == Kind.SETTINGS and not purge:
        if untouched and not keep_settings:
            plan.files.append(FileChange(path, Kind.SETTINGS, now, None))
        else:
            plan.notes.append(_("{path}: your settings stay (--purge removes them)").format(path=path))
        return
    keep_as = None if untouched or purge else free_name(path, EDITED)
    if keep_as is not None:
        note_edited(plan, path, keep_as)
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
