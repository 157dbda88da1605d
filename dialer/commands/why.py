"""`dialer why`: asks the daemon why a task is not being dialled."""

import time
from gettext import gettext as _
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from dialer.commands.completing import task_argument
from dialer.commands.daemon import ask
from dialer.commands.options import config_option, json_option, settings_of
from dialer.commands.tables import print_json


@click.command()
@task_argument
@click.option("--phone", help="A number of the task.")
@json_option
@config_option
def why(task_id: int, phone: str | None, as_json: bool, config_file: Path) -> None:
    """Say what keeps TASK, or one of its numbers, from being dialled now, and when that is looked at next."""
    query = "" if phone is None else f"?phone={quote(phone, safe='')}"
    told = ask(settings_of(config_file), "GET", f"/task/{task_id}/why{query}")
    if as_json:
        print_json(told)
        return
    for line in shown(told, time.time()):
        click.echo(line)


def shown(told: dict[str, Any], now_s: float) -> list[str]:
    """The reply in lines."""
    subject = _("task {id}").format(id=told["taskId"]) + (f", {told['phone']}" if told["phone"] else "")
    state = _("no call begins now") if told["blocks"] else _("dialled")
    next_look = told["nextLook"]
    wait = "" if next_look is None else _("in {seconds} s: ").format(seconds=f"{max(0.0, next_look - now_s):.1f}")
    waiting = _("more than {count}").format(count=10_000) if told["waiting"] > 10_000 else told["waiting"]
    used = _("channels in use: {used} of {most}; numbers waiting: {waiting}, in progress: {calls}")
    return [
        f"{subject}: {state} [{told['rule']}]: {told['reason']}",
        _("looked at next {when}").format(when=f"{wait}{told['nextLookOn']}"),
        used.format(
            used=told["channelsInUse"], most=told["maxCountChannels"], waiting=waiting, calls=told["inProgress"]
        ),
    ]
