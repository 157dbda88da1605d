"""`dialer polling`: questions that subscribers are asked."""

from collections.abc import Callable, Mapping
from gettext import gettext as _
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
from rich.text import Text
from rich.tree import Tree

from dialer.commands.asking import be_sure, read_json
from dialer.commands.completing import polling_argument
from dialer.commands.daemon import CONSOLE_BASE, ask, connected
from dialer.commands.options import config_option, json_option, settings_of, yes_option
from dialer.commands.screen import console
from dialer.commands.tables import crm_id_of, one_line, print_json, print_table

SPEAKING_TIMEOUT_S = 600.0
"""What is the same for everybody is spoken before the answer."""


@click.group()
def polling() -> None:
    """Questions that subscribers are asked, and what their keys do."""


@polling.command("list")
@json_option
@config_option
def list_pollings(as_json: bool, config_file: Path) -> None:
    """The pollings: our id, the CRM's id, name."""
    found = ask(settings_of(config_file), "GET", "/polling")["results"]
    if as_json:
        print_json(found)
        return
    print_table([_("ID"), _("id of the CRM"), _("Name")], ([one["id"], crm_id_of(one), one["name"]] for one in found))


@polling.command("show")
@polling_argument
@json_option
@config_option
def show_polling(polling_id: str, as_json: bool, config_file: Path) -> None:
    """POLLING as a tree: questions, their keys, and where each key leads."""
    with connected(settings_of(config_file)) as asked:
        found = fetch_polling(asked, polling_id)
    if as_json:
        print_json(found)
        return
    console().print(tree_of(found), soft_wrap=True)


@polling.command("post")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, allow_dash=True))
@json_option
@config_option
def post_polling(file: Path, as_json: bool, config_file: Path) -> None:
    """Create a polling from FILE, the JSON that POST /polling takes, or replace the one with its crmId; - is standard
    input."""
    head = ask(settings_of(config_file), "POST", "/polling", read_json(file), SPEAKING_TIMEOUT_S)
    if as_json:
        print_json(head)
        return
    said = _("polling {id} is stored")
    if crm_id_of(head):
        said = _("polling {id} is stored, id of the CRM: {crm_id}")
    click.echo(said.format(id=head["id"], crm_id=head["crmId"]))


@polling.command("delete")
@polling_argument
@yes_option
@config_option
def delete_polling(polling_id: str, sure: bool, config_file: Path) -> None:
    """Delete POLLING; refused while a task that is not closed uses it."""
    settings = settings_of(config_file)
    be_sure(_("Delete polling {id}?").format(id=polling_id), sure)
    ask(settings, "DELETE", f"/polling/{quote(polling_id, safe='')}")
    click.echo(_("polling {id}: deleted").format(id=polling_id))


def fetch_polling(asked: Callable[..., Any], reference: str) -> dict[str, Any]:
    """The polling by the CRM's id, or else by ours, as it is posted. Raises click.ClickException."""
    head = asked("GET", f"/polling/{quote(reference, safe='')}")
    found: dict[str, Any] = asked("GET", f"/pollings/{head['id']}", base=CONSOLE_BASE)
    return found


def tree_of(polling: Mapping[str, Any]) -> Tree:
    """Questions below the keys that lead to them; each question is told once, where it is reached first."""
    questions = {one["questionId"]: one for one in polling["questions"]}
    named = f": {one_line(polling['name'])}" if polling["name"] else ""
    root = Tree(Text(_("polling {id}").format(id=polling["crmId"]) + named, style="bold"))
    told: set[str] = set()
    todo: list[tuple[Tree, str]] = [(root, polling["questions"][0]["questionId"])] if questions else []
    while todo:
        branch, question_id = todo.pop()
        if question_id in told:
            branch.add(Text(_("question {id}, see there").format(id=question_id), style="italic"))
            continue
        told.add(question_id)
        question = questions[question_id]
        node = branch.add(_question_text(question))
        following = [(node.add(_key_text(question, press)), _next_of(question, press)) for press in question["press"]]
        for place, next_id in reversed(following or [(node, question["nextQuestion"])]):
            if next_id is not None and next_id in questions:
                todo.append((place, next_id))
            elif next_id != _NOWHERE:
                place.add(Text(_("the end"), style="dim"))
    for question_id, question in questions.items():
        if question_id not in told:
            root.add(Text(_("no key leads here: "), style="yellow").append_text(_question_text(question)))
    return root


_NOWHERE = "\0"
"""Where the key itself says what comes next. (No id has such a character.)"""


def _next_of(question: Mapping[str, Any], press: Mapping[str, Any]) -> str | None:
    if press["action"] in {"dial", "restart"}:
        return _NOWHERE
    following: str | None = press["nextQuestion"] or question["nextQuestion"]
    return following


def _question_text(question: Mapping[str, Any]) -> Text:
    said = question["questionText"] or _("file {name}").format(name=question["questionFile"])
    return Text(f"{question['questionId']}. ", style="bold").append(one_line(said), style="not bold")


def _key_text(question: Mapping[str, Any], press: Mapping[str, Any]) -> Text:
    value, key = press["value"] or "", press["key"]
    what = {
        "": _("goes on"),
        "answer": _("answers {value}").format(value=value or key),
        "playback": _("hears {value}").format(value=value),
        "playback_record": _("hears {value}, is recorded").format(value=value),
        "dial": _("is connected to {value}").format(value=value),
        "restart": _("begins again"),
    }.get(press["action"], press["action"])
    default = _(" (also when nothing is pressed)") if question["defPress"] == key else ""
    return Text(f"[{key}] ", style="cyan").append(one_line(what), style="default").append(default, style="dim")
