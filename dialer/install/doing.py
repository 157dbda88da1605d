"""Doing what a plan says. Files are written aside, flushed and renamed into their place: whoever reads, and whatever
crashes, sees the old file or the new one."""

import grp
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dialer.install.changes import Command, FileChange, FolderMade, ModeChange, Plan
from dialer.install.control import NotRunningError, ask_asterisk

_ASIDE = ".autodialer-new"


class DoingError(Exception):
    """The administrator's to mend: names what could not be done and why. What was done before stays, and a second run
    goes on from there."""


def do(plan: Plan, control_socket: Path, tell: Callable[[str], None]) -> None:
    """Raises DoingError."""
    manifest = plan.manifest
    for folder in plan.folders:
        if manifest is not None and folder.path == manifest.path.parent:
            folder.path.mkdir(parents=True, exist_ok=True)
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
    if manifest is not None and manifest.after is None:
        _change_file(manifest)
    for path in plan.removed_folders:
        _remove_empty(path)
    for path in plan.purged:
        with _naming(path):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for command_line in plan.asterisk:
        try:
            tell(f"asterisk: {command_line}: {_last_line(ask_asterisk(control_socket, command_line))}")
        except NotRunningError as error:
            tell(f"asterisk: {command_line}: not told: {error}")
            break
    for command in plan.commands_after:
        _run(command, tell)


def write_safely(path: Path, content: bytes, *, uid: int, gid: int, mode: int) -> None:
    """Owner and mode are those of the file that is there; these, where there is none. A link stays a link."""
    path = path.resolve()
    aside = path.with_name(f".{path.name}{_ASIDE}")
    if path.exists():
        kept = path.stat()
        uid, gid, mode = kept.st_uid, kept.st_gid, stat.S_IMODE(kept.st_mode)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if (uid, gid) != (os.geteuid(), os.getegid()):
                os.fchown(descriptor, uid, gid)
            os.fchmod(descriptor, mode)
            file.flush()
            os.fsync(descriptor)
        aside.rename(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def _change_file(change: FileChange) -> None:
    with _naming(change.path):
        now = change.path.read_bytes() if change.path.exists() else None
        if now != change.before:
            raise DoingError(f"{change.path}: changed by somebody else just now: run the command again")
        if change.keep_before_as is not None and change.before is not None:
            kept = change.path.resolve().stat()
            write_safely(
                change.keep_before_as, change.before, uid=kept.st_uid, gid=kept.st_gid, mode=stat.S_IMODE(kept.st_mode)
            )
        if change.after is not None:
            uid, gid = _uid(change.owner), _gid(change.group)
            write_safely(change.path, change.after, uid=uid, gid=gid, mode=change.mode)
        elif change.restore_from is not None:
            change.restore_from.rename(change.path)
        else:
            change.path.unlink(missing_ok=True)
        _flush_folder(change.path.parent)


def _make_folder(folder: FolderMade) -> None:
    with _naming(folder.path):
        folder.path.mkdir(parents=True, exist_ok=True)
        os.chown(folder.path, _uid(folder.owner), _gid(folder.group))
        folder.path.chmod(folder.mode)


def _change_mode(change: ModeChange) -> None:
    with _naming(change.path):
        change.path.chmod(change.after)


def _remove_empty(path: Path) -> None:
    """Folders that hold something of somebody's stay."""
    if path.is_dir() and not any(path.iterdir()):
        with _naming(path):
            path.rmdir()


def _run(command: Command, tell: Callable[[str], None]) -> None:
    shown = " ".join(command.argv)
    try:
        done = subprocess.run(  # noqa: S603 - our own words, and names that the plan has checked
            command.argv, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL
        )
        problem = (done.stderr or done.stdout).strip() if done.returncode else ""
        failed = done.returncode != 0
    except (OSError, subprocess.TimeoutExpired) as error:
        problem, failed = str(error), True
    if failed and command.must:
        raise DoingError(f"{shown}: {problem}")
    tell(f"{shown}: {'failed: ' + problem if failed else 'done'}")


def _uid(owner: int | str) -> int:
    try:
        return owner if isinstance(owner, int) else pwd.getpwnam(owner).pw_uid
    except KeyError:
        raise DoingError(f"there is no user {owner}") from None


def _gid(group: int | str) -> int:
    try:
        return group if isinstance(group, int) else grp.getgrnam(group).gr_gid
    except KeyError:
        raise DoingError(f"there is no group {group}") from None


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DoingError(f"{path}: {error.strerror or error}") from error


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "done"
