"""What an installation has done, kept beside the settings, so that it can be taken back."""

import json
from dataclasses import asdict, dataclass, field, replace
from gettext import gettext as _
from pathlib import Path
from typing import Any

VERSION = 1


class ManifestError(Exception):
    """The file cannot be understood; the text names it."""


@dataclass(slots=True)
class FileDone:
    path: str
    kind: str
    original: str | None
    """SHA-256 of what was there before; None: nothing was."""
    written: str
    """SHA-256 of what we wrote; empty before the first time."""
    kept_as: str | None = None
    """Where what was there before lies."""
    writing: str | None = None
    """SHA-256 of what a run that has not come to its end writes, or has written; empty: it takes the file away."""

    def is_ours(self, found: str | None) -> bool:
        """Whether what is there is what we wrote, by its SHA-256."""
        return found is not None and found in (self.written, self.writing)


@dataclass(slots=True)
class Manifest:
    etc: str
    control_socket: str
    files: list[FileDone] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    modes: list[list[Any]] = field(default_factory=list)
    """[path, mode before, mode after] of folders that are not ours."""
    data_folders: list[str] = field(default_factory=list)
    """Those of `folders` that hold the database, sounds and recordings, also of former installations: --purge removes
    them with all that is in them."""
    data_dir: str = ""
    user: str = ""
    user_made: bool = False
    groups_joined: list[str] = field(default_factory=list)
    unit: str = ""
    """Name of the systemd unit that was enabled; empty: none."""
    unit_enabling: bool = False
    """Whether the run that enables it has not come to its end."""
    pending: bool = False
    """Whether the run that wrote this has not come to its end."""
    options: dict[str, Any] = field(default_factory=dict)
    """What was asked for: what the next run does that is not told otherwise."""
    version: int = VERSION

    def file(self, path: Path) -> FileDone | None:
        return next((one for one in self.files if one.path == str(path)), None)

    def settled(self) -> "Manifest":
        """As it is when the run has come to its end."""
        kept = (one for one in self.files if one.writing != "")
        files = [one if one.writing is None else replace(one, written=one.writing, writing=None) for one in kept]
        return replace(self, files=files, pending=False, unit_enabling=False)

    def as_json(self) -> bytes:
        return (json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n").encode()


def manifest_path(config_file: Path) -> Path:
    return config_file.parent / "installed.json"


def left_path(config_file: Path) -> Path:
    """What an installation has made and `dialer uninstall` has not taken away: for --purge, and for the next
    installation, which makes it its own again."""
    return config_file.parent / "uninstalled.json"


def with_left(manifest: Manifest, left: Manifest | None) -> Manifest:
    """With what a former installation has made, as far as it is still there."""
    if left is None:
        return manifest
    there = [one for one in left.folders if Path(one).is_dir() and one not in manifest.folders]
    settings = [one for one in left.files if Path(one.path).exists() and manifest.file(Path(one.path)) is None]
    folders = manifest.folders + there
    data = [one for one in left.data_folders if one in folders and one not in manifest.data_folders]
    joined = replace(
        manifest,
        files=manifest.files + settings,
        folders=folders,
        data_folders=manifest.data_folders + data,
    )
    if left.user_made and not manifest.user:
        joined.user, joined.user_made = left.user, True
    return joined


def read_manifest(path: Path) -> Manifest | None:
    """None: there is none. Raises ManifestError, OSError."""
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text())
        if content["version"] != VERSION:
            said = _("{path}: of another version of the dialer ({version}, known: {known})")
            raise ManifestError(said.format(path=path, version=content["version"], known=VERSION))
        content["files"] = [FileDone(**one) for one in content["files"]]
        return Manifest(**content)
    except (ValueError, KeyError, TypeError) as error:
        said = _("{path}: not what `dialer install` writes: {error}")
        raise ManifestError(said.format(path=path, error=error)) from None
