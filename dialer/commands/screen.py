"""Rich's console, as our commands use it: what others say is printed as it is, with its brackets and colons."""

from rich.console import Console

from dialer.commands.tables import is_terminal

PIPE_WIDTH = 200
"""Columns where nobody can tell: wide enough that numbers are not cut."""


class _Console(Console):
    """A closed pipe is what it is elsewhere: rich itself makes exit code 1 of it."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console(*, stderr: bool = False, soft_wrap: bool = False) -> Console:
    """Of standard output, or of standard error for what is not the result. Colours on terminals only, and where
    NO_COLOR is not set. `soft_wrap`: lines are the terminal's to wrap."""
    width = None if stderr or soft_wrap or is_terminal() else PIPE_WIDTH
    return _Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=soft_wrap, width=width)
