"""The process that reads one large body: `python -m dialer.api.mikopbx.list_worker`.

The first line of its standard input is JSON: model, zone, the body's file descriptor. It answers with frames: what is
wrong with the body, or all of it but the numbers. Then each line asks for the numbers as rows, or for what they change
in a task.
"""

import asyncio
import gc
import hashlib
import json
import os
import re
import sys
from functools import partial
from itertools import islice
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, cast
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from dialer.api.mikopbx.bodies import TaskBody, TaskChangeBody
from dialer.api.mikopbx.envelope import (
    INVALID_JSON,
    RefusedError,
    has_half_pairs,
    json_decoder,
    parse_json,
    validated,
)
from dialer.api.mikopbx.large_body import as_frame
from dialer.api.mikopbx.numbers import MAX_NUMBERS, NumberReader, NumbersRead
from dialer.api.mikopbx.plain import as_list
from dialer.api.mikopbx.times import ZONE
from dialer.dispatch.numbering import zone_of
from dialer.store.database import Store
from dialer.store.lists import (
    ROWS_A_STATEMENT,
    Comparison,
    ListedRow,
    fetch_stamp,
    fetch_stored_page,
    fetch_stored_range,
    listed_row,
    row_blocks,
)
from dialer.store.results import fetch_span
from dialer.store.tasks import lifetime_problem

NICENESS = 10
"""Calls go first."""
MODELS = {model.__name__: model for model in (TaskBody, TaskChangeBody)}
_SPACE = re.compile(r"[ \t\n\r]*")
MAX_DIGITS = 32
LISTED_APART = object()
"""Stands for numbers whose items have been taken."""


class Listed:
    """The numbers of a body, each once, as rows."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._reader = NumberReader(zone)
        self.begin()

    def begin(self) -> None:
        self.rows: dict[str, ListedRow] = {}
        self.posted = 0
        self.problem = ""
        self.has_lifetimes = False

    def take(self, item: Any) -> None:
        self.posted += 1
        if self.posted > MAX_NUMBERS or self._reader.is_full:
            return
        row = _plain_row(item)
        if row is None:
            number = self._reader.read(item, self.posted - 1)
            if number is None:
                return
            row = listed_row(number)
        if self.rows.setdefault(row[0], row) is row and row[6] is not None:
            self.has_lifetimes = True
            if row[6] <= row[5] and not self.problem:
                self.problem = lifetime_problem(row[1])

    def read(self) -> NumbersRead:
        """What stands for them where the rest is checked."""
        return NumbersRead(self.posted, self._reader.told())


def _plain_row(item: Any) -> ListedRow | None:
    """Of a number as most are; None: `NumberReader` is to say what it is."""
    params = None
    if type(item) is dict:
        phone, said = item.get("number"), item.get("params")
        if len(item) != (phone is not None) + (said is not None):
            return None
        if said:
            if type(said) is not dict:
                return None
            texts = []
            for name, value in said.items():
                if type(value) is not str:
                    return None
                texts.append(f"{quoted(name)}: {quoted(value)}")
            params = f"{{{', '.join(texts)}}}"
        item = phone
    if type(item) is not str or len(item) > MAX_DIGITS or not item.isdecimal() or not item.isascii():
        return None
    return item[-10:], item, params, None, "", 0, None, None, None


def read_json(text: str, listed: Listed) -> Any:
    """The value of a text, the items of its `numbers` given to `listed` one by one. Raises ValueError."""
    scan = cast("Any", json_decoder()).scan_once  # as json.JSONDecoder.raw_decode calls it
    try:
        at = _space(text, 0)
        if text[at] == "{":
            content, at = _read_object(text, at, scan, listed)
        else:
            content, at = scan(text, at)
    except (StopIteration, IndexError, RecursionError):
        raise ValueError(INVALID_JSON) from None
    if _space(text, at) != len(text):
        raise ValueError(INVALID_JSON)
    return content


def _read_object(text: str, at: int, scan: Any, listed: Listed) -> tuple[dict[str, Any], int]:
    content: dict[str, Any] = {}
    at = _space(text, at + 1)
    if text[at] == "}":
        return content, at + 1
    while True:
        if text[at] != '"':
            raise ValueError(INVALID_JSON)
        name, at = scan(text, at)
        at = _space(text, at)
        if text[at] != ":":
            raise ValueError(INVALID_JSON)
        at = _space(text, at + 1)
        if name == "numbers" and text[at] == "[":
            at = _read_items(text, at, scan, listed)
            content[name] = LISTED_APART
        else:
            content[name], at = scan(text, at)
        at = _space(text, at)
        if text[at] == "}":
            return content, at + 1
        if text[at] != ",":
            raise ValueError(INVALID_JSON)
        at = _space(text, at + 1)


def _read_items(text: str, at: int, scan: Any, listed: Listed) -> int:
    """A list of a million: nothing is kept of an item but its row."""
    listed.begin()
    take = listed.take
    at = _space(text, at + 1)
    if text[at] == "]":
        return at + 1
    while True:
        item, at = scan(text, at)
        take(item)
        if text[at] not in ",]":
            at = _space(text, at)
        end = text[at]
        at += 1
        if end == "]":
            return at
        if end != ",":
            raise ValueError(INVALID_JSON)
        if text[at] in " \t\n\r":
            at = _space(text, at)


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def read_body(body: bytes, listed: Listed) -> Any:
    """The body's JSON, `NumbersRead` in place of its numbers. Raises RefusedError."""
    try:
        text = body.decode("utf-8-sig")
        content = parse_json(body) if has_half_pairs(text) else read_json(text, listed)
    except ValueError:
        raise RefusedError(INVALID_JSON) from None
    if not isinstance(content, dict) or content.get("numbers") is None:
        return content
    if content["numbers"] is not LISTED_APART:
        items = as_list(content["numbers"])
        if not isinstance(items, list | tuple):
            return content
        listed.begin()
        for item in items:
            listed.take(item)
    return {**content, "numbers": listed.read()}


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
            if "task_id" in asked:
                asyncio.run(self._compare(asked["url"], asked["task_id"], rows))
            else:
                for block in row_blocks(rows.values(), set()):
                    self._send((block.columns, block.values))
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
        self._send((changed_us, found.has_rows, found.dropped, len(new), bool(found.busy_clients - {None})))
        changed = iter(found.changed)
        while some := list(islice(changed, ROWS_A_STATEMENT)):
            self._send(some)
        self._send(None)
        for block in row_blocks(new, found.busy_clients):
            self._send((block.columns, block.values))
        self._send(None)

    def _send(self, value: Any) -> None:
        self._output.write(as_frame(value))
        self._output.flush()


def _zoned(rows: dict[str, ListedRow], region: str | None) -> dict[str, ListedRow]:
    if region is None:
        return rows
    return {one: row if row[4] else (*row[:4], zone_of(row[1], region), *row[5:]) for one, row in rows.items()}


if __name__ == "__main__":
    os.nice(NICENESS)
    gc.disable()  # it would look at a million rows again and again, and find nothing
    Worker().run()
