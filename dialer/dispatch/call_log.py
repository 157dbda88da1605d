"""The log of calls: one line a transition, the ids as fields."""

import logging

from dialer.dispatch.observing import Watching
from dialer.model.about import about
from dialer.model.attempt import Attempt, AttemptState, shown_state
from dialer.model.call import CallOrder

log = logging.getLogger("dialer.calls")
_WORDS = {
    AttemptState.SPOOLED: "call file written",
    AttemptState.DIALLING: "dialling",
    AttemptState.CONNECTING: "answered, the other side is called",
    AttemptState.POLLING: "answered, the dialogue begins",
    AttemptState.POLLED: "the dialogue has reached its end",
}
_SHOWN_DIGITS = 4


class CallLog(Watching):
    """An observer of the ledger. Fields: `state` as the API spells it, `number` (masked unless debugging is asked for),
    at the end `outcome` and `cause`."""

    def __init__(self, *, show_numbers: bool = False) -> None:
        self._show_numbers = show_numbers
        self._told: dict[int, tuple[AttemptState, bool]] = {}

    def call_moved(self, order: CallOrder, attempt: Attempt) -> None:
        now = attempt.state, attempt.talking
        before = self._told.get(order.attempt_id)
        if now == before:
            return  # a record that was noted
        self._told[order.attempt_id] = now
        words = _WORDS[attempt.state]
        if before is None and attempt.state is not AttemptState.SPOOLED:
            words = "found in progress"
        elif before is not None and attempt.state is before[0]:
            words = "talking"
        self._tell(words, order, attempt, state=attempt.state.value)

    def call_over(self, order: CallOrder, attempt: Attempt) -> None:
        self._told.pop(order.attempt_id, None)
        verdict = attempt.verdict
        if verdict is None:
            self._tell("not dialled, back in the queue", order, attempt, state=AttemptState.CREATED.value)
        else:
            cause = {"cause": verdict.cause} if verdict.cause else {}
            state = shown_state(attempt).value
            self._tell("ended", order, attempt, state=state, outcome=verdict.outcome.value, **cause)

    def _tell(self, words: str, order: CallOrder, attempt: Attempt, **fields: str) -> None:
        if not log.isEnabledFor(logging.INFO):
            return
        number = order.phone if self._show_numbers else f"…{order.phone[-_SHOWN_DIGITS:]}"
        with about(order.task_id, order.attempt_id, attempt.linked_id):
            log.info(words, extra={**fields, "number": number})
