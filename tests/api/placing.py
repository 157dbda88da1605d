"""One value put into one place of a JSON body."""

from copy import deepcopy
from typing import Any

Path = tuple[str | int, ...]
MISSING = object()
"""Instead of a value: nothing in that place."""


def has_place(example: Any, path: Path) -> bool:
    node = example
    for key in path:
        if isinstance(node, dict) and key not in node:
            return False
        node = node[key]
    return True


def with_value(example: Any, path: Path, value: Any) -> Any:
    """The example with this value in this place; MISSING where there is nothing to leave out."""
    if not path:
        return value
    body = deepcopy(example)
    node = body
    for key in path[:-1]:
        node = node[key]
    if value is not MISSING:
        node[path[-1]] = value
    elif has_place(example, path):
        del node[path[-1]]
    else:
        return MISSING
    return body
