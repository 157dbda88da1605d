"""What commands have in common."""

from pathlib import Path

import click

from dialer.commands.exits import EXIT_CONFIG
from dialer.config import ConfigError, Settings, load_settings

DEFAULT_CONFIG = Path("/etc/autodialer/dialer.toml")
config_option = click.option(
    "--config",
    "config_file",
    default=DEFAULT_CONFIG,
    show_default=True,
    type=click.Path(path_type=Path, readable=False),
    help="TOML settings file.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON, for programs.")
yes_option = click.option("--yes", "-y", "sure", is_flag=True, help="Do not ask.")


def config_words(config_file: Path) -> str:
    """What a command that is advised needs, so that it is about the same settings."""
    return "" if config_file == DEFAULT_CONFIG else f" --config {config_file}"


def settings_of(config_file: Path) -> Settings:
    """The settings; what is wrong with them goes to standard error and ends the command."""
    try:
        return load_settings(config_file)
    except ConfigError as error:
        click.echo(str(error), err=True)
        raise SystemExit(EXIT_CONFIG) from None
