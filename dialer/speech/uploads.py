"""Uploaded sound files: the originals, each at a path of its own for as long as its name lives."""

import hashlib
import os
import re
import unicodedata
import uuid
from pathlib import Path

MAX_NAME_BYTES = 255
_ENDING = re.compile(r"[a-z0-9]{1,5}", re.ASCII)
_PART = ".incoming"
"""Longer than any ending that a kept file has."""


def check_name(name: str) -> str:
    """The name as it is kept: accents and й in one character (macOS sends two). Raises ValueError with the reason."""
    name = unicodedata.normalize("NFC", name)
    if not name:
        raise ValueError("an empty name")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise ValueError("not UTF-8") from None
    if size > MAX_NAME_BYTES:
        raise ValueError(f"a name of {MAX_NAME_BYTES} bytes in UTF-8 at the most expected, got {size}")
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise ValueError("a name without control characters expected")
    if "/" in name or "\\" in name:
        raise ValueError("a name expected, got a path")
    if name.startswith("."):
        raise ValueError("a name that does not begin with a dot expected")
    return name


class Uploads:
    """A folder of files by name. A file is whole or not there; what is open goes on with what it was."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "uploads"

    def set_up(self) -> None:
        """Create the folder, remove what a crash has left of uploads. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.glob(f"*{_PART}"):
            path.unlink(missing_ok=True)

    def aside(self) -> Path:
        """A new name for what is not yet in its place; removed at the next start at the latest."""
        return self._folder / f"{uuid.uuid4().hex}{_PART}"

    def path_of(self, name: str) -> Path:
        """Where the file of this name is, if it is there. Raises ValueError."""
        name = check_name(name)
        ending = Path(name).suffix.removeprefix(".").lower()
        key = hashlib.sha256(name.encode()).hexdigest()[:32]
        return self._folder / (f"{key}.{ending}" if _ENDING.fullmatch(ending) else key)

    def save(self, name: str, temporary: Path) -> Path:
        """Put a file (from `aside`) in its place, durable before it is seen. Blocks for the disk: for a thread.

        Raises ValueError for the name, OSError.
        """
        path = self.path_of(name)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        self._make_durable()
        return path

    def set_copy_aside(self, name: str) -> Path | None:
        """Another name for the file as it is, to put it back by `save`; None when there is none. Blocks."""
        copy = self.aside()
        try:
            copy.hardlink_to(self.path_of(name))
        except FileNotFoundError:
            return None
        return copy

    def remove(self, name: str) -> None:
        """Remove the file, if it is there. Blocks for the disk: for a thread."""
        self.path_of(name).unlink(missing_ok=True)
        self._make_durable()

    def _make_durable(self) -> None:
        handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
