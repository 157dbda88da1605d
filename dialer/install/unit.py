"""The systemd unit for the paths of an installation."""

import re
from dataclasses import dataclass
from pathlib import Path

NAME = "autodialer.service"
_STATE = Path("/var/lib/autodialer")
_MANUALS = ("/usr/share/man/man1/dialer.1.gz", "/usr/share/man/man1/dialer.1", "/usr/local/share/man/man1/dialer.1")
"""Where `man dialer` looks. The Debian package brings it, the sources do not put it there."""


@dataclass(frozen=True, slots=True)
class UnitPlace:
    command: Path
    """The `dialer` command."""
    config_file: Path
    user: str
    own_group: str
    """That may read the settings."""
    group: str
    """Asterisk's."""
    writable: tuple[Path, ...]
    """Folders that the daemon writes to. The spool as a whole: each of them is a mount of its own to the daemon, and a
    call file is renamed from the spool's tmp into its outgoing."""

    def values(self) -> dict[str, str]:
        """What differs from machine to machine, by the unit's keys."""
        within = {_STATE, *self.writable}
        beside_state = [path for path in self.writable if path != _STATE and not within.intersection(path.parents)]
        lies_at_home = any(str(path).startswith(("/home/", "/root/")) for path in (self.command, self.config_file))
        return {
            "User": self.user,
            "Group": self.group,
            "SupplementaryGroups": self.own_group,
            "ExecStart": f"{self.command} serve --config {self.config_file}",
            "ReadWritePaths": " ".join(f"-{path}" for path in dict.fromkeys(beside_state)),
            "ProtectHome": "read-only" if lies_at_home else "yes",
        }


def filled_unit(shipped: str, place: UnitPlace) -> str:
    """The unit as a whole; it names the manual page only where that is installed."""
    if not any(Path(one).exists() for one in _MANUALS):
        shipped = re.sub(r"^Documentation=man:.*\n", "", shipped, flags=re.MULTILINE)
    for key, value in place.values().items():
        shipped = re.sub(rf"^{key}=.*$", lambda _, line=f"{key}={value}": line, shipped, flags=re.MULTILINE)  # type: ignore[misc]
    return shipped


def drop_in(shipped: str, place: UnitPlace) -> str | None:
    """What a packaged unit is to be changed by; None: nothing."""
    changed = [
        f"{key}={value}"
        for key, value in place.values().items()
        if not re.search(rf"^{key}={re.escape(value)}$", shipped, flags=re.MULTILINE)
    ]
    if not changed:
        return None
    lists = ("ExecStart", "ReadWritePaths", "SupplementaryGroups")  # a second line would add to the first
    lines = [line for one in changed for line in ([f"{key}=" for key in lists if one.startswith(f"{key}=")] + [one])]
    return "# written by `dialer install`\n[Service]\n" + "\n".join(lines) + "\n"
