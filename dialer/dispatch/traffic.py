"""Traffic: how many calls at once and how fast, of all tasks, of each trunk, of each task; and whose turn it is.

Where the other side is overloaded the rate is lowered by itself: a trunk that answers 503, an Asterisk that is slow to
begin calls. That is logged, and told by `why`. Before it comes to that, all calls together keep to the pace at which
Asterisk's delays stay short (`dialer.model.knee`).
"""

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from dialer.dispatch.observing import Watching
from dialer.dispatch.standby import StandBy
from dialer.model.attempt import DIALLED_STATES, Attempt
from dialer.model.backing_off import AdaptiveRate, RefusalWatch
from dialer.model.call import CallOrder
from dialer.model.knee import Knee
from dialer.model.limits import ANY_NUMBER, Limit, Refusal, is_full
from dialer.model.shares import Shares
from dialer.model.task import Task

log = logging.getLogger(__name__)
SERVICE_UNAVAILABLE = 503
SLOW_S = 1.5
"""An Asterisk that takes longer from the call file to the question for leave is overloaded; at rest it takes 0.01 s."""
MOST_UNCLAIMED = 50
"""Call files that Asterisk has not asked about: one that was held up for a moment does not get hundreds at once."""
LOOK_AGAIN_S = 0.25
MOMENT_S = 0.02
"""Calls that the pace allows within this time begin together."""
EVENTS_ARE_LATE = "Asterisk's events come late"
NO_TRUNK = "trunk of the other numbers"


@dataclass(frozen=True, slots=True)
class Trunk:
    """A way out, known by the beginnings of what is dialled."""

    name: str
    prefixes: Sequence[str]
    max_channels: int = 0
    max_calls_per_s: float = 0.0


class Traffic(Watching):
    """Limits within limits, and shares. Knows the calls in progress from the ledger, whose observer it is."""

    def __init__(
        self,
        *,
        max_channels: int = 0,
        max_calls_per_s: float = 0.0,
        trunks: Iterable[Trunk] = (),
        dial_string: Callable[[CallOrder], str] = lambda order: order.phone,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`dial_string`: what the routes see for an order."""
        self._clock = clock
        self._dial_string = dial_string
        self._running: dict[int, int] = {}
        """Channels in use by task."""
        self._left: set[int] = set()
        """Attempts whose subscriber's leg has ended; the other leg's end is not known yet."""
        self._standby = StandBy()
        self.channels = Limit("[dialing] max_channels", max_channels, counted=lambda: self.in_use)
        self.rate = Limit("[dialing] max_calls_per_s", max_calls_per_s=max_calls_per_s)
        self.asterisk = Limit("Asterisk", adaptive=AdaptiveRate())
        self.knee = Knee()
        self._pace = Limit(
            "the delay of Asterisk's events", max_calls_per_s=self.knee.calls_per_s, burst=self.knee.burst
        )
        self._trunks = {
            prefix.removeprefix("+"): limit
            for trunk in trunks
            for limit in (_trunk_limit(trunk),)
            for prefix in trunk.prefixes
        }
        self._other = Limit(NO_TRUNK, adaptive=AdaptiveRate())
        self._watches: dict[str, RefusalWatch] = {}
        """By trunk."""
        self._tasks: dict[int, Limit] = {}
        self._shares = Shares()
        self._asked_at_s: dict[int, float] = {}
        """When the call file of an attempt was written that has not asked for leave yet."""
        self.may_stand_by: Callable[[int], bool] = lambda task_id: True
        """Whether a task's calls take nothing from another task while they stand by."""
        self.on_called_up: Callable[[int, int], None] = lambda attempt_id, task_id: None
        """Told of an attempt that stood by, and its task: a call that is ending has given it its channel."""

    @property
    def in_use(self) -> int:
        """Channels in use by all tasks."""
        return sum(self._running.values())

    @property
    def unclaimed(self) -> int:
        """Call files that Asterisk has not asked about."""
        return len(self._asked_at_s)

    @property
    def has_trunks(self) -> bool:
        """Whether trunks have limits of their own."""
        return bool(self._trunks)

    def in_use_by(self, task_id: int) -> int:
        return self._running.get(task_id, 0)

    def is_full(self, task_id: int) -> bool:
        """Whether an open task uses all its channels."""
        limit = self._tasks.get(task_id)
        return limit is not None and is_full(self.in_use_by(task_id), limit.max_channels)

    def stands_by(self, attempt_id: int) -> bool:
        """Whether a call has no channel yet, and must not be dialled."""
        return attempt_id in self._standby

    def has_asked(self, attempt_id: int) -> bool:
        """Whether Asterisk has asked for leave for a call that stands by."""
        return self._standby.has_asked(attempt_id)

    def task_is(self, task: Task) -> None:
        """A task is open, or has changed."""
        limit = self._tasks.setdefault(
            task.task_id, Limit(f"task {task.task_id}", counted=lambda: self.in_use_by(task.task_id))
        )
        limit.max_channels = task.max_count_channels
        limit.max_calls_per_s = task.rules.max_calls_per_s
        self._shares.join(task.task_id, task.rules.weight, task.rules.priority, self._clock())
        self._call_up(task.task_id)

    def task_is_gone(self, task_id: int) -> None:
        """A task is dialled no more."""
        self._tasks.pop(task_id, None)
        self._shares.leave(task_id)
        self._standby.forget(task_id)

    def next_of(self, task_ids: Iterable[int]) -> int | None:
        """Whose turn it is of the tasks that could begin a call."""
        return self._shares.next_of(task_ids, self._clock())

    def refusal_of_engine(self) -> Refusal | None:
        """Which limit of all tasks allows no call now."""
        if len(self._asked_at_s) >= MOST_UNCLAIMED:
            return Refusal(self._pace, f"Asterisk has yet to take up {len(self._asked_at_s)} call files", LOOK_AGAIN_S)
        now_s = self._clock()
        if rest_s := self.knee.rest_s(now_s):
            return Refusal(self._pace, EVENTS_ARE_LATE, min(rest_s, MOMENT_S))
        refusal = self.rate.refusal(now_s) or self.asterisk.refusal(now_s)
        if refusal is None and (refusal := self._pace.refusal(now_s)) is not None:
            refusal = replace(refusal, wait_s=max(refusal.wait_s, MOMENT_S))
        return refusal

    def calls_wait(self) -> None:
        """For a rate of all."""
        now_s = self._clock()
        if len(self._asked_at_s) >= MOST_UNCLAIMED:
            self.knee.is_full(now_s)
        elif self.knee.rest_s(now_s):
            self.knee.rests(now_s)

    def room(self) -> int:
        """How many calls may begin at once by the limits of all tasks, where none of them refuses one."""
        now_s = self._clock()
        limits = (self.channels, self.rate, self.asterisk, self._pace)
        return min(MOST_UNCLAIMED - len(self._asked_at_s), *[limit.room(now_s) for limit in limits])

    def room_of_task(self, task_id: int) -> int:
        """Likewise, by the task's own limits."""
        limit = self._tasks.get(task_id)
        if limit is None:
            return ANY_NUMBER
        now_s = self._clock()
        return self._room_to_stand_by(task_id, limit, now_s) or limit.room(now_s)

    def refusal_of_task(self, task_id: int) -> Refusal | None:
        """Whether the task's own limits allow no call now, not even one that stands by for a channel."""
        limit = self._tasks.get(task_id)
        if limit is None:
            return None
        now_s = self._clock()
        return None if self._room_to_stand_by(task_id, limit, now_s) else limit.refusal(now_s)

    def _room_to_stand_by(self, task_id: int, limit: Limit, now_s: float) -> int:
        """Only where the task's own channels are what its calls wait for: whoever stands by for a channel of all, of a
        trunk, for a rate or an employee would take it from another task meanwhile."""
        if not self.is_full(task_id):
            return 0
        if limit.max_calls_per_s or self.channels.max_channels or self.rate.max_calls_per_s or self._trunks:
            return 0
        room = self._standby.room(task_id, now_s)
        return room if room and self.may_stand_by(task_id) else 0

    def refusal_of_order(self, order: CallOrder) -> Refusal | None:
        """Whether the trunk for an order allows no call now."""
        return self._trunk_of_order(order).refusal(self._clock())

    def refusal_of_trunk(self, dial_string: str) -> Refusal | None:
        """Whether the trunk for this number allows no call now."""
        return self._trunk_of(dial_string).refusal(self._clock())

    def call_began(self, order: CallOrder) -> None:
        if self.is_full(order.task_id):
            self._standby.join(order.attempt_id, order.task_id)
        else:
            self._running[order.task_id] = self.in_use_by(order.task_id) + 1
        self._shares.call_began(order.task_id, self._clock())
        self._trunk_of_order(order).begin(order.attempt_id)

    def took_one(self, order: CallOrder) -> None:
        """The rates are told of a call that begins now (and not of one that was found in progress)."""
        now_s = self._clock()
        for limit in (self.rate, self.asterisk, self._pace, self._trunk_of_order(order)):
            limit.took_one(now_s)
        of_task = self._tasks.get(order.task_id)
        if of_task is not None:
            of_task.took_one(now_s)
        self._asked_at_s[order.attempt_id] = now_s
        self.knee.began(now_s)

    def event_came(self, delay_s: float) -> None:
        """An event of Asterisk's has been handled, so long after what it tells."""
        self.knee.event_came(self._clock(), delay_s)
        self._keep_to_pace()

    @property
    def pace_per_s(self) -> float:
        """How many calls a second Asterisk's delays allow."""
        return self.knee.calls_per_s

    def _keep_to_pace(self) -> None:
        if self._pace.max_calls_per_s != self.knee.calls_per_s:
            self._pace.max_calls_per_s, self._pace.burst = self.knee.calls_per_s, self.knee.burst

    def turn_of(self, attempt_id: int) -> Awaitable[None] | None:
        """With the question for leave of a call that stands by: waits until it does no more, or for half a second."""
        if attempt_id not in self._standby:
            return None
        self._asked(attempt_id)
        return self._standby.wait(attempt_id)

    def call_moved(self, order: CallOrder, attempt: Attempt) -> None:
        if attempt.state not in DIALLED_STATES:
            return
        self._asked(order.attempt_id)
        if self._standby.leave(order.attempt_id):  # found so at a start
            self._running[order.task_id] = self.in_use_by(order.task_id) + 1
        # not of a callback: its employee may be there still
        if attempt.out_record is not None and not order.callback and order.attempt_id not in self._left:
            self._left.add(order.attempt_id)
            self._free_channel_of(order.task_id, self._clock())

    def _asked(self, attempt_id: int) -> None:
        """Asterisk has taken up a call file."""
        begun_at_s = self._asked_at_s.pop(attempt_id, None)
        if begun_at_s is None:
            return
        now_s, adaptive = self._clock(), self.asterisk.adaptive
        self.knee.claim_came(now_s, now_s - begun_at_s)
        self._keep_to_pace()
        assert adaptive is not None  # noqa: S101 - made with one
        if now_s - begun_at_s >= SLOW_S:
            adaptive.overloaded(now_s, f"Asterisk took {now_s - begun_at_s:.1f} s to begin a call")
        else:
            adaptive.accepted(now_s)
        self._tell(self.asterisk)

    def call_over(self, order: CallOrder, attempt: Attempt) -> None:
        now_s = self._clock()
        self._asked_at_s.pop(order.attempt_id, None)
        self.knee.ended(now_s)
        if order.attempt_id in self._left:
            self._left.discard(order.attempt_id)
        elif not self._standby.leave(order.attempt_id):
            self._free_channel_of(order.task_id, now_s)
        self._shares.call_ended(order.task_id, now_s)
        trunk = self._trunk_of_order(order)
        trunk.end(order.attempt_id)
        if attempt.out_record is None or trunk.adaptive is None or not attempt.out_record.sip_codes:
            return
        refused = attempt.out_record.sip_codes[-1] == SERVICE_UNAVAILABLE
        if self._watches.setdefault(trunk.name, RefusalWatch()).call_ended(now_s, refused=refused):
            trunk.adaptive.refused(now_s)
        elif not refused:
            trunk.adaptive.accepted(now_s)
        self._tell(trunk)

    def _free_channel_of(self, task_id: int, now_s: float) -> None:
        left = self.in_use_by(task_id) - 1
        if left > 0:
            self._running[task_id] = left
        else:
            self._running.pop(task_id, None)
        if task_id in self._tasks:
            self._standby.channel_is_free(task_id, now_s)
            for attempt_id in self._call_up(task_id):
                self.on_called_up(attempt_id, task_id)

    def _call_up(self, task_id: int) -> list[int]:
        """Who stands by gets the channels that are free."""
        called_up = []
        while not self.is_full(task_id):
            attempt_id = self._standby.next_of(task_id)
            if attempt_id is None:
                break
            self._standby.leave(attempt_id)
            self._running[task_id] = self.in_use_by(task_id) + 1
            called_up.append(attempt_id)
        return called_up

    def who_is_slowed_down(self) -> dict[str, bool]:
        """Every trunk, and Asterisk, by name: whether it gets fewer calls a second now."""
        now_s = self._clock()
        limits = (self.asterisk, self._other, *dict.fromkeys(self._trunks.values()))
        return {limit.name: limit.adaptive is not None and limit.adaptive.is_backing_off(now_s) for limit in limits}

    def slowed_down(self) -> list[str]:
        """What is slowed down now, and why, for /health."""
        now_s = self._clock()
        limits = (self.asterisk, self._other, *dict.fromkeys(self._trunks.values()))
        return [
            f"{limit.name}: {reason}"
            for limit in limits
            if limit.adaptive is not None and (reason := limit.adaptive.reason(now_s)) is not None
        ] + self._slowed_down_by_delays(now_s)

    def _slowed_down_by_delays(self, now_s: float) -> list[str]:
        if self.knee.holds_back(now_s):
            return [f"{self._pace.name} allows {self.pace_per_s:.3g} calls a second"]
        return [EVENTS_ARE_LATE] if self.knee.rested_lately(now_s) else []

    def tell_news(self) -> None:
        """Log what has recovered by itself: nobody calls, and no call tells it."""
        for limit in (self.asterisk, self._other, *dict.fromkeys(self._trunks.values())):
            self._tell(limit)

    def _tell(self, limit: Limit) -> None:
        news = limit.adaptive.news(self._clock()) if limit.adaptive is not None else None
        if news is not None:
            log.warning("%s: %s", limit.name, news)

    def _trunk_of_order(self, order: CallOrder) -> Limit:
        return self._trunk_of(self._dial_string(order)) if self._trunks else self._other

    def _trunk_of(self, dial_string: str) -> Limit:
        if not self._trunks:
            return self._other
        digits = dial_string.removeprefix("+")
        prefixes = (digits[:length] for length in range(len(digits), -1, -1))
        return next((self._trunks[prefix] for prefix in prefixes if prefix in self._trunks), self._other)


def _trunk_limit(trunk: Trunk) -> Limit:
    return Limit(f"trunk {trunk.name}", trunk.max_channels, trunk.max_calls_per_s, adaptive=AdaptiveRate())
