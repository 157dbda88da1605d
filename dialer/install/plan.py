"""What an installation will change: reads, compares, and changes nothing."""

import grp
import os
import pwd
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from gettext import gettext as _
from pathlib import Path
from typing import Any

from dialer.install.asterisk_config import ConfigTree, read_tree
from dialer.install.changes import Command, FileChange, FolderMade, Kind, ModeChange, Plan, digest
from dialer.install.includes import INCLUDES, Include, Values
from dialer.install.look import Found, PbxKind
from dialer.install.manifest import FileDone, Manifest, left_path, manifest_path, with_left
from dialer.install.marked import add_lines, our_lines, take_out
from dialer.install.shipped import shipped
from dialer.install.unit import NAME as UNIT
from dialer.install.unit import UnitPlace, drop_in, filled_unit
from dialer.model.access import cli_token

SYSTEMD_DIR = Path("/etc/systemd/system")
_PACKAGED_UNITS = (Path("/usr/lib/systemd/system"), Path("/lib/systemd/system"))
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,30}", re.ASCII)
KEPT = ".before-autodialer"
"""Behind the name of a file that was there before ours. (Not *.conf: a pattern in an #include would find it.)"""
EDITED = ".edited"
AMI_ON = ("enabled = yes", "bindaddr = 127.0.0.1")
"""In [general] of manager.conf, where AMI was off. The last: nobody but this machine is to reach it."""


class PlanError(Exception):
    """What was asked for cannot be done; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the administrator asks for."""

    config_file: Path
    data_dir: Path
    user: str
    make_user: bool
    systemd_dir: Path | None
    """None: no unit."""
    add_modules: bool
    command: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    """What is kept for the next run."""
    repair: bool = False
    """Whether parts of ours that somebody has edited are put back."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the settings say, those that are there or those that will be written."""

    ami_username: str
    ami_secret: str
    audio_dir: Path
    recordings_dir: Path
    database_dir: Path
    contexts: tuple[str, str]
    """Of the outgoing routes; of employees and queues."""
    cli_address: str
    new_settings: str | None
    """What is written where there are none."""


@dataclass(slots=True)
class _Drawing:
    """A plan and the manifest that goes with it, while they are drawn up."""

    plan: Plan
    manifest: Manifest
    goes_on: bool
    """Whether a run before has not come to its end, or is done anew: folders get their owners, Asterisk is told all."""
    repair: bool


def plan_installation(
    found: Found, wishes: Wishes, known: Known, old: Manifest | None, left: Manifest | None = None
) -> tuple[Plan, Manifest]:
    """The plan and the manifest of when it is done. `left`: what a former installation has left. Raises PlanError,
    OSError."""
    if not _USER.fullmatch(wishes.user):
        raise PlanError(_("--user: a name of a system user expected, got {name!r}").format(name=wishes.user[:40]))
    if old is not None and old.etc != str(found.etc):
        raise PlanError(
            _("already installed beside the Asterisk of {etc}: `dialer uninstall` first").format(etc=old.etc)
        )
    manifest = with_left(old or Manifest(str(found.etc), str(found.control_socket)), left)
    goes_on = manifest.pending or wishes.repair
    plan = Plan(secrets=(known.ami_secret, cli_token(known.ami_secret)), goes_on=goes_on)
    drawing = _Drawing(plan, manifest, goes_on, wishes.repair)
    _plan_user(drawing, found, wishes)
    _plan_folders(drawing, found, wishes, known)
    _plan_settings(drawing, found, wishes, known)
    phones = known.contexts[1] if known.contexts[1] in found.contexts else ""
    values = Values(
        known.ami_username,
        known.ami_secret,
        found.ami_host,
        known.audio_dir,
        known.cli_address,
        cli_token(known.ami_secret),
        phones,
        found.etc,
    )
    reloads = [one.reload for one in INCLUDES if _plan_include(drawing, found, one, values) or drawing.goes_on]
    reloads += _plan_modules(drawing, found, wishes)
    drawing.plan.asterisk = list(dict.fromkeys(reloads))
    if wishes.systemd_dir is not None:
        _plan_unit(drawing, found, wishes, known, wishes.systemd_dir)
    _plan_notes(drawing, found, wishes, known)
    if left is not None:  # all of it is in the manifest now
        path = left_path(wishes.config_file)
        plan.files.append(FileChange(path, Kind.OWN, path.read_bytes(), None))
    _plan_manifest(drawing, wishes)
    return drawing.plan, drawing.manifest


def _plan_user(drawing: _Drawing, found: Found, wishes: Wishes) -> None:
    if not wishes.make_user:
        return
    if drawing.manifest.user != wishes.user:
        drawing.manifest.user, drawing.manifest.user_made = wishes.user, False
    try:
        pwd.getpwnam(wishes.user)
    except KeyError:
        if shutil.which("useradd") is None:
            raise PlanError(
                _("no useradd here: make the user {user}, a member of the group {group}, or use --no-user").format(
                    user=wishes.user, group=found.group
                )
            ) from None
        home = ("--home-dir", str(wishes.data_dir), "--no-create-home", "--shell", "/usr/sbin/nologin")
        argv = ("useradd", "--system", "--user-group", *home, wishes.user)
        drawing.plan.commands_before.append(Command(argv, _("the user that the daemon runs as")))
        drawing.manifest.user_made = True
    if wishes.user not in _members(found.gid):
        why = _("Asterisk's group: its spool, and the sounds that both use")
        drawing.plan.commands_before.append(Command(("usermod", "-aG", found.group, wishes.user), why))
        if found.group not in drawing.manifest.groups_joined:
            drawing.manifest.groups_joined.append(found.group)


def _members(gid: int) -> list[str]:
    try:
        return grp.getgrgid(gid).gr_mem
    except KeyError:
        return []


def _plan_folders(drawing: _Drawing, found: Found, wishes: Wishes, known: Known) -> None:
    owner, group = (wishes.user, found.gid) if wishes.make_user else (found.uid, found.gid)
    settings_group = wishes.user if wishes.make_user else found.gid
    settings = wishes.config_file.parent
    is_empty = settings.is_dir() and not any(settings.iterdir())
    settings_folder = FolderMade(settings, 0 if wishes.make_user else owner, settings_group, 0o750)
    _plan_folder(drawing, settings_folder, half_made=is_empty)
    for path, mode in (
        (known.database_dir, 0o750),
        (known.audio_dir, 0o750),
        (known.recordings_dir, 0o2770),  # Asterisk writes there
    ):
        _plan_folder(drawing, FolderMade(path, owner, group, mode))
        if str(path) in drawing.manifest.folders and str(path) not in drawing.manifest.data_folders:
            drawing.manifest.data_folders.append(str(path))
    outgoing = found.spool_dir
    if not outgoing.is_dir():
        if not wishes.repair:
            said = _("{outgoing}: Asterisk's spool is not there (astspooldir in asterisk.conf): --repair makes it")
            drawing.plan.notes.append(said.format(outgoing=outgoing))
            return
        # Asterisk's own: it stays when we go
        drawing.plan.folders.append(FolderMade(outgoing, found.uid, found.gid, 0o770))
        said = _("restart Asterisk: it looks for new call files only in a spool that was there when it started")
        drawing.plan.notes.append(said)
    # written there, and renamed into outgoing
    _plan_folder(drawing, FolderMade(outgoing.parent / "tmp", found.uid, found.gid, 0o770))
    for folder in (outgoing, outgoing.parent / "tmp"):
        if folder.is_dir() and folder.stat().st_gid == found.gid:
            mode = folder.stat().st_mode & 0o7777
            if mode & 0o070 != 0o070:
                why = _("the group {group} writes call files there").format(group=found.group)
                drawing.plan.modes.append(ModeChange(folder, mode, mode | 0o070, why))
                if not any(one[0] == str(folder) for one in drawing.manifest.modes):
                    drawing.manifest.modes.append([str(folder), mode, mode | 0o070])
        elif folder.is_dir():
            drawing.plan.notes.append(
                _("{folder}: not of Asterisk's group {group}: chgrp it, and chmod g+rwx").format(
                    folder=folder, group=found.group
                )
            )


def _plan_folder(drawing: _Drawing, folder: FolderMade, *, half_made: bool = False) -> None:
    """`half_made`: by a run that has not come so far as to write its manifest."""
    ours = str(folder.path) in drawing.manifest.folders
    if not folder.path.is_dir() or half_made or (ours and drawing.goes_on):  # made, but perhaps not given its owner
        drawing.plan.folders.append(folder)
        if not ours:
            drawing.manifest.folders.append(str(folder.path))


def _plan_settings(drawing: _Drawing, found: Found, wishes: Wishes, known: Known) -> None:
    if known.new_settings is None:
        return
    owner, group = (0, wishes.user) if wishes.make_user else (found.uid, found.gid)
    content = known.new_settings.encode()
    _note_done(drawing, wishes.config_file, Kind.SETTINGS, original=None, written=content)
    drawing.plan.files.append(
        FileChange(wishes.config_file, Kind.SETTINGS, None, content, owner=owner, group=group, mode=0o640)
    )


def _plan_include(drawing: _Drawing, found: Found, include: Include, values: Values) -> bool:
    """Whether Asterisk has to read it anew."""
    source = shipped(f"dialplan/{include.source}")
    content = include.fill(source.read_text(encoding="utf-8"), values).encode()
    tree = read_tree(found.etc, include.main)
    drop_in_file = found.etc / include.drop_in if include.drop_in else None
    if drop_in_file is not None and drop_in_file.parent.is_dir() and tree.names(drop_in_file):
        own, host = drop_in_file, None
    else:
        own, host = found.etc / include.source, _host_of(tree, include, found, drawing)
    elsewhere = tree.section_files.get(include.witness, set()) - {own}
    if elsewhere and drawing.manifest.file(own) is None:
        names = ", ".join(sorted(map(str, elsewhere)))
        drawing.plan.notes.append(
            _("{main}: [{witness}] is there already, by hand: {names}; left alone").format(
                main=include.main, witness=include.witness, names=names
            )
        )
        return False
    changed = _plan_own(drawing, own, content, _like(tree, found, secret=include.secret))
    if host is not None:
        lines = _lines_for(include, tree, found, host)
        changed |= _plan_lines(drawing, host, lines, _like(tree, found, secret=False))
    return changed


def _host_of(tree: ConfigTree, include: Include, found: Found, drawing: _Drawing) -> Path:
    custom = found.etc / include.main.replace(".conf", "_custom.conf")
    if tree.names(custom):
        return custom
    if found.is_generated:
        drawing.plan.notes.append(
            _(
                "{main}: {pbx} may write it anew, and it includes no {name}: "
                "run this command again should our line be gone"
            ).format(main=tree.main, pbx=found.kind.value, name=custom.name)
        )
    return tree.main


def _lines_for(include: Include, tree: ConfigTree, found: Found, host: Path) -> list[str]:
    lines = []
    section = include.adds_to or "general"
    begun = tree.section_files.get(section, set()) - {found.etc / include.source}
    theirs = any(f"[{section}]".encode() in take_out(one.read_bytes()) for one in begun)
    if include.main == "manager.conf" and _ami_is_off(tree, host):
        # off: nobody has decided who may reach it
        lines += [*(["[general](+)"] if theirs else ["[general]"]), *AMI_ON]
    elif include.adds_to and not theirs:
        lines.append(f"[{section}]")
    return [*lines, f'#tryinclude "{include.source}"']


def _ami_is_off(tree: ConfigTree, host: Path) -> bool:
    """As it would be without our lines."""
    if host.exists() and "enabled = yes" in our_lines(host.read_bytes()):
        return True
    return (tree.last("general", "enabled") or "no").lower() not in {"yes", "true", "y", "t", "1", "on"}


def _like(tree: ConfigTree, found: Found, *, secret: bool) -> Callable[[Path, bytes | None, bytes, Kind], FileChange]:
    """New files have the owner and mode of the file that they belong to; secrets are for Asterisk's group only."""
    sample = (tree.main if tree.main.exists() else found.etc).stat()
    group = found.gid if secret else sample.st_gid
    mode = 0o640 if secret else sample.st_mode & 0o666 if tree.main.exists() else 0o644

    def change(path: Path, before: bytes | None, after: bytes, kind: Kind) -> FileChange:
        return FileChange(path, kind, before, after, owner=sample.st_uid, group=group, mode=mode)

    return change


def _plan_own(
    drawing: _Drawing, path: Path, content: bytes, change: Callable[[Path, bytes | None, bytes, Kind], FileChange]
) -> bool:
    """A file that is ours as a whole. What an administrator has edited in it is kept beside a new version."""
    before = path.read_bytes() if path.exists() else None
    if before == content:
        return False
    done = drawing.manifest.file(path)
    planned = change(path, before, content, Kind.OWN)
    kept_as: Path | None = None
    if before is not None and (done is None or not done.is_ours(digest(before))):
        if done is not None and done.written == digest(content) and not drawing.repair:
            said = _("{path}: edited by somebody; left as it is (--repair puts ours back and keeps a copy)")
            drawing.plan.notes.append(said.format(path=path))
            drawing.plan.left_edited = True
            return False
        if done is None:
            kept_as = free_name(path, KEPT)
        elif done.kept_as is not None and digest(before) == done.original:  # a run that has not come to its end
            kept_as = Path(done.kept_as)
        else:
            kept_as = free_name(path, EDITED)
        planned = FileChange(
            path, Kind.OWN, before, content, planned.owner, planned.group, planned.mode, keep_before_as=kept_as
        )
    drawing.plan.files.append(planned)
    _note_done(drawing, path, Kind.OWN, original=before if done is None else None, written=content, kept_as=kept_as)
    return True


def _plan_taken_back(drawing: _Drawing, path: Path) -> bool:
    """A file of ours that is needed no more. Whether anything changes."""
    done, before = drawing.manifest.file(path), path.read_bytes() if path.exists() else None
    if done is None:
        return False
    done.writing = ""
    if digest(before) == done.original:
        return False
    kept = kept_before(drawing.plan, done)
    keep_as = None if before is None or done.is_ours(digest(before)) else free_name(path, EDITED)
    if keep_as is not None:
        note_edited(drawing.plan, path, keep_as)
    drawing.plan.files.append(FileChange(path, Kind.OWN, before, None, keep_before_as=keep_as, restore_from=kept))
    return True


def kept_before(plan: Plan, done: FileDone) -> Path | None:
    """What was there before a file of ours, to be put back; a note where it is gone."""
    kept = Path(done.kept_as) if done.kept_as and not done.kept_as.endswith(EDITED) else None
    if kept is None or kept.exists():
        return kept
    said = _("{kept}: what was there before {name} is gone")
    plan.notes.append(said.format(kept=kept, name=Path(done.path).name))
    return None


def note_edited(plan: Plan, path: Path, kept_as: Path) -> None:
    plan.notes.append(_("{path}: edited by somebody; kept as {name}").format(path=path, name=kept_as.name))


def free_name(path: Path, behind: str) -> Path:
    """Beside the file: what an earlier run has kept stays."""
    names = (path.with_name(f"{path.name}{behind}{number}") for number in ("", *(f".{n}" for n in range(2, 10_000))))
    return next(one for one in names if not (one.exists() or one.is_symlink()))


def _plan_lines(
    drawing: _Drawing,
    path: Path,
    lines: list[str],
    change: Callable[[Path, bytes | None, bytes, Kind], FileChange],
) -> bool:
    before = path.read_bytes() if path.exists() else None
    if before is not None and our_lines(before) == lines:
        return False
    without = take_out(before or b"")
    after = add_lines(without, lines)
    drawing.plan.files.append(change(path, before, after, Kind.LINES))
    done = drawing.manifest.file(path)
    was_there = before is not None and not (done is not None and done.original is None)
    _note_done(drawing, path, Kind.LINES, original=without if was_there else None, written=after)
    return True


def _plan_modules(drawing: _Drawing, found: Found, wishes: Wishes) -> list[str]:
    """Commands to an Asterisk that runs."""
    tree = read_tree(found.etc, "modules.conf")
    present = our_lines(tree.main.read_bytes()) if tree.main.exists() else []
    missing = found.missing_modules
    if not missing:
        return []
    if not wishes.add_modules:
        drawing.plan.notes.append(
            _("modules.conf does not load: {names}: add them, or run with --add-modules").format(
                names=" ".join(missing)
            )
        )
        return []
    theirs = b"[modules]" in take_out(tree.main.read_bytes()) if tree.main.exists() else False
    lines = present or ["[modules](+)" if theirs else "[modules]"]
    lines = [*lines, *(f"load = {module}.so" for module in missing)]
    _plan_lines(drawing, tree.main, lines, _like(tree, found, secret=False))
    return [f"module load {module}.so" for module in missing]


def _plan_unit(drawing: _Drawing, found: Found, wishes: Wishes, known: Known, systemd_dir: Path) -> None:
    text = shipped(f"systemd/{UNIT}").read_text()
    _plan_folder(drawing, FolderMade(systemd_dir, os.geteuid(), os.getegid(), 0o755))
    writable = (found.spool_dir.parent, known.database_dir, known.audio_dir, known.recordings_dir)
    # without a user of its own the daemon's folders and settings are Asterisk's
    user, own_group = (wishes.user, wishes.user) if wishes.make_user else (found.user, found.group)
    place = UnitPlace(wishes.command, wishes.config_file, user, own_group, found.group, writable)
    packaged = any((folder / UNIT).exists() for folder in _PACKAGED_UNITS)
    if packaged and systemd_dir == SYSTEMD_DIR:
        path, content = systemd_dir / f"{UNIT}.d" / "install.conf", drop_in(text, place)
        if content is not None:
            _plan_folder(drawing, FolderMade(path.parent, os.geteuid(), os.getegid(), 0o755))
    else:
        path, content = systemd_dir / UNIT, filled_unit(text, place)
    if content is None:
        changed = _plan_taken_back(drawing, path)
    else:
        changed = _plan_own(
            drawing,
            path,
            content.encode(),
            lambda path, before, after, kind: FileChange(path, kind, before, after, mode=0o644),
        )
    if systemd_dir != SYSTEMD_DIR or shutil.which("systemctl") is None:
        return
    runs = Path("/run/systemd/system").is_dir()
    if (changed or drawing.goes_on) and runs:
        drawing.plan.commands_after.append(Command(("systemctl", "daemon-reload"), _("the unit is new"), must=False))
    # only the first time: who has disabled it since had a reason
    first = not drawing.manifest.unit or drawing.manifest.unit_enabling
    if first and not (systemd_dir / "multi-user.target.wants" / UNIT).is_symlink():
        now = ("--now",) if runs else ()
        drawing.plan.commands_after.append(Command(("systemctl", "enable", *now, UNIT), _("the daemon"), must=False))
        drawing.manifest.unit, drawing.manifest.unit_enabling = UNIT, True
    elif changed:
        drawing.plan.notes.append(
            _("systemctl restart {unit}: the unit has changed (calls in progress are waited for)").format(unit=UNIT)
        )


def _plan_notes(drawing: _Drawing, found: Found, wishes: Wishes, known: Known) -> None:
    notes = drawing.plan.notes
    for context in known.contexts:
        if context not in found.contexts:
            theirs = sorted(one for one in found.contexts if not one.startswith("autodialer-"))
            there = ", ".join(theirs[:12]) or _("none")
            notes.append(
                _(
                    "the dialplan files have no context [{context}] (there are: {there}): give your routes or internal "
                    "numbers that name, or name yours: [asterisk] outgoing_context, internal_context in the settings"
                ).format(context=context, there=there)
            )
    if found.kind is PbxKind.MIKOPBX:
        notes.append(
            _(
                "MikoPBX writes its configuration folder anew at every start: put the added lines into "
                "System > System file customization as well, or run this command at every start"
            )
        )
    hindrance = _hindrance(wishes.command)
    if wishes.make_user and hindrance is not None:
        notes.append(
            _("{command}: {hindrance} is closed to the user {user}: install the dialer elsewhere").format(
                command=wishes.command, hindrance=hindrance, user=wishes.user
            )
        )
    if "extensions_autodialer.conf" not in "".join(one.path for one in drawing.manifest.files):
        return
    if drawing.plan.files:
        notes.append(
            _(
                "routes that try several trunks: one line between them keeps a subscriber who declined from being rung "
                "through the next one: see extensions_autodialer.conf, 'second trunk'"
            )
        )


def _hindrance(path: Path) -> Path | None:
    """The folder above that other users cannot pass."""
    return next((one for one in reversed(path.parents) if one.exists() and not one.stat().st_mode & 0o001), None)


def _plan_manifest(drawing: _Drawing, wishes: Wishes) -> None:
    """Written before anything else, as what is under way, and when all is done, as what is there."""
    manifest = drawing.manifest
    manifest.data_dir, manifest.options = str(wishes.data_dir), dict(wishes.options)
    if drawing.plan.changes_nothing:
        return
    manifest.pending = True
    path = manifest_path(wishes.config_file)
    begun, settled = manifest.as_json(), manifest.settled().as_json()
    before = path.read_bytes() if path.exists() else None

    def written(before: bytes | None, after: bytes) -> FileChange:
        return FileChange(path, Kind.OWN, before, after, os.geteuid(), os.getegid(), mode=0o600)

    drawing.plan.manifest = written(before, begun) if begun != before else None
    drawing.plan.settled = written(begun, settled)


def _note_done(
    drawing: _Drawing,
    path: Path,
    kind: Kind,
    *,
    original: bytes | None,
    written: bytes,
    kept_as: Path | None = None,
) -> None:
    done = drawing.manifest.file(path)
    if done is None:
        drawing.manifest.files.append(
            FileDone(str(path), kind.value, digest(original), "", str(kept_as) if kept_as else None, digest(written))
        )
        return
    done.writing = digest(written)
    if kind is Kind.LINES:
        done.original = digest(original)
