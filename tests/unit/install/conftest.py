"""Nothing of the machine that runs the tests is changed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dialer.commands import install
from tests.unit.install.place import Place, fake_commands


@pytest.fixture(autouse=True)
def cheap_passwords(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proper hash takes half a second of a processor; one test has it."""
    if request.node.name != "test_settings_and_ami_user_share_a_secret_that_is_not_shown":
        monkeypatch.setattr(install, "hash_password", lambda password: f"$argon2id${len(password)}")


@pytest.fixture(autouse=True)
def this_machine_stays_as_it_is(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests is root: an option that is forgotten must not make a user here."""
    programs = ("useradd", "usermod", "userdel", "gpasswd", "systemctl")
    refusing = dict.fromkeys(programs, "echo not in a test >&2; exit 1")
    fake_commands(tmp_path_factory.mktemp("refusing"), monkeypatch, **refusing)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    yield Place(tmp_path)
