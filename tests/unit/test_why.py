"""Why nothing is dialling: each rule on its own, and which of several is told."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.model.attempt import AttemptState
from dialer.model.situation import (
    MOST_COUNTED,
    Blocked,
    Engine,
    Held,
    NumberFacts,
    ProviderFailures,
    Rule,
    Schedule,
    Situation,
)
from dialer.model.task import InnerNumType, Task, TaskState
from dialer.model.why import (
    ENGINE_RULES,
    RULES,
    first_block,
    first_of,
    number_waits,
    provider_down_at_work,
    shown_count,
)

TASK = Task(1_000_000_001, "a", "", TaskState.OPEN, "201", InnerNumType.EXTEN, 5, "")
POLLING = replace(TASK, inner_num_type=InnerNumType.POLLING)
IDLE = Engine(False, None, True, 0, 0, 0.0, 0.0, "", "192.0.2.1:4573")
CLEAR = Situation(TASK, IDLE, in_use=0, waiting=3)
PHONE = "79522233446"
AWAY = Blocked(Rule.AMI_AWAY, "Asterisk: away (AMI 192.0.2.1:5038: refused)", 0.7, "when the AMI connection is back")
QUEUED = NumberFacts(AttemptState.CREATED, "2026-11-25 15:00:00 MSK", before=7)


def engine(**changes: object) -> Situation:
    return replace(CLEAR, engine=replace(IDLE, **changes))  # type: ignore[arg-type]


PROVOKED: dict[Rule, tuple[Situation, str]] = {
    Rule.NOT_IN_LIST: (replace(CLEAR, phone=PHONE), "79522233446 is not in the task's list"),
    Rule.FINISHED: (
        replace(
            CLEAR,
            phone=PHONE,
            number=replace(QUEUED, state=AttemptState.NOT_REACHED, result="FAIL", cause="SIP 486 Busy Here"),
        ),
        "79522233446 is finished: FAIL (SIP 486 Busy Here), 2026-11-25 15:00:00 MSK",
    ),
    Rule.NUMBER_IN_PROGRESS: (
        replace(CLEAR, phone=PHONE, number=replace(QUEUED, state=AttemptState.DIALLING)),
        "79522233446 is in progress: afterDialOut since 2026-11-25 15:00:00 MSK",
    ),
    Rule.TASK_CLOSED: (replace(CLEAR, task=replace(TASK, state=TaskState.CLOSED)), "the task is closed (state 1)"),
    Rule.TASK_PAUSED: (replace(CLEAR, task=replace(TASK, state=TaskState.PAUSED)), "the task is paused (state 2)"),
    Rule.DRAINING: (engine(draining=True, in_use=4), "the daemon is stopping: 4 calls in progress"),
    Rule.DATABASE: (engine(database_trouble="the disk is full"), "nothing can be stored: the disk is full"),
    Rule.AMI_AWAY: (replace(engine(asterisk_ready=False), asterisk=AWAY), AWAY.reason),
    Rule.SPOOL: (replace(CLEAR, spool_trouble="spool_dir: no such folder"), "spool_dir: no such folder"),
    Rule.BACK_OFF: (engine(back_off_s=2.5), "a call file came back unclaimed"),
    Rule.ALL_CHANNELS: (engine(in_use=8, max_channels=8), "8 channels are in use by all tasks"),
    Rule.RATE: (
        engine(pace_s=0.5, pace="[dialing] max_calls_per_s allows 2 calls a second"),
        "[dialing] max_calls_per_s allows 2 calls a second, of all tasks",
    ),
    Rule.NOTHING_WAITS: (replace(CLEAR, waiting=0, in_use=2), "no number waits: 2 in progress"),
    Rule.OTHER_NUMBER: (
        replace(CLEAR, phone=PHONE, number=replace(QUEUED, held_by="79522233416")),
        "79522233446 waits for 79522233416, another number of the same client",
    ),
    Rule.NOT_DUE: (
        replace(CLEAR, schedule=Schedule(None, 600.0, "2026-11-25 15:10:00 MSK")),
        "all numbers that wait do so for their time: their next attempt, timeCallAllow, or the next day (maxPerDay), "
        "the next at 2026-11-25",
    ),
    Rule.WINDOW: (
        replace(CLEAR, schedule=Schedule("the window is 09:00 to 18:00, it is 07:15 in Asia/Omsk", 6300.0)),
        "none of the numbers that wait may be called now: the window is 09:00 to 18:00",
    ),
    Rule.DAY_CAP: (
        replace(CLEAR, phone=PHONE, number=replace(QUEUED, called_today=2, most_per_day=2)),
        "79522233446 has been called 2 times today, 2 are allowed",
    ),
    Rule.TASK_CHANNELS: (replace(CLEAR, in_use=5), "5 channels are in use, maxCountChannels of the task is 5"),
    Rule.TASK_RATE: (
        replace(CLEAR, task_rate=Held("task 1000000001 allows 2 calls a second", 0.5)),
        "task 1000000001 allows 2 calls a second",
    ),
    Rule.NOBODY_FREE: (
        replace(CLEAR, may_connect=False, obstacle="the hint says in use", presence_look_s=12.0),
        "nobody at internal number 201 can take a call: the hint says in use",
    ),
    Rule.PACING: (
        replace(CLEAR, pacing="progressive: 3 free employees, 3 calls on their way"),
        "progressive: 3 free employees",
    ),
    Rule.TRUNK: (
        replace(CLEAR, trunk=Held("2 calls are in progress, trunk mts allows 2", None)),
        "2 calls are in progress, trunk mts allows 2",
    ),
    Rule.PROVIDER_DOWN: (
        replace(CLEAR, failures=ProviderFailures(5, "SIP 503 Service Unavailable")),
        "the last 5 finished numbers all ended FAIL_PROVIDER: SIP 503 Service Unavailable",
    ),
    Rule.DIALOGUE: (
        replace(CLEAR, task=POLLING, dialogue_trouble="a prompt cannot be played"),
        "the last dialogue of the daemon could not be held: a prompt cannot be played",
    ),
    Rule.RECORDING: (
        replace(CLEAR, task=replace(TASK, record_talk=True), recording_trouble="Asterisk does not record"),
        "Asterisk does not record",
    ),
    Rule.NUMBER_WAITS: (replace(CLEAR, phone=PHONE, number=QUEUED), "79522233446 waits, 7 before it"),
    Rule.DIALLING: (CLEAR, "dialling: nothing holds the next call back, 3 numbers wait"),
}
"""The order of the table, and a situation in which each rule speaks and no other."""
OF_ONE = (
    (engine(in_use=1, max_channels=1), "1 channel is in use by all tasks"),
    (replace(CLEAR, task=replace(TASK, max_count_channels=1), in_use=1), "1 channel is in use, maxCountChannels"),
    (
        replace(CLEAR, phone=PHONE, number=replace(QUEUED, called_today=1, most_per_day=1)),
        "79522233446 has been called once today, 1 is allowed",
    ),
    (
        replace(CLEAR, task=replace(TASK, state=TaskState.CLOSED), waiting=1, in_use=1),
        "the task is closed (state 1): by the CRM, 1 number waits, 1 call is in progress",
    ),
    (replace(CLEAR, waiting=1), "dialling: nothing holds the next call back, 1 number waits"),
)
"""Situations in which a count is 1, and how it is told."""
FROM_THE_LINK = (Rule.AMI_REFUSED, Rule.ASTERISK_BOOTING, Rule.ASTERISK_SETUP, Rule.ASTERISK_LOOKING)
"""Told in AMI_AWAY's place, by what the link knows."""
SILENT = {
    Rule.NUMBER_IN_PROGRESS,
    Rule.PROVIDER_DOWN,
    Rule.DIALOGUE,
    Rule.RECORDING,
    Rule.NUMBER_WAITS,
    Rule.DIALLING,
}
"""Hold nothing back."""


def test_every_rule_is_tested() -> None:
    assert set(Rule) == set(PROVOKED) | set(FROM_THE_LINK)
    assert len(set(RULES) - {provider_down_at_work}) == len(PROVOKED) - 1, "DIALLING is told when no rule speaks"


@pytest.mark.parametrize(("situation", "reason"), OF_ONE)
def test_one_is_told_as_one(situation: Situation, reason: str) -> None:
    assert first_block(situation).reason.startswith(reason)


@pytest.mark.parametrize("rule", PROVOKED)
def test_a_rule_tells_what_it_found_and_no_other_has_anything_to_say(rule: Rule) -> None:
    situation, reason = PROVOKED[rule]
    found = first_block(situation)
    assert found.rule is rule
    assert found.reason.startswith(reason)
    assert found.next_look_on
    assert found.blocks is (rule not in SILENT)
    others = [
        one for one in RULES if one is not number_waits or rule is Rule.NUMBER_WAITS
    ]  # it speaks of any that waits
    assert sum(one(situation) is not None for one in others) == (rule is not Rule.DIALLING)


@pytest.mark.parametrize(
    ("rule", "next_look_s"),
    [(Rule.BACK_OFF, 2.5), (Rule.RATE, 0.5), (Rule.DATABASE, 1.0), (Rule.AMI_AWAY, 0.7), (Rule.NOBODY_FREE, 12.0)],
)
def test_a_rule_that_knows_when_it_is_looked_at_next_says_so(rule: Rule, next_look_s: float) -> None:
    assert first_block(PROVOKED[rule][0]).next_look_s == next_look_s


@pytest.mark.parametrize("rule", [Rule.TASK_PAUSED, Rule.TASK_CHANNELS, Rule.ALL_CHANNELS, Rule.DRAINING])
def test_a_rule_that_waits_for_an_event_gives_no_time(rule: Rule) -> None:
    assert first_block(PROVOKED[rule][0]).next_look_s is None


def merged(rules: list[Rule]) -> Situation:
    """A situation in which all of these have something to say, as far as they do not exclude each other."""
    situation = CLEAR
    for rule in rules:
        provoked = PROVOKED[rule][0]
        own = {name: getattr(provoked, name) for name in Situation.__slots__ if name not in ("task", "engine")}
        changed = {name: value for name, value in own.items() if value != getattr(CLEAR, name)}
        task = {
            name: getattr(provoked.task, name)
            for name in Task.__slots__
            if getattr(provoked.task, name) != getattr(TASK, name)
        }
        of_engine = {
            name: getattr(provoked.engine, name)
            for name in Engine.__slots__
            if getattr(provoked.engine, name) != getattr(IDLE, name)
        }
        situation = replace(
            situation,
            **changed,
            task=replace(situation.task, **task),
            engine=replace(situation.engine, **of_engine),
        )
    return situation


@given(st.lists(st.sampled_from(list(PROVOKED)), max_size=6, unique=True))
def test_the_first_rule_of_the_table_that_has_something_to_say_is_told(rules: list[Rule]) -> None:
    situation = merged(rules)
    said = [found for rule in RULES if (found := rule(situation)) is not None]
    told = first_block(situation)
    assert (told == said[0]) if said else (told.rule is Rule.DIALLING)
    order = list(PROVOKED)
    places = [order.index(found.rule) for found in said if found.rule is not Rule.PROVIDER_DOWN]
    assert places == sorted(places), "the table's order is the order written down here"


@given(st.lists(st.sampled_from(list(PROVOKED)), max_size=6, unique=True))
def test_what_only_is_worth_knowing_is_told_when_nothing_blocks(rules: list[Rule]) -> None:
    situation = replace(merged(rules), phone=None, number=None)
    blocking = [found for rule in RULES if (found := rule(situation)) is not None and found.blocks]
    told = first_block(situation)
    assert told.blocks is bool(blocking) or (situation.in_use and told.rule is Rule.PROVIDER_DOWN)


@pytest.mark.parametrize("limit", [Rule.ALL_CHANNELS, Rule.RATE, Rule.NOTHING_WAITS, Rule.TASK_CHANNELS])
def test_a_provider_that_fails_a_task_at_work_is_told_before_its_limits(limit: Rule) -> None:
    both = merged([limit, Rule.PROVIDER_DOWN])
    assert first_block(replace(both, in_use=both.in_use or 1)).rule is Rule.PROVIDER_DOWN


@pytest.mark.parametrize("block", [Rule.TASK_PAUSED, Rule.DRAINING, Rule.DATABASE, Rule.AMI_AWAY, Rule.BACK_OFF])
def test_what_stops_a_task_is_told_before_a_provider_that_failed_it(block: Rule) -> None:
    assert first_block(replace(merged([block, Rule.PROVIDER_DOWN]), in_use=1)).rule is block


def test_nobody_free_is_told_before_a_provider_that_failed_a_task_at_work() -> None:
    assert first_block(replace(merged([Rule.NOBODY_FREE, Rule.PROVIDER_DOWN]), in_use=1)).rule is Rule.NOBODY_FREE


def test_who_closed_a_task_is_told() -> None:
    closed = PROVOKED[Rule.TASK_CLOSED][0]
    assert "every number is finished" in first_block(replace(closed, waiting=0, in_use=0)).reason
    assert "by the CRM, 3 numbers wait" in first_block(replace(closed, waiting=3)).reason


@pytest.mark.parametrize("block", [Rule.ALL_CHANNELS, Rule.RATE, Rule.NOBODY_FREE])
def test_what_holds_a_task_with_no_call_is_told_before_a_provider_that_failed_it(block: Rule) -> None:
    assert first_block(merged([block, Rule.PROVIDER_DOWN])).rule is block


@pytest.mark.parametrize("rule", [Rule.DRAINING, Rule.DATABASE, Rule.AMI_AWAY, Rule.ALL_CHANNELS, Rule.BACK_OFF])
def test_what_holds_the_scheduler_holds_the_explanation(rule: Rule) -> None:
    held = first_of(ENGINE_RULES, PROVOKED[rule][0].engine)
    assert held is not None
    assert held.rule is rule


@given(
    st.builds(
        Engine,
        draining=st.booleans(),
        database_trouble=st.none() | st.just("locked"),
        asterisk_ready=st.booleans(),
        in_use=st.integers(0, 5),
        max_channels=st.integers(0, 5),
        back_off_s=st.sampled_from([0.0, 1.5]),
        pace_s=st.sampled_from([0.0, 0.2]),
    )
)
def test_the_scheduler_and_the_explanation_of_an_open_task_find_the_same(state: Engine) -> None:
    held, told = first_of(ENGINE_RULES, state), first_block(replace(CLEAR, engine=state))
    assert (told.rule is Rule.DIALLING) if held is None else (told == held)


@pytest.mark.parametrize("rule", FROM_THE_LINK)
def test_what_the_link_says_stands_in_place_of_not_ready(rule: Rule) -> None:
    said = Blocked(rule, "so it is", 3.0, "then")
    assert first_block(replace(engine(asterisk_ready=False), asterisk=said)) == said
    assert first_block(replace(CLEAR, asterisk=said)).rule is Rule.DIALLING, "only while the scheduler waits for it"


def test_an_asterisk_of_which_the_link_says_nothing_is_not_ready_all_the_same() -> None:
    assert first_block(engine(asterisk_ready=False)).rule is Rule.AMI_AWAY


@pytest.mark.parametrize(
    "unaffected",
    [
        lambda: replace(CLEAR, failures=ProviderFailures(4, "SIP 503 Service Unavailable")),
        lambda: replace(CLEAR, dialogue_trouble="unplayable"),
        lambda: replace(CLEAR, task=POLLING, recording_trouble="no"),
        lambda: replace(CLEAR, in_use=4),
        lambda: engine(in_use=1000, max_channels=0),
        lambda: engine(in_use=7, max_channels=8),
    ],
)
def test_what_does_not_concern_the_task_is_not_told(unaffected: Callable[[], Situation]) -> None:
    assert first_block(unaffected()).rule is Rule.DIALLING


def test_counts_are_told_as_far_as_they_were_counted() -> None:
    assert shown_count(MOST_COUNTED) == "10000"
    assert shown_count(MOST_COUNTED + 1) == "more than 10000"


def test_a_number_asked_for_is_told_its_own_hours_and_times_and_not_the_list_s() -> None:
    of_list = replace(CLEAR, phone=PHONE, schedule=Schedule("2026-01-01 is a holiday", 60.0))
    early = replace(QUEUED, closed="the window is 09:00 to 18:00, it is 07:15 in Asia/Omsk", opens_in_s=6300.0)
    found = first_block(replace(of_list, number=early))
    assert (found.rule, found.next_look_s) == (Rule.WINDOW, 6300.0)
    assert found.reason.startswith("79522233446 may not be called now: the window is 09:00 to 18:00")
    found = first_block(replace(of_list, number=replace(QUEUED, due_in_s=60.0, due="2026-11-25 15:01:00 MSK")))
    assert (found.rule, found.next_look_s) == (Rule.NOT_DUE, 60.0)
    assert found.reason == "79522233446 waits for its time: 2026-11-25 15:01:00 MSK"
    assert first_block(replace(of_list, number=QUEUED)).rule is Rule.NUMBER_WAITS


def test_a_task_that_has_spent_what_it_may_is_told_why_it_is_paused() -> None:
    paused = replace(TASK, state=TaskState.PAUSED)
    found = first_block(replace(CLEAR, task=paused, spent="its calls have cost 12.50, maxCost is 12.00"))
    assert found.reason == "the task is paused (state 2): its calls have cost 12.50, maxCost is 12.00"
