"""Which results are tried again, and when."""

import pytest

from dialer.model.outcome import Outcome
from dialer.model.retry import NAMES, name_of, nobody_reached, seconds_to_next_attempt
from dialer.model.rules import RetryRule, Rules
from dialer.model.verdict import REFUSED

THREE = Rules(max_attempts=3, try_interval_s=60)
REACHED = [
    (outcome, None) for outcome in Outcome if outcome not in {Outcome.FAIL, Outcome.FAIL_ROUTE, Outcome.FAIL_PROVIDER}
]
NOT_REACHED = [
    (Outcome.FAIL, "SIP 486 Busy Here"),
    (Outcome.FAIL, "No answer"),
    (Outcome.FAIL, "SIP 603 Decline"),
    (Outcome.FAIL, "SIP 404 Not Found"),
    (Outcome.FAIL, "Answering machine"),
    (Outcome.FAIL, "Answering machine: hung up before the end of the message"),
    (Outcome.FAIL_ROUTE, "No outgoing route"),
    (Outcome.FAIL_PROVIDER, "SIP 503 Service Unavailable"),
]
FINAL = [
    (Outcome.FAIL, "Lost: Asterisk or the dialer stopped during the call, its end was not seen"),
    (Outcome.FAIL, "Stop list"),
    (Outcome.FAIL, "Lifetime over: timeCallUntil has passed"),
    (Outcome.FAIL, "Answering machine: message left"),
    (Outcome.FAIL, "No trace of the answered leg"),
]


@pytest.mark.parametrize(("outcome", "cause"), NOT_REACHED)
def test_by_default_whoever_was_not_reached_is_tried_again(outcome: Outcome, cause: str) -> None:
    assert nobody_reached(outcome, cause)
    assert seconds_to_next_attempt(THREE, 1, outcome, cause) == 60
    assert seconds_to_next_attempt(THREE, 2, outcome, cause) == 60
    assert seconds_to_next_attempt(THREE, 3, outcome, cause) is None, "the last allowed attempt"


@pytest.mark.parametrize(("outcome", "cause"), [*REACHED, *FINAL])
def test_by_default_whoever_was_reached_or_may_have_been_is_not(outcome: Outcome, cause: str | None) -> None:
    assert seconds_to_next_attempt(THREE, 1, outcome, cause) is None


def test_a_task_that_says_nothing_tries_once() -> None:
    assert seconds_to_next_attempt(Rules(), 1, Outcome.FAIL, "No answer") is None


@pytest.mark.parametrize(
    ("on", "outcome", "cause", "fits"),
    [
        ("busy", Outcome.FAIL, "SIP 486 Busy Here", True),
        ("busy", Outcome.FAIL, "Q.850 17 User busy", True),
        ("BUSY", Outcome.FAIL, "SIP 600 Busy Everywhere", True),
        ("busy", Outcome.FAIL, "No answer", False),
        ("no_answer", Outcome.FAIL, "No answer: the routes had not dialled yet", True),
        ("machine", Outcome.FAIL, "Answering machine", True),
        ("sip 48", Outcome.FAIL, "SIP 480 Temporarily Unavailable", True),
        ("FAIL_PROVIDER", Outcome.FAIL_PROVIDER, None, True),
        ("FAIL", Outcome.FAIL_PROVIDER, None, False),
        ("FAIL_POLLING", Outcome.FAIL_POLLING, None, True),
        ("lost", Outcome.FAIL, "Lost: Asterisk or the dialer stopped during the call, its end was not seen", True),
        ("abandoned", Outcome.FAIL_USER_BUSY, "Abandoned: no employee was free", True),
    ],
)
def test_a_rule_names_a_result_a_kind_of_cause_or_a_cause_s_beginning(
    on: str, outcome: Outcome, cause: str | None, fits: bool
) -> None:
    rules = Rules(max_attempts=2, retry_on=(RetryRule(on, 600),))
    assert seconds_to_next_attempt(rules, 1, outcome, cause) == (600 if fits else None)


def test_each_rule_has_its_own_interval_and_the_first_that_fits_counts() -> None:
    rules = Rules(
        max_attempts=5,
        try_interval_s=30,
        retry_on=(RetryRule("busy", 300), RetryRule("FAIL"), RetryRule("FAIL_PROVIDER", 0)),
    )
    assert seconds_to_next_attempt(rules, 1, Outcome.FAIL, "SIP 486 Busy Here") == 300
    assert seconds_to_next_attempt(rules, 1, Outcome.FAIL, "No answer") == 30
    assert seconds_to_next_attempt(rules, 1, Outcome.FAIL_PROVIDER, None) == 0
    assert seconds_to_next_attempt(rules, 1, Outcome.FAIL_ROUTE, None) is None


def test_an_empty_list_tries_nothing_again() -> None:
    assert seconds_to_next_attempt(Rules(max_attempts=5, retry_on=()), 1, Outcome.FAIL, "No answer") is None


@pytest.mark.parametrize("outcome", Outcome)
def test_until_the_signal_every_result_is_tried_again_up_to_the_last_attempt(outcome: Outcome) -> None:
    rules = Rules(max_attempts=2, try_interval_s=5, until_signal=True)
    assert seconds_to_next_attempt(rules, 1, outcome, None) == 5
    assert seconds_to_next_attempt(rules, 2, outcome, None) is None


def test_names_are_those_that_causes_have() -> None:
    told = {name_of(cause) for _, cause in [*NOT_REACHED, *FINAL]} - {None}
    assert told <= NAMES
    assert {"busy", "no_answer", "declined", "unknown_number", "machine", "lost"} <= NAMES
    assert name_of(None) is name_of("something else") is None


@pytest.mark.parametrize(
    ("outcome", "cause"),
    [
        (Outcome.FAIL_POLLING, REFUSED),
        (Outcome.FAIL, "Ended by the user"),
        (Outcome.FAIL_POLLING, "Ended by the user: FAIL_POLLING"),
        (Outcome.FAIL, "Ended by the user: FAIL (SIP 486 Busy Here)"),
    ],
)
def test_who_refused_and_what_the_user_ended_is_never_tried_again_whatever_the_rules_say(
    outcome: Outcome, cause: str
) -> None:
    for rules in (
        THREE,
        Rules(max_attempts=9, until_signal=True),
        Rules(max_attempts=9, retry_on=(RetryRule("default"), RetryRule("FAIL_POLLING"), RetryRule("FAIL"))),
        Rules(max_attempts=9, retry_on=(RetryRule(cause[:7]),)),
    ):
        assert seconds_to_next_attempt(rules, 1, outcome, cause) is None


def test_a_rule_can_name_what_is_tried_again_by_default() -> None:
    rules = Rules(max_attempts=2, retry_on=(RetryRule("default", 60), RetryRule("FAIL_POLLING", 5)))
    for outcome, cause in NOT_REACHED:
        assert seconds_to_next_attempt(rules, 1, outcome, cause) == 60
    for outcome, cause in FINAL:
        assert seconds_to_next_attempt(rules, 1, outcome, cause) is None
    assert seconds_to_next_attempt(rules, 1, Outcome.FAIL_POLLING, None) == 5
