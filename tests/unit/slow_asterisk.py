"""A model of an Asterisk that bears so many calls a second, and of a daemon that keeps to the knee's rate."""

import math
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush

from dialer.model.knee import Knee

STEP_S = 0.01
EVENTS = 4
"""Of a call: the question for leave first, its end last."""
AT_REST_S = 0.002
MOST_UNCLAIMED = 50
NEXT_TO_LAST = EVENTS - 2


@dataclass(slots=True)
class SlowAsterisk:
    """Does one thing after the other."""

    knee: Knee
    bears_per_s: Callable[[float], float]
    """Calls; 0: it stands."""
    wanted_per_s: float = math.inf
    """At random; `math.inf`: more calls wait than the rate ever allows."""
    is_deaf: Callable[[float], bool] = lambda now_s: False
    """Events come when it is over."""
    disturbed: float = 0.0
    """Part of the quarters of a second in which events come late, whatever the rate."""
    apart_s: float = 0.0
    """A call's events lie so far apart, at most."""
    talk_s: float = 0.0
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    now_s: float = 0.0
    _waiting: float = 0.0
    _tokens: float = 0.0
    _unclaimed: int = 0
    _to_do: deque[tuple[float, int]] = field(default_factory=deque)
    """Since when it is to be done, and which event of its call it is."""
    _later: list[tuple[float, int]] = field(default_factory=list)
    _unheard: deque[tuple[float, int]] = field(default_factory=deque)
    _strength: float = 0.0
    _late_s: float = 0.0

    def run(self, until_s: float) -> Iterator[tuple[float, int, list[float]]]:
        """Each step: the time, the calls that have ended in it, the delays of the events that have come."""
        while self.now_s < until_s:
            self._begin()
            self._do()
            yield self.now_s, *self._tell()
            self.now_s += STEP_S

    def _begin(self) -> None:
        if self.wanted_per_s == math.inf:
            self._waiting = MOST_UNCLAIMED
        elif self.chance.random() < self.wanted_per_s * STEP_S:
            self._waiting += max(1.0, self.wanted_per_s * STEP_S)
        self._tokens = min(self.knee.burst, self._tokens + self.knee.calls_per_s * STEP_S)
        if self.knee.rest_s(self.now_s):
            return
        while self._waiting >= 1 and self._tokens >= 1 and self._unclaimed < MOST_UNCLAIMED:
            self._waiting -= 1
            self._tokens -= 1
            self._unclaimed += 1
            self.knee.began(self.now_s)
            self._to_do.append((self.now_s, 0))
        if self._waiting >= 1 and self._unclaimed >= MOST_UNCLAIMED:
            self.knee.is_full(self.now_s)

    def _do(self) -> None:
        while self._later and self._later[0][0] <= self.now_s:
            self._to_do.append(heappop(self._later))
        bears_per_s = self.bears_per_s(self.now_s)
        self._strength += bears_per_s * EVENTS * STEP_S
        while bears_per_s and self._to_do and self._strength >= 1:
            self._strength -= 1
            since_s, event = self._to_do.popleft()
            self._unheard.append((since_s, event))
            self._unclaimed -= event == 0
            if event < EVENTS - 1:
                later_s = self.talk_s if event + 1 == NEXT_TO_LAST else self.chance.uniform(0, self.apart_s)
                if later_s:
                    heappush(self._later, (self.now_s + later_s, event + 1))
                else:
                    self._to_do.append((self.now_s, event + 1))
        if not self._to_do:
            self._strength = min(1.0, self._strength)

    def _tell(self) -> tuple[int, list[float]]:
        if round(self.now_s / STEP_S) % 25 == 0:
            self._late_s = self.chance.uniform(0.06, 0.18) if self.chance.random() < self.disturbed else 0.0
        ended, delays_s = 0, list[float]()
        while self._unheard and not self.is_deaf(self.now_s):
            since_s, event = self._unheard.popleft()
            delays_s.append(self.now_s - since_s + AT_REST_S + self._late_s)
            if event == 0:
                self.knee.claim_came(self.now_s, delays_s[-1])
            if event == EVENTS - 1:
                ended += 1
                self.knee.ended(self.now_s)
            self.knee.event_came(self.now_s, delays_s[-1])
        return ended, delays_s


def stalls(chance: random.Random, every_s: float, last_s: float, until_s: float) -> Callable[[float], bool]:
    """At random times, so often; told whether there is one now. To be asked in order."""
    begin_s, now_s = deque[float](), chance.expovariate(1 / every_s)
    while now_s < until_s:
        begin_s.append(now_s)
        now_s += last_s + chance.expovariate(1 / every_s)

    def is_one(now_s: float) -> bool:
        while begin_s and begin_s[0] + last_s <= now_s:
            begin_s.popleft()
        return bool(begin_s) and begin_s[0] <= now_s

    return is_one
