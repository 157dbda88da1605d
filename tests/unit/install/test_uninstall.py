"""`dialer uninstall`, at once or later, with and without --purge. With a call between: tests/calls/test_install.py."""

import fcntl
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from dialer.cli import main
from dialer.install import doing
from dialer.install.changes import FileChange, Plan
from dialer.install.look import look
from dialer.install.manifest import Manifest, manifest_path, read_manifest
from dialer.install.plan import Known, Wishes, plan_installation
from dialer.install.undo import plan_removal
from dialer.store.sole import sole_user
from tests.calls.installing import snapshot
from tests.unit.install.place import (
    ASTERISK_UID,
    DIALPLAN,
    PLAIN,
    Place,
    fake_commands,
    flat,
    used,
)


def test_database_and_recordings_stay_unless_purged(place: Place) -> None:
    place.write(PLAIN)
    before = snapshot(place.folder)
    place.install()
    recording = place.folder / "data" / "audio" / "recordings" / "talk.wav"
    recording.write_bytes(b"RIFF")
    assert "database and recordings stay" in flat(place.uninstall())
    assert recording.exists()
    place.install()
    shutil.rmtree(place.folder / "data")
    place.uninstall()
    assert snapshot(place.folder) == before
    place.install()
    recording.write_bytes(b"RIFF")
    place.config.write_text(place.config.read_text() + "# tuned\n")
    place.uninstall("--purge")
    assert snapshot(place.folder) == before


def test_nothing_installed_is_nothing_to_take_back(place: Place) -> None:
    result = place.uninstall()
    assert (result.exit_code, "nothing to take back" in result.output) == (0, True)


def test_nothing_is_taken_away_under_a_daemon_that_runs(place: Place) -> None:
    place.write(PLAIN)
    place.install()
    before = snapshot(place.folder)
    assert not list(place.folder.rglob("*.lock")), "looking makes no lock"
    with sole_user(str(place.settings()["store"]["url"])):
        result = place.uninstall()
        (place.folder / "data" / "dialer.db.lock").rename(place.folder / "lock")
        assert (result.exit_code, "stop it first" in flat(result)) == (75, True), result.output
        (place.folder / "lock").unlink()
    assert snapshot(place.folder) == before
    assert place.uninstall().exit_code == 0


def test_a_database_that_the_settings_do_not_name_is_not_purged_under_its_daemon(place: Place) -> None:
    """Whose settings came from elsewhere, or were changed since it was started."""
    place.write(PLAIN)
    place.install()
    other = place.folder / "data" / "other.db"
    with sole_user(f"sqlite:///{other}"):
        result = place.uninstall("--purge")
        assert (result.exit_code, f"{other}: a daemon is using it" in flat(result)) == (75, True), result.output
    assert other.with_name("other.db.lock").exists() and place.config.exists()


def test_what_asterisk_s_user_puts_among_the_recordings_keeps_nobody_from_uninstalling(place: Place) -> None:
    place.write(PLAIN)
    place.install()
    (place.folder / "data" / "dialer.db").touch()
    recordings = place.folder / "data" / "audio" / "recordings"
    os.mkfifo(recordings / "pipe.lock")
    (recordings / "link.lock").symlink_to("nowhere")
    (recordings / "held.lock").touch()
    os.mkfifo(place.folder / "data" / "pipe.lock")
    (place.folder / "data" / "link.lock").symlink_to("nowhere")
    (place.folder / "data" / "stranger.lock").touch()
    os.chown(place.folder / "data" / "stranger.lock", ASTERISK_UID, ASTERISK_UID)
    with (recordings / "held.lock").open() as held, (place.folder / "data" / "stranger.lock").open() as stranger:
        fcntl.flock(held, fcntl.LOCK_EX)
        fcntl.flock(stranger, fcntl.LOCK_EX)
        removed = place.uninstall("--purge")
    assert removed.exit_code == 0, removed.output
    assert not (place.folder / "data").exists()


@pytest.mark.parametrize("between", ["", "install", "install, uninstall"])
def test_what_an_uninstallation_has_left_is_purged_later(place: Place, between: str) -> None:
    place.write(PLAIN)
    before = snapshot(place.folder)
    place.install()
    recording = used(place)
    said = flat(place.uninstall())
    assert f"{place.folder}/data: database and recordings stay (--purge removes them)" in said
    assert f"{place.config}: your settings stay (--purge removes them)" in said
    assert f"what stays is removed by: dialer uninstall --purge --config {place.config}" in said
    again = flat(place.uninstall())
    assert "nothing to take back" in again
    assert f"{place.config}: your settings stay (--purge removes them)" in again
    assert recording.exists() and place.config.exists()
    if between:
        assert place.install().exit_code == 0
        assert "nothing to change" in place.install().output
        assert not (place.config.parent / "uninstalled.json").exists()
    if between.endswith("uninstall"):
        assert "what stays is removed by" in flat(place.uninstall())
    purged = place.uninstall("--purge")
    assert purged.exit_code == 0, purged.output
    assert snapshot(place.folder) == before


def test_what_was_there_before_the_first_installation_is_never_purged(place: Place) -> None:
    place.write(PLAIN)
    place.config.parent.mkdir()
    (place.folder / "data").mkdir()
    place.config.write_text(f'# mine\n[ami]\nsecret = "x"\n[store]\nurl = "sqlite:///{place.folder}/data/dialer.db"\n'
                            f'[audio]\ndir = "{place.folder}/sounds"\n')  # fmt: skip
    (place.folder / "data" / "dialer.db").write_bytes(b"calls of another daemon")
    before = snapshot(place.folder)
    for commands in (["--purge"], ["", "--purge"], ["", "install", "--purge"]):
        assert place.install().exit_code == 0
        (place.folder / "sounds" / "recordings" / "talk.wav").write_bytes(b"RIFF")
        for command in commands:
            if command == "install":
                assert place.install().exit_code == 0
                continue
            said = flat(place.uninstall(*filter(None, [command])))
            assert f"{place.config}: your settings stay: they were there before the installation" in said
            assert f"{place.folder}/data: database and recordings stay: the folder was there before" in said
        assert snapshot(place.folder) == before


def test_a_folder_that_went_and_came_again_is_somebody_else_s(place: Place) -> None:
    place.write(PLAIN)
    place.install()
    place.config.write_text(place.config.read_text() + "# tuned\n")
    place.uninstall()  # the settings stay; the data folder was empty, and goes
    (place.folder / "data").mkdir()
    (place.folder / "data" / "letters").write_text("dear")
    place.install()
    place.uninstall("--purge")
    assert (place.folder / "data" / "letters").exists()
    assert not place.config.exists()


def test_a_second_data_folder_does_not_hide_the_first_from_a_purge(place: Place) -> None:
    place.write(PLAIN)
    before = snapshot(place.folder)
    place.install()
    (place.folder / "data" / "dialer.db").write_bytes(b"calls")
    place.uninstall()
    assert place.install("--data-dir", str(place.folder / "data2")).exit_code == 0
    assert place.uninstall("--purge").exit_code == 0
    assert snapshot(place.folder) == before


@pytest.mark.parametrize("below", ["dialer.toml", "etc/dialer.toml"])
def test_settings_below_the_data_are_purged_with_it_and_all_else_is_done(
    place: Place, tmp_path: Path, below: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write(PLAIN)
    before = snapshot(place.folder)
    place.config = place.folder / "data" / below
    assert place.install().exit_code == 0
    manifest = place.config.parent / "installed.json"
    manifest.write_text(manifest.read_text().replace('"user": ""', '"user": "x"').replace(
        '"user_made": false', '"user_made": true'))  # fmt: skip
    used(place)
    (tmp_path / "fake").mkdir()
    called = fake_commands(tmp_path / "fake", monkeypatch, userdel="")
    purged = place.uninstall("--purge")
    assert (purged.exit_code, "asterisk: dialplan reload" in purged.output) == (0, True), purged.output
    assert called.read_text() == "userdel x\n"
    shutil.rmtree(tmp_path / "fake")
    assert snapshot(place.folder) == before


@pytest.mark.parametrize("below", ["dialer.toml", "etc/dialer.toml"])
@pytest.mark.parametrize("named", ["", "../data"])
def test_of_settings_below_data_that_is_empty_nothing_stays(place: Place, below: str, named: str) -> None:
    place.write(PLAIN)
    before = snapshot(place.folder)
    place.config = place.folder / "data" / below
    place.install()
    place.config = place.folder / "data" / named / below
    assert "stay" not in flat(place.uninstall())
    assert snapshot(place.folder) == before


@pytest.mark.parametrize("first", [(), ("",)])
def test_what_was_made_in_a_folder_that_was_there_is_purged_and_nothing_else(
    place: Place, first: tuple[str, ...]
) -> None:
    place.write(PLAIN)
    data = place.folder / "data"
    data.mkdir()
    before = snapshot(place.folder)
    place.install()
    used(place)
    for more in first:
        said = flat(place.uninstall(*filter(None, [more])))
        assert f"{data}/audio: database and recordings stay (--purge removes them)" in said
        assert f"{data}: database and recordings stay: the folder was there before" in said
    assert place.uninstall("--purge").exit_code == 0
    assert (data / "dialer.db").read_bytes() == b"calls"
    (data / "dialer.db").unlink()
    assert snapshot(place.folder) == before


def test_a_folder_that_was_there_is_not_named_for_what_lies_in_ours(place: Place) -> None:
    place.write(PLAIN)
    data = place.folder / "data"
    data.mkdir()
    place.install()
    (data / "audio" / "recordings" / "talk.wav").write_bytes(b"RIFF")
    assert "the folder was there before" not in flat(place.uninstall())


def test_settings_that_are_named_from_the_folder_that_they_lie_in_are_known(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write(PLAIN)
    before = snapshot(place.folder)
    place.install()
    monkeypatch.chdir(place.config.parent)
    for config in ("dialer.toml", "../autodialer/dialer.toml"):
        shown = CliRunner().invoke(main, ["uninstall", "--config", config, "--yes", "--dry-run"])
        assert "your settings stay" not in flat(shown), config
    monkeypatch.chdir(place.folder)
    done = CliRunner().invoke(main, ["uninstall", "--config", "autodialer/dialer.toml", "--yes"])
    assert done.exit_code == 0
    assert snapshot(place.folder) == before


def test_settings_that_are_kept_are_purged_later(place: Place) -> None:
    """As the Debian package keeps them."""
    place.write(PLAIN)
    before = snapshot(place.folder)
    place.install()
    assert "your settings stay" in flat(place.uninstall("--keep-settings"))
    assert place.config.exists()
    place.uninstall("--purge")
    assert snapshot(place.folder) == before


def test_what_nobody_knows_to_be_ours_is_named_and_stays(place: Place) -> None:
    place.write(PLAIN)
    place.config.parent.mkdir()
    place.config.write_text('[ami]\nsecret = "x"\n')
    said = flat(place.uninstall("--purge"))
    assert f"{place.config}: stays: no installation that is known here has made it" in said
    assert place.config.exists()


@pytest.mark.parametrize("removed", range(12))
def test_an_uninstallation_that_crashed_can_be_gone_on_with_and_purged(
    place: Place, removed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write(PLAIN)
    before = snapshot(place.folder)
    place.install()
    used(place)
    left, change = removed, doing._change_file

    def dies(of: FileChange) -> None:
        nonlocal left
        if left == 0:
            raise doing.DoingError("Input/output error")
        left -= 1
        change(of)

    monkeypatch.setattr(doing, "_change_file", dies)
    place.uninstall()
    monkeypatch.setattr(doing, "_change_file", change)
    assert place.uninstall().exit_code == 0
    assert place.uninstall("--purge").exit_code == 0
    assert snapshot(place.folder) == before


@pytest.mark.parametrize("uninstalled_before", [False, True])
def test_a_purge_that_could_not_take_a_folder_is_gone_on_with(
    place: Place, uninstalled_before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write(PLAIN)
    before = snapshot(place.folder)
    place.install()
    recording = used(place)
    if uninstalled_before:
        place.uninstall()

    def is_busy(path: Path) -> None:
        raise doing.DoingError(f"{path}: Device or resource busy")

    with monkeypatch.context() as patched:
        patched.setattr(doing, "_purge", is_busy)
        failed = place.uninstall("--purge")
    assert (failed.exit_code, "Device or resource busy" in failed.output, recording.exists()) == (1, True, True)
    assert place.uninstall("--purge").exit_code == 0
    assert snapshot(place.folder) == before


def test_another_user_than_that_of_the_run_before_is_not_taken_for_one_that_was_made(place: Place) -> None:
    place.write(PLAIN)
    old = Manifest(str(place.etc), str(place.folder), user="autodialer-test", user_made=True)
    data = place.folder / "data"
    wishes = Wishes(place.config, data, "daemon", True, None, False, Path("/usr/bin/dialer"))
    known = Known("a", "secret", data / "audio", data / "rec", data, ("", ""), "127.0.0.1:4574", "[ami]\n")
    _plan, manifest = plan_installation(look(place.etc), wishes, known, old)
    assert (manifest.user, manifest.user_made) == ("daemon", False)


@pytest.mark.parametrize("state", ["active", "deactivating", "activating"])
def test_a_unit_that_does_not_stop_keeps_its_dialplan(
    place: Place, tmp_path: Path, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_commands(tmp_path, monkeypatch, systemctl=f'[ "$1" != is-active ] || {{ echo {state}; exit 3; }}')
    plan = removal_with_unit(place)
    before = snapshot(place.folder)
    with pytest.raises(doing.DoingError, match=f"still {state}"):
        doing.do(plan, tmp_path / "nowhere", lambda _: None)
    assert {**snapshot(place.folder), "called": before["called"]} == before


def test_the_stop_of_the_daemon_takes_as_long_as_its_calls(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doing, "COMMAND_TIMEOUT_S", 0.5)
    script = '[ "$1" != stop ] || sleep 0.8; [ "$1" != is-active ] || echo inactive'
    called = fake_commands(tmp_path, monkeypatch, systemctl=script)
    plan = removal_with_unit(place)
    said: list[str] = []
    doing.do(plan, tmp_path / "nowhere", said.append)
    assert "systemctl stop autodialer.service: done" in said
    assert called.read_text().splitlines()[:2] == [
        "systemctl stop autodialer.service",
        "systemctl is-active autodialer.service",
    ]
    assert place.read("extensions.conf") == DIALPLAN


def removal_with_unit(place: Place) -> Plan:
    place.write(PLAIN)
    place.install()
    manifest = read_manifest(manifest_path(place.config))
    assert manifest is not None
    manifest.unit = "autodialer.service"
    return plan_removal(manifest, place.config, purge=False, systemd=True)
