"""As many calls a second as Asterisk bears, found by what it does. Pure: the clock is passed in.

Pushed past its limit Asterisk does not do as much as it can, it does half (events pile up, calls are begun that end
before they are led anywhere). Two delays grow before that: of its events, and of its questions for leave to dial. A
delay that stays, in the least of some tenths of a second and of several calls, is a queue that does not empty; a peak
is none (as CoDel tells them apart, RFC 8289).

What the least delay of a look says:
- above what is borne, once: nothing yet, it may have been a stall; nor as long as the queue empties by itself;
- above it again, and calls waited for the rate: the limit is what ended a second (of calls so long that few end yet:
  most of what was begun), and the rate goes below it, by the more the longer the delay; hardly, where the limit is
  known. It takes a while to help: lowered further when the delay is no shorter some looks later, but not for ever: a
  delay that lowering does not change is not ours;
- above it for seconds, and none waited: half, but not below what was tried. Few calls say little of the limit
  (RFC 7661);
- within it, and calls waited: up by a seventh as long as no limit was found; then fast far below the limit, slowly
  close to it, hardly beyond it at first and then more and more (as CUBIC does, RFC 9438);
- within it, and none waited: a rate that was lowered comes back in some minutes, others stay.
"""

import math
from collections import deque
from dataclasses import dataclass, field

from dialer.model.resting import LATE_S, Rest

FIRST_PER_S = 100.0
FLOOR_PER_S = 1.0
MOST_PER_S = 10_000.0
LOOK_S = 0.25
"""Delays are gathered for a look at least so long, …"""
LEAST_SEEN = 3
"""… until there are so many …"""
LEAST_CALLS = 3
"""… and so many calls have begun, or ended: what one call meets says nothing of all."""
EVENTS_S = 0.05
CLAIMS_S = 0.3
"""Delays that are borne. At rest both take some milliseconds."""
BURST_S = 0.2
"""After a pause the calls of so long may begin at once, …"""
BURST = 50
"""… but no more than so many."""
PATIENCE_S = 0.75
"""After the rate was lowered, besides the delay itself, until it is lowered again."""
IN_VAIN = 3
"""Lowered so often without any change of the delay, the rate is not its cause."""
USUAL_S = 600.0
EMPTY_S = 1.0
"""A queue is to be empty after so long."""
SURE_S = 2.0
"""Late for so long, even few calls lower the rate."""
COMES_BACK = 0.03
"""A second, of a lowered rate that nobody waits for."""
HELD_S = 10.0
"""So long after calls last waited for it, a rate is said to hold them back."""
FORGOTTEN_S = 10.0
"""Without a look for so long, what the last one said says nothing of the next."""
_CLOSE = 0.8
"""Calls that used so much of the rate waited for it."""
_KNOWN = 1.2
"""A rate so close to the limit knows it."""
_NEARLY, _MORE = 0.9, 1.1
_FALLING, _GROWING = 0.75, 1.15
_MOSTLY = 0.6
_MEASURED_S, _LONGER_S = 1.0, 4.0


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

    def excess_s(self, delay_s: float) -> float:
        """How much more than usual it is."""
        return delay_s - min(self.usual_s, self.before_s)

    def looked(self) -> float:
        """The least delay of this look; 0: hardly any were seen. The next begins."""
        least_s, seen = self.excess_s(self.least_s), self.seen
        self.seen, self.least_s = 0, math.inf
        return least_s if seen >= LEAST_SEEN else 0.0

    def is_usual(self, delay_s: float) -> None:
        """What has been seen is no queue of ours."""
        self.usual_s = self.before_s = min(self.usual_s, self.before_s) + delay_s


@dataclass(frozen=True, slots=True)
class _Look:
    """What was seen."""

    now_s: float
    since_s: float
    """Since the look before."""
    excess: float
    """The delay, in delays that are borne."""
    late_s: float
    begun_per_s: float
    ended_per_s: float
    is_full: bool
    """Calls waited, and Asterisk took up no more."""
    waited: bool
    """Calls waited: for that, or for the rate."""


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
    _looked_at_s: float = math.inf
    _due_s: float = math.inf
    """When the look that has begun may end; `math.inf`: none has."""
    _seen_begun: int = 0
    _seen_ended: int = 0
    """Calls in this look."""
    _late_since_s: float = math.inf
    _last_excess: float = 0.0
    """Of the look before, if that was late."""
    _excess: float = 0.0
    """When the rate was lowered last; 0: all has been well since."""
    _patient_until_s: float = -math.inf
    _begun_since: int = 0
    _ended_since: int = 0
    """Calls since then."""
    _in_vain: int = 0
    """How often in a row lowering has changed nothing."""
    _beyond_s: float = 0.0
    """How long the rate has been beyond the limit."""
    _full_at_s: float = -math.inf
    _held_back_at_s: float = -math.inf
    _rest: Rest = field(default_factory=Rest)
    _rested_at_s: float = -math.inf

    @property
    def burst(self) -> int:
        """So many calls may begin at once after a pause."""
        return max(1, min(BURST, round(self.calls_per_s * BURST_S)))

    def holds_back(self, now_s: float) -> bool:
        """Whether calls have waited lately for a rate that was lowered."""
        return now_s - self._held_back_at_s < HELD_S

    def rest_s(self, now_s: float) -> float:
        """So long no call may begin, whatever the rate; 0: it may."""
        return self._rest.left_s(now_s)

    def began(self, now_s: float) -> None:
        """A call begins."""
        self._begun.append(now_s)
        self._seen_begun += 1

    def ended(self, now_s: float) -> None:
        """A call is over."""
        self._ended.append(now_s)
        self._seen_ended += 1

    def is_full(self, now_s: float) -> None:
        """Calls wait, and Asterisk does not take up more."""
        self._full_at_s = now_s

    def rests(self, now_s: float) -> None:
        """Calls wait for the end of a rest."""
        self._rested_at_s = now_s

    def rested_lately(self, now_s: float) -> bool:
        """Whether calls have waited lately for the end of a rest."""
        return now_s - self._rested_at_s < HELD_S

    def event_came(self, now_s: float, delay_s: float) -> None:
        """An event of Asterisk's, so long after what it tells."""
        self._events.saw(now_s, delay_s)
        # one call before another is no queue
        self._rest.event_came(now_s, is_late=self._events.excess_s(delay_s) > max(LATE_S, 2 / self.calls_per_s))
        self._look(now_s)

    def claim_came(self, now_s: float, delay_s: float) -> None:
        """The question for leave to dial, so long after the call file."""
        self._claims.saw(now_s, delay_s)
        self._look(now_s)

    def _look(self, now_s: float) -> None:
        if self._due_s == math.inf:
            self._due_s = now_s + LOOK_S
        if (
            now_s < self._due_s
            or max(self._events.seen, self._claims.seen) < LEAST_SEEN
            or max(self._seen_begun, self._seen_ended) < LEAST_CALLS
        ):
            return
        excess, late_s, delay = max(
            (
                (late_s / delay.borne_s, late_s, delay)
                for delay in (self._events, self._claims)
                for late_s in (delay.looked(),)
            ),
            key=lambda one: one[0],
        )
        self._judge(self._look_ends(now_s, excess, late_s), delay)

    def _look_ends(self, now_s: float, excess: float, late_s: float) -> _Look:
        begun_per_s, ended_per_s = _per_s(self._begun, now_s), _per_s(self._ended, now_s)
        is_full = now_s - self._full_at_s < _MEASURED_S
        # a rest is no sign that calls wait for the rate: what begins beside it says too little of what is borne
        waited = is_full or begun_per_s >= _CLOSE * self.calls_per_s
        since_s = max(0.0, now_s - self._looked_at_s)
        if since_s > FORGOTTEN_S:
            self._well()
        if waited and self.limit_per_s < math.inf:
            self._held_back_at_s = now_s
        self._begun_since += self._seen_begun
        self._ended_since += self._seen_ended
        self._looked_at_s, self._due_s, self._seen_begun, self._seen_ended = now_s, math.inf, 0, 0
        return _Look(now_s, since_s, excess, late_s, begun_per_s, ended_per_s, is_full, waited)

    def _judge(self, look: _Look, delay: _Delay) -> None:
        if look.excess <= 1 or look.late_s <= 1 / self.calls_per_s:  # one call before another is no queue
            self._well()
            self._raise(look)
        elif not look.is_full and self._is_in_vain(look):
            # it stays as it is whatever we do: another clock, or others are the cause
            self._well()
            delay.is_usual(look.late_s)
            self.limit_per_s = math.inf
        elif self._excess and self._helps(look):
            self._excess = min(look.excess, self._excess)
            # what begins and ends while a queue empties is all that Asterisk bears
            done_per_s = (len(self._begun) + len(self._ended)) / 2 / _LONGER_S
            self.limit_per_s = max(self.limit_per_s, done_per_s)
        elif self._is_a_queue(look):
            self._lower(look)

    def _well(self) -> None:
        self._late_since_s, self._last_excess, self._excess, self._in_vain = math.inf, 0.0, 0.0, 0

    def _raise(self, look: _Look) -> None:
        if look.waited:
            self.calls_per_s = min(MOST_PER_S, self.calls_per_s * self._growth(look.since_s))
        elif self.calls_per_s < FIRST_PER_S:
            comes_back = math.exp(COMES_BACK * min(look.since_s, USUAL_S))
            self.calls_per_s = min(FIRST_PER_S, self.calls_per_s * comes_back)
            if self.calls_per_s == FIRST_PER_S:
                self.limit_per_s = math.inf

    def _growth(self, since_s: float) -> float:
        if self.limit_per_s == math.inf:
            return 1.15
        if self.calls_per_s < self.limit_per_s:
            self._beyond_s = 0.0
            return max(1.005, min(1.15, math.pow(self.limit_per_s / self.calls_per_s, 0.2)))
        self._beyond_s += since_s
        return 1 + min(0.15, 0.002 * self._beyond_s)

    def _is_in_vain(self, look: _Look) -> bool:
        """Whether lowering the rate again and again has not changed the delay."""
        if not self._excess or self._helps(look) or not _FALLING < look.excess / self._excess < _GROWING:
            return False
        self._in_vain += 1
        return self._in_vain == IN_VAIN

    def _helps(self, look: _Look) -> bool:
        """Whether lowering the rate shows, or may yet: the delay falls, or stays while more calls end than begin."""
        if look.now_s < self._patient_until_s or look.excess < self._excess * _FALLING:
            return True
        return look.excess < self._excess * _GROWING and self._ended_since > _MORE * self._begun_since

    def _is_a_queue(self, look: _Look) -> bool:
        """Whether it is more than a stall, and a queue that does not empty by itself."""
        before, self._last_excess = self._last_excess, look.excess
        self._late_since_s = min(self._late_since_s, look.now_s)
        if self._excess:
            return True
        is_sure = look.waited or look.now_s - self._late_since_s >= SURE_S
        return is_sure and 0 < before * _FALLING < look.excess

    def _lower(self, look: _Look) -> None:
        is_first, self._excess = not self._excess, look.excess
        self._patient_until_s = look.now_s + PATIENCE_S + min(look.late_s, PATIENCE_S)
        self._begun_since, self._ended_since, self._beyond_s = 0, 0, 0.0
        if not look.waited:
            self.calls_per_s = max(FLOOR_PER_S, look.begun_per_s, self.calls_per_s / 2)
            return
        is_known = self.limit_per_s < math.inf and (
            not is_first or 1 / _KNOWN < self.calls_per_s / self.limit_per_s < _KNOWN
        )
        least_per_s = _NEARLY * self.calls_per_s if is_known else _MOSTLY * look.begun_per_s
        self.limit_per_s = min(self.calls_per_s, max(look.ended_per_s, least_per_s))
        least = 0.25 if is_first or look.is_full else 0.5
        self.calls_per_s = max(FLOOR_PER_S, self.limit_per_s * max(least, 1 - look.late_s / EMPTY_S))


def _per_s(times: deque[float], now_s: float) -> float:
    """The more of the last second and of the last seconds: after a stall the last one tells little."""
    while times and times[0] <= now_s - _LONGER_S:
        times.popleft()
    return max(sum(one > now_s - _MEASURED_S for one in times) / _MEASURED_S, len(times) / _LONGER_S)
