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
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from dialer.api.mikopbx.bodies import TaskBody, TaskChangeBody
from dialer.api.mikopbx.envelope import RefusedError, validated
from dialer.api.mikopbx.frames import TROUBLE, as_frame
from dialer.api.mikopbx.list_reader import Listed, read_body
from dialer.api.mikopbx.numbers import NumbersRead
from dialer.api.mikopbx.times import ZONE
from dialer.dispatch.numbering import zone_of
from dialer.store.database import Store, StoreError
from dialer.store.joining import changed_part, dropped_part, new_part
from dialer.store.list_rows import ROWS_A_BLOCK, ListedRow, row_blocks
from dialer.store.lists import Comparison, fetch_stamp, fetch_stored_page, fetch_stored_range
from dialer.store.results import fetch_span

T = TypeVar("T")
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
            rows = _zoned(listed.rows, asked["region"])
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
            changed_us = await store.read(partial(fetch_stamp, task_id=task_id))
            found = Comparison(rows)
            span = await store.read(partial(fetch_span, task_id=task_id))
            next_id, after = span.first_id, None
            while page := await store.read(
                partial(fetch_stored_range, task_id=task_id, first_id=next_id, last_id=span.last_id)
                if span.is_dense
                else partial(fetch_stored_page, task_id=task_id, after=after)
            ):
                found.take(page)
                next_id, after = page[-1].id + 1, (page[-1].phone_id, page[-1].attempt_number)
        finally:
            await store.close()
        new = found.new()
        self._send((changed_us, bool(found.busy_clients - {None}) or any(row[3] is not None for row in new)))
        for phone_ids in _blocks(found.dropped):
            self._send(dropped_part(phone_ids))
        for changed in _blocks(found.changed):
            self._send(changed_part(changed))
        for block in row_blocks(new, found.busy_clients):
            self._send(new_part(block))

    def _send(self, value: Any) -> None:
        self._output.write(as_frame(value))
        self._output.flush()


def _blocks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), ROWS_A_BLOCK):
        yield values[start : start + ROWS_A_BLOCK]


def _zoned(rows: dict[str, ListedRow], region: str | None) -> dict[str, ListedRow]:
    if region is None:
        return rows
    return {one: row if row[4] else (*row[:4], zone_of(row[1], region), *row[5:]) for one, row in rows.items()}


if __name__ == "__main__":
    os.nice(NICENESS)
    gc.disable()  # it would look at a million rows again and again, and find nothing
    Worker().run()
