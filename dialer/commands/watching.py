"""How the calls of a task go on, until its last one is over."""

import time
from collections.abc import Callable, Mapping
from gettext import gettext as _
from typing import Any

import click
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from dialer.commands.daemon import CONSOLE_BASE
from dialer.commands.screen import console
from dialer.commands.tables import is_terminal
from dialer.commands.tasks import CLOSED, PAUSED, state_word, successes

LOOK_S = 1.0
LINE_S = 10.0
"""How often a line is written where there is no terminal, at the most."""
Ask = Callable[..., Any]


def watch_task(ask: Ask, task_id: int) -> None:
    """Show the task's progress until it is closed and its calls are over. Ctrl-C ends the watching, not the calls."""
    if is_terminal():
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[said]}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=console()) as progress:
            bar = progress.add_task(_("task {id}").format(id=task_id), total=None, said="")
            _follow(ask, task_id, lambda task: _move(progress, bar, task))
    else:
        _follow(ask, task_id, _Lines())


def _follow(ask: Ask, task_id: int, show: Callable[[Mapping[str, Any]], None]) -> None:
    while True:
        task = ask("GET", f"/tasks/{task_id}", base=CONSOLE_BASE)
        show(task)
        if is_over(task):
            return
        time.sleep(LOOK_S)


def is_over(task: Mapping[str, Any]) -> bool:
    """Whether nothing comes any more, unless somebody opens it again."""
    return bool(task["state"] == CLOSED and not task["inProgress"])


def progress_words(task: Mapping[str, Any]) -> str:
    """How far a task is, in a line."""
    said = _("{done} of {total} done, {good} good, {calls} in progress, {rate} a minute").format(
        done=task["done"],
        total=task["total"],
        good=successes(task),
        calls=task["inProgress"],
        rate=task["perMinute"],
    )
    return f"{said} ({state_word(task['state'])})" if task["state"] == PAUSED else said


def _move(progress: Progress, bar: TaskID, task: Mapping[str, Any]) -> None:
    progress.update(bar, total=task["total"], completed=task["done"], said=progress_words(task))


class _Lines:
    """A line when something has changed, but not for each call."""

    def __init__(self) -> None:
        self._last = ""
        self._next_s = 0.0

    def __call__(self, task: Mapping[str, Any]) -> None:
        said = progress_words(task)
        if said != self._last and (time.monotonic() >= self._next_s or is_over(task)):
            self._last, self._next_s = said, time.monotonic() + LINE_S
            click.echo(said)
