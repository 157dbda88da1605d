"""A polling's texts: parameters filled in, markup taken out."""

import html
import re
from collections.abc import Mapping

MAX_VALUE_CHARS = 1000
"""What is longer is no name and no sum, and is cut: it would be spoken for minutes."""
_TAG = re.compile(r"<([^<>\s](?:[^<>]{0,62}[^<>\s])?)>")
"""What has white space just inside its brackets is a comparison: `< 500 и >`."""
_ALWAYS_MARKUP = re.compile(
    r"<(?:/[^<>]{1,64}|[^<>]{0,63}/|[A-Za-z][A-Za-z0-9-]*\s[^<>=]{1,40}=[^<>]{1,200}|br|hr|p)>", re.I
)
_UNHEARD = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\s]+")


def fill_text(text: str, *sources: Mapping[str, object] | None) -> str:
    """The text as it is spoken: `<name>` becomes the value of the first source that has it, unknown ones and markup are
    left out. A value of digits only is spoken digit by digit."""

    def value_of(match: re.Match[str]) -> str:
        for source in sources:
            value = _look_up(source or {}, match.group(1))
            if value is not None:
                return _spoken_value(str(value))
        return ""

    return plain_text(_TAG.sub(value_of, text))


def parameter_names(text: str) -> list[str]:
    """The `<name>`s that the text asks for, each once. Markup is none: `<br>`, or `<b>` where `</b>` is."""
    closed = {match.group(1).strip(" /").lower() for match in _TAG.finditer(text) if match.group(1).startswith("/")}
    names = (match.group(1) for match in _TAG.finditer(_ALWAYS_MARKUP.sub("", text)))
    return list({name.casefold(): name for name in names if name.lower() not in closed}.values())


def has_parameters(text: str) -> bool:
    """Whether the text may be different for every number."""
    return bool(parameter_names(text))


def plain_text(text: str) -> str:
    """Without tags, entities as their characters, every run of white space and control characters as one space."""
    return _UNHEARD.sub(" ", html.unescape(_TAG.sub(" ", text))).strip()


def _look_up(source: Mapping[str, object], name: str) -> object | None:
    """The value under this name, or under the same name in other capitals."""
    if name in source:
        return source[name]
    folded = name.casefold()
    return next((value for key, value in source.items() if key.casefold() == folded), None)


def _spoken_value(value: str) -> str:
    value = value[:MAX_VALUE_CHARS]
    return " ".join(value) if value.isdecimal() else value
