"""What an installation changes, as data: a plan is shown, then done, or only shown."""

import difflib
import hashlib
import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

HIDDEN = "********"
_SECRET = re.compile(
    r"(^.[\s;#]*[\w-]*(?:secret|password|token)[\w-]*\s*=>?\s*|\bcurl,https?://[^/\s]+/).+", re.IGNORECASE
)
"""A key and its value in a line of a diff; the address at which Asterisk's CLI asks, whose path is the token."""


class Kind(StrEnum):
    LINES = "lines"
    """Some marked lines in a file of somebody else's."""
    OWN = "own"
    """A file that is ours as a whole."""
    SETTINGS = "settings"
    """The administrator's from the day on which it was written: never written again."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that is written, or removed (`after` None). Owner and mode: those it has, or these when it is new."""

    path: Path
    kind: Kind
    before: bytes | None
    after: bytes | None
    owner: int | str = 0
    """A name is looked up when it is done: the plan may make the user."""
    group: int | str = 0
    mode: int = 0o644
    keep_before_as: Path | None = None
    """Where somebody else's, or an edited, file is put before ours takes its name."""
    restore_from: Path | None = None
    """What takes the place of a file of ours that goes."""

    def diff(self, secrets: tuple[str, ...] = ()) -> str:
        """A unified diff, with secrets hidden."""
        old, new = (_text(content) for content in (self.before, self.after))
        from_name = "/dev/null" if self.before is None else str(self.path)
        to_name = "/dev/null" if self.after is None else str(self.path)
        lines = difflib.unified_diff(old, new, from_name, to_name, lineterm="")
        return "\n".join(_hidden(line, secrets) for line in lines)


@dataclass(frozen=True, slots=True)
class FolderMade:
    path: Path
    owner: int | str
    group: int | str
    mode: int


@dataclass(frozen=True, slots=True)
class ModeChange:
    """Of a folder that is somebody else's."""

    path: Path
    before: int
    after: int
    why: str


@dataclass(frozen=True, slots=True)
class Command:
    """A program that is run."""

    argv: tuple[str, ...]
    why: str
    must: bool = True
    """Whether the installation ends when it fails."""


@dataclass(slots=True)
class Plan:
    """Done in this order; a manifest that is written comes first, one that is removed after all files."""

    stops: str = ""
    """A unit that must be down before anything is taken away; empty: none."""
    manifest: FileChange | None = None
    """So that what a crash leaves half done can be taken back, or gone on with."""
    left: FileChange | None = None
    """What is to be known of what stays, written before anything is taken away."""
    commands_before: list[Command] = field(default_factory=list)
    folders: list[FolderMade] = field(default_factory=list)
    modes: list[ModeChange] = field(default_factory=list)
    files: list[FileChange] = field(default_factory=list)
    removed_folders: list[Path] = field(default_factory=list)
    """Only where they are empty."""
    purged: list[Path] = field(default_factory=list)
    """With all that is in them."""
    asterisk: list[str] = field(default_factory=list)
    """What an Asterisk that runs is told."""
    commands_after: list[Command] = field(default_factory=list)
    settled: FileChange | None = None
    """The manifest of when all is done: the last that is written."""
    goes_on: bool = False
    """Whether a run before has not come to its end, or is done anew."""
    left_edited: bool = False
    """Whether some part of ours stays as somebody has edited it."""
    notes: list[str] = field(default_factory=list)
    """What is left for the administrator."""
    secrets: tuple[str, ...] = ()

    @property
    def changes_nothing(self) -> bool:
        return not (
            self.commands_before
            or self.folders
            or self.modes
            or self.files
            or self.removed_folders
            or self.purged
            or self.commands_after
            or self.goes_on
            or any(record is not None and record.after is None for record in (self.left, self.manifest))
        )


def digest(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()


def _hidden(line: str, secrets: tuple[str, ...]) -> str:
    """Of a diff: known secrets, and those of somebody else, or of old, by what stands before them."""
    for secret in secrets:
        line = line.replace(secret, HIDDEN)
    return _SECRET.sub(rf"\1{HIDDEN}", line)


def _text(content: bytes | None) -> list[str]:
    text = (content or b"").decode(errors="replace")
    return text.split("\n")[:-1] if text.endswith("\n") else text.split("\n") if text else []
