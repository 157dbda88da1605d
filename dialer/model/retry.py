"""Whether a number is tried again after a result, and when. Pure."""

import re

from dialer.model.outcome import Outcome
from dialer.model.rules import Rules

_NOT_REACHED = frozenset({Outcome.FAIL, Outcome.FAIL_ROUTE, Outcome.FAIL_PROVIDER})
_FINAL_CAUSES = ("Lost", "Stop list", "Lifetime", "No trace of", "Nobody can say", "Answering machine: message left")
"""Of FAIL: somebody may have been reached, or nobody may be."""
_NEVER_AGAIN = ("Refused", "Ended by the user")
"""Whatever the rules say."""
_CODE = re.compile(r"(SIP|Q\.850) ([0-9]{1,3})\b")
_NAME_OF_SIP = {
    486: "busy", 600: "busy", 408: "no_answer", 480: "unavailable", 603: "declined", 607: "declined",
    404: "unknown_number", 410: "unknown_number", 484: "unknown_number", 604: "unknown_number",
}  # fmt: skip
_NAME_OF_Q850 = {
    1: "unknown_number", 22: "unknown_number", 28: "unknown_number", 17: "busy", 18: "no_answer", 19: "no_answer",
    20: "unavailable", 21: "declined",
}  # fmt: skip
_NAME_OF_WORDS = {"No answer": "no_answer", "Answering machine": "machine", "Abandoned": "abandoned", "Lost": "lost"}
NAMES = frozenset({*_NAME_OF_SIP.values(), *_NAME_OF_Q850.values(), *_NAME_OF_WORDS.values()})
"""What `retryOn` may name beside results and the beginnings of causes."""
DEFAULT = "default"
"""What it may name, too: where nobody was reached."""


def name_of(cause: str | None) -> str | None:
    """The kind of a cause, one of `NAMES`; None: of no kind."""
    if not cause:
        return None
    code = _CODE.match(cause)
    if code:
        return (_NAME_OF_SIP if code[1] == "SIP" else _NAME_OF_Q850).get(int(code[2]))
    return next((name for words, name in _NAME_OF_WORDS.items() if cause.startswith(words)), None)


def nobody_reached(outcome: Outcome, cause: str | None) -> bool:
    """Whether nobody was reached, and somebody might be the next time: what is tried again by default."""
    return outcome in _NOT_REACHED and not (cause or "").startswith(_FINAL_CAUSES)


def seconds_to_next_attempt(rules: Rules, attempt_number: int, outcome: Outcome, cause: str | None) -> int | None:
    """Seconds until the number's next attempt; None: this result is its last. `attempt_number` counts from 1."""
    if attempt_number >= rules.max_attempts or (cause or "").startswith(_NEVER_AGAIN):
        return None
    for rule in rules.retry_on or ():
        if _fits(rule.on, outcome, cause):
            return rules.try_interval_s if rule.interval_s is None else rule.interval_s
    again = rules.until_signal or (rules.retry_on is None and nobody_reached(outcome, cause))
    return rules.try_interval_s if again else None


def _fits(on: str, outcome: Outcome, cause: str | None) -> bool:
    if on == DEFAULT:
        return nobody_reached(outcome, cause)
    wanted = on.casefold()
    return wanted in {outcome.value.casefold(), name_of(cause)} or (cause or "").casefold().startswith(wanted)
