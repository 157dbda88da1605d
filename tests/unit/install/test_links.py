"""Root is led nowhere by links that Asterisk's user has planted."""

import os
from pathlib import Path

import pytest

from tests.unit.install.place import ASTERISK_UID, DIALPLAN, INCLUDE, PLAIN, Place, flat


def plant(link: Path, target: Path) -> None:
    """As Asterisk's user can in its own folder."""
    link.symlink_to(target)
    os.chown(link, ASTERISK_UID, ASTERISK_UID, follow_symlinks=False)


@pytest.mark.parametrize(
    "name",
    [
        ".extensions.conf.autodialer-new",
        ".extensions_autodialer.conf.autodialer-new",
        "extensions.conf",
        "extensions_autodialer.conf",
        "manager_autodialer.conf.before-autodialer",
        "musiconhold.conf",
    ],
)
def test_a_link_that_asterisk_s_user_has_planted_leads_root_nowhere(place: Place, tmp_path: Path, name: str) -> None:
    place.write(PLAIN | {"manager_autodialer.conf": "[old]\n"})
    for path in (place.etc, *place.etc.iterdir()):
        os.chown(path, ASTERISK_UID, ASTERISK_UID)
    victim = tmp_path / "victim"
    victim.write_text("root's\n[general]\n")
    (place.etc / name).unlink(missing_ok=True)
    plant(place.etc / name, victim)
    before = (victim.read_bytes(), victim.stat().st_uid, victim.stat().st_mode)
    result = place.install()
    assert (victim.read_bytes(), victim.stat().st_uid, victim.stat().st_mode) == before
    goes_elsewhere = name.startswith(".") or name.endswith(".before-autodialer")  # what is there has another name
    assert goes_elsewhere == (result.exit_code == 0), result.output
    assert goes_elsewhere or "a link of the user 12345 leads to what is another's" in flat(result)


def test_a_folder_that_is_a_link_of_asterisk_s_user_is_not_written_to(place: Place, tmp_path: Path) -> None:
    place.write(PLAIN | {"manager.conf": '[general]\nenabled = yes\n#include "manager.d/*.conf"\n'})
    victim = tmp_path / "victim"
    victim.mkdir(0o700)
    plant(place.etc / "manager.d", victim)
    assert place.install().exit_code == 1
    assert not list(victim.iterdir())


@pytest.mark.parametrize("folder", ["outgoing", "tmp"])
def test_the_mode_of_what_a_planted_link_leads_to_is_not_changed(place: Place, tmp_path: Path, folder: str) -> None:
    place.write(PLAIN)
    victim = tmp_path / "victim"
    victim.mkdir(0o700)
    if folder == "outgoing":
        place.spool.rmdir()
    plant(place.spool.parent / folder, victim)
    result = place.install()
    assert (result.exit_code, victim.stat().st_mode & 0o7777) == (1, 0o700), result.output


def test_a_link_of_asterisk_s_user_to_its_own_file_is_followed(place: Place, tmp_path: Path) -> None:
    """FreePBX makes such links."""
    place.write(PLAIN)
    modules = tmp_path / "modules"
    modules.mkdir()
    (place.etc / "extensions.conf").rename(modules / "extensions.conf")
    for path in (modules, modules / "extensions.conf"):
        os.chown(path, ASTERISK_UID, ASTERISK_UID)
    plant(place.etc / "extensions.conf", modules / "extensions.conf")
    assert place.install().exit_code == 0
    assert (place.etc / "extensions.conf").is_symlink()
    assert (modules / "extensions.conf").read_text() == DIALPLAN + INCLUDE
