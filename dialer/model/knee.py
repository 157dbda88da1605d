"""As many calls a second as Asterisk bears, found by what it does. Pure: the clock is passed in.

Pushed past its limit Asterisk does not do as much as it can, it does half (events pile up, calls are begun that end
before they are led anywhere). Two delays grow before that: of its events, and of its questions for leave to dial. A
delay that stays, in the least of some tenths of a second, is a queue that does not empty; a peak is none (as CoDel
tells them apart, RFC 8289).

What the least delay of a look says:
- above what is borne: the limit is what ended a second (of calls so long that few end yet: most of what was begun), and
  the rate goes a tenth below it, a quarter or half for delays far above. It takes a while to help: lowered further when
  the delay is no shorter some looks later, but not for ever: a delay that lowering does not change is not ours;
- within it, and calls waited for the rate: up by a seventh as long as no limit was found; then by a twentieth far below
  the limit, by a hundredth up to it, hardly beyond it at first and then more and more (as CUBIC does, RFC 9438);
- within it, and none waited: the rate stays.
"""

import math
from collections import deque
from dataclasses import dataclass, field

FIRST_PER_S = 100.0
FLOOR_PER_S = 1.0
MOST_PER_S = 10_000.0
LOOK_S = 0.25
"""How long delays are gathered for a look."""
LEAST_SEEN = 3
"""So many delays make a look."""
EVENTS_S = 0.05
CLAIMS_S = 0.3
"""Delays that are borne. At rest both take some milliseconds."""
BURST = 50
"""So many calls may begin at once after a pause."""
PATIENCE = 3
"""Looks after the rate was lowered until it is lowered again."""
IN_VAIN = 3
"""Lowered so often without any change of the delay, the rate is not its cause."""
USUAL_S = 600.0
_CLOSE = 0.8
"""Calls that used so much of the rate waited for it."""
_FALLING, _GROWING = 0.75, 1.15
_MOSTLY = 0.6
_MEASURED_S = 1.0


@dataclass(slots=True)
class _Delay:
    """Of one kind. What is usual for it, the least of the last minutes, is none: clocks may differ."""

    borne_s: float
    seen: int = 0
    least_s: float = math.inf
    usual_s: float = math.inf
    before_s: float = math.inf
    """What was usual before `since_s`."""
    since_s: float = -math.inf

    def saw(self, now_s: float, delay_s: float) -> None:
        if now_s - self.since_s > USUAL_S:
            self.since_s, self.before_s, self.usual_s = now_s, self.usual_s, math.inf
        self.usual_s = min(self.usual_s, delay_s)
        self.seen += 1
        self.least_s = min(self.least_s, delay_s)

    def looked(self) -> float:
        """The least delay of this look; 0: hardly any were seen. The next begins."""
        least_s, seen = self.least_s - min(self.usual_s, self.before_s), self.seen
        self.seen, self.least_s = 0, math.inf
        return least_s if seen >= LEAST_SEEN else 0.0

    def is_usual(self, delay_s: float) -> None:
        """What has been seen is no queue of ours."""
        self.usual_s = self.before_s = min(self.usual_s, self.before_s) + delay_s


@dataclass(slots=True)
class Knee:
    """The rate that all calls together keep to."""

    calls_per_s: float = FIRST_PER_S
    limit_per_s: float = math.inf
    """Where the limit was met last; `math.inf`: not yet."""
    _events: _Delay = field(default_factory=lambda: _Delay(EVENTS_S))
    _claims: _Delay = field(default_factory=lambda: _Delay(CLAIMS_S))
    _begun: deque[float] = field(default_factory=deque)
    _ended: deque[float] = field(default_factory=deque)
    _looked_at_s: float = -math.inf
    _excess: float = 0.0
    """When the rate was lowered last; 0: all has been well since."""
    _patience: int = 0
    _in_vain: int = 0
    """How often in a row lowering has changed nothing."""
    _beyond: int = 0
    """Looks since the rate went beyond the limit."""
    holds_back: bool = False
    """Whether calls waited for a rate that was lowered."""

    def began(self, now_s: float) -> None:
        """A call begins."""
        self._begun.append(now_s)

    def ended(self, now_s: float) -> None:
        """A call is over."""
        self._ended.append(now_s)

    def event_came(self, now_s: float, delay_s: float) -> None:
        """An event of Asterisk's, so long after what it tells."""
        self._events.saw(now_s, delay_s)
        self._look(now_s)

    def claim_came(self, now_s: float, delay_s: float) -> None:
        """The question for leave to dial, so long after the call file."""
        self._claims.saw(now_s, delay_s)
        self._look(now_s)

    def _look(self, now_s: float) -> None:
        if now_s - self._looked_at_s < LOOK_S or max(self._events.seen, self._claims.seen) < LEAST_SEEN:
            return
        self._looked_at_s = now_s
        # two calls in turn are no queue
        excess, late_s, delay = max(
            (
                (late_s / max(delay.borne_s, 2 / self.calls_per_s), late_s, delay)
                for delay in (self._events, self._claims)
                for late_s in (delay.looked(),)
            ),
            key=lambda one: one[0],
        )
        begun_per_s, ended_per_s = _per_s(self._begun, now_s), _per_s(self._ended, now_s)
        waited = begun_per_s >= _CLOSE * self.calls_per_s
        self.holds_back = waited and self.limit_per_s < math.inf
        if excess > 1:
            if not self._is_in_vain(excess):
                self._too_much(excess, begun_per_s, ended_per_s)
            else:  # it stays as it is whatever we do: another clock, or others are the cause
                delay.is_usual(late_s)
                self._excess, self._in_vain, self.limit_per_s = 0.0, 0, math.inf
            return
        self._excess, self._in_vain = 0.0, 0
        if waited:
            self.calls_per_s = min(MOST_PER_S, self.calls_per_s * self._growth())

    def _is_in_vain(self, excess: float) -> bool:
        """Whether lowering the rate again and again has not changed the delay."""
        if not self._excess or self._patience or not _FALLING < excess / self._excess < _GROWING:
            return False
        self._in_vain += 1
        return self._in_vain == IN_VAIN

    def _too_much(self, excess: float, begun_per_s: float, ended_per_s: float) -> None:
        part = 0.9 if excess < 4 else 0.75 if excess < 12 else 0.5
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
            return 1.15
        if self.calls_per_s < self.limit_per_s:
            self._beyond = 0
            return 1.06 if self.calls_per_s < 0.85 * self.limit_per_s else 1.01
        self._beyond += 1
        return 1 + min(0.05, 0.0005 * self._beyond)


def _per_s(times: deque[float], now_s: float) -> float:
    while times and times[0] <= now_s - _MEASURED_S:
        times.popleft()
    return len(times) / _MEASURED_S
