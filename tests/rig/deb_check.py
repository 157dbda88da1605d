"""`make deb-check`: the Debian package in a bare Debian 12: installed, set up beside an Asterisk's configuration, run,
removed and purged, under a systemd that runs as in a container. What it needs is built once (deb_root.sh); each run has
a copy of it in memory, and network, processes and a control group of its own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rig.pbx import REPO_DIR, asterisk_root

RIG = Path(__file__).resolve().parent
TIMEOUT_S = 240.0


def main() -> int:
    """0: all is as it should be."""
    if os.geteuid() != 0:
        print("deb_check: must be root", file=sys.stderr)
        return 1
    root = _last_line([RIG / "deb_root.sh"])
    package = (
        Path(sys.argv[1])
        if len(sys.argv) > 1
        else REPO_DIR / _last_line([REPO_DIR / "systemd" / "debian" / "build.sh"])
    )
    etc = asterisk_root() / "etc" / "asterisk"
    with tempfile.TemporaryDirectory(prefix="deb-check-") as folder, _own_control_group() as group:
        out = Path(folder, "out")
        out.mkdir()
        own = ("--mount", "--net", "--pid", "--cgroup", "--uts", "--ipc", "--fork", "--kill-child")
        join = f'echo $$ >{group}/cgroup.procs; exec "$@"'
        with subprocess.Popen(
            ["sh", "-c", join, "sh", "unshare", *own, "--propagation", "private",
             RIG / "deb_check.sh", root, folder, package, etc, out],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as machine:  # fmt: skip
            try:
                machine.wait(TIMEOUT_S)
            except subprocess.TimeoutExpired:
                machine.kill()
        for name in ("log", "problem"):
            print((out / name).read_text() if (out / name).exists() else "", end="")
        good = (out / "good").exists()
    print("deb_check:", "all is as it should be" if good else "FAILED")
    return 0 if good else 1


@contextmanager
def _own_control_group() -> Iterator[Path]:
    """systemd makes groups below the one that it finds itself in."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    group = next(Path(mount[1]) for mount in mounts if mount[2] == "cgroup2") / f"deb-check-{os.getpid()}"
    group.mkdir()
    try:
        yield group
    finally:
        for folder, _, _ in os.walk(group, topdown=False):
            Path(folder).rmdir()


def _last_line(command: list[Path]) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1]


if __name__ == "__main__":
    sys.exit(main())
