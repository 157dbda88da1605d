"""Where the data is: what [store] url names."""

from contextlib import suppress
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError


def sqlite_file(url: URL) -> Path | None:
    """None: not of SQLite. Raises ArgumentError for what is no file."""
    if url.get_backend_name() != "sqlite":
        return None
    if not url.database or url.database.startswith((":", "file:")):
        raise ArgumentError("sqlite:///path/of/a/file expected: what is kept in memory only is lost")
    return Path(url.database)


def database_file(url: str) -> Path | None:
    """The SQLite file, the same by whatever name; None for what is none, or no address at all."""
    with suppress(ArgumentError):
        file = sqlite_file(make_url(url))
        return None if file is None else file.resolve()
    return None
