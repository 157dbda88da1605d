"""One daemon at a time on one SQLite file, by whatever name it calls it."""

import errno
import os
from pathlib import Path

import pytest

from dialer.store.errors import StoreError
from dialer.store.sole import in_use, sole_user


@pytest.mark.parametrize("scheme", ["sqlite", "sqlite+aiosqlite"])
@pytest.mark.parametrize("name", ["dialer.db", "link.db", "folder/../dialer.db", "dialer.db?timeout=3"])
def test_a_second_user_is_refused_by_whatever_name(tmp_path: Path, scheme: str, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "dialer.db")
    first, second = sole_user(f"sqlite:///{tmp_path}/dialer.db"), sole_user(f"{scheme}:///{tmp_path}/{name}")
    with first, pytest.raises(StoreError, match="another dialer is using"), second:
        raise AssertionError
    with sole_user(f"{scheme}:///{tmp_path}/{name}"):
        pass  # free again


@pytest.mark.parametrize("url", ["postgresql://host/dialer", "nonsense", "sqlite://", "sqlite:////proc/none/dialer.db"])
def test_what_is_no_file_that_can_be_made_is_left_to_whoever_opens_it(url: str) -> None:
    with sole_user(url), sole_user(url):
        pass


def test_whether_it_is_in_use_is_seen_without_making_anything(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/dialer.db"
    assert not in_use(url)
    assert list(tmp_path.iterdir()) == []
    with sole_user(url):
        assert in_use(url)
    assert not in_use(url)


@pytest.mark.parametrize("url", ["postgresql://host/dialer", "nonsense", "sqlite://"])
def test_what_is_no_file_is_not_in_use(url: str) -> None:
    assert not in_use(url)


def test_a_daemon_holds_no_lock_that_others_would_not_look_at(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.lock")
    (tmp_path / "link.lock").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "folder.lock").mkdir()
    for name in ("pipe", "link", "folder"):
        with pytest.raises(StoreError, match="is no regular file"), sole_user(f"sqlite:///{tmp_path}/{name}"):
            raise AssertionError
    assert not (tmp_path / "elsewhere").exists()


def test_a_lock_that_cannot_be_opened_now_is_not_taken_for_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dialer.db.lock").touch()

    def fails(*_: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("dialer.store.sole.os.open", fails)
    with sole_user(f"sqlite:///{tmp_path}/dialer.db"):
        pass  # SQLite says what is wrong


def test_what_is_no_lock_of_ours_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.lock")
    (tmp_path / "link.lock").symlink_to("nowhere")
    (tmp_path / "folder.lock").mkdir()
    for name in ("pipe", "link", "folder"):
        assert not in_use(f"sqlite:///{tmp_path}/{name}"), name
