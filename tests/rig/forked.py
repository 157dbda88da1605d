"""The daemon as a fork of a process that has imported all of it: a start costs a tenth of what the command's does.

For tests that start one after another; those that ask what the command does start the command.
"""

import asyncio
import ctypes
import multiprocessing
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from dialer.cli import COMMANDS, main

_PR_SET_PDEATHSIG = 1
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__, COMMANDS["serve"]])


class Forked:
    """As much of asyncio.subprocess.Process as `Dialer` uses."""

    def __init__(self, arguments: Sequence[str], log_file: Path) -> None:
        self._process = _context.Process(target=_run, args=(list(arguments), log_file))
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    async def wait(self) -> int:
        """The exit code; that of a killed process is the signal's, negative."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._process.sentinel, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self._process.sentinel)
        self._process.join()
        assert self._process.exitcode is not None
        return self._process.exitcode


def _run(arguments: list[str], log_file: Path) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    log = os.open(log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(log, stream)
    main(arguments)
