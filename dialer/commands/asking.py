"""What commands ask people, and what they read from files that people name."""

import json
import sys
from gettext import gettext as _
from pathlib import Path
from typing import Any

import click

YES = frozenset({"y", "yes", "д", "да"})
STDIN = Path("-")


def be_sure(question: str, sure: bool) -> None:
    """Return when somebody said yes. Raises click.Abort for anything else, UsageError where nobody can be asked."""
    if sure:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(_("nobody can be asked here: {question} --yes says yes").format(question=question))
    choice = _("[y/N]")
    said = click.prompt(f"{question} {choice}", default="", show_default=False, prompt_suffix=" ", err=True)
    if said.strip().casefold() not in YES:
        raise click.Abort


def read_json(file: Path) -> dict[str, Any]:
    """The object in a JSON file, `-`: standard input. Raises click.BadParameter."""
    try:
        text = sys.stdin.read() if file == STDIN else file.read_text(encoding="utf-8-sig")
        found = json.loads(text)
    except OSError as error:
        raise click.BadParameter(f"{file}: {error.strerror}", param_hint="FILE") from None
    except ValueError as error:
        raise click.BadParameter(
            _("{file} is not JSON: {why}").format(file=file, why=error), param_hint="FILE"
        ) from None
    if not isinstance(found, dict):
        raise click.BadParameter(_("{file}: one JSON object expected").format(file=file), param_hint="FILE")
    return found
