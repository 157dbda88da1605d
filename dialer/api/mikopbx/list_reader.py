"""The numbers of a large body, read from its JSON one by one: nothing is kept of an item but its row.

A list for a new task is gone through twice: first only to know the rest of the body (`Unread`), then number by number
while those before are stored.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, Protocol, cast
from zoneinfo import ZoneInfo

from dialer.api.mikopbx.envelope import INVALID_JSON, RefusedError, has_half_pairs, json_decoder, parse_json
from dialer.api.mikopbx.numbers import MAX_NUMBERS, NumberReader, NumbersRead
from dialer.api.mikopbx.plain import as_list
from dialer.store.list_rows import ROWS_A_BLOCK, ListedRow, listed_row
from dialer.store.tasks import lifetime_problem

_SPACE = re.compile(r"[ \t\n\r]*")
MAX_DIGITS = 32
LISTED_APART = object()
"""Stands for numbers whose items have been taken."""


class Items(Protocol):
    """Who is given the items of a body's `numbers`."""

    def begin(self, at: int) -> None:
        """`numbers` that came before do not count. `at`: where in the text these begin."""

    def take(self, item: Any) -> object: ...


class Listed:
    """The numbers of a body, each once, as rows."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._reader = NumberReader(zone)
        self.begin()

    def begin(self, at: int = 0) -> None:
        self.rows: dict[str, ListedRow] = {}
        self.posted = 0
        self.distinct = 0
        self.problem = ""
        self.has_lifetimes = False

    def take(self, item: Any) -> None:
        row = self.row_of(item)
        if row is not None and self.rows.setdefault(row[0], row) is row:
            self.has(row)

    def row_of(self, item: Any) -> ListedRow | None:
        """None: it is told to be wrong, or too much is for this one to be looked at."""
        self.posted += 1
        if self.posted > MAX_NUMBERS or self._reader.is_full:
            return None
        row = _plain_row(item)
        if row is None:
            number = self._reader.read(item, self.posted - 1)
            row = None if number is None else listed_row(number)
        return row

    def has(self, row: ListedRow) -> None:
        """This one counts: none before it has its number."""
        self.distinct += 1
        if row[6] is not None:
            self.has_lifetimes = True
            if row[6] <= row[5] and not self.problem:
                self.problem = lifetime_problem(row[1])

    @property
    def is_wrong(self) -> bool:
        return bool(self.problem or self._reader.told())

    def counted(self) -> dict[str, Any]:
        """What is known of the list once it has been read."""
        return {
            "posted": self.posted,
            "repeated": self.posted - self.distinct,
            "has_lifetimes": self.has_lifetimes,
            "problem": self.problem,
        }

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


class _Passed:
    """Numbers that are only gone through."""

    def __init__(self) -> None:
        self.begin(0)

    def begin(self, at: int) -> None:
        self.at = at
        self.count = 0

    def take(self, item: Any) -> None:
        self.count += 1


class _ReachedError(Exception):
    """The numbers begin."""


class _Before:
    """Nobody wants the numbers."""

    def begin(self, at: int) -> None:
        raise _ReachedError

    def take(self, item: Any) -> None: ...


class Unread:
    """A body of which all but the numbers has been read."""

    def __init__(self, text: str, content: dict[str, Any], passed: _Passed) -> None:
        self._text = text
        self._at = passed.at
        self._content = content
        self.posted = passed.count

    @classmethod
    def of(cls, body: bytes, is_new: Callable[[str], bool]) -> "Unread | None":
        """None: it is to be read whole, whatever is in it. `is_new`: whether the CRM's id, if it stands before the
        numbers, is that of a task that is to be made; for others the whole list is wanted at once."""
        try:
            text = body.decode("utf-8-sig")
            if has_half_pairs(text):
                return None
            crm_id = _before_numbers(text).get("crmId")
            if isinstance(crm_id, bool) or not isinstance(crm_id, str | int) or not is_new(str(crm_id)):
                return None
            content = read_json(text, passed := _Passed())
        except ValueError:
            return None
        is_list = isinstance(content, dict) and content.get("numbers") is LISTED_APART
        return cls(text, content, passed) if is_list else None

    def content_with(self, numbers: NumbersRead) -> dict[str, Any]:
        return {**self._content, "numbers": numbers}

    def keep(self, listed: Listed) -> None:
        """All the rows."""
        _read_items(self._text, self._at, _scanner(), listed)

    def read(self, listed: Listed, take: Callable[[list[ListedRow]], None]) -> None:
        """Give the rows to `take`, a block at a time, each number once, until something is wrong with one."""
        _read_items(self._text, self._at, _scanner(), distinct := _Distinct(listed, take))
        distinct.end()


class _Distinct:
    """Rows handed on as soon as there are enough for a block."""

    def __init__(self, listed: Listed, take: Callable[[list[ListedRow]], None]) -> None:
        self._listed = listed
        self._take = take

    def begin(self, at: int) -> None:
        self._listed.begin()
        self._seen: set[str] = set()
        self._waiting: list[ListedRow] = []

    def take(self, item: Any) -> None:
        row = self._listed.row_of(item)
        if row is None or row[0] in self._seen:
            return
        self._seen.add(row[0])
        self._listed.has(row)
        self._waiting.append(row)
        if len(self._waiting) == ROWS_A_BLOCK:
            self.end()

    def end(self) -> None:
        if self._waiting and not self._listed.is_wrong:
            self._take(self._waiting)
        self._waiting = []


def read_json(text: str, items: Items) -> Any:
    """The value of a text, what its `numbers` has given to `items` one by one. Raises ValueError."""
    try:
        at = _space(text, 0)
        if text[at] == "{":
            content: Any = {}
            at = _read_object(text, at, content, items)
        else:
            content, at = _scanner()(text, at)
    except (StopIteration, IndexError, RecursionError):
        raise ValueError(INVALID_JSON) from None
    if _space(text, at) != len(text):
        raise ValueError(INVALID_JSON)
    return content


def _before_numbers(text: str) -> dict[str, Any]:
    """What stands in the body before its numbers."""
    content: dict[str, Any] = {}
    at = _space(text, 0)
    with suppress(_ReachedError, StopIteration, IndexError, RecursionError):
        if text[at] == "{":
            _read_object(text, at, content, _Before())
    return content


def _scanner() -> Any:
    return cast("Any", json_decoder()).scan_once  # as json.JSONDecoder.raw_decode calls it


def _read_object(text: str, at: int, content: dict[str, Any], items: Items) -> int:
    """Into `content`; where the object ends."""
    scan = _scanner()
    at = _space(text, at + 1)
    if text[at] == "}":
        return at + 1
    while True:
        if text[at] != '"':
            raise ValueError(INVALID_JSON)
        name, at = scan(text, at)
        at = _space(text, at)
        if text[at] != ":":
            raise ValueError(INVALID_JSON)
        at = _space(text, at + 1)
        if name == "numbers" and text[at] == "[":
            at = _read_items(text, at, scan, items)
            content[name] = LISTED_APART
        else:
            content[name], at = scan(text, at)
        at = _space(text, at)
        if text[at] == "}":
            return at + 1
        if text[at] != ",":
            raise ValueError(INVALID_JSON)
        at = _space(text, at + 1)


def _read_items(text: str, at: int, scan: Any, items: Items) -> int:
    """The list that begins there; where it ends."""
    items.begin(at)
    take = items.take
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
