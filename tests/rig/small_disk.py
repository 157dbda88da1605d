"""A disk of a few megabytes that can be full: a tmpfs, mounted by root and gone with its user."""

import errno
import os
import subprocess
import threading
from pathlib import Path

from tests.rig.waiting import POLL_S

_SOURCE = "autodialer-small-disk-"
_CHUNKS_BYTES = (1_048_576, 4_096)


class SmallDisk:
    """Use as `with SmallDisk(folder)`. What was on it is gone at the end."""

    def __init__(self, folder: Path, size_mb: int = 24) -> None:
        """Nothing is mounted yet; `folder` is created when it is not there."""
        self.folder = folder.resolve()
        self._size_mb = size_mb
        self._filler = self.folder / "filler"
        self._filling: threading.Thread | None = None
        self._enough = threading.Event()

    def __enter__(self) -> "SmallDisk":
        unmount_stale()
        self.folder.mkdir(parents=True, exist_ok=True)
        # The source names its owner, so that whoever comes next can tell a mount that a killed test left.
        options = f"size={self._size_mb}m,mode=755"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, f"{_SOURCE}{os.getpid()}", self.folder], check=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        _unmount(self.folder)

    @property
    def is_full(self) -> bool:
        """Whether `fill()` is at work."""
        return self._filling is not None

    def fill(self) -> None:
        """Leave no block free, and take every block that becomes free, until `free()`. From any thread."""
        self._take_all()
        if self._filling is None:
            self._enough.clear()
            self._filling = threading.Thread(target=self._keep_full, name="small disk filler", daemon=True)
            self._filling.start()

    async def free(self) -> None:
        """Give the space back. Harmless when repeated."""
        self._stop()
        self._filler.unlink(missing_ok=True)

    def _stop(self) -> None:
        if self._filling is not None:
            self._enough.set()
            self._filling.join()
            self._filling = None

    def _keep_full(self) -> None:
        while not self._enough.wait(POLL_S):
            self._take_all()

    def _take_all(self) -> None:
        with self._filler.open("ab", buffering=0) as filler:
            for chunk_bytes in _CHUNKS_BYTES:
                try:
                    while filler.write(bytes(chunk_bytes)) == chunk_bytes:
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise


def unmount_stale() -> None:
    """Unmount what killed tests have left behind."""
    for line in Path("/proc/mounts").read_text().splitlines():
        source, folder, *_ = line.split(" ")
        owner = source.removeprefix(_SOURCE)
        if owner != source and not Path("/proc", owner).exists():
            _unmount(Path(folder))


def _unmount(folder: Path) -> None:
    """Lazily: files that are still open keep nobody from going."""
    subprocess.run(["umount", "--lazy", folder], check=False)
