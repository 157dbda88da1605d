"""`dialer webhooks`: events that receivers did not take."""

import base64
import secrets
from gettext import gettext as _
from gettext import ngettext
from pathlib import Path

import click

from dialer.commands.daemon import ask
from dialer.commands.options import config_option, json_option, settings_of
from dialer.commands.tables import print_json

REPLAY_TIMEOUT_S = 600.0
"""Hundreds of thousands of events take minutes: calls go first."""


@click.group()
def webhooks() -> None:
    """Results and answers on their way to the receivers that tasks name (notifyUrl)."""


@webhooks.command("list")
@click.option("--dead", is_flag=True, help="Those given up, instead of those that wait.")
@json_option
@config_option
def list_events(dead: bool, as_json: bool, config_file: Path) -> None:
    """The first 1000, oldest first: id, what, task, number, receiver, tries, last error."""
    found = ask(settings_of(config_file), "GET", f"/webhooks?state={'dead' if dead else 'waiting'}")
    if as_json:
        print_json(found)
        return
    click.echo(_("{waiting} wait, {dead} given up").format(waiting=found["waiting"], dead=found["dead"]))
    for one in found["results"]:
        click.echo(
            _("{event}  {kind}  task {task}  …{phone}  {url}  {tries} tries  {error}")
            .format(
                event=one["eventId"],
                kind=one["type"],
                task=one["taskId"],
                phone=one["phoneId"][-4:],
                url=one["url"],
                tries=one["tries"],
                error=one["lastError"] or "",
            )
            .rstrip()
        )


@webhooks.command("replay")
@click.argument("event_ids", metavar="[EVENT]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Everything that was given up.")
@config_option
def replay(event_ids: tuple[str, ...], everything: bool, config_file: Path) -> None:
    """Deliver again what was given up."""
    if everything == bool(event_ids):
        raise click.UsageError(_("either ids of events or --all expected"))
    body = {"all": True} if everything else {"ids": list(event_ids)}
    done = ask(settings_of(config_file), "POST", "/webhooks/replay", body, REPLAY_TIMEOUT_S)
    if event_ids and done["replayed"] == "0":
        raise click.ClickException(_("none of these events was given up: see dialer webhooks list --dead"))
    count = int(done["replayed"])
    click.echo(ngettext("{count} event waits again", "{count} events wait again", count).format(count=count))


@webhooks.command("new-secret")
def new_secret() -> None:
    """Print a line for [webhooks] with a new secret. Receivers verify with it (Standard Webhooks)."""
    click.echo(f'secret = "whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"')
