"""Who runs a command, and that root leaves no files of its own beside a database that is the daemon's user's."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def own_name() -> str:
    """Who runs this command."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


@contextmanager
def acting_as_owner(file: Path | None) -> Iterator[None]:
    """Within, root is who owns the file, or where there is none its folder; everybody else stays who they are."""
    if file is None or os.geteuid() != 0:
        yield
        return
    try:
        owner = (file if file.exists() else file.parent).stat()
    except OSError:
        yield
        return
    group = os.getegid()
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
