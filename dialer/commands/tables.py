"""Tables of text that go on for ever: the first rows decide how wide the columns are, nothing is cut or wrapped.

Rich's own tables wait for the last row, and need a minute for a hundred thousand.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.cells import cell_len

LOOKED_AT = 200
"""Rows that are read before the first line is written."""
GAP = "  "


def table_lines(
    titles: Sequence[str], rows: Iterable[Sequence[object]], right: frozenset[int], *, bold: bool = False
) -> Iterator[str]:
    """The table line by line, its titles first. `right`: columns whose cells end below each other. `bold`: the titles
    stand out, on a terminal."""
    shown = (["" if cell is None else one_line(str(cell)) for cell in row] for row in rows)
    first = list(islice(shown, LOOKED_AT))
    widths = [max([cell_len(title), *(cell_len(row[place]) for row in first)]) for place, title in enumerate(titles)]
    heading = _line(titles, widths, right)
    yield click.style(heading, bold=True) if bold else heading
    for row in chain(first, shown):
        yield _line(row, widths, right)


def print_table(titles: Sequence[str], rows: Iterable[Sequence[object]], right: Iterable[int] = ()) -> None:
    """Write the table to standard output, as its rows come."""
    for line in table_lines(titles, rows, frozenset(right), bold=has_colours()):
        click.echo(line)


def print_json(value: object) -> None:
    """Write JSON for programs, in one piece."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def json_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """One JSON array, a row a line, as its rows come."""
    waiting: str | None = None
    yield "["
    for row in rows:
        if waiting is not None:
            yield f"{waiting},"
        waiting = json.dumps(row, ensure_ascii=False)
    if waiting is not None:
        yield waiting
    yield "]"


def is_terminal() -> bool:
    """Whether a person looks at standard output, on a terminal that can move its cursor."""
    return sys.stdout.isatty() and os.environ.get("TERM", "") not in {"", "dumb"}


def has_colours() -> bool:
    """Whether standard output may be more than text (no-color.org)."""
    return is_terminal() and not os.environ.get("NO_COLOR")


def shown_time(time_s: float | str | None, zone: str) -> str:
    """A time of the API in the PBX's zone; empty where there is none."""
    moment = _moment(time_s, zone)
    return "" if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S")


def iso_time(time_s: float | str | None, zone: str) -> str:
    """Likewise as ISO 8601 with the zone's offset, for programs."""
    moment = _moment(time_s, zone)
    return "" if moment is None else moment.isoformat(timespec="seconds")


def _moment(time_s: float | str | None, zone: str) -> datetime | None:
    seconds = float(time_s or 0)
    return datetime.fromtimestamp(seconds, UTC).astimezone(ZoneInfo(zone)) if seconds else None


def crm_id_of(one: Mapping[str, Any]) -> str:
    """Of a task or polling; empty where the CRM gave none, then it is ours."""
    return "" if str(one["crmId"]) == str(one["id"]) else str(one["crmId"])


def one_line(text: str) -> str:
    """A text out of a database moves no cursor."""
    return "".join(one if one.isprintable() else " " for one in text)


def _line(cells: Sequence[str], widths: Sequence[int], right: frozenset[int]) -> str:
    padded = []
    for place, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        space = " " * max(0, width - cell_len(cell))
        padded.append(space + cell if place in right else cell + space)
    return GAP.join(padded).rstrip()
