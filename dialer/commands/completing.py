"""What a shell is offered for ids."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from dialer.commands.daemon import CONSOLE_BASE, ask
from dialer.commands.options import DEFAULT_CONFIG
from dialer.config import ConfigError, Settings, load_settings

PATIENCE_S = 1.0
"""A shell waits for us at every tab."""


def complete_tasks(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of tasks, newest first; none where the daemon does not tell."""
    found = _asked(ctx, "/tasks?limit=100", CONSOLE_BASE)
    given = ctx.params.get("task_ids") or ()
    return [
        CompletionItem(str(task["id"]), help=task["name"])
        for task in found
        if str(task["id"]).startswith(incomplete) and task["id"] not in given
    ]


def complete_pollings(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of pollings, the CRM's own."""
    found = _asked(ctx, "/polling")
    return [
        CompletionItem(str(one["crmId"]), help=one["name"])
        for one in found["results"] if str(one["crmId"]).startswith(incomplete)
    ] if found else []  # fmt: skip


def _asked(ctx: click.Context, path: str, *base: str) -> Any:
    with suppress(click.ClickException, ConfigError):
        settings: Settings = load_settings(Path(ctx.params.get("config_file") or DEFAULT_CONFIG))
        return ask(settings, "GET", path, timeout_s=PATIENCE_S, **({"base": base[0]} if base else {}))
    return []


task_argument = click.argument(
    "task_id", metavar="TASK", type=click.IntRange(min=1), shell_complete=complete_tasks
)  # fmt: skip
task_arguments = click.argument(
    "task_ids",
    metavar="TASK...",
    nargs=-1,
    required=True,
    type=click.IntRange(min=1),
    shell_complete=complete_tasks,
)
polling_argument = click.argument("polling_id", metavar="POLLING", shell_complete=complete_pollings)
