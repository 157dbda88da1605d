"""Options of `dialer install` from one run to the next: an upgrade, which gives none, does what was asked before."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dialer.install.manifest import Manifest
from dialer.install.plan import SYSTEMD_DIR
from dialer.install.unit import NAME as UNIT

DATA_DIR = Path("/var/lib/autodialer")
_USUAL: Mapping[str, Any] = {
    "data_dir": str(DATA_DIR),
    "outgoing_context": None,
    "internal_context": None,
    "http_port": 8088,
    "agi_port": 4573,
    "cli_port": 4574,
    "timezone": None,
    "add_modules": False,
    "user": "autodialer",
    "make_user": True,
    "systemd_dir": str(SYSTEMD_DIR),
}
"""An empty systemd_dir: no unit."""


def remembered(old: Manifest | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those given (not None), else those of the run before, else the usual ones."""
    before = {} if old is None else old.options or _told_by(old)
    known = {name: value for name, value in before.items() if name in _USUAL}
    return {**_USUAL, **known, **{name: value for name, value in given.items() if value is not None}}


def _told_by(old: Manifest) -> dict[str, Any]:
    """Of a version that has not kept its options: from what it has done."""
    units = [Path(one.path) for one in old.files if Path(one.path).name == UNIT]
    usual = bool(old.unit) or any(Path(one.path).parent.name == f"{UNIT}.d" for one in old.files)
    return {
        "data_dir": old.data_dir or str(DATA_DIR),
        "user": old.user or _USUAL["user"],
        "make_user": bool(old.user),
        "systemd_dir": str(units[0].parent) if units else str(SYSTEMD_DIR) if usual else "",
    }
