"""Commands as people and scripts run them."""

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from dialer.cli import main
from tests.rig.daemon import Dialer

PROGRAM = str(Path(sys.executable).with_name("dialer"))
OF_LANGUAGE = ("LC_ALL", "LC_MESSAGES", "LANG", "LANGUAGE", "DIALER_LANG")


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


async def run(dialer: Dialer, *arguments: str, stdin: str | None = None, env: dict[str, str] | None = None) -> Ran:
    """A command in this process, with the daemon's settings: starting one takes half a second."""
    given = [*arguments, "--config", str(dialer.config_file)]
    done = await asyncio.to_thread(CliRunner().invoke, main, given, input=stdin, env=env)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Ran(done.exit_code, done.stdout, done.stderr)


async def done(dialer: Dialer, *arguments: str, **more: Any) -> str:
    """What a command prints that must succeed."""
    ran = await run(dialer, *arguments, **more)
    assert ran.code == 0, ran
    return ran.out


def environment(**of_language: str) -> dict[str, str]:
    """Ours, in a language that it does not have itself."""
    return {**{name: value for name, value in os.environ.items() if name not in OF_LANGUAGE}, **of_language}


def program(*arguments: str, **more: Any) -> "subprocess.CompletedProcess[str]":
    """The command as a process of its own."""
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False, **more)
