"""`dialer why`: asks the daemon why a task is not being dialled."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from dialer.commands.daemon import ask
from dialer.commands.options import config_option, settings_of


@click.command()
@click.argument("task_id", metavar="TASK", type=click.IntRange(min=1))
@click.option("--phone", help="A number of the task.")
@config_option
def why(task_id: int, phone: str | None, config_file: Path) -> None:
    """Say what keeps TASK, or one of its numbers, from being dialled now, and when that is looked at next."""
    query = "" if phone is None else f"?phone={quote(phone, safe='')}"
    for line in shown(ask(settings_of(config_file), "GET", f"/task/{task_id}/why{query}"), time.time()):
        click.echo(line)


def shown(told: dict[str, Any], now_s: float) -> list[str]:
    """The reply in lines."""
    subject = f"task {told['taskId']}" + (f", {told['phone']}" if told["phone"] else "")
    state = "no call begins now" if told["blocks"] else "dialled"
    next_look = told["nextLook"]
    wait = "" if next_look is None else f"in {max(0.0, next_look - now_s):.1f} s: "
    waiting = "more than 10000" if told["waiting"] > 10_000 else told["waiting"]
    return [
        f"{subject}: {state} [{told['rule']}]: {told['reason']}",
        f"looked at next {wait}{told['nextLookOn']}",
        f"channels in use: {told['channelsInUse']} of {told['maxCountChannels']}; numbers waiting: {waiting}, "
        f"in progress: {told['inProgress']}",
    ]
