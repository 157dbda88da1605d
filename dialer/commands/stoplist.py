"""`dialer stoplist`: numbers that may not be dialled."""

import re
from collections.abc import Callable, Iterator
from gettext import gettext as _
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from dialer.commands.daemon import ask, connected, send_file
from dialer.commands.options import config_option, json_option, settings_of
from dialer.commands.tables import json_lines, print_json

PAGE = 1000
IMPORT_TIMEOUT_S = 600.0
_PUNCTUATION = re.compile(r"[ ()\-\u00a0]")
_task_option = click.option("--task", "task_id", type=click.IntRange(min=1), help="That of a task, not of all tasks.")
_reason_option = click.option("--reason", default="", help="For people.")


@click.group()
def stoplist() -> None:
    """Numbers that no task may dial, or one task may not."""


@stoplist.command("list")
@_task_option
@json_option
@config_option
def list_numbers(task_id: int | None, as_json: bool, config_file: Path) -> None:
    """The numbers, one a line: number, since when (Unix seconds), reason."""
    with connected(settings_of(config_file)) as asked:
        rows = _stopped(asked, task_id)
        lines = json_lines(rows) if as_json else (_line(one) for one in rows)
        for line in lines:
            click.echo(line)


def _stopped(asked: Callable[..., Any], task_id: int | None) -> Iterator[dict[str, Any]]:
    """A page at a time."""
    offset = "0"
    while True:
        found = asked("GET", f"/stop-list?limit={PAGE}&offset={offset}{_of(task_id)}")["results"]
        yield from found
        if len(found) < PAGE:
            return
        offset = found[-1]["id"]


def _line(one: dict[str, Any]) -> str:
    return f"{one['phone']}  {one['created']}  {one['reason']}".rstrip()


@stoplist.command("add")
@click.argument("numbers", metavar="NUMBER...", nargs=-1, required=True)
@_task_option
@_reason_option
@config_option
def add_numbers(numbers: tuple[str, ...], task_id: int | None, reason: str, config_file: Path) -> None:
    """Put numbers on the list: what waits of them ends at once, a call in progress is the last."""
    body: dict[str, Any] = {"numbers": list(numbers), "reason": reason, "taskId": task_id}
    _tell_added(ask(settings_of(config_file), "POST", "/stop-list", body))


@stoplist.command("import")
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_task_option
@_reason_option
@config_option
def import_file(file: Path, task_id: int | None, reason: str, config_file: Path) -> None:
    """Put the numbers of a CSV, XLSX or XLS file on the list, each with the reason of its row, if there is one."""
    path = f"/stop-list-upload?reason={quote(reason)}{_of(task_id)}"
    added, messages = send_file(settings_of(config_file), path, file, IMPORT_TIMEOUT_S)
    for message in messages:
        click.echo(message, err=True)
    _tell_added(added)


@stoplist.command("remove")
@click.argument("numbers", metavar="NUMBER...", nargs=-1, required=True)
@_task_option
@config_option
def remove_numbers(numbers: tuple[str, ...], task_id: int | None, config_file: Path) -> None:
    """Take numbers off the list; what has ended stays so. Exit code 1: not all were on it."""
    settings, refusals = settings_of(config_file), []
    for number in numbers:
        try:
            ask(settings, "DELETE", f"/stop-list/{_path_of(number)}?{_of(task_id)[1:]}")
        except click.ClickException as refused:
            refusals.append(refused.message)
    click.echo(_("{count} removed").format(count=len(numbers) - len(refusals)))
    if refusals:
        raise click.ClickException("\n".join(dict.fromkeys(refusals)))


@stoplist.command("check")
@click.argument("number", metavar="NUMBER")
@json_option
@config_option
def check_number(number: str, as_json: bool, config_file: Path) -> None:
    """Which lists a number is on; exit code 1: on none."""
    found = ask(settings_of(config_file), "GET", f"/stop-list/{_path_of(number)}")["results"]
    if as_json:
        print_json(found)
    else:
        for one in found:
            of = _("task {id}").format(id=one["taskId"]) if one["taskId"] else _("all tasks")
            click.echo(f"{one['phone']}  {of}  {one['reason']}".rstrip())
    if not found:
        raise click.ClickException(_("{number} is on no stop list").format(number=number))


def _tell_added(added: dict[str, Any]) -> None:
    invalid = added.get("invalid", {"count": 0})["count"]
    left_out = _(", cells or rows left out: {count}").format(count=invalid) if invalid else ""
    said = _("{added} added, {known} on it before").format(added=added["added"], known=added["known"])
    click.echo(f"{said}{left_out}")


def _of(task_id: int | None) -> str:
    return "" if task_id is None else f"&taskId={task_id}"


def _path_of(number: str) -> str:
    return quote(_PUNCTUATION.sub("", number), safe="")
