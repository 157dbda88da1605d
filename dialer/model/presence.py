"""Who can take a call: the rules of free and busy for employees and queues. Pure."""

import re
from collections.abc import Collection
from dataclasses import dataclass

HINT_IDLE = 0
"""Asterisk 22 pbx.h AST_EXTENSION_NOT_INUSE. In use, busy, unavailable, ringing and on hold are not it."""
FREE_DEVICES = frozenset({0, 1})
"""Asterisk 22 devicestate.h AST_DEVICE_UNKNOWN and AST_DEVICE_NOT_INUSE, as app_queue shows its members. A device whose
state nobody tells is unknown, and rung."""
DEVICE_RINGING = 6
"""Asterisk 22 devicestate.h AST_DEVICE_RINGING."""
_UNREACHABLE_DEVICES = frozenset({4, 5})
"""AST_DEVICE_INVALID, AST_DEVICE_UNAVAILABLE."""
_HINT_RINGING, _HINT_UNAVAILABLE = 8, 4
_PRESENT = frozenset({"", "0"})
_HINT_WORDS = {-1: "unknown", 1: "in use", 2: "busy", 4: "unavailable", 8: "ringing", 16: "on hold"}
"""Bits of Asterisk 22 pbx.h enum ast_extension_states; -1: the hint was removed."""
_EMPLOYEE = re.compile(r"[^/]+/([0-9*#]+)(?:[@-].*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a queue."""

    interface: str
    """What app_queue dials: PJSIP/201, Local/201@internal/n."""
    device_state: int
    paused: bool
    last_call_s: int = 0
    """When its last talk ended, Unix seconds; 0: never."""
    wrap_up_s: int = 0
    """How long it has to do after each (`wrapuptime`)."""

    @property
    def employee(self) -> str:
        """The member's internal number; empty when the interface does not name one."""
        match = _EMPLOYEE.fullmatch(self.interface)
        return match.group(1) if match else ""


def employee_obstacle(hints: Collection[int], status: str) -> str | None:
    """Why an employee cannot take a call, in words; None: free. Free: every hint of the number says exactly idle, and
    AstDB UserBuddyStatus is absent or 0."""
    if status not in _PRESENT:
        return f"away (UserBuddyStatus {status})"
    return next((_hint_in_words(hint) for hint in hints if hint != HINT_IDLE), None)


def is_member_free(member: Member, status: str) -> bool:
    """Free: not paused, not on a call, not unreachable, and its employee is not away."""
    return status in _PRESENT and not member.paused and member.device_state in FREE_DEVICES


def is_on_duty(member: Member, status: str) -> bool:
    """Logged in, not paused, not away; free or not."""
    return status in _PRESENT and not member.paused and member.device_state not in _UNREACHABLE_DEVICES


def wraps_up_s(member: Member, now_s: float, least_s: float) -> float:
    """Seconds that a member still has to do after its last talk: its own wrap-up, or that of the settings when it is
    longer."""
    if not member.last_call_s:
        return 0.0
    return max(0.0, member.last_call_s + max(member.wrap_up_s, least_s) - now_s)


def is_reachable(hints: Collection[int], status: str) -> bool:
    """Whether an employee is there, free or not."""
    return status in _PRESENT and not any(hint < 0 or hint & _HINT_UNAVAILABLE for hint in hints)


def hint_rings(hints: Collection[int]) -> bool:
    """Whether an employee's telephone rings and nobody talks."""
    return any(hint == _HINT_RINGING for hint in hints)


def _hint_in_words(hint: int) -> str:
    if hint in _HINT_WORDS:
        return f"the hint says {_HINT_WORDS[hint]}"
    words = [word for bit, word in _HINT_WORDS.items() if bit > 0 and hint > 0 and hint & bit]
    return f"the hint says {' and '.join(words) or hint}"
