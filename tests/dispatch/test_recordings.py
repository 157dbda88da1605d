"""The recordings folder: whose it is, what is kept, what is told."""

import os
import stat
from pathlib import Path

import pytest

from dialer.dispatch.recordings import DAY_S, Recordings, new_talk_name
from dialer.model.safe import UnsafeValueError


def test_a_new_folder_belongs_to_asterisks_group_and_an_old_one_stays_as_it_is(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    os.chown(spool, -1, 12_345)
    Recordings(tmp_path / "new", spool, 0).set_up()
    status = (tmp_path / "new").stat()
    assert (status.st_gid, stat.S_IMODE(status.st_mode)) == (12_345, 0o2770)
    (tmp_path / "old").mkdir(0o755)
    Recordings(tmp_path / "old", spool, 0).set_up()
    assert stat.S_IMODE((tmp_path / "old").stat().st_mode) == 0o755


def test_recordings_are_removed_after_their_days_and_strangers_files_never(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path, tmp_path, 2)
    old, new = tmp_path / new_talk_name(1), tmp_path / new_talk_name(2)
    strange = tmp_path / "out-100-79522233446-20240101.wav"
    for path in (old, new, strange):
        path.write_bytes(b"RIFF")
    for path in (old, strange):
        os.utime(path, (path.stat().st_mtime - 3 * DAY_S,) * 2)
    assert Recordings(tmp_path, tmp_path, 0).prune() == 0
    assert recordings.prune() == 1
    assert [path.exists() for path in (old, new, strange)] == [False, True, True]


def test_a_talk_that_was_not_recorded_is_told_until_one_is(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path, tmp_path, 0)
    missing, there = new_talk_name(1), new_talk_name(2)
    (tmp_path / there).write_bytes(b"RIFF")
    assert not recordings.is_there(missing, expected=False)
    assert recordings.trouble is None
    assert not recordings.is_there(missing, expected=True)
    assert "recordings_dir" in str(recordings.trouble)
    assert recordings.is_there(there, expected=True)
    assert recordings.trouble is None


def test_a_folder_that_cannot_be_looked_into_is_trouble_and_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: Path) -> bool:
        raise PermissionError(13, "Permission denied")  # as Python 3.11 does, and root never meets

    monkeypatch.setattr(Path, "is_file", refuse)
    recordings = Recordings(tmp_path, tmp_path, 0)
    assert not recordings.is_there(new_talk_name(1), expected=True)
    assert "Permission denied" in str(recordings.trouble)


def test_only_names_of_our_making_are_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UnsafeValueError):
        Recordings(tmp_path, tmp_path, 0).find("../secret")
