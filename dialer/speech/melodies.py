"""The melodies that Asterisk plays while telephones are called: its classes of music on hold are static
(`dialplan/musiconhold_autodialer.conf`), the sounds behind them change."""

import contextlib
import errno
import hashlib
import logging
import os
import shutil
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from dialer.speech.cache import discard

log = logging.getLogger(__name__)
PLACES = 100
CLASS = "autodialer-"
"""What stands before the number in the name of a class."""
IN_USE_S = 900.0
"""What was asked for within this time may just be played to somebody."""
_PART = ".part"


@dataclass(frozen=True, slots=True)
class _Held:
    place: int
    used_ns: int
    sound: Path


class Melodies:
    """A folder with a link for each place (`7.wav`, which class autodialer-7 plays) to a sound, named by its digest.

    A sound's time of modification is the time of its last use. All of it is in the folder, so a restart finds it.
    """

    def __init__(self, folder: Path, places: int = PLACES) -> None:
        self._folder = folder
        self._places = places
        self._lock = threading.Lock()

    def set_up(self) -> None:
        """Create the folder, remove what a crash has left half done. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        kept = {held.sound for held in self._held()}
        for path in self._folder.iterdir():
            if path.suffix == _PART or (path.suffix == ".wav" and not path.is_symlink() and path not in kept):
                path.unlink(missing_ok=True)

    def place(self, sound: Path) -> str:
        """The name of a class that plays what is in this 8 kHz WAV: the one that has it, else one that is free, else
        the one that was used longest ago. Blocks for the disk: for a thread. Raises OSError."""
        with sound.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        kept = self._folder / f"{digest}.wav"
        with self._lock:
            held = self._held()
            place = next((one.place for one in held if one.sound == kept), None)
            if place is None:
                place = self._put(sound, kept, held)
            now_ns = time.time_ns()
            os.utime(kept, ns=(now_ns, now_ns))
        return f"{CLASS}{place}"

    def _put(self, sound: Path, kept: Path, held: list[_Held]) -> int:
        """Give the sound a place; nobody hears half of it, and who hears the one before hears that to its end."""
        free = set(range(1, self._places + 1)) - {one.place for one in held}
        oldest = None if free else min(held, key=lambda one: one.used_ns)
        if oldest is not None and time.time_ns() - oldest.used_ns < IN_USE_S * 1e9:
            raise OSError(errno.EBUSY, f"more than {self._places} melodies are in use", str(self._folder))
        place = oldest.place if oldest else min(free)
        part, link = (self._folder / f"{uuid.uuid4().hex}{_PART}" for _ in range(2))
        try:
            shutil.copyfile(sound, part)
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.rename(kept)
            link.symlink_to(kept.name)
            link.rename(self._folder / f"{place}.wav")
        finally:
            discard(part, link)
        if oldest is not None:
            discard(oldest.sound)
        return place

    def _held(self) -> list[_Held]:
        """The places that have a sound."""
        held = []
        for place in range(1, self._places + 1):
            with contextlib.suppress(OSError):  # free, or a link to what is gone
                sound = self._folder / (self._folder / f"{place}.wav").readlink()
                held.append(_Held(place, sound.stat().st_mtime_ns, sound))
        return held
