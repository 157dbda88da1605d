"""How many calls at once and how many a second: limits, and limits within limits. Pure: the clock is passed in."""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from dialer.model.backing_off import AdaptiveRate

ANY_NUMBER = sys.maxsize
"""Of calls: there is no limit."""
_DUST_S = 1e-6
"""What arithmetic leaves of a wait that is over."""


def is_full(in_use: int, most: int) -> bool:
    """Whether no channel of a limit is left; 0 means no limit."""
    return 0 < most <= in_use


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call may not begin now."""

    limit: "Limit"
    reason: str
    """In words."""
    wait_s: float
    """Until its rate allows one; `math.inf`: until a call of the limit ends."""


@dataclass(slots=True, eq=False)
class Limit:
    """Calls at once and calls begun a second, of a trunk, a task, or all. Each 0: no such limit."""

    name: str
    """For people: `[dialing] max_channels`, `trunk mts`, `task 1000000001`."""
    max_channels: int = 0
    max_calls_per_s: float = 0.0
    burst: int = 1
    """So many calls may begin at once after a pause, at least 1: with 1 they are evenly spaced."""
    adaptive: AdaptiveRate | None = None
    """Lowers the rate while the other side is overloaded; then calls are evenly spaced, too."""
    counted: Callable[[], int] | None = None
    """Who else knows the calls in progress; None: `begin` and `end` count them here."""
    _attempt_ids: set[int] = field(default_factory=set, init=False)
    _tokens: float = field(default=0.0, init=False)
    """Left when the last call had begun; they come back at the rate."""
    _took_at_s: float = field(default=-math.inf, init=False)

    @property
    def in_use(self) -> int:
        """Calls in progress."""
        return len(self._attempt_ids) if self.counted is None else self.counted()

    def calls_per_s(self, now_s: float) -> float:
        """How many calls may begin in a second now; `math.inf`: any number."""
        configured = self.max_calls_per_s or math.inf
        if self.adaptive is None:
            return configured
        return min(configured, self.adaptive.calls_per_s(now_s))

    def wait_s(self, now_s: float) -> float:
        """0 when a call may begin, else seconds until the rate allows it; `math.inf`: only the end of a call helps."""
        if self.max_channels and is_full(self.in_use, self.max_channels):
            return math.inf
        calls_per_s = self.calls_per_s(now_s)
        if calls_per_s == math.inf:
            return 0.0
        wait_s = (1 - self._tokens_at(now_s, calls_per_s)) / calls_per_s
        return wait_s if wait_s > _DUST_S else 0.0

    def room(self, now_s: float) -> int:
        """How many calls may begin at once, where `refusal` lets one through."""
        left = self.max_channels - self.in_use if self.max_channels else ANY_NUMBER
        calls_per_s = self.calls_per_s(now_s)
        if calls_per_s < math.inf:
            left = min(left, int(self._tokens_at(now_s, calls_per_s)))
        return max(1, left)

    def refusal(self, now_s: float) -> Refusal | None:
        """Why a call may not begin now; None: it may."""
        wait_s = self.wait_s(now_s)
        return Refusal(self, self._reason(wait_s, now_s), wait_s) if wait_s else None

    def took_one(self, now_s: float) -> None:
        """A call begins now: what the rate has to know."""
        calls_per_s = self.calls_per_s(now_s)
        before = self.burst if calls_per_s == math.inf else self._tokens_at(now_s, calls_per_s)
        self._tokens = before - 1
        self._took_at_s = now_s
        if self.adaptive is not None:
            self.adaptive.began(now_s)

    def begin(self, attempt_id: int) -> None:
        """The attempt is in progress: just begun, or found so at a start. Told twice, it counts once."""
        if self.counted is None:
            self._attempt_ids.add(attempt_id)

    def end(self, attempt_id: int) -> None:
        """The attempt is not in progress, if it ever was."""
        self._attempt_ids.discard(attempt_id)

    def _tokens_at(self, now_s: float, calls_per_s: float) -> float:
        """At a rate that is one."""
        is_slowed_down = self.adaptive is not None and self.adaptive.is_backing_off(now_s)
        most = 1 if is_slowed_down else self.burst
        return min(most, self._tokens + max(0.0, now_s - self._took_at_s) * calls_per_s)

    def _reason(self, wait_s: float, now_s: float) -> str:
        if wait_s == math.inf:
            return f"{self.in_use} calls are in progress, {self.name} allows {self.max_channels}"
        slowed_down = None if self.adaptive is None else self.adaptive.reason(now_s)
        if slowed_down is not None and self.calls_per_s(now_s) != self.max_calls_per_s:
            return f"{self.name}: {slowed_down}"
        return f"{self.name} allows {self.max_calls_per_s:.3g} calls a second"


@dataclass(frozen=True, slots=True)
class Nest:
    """Limits that all hold for one call, the widest first: all calls, the trunk, the task."""

    limits: tuple[Limit, ...]

    def refusal(self, now_s: float) -> Refusal | None:
        """What the first limit that refuses a call says; None: a call may begin."""
        return next((said for limit in self.limits if (said := limit.refusal(now_s)) is not None), None)

    def wait_s(self, now_s: float) -> float:
        """Seconds until all rates allow a call; `math.inf`: only the end of a call helps."""
        return max((limit.wait_s(now_s) for limit in self.limits), default=0.0)

    def begin(self, attempt_id: int, now_s: float) -> Refusal | None:
        """Let a call begin that all limits allow. When one refuses it, that is returned, and nothing is taken."""
        refusal = self.refusal(now_s)
        if refusal is None:
            for limit in self.limits:
                limit.took_one(now_s)
                limit.begin(attempt_id)
        return refusal

    def end(self, attempt_id: int) -> None:
        """The attempt is not in progress any more."""
        for limit in self.limits:
            limit.end(attempt_id)
