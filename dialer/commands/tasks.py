"""`dialer tasks`: lists of numbers that are dialled."""

from collections.abc import Iterator, Mapping
from gettext import gettext as _
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from dialer.commands.asking import be_sure, read_json
from dialer.commands.completing import task_argument, task_arguments
from dialer.commands.daemon import CONSOLE_BASE, ask
from dialer.commands.options import config_option, json_option, settings_of, yes_option
from dialer.commands.tables import crm_id_of, print_json, print_table, shown_time
from dialer.config import Settings

OPEN, CLOSED, PAUSED = 0, 1, 2
STATES = {"open": OPEN, "closed": CLOSED, "paused": PAUSED}
LARGE_LIST_TIMEOUT_S = 600.0


def state_word(state: int) -> str:
    """A task's state for people."""
    return {OPEN: _("open"), CLOSED: _("closed"), PAUSED: _("paused")}.get(state, str(state))


def target_of(task: Mapping[str, Any]) -> str:
    """Who talks to its subscribers."""
    kinds = {"polling": _("polling"), "exten": _("number"), "script": _("template")}
    return f"{kinds.get(task['innerNumType'], task['innerNumType'])} {task['innerNum']}"


def successes(task: Mapping[str, Any]) -> int:
    """How many of its results are good ones."""
    return sum(times for result, times in task["results"].items() if result.startswith("SUCCESS"))


@click.group()
def tasks() -> None:
    """Lists of numbers that are dialled."""


@tasks.command("list")
@click.option("--state", type=click.Choice(list(STATES)), help="Only those in this state.")
@click.option("--search", default="", help="Only those with this text in name or id.")
@click.option("--limit", type=click.IntRange(1, 1000), default=200, show_default=True, help="How many at the most.")
@json_option
@config_option
def list_tasks(state: str | None, search: str, limit: int, as_json: bool, config_file: Path) -> None:
    """The tasks and how far they are, newest first."""
    settings = settings_of(config_file)
    query = urlencode({"state": "" if state is None else STATES[state], "search": search, "limit": limit})
    found = ask(settings, "GET", f"/tasks?{query}", base=CONSOLE_BASE)
    if as_json:
        print_json(found)
        return
    titles = [
        _("ID"), _("State"), _("To"), _("Lines"), _("Attempts"), _("Waiting"), _("Calls"), _("Done"), _("Good"),
        _("Name"),
    ]  # fmt: skip
    rows = (
        (
            task["id"],
            state_word(task["state"]),
            target_of(task),
            task["maxCountChannels"],
            task["total"],
            task["waiting"],
            task["inProgress"],
            task["done"],
            successes(task),
            task["name"],
        )
        for task in found
    )
    print_table(titles, rows, right=(3, 4, 5, 6, 7, 8))


@tasks.command("show")
@task_argument
@json_option
@config_option
def show_task(task_id: int, as_json: bool, config_file: Path) -> None:
    """How far TASK is, its rules and its results."""
    settings = settings_of(config_file)
    task = ask(settings, "GET", f"/tasks/{task_id}", base=CONSOLE_BASE)
    if as_json:
        print_json(task)
        return
    for line in _shown(task, settings):
        click.echo(line)


def _shown(task: dict[str, Any], settings: Settings) -> Iterator[str]:
    polling = f" ({task['pollingName']})" if task.get("pollingName") else ""
    named = f": {task['name']}" if task["name"] else ""
    yield _("task {id}{named}").format(id=task["id"], named=named)
    facts = {
        _("state"): state_word(task["state"]),
        _("connects to"): target_of(task) + polling,
        _("calls at once"): task["maxCountChannels"],
        _("attempts"): _("{total}: {waiting} waiting, {calls} in progress, {done} done").format(
            total=task["total"], waiting=task["waiting"], calls=task["inProgress"], done=task["done"]
        ),
        _("finished in the last minute"): task["perMinute"],
        _("id of the CRM"): crm_id_of(task),
        _("VotBox account"): task["owner"],
        _("changed"): shown_time(task["changeTime"], settings.dialing.timezone),
    }
    width = max(map(len, facts))
    for title, fact in facts.items():
        if fact != "":
            yield f"  {title:{width}}  {fact}"
    for heading, pairs in ((_("rules"), task.get("rules") or {}), (_("results"), task["results"])):
        if pairs:
            yield f"{heading}:"
            width = max(map(len, pairs))
            yield from (f"  {name:{width}}  {value}" for name, value in pairs.items())


@tasks.command("create")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--paused", is_flag=True, help="Dial nothing until it is resumed.")
@json_option
@config_option
def create_task(file: Path, paused: bool, as_json: bool, config_file: Path) -> None:
    """Create a task from FILE: the JSON that POST /task takes; - is standard input.

    A known crmId updates that task. For tables of numbers there is `dialer import`.
    """
    body = read_json(file)
    if paused:
        body["state"] = PAUSED
    task = ask(settings_of(config_file), "POST", "/task", body, LARGE_LIST_TIMEOUT_S)
    if as_json:
        print_json(task)
        return
    click.echo(_("task {id} is stored").format(id=task["id"]))


@tasks.command("pause")
@task_arguments
@config_option
def pause(task_ids: tuple[int, ...], config_file: Path) -> None:
    """Begin no more calls of each TASK; those in progress go on."""
    _set_state(settings_of(config_file), task_ids, PAUSED)


@tasks.command("resume")
@task_arguments
@config_option
def resume(task_ids: tuple[int, ...], config_file: Path) -> None:
    """Go on dialling each TASK, also one that was stopped."""
    _set_state(settings_of(config_file), task_ids, OPEN)


@tasks.command("stop")
@task_arguments
@config_option
def stop(task_ids: tuple[int, ...], config_file: Path) -> None:
    """Close each TASK: what waits is not dialled, calls in progress go on."""
    _set_state(settings_of(config_file), task_ids, CLOSED)


@tasks.command("delete")
@task_arguments
@yes_option
@config_option
def delete(task_ids: tuple[int, ...], sure: bool, config_file: Path) -> None:
    """Delete each TASK with its numbers, results and answers."""
    settings = settings_of(config_file)
    shown = ", ".join(map(str, task_ids))
    be_sure(_("Delete {tasks} with all results?").format(tasks=shown), sure)
    _for_each(task_ids, lambda task_id: ask(settings, "DELETE", f"/task/{task_id}"), _("task {id}: deleted"))


def _set_state(settings: Settings, task_ids: tuple[int, ...], state: int) -> None:
    def change(task_id: int) -> None:
        ask(settings, "PUT", f"/tasks/{task_id}", {"state": state}, base=CONSOLE_BASE)

    _for_each(task_ids, change, _("task {id}: ") + state_word(state))


def _for_each(task_ids: tuple[int, ...], act: Any, done: str) -> None:
    """Go on after a refusal; the exit code is the first refusal's."""
    refusals: list[click.ClickException] = []
    for task_id in task_ids:
        try:
            act(task_id)
        except click.ClickException as refused:
            refusals.append(refused)
            if len(task_ids) > 1:
                click.echo(_("Error: {message}").format(message=f"{task_id}: {refused.message}"), err=True)
        else:
            click.echo(done.format(id=task_id))
    if refusals and len(task_ids) == 1:
        raise refusals[0]
    if refusals:
        raise SystemExit(refusals[0].exit_code)
