"""The unit: hardened, and what an installation fills in."""

import re
import subprocess
from pathlib import Path

from dialer.install.unit import UnitPlace, drop_in, filled_unit

UNIT = Path(__file__).resolve().parents[2] / "systemd" / "autodialer.service"
PLACE = UnitPlace(
    Path("/opt/dialer/bin/dialer"),
    Path("/etc/autodialer/dialer.toml"),
    "dial",
    "dial",
    "pbx",
    (Path("/srv/spool"), Path("/var/lib/autodialer"), Path("/srv/sounds"), Path("/srv/sounds/recordings")),
)
AS_SHIPPED = UnitPlace(
    Path("/usr/bin/dialer"),
    Path("/etc/autodialer/dialer.toml"),
    "autodialer",
    "autodialer",
    "asterisk",
    (Path("/var/spool/asterisk"), Path("/var/lib/autodialer"), Path("/var/lib/autodialer/audio")),
)


def exposure(unit: Path) -> float:
    told = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
        capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
    ).stdout  # fmt: skip
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", told)
    assert found, told
    return float(found[1])


def test_the_exposure_is_below_3(tmp_path: Path) -> None:
    assert exposure(UNIT) < 3
    filled = tmp_path / "autodialer.service"
    filled.write_text(filled_unit(UNIT.read_text(), PLACE))
    assert exposure(filled) < 3


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    copy = tmp_path / "autodialer.service"
    text = UNIT.read_text().replace("/usr/bin/dialer", "/bin/true").replace("Documentation=man:dialer(1)\n", "")
    copy.write_text(text)
    told = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, check=False)
    assert "autodialer.service" not in told.stderr, told.stderr


def test_a_list_of_a_million_numbers_is_no_reason_to_kill_the_daemon() -> None:
    """Its longest standstill was seconds: tests/store/test_large_lists.py keeps it short."""
    found = re.search(r"^WatchdogSec=(\d+)$", UNIT.read_text(), re.MULTILINE)
    assert found
    assert int(found[1]) >= 120


def test_an_installation_fills_in_its_paths_user_and_group() -> None:
    shipped = UNIT.read_text().replace("Documentation=man:dialer(1)\n", "")  # not everywhere is such a page
    text = filled_unit(shipped, PLACE)
    assert "User=dial\nGroup=pbx\nSupplementaryGroups=dial\n" in text
    assert "\nExecStart=/opt/dialer/bin/dialer serve --config /etc/autodialer/dialer.toml\n" in text
    assert "\nReadWritePaths=-/srv/spool -/srv/sounds\n" in text, "one mount for what is renamed within it"
    assert text.count("\n") == shipped.count("\n")


def test_a_command_below_a_home_is_not_hidden_from_the_daemon() -> None:
    place = UnitPlace(Path("/home/pbx/dialer/.venv/bin/dialer"), PLACE.config_file, "dial", "dial", "pbx", ())
    assert "\nProtectHome=read-only\n" in filled_unit(UNIT.read_text(), place)


def test_a_packaged_unit_is_changed_by_what_differs_only() -> None:
    assert drop_in(UNIT.read_text(), AS_SHIPPED) is None
    changed = drop_in(UNIT.read_text(), PLACE)
    assert changed is not None
    assert "ExecStart=\nExecStart=/opt/dialer/bin/dialer serve" in changed
    assert "ReadWritePaths=\nReadWritePaths=-/srv/spool -/srv/sounds" in changed
    assert "Type=" not in changed
