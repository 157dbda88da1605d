"""Who may import whom: the table in README.md, kept true."""

import ast
from functools import cache
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
PACKAGES = (
    "dialer.model", "dialer.store", "dialer.dispatch", "dialer.pbx", "dialer.speech", "dialer.api", "dialer.install",
    "dialer.metrics", "agi",
)  # fmt: skip
MAY_IMPORT = {
    "dialer.model": set[str](),
    "dialer.store": {"dialer.model"},
    "dialer.dispatch": {"dialer.model", "dialer.store"},
    "dialer.pbx": {"dialer.model", "dialer.store"},
    "dialer.speech": {"dialer.model"},
    "dialer.api": {"dialer.model", "dialer.store", "dialer.dispatch", "dialer.pbx", "dialer.speech"},
    "dialer.install": {"dialer.model", "dialer.pbx"},
    "dialer.metrics": {"dialer.model", "dialer.dispatch"},
    "agi": {"dialer.model"},
}
COMPOSES_VOTBOX = {REPO / "dialer/compose/votbox.py", REPO / "dialer/compose/deliveries.py"}
ONLY_IMPORTER = {
    "panoramisk": {"dialer/pbx/ami.py"},
    "pydub": {"dialer/speech/audio.py"},
    "ru_normalizr": {"dialer/speech/reading.py"},
    "num2words": {"dialer/speech/numerals.py"},
    "tenacity": {"dialer/speech/yandex.py"},
    "sqlalchemy": {"dialer/store"},
    "aiohttp": {"dialer/api", "dialer/compose/listening.py", "dialer/speech/yandex.py", "dialer/commands/daemon.py"},
    "pydantic": {"dialer/api", "dialer/config.py"},
    "openpyxl": {"dialer/api/sheets/workbooks.py", "dialer/api/sheets/writing.py"},
    "xlrd": {"dialer/api/sheets/workbooks.py"},
    "phonenumbers": {"dialer/dispatch/numbering.py"},
    "holidays": {"dialer/dispatch/public_holidays.py"},
    "aiosmtplib": {"dialer/api/couriers.py"},
    "email_validator": {"dialer/api/votbox/templates.py"},
    "yarl": {"dialer/api"},
    "prometheus_client": {"dialer/metrics"},
    "click": {"dialer/commands", "dialer/cli.py"},
    "rich": {"dialer/commands"},
}


@cache
def imports_of(file: Path) -> frozenset[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return frozenset(names)


def test_the_votbox_facade_stands_alone() -> None:
    """Neither the engine nor the other facade knows it, and it does not know the other one."""
    home = REPO / "dialer/api/votbox"
    for file in sources():
        for name in imports_of(file):
            if name.startswith("dialer.api.votbox"):
                assert file.is_relative_to(home) or file in COMPOSES_VOTBOX, f"{file}: {name}"
            if name.startswith("dialer.api.mikopbx"):
                assert not file.is_relative_to(home), f"{file}: {name}"


def sources() -> list[Path]:
    return sorted([*REPO.glob("dialer/**/*.py"), *REPO.glob("agi/**/*.py")])


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_only_what_the_table_allows(package: str) -> None:
    allowed = MAY_IMPORT[package] | {package}
    for file in (REPO / package.replace(".", "/")).rglob("*.py"):
        for name in imports_of(file):
            room = next((one for one in PACKAGES if name == one or name.startswith(f"{one}.")), None)
            assert room is None or room in allowed, f"{file}: {name}"
            assert name.split(".")[0] != "dialer" or room is not None, f"{file}: {name} is for composition only"


def test_the_model_has_no_input_output_clock_or_event_loop() -> None:
    forbidden = {"asyncio", "time", "datetime", "os", "pathlib", "socket", "random", "logging", "sqlalchemy", "aiohttp"}
    types_and_arithmetic = {"hours.py": {"datetime"}}
    for file in (REPO / "dialer/model").glob("*.py"):
        assert not imports_of(file) & (forbidden - types_and_arithmetic.get(file.name, set())), file


@pytest.mark.parametrize("clock", ["now", "today", "utcnow"])
def test_the_hours_ask_no_clock(clock: str) -> None:
    tree = ast.parse((REPO / "dialer/model/hours.py").read_text())
    assert not any(isinstance(node, ast.Attribute) and node.attr == clock for node in ast.walk(tree))


@pytest.mark.parametrize("library", ONLY_IMPORTER)
def test_libraries_have_one_room_each(library: str) -> None:
    for file in sources():
        place = str(file.relative_to(REPO))
        if any(name.split(".")[0] == library for name in imports_of(file)):
            assert any(place.startswith(room) for room in ONLY_IMPORTER[library]), f"{place} imports {library}"
