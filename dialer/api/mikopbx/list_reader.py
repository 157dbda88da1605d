"""The numbers of a large body, read from its JSON one by one: nothing is kept of an item but its row."""

import re
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, cast
from zoneinfo import ZoneInfo

from dialer.api.mikopbx.envelope import INVALID_JSON, RefusedError, has_half_pairs, json_decoder, parse_json
from dialer.api.mikopbx.numbers import MAX_NUMBERS, NumberReader, NumbersRead
from dialer.api.mikopbx.plain import as_list
from dialer.store.list_rows import ListedRow, listed_row
from dialer.store.tasks import lifetime_problem

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
