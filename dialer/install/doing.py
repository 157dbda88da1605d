"""Doing what a plan says. Files are written aside, flushed and renamed into their place: whoever reads, and whatever
crashes, sees the old file or the new one. Links of others are not followed (reach.py)."""

import grp
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from gettext import gettext as _
from pathlib import Path

from dialer.install.changes import Command, FileChange, FolderMade, ModeChange, Plan
from dialer.install.control import NotRunningError, ask_asterisk
from dialer.install.reach import reached

COMMAND_TIMEOUT_S = 120.0
"""Of all but the daemon's stop, which takes as long as the calls in progress."""
_STOPPED = {"inactive", "failed", "unknown", ""}
"""What `systemctl is-active` says of a unit without processes, or of one that is not there."""


class DoingError(Exception):
    """The administrator's to mend: names what could not be done and why. What was done before stays, and a second run
    goes on from there."""


def do(
    plan: Plan, control_socket: Path, tell: Callable[[str], None], make_sure_idle: Callable[[], None] = lambda: None
) -> None:
    """`make_sure_idle` raises what it likes while a daemon runs on what is to be taken away. Raises DoingError."""
    if plan.stops:
        _stop(plan.stops, tell)
    make_sure_idle()
    manifest = plan.manifest
    left = plan.left
    if left is not None and left.after is not None:
        _change_file(left)
    for folder in plan.folders:
        if plan.settled is not None and folder.path == plan.settled.path.parent and not folder.path.is_dir():
            _make_folder(FolderMade(folder.path, os.geteuid(), os.getegid(), 0o700))  # its owner may not be there yet
    if manifest is not None and manifest.after is not None:
        _change_file(manifest)
    for command in plan.commands_before:
        _run(command, tell)
    for folder in plan.folders:
        _make_folder(folder)
    for change in plan.modes:
        _change_mode(change)
    for file in plan.files:
        _change_file(file)
    for path in plan.purged:
        _purge(path)
    for record in (left, manifest):
        if record is not None and record.after is None:  # a purge that has failed is gone on with
            _change_file(record)
    for path in plan.removed_folders:
        _remove_empty(path)
    for command_line in plan.asterisk:
        try:
            answer = _last_line(ask_asterisk(control_socket, command_line)) or _("done")
            tell(f"asterisk: {command_line}: {answer}")
        except NotRunningError as error:
            not_told = _("not told: {problem}").format(problem=error)
            tell(f"asterisk: {command_line}: {not_told}")
            break
    for command in plan.commands_after:
        _run(command, tell)
    if plan.settled is not None:
        _change_file(plan.settled)


def write_safely(path: Path, content: bytes, *, uid: int, gid: int, mode: int) -> None:
    """Owner and mode are those of the file that is there; these, where there is none. A link stays a link."""
    with reached(path) as place:
        there = place.seen()
        if there is not None:
            uid, gid, mode = there.st_uid, there.st_gid, stat.S_IMODE(there.st_mode)
        place.write(content, uid=uid, gid=gid, mode=mode)


def _change_file(change: FileChange) -> None:
    with _naming(change.path):
        try:
            with reached(change.path) as place:
                there = place.read()
        except FileNotFoundError:  # nor its folder
            there = None
        if there is None and change.after is None and change.restore_from is None:
            return  # gone already: with a folder that was purged
        if (None if there is None else there[0]) != change.before:
            raise DoingError(
                _("{path}: changed by somebody else just now: run the command again").format(path=change.path)
            )
        if change.keep_before_as is not None and there is not None:
            content, seen = there
            write_safely(
                change.keep_before_as, content, uid=seen.st_uid, gid=seen.st_gid, mode=stat.S_IMODE(seen.st_mode)
            )
        if change.after is not None:
            uid, gid = _uid(change.owner), _gid(change.group)
            write_safely(change.path, change.after, uid=uid, gid=gid, mode=change.mode)
            return
        if change.restore_from is not None:
            with reached(change.restore_from, through_link=False) as kept:
                kept.rename_to(change.path.name)  # beside it
            return
        with reached(change.path, through_link=False) as place:
            place.remove()


def _make_folder(folder: FolderMade) -> None:
    with _naming(folder.path), reached(folder.path, make_parents=True) as place:
        if place.seen() is None:
            os.mkdir(place.name, 0o700, dir_fd=place.folder)
        with place.opened_folder() as descriptor:
            os.fchown(descriptor, _uid(folder.owner), _gid(folder.group))
            os.fchmod(descriptor, folder.mode)


def _change_mode(change: ModeChange) -> None:
    with _naming(change.path), reached(change.path) as place, place.opened_folder() as descriptor:
        os.fchmod(descriptor, change.after)


def _remove_empty(path: Path) -> None:
    """Folders that hold something of somebody's stay."""
    if path.is_dir() and not any(path.iterdir()):
        with _naming(path), reached(path, through_link=False) as place:
            os.rmdir(place.name, dir_fd=place.folder)


def _purge(path: Path) -> None:
    with _naming(path), reached(path, through_link=False) as place:
        seen = place.seen()
        if seen is not None and stat.S_ISDIR(seen.st_mode):
            shutil.rmtree(place.name, dir_fd=place.folder)
        else:
            place.remove()


def _stop(unit: str, tell: Callable[[str], None]) -> None:
    """As long as it takes: the daemon waits for its calls. Raises DoingError when it runs on."""
    _run(Command(("systemctl", "stop", unit), "", must=False), tell, timeout_s=None)
    asked = ("systemctl", "is-active", unit)
    try:
        state = subprocess.run(  # noqa: S603 - our own words
            asked, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DoingError(f"{' '.join(asked)}: {error}") from None
    if state not in _STOPPED:
        said = _("{unit}: still {state}: nothing was taken away; stop it, then run the command again")
        raise DoingError(said.format(unit=unit, state=state))


def _run(command: Command, tell: Callable[[str], None], timeout_s: float | None = COMMAND_TIMEOUT_S) -> None:
    shown = " ".join(command.argv)
    try:
        done = subprocess.run(  # noqa: S603 - our own words, and names that the plan has checked
            command.argv, capture_output=True, text=True, timeout=timeout_s, check=False, stdin=subprocess.DEVNULL
        )
        problem = (done.stderr or done.stdout).strip() if done.returncode else ""
        failed = done.returncode != 0
    except (OSError, subprocess.TimeoutExpired) as error:
        problem, failed = str(error), True
    if failed and command.must:
        raise DoingError(f"{shown}: {problem}")
    how = _("failed: {problem}").format(problem=problem) if failed else _("done")
    tell(f"{shown}: {how}")


def _uid(owner: int | str) -> int:
    try:
        return owner if isinstance(owner, int) else pwd.getpwnam(owner).pw_uid
    except KeyError:
        raise DoingError(_("there is no user {user}").format(user=owner)) from None


def _gid(group: int | str) -> int:
    try:
        return group if isinstance(group, int) else grp.getgrnam(group).gr_gid
    except KeyError:
        raise DoingError(_("there is no group {group}").format(group=group)) from None


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DoingError(f"{path}: {error.strerror or error}") from error


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
