"""What `dialer doctor` finds: one line a check, how bad it is, and how to mend it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

EXIT_WARNINGS = 1
EXIT_FAILURES = 3
"""Not 2: that is a command line that cannot be understood."""


class State(StrEnum):
    OK = "ok"
    WARN = "warn"
    """It works now; it will not for long, or not for everything."""
    FAIL = "fail"
    """Calls are not made, or not as they should be."""


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    """A short name that stays the same: for programs."""
    state: State
    says: str
    mend: str = ""
    """What to do; where all is well: what could be better, or nothing."""


def ok(check: str, says: str, advice: str = "") -> Finding:
    return Finding(check, State.OK, says, advice)


def warn(check: str, says: str, mend: str) -> Finding:
    return Finding(check, State.WARN, says, mend)


def fail(check: str, says: str, mend: str) -> Finding:
    return Finding(check, State.FAIL, says, mend)


def exit_code(findings: Iterable[Finding]) -> int:
    """0: all is well; 1: warnings; 3: something has to be mended."""
    states = {one.state for one in findings}
    return EXIT_FAILURES if State.FAIL in states else EXIT_WARNINGS if State.WARN in states else 0
