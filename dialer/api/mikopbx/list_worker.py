"""The process that reads one large body: `python -m dialer.api.mikopbx.list_worker`.

The first line of its standard input is JSON: model, zone, the database, the body's file descriptor. It answers with a
frame: what is wrong with the body, or all of it but the numbers. Then each line asks for the numbers as rows, or for
what they change in a task; the answer is frames up to None, or up to one with TROUBLE; one of them has what there is to
know of the list as a whole (COUNTED).

Whether the numbers are right is known before the first answer. Those of what seems to be a new task are read once more
while its rows are sent; only what the numbers of a list say together, twins and lifetimes, is known after that.
"""

import asyncio
import gc
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from dialer.api.mikopbx.bodies import TaskBody, TaskChangeBody
from dialer.api.mikopbx.envelope import RefusedError, validated
from dialer.api.mikopbx.frames import COUNTED, TROUBLE, as_frame
from dialer.api.mikopbx.list_reader import Listed, Unread, read_body
from dialer.api.mikopbx.numbers import NumbersRead
from dialer.api.mikopbx.times import ZONE
from dialer.dispatch.comparing import all_zoned, compare, zoned
from dialer.store.database import Store, StoreError
from dialer.store.list_rows import ListedRow, row_blocks
from dialer.store.tasks import find_task

NICENESS = 10
"""Calls go first."""
MODELS = {model.__name__: model for model in (TaskBody, TaskChangeBody)}


class Worker:
    """Serves one body."""

    def __init__(self, order: Mapping[str, Any], asked: BinaryIO, answers: BinaryIO) -> None:
        self._input, self._output = asked, answers
        self._zone = ZoneInfo(order["zone"])
        self._url: str = order["url"]
        model = MODELS[order["model"]]
        self._makes_tasks = model is TaskBody
        self._adapter: TypeAdapter[Any] = TypeAdapter(model)
        self._listed = Listed(self._zone)
        self._unread: Unread | None = None
        """Else the numbers are listed."""

    def run(self, file: BinaryIO) -> None:
        try:
            self._send(((), self._read(file)))
        except RefusedError as error:
            self._send((error.messages, {}))
            return
        while line := self._input.readline():
            asked = json.loads(line)
            try:
                if "task_id" in asked:
                    self._keep()
                    asyncio.run(self._compare(asked["task_id"], asked["region"]))
                else:
                    self._send_rows(asked["region"])
            except StoreError as error:
                self._send({TROUBLE: str(error)})
            else:
                self._send(None)

    def _read(self, file: BinaryIO) -> dict[str, Any]:
        with file:
            body = file.read()
        with ThreadPoolExecutor(1) as beside:  # hashlib lets others have the interpreter
            digest = beside.submit(lambda: hashlib.sha256(body).hexdigest())
            self._unread = Unread.of(body, self._listed, self._is_new) if self._makes_tasks else None
            content = read_body(body, self._listed) if self._unread is None else self._unread.content
        validated(partial(self._adapter.validate_python, context={ZONE: self._zone}), content)
        has_numbers = isinstance(content, dict) and isinstance(content.get("numbers"), NumbersRead)
        return {
            "content": {name: value for name, value in content.items() if name != "numbers" or not has_numbers},
            "digest": digest.result(),
            "has_numbers": has_numbers,
        }

    def _is_new(self, crm_id: str) -> bool:
        """As far as can be told now."""

        async def look() -> bool:
            store = await Store.open(self._url, beside_daemon=True)
            try:
                return await store.read(partial(find_task, crm_id=crm_id, task_id=None)) is None
            finally:
                await store.close()

        with suppress(StoreError, OSError):
            return asyncio.run(look())
        return False

    def _send_rows(self, region: str | None) -> None:
        clients: set[str | None] = set()

        def send(rows: Iterable[ListedRow]) -> None:
            for block in row_blocks((zoned(row, region) for row in rows), clients):
                self._send((block.columns, block.values))

        if self._unread is None:
            self._send({COUNTED: self._listed.counted()})
            send(self._listed.rows.values())
            return
        self._unread.read(self._listed, send)
        self._send({COUNTED: self._listed.counted()})

    def _keep(self) -> None:
        """All numbers are listed: somebody has made the task meanwhile."""
        if self._unread is not None:
            self._unread.keep(self._listed)
            self._unread = None

    async def _compare(self, task_id: int, region: str | None) -> None:
        self._send({COUNTED: self._listed.counted()})
        rows = all_zoned(self._listed.rows, region)
        store = await Store.open(self._url, beside_daemon=True)
        try:
            difference = await compare(store, task_id, rows)
            self._send((difference.changed_us, difference.has_clients))
        finally:
            await store.close()
        async for part in difference.parts:
            self._send(part)

    def _send(self, value: Any) -> None:
        self._output.write(as_frame(value))
        self._output.flush()


if __name__ == "__main__":
    os.nice(NICENESS)
    gc.disable()  # it would look at a million rows again and again, and find nothing
    try:
        told = json.loads(sys.stdin.buffer.readline())
        Worker(told, sys.stdin.buffer, sys.stdout.buffer).run(os.fdopen(told["body"], "rb"))
    except BrokenPipeError:  # the daemon was killed, whose log this is: nobody is there to be told
        os._exit(0)
