"""What the code can say of a table of numbers that is wrong, gathered from the code itself."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import dialer
from dialer.api.sheets.reading import _OTHERS
from dialer.api.sheets.workbooks import _OTHER_TABLES

ROOT = Path(dialer.__file__).parent
MODULES = (
    *sorted(ROOT.glob("api/sheets/*.py")),
    ROOT / "api/mikopbx/phone_sheets.py",
    ROOT / "api/mikopbx/phone_table.py",
    ROOT / "dispatch/numbering.py",
)
SAYING = {"SheetError", "_NotAPhoneError", "Problem", "LeftOut", "RefusedError", "refusal"}
"""Whose arguments are told."""
RETURNING = {"problem_of", "_unreadable", "_problem", "__str__", "messages"}
"""What these return is told."""
OTHER_FILES = [f"file: x: {what}: XLSX, XLS or CSV expected" for what in {*_OTHERS.values(), *_OTHER_TABLES.values()}]


def patterns_of_tables() -> set[str]:
    """Each text that is told, as a pattern: what is filled in may be anything."""
    return {pattern for path in MODULES for pattern in _told_by(ast.parse(path.read_text()))}


def _told_by(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and _name(node.func) in SAYING:
            for argument in node.args:
                yield from _texts(argument)
        elif isinstance(node, ast.Assign) and any(_name(target) == "reason" for target in node.targets):
            yield from _texts(node.value)
        elif isinstance(node, ast.FunctionDef) and node.name in RETURNING:
            for returned in (one for one in ast.walk(node) if isinstance(one, ast.Return) and one.value is not None):
                yield from _texts(returned.value)


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _texts(node: ast.expr | None) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)) if text:
            yield re.escape(text)
        case ast.JoinedStr(values=parts):
            yield "".join(re.escape(str(one.value)) if isinstance(one, ast.Constant) else ".+" for one in parts)
        case ast.List(elts=items):
            for item in items:
                yield from _texts(item)
        case ast.Starred(value=value) | ast.IfExp(body=value):
            yield from _texts(value)
