"""Reading an uploaded list without being held by it."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dialer.api.sheets.limits import LIMITS, Limits, Row, SheetError
from dialer.api.sheets.worker import LENGTH_BYTES

log = logging.getLogger(__name__)
_ROOT = str(Path(__file__).parents[3])


class SheetReader:
    """Reads lists, each in a process of its own.

    Not in a thread: a parser amid a hostile file cannot be stopped there, holds the interpreter's lock, and its memory
    is ours. A process can be killed at any instruction and be bounded by the kernel. Starting one costs a third of a
    second. The daemon's environment, with its secrets, does not reach it, and it can write no file.
    """

    def __init__(self, limits: Limits = LIMITS, at_once: int = 1) -> None:
        self._limits = limits
        self._turns = asyncio.Semaphore(at_once)

    async def read(self, content: bytes, name: str) -> list[Row]:
        """The rows of the file of this name, which is used in words only. Raises SheetError; OSError when the machine
        has no process or memory left."""
        try:
            async with asyncio.timeout(self._limits.time_s):
                await self._turns.acquire()
        except TimeoutError:
            raise SheetError(f"{name}: other lists are being read, try again later") from None
        try:
            return await self._read(content)
        except SheetError as error:
            log.info("list %r cannot be read: %s", name[:100], error)
            raise SheetError(f"{name[:100]}: {error}") from None
        finally:
            self._turns.release()

    async def _read(self, content: bytes) -> list[Row]:
        with os.fdopen(os.memfd_create("sheet"), "r+b") as file:
            await asyncio.to_thread(file.write, content)
            file.seek(0)
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "dialer.api.sheets.worker", json.dumps(asdict(self._limits)),
                stdin=file, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
                env={"PYTHONPATH": _ROOT, "OPENPYXL_LXML": "False"}, start_new_session=True,
            )  # fmt: skip
        try:
            async with asyncio.timeout(self._limits.time_s):
                return await _rows_from(process)
        except TimeoutError:
            raise SheetError(f"not read within {self._limits.time_s:g} s") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _rows_from(process: asyncio.subprocess.Process) -> list[Row]:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    rows: list[Row] = []
    try:
        while True:
            length = int.from_bytes(await process.stdout.readexactly(LENGTH_BYTES), "big")
            frame: Any = json.loads(await process.stdout.readexactly(length))
            if isinstance(frame, dict):
                break
            rows.extend(map(tuple, frame))
    except asyncio.IncompleteReadError:
        code = await process.wait()
        raise SheetError(f"after row {len(rows)}: reading it ended the process that read (exit code {code})") from None
    if "error" in frame:
        raise SheetError(frame["error"])
    return rows
