"""Every key of `dialer/config.py` with its default, as the pages of the documentation name them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from dialer.config import Settings


@dataclass(frozen=True)
class Key:
    section: str
    """`http`, `tts.yandex`, `trunks.NAME`."""
    name: str
    default: str | None
    """As TOML spells it; None: empty, or there is none."""
    required: bool


def known_keys() -> list[Key]:
    """What an administrator can set, section by section, in the order of the code."""
    return [key for name, field in Settings.model_fields.items() for key in _keys_of(name, field)]


def _keys_of(section: str, field: FieldInfo) -> Iterator[Key]:
    """`field` is a section, or a table of sections with names of their own."""
    model = field.annotation
    if get_origin(model) is dict:
        yield from _keys_in(f"{section}.NAME", get_args(model)[1])
    else:
        yield from _keys_in(section, model)


def _keys_in(section: str, model: Any) -> Iterator[Key]:
    assert isinstance(model, type), f"[{section}] is no section: {model}"
    assert issubclass(model, BaseModel), f"[{section}] is no section: {model}"
    nested = []
    for name, field in model.model_fields.items():
        if _is_section(field.annotation):
            nested.append((f"{section}.{name}", field))
        else:
            yield Key(section, name, None if field.is_required() else _toml(field.default), field.is_required())
    for name, field in nested:
        yield from _keys_of(name, field)


def _is_section(annotation: Any) -> bool:
    if get_origin(annotation) is dict:
        annotation = get_args(annotation)[1]
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _toml(value: Any) -> str | None:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None or value in ("", (), [], {}, frozenset()):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(str(_toml(one)) for one in value)}]"
    return f'"{value}"'
