"""FLIST and StopPhoneFileName: files of telephone numbers, a number a line, columns separated by `;`."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from dialer.api.sheets.limits import SheetError
from dialer.api.sheets.separated import decode
from dialer.api.votbox.errors import Code, VotboxError, quoted
from dialer.api.votbox.moscow import MOSCOW
from dialer.model.flow import Voice
from dialer.model.safe import UnsafeValueError, phone_id_of, safe_number
from dialer.speech.prompts import MAX_TEXT_CHARS

MARKER = "{S}"
"""In VOICETEXT: a value from the fields after it."""
MAX_FIELD_LINES = 20
"""Of one quoted field. A quote that is open for longer was never closed."""
MAX_FIELD_CHARACTERS = 10_000
MAX_RING_TIMEOUT_S = 300
MOSCOW_OFFSET_MIN = 180
_SHOWN_CHARACTERS = 200
_BEFORE_VALUES, _AFTER_TEXT = 6, 6
"""Columns up to VOICETEXT, and those after it and its values."""
_PUNCTUATION = str.maketrans("", "", " \t\u00a0\u202f()-\u2010\u2011\u2012\u2013\u2014")
"""How people write numbers; none of it is dialled."""
_CALLER = re.compile(r"(?:\+?7|8)?([0-9]{10})", re.ASCII)
_CLIENT = re.compile(r"[0-9]{1,20}", re.ASCII)
_RING = re.compile(r"[0-9]{1,3}", re.ASCII)
_SHIFT = re.compile(r"[+-]?[0-9]{1,2}(?:\.[0-9]{1,2})?", re.ASCII)
_LEAST_OFFSET_MIN, _MOST_OFFSET_MIN = -12 * 60, 14 * 60
_CLOCK = "([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?"
_YEAR_FIRST = re.compile(rf"([0-9]{{4}})-([0-9]{{1,2}})-([0-9]{{1,2}})(?:[ T]+{_CLOCK})?", re.ASCII)
_DAY_FIRST = re.compile(rf"([0-9]{{1,2}})\.([0-9]{{1,2}})\.([0-9]{{4}})(?:[ T]+{_CLOCK})?", re.ASCII)
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} (?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?", re.ASCII)
"""The usual form, which takes no time to read."""
_YEARS = range(2000, 2101)
_LISTED = re.compile(r'\s*+"?\+?[0-9(][0-9 ()\u00a0-]{6,}+(?:[;"]|\Z)', re.ASCII)
"""A line that could stand in a list by itself."""


class _WrongLineError(ValueError):
    """The text says why, in Russian."""


class BadLine(NamedTuple):
    """A line that nothing was taken of."""

    number: int
    """From 1, as a text editor counts; so are all lines here."""
    text: str
    """Its beginning."""
    reason: str


@dataclass(frozen=True, slots=True)
class ListedLine:
    """One number of FLIST. Texts that are not said are empty."""

    line_number: int
    sent: str
    """The number as it was sent."""
    phone: str
    """The number as it is dialled."""
    descr: str = ""
    not_before: datetime | None = None
    """TIME: UTC, as is `until`."""
    file_id: str = ""
    voice: Voice = Voice.ANY
    text: str = ""
    """VOICETEXT, its markers filled."""
    ring_timeout_s: int | None = None
    until: datetime | None = None
    """DTEND: not dialled from then on."""
    zone: str = MOSCOW.key
    """Of the subscriber's clock: this one, or hours from UTC, "+5.5"."""
    client_id: str = ""
    employee: str = ""
    """CCPHONE, as it is dialled."""
    caller_id: str = ""
    """ANI: 7 and ten digits."""


@dataclass(frozen=True, slots=True)
class PhoneList:
    """What stands in FLIST."""

    lines: list[ListedLine]
    bad: list[BadLine]


class StopLine(NamedTuple):
    """One line of StopPhoneFileName; one of the two is not None."""

    phone: str | None
    """As it is dialled."""
    item_id: str | None


def read_list(content: bytes) -> PhoneList:
    """Raises VotboxError for what is no text. To be called in a thread: 100,000 lines take about a second."""
    found = PhoneList([], [])
    first_lines: dict[str, int] = {}
    """phone_id to the line that has it."""
    for number, text, cells in _rows(_decoded("FLIST", content)):
        try:
            line = _listed(number, _checked(cells))
            first = first_lines.setdefault(phone_id_of(line.phone), number)
            if first != number:
                raise _WrongLineError(f"этот номер уже есть в строке {first}")
        except ValueError as error:
            found.bad.append(BadLine(number, text[:_SHOWN_CHARACTERS], str(error)))
        else:
            found.lines.append(line)
    return found


def read_stop_list(content: bytes) -> tuple[list[StopLine], list[BadLine]]:
    """The lines `PHONE;ITEMID`, either of which may be empty. Raises VotboxError for what is no text."""
    lines: list[StopLine] = []
    bad: list[BadLine] = []
    for number, text, cells in _rows(_decoded("StopPhoneFileName", content)):
        try:
            phone, item_id = _exactly(_checked(cells), 2)
            lines.append(StopLine(_telephone("PHONE", phone) if phone else None, item_id or None))
        except ValueError as error:
            bad.append(BadLine(number, text[:_SHOWN_CHARACTERS], str(error)))
    return lines, bad


def telephone_of(text: str) -> str:
    """A number as it is dialled, without what people write between its digits. Raises UnsafeValueError."""
    return safe_number(text.translate(_PUNCTUATION))


def moment_of(name: str, text: str) -> datetime:
    """A time as the list's TIME has it, of Moscow's clock. Raises ValueError, which names the parameter."""
    return _moment(name, text, timedelta(), whole_day=False)


def _decoded(field: str, content: bytes) -> str:
    try:
        return decode(content)
    except SheetError:
        raise VotboxError(
            Code.WRONG, f"{field}: ожидается текстовый файл CSV в кодировке UTF-8 или Windows-1251"
        ) from None


def _rows(text: str) -> Iterator[tuple[int, str, list[str] | _WrongLineError]]:
    """Number, first line and cells of every row that is not blank; of one that is no row, why."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    place = 0
    while place < len(lines):
        first, line = place, lines[place]
        place += 1
        if '"' not in line:
            cells = line.split(";")
        else:
            some = (f"{one.rstrip()}\n" for one in lines[first : first + MAX_FIELD_LINES])
            reader = csv.reader(some, delimiter=";", skipinitialspace=True, strict=True)
            try:
                cells = next(reader)
            except csv.Error:  # what the quote has swallowed is read by itself
                yield place, line, _WrongLineError("кавычка не закрыта или стоит внутри поля без удвоения")
                continue
            place = first + reader.line_num
            if any(_LISTED.match(one) for one in lines[first + 1 : place]):
                reason = f"незакрытая кавычка: строки {first + 1}–{place} не приняты"
                for number in range(first, place):
                    yield number + 1, lines[number], _WrongLineError(reason)
                continue
        cells = [cell.strip() for cell in cells]
        if any(cells):
            yield first + 1, line, cells


def _checked(cells: list[str] | _WrongLineError) -> list[str]:
    if isinstance(cells, _WrongLineError):
        raise cells
    if len(max(cells, key=len)) > MAX_FIELD_CHARACTERS:
        raise _WrongLineError(f"поле длиннее {MAX_FIELD_CHARACTERS} знаков")
    return cells


def _exactly(cells: list[str], count: int) -> list[str]:
    """So many cells, empty ones added. More must be empty: those that are not mean that columns have slipped."""
    if any(cells[count:]):
        raise _WrongLineError(f"лишнее поле {quoted(next(filter(None, cells[count:])))}: ожидается не более {count}")
    return cells[:count] + [""] * (count - len(cells))


def _listed(number: int, cells: list[str]) -> ListedLine:
    phone = _telephone("номер телефона", cells[0])
    if len(cells) == 1:
        return ListedLine(number, cells[0], phone)
    cells, text = _filled(cells)
    sent, descr, time, file_id, voice, _, ring, end, shift, client, employee, caller = _exactly(
        cells, _BEFORE_VALUES + _AFTER_TEXT
    )
    zone, ahead = _zone_of(shift)
    not_before = _moment("TIME", time, ahead, False) if time else None
    until = _moment("DTEND", end, ahead, True) if end else None
    if not_before and until and until <= not_before:
        raise _WrongLineError("DTEND: время жизни заканчивается не позже TIME")
    return ListedLine(
        number,
        sent,
        phone,
        descr,
        not_before,
        file_id,
        _voice_of(voice),
        text,
        _ring_of(ring) if ring else None,
        until,
        zone,
        _client_of(client) if client else "",
        _telephone("CCPHONE", employee) if employee else "",
        _caller_of(caller) if caller else "",
    )


def _filled(cells: list[str]) -> tuple[list[str], str]:
    """The cells without the values of VOICETEXT's markers, and the text with them."""
    if len(cells) < _BEFORE_VALUES:
        return cells, ""
    parts = cells[_BEFORE_VALUES - 1].split(MARKER)
    markers = len(parts) - 1
    values = cells[_BEFORE_VALUES : _BEFORE_VALUES + markers]
    if len(values) < markers:
        raise _WrongLineError(f"VOICETEXT: маркеров {MARKER} {markers}, а значений после текста {len(values)}")
    text = parts[0] + "".join(value + part for value, part in zip(values, parts[1:], strict=True))
    if len(text) > MAX_TEXT_CHARS:
        raise _WrongLineError(f"VOICETEXT: длиннее {MAX_TEXT_CHARS} знаков")
    return cells[:_BEFORE_VALUES] + cells[_BEFORE_VALUES + markers :], text


def _telephone(column: str, text: str) -> str:
    try:
        return telephone_of(text)
    except UnsafeValueError:
        raise _WrongLineError(
            f"{column}: ожидается от 1 до 32 цифр (допустимы * # и + впереди), получено {quoted(text)}"
        ) from None


def _voice_of(text: str) -> Voice:
    match text:
        case "":
            return Voice.ANY
        case "0":
            return Voice.FEMALE
        case "1":
            return Voice.MALE
    raise _WrongLineError(f"VOICEID: ожидается 0 (женский) или 1 (мужской), получено {quoted(text)}")


def _ring_of(text: str) -> int:
    if not _RING.fullmatch(text) or not 1 <= int(text) <= MAX_RING_TIMEOUT_S:
        raise _WrongLineError(
            f"DIALTIMEOUT: ожидается целое число секунд от 1 до {MAX_RING_TIMEOUT_S}, получено {quoted(text)}"
        )
    return int(text)


def _client_of(text: str) -> str:
    if not _CLIENT.fullmatch(text):
        raise _WrongLineError(f"CLIID: ожидается число не длиннее 20 цифр, получено {quoted(text)}")
    return text


def _caller_of(text: str) -> str:
    found = _CALLER.fullmatch(text.translate(_PUNCTUATION))
    if found is None:
        raise _WrongLineError(f"ANI: ожидается 10 цифр без лидирующей восьмёрки, получено {quoted(text)}")
    return f"7{found[1]}"


@lru_cache(maxsize=256)
def _zone_of(text: str) -> tuple[str, timedelta]:
    """DTDIFF as the zone's name, and how far its clock is ahead of Moscow's."""
    if not text:
        return MOSCOW.key, timedelta()
    said = text.replace(",", ".")
    ahead_min = round(float(said) * 60) if _SHIFT.fullmatch(said) else None
    if ahead_min is None or not _LEAST_OFFSET_MIN <= MOSCOW_OFFSET_MIN + ahead_min <= _MOST_OFFSET_MIN:
        raise _WrongLineError(f"DTDIFF: ожидается сдвиг от Москвы в часах, от -15 до 11, получено {quoted(text)}")
    if not ahead_min:
        return MOSCOW.key, timedelta()
    hours = f"{(MOSCOW_OFFSET_MIN + ahead_min) / 60:+.4f}".rstrip("0").rstrip(".")
    return hours, timedelta(minutes=ahead_min)


@lru_cache(maxsize=1024)
def _moment(column: str, text: str, ahead: timedelta, whole_day: bool) -> datetime:
    """What Moscow's clock shows, as the moment when the subscriber's, which is `ahead`, shows it. A date alone: its
    beginning or, `whole_day`, its end."""
    whole_day = whole_day and ":" not in text
    written = text if _ISO.fullmatch(text) else _iso_of(column, text)
    try:
        shown = datetime.fromisoformat(written)
    except ValueError:
        shown = None
    if shown is None or shown.year not in _YEARS:
        raise _WrongLineError(f"{column}: такой даты нет: {quoted(text)}")
    if whole_day:
        shown += timedelta(days=1)
    return datetime.combine(shown, shown.time(), MOSCOW).astimezone(UTC) - ahead


def _iso_of(column: str, text: str) -> str:
    if found := _YEAR_FIRST.fullmatch(text):
        year, month, day, *clock = found.groups()
    elif found := _DAY_FIRST.fullmatch(text):
        day, month, year, *clock = found.groups()
    else:
        raise _WrongLineError(f"{column}: ожидается дата вида 2011-07-18 14:30:00, получено {quoted(text)}")
    hour, minute, second = (part or "0" for part in clock)
    return f"{year}-{month:0>2}-{day:0>2} {hour:0>2}:{minute:0>2}:{second:0>2}"
