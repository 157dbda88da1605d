"""/console/v1/tasks/{id}/export: a task's numbers and answers as a table"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import IO, Annotated, Any

from aiohttp import web

from dialer.api.console.export_worker import Order
from dialer.api.console.fields import choice, choice_schema
from dialer.api.endpoint import Answer, Endpoint, Nothing
from dialer.api.mikopbx.envelope import refusal
from dialer.api.mikopbx.replies import Refused
from dialer.api.mikopbx.serving import Call, caller_of
from dialer.api.mikopbx.tasks import TaskPath, known, not_found
from dialer.store.console import fetch_head
from dialer.store.database import Store

AT_ONCE = 2
"""Tables that are being written."""
KEPT_BY_ONE = 4
"""Tables of one caller that are not sent to the end: each is a file on the disk."""
LOOK_S = 0.05
CHUNK_BYTES = 65_536
CSV, XLSX = "text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_ROOT = str(Path(__file__).parents[3])


class ExportQuery(Nothing):
    """What kind of table."""

    format: Annotated[str, choice("csv", "xlsx"), choice_schema("csv", "xlsx")] = ""
    """csv (the default) or xlsx."""
    lang: Annotated[str, choice("ru", "en"), choice_schema("ru", "en")] = ""
    """ru (the default) or en: of the headings; csv has `;` between the cells for ru, `,` for en, as Excel of that
    language expects."""


class Export:
    """Each table is written by a process of its own, which reads the database beside the daemon and ends with the
    request. It writes into a file without a name, as fast as it can, and the file is passed on as fast as the client
    takes it: who reads slowly keeps a file, not one of the AT_ONCE processes."""

    def __init__(self, store: Store, url: str, zone: str) -> None:
        self._store = store
        self._url = url
        self._zone = zone
        self._writing: set[asyncio.Task[int]] = set()
        self._kept: Counter[str] = Counter()
        """Tables by caller that are not sent to the end."""

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        answers = {
            200: Answer("The table: a row an attempt, a column a question", media_type=CSV,
                        others={XLSX: None, "application/json": Refused}),
            503: Answer("Too many tables are written already, or the database cannot be read", Refused),
        }  # fmt: skip
        return (
            Endpoint("GET", "/tasks/{id}/export", self.get, "A task's numbers and answers as a table", answers,
                     path_model=TaskPath, query_model=ExportQuery),
        )  # fmt: skip

    async def get(self, call: Call[TaskPath, ExportQuery, None]) -> web.StreamResponse:
        task_id = known(call.path.id)
        if await self._store.read(lambda connection: fetch_head(connection, task_id)) is None:
            raise not_found(task_id)
        caller = caller_of(call.request)
        if len(self._writing) >= AT_ONCE or self._kept[caller] >= KEPT_BY_ONE:
            reason = f"export: {AT_ONCE} tables are being written already; try again later"
            if self._kept[caller] >= KEPT_BY_ONE:
                reason = f"export: {KEPT_BY_ONE} tables are on their way to you already; try again later"
            return refusal([reason], status=503, headers={"Retry-After": "10"})
        kind = call.query.format or "csv"
        order = Order(self._url, task_id, kind, call.query.lang or "ru", self._zone)
        headers = {"Content-Disposition": f'attachment; filename="task-{task_id}.{kind}"'}
        response = web.StreamResponse(headers=headers)
        response.content_type = CSV if kind == "csv" else XLSX
        if kind == "csv":
            response.charset = "utf-8"
        if call.request.method == "HEAD":
            return response
        self._kept[caller] += 1
        try:
            with tempfile.TemporaryFile(prefix="dialer-export-") as file:
                writing = asyncio.create_task(_write(order, file))
                self._writing.add(writing)
                writing.add_done_callback(self._writing.discard)
                try:
                    return await _send(call.request, response, writing, file.fileno())
                finally:
                    writing.cancel()
                    await asyncio.gather(writing, return_exceptions=True)
        finally:
            self._kept -= Counter([caller])  # without those that have none


async def _write(order: Order, file: IO[bytes]) -> int:
    """Have the table written; returns the process's exit code."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "dialer.api.console.export_worker",
        stdin=asyncio.subprocess.PIPE, stdout=file,
        # of the daemon's environment, which may hold secrets, only where temporary files belong
        env={"PYTHONPATH": _ROOT, "TMPDIR": tempfile.gettempdir()},
        start_new_session=True,
    )  # fmt: skip
    try:
        await process.communicate(json.dumps(asdict(order)).encode() + b"\n")
        return await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _send(
    request: web.Request, response: web.StreamResponse, writing: asyncio.Task[int], file: int
) -> web.StreamResponse:
    """Pass on what is written, while it is written."""
    sent = 0
    while True:
        over = writing.done()  # asked first: what is written at the end is read still
        chunk = await asyncio.to_thread(os.pread, file, CHUNK_BYTES, sent)
        if not chunk and over:
            break
        if not chunk:
            await asyncio.wait([writing], timeout=LOOK_S)
            continue
        if not sent:
            await response.prepare(request)
        sent += len(chunk)
        await response.write(chunk)
    failed = await writing != 0
    if not sent:
        return refusal(["export: the table could not be written, see the daemon's log"], status=503)
    if failed and request.transport is not None:
        request.transport.abort()  # a table that ends early must not look whole
        return response
    await response.write_eof()
    return response
