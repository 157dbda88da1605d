"""Files and folders reached by descriptors, name by name. Asterisk's folders belong to Asterisk's user, and root writes
there: a link that this user has planted must lead root nowhere where the user could not write itself."""

import errno
import os
import pwd
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from gettext import gettext as _
from pathlib import Path

_ASIDE = "autodialer-new"
_MOST_LINKS = 40
"""In one path, as the kernel's own limit."""
_FILE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
"""A pipe in the place of a file must not hold us."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Place:
    """A name in a folder that is held open; nothing below follows a link. All raise OSError."""

    folder: int
    name: str

    def seen(self) -> os.stat_result | None:
        """None: nothing is there."""
        try:
            return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def read(self) -> tuple[bytes, os.stat_result] | None:
        """Content, owner and mode of a file; None: nothing is there."""
        try:
            descriptor = os.open(self.name, os.O_RDONLY | _FILE, dir_fd=self.folder)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            seen = os.fstat(descriptor)
            if not stat.S_ISREG(seen.st_mode):
                raise OSError(errno.EINVAL, _("not a file"))
            return file.read(), seen

    def write(self, content: bytes, *, uid: int, gid: int, mode: int) -> None:
        """Aside, flushed, and renamed into its place."""
        aside = f".{self.name}.{secrets.token_hex(8)}.{_ASIDE}"
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE, 0o600, dir_fd=self.folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                if (uid, gid) != (os.geteuid(), os.getegid()):
                    os.fchown(descriptor, uid, gid)
                os.fchmod(descriptor, mode)
                file.flush()
                os.fsync(descriptor)
            os.rename(aside, self.name, src_dir_fd=self.folder, dst_dir_fd=self.folder)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(aside, dir_fd=self.folder)
            raise
        self.flush()

    def remove(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self.name, dir_fd=self.folder)
        self.flush()

    def rename_to(self, name: str) -> None:
        """Within the folder."""
        os.rename(self.name, name, src_dir_fd=self.folder, dst_dir_fd=self.folder)
        self.flush()

    @contextmanager
    def opened_folder(self) -> Iterator[int]:
        """The folder of this name: to be given another owner or mode."""
        descriptor = os.open(self.name, _FOLDER, dir_fd=self.folder)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def flush(self) -> None:
        descriptor = os.open(".", _FOLDER, dir_fd=self.folder)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def reached(path: Path, *, through_link: bool = True, make_parents: bool = False) -> Iterator[Place]:
    """Where the path leads. `through_link` False: what is there may be a link, and is meant itself.

    Links are followed that root, or whoever we are, has made; one of another user only to what is that user's. Raises
    OSError: ELOOP, by name, for a link that is not followed."""
    held = [os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)]
    try:
        strangers: set[int] = set()
        names = _names(path.absolute())
        links = 0
        while True:
            name = names.pop(0)
            descriptor = _open_name(held[-1], name, make=make_parents and bool(names))
            if descriptor is None:
                if names:
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
                break  # nothing there yet
            held.append(descriptor)
            seen = os.fstat(descriptor)
            if stat.S_ISLNK(seen.st_mode) and (names or through_link):
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, _("too many links"))
                if seen.st_uid not in (0, os.geteuid()):
                    strangers.add(seen.st_uid)
                held.pop()
                target = os.readlink("", dir_fd=descriptor)
                os.close(descriptor)
                if target.startswith("/"):
                    held.append(os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
                names = _names(Path(target)) + names
            elif not names:
                held.pop()
                os.close(descriptor)
                _refuse_others(strangers, seen)
                break
        _refuse_others(strangers, os.fstat(held[-1]))
        yield Place(held[-1], name)
    finally:
        for descriptor in held:
            os.close(descriptor)


def _names(path: Path) -> list[str]:
    return [name for name in path.parts if name != "/"] or ["."]


def _open_name(folder: int, name: str, *, make: bool) -> int | None:
    """None: nothing there, and it is not to be made."""
    with suppress(FileNotFoundError):
        return os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    if not make:
        return None
    os.mkdir(name, 0o755, dir_fd=folder)
    return os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)


def _refuse_others(strangers: set[int], seen: os.stat_result) -> None:
    for uid in strangers - {seen.st_uid}:
        try:
            user = pwd.getpwuid(uid).pw_name
        except KeyError:
            user = str(uid)
        said = _("a link of the user {user} leads to what is another's: not followed")
        raise OSError(errno.ELOOP, said.format(user=user))
