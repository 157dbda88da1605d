"""Known vulnerabilities of the pinned libraries, by pip-audit; and what can be told without its service.

`python -m tests.lint.audit`: exit code 1 for a finding. Where the advisory service cannot be asked, or knows none of
the libraries (a mirror without advisories), that is said in a line, and the rest is looked at all the same: the
installed versions are the pinned ones and fit together, no registry is named, licences let us be MIT.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution, distribution, distributions, requires
from pathlib import Path

from packaging.requirements import Requirement

CONSTRAINTS = Path(__file__).resolve().parents[2] / "constraints.txt"
PROJECT = "autodialer"
TIME_LIMIT_S = 60.0
QUERY_TIMEOUT_S = 5
ACCEPTED: Mapping[str, str] = {}
"""Advisories that do not concern us, by id, and why not."""
COPYLEFT = re.compile(r"\b(?:AGPL|GPL)|General Public License", re.IGNORECASE)
MAY_BE_COPYLEFT = {"num2words": "LGPL: used as a library, unchanged"}
BASIC = frozenset({"pip", "setuptools", "wheel"})
"""What a virtual environment is made of."""


def vulnerabilities(report: object) -> tuple[list[str], bool]:
    """Findings that are not accepted, and whether the service knew any library at all."""
    listed = report.get("dependencies", []) if isinstance(report, dict) else []
    known = [one for one in listed if "skip_reason" not in one]
    findings = [
        f"{one['name']} {one['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'no version'}"
        for one in known
        for found in one["vulns"]
        if not {found["id"], *found.get("aliases", ())} & set(ACCEPTED)
    ]
    return findings, bool(known)


def ask_service() -> object:
    """pip-audit's report on the pinned versions; None when its service cannot be asked."""
    arguments = ["--disable-pip", "--no-deps", "--format", "json", "--progress-spinner", "off"]
    command = [sys.executable, "-m", "pip_audit", *arguments, "--timeout", str(QUERY_TIMEOUT_S), "-r", str(CONSTRAINTS)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT_S, check=False)
        report: object = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        return None
    return report


def unpinned(pinned: Mapping[str, str], installed: Iterable[Distribution]) -> Iterator[str]:
    """Installed versions that constraints.txt does not have."""
    for one in installed:
        name = _normal(one.name)
        if name != PROJECT and name not in BASIC and pinned.get(name) != one.version:
            yield f"{one.name} {one.version} is installed, constraints.txt has {pinned.get(name, 'none')}"


def read_pinned(text: str) -> dict[str, str]:
    """Versions by name; comments and environment markers left out."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;#]+)", text, re.MULTILINE)
    return {_normal(name): version for name, version in found}


def copyleft(names: Iterable[str]) -> Iterator[str]:
    """Libraries whose licence would bind us."""
    for name in names:
        about = distribution(name).metadata.json
        classifiers = [str(line) for line in about.get("classifier", ()) if str(line).startswith("License ::")]
        licence = str(about.get("license_expression") or "; ".join(classifiers) or about.get("license", ""))[:200]
        if COPYLEFT.search(licence) and _normal(name) not in MAY_BE_COPYLEFT:
            yield f"{name}: licence {licence}"


def runtime_libraries(root: str = PROJECT) -> set[str]:
    """What the daemon needs, and what that needs."""
    found: set[str] = set()
    waiting = [root]
    while waiting:
        for line in requires(waiting.pop()) or ():
            wanted = Requirement(line)
            name = _normal(wanted.name)
            if name not in found and (wanted.marker is None or wanted.marker.evaluate({"extra": ""})):
                found.add(name)
                waiting.append(name)
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    findings, knew_any = vulnerabilities(ask_service())
    if not knew_any:
        print("audit: the advisory service cannot be asked from here: vulnerabilities are NOT looked for")
    text = CONSTRAINTS.read_text(encoding="utf-8")
    findings += unpinned(read_pinned(text), distributions())
    findings += copyleft(runtime_libraries())
    if "://" in text or re.search(r"^\s*-", text, re.MULTILINE):
        findings.append("constraints.txt names a registry")
    check = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    findings += check.stdout.splitlines() if check.returncode else []
    for finding in findings:
        print(f"audit: {finding}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
