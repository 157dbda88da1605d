"""`dialer serve`: the daemon."""

import asyncio
import logging
from pathlib import Path

import click

from dialer.app import StartError
from dialer.app import serve as serve_daemon
from dialer.commands.exits import EXIT_CONFIG, NotNowError
from dialer.commands.options import config_option
from dialer.config import ConfigError, load_settings
from dialer.store.errors import DatabaseRefusedError, StoreError


@click.command()
@config_option
@click.option(
    "--log-level",
    default="INFO",
    show_default=True,
    type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"]),
    help="What is logged at the least.",
)
def serve(config_file: Path, log_level: str) -> None:
    """Run the daemon in the foreground until SIGTERM, which drains it.

    Exit codes: 0 drained; 78 wrong settings, or a database that is damaged, newer or not ours; 75 a database that is
    locked or another daemon's, a full disk; 1 anything else.
    """
    logging.basicConfig(level=log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)
    try:
        settings = load_settings(config_file)
        asyncio.run(serve_daemon(settings))
    except (ConfigError, DatabaseRefusedError) as error:
        click.echo(str(error), err=True)
        raise SystemExit(EXIT_CONFIG) from None
    except StoreError as error:
        raise NotNowError(str(error)) from None
    except StartError as error:
        raise click.ClickException(str(error)) from None
