"""Whether Asterisk is so far behind that no call is to be added. Pure: the clock is passed in.

Finding the rate that it bears (`dialer.model.knee`) takes some looks. Asterisk may do half as much from one moment to
the next, and be hundreds of calls behind by then; so, apart from the rate, a queue that is long gets no longer.
"""

import math
from dataclasses import dataclass

LATE_S = 0.2
"""Events that come so much later than usual, …"""
STAYS_S = 0.05
MANY = 10
"""… one after the other, for so long and so many, more than a call makes: no call begins until one comes in time, …"""
REST_S = 0.5
"""… but no longer than this: where that does not help, our calls are not the cause."""
GAP_S = 0.1
"""Late events so far apart are none one after the other."""


@dataclass(slots=True)
class Rest:
    """No call begins meanwhile. After it there is none for as long as it lasted: half of the time at the most."""

    _late: int = 0
    """Events one after the other, …"""
    _late_from_s: float = math.inf
    _late_until_s: float = -math.inf
    """… when the first came, and the last."""
    _from_s: float = -math.inf
    _until_s: float = -math.inf
    _again_s: float = -math.inf
    """Before that no other rest begins."""

    def left_s(self, now_s: float) -> float:
        """So long no call may begin; 0: it may."""
        return max(0.0, self._until_s - now_s)

    def event_came(self, now_s: float, *, is_late: bool) -> None:
        """An event of Asterisk's."""
        if not is_late:
            self._late = 0
            if self._until_s > now_s:
                self._until_s, self._again_s = now_s, 2 * now_s - self._from_s
            return
        if not self._late or now_s - self._late_until_s > GAP_S:
            self._late, self._late_from_s = 0, now_s
        self._late += 1
        self._late_until_s = now_s
        has_begun = self._from_s >= self._late_from_s
        if self._late >= MANY and now_s - self._late_from_s >= STAYS_S and now_s >= self._again_s and not has_begun:
            self._from_s, self._until_s, self._again_s = now_s, now_s + REST_S, now_s + 2 * REST_S
