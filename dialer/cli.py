"""The `dialer` command."""

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from gettext import gettext as _
from importlib import import_module
from keyword import iskeyword
from types import ModuleType
from typing import Any

import click
from click.shell_completion import CompletionItem

from dialer.commands.exits import BROKEN_PIPE, INTERRUPTED
from dialer.commands.language import speak, translated

_MODULES = {
    "dialer.commands.access": ("apikey", "passwd", "session", "user"),
    "dialer.commands.backup": ("backup", "restore"),
    "dialer.commands.completion": ("completion",),
    "dialer.commands.doctor": ("doctor",),
    "dialer.commands.importing": ("import",),
    "dialer.commands.install": ("install", "uninstall"),
    "dialer.commands.polling": ("polling",),
    "dialer.commands.results": ("results",),
    "dialer.commands.say": ("say",),
    "dialer.commands.serve": ("serve",),
    "dialer.commands.stoplist": ("stoplist",),
    "dialer.commands.tasks": ("tasks",),
    "dialer.commands.top": ("top",),
    "dialer.commands.webhooks": ("webhooks",),
    "dialer.commands.why": ("why",),
}
COMMANDS = {command: module for module, commands in _MODULES.items() for command in commands}
"""In which module each is, by its own name. Only the one that is asked for is imported: all of them take seconds."""
_SUMMARIES = """
apikey: Keys for programs.
backup: Write a copy of the database, also while the daemon runs.
completion: Print what makes a shell complete this command.
doctor: Look at everything that calls need, and say how to mend it.
import: Put the numbers of a CSV, XLSX or XLS file into a task.
install: Set the dialer up beside an Asterisk.
passwd: Print the line of [auth] for a password.
polling: Questions that subscribers are asked.
restore: Put a backup in the place of the database.
results: What became of the numbers of a task.
say: Write a text as a subscriber would hear it.
serve: Run the daemon.
session: Logins that are not over.
stoplist: Numbers that may not be dialled.
tasks: Lists of numbers that are dialled.
top: Show live what is dialled, as top does.
uninstall: Take back what install has done.
user: Who may log in to the console.
webhooks: Results on their way to receivers.
why: Say why a task or number is not being dialled.
"""
SUMMARIES = dict(line.split(": ", 1) for line in _SUMMARIES.strip().splitlines())
"""What `dialer --help` says of each, without importing it."""


class _PipeClosedError(Exception):
    """Nobody reads our output. (Of an OSError click itself makes exit code 1.)"""


def _imported(module: str) -> ModuleType:
    """Modules are not looked through for garbage while they come, a tenth of their time, nor ever after."""
    gc.disable()
    try:
        return import_module(module)
    finally:
        gc.freeze()
        gc.enable()


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command: click.Command = getattr(_imported(COMMANDS[cmd_name]), name)
        return translated(command)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise _PipeClosedError from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(_("Commands")):
            formatter.write_dl([(name, self._summary(ctx, name)) for name in self.list_commands(ctx)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        found = [CompletionItem(name, help=self._summary(ctx, name)) for name in names]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """As click's, but Ctrl-C and a closed pipe end as other programs do, see `dialer.commands.exits`."""
        speak()
        translated(self)
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        try:
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
            sys.stdout.flush()
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except click.Abort as abort:
            with suppress(OSError):
                click.echo(_("Aborted!"), err=True)
            sys.exit(INTERRUPTED if isinstance(abort.__cause__, KeyboardInterrupt) else 1)
        except (_PipeClosedError, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
            sys.exit(BROKEN_PIPE)
        sys.exit(code if isinstance(code, int) else 0)

    def _summary(self, ctx: click.Context, name: str) -> str:
        if name in SUMMARIES:
            return _(SUMMARIES[name])
        command = self.get_command(ctx, name)
        return "" if command is None else command.get_short_help_str(100)


@click.group(cls=_Commands)
@click.version_option(package_name="autodialer", prog_name="dialer", message="%(prog)s %(version)s")
def main() -> None:
    """Auto-dialer daemon for Asterisk.

    Exit codes: 0 done; 1 refused; 2 wrong command line; 4 install: edited files were left as they are; 69 no daemon
    answers; 75 not now, try again later; 77 an API key is needed; 78 wrong settings or database; 130 Ctrl-C; 141
    nobody reads the output any more.
    """
