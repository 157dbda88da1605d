"""The `dialer` command."""

from importlib import import_module

import click

_MODULES = {
    "dialer.commands.access": ("apikey", "passwd", "session", "user"),
    "dialer.commands.doctor": ("doctor",),
    "dialer.commands.install": ("install", "uninstall"),
    "dialer.commands.say": ("say",),
    "dialer.commands.serve": ("serve",),
    "dialer.commands.stoplist": ("stoplist",),
    "dialer.commands.webhooks": ("webhooks",),
    "dialer.commands.why": ("why",),
}
COMMANDS = {command: module for module, commands in _MODULES.items() for command in commands}
"""In which module each is, by its own name. Only the one that is asked for is imported: all of them take seconds."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(COMMANDS[cmd_name]), cmd_name)
        return command


@click.group(cls=_Commands)
@click.version_option(package_name="autodialer", prog_name="dialer")
def main() -> None:
    """Auto-dialer daemon for Asterisk."""
