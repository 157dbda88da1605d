"""The catalogue of what commands say: `python -m tests.lint.messages` (`make messages`) brings it up to date.

Messages come from our sources (`_`, `ngettext`, `N_`), from the help of every command, and from click's sources. What
is new stands without a translation in `dialer/locale/ru/LC_MESSAGES/dialer.po`, for people to fill in; what is not said
any more is dropped. Beside it the compiled `.mo` is written, which is what commands read: no build step.
"""

import inspect
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from dialer.cli import COMMANDS, SUMMARIES, main
from dialer.commands.language import CATALOGUES, DOMAIN, takes_plain_value

REPO = Path(__file__).resolve().parents[2]
PO = CATALOGUES / "ru" / "LC_MESSAGES" / f"{DOMAIN}.po"
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None}
UNKNOWN = datetime(2026, 1, 1, tzinfo=UTC)
SOURCES = (*(REPO / "dialer" / name for name in ("commands", "doctor", "install")), Path(click.__file__).parent)
Message = Any
"""A text, or the forms of one that counts."""


def said_by_commands() -> Iterator[Message]:
    """Every message, in no order, some twice."""
    for folder in SOURCES:
        for _file, _line, message, _comments, _context in extract_from_dir(
            folder, [("**.py", "python")], keywords=KEYWORDS
        ):
            yield message
    for file in ("cli.py", "config.py"):
        for _line, message, _comments, _context in extract_from_file("python", REPO / "dialer" / file, KEYWORDS):
            yield message
    yield from SUMMARIES.values()
    for command in (main, *every_command()):
        yield from help_of(command)


def every_command() -> Iterator[click.Command]:
    """Each command and subcommand."""
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        yield command
        if isinstance(command, click.Group):
            yield from command.commands.values()


def help_of(command: click.Command) -> Iterator[str]:
    """What its help shows, and is translated when it is shown."""
    yield from map(inspect.cleandoc, filter(None, (command.help, command.short_help, command.epilog)))
    yield command.options_metavar or ""
    if isinstance(command, click.Group):
        yield command.subcommand_metavar
    for parameter in command.params:
        yield from filter(None, (getattr(parameter, "help", None), parameter.metavar))
        if isinstance(parameter, click.Option) and not parameter.metavar and takes_plain_value(parameter):
            yield parameter.type.name.upper()


def template() -> Catalog:
    """All messages, untranslated."""
    found = Catalog(domain=DOMAIN, charset="utf-8")
    for message in sorted(set(filter(None, said_by_commands())), key=str):
        found.add(message)
    return found


def catalogue() -> Catalog:
    """The Russian one as it is stored."""
    with PO.open("rb") as opened:
        return read_po(opened, locale="ru", domain=DOMAIN)


def compiled(of: Catalog) -> bytes:
    written = io.BytesIO()
    write_mo(written, of)
    return written.getvalue()


def update() -> None:
    """Write the catalogue anew, with the translations that there are."""
    stored = catalogue()
    stored.update(template(), no_fuzzy_matching=True)
    stored.obsolete.clear()
    stored.creation_date = UNKNOWN  # or every run would be a change
    written = io.BytesIO()
    write_po(written, stored, width=110, no_location=True, sort_output=True)
    nobody = (b'"Report-Msgid-Bugs-To:', b'"Last-Translator:', b'"Language-Team:')
    PO.write_bytes(b"".join(line for line in written.getvalue().splitlines(True) if not line.startswith(nobody)))
    PO.with_suffix(".mo").write_bytes(compiled(catalogue()))
    missing = [message.id for message in catalogue() if message.id and not message.string]
    print(f"{PO}: {len(stored)} messages, {len(missing)} without a translation")


if __name__ == "__main__":
    update()
