"""Exit codes of all commands, after sysexits(3) where it has one. docs/pages/en/command-line.md tells
them to users."""

from typing import ClassVar

import click

DONE = 0
REFUSED = 1
"""The daemon, or the command itself, refuses: the reason is on standard error."""
USAGE = 2
"""The command line is wrong (click's own)."""
LEFT_EDITED = 4
"""`dialer install`: all is done, but files of ours that somebody has edited were left so: --repair."""
UNAVAILABLE = 69
"""No daemon answers at the address of the settings."""
NOT_NOW = 75
"""It may work later: the daemon is busy or stops, the database is locked or in use, the disk is full."""
NO_PERMISSION = 77
"""The daemon wants an API key, or one with another role."""
EXIT_CONFIG = 78
"""The settings or the database are wrong; starting again will not help."""
INTERRUPTED = 130
"""Ctrl-C."""
BROKEN_PIPE = 141
"""Who read our output has gone (`| head`), as of a program that SIGPIPE ends."""


class UnavailableError(click.ClickException):
    """There is no daemon to ask."""

    exit_code: ClassVar[int] = UNAVAILABLE


class NotNowError(click.ClickException):
    """Later it may work."""

    exit_code: ClassVar[int] = NOT_NOW


class NoPermissionError(click.ClickException):
    """Who asks may not."""

    exit_code: ClassVar[int] = NO_PERMISSION


class WrongSettingsError(click.ClickException):
    """The administrator must act."""

    exit_code: ClassVar[int] = EXIT_CONFIG
