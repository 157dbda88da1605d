"""Reading Asterisk's configuration files as Asterisk does (Asterisk 22 main/config.c), as far as an installer needs to:
sections, keys, comments, and which files are reached through #include."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_SECTION = re.compile(r"\[([^\]]+)\](\(([^)]*)\))?")
_INCLUDE = re.compile(r"""#(include|tryinclude)\s+["<]?([^">]+?)[">]?\s*$""")
_DEEPEST = 10
"""Asterisk's own limit of includes in each other (MAX_INCLUDE_LEVEL)."""


@dataclass(frozen=True, slots=True)
class Setting:
    file: Path
    key: str
    value: str


@dataclass(slots=True)
class ConfigTree:
    """One configuration file with all that it reaches."""

    etc: Path
    main: Path
    files: list[Path] = field(default_factory=list)
    """In the order in which they are read; only those that are there."""
    named: set[Path] = field(default_factory=set)
    """What #include and #tryinclude name, there or not; patterns as they stand."""
    sections: dict[str, list[Setting]] = field(default_factory=dict)
    """Without templates: `[name](!)`."""
    section_files: dict[str, set[Path]] = field(default_factory=dict)
    """In which files each section is begun."""

    def last(self, section: str, key: str) -> str | None:
        """The value that counts: Asterisk lets a later one win."""
        values = [one.value for one in self.sections.get(section, []) if one.key == key]
        return values[-1] if values else None

    def names(self, file: Path) -> bool:
        """Whether some #include names this file, or a pattern that it fits."""
        return any(one == file or (one.parent == file.parent and file.match(one.name)) for one in self.named)


def read_tree(etc: Path, name: str) -> ConfigTree:
    """What Asterisk reads when it loads `name` of its folder. Raises OSError for a file that cannot be read."""
    tree = ConfigTree(etc, etc / name)
    _read(tree, tree.main, section=None, depth=0)
    return tree


def _read(tree: ConfigTree, file: Path, section: str | None, depth: int) -> str | None:
    """Read one file into the tree; returns the section that is open at its end."""
    if depth > _DEEPEST or not file.is_file():
        return section
    tree.files.append(file)
    for line in _lines(file.read_bytes().decode(errors="replace")):
        include = _INCLUDE.match(line)
        if include is not None:
            named = tree.etc / include[2]
            tree.named.add(named)
            for one in _matching(named):
                section = _read(tree, one, section, depth + 1)
            continue
        begun = _SECTION.match(line)
        if begun is not None:
            section = None if "!" in (begun[3] or "") else begun[1]
            if section is not None:
                tree.sections.setdefault(section, [])
                tree.section_files.setdefault(section, set()).add(file)
            continue
        key, separator, value = line.partition("=")
        if separator and section is not None:
            tree.sections[section].append(Setting(file, key.strip(), value.removeprefix(">").strip()))
    return section


def _matching(named: Path) -> list[Path]:
    if any(letter in named.name for letter in "*?["):
        return sorted(named.parent.glob(named.name))
    return [named]


def _lines(text: str) -> Iterator[str]:
    """Lines without comments; a semicolon behind a backslash is none."""
    text = re.sub(r"(?<!\\);--(?!-).*?--;", "", text, flags=re.DOTALL)
    for line in text.split("\n"):
        bare = re.split(r"(?<!\\);", line, maxsplit=1)[0].strip()
        if bare:
            yield bare
