"""The numbers of a large body, read from its JSON one by one: nothing is kept of an item but its row.

A list for a new task is gone through twice: first to check it, and to know the rest of the body (`Unread`), then number
by number while those before are stored.
"""

import re
from collections.abc import Callable
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
        """`numbers` that came before do not count. `at`: where in the text these begin, which may be no list."""

    def take(self, item: Any) -> object: ...


class Listed:
    """The numbers of a body, each once, as rows."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self.begin()

    def begin(self, at: int = 0) -> None:
        self._reader = NumberReader(self._zone)
        self.rows: dict[str, ListedRow] = {}
        self.posted = 0
        self.distinct = 0
        self.problem = ""
        self.has_lifetimes = False

    def take(self, item: Any) -> None:
        row = self.row_of(item)
        if row is not None and self.rows.setdefault(row[0], row) is row:
            self.count(row)

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

    def check(self, item: Any) -> None:
        """Only whether something is wrong with it."""
        if _is_plain(item):
            self.posted += 1
        else:
            self.row_of(item)

    def count(self, row: ListedRow) -> None:
        """None before it has its number."""
        self.distinct += 1
        if row[6] is not None:
            self.has_lifetimes = True
            if row[6] <= row[5] and not self.problem:
                self.problem = lifetime_problem(row[1])

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


def _is_plain(item: Any) -> bool:
    """Whether `_plain_row` makes a row of it, in less time."""
    if type(item) is dict:
        phone = item.get("number")
        said = item.get("params")
        if len(item) != (phone is not None) + (said is not None):
            return False
        if said:
            if type(said) is not dict:
                return False
            for value in said.values():
                if type(value) is not str:
                    return False
        item = phone
    return type(item) is str and len(item) <= MAX_DIGITS and item.isdecimal() and item.isascii()


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


class _Checked:
    """Numbers that are only looked at."""

    def __init__(self, listed: Listed) -> None:
        self._listed = listed
        self.at = 0
        self.take = listed.check

    def begin(self, at: int) -> None:
        self.at = at
        self._listed.begin()


class _ReachedError(Exception):
    """The numbers begin."""


class _Before:
    """Nobody wants the numbers."""

    def begin(self, at: int) -> None:
        self.at = at
        raise _ReachedError

    def take(self, item: Any) -> None: ...


class Unread:
    """A body that has been checked, of which nothing is kept but its text and all that is not its numbers."""

    def __init__(self, text: str, at: int, content: dict[str, Any], numbers: NumbersRead) -> None:
        """`at`: where in the text the numbers begin."""
        self._text = text
        self._at = at
        self.content = {**content, "numbers": numbers}

    @classmethod
    def of(cls, body: bytes, listed: Listed, is_new: Callable[[str], bool]) -> "Unread | None":
        """None: it is to be read whole, whatever is in it. `is_new`: whether a task with this `crmId` is to be made;
        asked where that stands before the numbers, and no `id`. For others the whole list is wanted at once."""
        try:
            text = body.decode("utf-8-sig")
            before, at = _before_numbers(text)
            crm_id = before.get("crmId")
            if text[at : at + 1] != "[" or "id" in before or isinstance(crm_id, bool) or has_half_pairs(text):
                return None
            if not isinstance(crm_id, str | int) or not is_new(str(crm_id)):
                return None
            content = read_json(text, checked := _Checked(listed))
        except ValueError:
            return None
        return cls(text, checked.at, content, listed.read()) if content.get("numbers") is LISTED_APART else None

    def keep(self, listed: Listed) -> None:
        """All the rows."""
        _read_items(self._text, self._at, _scanner(), listed)

    def read(self, listed: Listed, take: Callable[[list[ListedRow]], None]) -> None:
        """Give the rows to `take`, a block at a time, each number once; none from the first one on whose lifetime is
        over before it begins."""
        _read_items(self._text, self._at, _scanner(), distinct := _Distinct(listed, take))
        distinct.hand_on()


class _Distinct:
    """Rows handed on as soon as there are enough for a block."""

    def __init__(self, listed: Listed, give: Callable[[list[ListedRow]], None]) -> None:
        self._listed = listed
        self._give = give

    def begin(self, at: int) -> None:
        self._listed.begin()
        self._seen: set[str] = set()
        self._waiting: list[ListedRow] = []

    def take(self, item: Any) -> None:
        row = self._listed.row_of(item)
        if row is None or row[0] in self._seen:
            return
        self._seen.add(row[0])
        self._listed.count(row)
        self._waiting.append(row)
        if len(self._waiting) == ROWS_A_BLOCK:
            self.hand_on()

    def hand_on(self) -> None:
        if self._waiting and not self._listed.problem:
            self._give(self._waiting)
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


def _before_numbers(text: str) -> tuple[dict[str, Any], int]:
    """What stands in the body before its numbers, and where those begin: at its end, where there are none."""
    content: dict[str, Any] = {}
    before, at = _Before(), _space(text, 0)
    try:
        if text[at] == "{":
            _read_object(text, at, content, before)
    except _ReachedError:
        return content, before.at
    except (StopIteration, IndexError, RecursionError):
        pass
    return content, len(text)


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
            if name == "numbers":
                items.begin(at)
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
