"""Why the daemon does not start."""

from collections.abc import Iterator
from contextlib import contextmanager


class StartError(Exception):
    """The administrator's to mend: the text names the setting and what the operating system said."""


@contextmanager
def naming(setting: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StartError(f"{setting}: {error}") from error
