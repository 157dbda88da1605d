"""The prompt cache: a folder of 8 kHz WAV files, each whole or not there, bounded in size and age."""

import asyncio
import contextlib
import hashlib
import logging
import os
import time
import uuid
import wave
from pathlib import Path

log = logging.getLogger(__name__)
FULL_TO = 0.9
"""A full cache is emptied to this part of its size."""
IN_USE_S = 900.0
"""What was asked for within this time may just be played to somebody: it is not removed."""
LOOK_AGAIN_S = 3600.0
_PARTS = (".part", ".spoken")


class PromptCache:
    """Files by what they were made from. A file's time of modification is the time of its last use."""

    def __init__(self, folder: Path, max_bytes: int, max_age_s: float) -> None:
        self.folder = folder
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._sound: set[Path] = set()
        """Files that were found to be whole, or were made, since the start."""
        self._bytes = 0
        self._full_at = max_bytes
        self._full = asyncio.Event()

    @property
    def size_bytes(self) -> int:
        """Of all files, as far as it has been looked."""
        return self._bytes

    @property
    def max_bytes(self) -> int:
        return self._max_bytes

    def set_up(self) -> None:
        """Create the folder, remove what a crash has left half written. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            if path.suffix in _PARTS:
                path.unlink(missing_ok=True)
        self.prune()

    def path_of(self, *made_from: object) -> Path:
        """Where the sound made from this is kept."""
        key = "\0".join(map(str, made_from))
        return self.folder / f"{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()[:32]}.wav"

    def has(self, path: Path) -> bool:
        """Whether the file is there, whole; it counts as used now. A damaged one is removed."""
        try:
            os.utime(path)
        except FileNotFoundError:
            self._sound.discard(path)
            return False
        except OSError:
            pass  # somebody else's file, a read-only disk: it can be played all the same
        if path not in self._sound:
            if not _is_whole(path):
                log.warning("%s is damaged and made anew", path)
                discard(path)
                return False
            self._sound.add(path)
        return True

    def aside(self, path: Path) -> tuple[Path, Path]:
        """Two new names beside a file: for what an engine writes, and for what is made of that."""
        name = uuid.uuid4().hex
        return path.with_name(name + ".spoken"), path.with_name(name + ".part")

    def take_in(self, made: Path, path: Path) -> None:
        """Put a finished file in its place, durable before it is seen. Blocks for the disk: for a thread."""
        with made.open("rb") as file:
            os.fsync(file.fileno())
            size = os.fstat(file.fileno()).st_size
        made.rename(path)
        self._sound.add(path)
        self._bytes += size

    async def keep(self) -> None:
        """Serve until cancelled: keep the bounds."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await self._full.wait()
            self._full.clear()
            try:
                await asyncio.to_thread(self.prune)
            except OSError as error:
                log.warning("the prompt cache cannot be looked through: %s", error)

    def note_size(self) -> None:
        """Wake the keeper when the cache is full."""
        if self._bytes > self._full_at:
            self._full.set()

    def prune(self) -> None:
        """Remove what was not used for too long and, when the cache is full, what was used longest ago."""
        now_s = time.time()
        files = []
        for path in self.folder.glob("*.wav"):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                files.append((status.st_mtime, status.st_size, path))
        files.sort()
        total = sum(size for _, size, _ in files)
        goal = int(self._max_bytes * FULL_TO) if total > self._max_bytes else total
        removed = 0
        for used_s, size, path in files:
            idle_s = now_s - used_s
            if idle_s > IN_USE_S and (total > goal or idle_s > self._max_age_s):
                with contextlib.suppress(FileNotFoundError):
                    if path.stat().st_mtime != used_s:
                        continue  # asked for while we looked
                    path.unlink()
                self._sound.discard(path)
                total -= size
                removed += 1
        self._bytes = total
        self._full_at = max(self._max_bytes, int(total / FULL_TO))  # more, while what is in use has no room
        if removed:
            log.info("prompt cache: %d files removed, %d MB kept", removed, total // 1_000_000)


def discard(*paths: Path) -> None:
    """Remove files as far as that is possible."""
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink()


def _is_whole(path: Path) -> bool:
    """Whether the file is as long as its head says: a crash of the machine may have left less."""
    try:
        with wave.open(str(path)) as sound:
            length: int = sound.getnframes() * sound.getsampwidth() * sound.getnchannels()
            return 0 < length <= path.stat().st_size
    except (wave.Error, EOFError, OSError):
        return False
