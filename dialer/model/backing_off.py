"""Fewer calls a second while the other side is overloaded, and more again by itself. Pure: the clock is passed in.

| what happens | what becomes of the rate |
|---|---|
| nothing was refused | no limit of ours |
| a call is refused | halved: half of what was really begun in the last seconds, or of the limit when that is lower; never below `FLOOR_PER_S` |
| more are refused within `ROUND_S` | stays: they were begun before the rate was lowered |
| a second passes | rises by 1/`RISE_S` of the highest rate that was refused since there is a limit: within a minute from half |
| a call is accepted | rises once more by what a second brings, divided by the rate: twice as fast when all is accepted |
| it is back at twice what it was lowered to, and for `QUIET_S` no call came as close behind another as it allows | no limit of ours: it holds nothing back any more |
"""  # noqa: E501 - a table

import math
from collections import deque

FLOOR_PER_S = 0.5
ROUND_S = 1.0
RISE_S = 120.0
QUIET_S = 10.0
MEASURED_S = 5.0
"""The rate that is halved is that of so many seconds."""
_SHORTEST_S = 1.0
"""Calls begun within less are a burst: as many a second."""
_CLOSE = 1.5
"""A call that begins within so many times the shortest distance might have begun earlier without a limit."""


class AdaptiveRate:
    """How many calls a second a trunk, or Asterisk itself, seems to bear. Starts without a limit."""

    def __init__(self) -> None:
        self._begun: deque[float] = deque()
        """When calls of the last `MEASURED_S` began, and the last one of all."""
        self._limit_per_s = math.inf
        """At `_limit_at_s`; it rises since."""
        self._limit_at_s = 0.0
        self._lowered_to_per_s = math.inf
        self._lowered_at_s = -math.inf
        self._highest_refused_per_s = 0.0
        self._close_at_s = -math.inf
        """When a call last came close behind another."""
        self._why = ""
        self._told_per_s = math.inf

    def calls_per_s(self, now_s: float) -> float:
        """How many calls may begin in a second; `math.inf`: no limit of ours."""
        if self._is_recovered(now_s):
            self._limit_per_s = self._lowered_to_per_s = math.inf
            self._highest_refused_per_s = 0.0
        return self._risen_per_s(now_s)

    def is_backing_off(self, now_s: float) -> bool:
        """Whether there is a limit of ours."""
        return self.calls_per_s(now_s) < math.inf

    def reason(self, now_s: float) -> str | None:
        """Why calls are slowed down, and to how many a second, in words; None: they are not."""
        calls_per_s = self.calls_per_s(now_s)
        return f"{self._why}, slowed down to {calls_per_s:.3g} calls a second" if calls_per_s < math.inf else None

    def news(self, now_s: float) -> str | None:
        """What to log: lowered, or recovered, since `news` was last asked for; None: neither."""
        reason = self.reason(now_s)
        if self._told_per_s == self._lowered_to_per_s:
            return None
        self._told_per_s = self._lowered_to_per_s
        return reason or "recovered, calls are not slowed down any more"

    def began(self, now_s: float) -> None:
        """A call begins."""
        if self._begun and (now_s - self._begun[-1]) * self.calls_per_s(now_s) <= _CLOSE:
            self._close_at_s = now_s
        self._begun.append(now_s)
        self._forget(now_s)

    def accepted(self, now_s: float) -> None:
        """The other side took a call: it rings, is answered, or the subscriber is busy."""
        if self.is_backing_off(now_s):
            limit_per_s = self._risen_per_s(now_s)
            self._limit_is(limit_per_s + self._rise_per_s2 / limit_per_s, now_s)

    def refused(self, now_s: float) -> None:
        """The provider answered 503."""
        self.overloaded(now_s, "SIP 503 Service Unavailable")

    def overloaded(self, now_s: float, why: str) -> None:
        """The other side bears no more; `why` goes into the log."""
        if now_s - self._lowered_at_s < ROUND_S:
            return
        refused_per_s = min(self._measured_per_s(now_s), self.calls_per_s(now_s))
        self._lowered_to_per_s = max(FLOOR_PER_S, refused_per_s / 2)
        self._highest_refused_per_s = max(self._highest_refused_per_s, 2 * self._lowered_to_per_s)
        self._lowered_at_s = self._close_at_s = now_s
        self._limit_is(self._lowered_to_per_s, now_s)
        self._why = why

    @property
    def _rise_per_s2(self) -> float:
        return self._highest_refused_per_s / RISE_S

    def _risen_per_s(self, now_s: float) -> float:
        return self._limit_per_s + self._rise_per_s2 * max(0.0, now_s - self._limit_at_s)

    def _limit_is(self, calls_per_s: float, now_s: float) -> None:
        self._limit_per_s = calls_per_s
        self._limit_at_s = now_s

    def _is_recovered(self, now_s: float) -> bool:
        return self._risen_per_s(now_s) >= 2 * self._lowered_to_per_s and now_s - self._close_at_s >= QUIET_S

    def _measured_per_s(self, now_s: float) -> float:
        """Calls begun a second, of the last seconds."""
        self._forget(now_s)
        recent = [begun_s for begun_s in self._begun if begun_s > now_s - MEASURED_S]
        return len(recent) / max(_SHORTEST_S, now_s - recent[0]) if recent else 0.0

    def _forget(self, now_s: float) -> None:
        while len(self._begun) > 1 and self._begun[0] <= now_s - MEASURED_S:
            self._begun.popleft()
