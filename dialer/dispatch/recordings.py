"""What Asterisk records: answers of subscribers, talks with employees."""

import contextlib
import logging
import os
import secrets
import time
from pathlib import Path

from dialer.model.safe import UnsafeValueError, safe_recording_name

log = logging.getLogger(__name__)
DAY_S = 86_400


def new_talk_name(attempt_id: int) -> str:
    """The file name for the talk of an attempt; one that nobody can guess, and no other database has given."""
    return safe_recording_name(f"talk-{attempt_id}-{secrets.token_hex(8)}.wav")


class Recordings:
    """The folder that Asterisk writes recordings to, and the daemon serves them from."""

    def __init__(self, folder: Path, spool: Path, max_age_days: int) -> None:
        self._folder = folder
        self._spool = spool
        self._max_age_s = max_age_days * DAY_S
        self.trouble: str | None = None
        """Why the last talk was not recorded, in words; None when it was."""

    def set_up(self) -> None:
        """Create the folder, writable for the group of Asterisk's spool; one that is there stays as it is. Raises
        OSError."""
        if self._folder.is_dir():
            return
        self._folder.mkdir(parents=True)
        try:
            os.chown(self._folder, -1, self._spool.stat().st_gid)
            self._folder.chmod(0o2770)
        except OSError as error:  # the spool may come later than we
            log.warning("%s: not given to Asterisk's group: %s", self._folder, error)

    def find(self, name: str) -> Path | None:
        """The file of a recording, if there is one of that name. Raises UnsafeValueError."""
        path = self._folder / safe_recording_name(name)
        return path if path.is_file() else None

    def is_there(self, name: str, expected: bool) -> bool:
        """Whether a talk was recorded; `trouble` tells of one that should have been."""
        try:
            found = self.find(name) is not None
        except OSError as error:  # a folder that may not be looked into any more, a network file system that is away
            log.error("%s: nobody can say whether it was recorded: %s", name, error)  # noqa: TRY400 - no trace needed
            self.trouble = f"[audio] recordings_dir: {error}"
            return False
        if found:
            self.trouble = None
        elif expected:
            log.error("%s was not recorded: can Asterisk write to %s?", name, self._folder)
            self.trouble = f"[audio] recordings_dir: Asterisk does not record to {self._folder}"
        return found

    def prune(self) -> int:
        """Remove what is older than recordings are kept; return how many. 0 days: they are kept for ever."""
        if not self._max_age_s:
            return 0
        too_old, removed = time.time() - self._max_age_s, 0
        for path in self._folder.glob("*.wav"):
            with contextlib.suppress(UnsafeValueError, OSError):  # not ours; or gone, or not ours to remove
                safe_recording_name(path.name)
                if path.stat().st_mtime < too_old:
                    path.unlink()
                    removed += 1
        return removed
