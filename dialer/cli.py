"""The `dialer` command."""

from importlib import import_module

import click

COMMANDS = {
    "apikey": "dialer.commands.access",
    "passwd": "dialer.commands.access",
    "say": "dialer.commands.say",
    "serve": "dialer.commands.serve",
    "session": "dialer.commands.access",
    "webhooks": "dialer.commands.webhooks",
    "why": "dialer.commands.why",
}
"""In which module each is, by the same name. Only the one that is asked for is imported: all of them take seconds."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(COMMANDS[cmd_name]), cmd_name)
        return command


@click.group(cls=_Commands)
@click.version_option(package_name="autodialer", prog_name="dialer")
def main() -> None:
    """Auto-dialer daemon for Asterisk."""
