"""Fewer calls a second while the other side is overloaded, and more again by itself. Pure: the clock is passed in.

| what happens | what becomes of the rate |
|---|---|
| nothing was refused | no limit of ours |
| a call is refused | halved: half of what was really begun in the last seconds, or of the limit when that is lower; never below `FLOOR_PER_S` |
| more are refused within `ROUND_S` | stays: they were begun before the rate was lowered |
| a second passes | rises by 1/`RISE_S` of the rate that was refused, or of itself when it is higher: from half to all in half of `RISE_S` |
| a call is accepted | rises by what a second brings, divided by the rate: twice as fast when all is accepted |
| it is back at the rate that was refused, and for `QUIET_S` no call came as close behind another as it allows | no limit of ours: it holds nothing back |
"""  # noqa: E501 - a table

import math
from collections import deque

FLOOR_PER_S = 0.5
ROUND_S = 1.0
RISE_S = 60.0
QUIET_S = 10.0
MEASURED_S = 5.0
"""The rate that is halved is that of so many seconds."""
_SHORTEST_S = 1.0
"""Calls begun within less are a burst: as many a second."""
_CLOSE = 1.5
"""A call that begins within so many times the shortest distance might have begun earlier without a limit."""
_ENDLESS_PER_S = 1000.0
"""Nobody begins so many calls."""


class AdaptiveRate:
    """How many calls a second a trunk, or Asterisk itself, seems to bear. Starts without a limit."""

    def __init__(self) -> None:
        self._begun: deque[float] = deque()
        """When calls of the last `MEASURED_S` began, and the last one of all."""
        self._limit_per_s = math.inf
        """At `_limit_at_s`; it rises since."""
        self._limit_at_s = 0.0
        self._back_at_s = 0.0
        """When it has risen to the rate that was refused, by time alone."""
        self._lowered_to_per_s = math.inf
        self._lowered_at_s = -math.inf
        self._close_at_s = -math.inf
        """When a call last came close behind another."""
        self._why = ""
        self._told_per_s = math.inf
        """The lowest rate that `news` told since there is a limit."""

    def calls_per_s(self, now_s: float) -> float:
        """How many calls may begin in a second; `math.inf`: no limit of ours."""
        if self._limit_per_s == math.inf:
            return math.inf
        if self._is_recovered(now_s):
            self._limit_per_s = self._lowered_to_per_s = math.inf
        return self._risen_per_s(now_s)

    def is_backing_off(self, now_s: float) -> bool:
        """Whether there is a limit of ours."""
        return self.calls_per_s(now_s) < math.inf

    def reason(self, now_s: float) -> str | None:
        """Why calls are slowed down, and to how many a second, in words; None: they are not."""
        calls_per_s = self.calls_per_s(now_s)
        return f"{self._why}, slowed down to {calls_per_s:.3g} calls a second" if calls_per_s < math.inf else None

    def news(self, now_s: float) -> str | None:
        """What to log since `news` was last asked for: lowered further than was told, or recovered; None: neither."""
        reason, told_per_s = self.reason(now_s), self._told_per_s
        if reason is None:
            self._told_per_s = math.inf
            return "recovered, calls are not slowed down any more" if told_per_s < math.inf else None
        self._told_per_s = min(told_per_s, self._lowered_to_per_s)
        return reason if self._told_per_s < told_per_s else None

    def began(self, now_s: float) -> None:
        """A call begins."""
        is_limited = self._limit_per_s < math.inf
        if is_limited and self._begun and (now_s - self._begun[-1]) * self.calls_per_s(now_s) <= _CLOSE:
            self._close_at_s = now_s
        self._begun.append(now_s)
        self._forget(now_s)

    def accepted(self, now_s: float) -> None:
        """The other side took a call: it rings, is answered, or the subscriber is busy."""
        if self.is_backing_off(now_s):
            limit_per_s = self._risen_per_s(now_s)
            self._limit_is(limit_per_s + max(1.0, self._refused_per_s / limit_per_s) / RISE_S, now_s)

    def refused(self, now_s: float) -> None:
        """The provider answered 503."""
        self.overloaded(now_s, "SIP 503 Service Unavailable")

    def overloaded(self, now_s: float, why: str) -> None:
        """The other side bears no more; `why` goes into the log."""
        if now_s - self._lowered_at_s < ROUND_S:
            return
        refused_per_s = min(self._measured_per_s(now_s), self.calls_per_s(now_s))
        self._lowered_to_per_s = max(FLOOR_PER_S, refused_per_s / 2)
        self._lowered_at_s = self._close_at_s = now_s
        self._limit_is(self._lowered_to_per_s, now_s)
        self._why = why

    @property
    def _refused_per_s(self) -> float:
        return 2 * self._lowered_to_per_s

    def _risen_per_s(self, now_s: float) -> float:
        """The limit that has risen until now: evenly up to the rate that was refused, from there by itself."""
        if self._limit_per_s == math.inf:
            return math.inf
        if now_s < self._back_at_s:
            return self._limit_per_s + self._refused_per_s * max(0.0, now_s - self._limit_at_s) / RISE_S
        return max(self._limit_per_s, self._refused_per_s) * math.exp((now_s - self._back_at_s) / RISE_S)

    def _limit_is(self, calls_per_s: float, now_s: float) -> None:
        self._limit_per_s = calls_per_s
        self._limit_at_s = now_s
        self._back_at_s = now_s + max(0.0, 1 - calls_per_s / self._refused_per_s) * RISE_S

    def _is_recovered(self, now_s: float) -> bool:
        if now_s - self._close_at_s >= QUIET_S:
            return now_s >= self._back_at_s
        return self._risen_per_s(now_s) >= _ENDLESS_PER_S

    def _measured_per_s(self, now_s: float) -> float:
        """Calls begun a second, of the last seconds."""
        self._forget(now_s)
        recent = [begun_s for begun_s in self._begun if begun_s > now_s - MEASURED_S]
        return len(recent) / max(_SHORTEST_S, now_s - recent[0]) if recent else 0.0

    def _forget(self, now_s: float) -> None:
        while len(self._begun) > 1 and self._begun[0] <= now_s - MEASURED_S:
            self._begun.popleft()


class RefusalWatch:
    """Tells one number that the provider cannot reach from a provider that bears no more: several refusals at once."""

    WINDOW_S = 10.0
    LEAST = 3
    """So many refusals within the window …"""
    PART = 0.2
    """… and such a part of the calls that ended in it."""

    def __init__(self) -> None:
        self._ended: deque[tuple[float, bool]] = deque()
        self._refusals = 0
        """Of those."""

    def call_ended(self, now_s: float, *, refused: bool) -> bool:
        """Take an end; True: this refusal is one of many."""
        self._ended.append((now_s, refused))
        self._refusals += refused
        while self._ended[0][0] <= now_s - self.WINDOW_S:
            self._refusals -= self._ended.popleft()[1]
        return refused and self._refusals >= self.LEAST and self._refusals >= self.PART * len(self._ended)
