"""`make deb-check`: the Debian package in a bare Debian 12: installed, set up beside an Asterisk's configuration, run,
removed and purged. What it needs is built once (deb_root.sh); each run has a copy of it in memory and a network of its
own."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.rig.pbx import REPO_DIR, asterisk_root

RIG = Path(__file__).resolve().parent


def main() -> int:
    """0: all is as it should be."""
    if os.geteuid() != 0:
        print("deb_check: must be root", file=sys.stderr)
        return 1
    root = _last_line([RIG / "deb_root.sh"])
    package = Path(sys.argv[1]) if len(sys.argv) > 1 else REPO_DIR / _last_line([REPO_DIR / "debian" / "build.sh"])
    etc = asterisk_root() / "etc" / "asterisk"
    with tempfile.TemporaryDirectory(prefix="deb-check-") as folder:
        done = subprocess.run(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation", "private",
             RIG / "deb_check.sh", root, folder, package, etc],
            check=False,
        )  # fmt: skip
    print("deb_check:", "all is as it should be" if done.returncode == 0 else "FAILED")
    return done.returncode


def _last_line(command: list[Path]) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1]


if __name__ == "__main__":
    sys.exit(main())
