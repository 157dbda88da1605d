"""In which language the commands speak: Russian in a Russian locale, else English.

Our messages and click's own are looked up by gettext in `dialer/locale`, whose `.po` files people edit and whose `.mo`
files `make messages` writes. Help texts are written where click wants them and translated here, when they are shown.
"""

import gettext
import inspect
import os
from collections.abc import Mapping
from pathlib import Path

import click

DOMAIN = "dialer"
CATALOGUES = Path(__file__).resolve().parents[1] / "locale"
LANGUAGE_VARIABLE = "DIALER_LANG"
"""`ru` or `en`, whatever the locale."""
_ENGLISH = frozenset({"", "C", "POSIX"})


def N_(message: str) -> str:
    """A message that is translated where it is said, not where it stands."""
    return message


def language_of(environment: Mapping[str, str]) -> str:
    """`ru` or `en`, as GNU gettext reads an environment: LANGUAGE counts only where there is a locale."""
    locale = next(filter(None, (environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    wanted = environment.get(LANGUAGE_VARIABLE)
    if not wanted and locale.partition(".")[0] not in _ENGLISH:
        wanted = environment.get("LANGUAGE", "").partition(":")[0] or locale
    return "ru" if (wanted or "").partition("_")[0].partition(".")[0] == "ru" else "en"


def speak() -> None:
    """Speak the language of the environment from now on. To be called once, before anything is said."""
    if language_of(os.environ) == "ru":
        os.environ["LANGUAGE"] = "ru"  # what gettext itself looks at first
        gettext.bindtextdomain(DOMAIN, str(CATALOGUES))
        gettext.textdomain(DOMAIN)


def translated(command: click.Command) -> click.Command:
    """The same command, its help and that of its subcommands in the language that is spoken."""
    if gettext.textdomain() != DOMAIN:
        return command
    for name in ("help", "short_help", "epilog"):
        text = getattr(command, name)
        if text:
            setattr(command, name, gettext.gettext(inspect.cleandoc(text)))
    for parameter in command.params:
        _translate_parameter(parameter)
    if command.options_metavar:
        command.options_metavar = gettext.gettext(command.options_metavar)
    if isinstance(command, click.Group):
        command.subcommand_metavar = gettext.gettext(command.subcommand_metavar)
        for name, sub in list(command.commands.items()):
            command.commands[name] = translated(sub)
    return command


def _translate_parameter(parameter: click.Parameter) -> None:
    text = getattr(parameter, "help", None)
    if text:
        setattr(parameter, "help", gettext.gettext(text))  # noqa: B010 - arguments have none
    if parameter.metavar:
        parameter.metavar = gettext.gettext(parameter.metavar)
    elif isinstance(parameter, click.Option) and takes_plain_value(parameter):
        parameter.metavar = gettext.gettext(parameter.type.name.upper())


def takes_plain_value(option: click.Option) -> bool:
    """Whether help shows the name of a type for the option's value."""
    return not (option.is_flag or option.count or isinstance(option.type, click.Choice))
