"""When the bench of pollings takes a side for saturated, and the aim for reached."""

from unittest.mock import Mock

import pytest

from bench.dialogues import Kept, Look, kept_answers
from bench.first_prompt import PromptClock
from bench.pollings import Seen, row_of_pollings
from tests.rig.sipp import SippEvent


def look(at_once: int, *, gap_ms: float = 20.0, next_ms: float = 0.0, strangers: float = 0.0) -> Look:
    cores = {**dict.fromkeys(("asterisk", "daemon", "sipp", "bench"), 0.0), "all": strangers}
    return Look(1.0, at_once, gap_ms, 0.0, 100.0, cores, next_ms)


def saturated(at_once: int) -> Seen:
    return Seen([look(at_once), look(at_once + 10, gap_ms=60.0), look(at_once + 20, gap_ms=60.0)])


def test_a_daemon_that_answers_keys_late_is_saturated_while_the_sound_is_smooth() -> None:
    slow = Seen([look(100, next_ms=20.0), look(200, next_ms=251.0), look(300, next_ms=900.0)])
    assert slow.is_saturated
    assert slow.saturated_at == 100
    assert slow.next_prompt_ms == 20.0
    assert not Seen([look(100, next_ms=900.0), look(200, next_ms=20.0), look(300)]).is_saturated


def test_a_disturbed_look_is_neither_good_nor_late() -> None:
    clear = [look(100), look(200), look(300, gap_ms=60.0), look(310, gap_ms=60.0)]
    seen = Seen([*clear[:2], look(900, strangers=0.4), clear[2], look(950, gap_ms=60.0, strangers=0.4), clear[3]])
    assert seen.saturated_at == 200
    assert seen.is_saturated


ALL = Kept(pressed=50, lost=0)


@pytest.mark.parametrize(
    ("alone", "daemon", "kept", "reached"),
    [
        (saturated(400), saturated(380), ALL, True),
        (saturated(400), Seen([look(500), look(500)]), ALL, True),
        (saturated(400), saturated(300), ALL, False),
        (saturated(400), saturated(380), Kept(50, 1), False),
        (saturated(400), saturated(380), Kept(0, 0), False),
        (Seen([look(400), look(400)]), saturated(400), ALL, False),
        (saturated(400), Seen([look(500), look(510, gap_ms=60.0, strangers=0.4)]), ALL, None),
        (saturated(400), Seen([look(at) for at in range(30)] + [look(500, strangers=0.4)] * 3), ALL, None),
        (saturated(400), Seen([look(500), look(510, strangers=0.4)]), Kept(50, 1), False),
    ],
)
def test_the_aim_is_reached_only_beside_an_asterisk_that_was_saturated(
    alone: Seen, daemon: Seen, kept: Kept, reached: bool | None
) -> None:
    row = row_of_pollings([alone], [daemon], [kept])
    assert row.reached is reached
    assert ("nothing can be said" in row.seen) == (daemon.disturbed > 0.25)


def test_the_mean_of_runs_in_turn_counts_and_each_is_to_be_saturated() -> None:
    alone, kept = [saturated(400), saturated(300)], [ALL, Kept(40, 0)]
    row = row_of_pollings(alone, [saturated(300), saturated(330)], kept)
    assert row.reached
    assert "315 (300 and 330) = 0.90, 0 of 90" in row.seen
    assert "350 (400 and 300)" in row.against
    assert row_of_pollings([alone[0], Seen([look(300)] * 2)], [saturated(390)] * 2, kept).reached is False
    assert row_of_pollings(alone, [saturated(390)] * 2, [ALL, Kept(40, 1)]).reached is False


def pressing(number: str, *at_s: float) -> list[SippEvent]:
    return [SippEvent(one_s, "PRESSED", number, "call") for one_s in at_s]


def test_a_dialogue_with_four_keys_pressed_is_lost_without_four_answers_and_an_end() -> None:
    events = [
        *pressing("79520000001", 1, 10, 17, 26),
        *pressing("79520000002", 2, 11, 18, 27),  # a key was lost: it goes on and on
        *pressing("79520000003", 3, 12, 19, 28),  # all answers, and no end
        *pressing("79520000004", 4, 13, 20),
        *pressing("79520000005", 70, 79, 86, 95),  # hung up amid the thanks, by us
    ]
    task = {
        "results": [
            {"phone": f"7952000000{one}", "result": "SUCCESS_POLLING" if one == 1 else "FAIL"} for one in range(6)
        ],
        "resultsPoling": [
            {"phone": f"7952000000{one}"} for one, answers in ((1, 4), (2, 3), (3, 4), (5, 4)) for _ in range(answers)
        ],
    }
    assert kept_answers(events, task, [(98.0, 100.0)]) == Kept(pressed=3, lost=2)


def test_the_clock_tells_first_prompts_from_those_after_a_key() -> None:
    clock = PromptClock(Mock())
    clock.counts = True
    for at_s, kind, told in (
        ("1.0", "Newexten", {"AppData": "agi://127.0.0.1:4573/dialogue,7"}),
        ("1.5", "AGIExecStart", {"Command": "GET OPTION a"}),
        ("10.0", "AGIExecEnd", {"Command": "GET OPTION a"}),
        ("10.25", "AGIExecStart", {"Command": "STREAM FILE b"}),
    ):
        clock.hear({"Event": kind, "Channel": "Local/1", "Timestamp": at_s, **told})
    assert clock.waits_s == [0.5]
    assert clock.take_next() == [0.25]
    assert clock.take_next() == []
