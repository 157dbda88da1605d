"""Which file of `dialplan/` is included from which of Asterisk's, and how Asterisk is told to read it anew. A further
file of `dialplan/` is one line more here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Values:
    """What is filled into the files."""

    ami_username: str
    ami_secret: str
    ami_permit: str
    """The address that our connections to AMI come from."""
    audio_dir: Path
    cli_address: str
    """host:port where the daemon answers Asterisk's CLI."""
    cli_token: str
    phones_context: str
    """Where telephones dial keys of tasks; empty: nowhere, the administrator has yet to say."""
    etc: Path
    """Asterisk's folder."""


def _as_it_is(text: str, _values: Values) -> str:
    return text


def _manager(text: str, values: Values) -> str:
    text = text.replace("[autodialer]", f"[{values.ami_username}]").replace("CHANGE-ME", values.ami_secret)
    if values.ami_permit != "127.0.0.1":
        text = text.replace("permit = 127.0.0.1/255.255.255.255", f"permit = {values.ami_permit}")
    return text


def _musiconhold(text: str, values: Values) -> str:
    return text.replace("/var/lib/autodialer/audio/", f"{values.audio_dir}/")


def _extensions(text: str, values: Values) -> str:
    if not values.phones_context:
        return text
    # a second section of a context's name adds to it
    return f"{text}\n; Telephones watch and dial tasks here.\n[{values.phones_context}]\ninclude => autodialer-blf\n"


def _extconfig(text: str, values: Values) -> str:
    text = text.replace("127.0.0.1:4574", values.cli_address).replace("CHANGE-ME", values.cli_token)
    return text.replace("file:///etc/asterisk/", f"file://{values.etc}/")


@dataclass(frozen=True, slots=True)
class Include:
    source: str
    """In `dialplan/`; of the same name in Asterisk's folder."""
    main: str
    """The file that Asterisk reads. Where it includes its own name with _custom, the line goes there."""
    witness: str
    """A section of it: one that is there without us was included by hand."""
    reload: str
    """What an Asterisk that runs is told."""
    fill: Callable[[str, Values], str] = _as_it_is
    adds_to: str = ""
    """A section that must be there before it."""
    secret: bool = False
    drop_in: str = ""
    """A file in a folder of which everything is included, where there is such a folder."""


INCLUDES = (
    Include("extensions_autodialer.conf", "extensions.conf", "autodialer-version", "dialplan reload", _extensions),
    Include(
        "manager_autodialer.conf",
        "manager.conf",
        "autodialer",
        "manager reload",
        _manager,
        adds_to="general",
        secret=True,
        drop_in="manager.d/autodialer.conf",
    ),
    Include("musiconhold_autodialer.conf", "musiconhold.conf", "autodialer-1", "moh reload", _musiconhold),
    Include(
        "cli_aliases_autodialer.conf",
        "cli_aliases.conf",
        "autodialer",
        "module reload res_clialiases.so",
        adds_to="general",
    ),
    Include(
        "extconfig_autodialer.conf",
        "extconfig.conf",
        "",
        "module reload extconfig",
        _extconfig,
        adds_to="settings",
        secret=True,
    ),
)
