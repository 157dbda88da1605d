"""The process that reads one large body: `python -m dialer.api.mikopbx.list_worker`.

The first line of its standard input is JSON: model, zone, the body's file descriptor. It answers with a frame: what is
wrong with the body, or all of it but the numbers. Then each line asks for the numbers as rows, or for what they change
in a task; the answer is frames up to None, or up to one with TROUBLE.
"""

import asyncio
import gc
import hashlib
import json
import os
import sys
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from dialer.api.mikopbx.bodies import TaskBody, TaskChangeBody
from dialer.api.mikopbx.envelope import RefusedError, validated
from dialer.api.mikopbx.frames import TROUBLE, as_frame
from dialer.api.mikopbx.list_reader import Listed, read_body
from dialer.api.mikopbx.numbers import NumbersRead
from dialer.api.mikopbx.times import ZONE
from dialer.dispatch.comparing import compare, zoned
from dialer.store.database import Store, StoreError
from dialer.store.list_rows import ListedRow, row_blocks

NICENESS = 10
"""Calls go first."""
MODELS = {model.__name__: model for model in (TaskBody, TaskChangeBody)}


class Worker:
    """Serves one body."""

    def __init__(self) -> None:
        self._input, self._output = sys.stdin.buffer, sys.stdout.buffer

    def run(self) -> None:
        order = json.loads(self._input.readline())
        listed = Listed(ZoneInfo(order["zone"]))
        try:
            self._send(((), self._read(order, listed)))
        except RefusedError as error:
            self._send((error.messages, {}))
            return
        while line := self._input.readline():
            asked = json.loads(line)
            rows = zoned(listed.rows, asked["region"])
            try:
                if "task_id" in asked:
                    asyncio.run(self._compare(asked["url"], asked["task_id"], rows))
                else:
                    for block in row_blocks(rows.values(), set()):
                        self._send((block.columns, block.values))
            except StoreError as error:
                self._send({TROUBLE: str(error)})
            else:
                self._send(None)

    def _read(self, order: dict[str, Any], listed: Listed) -> dict[str, Any]:
        with os.fdopen(order["body"], "rb") as file:
            body = file.read()
        content = read_body(body, listed)
        adapter: TypeAdapter[Any] = TypeAdapter(MODELS[order["model"]])
        validated(partial(adapter.validate_python, context={ZONE: ZoneInfo(order["zone"])}), content)
        has_numbers = isinstance(content, dict) and isinstance(content.get("numbers"), NumbersRead)
        return {
            "content": {name: value for name, value in content.items() if name != "numbers" or not has_numbers},
            "digest": hashlib.sha256(body).hexdigest(),
            "has_numbers": has_numbers,
            "posted": listed.posted,
            "repeated": listed.posted - len(listed.rows),
            "has_lifetimes": listed.has_lifetimes,
            "problem": listed.problem,
        }

    async def _compare(self, url: str, task_id: int, rows: dict[str, ListedRow]) -> None:
        store = await Store.open(url, beside_daemon=True)
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
        Worker().run()
    except BrokenPipeError:  # the daemon was killed, whose log this is: nobody is there to be told
        os._exit(0)
