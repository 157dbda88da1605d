"""`dialer import`: the numbers of a table become a task's; looked at before, watched after."""

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from gettext import gettext as _
from gettext import ngettext
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from dialer.commands.asking import be_sure, read_json
from dialer.commands.completing import complete_pollings, complete_tasks
from dialer.commands.daemon import CONSOLE_BASE, connected, form_of
from dialer.commands.options import config_option, json_option, settings_of, yes_option
from dialer.commands.screen import console
from dialer.commands.tables import is_terminal, one_line, print_json
from dialer.commands.tasks import OPEN, PAUSED
from dialer.commands.watching import watch_task

TIMEOUT_S = 600.0
"""A list of a million is read and stored in a minute or two."""
SHOWN = 5
Ask = Callable[..., Any]


@click.command("import")
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--task",
    "task_id",
    type=click.IntRange(min=1),
    shell_complete=complete_tasks,
    help="Add to this task; without it a new one is made.",
)
@click.option("--polling", shell_complete=complete_pollings, help="New task: the polling to hold.")
@click.option("--exten", help="New task: the internal number to connect to.")
@click.option("--name", help="New task: its name; the file's by default.")
@click.option("--channels", type=click.IntRange(min=1), help="New task: calls at once; 1 by default.")
@click.option(
    "--fields",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="New task: further fields, as JSON (hours, retries …).",
)
@click.option("--paused", is_flag=True, help="Dial nothing until the task is resumed.")
@click.option("--resume", is_flag=True, help="With --task: go on with it, if it is paused.")
@click.option("--dry-run", is_flag=True, help="Only tell what would become of the numbers.")
@click.option("--again", is_flag=True, help="New task: also when the same import has made one within a day.")
@click.option("--watch", is_flag=True, help="Stay, and show how the calls go on.")
@yes_option
@json_option
@config_option
def import_(  # noqa: PLR0917 - click passes them by name
    file: Path,
    task_id: int | None,
    polling: str | None,
    exten: str | None,
    name: str | None,
    channels: int | None,
    fields: Path | None,
    paused: bool,
    resume: bool,
    dry_run: bool,
    again: bool,
    watch: bool,
    sure: bool,
    as_json: bool,
    config_file: Path,
) -> None:
    """Put the telephone numbers of FILE (CSV, XLSX or XLS) into a task, a new one or --task.

    First it is told what would become of them, then asked whether to go on (--yes: not asked). The other columns become
    parameters for texts, by their titles. Numbers that are in the task already stay as they are.
    """
    if watch and (paused or dry_run):
        raise click.UsageError(_("--watch shows calls: not with --paused or --dry-run"))
    change = _change_of(task_id, paused, resume) if task_id else _new_task(file, polling, exten, name, channels, fields)
    if task_id is not None and (polling or exten or name or channels or fields):
        raise click.UsageError(_("--task: the task has its polling, number and name already"))
    if task_id is None and paused:
        change["state"] = PAUSED
    settings = settings_of(config_file)
    with connected(settings) as ask:
        query = urlencode({"dryRun": 1, **(_polling_of(change) if task_id is None else {"taskId": task_id})})
        report = _upload(ask, f"/upload-xls?{query}", file, _("looking at it"))
        if not as_json or not (sure or dry_run):
            for line in report_lines(report):
                click.echo(line, err=as_json)
        if dry_run:
            if as_json:
                print_json(report)
            return
        count = sum(report[kind]["count"] for kind in ("new", "doubtful", "outsideWindow", "stopped"))
        if not count:
            raise click.ClickException(_("there is no new number in it"))
        be_sure(_question(count, task_id), sure)
        numbers = _upload(ask, "/upload-xls?params=1", file, _("reading it"))
        if task_id is not None and change.get("state") == PAUSED:  # before: no call begins in between
            ask("PUT", f"/tasks/{task_id}", base=CONSOLE_BASE, json=change)
        stored = _store(ask, task_id, change, numbers, again=again)
        if task_id is not None and change and change["state"] != stored["state"]:
            ask("PUT", f"/tasks/{task_id}", base=CONSOLE_BASE, json=change)
            stored["state"] = change["state"]
        count = stored["added"]
        if as_json:
            print_json({"task": stored, "report": report})
        elif stored.get("replayed"):
            said = _("task {id}: made by the same import before, nothing was stored now; --again makes another one")
            click.echo(said.format(id=stored["id"]))
        else:
            said = ngettext("task {id}: {count} number added", "task {id}: {count} numbers added", count)
            click.echo(said.format(id=stored["id"], count=count))
        if watch:
            watch_task(ask, int(stored["id"]))


def _change_of(task_id: int, paused: bool, resume: bool) -> dict[str, Any]:
    if paused and resume:
        raise click.UsageError(_("either --paused or --resume"))
    return {"state": PAUSED} if paused else {"state": OPEN} if resume else {}


def _new_task(  # noqa: PLR0917 - the options, as they are
    file: Path, polling: str | None, exten: str | None, name: str | None, channels: int | None, fields: Path | None
) -> dict[str, Any]:
    """What is said of a task that is to be made."""
    task = {} if fields is None else read_json(fields)
    if polling and exten:
        raise click.UsageError(_("either --polling or --exten"))
    if polling or exten:
        task |= {"innerNum": polling or exten, "innerNumType": "polling" if polling else "exten"}
    if not task.get("innerNum"):
        raise click.UsageError(_("a new task needs --polling or --exten; or name a task by --task"))
    if channels is not None:
        task["maxCountChannels"] = channels
    if name is not None or not task.get("name"):
        task["name"] = file.stem if name is None else name
    return task


def _polling_of(task: Mapping[str, Any]) -> dict[str, str]:
    """Of the query: the polling whose texts say the parameters."""
    return {"polling": str(task["innerNum"])} if task.get("innerNumType") == "polling" else {}


def _question(count: int, task_id: int | None) -> str:
    if task_id is None:
        said = ngettext("Make a task of {count} number?", "Make a task of {count} numbers?", count)
        return said.format(count=count)
    said = ngettext("Add {count} number to task {id}?", "Add {count} numbers to task {id}?", count)
    return said.format(count=count, id=task_id)


def report_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """What would become of the numbers, a line a kind, with its first ones; how they are written; what the columns are
    taken for."""
    kinds = {
        "new": _("new"),
        "duplicate": _("there already, or twice in it"),
        "invalid": _("cells and rows left out"),
        "doubtful": _("of no numbering plan, dialled all the same"),
        "stopped": _("on a stop list, not dialled"),
        "outsideWindow": _("new, not dialled at this hour"),
    }
    for kind, title in kinds.items():
        found = report[kind]
        yield _figure(found["count"], title)
        if kind != "new":
            yield from (f"{'':10}{_place(one)}" for one in found["first"][:SHOWN])
            if found["count"] > SHOWN:
                yield f"{'':10}…"
        if found.get("otherForm"):
            yield _figure(found["otherForm"], _("of these the same number in another form"))
    yield _figure(report["clients"], ngettext("subscriber", "subscribers", report["clients"]))
    yield from _form_lines(report)
    yield from _column_lines(report["columns"])


def _figure(count: int, what: str) -> str:
    return f"{count:>8}  {what}"


def _form_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Only where the routes may meet what the administrator has not thought of."""
    if not report["mixedForms"]:
        return
    if report["e164"]:
        yield _("written in several forms, all dialled in the international one:")
    else:
        yield _("written in several forms, and dialled as they are written: your routes must know each of them")
    for form in report["forms"]:
        written = form["written"] or _("without a code")
        example = _place(form["first"])
        yield _figure(form["count"], f"{written}…  ({example})" if form["written"] else f"{written}  ({example})")


def _column_lines(columns: Mapping[str, Any]) -> Iterator[str]:
    yield _("columns:")
    for one in columns["phones"]:
        yield _column(one, _("telephone numbers"))
    for one in columns["params"]:
        said = _("parameter <{name}>").format(name=one["title"])
        if one["used"] is False:
            said = _("parameter <{name}>, which no text says").format(name=one["title"])
        yield _column(one, f"{said}; " + _("filled for {count}").format(count=one["filled"]), titled=False)
    for one in columns["leftOut"]:
        yield _column(one, _("left out: {reason}").format(reason=one["reason"]), titled=False)
    if columns["missing"]:
        names = ", ".join(f"<{name}>" for name in columns["missing"])
        said = _("no column for {names}: nothing is said there, unless the client's properties have it")
        yield _("Attention: {what}").format(what=one_line(said.format(names=names)))


def _column(one: Mapping[str, Any], said: str, *, titled: bool = True) -> str:
    title = f" ({one['title']})" if titled and one["title"] else ""
    return one_line(f"{one['column']:>8}  {said}{title}")


def _place(one: Mapping[str, Any]) -> str:
    place = _("row {row}").format(row=one["row"])
    if one.get("column"):
        place = _("row {row}, column {column}").format(row=one["row"], column=one["column"])
    said = ": ".join(filter(None, (place, one.get("number"), one.get("reason"))))
    same = one.get("sameAs")
    if same and same["row"] is None:
        said += ", " + _("in the task as {number}").format(number=same["number"])
    elif same:
        said += ", " + _("as row {row}: {number}").format(**same)
    return one_line(said)


def _upload(ask: Ask, path: str, file: Path, what: str) -> Any:
    with _Watched(file) as content, _bar(what, file.stat().st_size) as advance:
        content.on_read = advance
        return ask("POST", path, timeout_s=TIMEOUT_S, data=form_of(content, file.name))


def _store(ask: Ask, task_id: int | None, change: dict[str, Any], numbers: list[Any], *, again: bool) -> dict[str, Any]:
    """Make the task, or add to it; a closed one is opened by that, unless it is said otherwise. The task, with how many
    were `added`. A command that is repeated, because the answer was lost on its way, makes no second task."""
    body = json.dumps({**({} if task_id else change), "numbers": numbers}, ensure_ascii=False).encode()
    with _WatchedBytes(body) as content, _bar(_("sending the list"), len(body)) as advance:
        content.on_read = advance
        if task_id is None:
            headers = {} if again else {"Idempotency-Key": f"import-{hashlib.sha256(body).hexdigest()}"}
            made: dict[str, Any] = ask("POST", "/task", timeout_s=TIMEOUT_S, data=content, headers=headers)
            return {**made, "added": 0 if made.get("replayed") else len(numbers)}
        added = ask("POST", f"/tasks/{task_id}/numbers", base=CONSOLE_BASE, timeout_s=TIMEOUT_S, data=content)
    return {"id": str(task_id), **added}


class _Watched(io.FileIO):
    """A file that tells how much of it was read."""

    on_read: Callable[[int], None] = staticmethod(lambda length: None)

    def read(self, size: int | None = -1, /) -> bytes | None:  # type: ignore[override]
        content = super().read(-1 if size is None else size)
        self.on_read(len(content or b""))
        return content


class _WatchedBytes(io.BytesIO):
    """Likewise, of what is sent from memory."""

    on_read: Callable[[int], None] = staticmethod(lambda length: None)

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        self.on_read(len(content))
        return content


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal; elsewhere nothing."""
    if not is_terminal():
        yield lambda length: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda length: progress.advance(task, length)
