"""As many calls a second as Asterisk bears, found by what it does. Pure: the clock is passed in.

Pushed past its limit Asterisk does not do as much as it can, it does half (events pile up, calls are begun that end
before they are led anywhere). Two delays grow before that: of its events, and of its questions for leave to dial. A
delay that stays, in the least of some tenths of a second, is a queue that does not empty; a peak is none (as CoDel
tells them apart, RFC 8289).

What the least delay of a look says:
- above what is borne: the limit is what ended a second (of calls so long that few end yet: most of what was begun), and
  the rate goes a tenth below it, a quarter or half for delays far above. It takes a while to help: lowered further when
  the delay is no shorter some looks later;
- within it, and calls waited for the rate: up by a quarter as long as no limit was found; then by a twelfth far below
  the limit, by a fiftieth up to it, hardly beyond it at first and then more and more (as CUBIC does, RFC 9438);
- within it, and none waited: the rate stays.
"""

import math
from collections import deque
from dataclasses import dataclass, field

FIRST_PER_S = 100.0
FLOOR_PER_S = 1.0
MOST_PER_S = 10_000.0
LOOK_S = 0.4
"""How long delays are gathered for a look."""
LEAST_SEEN = 3
"""So many delays make a look."""
EVENTS_S = 0.06
CLAIMS_S = 0.3
"""Delays that are borne. At rest both take some milliseconds."""
BURST = 50
"""So many calls may begin at once after a pause."""
PATIENCE = 3
"""Looks after the rate was lowered until it is lowered again."""
CLOCKS_S = 600.0
"""An Asterisk of which every event came late for longer than this would be taken for one with another clock."""
_CLOSE = 0.8
"""Calls that used so much of the rate waited for it."""
_FALLING = 0.75
_MOSTLY = 0.6
_MEASURED_S = 1.0


@dataclass(slots=True)
class _Delay:
    borne_s: float
    seen: int = 0
    least_s: float = math.inf

    def saw(self, delay_s: float) -> None:
        self.seen += 1
        self.least_s = min(self.least_s, delay_s)

    def looked(self) -> float:
        """How many times what is borne was the least delay of this look; 0: hardly any were seen. The next begins."""
        least_s, seen = self.least_s, self.seen
        self.seen, self.least_s = 0, math.inf
        return least_s / self.borne_s if seen >= LEAST_SEEN else 0.0


@dataclass(slots=True)
class _Clocks:
    """How far the clock of the events is from ours: the least delay of the last minutes, which may be below 0."""

    since_s: float = -math.inf
    least_s: float = math.inf
    before_s: float = math.inf
    """Of the time before `since_s`."""

    def apart_s(self, now_s: float, delay_s: float) -> float:
        if now_s - self.since_s > CLOCKS_S:
            self.since_s, self.before_s, self.least_s = now_s, self.least_s, math.inf
        self.least_s = min(self.least_s, delay_s)
        return min(self.least_s, self.before_s)


@dataclass(slots=True)
class Knee:
    """The rate that all calls together keep to."""

    calls_per_s: float = FIRST_PER_S
    limit_per_s: float = math.inf
    """Where the limit was met last; `math.inf`: not yet."""
    _events: _Delay = field(default_factory=lambda: _Delay(EVENTS_S))
    _claims: _Delay = field(default_factory=lambda: _Delay(CLAIMS_S))
    _clocks: _Clocks = field(default_factory=_Clocks)
    _begun: deque[float] = field(default_factory=deque)
    _ended: deque[float] = field(default_factory=deque)
    _looked_at_s: float = -math.inf
    _excess: float = 0.0
    """When the rate was lowered last; 0: all has been well since."""
    _patience: int = 0
    _beyond: int = 0
    """Looks since the rate went beyond the limit."""

    def began(self, now_s: float) -> None:
        """A call begins."""
        self._begun.append(now_s)

    def ended(self, now_s: float) -> None:
        """A call is over."""
        self._ended.append(now_s)

    def event_came(self, now_s: float, delay_s: float) -> None:
        """An event of Asterisk's, so long after what it tells."""
        self._events.saw(delay_s - self._clocks.apart_s(now_s, delay_s))
        self._look(now_s)

    def claim_came(self, now_s: float, delay_s: float) -> None:
        """The question for leave to dial, so long after the call file."""
        self._claims.saw(delay_s)
        self._look(now_s)

    def _look(self, now_s: float) -> None:
        if now_s - self._looked_at_s < LOOK_S or max(self._events.seen, self._claims.seen) < LEAST_SEEN:
            return
        self._looked_at_s = now_s
        excess = max(self._events.looked(), self._claims.looked())
        begun_per_s, ended_per_s = _per_s(self._begun, now_s), _per_s(self._ended, now_s)
        if excess > 1:
            self._too_much(excess, begun_per_s, ended_per_s)
            return
        self._excess = 0.0
        if begun_per_s >= _CLOSE * self.calls_per_s:
            self.calls_per_s = min(MOST_PER_S, self.calls_per_s * self._growth())

    def _too_much(self, excess: float, begun_per_s: float, ended_per_s: float) -> None:
        part = 0.9 if excess < 3 else 0.75 if excess < 10 else 0.5
        if not self._excess:
            self.limit_per_s = min(self.calls_per_s, max(ended_per_s, _MOSTLY * begun_per_s))
        elif self._patience or excess < self._excess * _FALLING:
            self._patience = max(0, self._patience - 1)
            self._excess = min(excess, self._excess)
            return
        else:
            self.limit_per_s = self.calls_per_s
        self._excess, self._patience = excess, PATIENCE
        self.calls_per_s = max(FLOOR_PER_S, self.limit_per_s * part)

    def _growth(self) -> float:
        if self.limit_per_s == math.inf:
            return 1.25
        if self.calls_per_s < self.limit_per_s:
            self._beyond = 0
            return 1.08 if self.calls_per_s < 0.85 * self.limit_per_s else 1.02
        self._beyond += 1
        return 1 + min(0.08, 0.004 * self._beyond)


def _per_s(times: deque[float], now_s: float) -> float:
    while times and times[0] <= now_s - _MEASURED_S:
        times.popleft()
    return len(times) / _MEASURED_S
