"""`dialer install` once more: repair, upgrade, what somebody has edited, and runs that came to no end."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from dialer.cli import main
from dialer.install import doing
from tests.calls.installing import snapshot
from tests.unit.install.place import (
    DIALPLAN,
    INCLUDE,
    PLAIN,
    Place,
    broken,
    crash_after,
    doing_digest,
    failing_at,
    fake_commands,
    flat,
)


def test_what_somebody_has_written_since_stays(place: Place) -> None:
    place.write(PLAIN)
    place.install()
    file = place.etc / "extensions.conf"
    file.write_text("; first\n" + file.read_text() + "[mine]\n")
    own = place.etc / "extensions_autodialer.conf"
    own.write_text(own.read_text() + "; tuned\n")
    place.config.write_text(place.config.read_text() + "# tuned\n")
    left = place.install()
    assert ("nothing to change" in left.output, left.exit_code) == (True, 4)
    result = place.uninstall()
    assert result.exit_code == 0
    assert file.read_text() == "; first\n" + DIALPLAN + "[mine]\n"
    assert "changed by somebody since: only our lines are taken out" in flat(result)
    assert not own.exists()
    assert (place.etc / "extensions_autodialer.conf.edited").read_text().endswith("; tuned\n")
    assert place.config.read_text().endswith("# tuned\n")
    assert "your settings stay" in flat(result)


def test_what_is_edited_or_gone_is_put_back_by_repair_and_kept(place: Place) -> None:
    place.write(PLAIN)
    place.install()
    whole = snapshot(place.folder)
    manager, host = place.etc / "manager_autodialer.conf", place.etc / "extensions.conf"
    lines = manager.read_text().splitlines(keepends=True)
    edited = "".join(line for line in lines if not line.startswith("eventfilter"))
    manager.write_text(edited)
    left = place.install()
    assert (left.exit_code, "left as it is (--repair puts ours back" in flat(left)) == (4, True)
    assert manager.read_text() == edited
    (place.etc / "musiconhold_autodialer.conf").unlink()
    host.write_text(DIALPLAN)
    (place.folder / "data" / "audio").chmod(0o700)
    repaired = place.install("--repair")
    assert repaired.exit_code == 0, repaired.output
    copy = place.etc / "manager_autodialer.conf.edited"
    assert f"keep {manager} -> {copy.name}" in flat(repaired)
    assert (copy.read_text(), copy.stat().st_mode & 0o777) == (edited, 0o640)
    assert {name: seen for name, seen in snapshot(place.folder).items() if not name.endswith(copy.name)} == whole
    manager.write_text("; once more\n")
    assert place.install("--repair").exit_code == 0
    assert copy.read_text() == edited, "what was kept before stays"
    assert copy.with_name(f"{copy.name}.2").read_text() == "; once more\n"
    again = place.install()
    assert (again.exit_code, "nothing to change" in again.output) == (0, True)


def test_repair_tells_asterisk_all_of_it_although_no_file_has_changed(place: Place) -> None:
    """Whose dialplan was taken out at its console."""
    place.write(PLAIN)
    place.install()
    assert "asterisk: dialplan reload: not told" in place.install("--repair").output
    assert "asterisk:" not in place.install().output


def test_a_spool_that_is_gone_is_made_by_repair(place: Place) -> None:
    place.write(PLAIN)
    place.install()
    shutil.rmtree(place.spool.parent)
    said = place.install()
    assert (said.exit_code, "Asterisk's spool is not there" in flat(said), "--repair makes it" in flat(said)) == (
        0, True, True,
    )  # fmt: skip
    assert not place.spool.exists()
    said = place.install("--repair")
    assert (said.exit_code, "restart Asterisk" in flat(said)) == (0, True), said.output
    assert (place.spool.stat().st_mode & 0o7777, (place.spool.parent / "tmp").stat().st_mode & 0o7777) == (0o770, 0o770)
    place.uninstall()
    assert place.spool.is_dir(), "Asterisk's own"


def test_a_newer_dialplan_replaces_the_old_one_and_an_edited_one_is_kept(place: Place) -> None:
    place.write(PLAIN)
    place.install()
    own, manifest = place.etc / "extensions_autodialer.conf", place.config.parent / "installed.json"
    current = own.read_bytes()
    old = current + b"; of an older version\n"
    manifest.write_text(manifest.read_text().replace(doing_digest(current), doing_digest(old)))
    own.write_bytes(old)
    assert place.install().exit_code == 0
    assert own.read_bytes() == current
    assert not own.with_name(own.name + ".edited").exists()
    manifest.write_text(manifest.read_text().replace(doing_digest(current), doing_digest(old)))
    own.write_bytes(old + b"; tuned\n")
    assert place.install().exit_code == 0
    assert own.read_bytes() == current
    assert own.with_name(own.name + ".edited").read_bytes() == old + b"; tuned\n"


def test_a_file_of_our_name_that_was_there_comes_back(place: Place) -> None:
    place.write(PLAIN | {"manager_autodialer.conf": "[autodialer]\nsecret = of-old\n"})
    (place.etc / "manager_autodialer.conf").chmod(0o600)
    before = snapshot(place.etc)
    assert place.install().exit_code == 0
    assert "of-old" not in place.read("manager_autodialer.conf")
    assert place.read("manager_autodialer.conf.before-autodialer") == "[autodialer]\nsecret = of-old\n"
    place.uninstall()
    assert snapshot(place.etc) == before


def test_it_comes_back_also_when_ours_was_deleted(place: Place) -> None:
    """In whose place an administrator wants their own again."""
    place.write(PLAIN | {"manager_autodialer.conf": "[autodialer]\nsecret = of-old\n"})
    before = snapshot(place.etc)
    place.install()
    (place.etc / "manager_autodialer.conf").unlink()
    shown = flat(place.uninstall("--dry-run"))
    assert f"put back {place.etc}/manager_autodialer.conf <- manager_autodialer.conf.before-autodialer" in shown
    assert f"remove {place.etc}/manager_autodialer.conf" not in shown
    assert place.uninstall().exit_code == 0
    assert snapshot(place.etc) == before


def test_what_came_back_before_a_crash_is_not_taken_for_edited(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write(PLAIN | {"manager_autodialer.conf": "[autodialer]\nsecret = of-old\n"})
    before = snapshot(place.etc)
    place.install()
    with monkeypatch.context() as patched:
        last = place.etc / "extconfig_autodialer.conf"
        patched.setattr(doing, "_change_file", failing_at(last, doing._change_file))
        assert place.uninstall().exit_code == 1
    said = flat(place.uninstall())
    assert ("edited by somebody" in said, "is gone" in said) == (False, False), said
    assert snapshot(place.etc) == before


def test_what_an_earlier_installation_has_kept_is_not_written_over(place: Place) -> None:
    place.write(PLAIN | {"manager_autodialer.conf": "; theirs of today\n"})
    older = place.etc / "manager_autodialer.conf.before-autodialer"
    older.write_text("; theirs of old\n")
    before = snapshot(place.etc)
    assert place.install().exit_code == 0
    assert older.read_text() == "; theirs of old\n"
    place.uninstall()
    assert snapshot(place.etc) == before


@pytest.mark.parametrize("files_written", range(8))
def test_a_crash_amid_an_installation_can_be_taken_back_or_gone_on_with(
    place: Place, files_written: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write(PLAIN)
    before = snapshot(place.folder)
    left, write = files_written, doing.write_safely

    def dies(path: Path, content: bytes, *, uid: int, gid: int, mode: int) -> None:
        nonlocal left
        if left == 0:
            raise OSError(28, "No space left on device")
        left -= 1
        write(path, content, uid=uid, gid=gid, mode=mode)

    monkeypatch.setattr(doing, "write_safely", dies)
    crashed = place.install()
    monkeypatch.setattr(doing, "write_safely", write)
    assert (crashed.exit_code, "No space left on device" in crashed.output) == (1, True)
    assert place.uninstall().exit_code == 0
    if files_written == 0:  # the manifest: nothing else was begun
        assert snapshot(place.folder).keys() == {*before.keys(), "autodialer"}
    else:
        assert snapshot(place.folder) == before


def test_after_a_crash_a_second_run_goes_on(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write(PLAIN)
    write = doing.write_safely
    monkeypatch.setattr(
        doing, "write_safely",
        lambda path, content, **more: write(path, content, **more) if path.name != "extensions.conf" else dies(),
    )  # fmt: skip

    def dies() -> None:
        raise OSError(5, "Input/output error")

    assert place.install().exit_code == 1
    monkeypatch.setattr(doing, "write_safely", write)
    assert place.install().exit_code == 0
    assert place.read("extensions.conf") == DIALPLAN + INCLUDE
    assert "nothing to change" in place.install().output


def test_an_upgrade_does_what_was_asked_for_before(place: Place, tmp_path: Path) -> None:
    place.write(PLAIN)
    assert place.install("--http-port", "8099").exit_code == 0  # --no-user, --no-systemd
    result = place.upgrade()
    assert (result.exit_code, "nothing to change" in result.output) == (0, True), result.output
    place.become_older()
    result = place.upgrade()
    assert (result.exit_code, "useradd" in result.output, "systemctl" in result.output) == (0, False, False)
    place.config.unlink()
    assert place.upgrade().exit_code == 0
    assert place.settings()["http"]["port"] == 8099
    assert str(place.folder / "data") in str(place.settings()["store"]["url"])
    units = tmp_path / "units"
    assert place.upgrade("--systemd-dir", str(units)).exit_code == 0
    (units / "autodialer.service").unlink()
    assert place.upgrade().exit_code == 0
    assert (units / "autodialer.service").exists(), "what is given wins, and is kept"


def test_what_a_version_without_kept_options_has_done_is_done_again(place: Place) -> None:
    place.write(PLAIN)
    assert place.install().exit_code == 0
    manifest = place.config.parent / "installed.json"
    told = json.loads(manifest.read_text())
    for name in ("options", "pending", "unit_enabling"):
        del told[name]
    manifest.write_text(json.dumps(told))
    result = place.upgrade()
    assert (result.exit_code, "nothing to change" in result.output) == (0, True), result.output


def test_only_the_run_that_installs_the_unit_enables_it(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write(PLAIN)
    units = tmp_path / "units"
    monkeypatch.setattr("dialer.install.plan.SYSTEMD_DIR", units)
    called = fake_commands(tmp_path, monkeypatch, systemctl="")
    command = ["install", "--yes", "--no-user", "--systemd-dir", str(units), "--config", str(place.config)]
    command += ["--asterisk-etc", str(place.etc), "--data-dir", str(place.folder / "data")]
    assert CliRunner().invoke(main, command).exit_code == 0
    assert "systemctl enable" in called.read_text()
    called.write_text("")
    place.become_older()
    assert CliRunner().invoke(main, command).exit_code == 0  # disabled since: there is no link
    assert "enable" not in called.read_text()


@pytest.mark.parametrize("edited", [False, True])
@pytest.mark.parametrize("theirs", [None, "[Service]\nNice=5\n"])
def test_a_drop_in_that_the_packaged_unit_needs_no_more_is_taken_back(
    place: Place, tmp_path: Path, edited: bool, theirs: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write(PLAIN)
    units, packaged = tmp_path / "units", tmp_path / "packaged"
    packaged.mkdir()
    (packaged / "autodialer.service").touch()
    monkeypatch.setattr("dialer.install.plan.SYSTEMD_DIR", units)
    monkeypatch.setattr("dialer.install.plan._PACKAGED_UNITS", (packaged,))
    monkeypatch.setattr("dialer.install.plan.drop_in", lambda shipped, place: "[Service]\nUser=foo\n")
    drop_in = units / "autodialer.service.d" / "install.conf"
    if theirs is not None:
        drop_in.parent.mkdir(parents=True)
        drop_in.write_text(theirs)
    fake_commands(tmp_path, monkeypatch, systemctl="")
    where = ("--systemd-dir", str(units), "--asterisk-etc", str(place.etc), "--data-dir", str(tmp_path / "data"))
    assert place.upgrade("--no-user", *where).exit_code == 0
    assert drop_in.read_text() == "[Service]\nUser=foo\n"
    if edited:
        drop_in.write_text("[Service]\nUser=foo\nNice=9\n")
    monkeypatch.setattr("dialer.install.plan.drop_in", lambda shipped, place: None)
    with monkeypatch.context() as patched:
        patched.setattr(doing, "_change_file", failing_at(drop_in, doing._change_file))
        assert place.upgrade().exit_code == 1
    taken = place.upgrade()
    assert (taken.exit_code, "systemctl restart autodialer.service" in flat(taken)) == (0, True), taken.output
    assert (drop_in.read_text() if drop_in.exists() else None) == theirs
    copy = drop_in.with_name("install.conf.edited")
    assert copy.exists() is edited
    assert not edited or "Nice=9" in copy.read_text()
    assert "nothing to change" in place.upgrade().output
    assert place.uninstall().exit_code == 0
    assert (drop_in.read_text() if drop_in.exists() else None) == theirs


@pytest.mark.parametrize("done", range(18))
def test_after_a_crash_at_any_step_the_second_run_completes(
    place: Place, tmp_path: Path, done: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def modes(folder: Path) -> dict[str, tuple[int, int, int]]:
        return {name: seen[:3] for name, seen in snapshot(folder).items()}

    (tmp_path / "whole").mkdir()
    whole = Place(tmp_path / "whole")
    (tmp_path / "broken").mkdir()
    broken = Place(tmp_path / "broken")
    whole.write(PLAIN)
    broken.write(PLAIN)
    assert whole.install().exit_code == 0
    with monkeypatch.context() as patched:
        crash_after(done, patched)
        assert broken.install().exit_code == 1
    second = broken.install()
    assert second.exit_code == 0, second.output
    assert done == 0 or "asterisk: dialplan reload" in second.output, "it was not told by the first"
    assert "nothing to change" in broken.install().output
    assert modes(broken.folder) == modes(whole.folder)


@pytest.mark.parametrize("done", range(7))
def test_an_upgrade_that_fails_at_any_step_is_completed_by_the_next_run(
    place: Place, done: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write(PLAIN)
    place.install()
    whole = snapshot(place.folder)
    own = place.become_older()
    with monkeypatch.context() as patched:
        crash_after(done, patched)
        assert place.install().exit_code == 1
    assert place.install().exit_code == 0
    assert snapshot(place.folder) == whole
    assert not [file for file in own if file.with_name(f"{file.name}.edited").exists()]
    assert "nothing to change" in place.install().output


def test_a_file_that_was_there_comes_back_also_after_a_crash(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write(PLAIN | {"manager_autodialer.conf": "[autodialer]\nsecret = of-old\n"})
    before = snapshot(place.etc)
    with monkeypatch.context() as patched:
        patched.setattr(doing, "write_safely", lambda path, *_, **__: broken(path))
        assert place.install().exit_code == 1
    manifest = place.config.parent / "installed.json"
    assert not manifest.exists()
    write = doing.write_safely
    with monkeypatch.context() as patched:
        patched.setattr(
            doing,
            "write_safely",
            lambda path, *content, **how: (
                broken(path) if "before-autodialer" in path.name else write(path, *content, **how)
            ),
        )
        assert place.install().exit_code == 1
    assert place.install().exit_code == 0
    assert place.read("manager_autodialer.conf.before-autodialer") == "[autodialer]\nsecret = of-old\n"
    assert place.uninstall().exit_code == 0
    assert snapshot(place.etc) == before


def test_a_user_that_cannot_be_changed_stops_it_and_the_next_run_completes(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write(PLAIN)
    command = ["install", "--yes", "--user", "daemon", "--no-systemd", "--config", str(place.config)]
    command += ["--asterisk-etc", str(place.etc), "--data-dir", str(place.folder / "data")]
    fake_commands(tmp_path, monkeypatch, usermod="echo no >&2; exit 1")
    failed = CliRunner().invoke(main, command)
    assert (failed.exit_code, "usermod -aG" in failed.output) == (1, True)
    assert place.read("extensions.conf") == DIALPLAN
    fake_commands(tmp_path, monkeypatch, usermod="")
    assert CliRunner().invoke(main, command).exit_code == 0
    assert INCLUDE in place.read("extensions.conf")
    assert (place.folder / "data").owner() == "daemon"
