"""`dialer results`: what became of the numbers of a task, row by row as the daemon tells it."""

import csv
import io
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from gettext import gettext as _
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode

import click

from dialer.commands.completing import task_argument
from dialer.commands.daemon import CONSOLE_BASE, connected
from dialer.commands.options import config_option, json_option, settings_of
from dialer.commands.polling import fetch_polling
from dialer.commands.tables import has_colours, iso_time, json_lines, shown_time, table_lines
from dialer.model.outcome import Outcome

PAGE = 1000
Row = Mapping[str, Any]
_COLUMNS = (
    "attemptId", "number", "attemptNumber", "clientId", "state", "result", "cause", "outDialState", "employee",
    "talked_s", "cost", "changeTime", "closeTime", "dueTime", "recording",
)  # fmt: skip
"""Of CSV, by the names that --json has."""
_TIMES = frozenset({"changeTime", "closeTime", "dueTime"})
_NUMBER = re.compile(r"[+-]?[0-9][0-9.,]*", re.ASCII)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@click.command()
@task_argument
@click.option("--since", type=click.FloatRange(min=0), help="Only rows changed since then, Unix seconds.")
@click.option("--state", type=click.Choice(["waiting", "calling", "done"]), help="Only attempts in this state.")
@click.option(
    "--result",
    metavar="RESULT",
    type=click.Choice([one.value for one in Outcome]),
    help="Only attempts with this result, SUCCESS_POLLING, FAIL and so on.",
)
@click.option("--search", default="", help="Only numbers with these digits, or of this client.")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="CSV, a column for each question.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write, whole or not at all; .csv means --csv.",
)
@config_option
def results(  # noqa: PLR0917 - click passes them by name
    task_id: int,
    since: float | None,
    state: str | None,
    result: str | None,
    search: str,
    as_json: bool,
    as_csv: bool,
    out: Path | None,
    config_file: Path,
) -> None:
    """What became of the numbers of TASK: each attempt, with the answers given in it.

    In the order of the numbers' last ten digits. However many there are, they are written as they come.
    """
    if out is not None and not as_json and out.suffix.lower() == ".csv":
        as_csv = True
    if as_json and as_csv:
        raise click.UsageError(_("either --json or --csv"))
    settings = settings_of(config_file)
    query = {"state": state or "", "result": result or "", "search": search, "limit": PAGE}
    with connected(settings) as ask:
        task = ask("GET", f"/tasks/{task_id}", base=CONSOLE_BASE)
        rows = _rows(ask, task_id, query, since or 0.0)
        if as_json:
            lines = json_lines(rows)
        elif as_csv:
            lines = _csv_lines(rows, _questions_of(ask, task), settings.dialing.timezone)
        else:
            lines = _table(rows, settings.dialing.timezone, bold=out is None and has_colours())
        with _opened(out) as file:
            for line in lines:
                file.write(f"{line}\n")


def _rows(ask: Any, task_id: int, query: Mapping[str, Any], since_s: float) -> Iterator[Row]:
    """A page at a time."""
    after: str | None = ""
    while after is not None:
        page = ask("GET", f"/tasks/{task_id}/numbers?{urlencode({**query, 'after': after})}", base=CONSOLE_BASE)
        yield from (row for row in page["rows"] if _changed(row) >= since_s)
        after = page["next"]


def _changed(row: Row) -> float:
    return max([float(row["changeTime"] or 0), *(float(one["changeTime"] or 0) for one in row["answers"])])


def _questions_of(ask: Any, task: Mapping[str, Any]) -> list[str]:
    """The questions of the task's polling, those that it has now."""
    if task["innerNumType"] != "polling":
        return []
    with suppress(click.ClickException):  # deleted: answers then stand together in the last column
        return [one["questionId"] for one in fetch_polling(ask, task["innerNum"])["questions"]]
    return []


def _table(rows: Iterator[Row], zone: str, *, bold: bool) -> Iterator[str]:
    titles = [
        _("Number"), _("Try"), _("Result"), _("Cause"), _("Employee"), _("Talk, s"), _("Finished"), _("Answers")
    ]  # fmt: skip
    cells = (
        (
            row["number"],
            row["attemptNumber"],
            row["result"] or row["state"],
            row["cause"],
            row["employee"],
            row["talked_s"],
            shown_time(row["closeTime"], zone),
            _answers(row["answers"]),
        )
        for row in rows
    )
    return table_lines(titles, cells, frozenset({1, 5}), bold=bold)


def _answers(given: Iterable[Mapping[str, Any]]) -> str:
    return "; ".join(f"{one['questionId']}={one['result']}" for one in given)


def _csv_lines(rows: Iterator[Row], questions: Sequence[str], zone: str) -> Iterator[str]:
    yield _csv_line([*_COLUMNS, *(f"answer:{one}" for one in questions), "otherAnswers"])
    for row in rows:
        given = {one["questionId"]: one["result"] for one in row["answers"]}  # the last one counts
        others = _answers(one for one in row["answers"] if one["questionId"] not in questions)
        cells = (iso_time(row[name], zone) if name in _TIMES else row[name] for name in _COLUMNS)
        yield _csv_line([*cells, *(given.get(one) for one in questions), others])


def _csv_line(cells: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(["" if cell is None else _harmless(str(cell)) for cell in cells])
    return line.getvalue()


def _harmless(text: str) -> str:
    """A cell that a spreadsheet program takes for a text or a number, not for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text


@contextmanager
def _opened(file: Path | None) -> Iterator[IO[str]]:
    """Standard output; or a file that is there only when all of it is written."""
    if file is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    aside = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with aside.open("w", encoding="utf-8", newline="") as opened:
            yield opened
        aside.replace(file)
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from None
    finally:
        aside.unlink(missing_ok=True)
