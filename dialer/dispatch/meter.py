"""The meter: calls begun and finished, minute by minute, as the ledger tells them."""

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dialer.dispatch.observing import Watching
from dialer.model.attempt import Attempt, AttemptState
from dialer.model.call import CallOrder

KEPT_MINUTES = 1440
RECENT_S = 60.0
FORGOTTEN_A_CALL = 10
"""More than the one that each call adds."""


@dataclass(slots=True)
class Minute:
    """What happened within a minute."""

    begun: int = 0
    """Calls that were given leave to dial."""
    results: Counter[str] = field(default_factory=Counter)
    """Calls finished, by outcome."""


class Meter(Watching):
    """Counts since the daemon's start, for a day; what was before that it must be told. Costs each call a few
    additions."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._minutes: OrderedDict[int, Minute] = OrderedDict()
        self._spooled: set[int] = set()
        self._recent: deque[tuple[float, int]] = deque()
        self._recent_by_task: Counter[int] = Counter()
        self._past: dict[int, Counter[str]] = {}
        self._known_s = clock()
        """Since when calls are counted, or told."""

    def call_moved(self, order: CallOrder, attempt: Attempt) -> None:
        if attempt.state is AttemptState.SPOOLED:
            self._spooled.add(order.attempt_id)
        elif order.attempt_id in self._spooled:
            self._spooled.discard(order.attempt_id)
            self._now().begun += 1

    def call_over(self, order: CallOrder, attempt: Attempt) -> None:
        self._spooled.discard(order.attempt_id)
        if attempt.verdict is None:
            return
        self._now().results[attempt.verdict.outcome.value] += 1
        self._forget(FORGOTTEN_A_CALL)  # also while nobody looks
        self._recent.append((self._clock(), order.task_id))
        self._recent_by_task[order.task_id] += 1

    def finished_lately(self, task_id: int) -> int:
        """Calls of the task that have ended within the last minute."""
        self._forget()
        return self._recent_by_task.get(task_id, 0)

    def minutes(self, count: int) -> list[tuple[int, Minute]]:
        """The last so many minutes, the present one among them, oldest first: Unix seconds of each one's beginning."""
        now = int(self._clock() // 60)
        return [(minute * 60, self._minute(minute)) for minute in range(now - count + 1, now + 1)]

    def unknown(self, count: int) -> tuple[int, float] | None:
        """The part of the last so many minutes that was before all that is known: its first second and its end, Unix
        seconds; None: all of them are known."""
        first_s = (int(self._clock() // 60) - count + 1) * 60
        return (first_s, self._known_s) if first_s < self._known_s else None

    def recall(self, since_s: int, results: Mapping[int, Mapping[str, int]]) -> None:
        """Be told of calls finished in what was unknown since this whole minute: by minute (its first second) and
        outcome."""
        if since_s < self._known_s:
            self._known_s = since_s
            self._past |= {began_s // 60: Counter(ended) for began_s, ended in results.items()}

    def _minute(self, minute: int) -> Minute:
        seen, past = self._minutes.get(minute) or Minute(), self._past.get(minute)
        return seen if past is None else Minute(seen.begun, seen.results + past)

    def _now(self) -> Minute:
        minute = int(self._clock() // 60)
        if minute not in self._minutes:
            self._minutes[minute] = Minute()
            while len(self._minutes) > KEPT_MINUTES:
                self._minutes.popitem(last=False)
        return self._minutes[minute]

    def _forget(self, most: int | None = None) -> None:
        """What is older than a minute, the oldest first; `most`: so many calls, None: all."""
        oldest = self._clock() - RECENT_S
        left = len(self._recent) if most is None else most
        while left > 0 and self._recent and self._recent[0][0] < oldest:
            left -= 1
            _, task_id = self._recent.popleft()
            self._recent_by_task[task_id] -= 1
            if not self._recent_by_task[task_id]:
                del self._recent_by_task[task_id]
