"""`dialer serve`: the daemon."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import click

from dialer import logs
from dialer.app import serve as serve_daemon
from dialer.commands.exits import EXIT_CONFIG, NOT_NOW
from dialer.commands.options import config_option, settings_of
from dialer.compose.starting import StartError
from dialer.config import ConfigError, Settings
from dialer.store.errors import DatabaseRefusedError, StoreError

log = logging.getLogger(__name__)


@click.command()
@config_option
@click.option(
    "--log-level",
    type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"]),
    help="Instead of [log] level of the settings.",
)
def serve(config_file: Path, log_level: str | None) -> None:
    """Run the daemon in the foreground until SIGTERM, which drains it.

    Exit codes: 0 drained; 78 wrong settings, or a database that is damaged, newer or not ours; 75 a database that is
    locked or another daemon's, a full disk; 1 anything else.
    """
    settings = settings_of(config_file)
    logs.set_up(settings.log.format, log_level or settings.log.level)
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(serve_daemon(settings))
    except (ConfigError, DatabaseRefusedError) as error:
        _tell(settings, str(error))
        raise SystemExit(EXIT_CONFIG) from None
    except StoreError as error:
        _tell(settings, f"Error: {error}")
        raise SystemExit(NOT_NOW) from None
    except StartError as error:
        _tell(settings, f"Error: {error}")
        raise SystemExit(1) from None


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed (the extra `fast`): a call costs a fifth less; None: asyncio's own."""
    try:
        import uvloop  # noqa: PLC0415 - need not be there
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _tell(settings: Settings, problem: str) -> None:
    """To whoever starts us by hand without ornament, to programs as a line like the others."""
    if settings.log.format == "json":
        log.critical("%s", problem)
    else:
        click.echo(problem, err=True)
