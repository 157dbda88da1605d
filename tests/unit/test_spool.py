"""Call files are Asterisk's: their owner, group and mode."""

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dialer.dispatch.callfile import DUE_SINCE_S, Spool

ASTERISK, GROUP = 54_321, 54_322


@pytest.fixture
def outgoing(tmp_path: Path) -> Path:
    folder = tmp_path / "outgoing"
    folder.mkdir()
    return folder


@pytest.fixture(params=[0o022, 0o007, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_a_call_file_may_be_read_and_written_by_owner_and_group_whatever_our_umask(outgoing: Path) -> None:
    Spool(outgoing).put(7, "Priority: 1\n")
    assert stat.S_IMODE((outgoing / "dialer-7.call").stat().st_mode) == 0o660


def test_a_call_file_is_due_by_any_clock(outgoing: Path) -> None:
    """Files may get a finer time than the clock that Asterisk looks at: the next second already."""
    asked_s = time.time()
    Spool(outgoing).put(7, "Priority: 1\n")
    assert asked_s - 2 * DUE_SINCE_S < (outgoing / "dialer-7.call").stat().st_mtime <= time.time() - DUE_SINCE_S


def test_roots_call_file_is_given_to_the_owner_and_group_of_the_spool(outgoing: Path) -> None:
    spool = Spool(outgoing)
    os.chown(outgoing, ASTERISK, GROUP)
    spool.put(7, "Priority: 1\n")
    status = (outgoing / "dialer-7.call").stat()
    assert (status.st_uid, status.st_gid) == (ASTERISK, GROUP)
    os.chown(outgoing, ASTERISK + 1, -1)
    spool.put(8, "Priority: 1\n")
    assert (outgoing / "dialer-8.call").stat().st_uid == ASTERISK + 1


def test_who_is_not_root_gives_the_group_and_asks_for_more_once(
    outgoing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []

    def refuse_owners(descriptor: int, uid: int, gid: int) -> None:
        asked.append((uid, gid))
        if uid != -1:
            raise PermissionError

    own, spool = outgoing.stat(), Spool(outgoing)
    monkeypatch.setattr(os, "fchown", refuse_owners)
    monkeypatch.setattr(Path, "stat", lambda path: os.stat_result((0, 0, 0, 0, ASTERISK, GROUP, 0, 0, 0, 0)))
    for attempt_id in (7, 8):
        spool.put(attempt_id, "Priority: 1\n")
    assert asked == [(ASTERISK, -1), (-1, GROUP), (-1, GROUP)]
    monkeypatch.setattr(Path, "stat", lambda path: own)
    spool.put(9, "Priority: 1\n")
    assert len(asked) == 3, "it has the group already"
