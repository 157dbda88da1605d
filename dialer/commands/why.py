"""`dialer why`: asks the daemon why a task is not being dialled."""

import re
import time
from collections.abc import Callable
from gettext import gettext as _
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from dialer.commands.completing import complete_tasks
from dialer.commands.daemon import CONSOLE_BASE, connected
from dialer.commands.exits import REFUSED
from dialer.commands.options import config_option, json_option, settings_of
from dialer.commands.tables import print_json
from dialer.commands.tasks import CLOSED

Ask = Callable[..., Any]
_NUMBER = re.compile(r"[ \u00a0()-]*\+?([0-9*#][ \u00a0()-]*){1,32}", re.ASCII)
_TASK = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
"""Ids of tasks have ten digits at the most for long; so has a telephone number that is written without its code."""


@click.command()
@click.argument("what", metavar="TASK|NUMBER", shell_complete=complete_tasks)
@click.argument("number", metavar="[NUMBER]", required=False)
@click.option("--phone", help="A number of the task.")
@json_option
@config_option
def why(what: str, number: str | None, phone: str | None, as_json: bool, config_file: Path) -> None:
    """Say what keeps TASK, or one of its numbers, from being dialled now, and when that is looked at next.

    Of a NUMBER alone: in the newest task that lists it, of those that are not closed if there are any. Numbers may have
    blanks, brackets and dashes in them.
    """
    if number is not None and phone is not None:
        raise click.UsageError(_("either NUMBER or --phone"))
    phone = number if phone is None else phone
    with connected(settings_of(config_file)) as ask:
        if _TASK.fullmatch(what):
            told = _told_of_task(ask, what, phone)
        elif phone is None and _NUMBER.fullmatch(what):
            told = _told_of_number(ask, what)
        else:
            raise click.UsageError(_("{what}: neither a task's id nor a telephone number").format(what=repr(what)))
    if as_json:
        print_json(told)
        return
    for line in shown(told, time.time()):
        click.echo(line)


def _told_of_task(ask: Ask, task_id: str, phone: str | None) -> Any:
    """Digits that are no task's id may be a telephone number."""
    try:
        return _told(ask, task_id, phone)
    except click.ClickException as refused:
        if phone is not None or refused.exit_code != REFUSED:
            raise
        try:
            return _told_of_number(ask, task_id)
        except _NotListedError:
            raise refused from None


def _told_of_number(ask: Ask, phone: str) -> Any:
    """Of the task that is meant when only a number of it is named."""
    found = ask("GET", f"/tasks?{urlencode({'phone': phone, 'limit': 1000})}", base=CONSOLE_BASE)
    unfinished = [task for task in found if task["state"] != CLOSED]
    if not found:
        raise _NotListedError(_("no task lists {phone}").format(phone=phone))
    return _told(ask, (unfinished or found)[0]["id"], phone)


def _told(ask: Ask, task_id: object, phone: str | None) -> Any:
    return ask("GET", f"/task/{task_id}/why" + ("" if phone is None else f"?{urlencode({'phone': phone})}"))


class _NotListedError(click.ClickException):
    """No task has the number."""


def shown(told: dict[str, Any], now_s: float) -> list[str]:
    """The reply in lines."""
    subject = _("task {id}").format(id=told["taskId"]) + (f", {told['phone']}" if told["phone"] else "")
    reason = told["reason"].removeprefix(f"{told['phone']} ")
    state = _("no call begins now") if told["blocks"] else _("dialled")
    next_look = told["nextLook"]
    wait = "" if next_look is None else _("in {seconds} s: ").format(seconds=f"{max(0.0, next_look - now_s):.1f}")
    waiting = _("more than {count}").format(count=10_000) if told["waiting"] > 10_000 else told["waiting"]
    used = _("channels in use: {used} of {most}; numbers waiting: {waiting}, in progress: {calls}")
    return [
        f"{subject}: {state} [{told['rule']}]: {reason}",
        _("looked at next {when}").format(when=f"{wait}{told['nextLookOn']}"),
        used.format(
            used=told["channelsInUse"], most=told["maxCountChannels"], waiting=waiting, calls=told["inProgress"]
        ),
    ]
