"""Calls: begun, finished, in flight; how soon a channel that is free is in use again; FastAGI."""

import time
from collections import Counter as Count
from collections import deque
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Gauge

from dialer.dispatch.observing import Watching
from dialer.metrics.buckets import PROMPT_S, QUICK_S, REFILL_S
from dialer.metrics.counting import Spread, Tally
from dialer.model.attempt import Attempt, AttemptState
from dialer.model.call import CallOrder
from dialer.model.outcome import Outcome
from dialer.model.task import InnerNumType

_WITHOUT_A_CALL = frozenset({Outcome.SUCCESS_ANOTHER_PHONE, Outcome.SUCCESS_EXTERNAL_SIGNAL})
_IN_FLIGHT = (
    AttemptState.CREATED,
    AttemptState.SPOOLED,
    AttemptState.DIALLING,
    AttemptState.CONNECTING,
    AttemptState.POLLING,
    AttemptState.POLLED,
)


class CallMetrics(Watching):
    """An observer of the ledger. No metric is by task: tasks come and go, and each would be a series for ever."""

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._finished = Tally(
            "autodialer_calls_finished", "Calls that have ended, by result", ("outcome", "kind"), registry=registry
        )
        self._begun = Tally(
            "autodialer_attempts_begun", "Attempts that were given leave to dial", ("kind",), registry=registry
        )
        self._given_back = Tally(
            "autodialer_attempts_given_back",
            "Attempts that went back to their queue undialled: refused, or Asterisk did not ask for leave",
            registry=registry,
        )
        self._in_flight = Gauge(
            "autodialer_calls_in_flight", "Attempts that hold a channel now, by state", ("state",), registry=registry
        )
        self._refill = Spread(
            "autodialer_channel_refill_seconds",
            "From the end of a call to the leave to dial of the one that takes its channel; only where nothing but the "
            "dialer keeps it waiting: no limit, no hour, no employee, no end of the list",
            buckets=REFILL_S,
            registry=registry,
        )
        for kind in InnerNumType:
            self._begun.expect(kind)
            for outcome in Outcome:
                if outcome not in _WITHOUT_A_CALL:
                    self._finished.expect(outcome, kind)
        self._asking: dict[int, float | None] = {}
        """Attempts whose call file lies in the spool: when the channel that they take got free, if they take one."""
        self._taking: dict[int, float] = {}
        """Likewise, attempts that are just being begun."""
        self._free: dict[int, deque[float]] = {}
        """By task: when channels got free that no call has taken yet."""
        self.is_dialled: Callable[[int], bool] = lambda task_id: True
        """Whether numbers of a task are dialled at all."""
        self.stands_by: Callable[[int], bool] = lambda attempt_id: False
        """Whether an attempt that has just begun takes no channel yet."""
        self._given: Count[int] = Count()
        """By task: calls whose channel was given to one that stood by before their end was told."""

    def call_began(self, order: CallOrder) -> None:
        if (free := self._free.get(order.task_id)) and not self.stands_by(order.attempt_id):
            self._taking[order.attempt_id] = free.popleft()

    def called_up(self, attempt_id: int, task_id: int) -> None:
        """A call that stood by gets the channel of one that is ending."""
        if attempt_id in self._asking:
            self._asking[attempt_id] = self._clock()
        self._given[task_id] += 1

    def call_moved(self, order: CallOrder, attempt: Attempt) -> None:
        if attempt.state is AttemptState.SPOOLED:
            self._asking[order.attempt_id] = self._taking.pop(order.attempt_id, None)
        elif order.attempt_id in self._asking:
            free_since_s = self._asking.pop(order.attempt_id)
            self._begun.add(order.inner_num_type)
            if free_since_s is not None:
                self._refill.observe(self._clock() - free_since_s)

    def call_over(self, order: CallOrder, attempt: Attempt) -> None:
        self._asking.pop(order.attempt_id, None)
        self._taking.pop(order.attempt_id, None)
        if attempt.verdict is None:
            self._given_back.add()
            return
        self._finished.add(attempt.verdict.outcome, order.inner_num_type)
        if self._given[order.task_id] > 0:
            self._given[order.task_id] -= 1
            return
        del self._given[order.task_id]
        if self.is_dialled(order.task_id):
            self._free.setdefault(order.task_id, deque()).append(self._clock())

    def held(self, task_id: int | None) -> None:
        """A task has nothing to dial now, or may not; None: no task may. What is free stays so for that reason."""
        if task_id is None:
            self._free.clear()
        else:
            self._free.pop(task_id, None)

    def show(self, states: Iterable[AttemptState]) -> None:
        """The attempts in progress as they are now."""
        counts = Count(states)
        for state in _IN_FLIGHT:
            self._in_flight.labels(state.value).set(counts[state])


class AgiMetrics:
    """FastAGI: what a channel waits for."""

    SCRIPTS = frozenset({"claim", "still", "dialogue", "employee", "joined", "message", "doctor", "key"})

    def __init__(self, registry: CollectorRegistry) -> None:
        self._reply = Spread(
            "autodialer_agi_reply_seconds",
            "From the connection of a channel to our first command: for a claim, the answer",
            ("script",),
            buckets=QUICK_S,
            registry=registry,
        )
        self._prompt = Spread(
            "autodialer_agi_prompt_seconds",
            "From the connection of a channel to the first prompt: the silence after a subscriber's hello",
            ("script",),
            buckets=PROMPT_S,
            registry=registry,
        )
        self._claims = Tally(
            "autodialer_claims", "Questions for leave to dial, by answer", ("answer",), registry=registry
        )
        self._ended = Tally(
            "autodialer_agi_sessions", "FastAGI sessions that have ended", ("script", "end"), registry=registry
        )
        self.open = Gauge("autodialer_agi_sessions_open", "FastAGI sessions open now", registry=registry)
        for answer in ("granted", "refused"):
            self._claims.expect(answer)
        for script in ("claim", "dialogue"):
            self._reply.expect(script)
            for end in ("done", "hung_up", "failed"):
                self._ended.expect(script, end)
        self._prompt.expect("dialogue")

    def replied(self, script: str, waited_s: float) -> None:
        self._reply.observe(waited_s, self._known(script))

    def prompted(self, script: str, waited_s: float) -> None:
        self._prompt.observe(waited_s, self._known(script))

    def claimed(self, granted: bool) -> None:
        self._claims.add("granted" if granted else "refused")

    def ended(self, script: str, end: str) -> None:
        """`end`: done, hung_up or failed."""
        self._ended.add(self._known(script), end)

    def _known(self, script: str) -> str:
        """Whoever reaches the port may name any."""
        return script if script in self.SCRIPTS else "other"
