"""The documentation's sources, as its tests read them."""

import re
from collections.abc import Iterator
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
DOCS = REPO / "docs"
PAGES = DOCS / "pages"
LANGUAGES = ("en", "ru")
_CELL = re.compile(r"(?<!\\)\|")


def page(language: str, name: str) -> str:
    """The source of a page, Markdown."""
    return (PAGES / language / f"{name}.md").read_text(encoding="utf-8")


def sections(text: str) -> Iterator[tuple[str, str]]:
    """Heading of the second or third level, and what stands below it up to the next one."""
    parts = re.split(r"^#{2,3} (.*)$", text, flags=re.M)
    yield from zip(parts[1::2], parts[2::2], strict=True)


def rows(text: str) -> list[list[str]]:
    """The cells of each row of its tables, without the heads."""
    found: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("|---"):
            found.pop()  # the head stands before it
        elif line.startswith("|"):
            found.append([cell.strip() for cell in _CELL.split(line.strip().strip("|"))])
    return found


def code(text: str) -> list[str]:
    """What stands between backquotes, in lines and in blocks."""
    return re.findall(r"`+([^`]+)`+", text)
