"""The Debian package, built without its libraries: files, scripts, what it says of itself. With them, in a bare Debian:
`make deb-check`."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
HOME = "usr/lib/autodialer"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dist = tmp_path_factory.mktemp("dist")
    environment = {**os.environ, "DEB_DIST": str(dist)}
    built = subprocess.run(
        [REPO / "systemd" / "debian" / "build.sh", "--without-libraries"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return Path(built.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def root(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("root")
    subprocess.run(["dpkg-deb", "--raw-extract", package, folder], check=True)
    yield folder


def field(package: Path, name: str) -> str:
    return subprocess.run(
        ["dpkg-deb", "--field", package, name], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_it_says_what_it_is_and_needs(package: Path) -> None:
    assert package.name.startswith("autodialer_")
    assert field(package, "Package") == "autodialer"
    needs = field(package, "Depends")
    for one in ("python3 (>= 3.", "python3 (<< 3.", "espeak-ng", "ffmpeg", "adduser", "tzdata"):
        assert one in needs
    assert field(package, "Version") in (REPO / "pyproject.toml").read_text()


def test_files_lie_where_debian_expects_them(root: Path) -> None:
    for name in ("usr/share/man/man1/dialer.1.gz", "usr/share/doc/autodialer/copyright", "etc/default/autodialer"):
        assert (root / name).is_file(), name
    unit = (root / "lib/systemd/system/autodialer.service").read_bytes()
    assert unit == (REPO / "systemd" / "autodialer.service").read_bytes()
    assert (root / "DEBIAN/conffiles").read_text() == "/etc/default/autodialer\n"
    assert (root / "usr/bin/dialer").readlink() == Path("../lib/autodialer/bin/dialer")
    assert not (root / "etc/autodialer").exists(), "settings are nobody's but the administrator's"


def test_all_of_dialplan_and_the_unit_come_along(root: Path) -> None:
    for folder, pattern in (("dialplan", "*.conf"), ("systemd", "*.service")):
        expected = {file.name: file.read_bytes() for file in (REPO / folder).glob(pattern)}
        found = {file.name: file.read_bytes() for file in (root / HOME / "share/autodialer" / folder).iterdir()}
        assert found == expected


def test_all_our_modules_and_what_they_read_come_along(root: Path) -> None:
    (packages,) = root.glob(f"{HOME}/lib/python3.*/site-packages")
    tracked = subprocess.run(["git", "ls-files", "dialer", "agi"], cwd=REPO, capture_output=True, text=True, check=True)
    found = {str(file.relative_to(packages)) for name in ("dialer", "agi") for file in (packages / name).rglob("*")}
    missing = set(tracked.stdout.split("\n")) - found - {""}
    assert not missing, "see [tool.setuptools] packages, package-data"


def test_what_prometheus_and_grafana_read_comes_along(root: Path) -> None:
    examples = root / "usr/share/doc/autodialer/examples/docs/monitoring"
    assert {file.name for file in examples.iterdir()} == {file.name for file in (REPO / "docs/monitoring").iterdir()}


def test_installed_files_are_found_from_the_package(root: Path) -> None:
    (packages,) = root.glob(f"{HOME}/lib/python3.*/site-packages")
    ask = "from dialer.install.shipped import shipped; print(shipped('dialplan/extensions_autodialer.conf'))"
    for path in ([str(packages)], [str(packages), *sys.path]):
        told = subprocess.run(
            [root / HOME / "bin" / "python", "-c", ask],
            env={"PYTHONPATH": os.pathsep.join(path), "PATH": os.environ["PATH"]},
            capture_output=True, text=True, check=False, cwd="/",
        )  # fmt: skip
        assert told.returncode == 0, told.stderr
        assert Path(told.stdout.strip()) == root / HOME / "share/autodialer/dialplan/extensions_autodialer.conf"


def test_nothing_points_to_where_it_was_built(root: Path) -> None:
    assert (root / HOME / "bin/dialer").read_text().startswith("#!/usr/lib/autodialer/bin/python")
    for file in (root / HOME).rglob("*"):
        if file.is_file() and not file.is_symlink() and file.suffix != ".pyc":
            assert b"/tree/usr/lib/autodialer" not in file.read_bytes(), file


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
def test_the_scripts_can_be_read_by_any_shell(root: Path, script: str) -> None:
    file = root / "DEBIAN" / script
    assert os.access(file, os.X_OK)
    assert subprocess.run(["sh", "-n", file], check=False).returncode == 0


def test_only_a_purge_removes_settings_and_recordings() -> None:
    for script in ("postinst", "prerm"):
        assert "rm -" not in (REPO / "systemd" / "debian" / script).read_text()
    before_purge, _, _ = (REPO / "systemd" / "debian" / "postrm").read_text().partition('[ "$1" = purge ] || exit 0')
    assert "rm -" not in before_purge
