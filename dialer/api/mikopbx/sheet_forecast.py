"""What the dry run of a table answers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dialer.api.mikopbx.envelope import MAX_MESSAGES
from dialer.api.mikopbx.phone_table import PhoneTable, TableNumber, params_of, title_of
from dialer.api.sheets.limits import Row
from dialer.dispatch.dry_run import Forecast
from dialer.dispatch.numbering import Form

MOST_FORMS = 20


def forecast_json(
    table: PhoneTable, rows: Sequence[Row], found: Forecast, parameters: Sequence[str] | None
) -> dict[str, Any]:
    """The reply's `data`. `parameters`: what the texts name; None: it is not known which texts."""
    at = {one.number: one for one in table.numbers}
    # a table's numbers stand in it once: what repeats something else is in the task
    duplicate: list[tuple[TableNumber, TableNumber | None, str]] = [
        (at[number], None, listed) for number, listed in found.duplicate
    ]
    duplicate += [(one, first, first.number) for one, first in table.repeated]
    duplicate.sort(key=lambda one: (one[0].row, one[0].column))
    doubtful = [{**_placed(at[number]), "reason": reason} for number, reason in found.doubtful[:MAX_MESSAGES]]
    return {
        "new": _counted(found.new, at),
        "duplicate": {
            "count": len(duplicate),
            "otherForm": sum(one.number != listed for one, _, listed in duplicate),
            "first": [_repeated(*one) for one in duplicate[:MAX_MESSAGES]],
        },
        "invalid": table.wrong_cells(),
        "doubtful": {"count": len(found.doubtful), "first": doubtful},
        "stopped": _counted(found.stopped, at),
        "outsideWindow": _counted(found.outside_window, at),
        "clients": len({one.client_id for one in table.numbers}),
        "forms": _forms(found.forms, at),
        "mixedForms": any(count > 1 for count in Counter(form.country for form in found.forms).values()),
        "e164": found.as_e164,
        "columns": _columns(table, rows, parameters),
    }


def _forms(forms: Mapping[Form, Sequence[str]], at: Mapping[str, TableNumber]) -> list[dict[str, Any]]:
    """The most frequent ones first."""
    ordered = sorted(forms.items(), key=lambda one: (-len(one[1]), one[0]))[:MOST_FORMS]
    return [
        {"country": form.country, "written": form.written, "count": len(phones), "first": _placed(at[phones[0]])}
        for form, phones in ordered
    ]


def _columns(table: PhoneTable, rows: Sequence[Row], parameters: Sequence[str] | None) -> dict[str, Any]:
    names, left_out = params_of(table, rows)
    titles = next((row for row in reversed(table.titles) if any(row)), ())
    used = None if parameters is None else set(map(str.casefold, parameters))
    filled = Counter(
        column for one in table.numbers for column, cell in enumerate(rows[one.row - 1]) if cell and column in names
    )
    known = set(map(str.casefold, names.values()))
    return {
        "phones": [{"column": column + 1, "title": title_of(titles, column)} for column in table.columns],
        "params": [
            {
                "column": column + 1,
                "title": name,
                "filled": filled[column],
                "used": None if used is None else name.casefold() in used,
            }
            for column, name in names.items()
        ],
        "leftOut": [{"column": one.column, "title": one.title, "reason": one.reason} for one in left_out],
        "missing": [name for name in parameters or () if name.casefold() not in known],
    }


def _counted(phones: Sequence[str], at: Mapping[str, TableNumber]) -> dict[str, Any]:
    return {"count": len(phones), "first": [_placed(at[one]) for one in phones[:MAX_MESSAGES]]}


def _repeated(one: TableNumber, first: TableNumber | None, listed: str) -> dict[str, Any]:
    """`first` None: it is in the task, as `listed`."""
    return {**_placed(one), "sameAs": {"row": None if first is None else first.row, "number": listed}}


def _placed(one: TableNumber) -> dict[str, Any]:
    return {"row": one.row, "column": one.column, "number": one.number}
