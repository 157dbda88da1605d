"""When the bench of pollings takes a side for saturated, and the aim for reached."""

from unittest.mock import Mock

import pytest

from bench.dialogues import Look
from bench.first_prompt import PromptClock
from bench.pollings import Seen, row_of_pollings


def look(at_once: int, *, gap_ms: float = 20.0, next_ms: float = 0.0) -> Look:
    cores = dict.fromkeys(("all", "asterisk", "daemon", "sipp", "bench"), 0.0)
    return Look(1.0, at_once, gap_ms, 0.0, 100.0, cores, next_ms)


def saturated(at_once: int) -> Seen:
    return Seen([look(at_once), look(at_once + 10, gap_ms=60.0), look(at_once + 20, gap_ms=60.0)])


def test_a_daemon_that_answers_keys_late_is_saturated_while_the_sound_is_smooth() -> None:
    slow = Seen([look(100, next_ms=20.0), look(200, next_ms=251.0), look(300, next_ms=900.0)])
    assert slow.is_saturated
    assert slow.saturated_at == 100
    assert slow.next_prompt_ms == 20.0
    assert not Seen([look(100, next_ms=900.0), look(200, next_ms=20.0), look(300)]).is_saturated


@pytest.mark.parametrize(
    ("alone", "daemon", "lost", "reached"),
    [
        (saturated(400), saturated(380), 0, True),
        (saturated(400), Seen([look(500), look(500)]), 0, True),
        (saturated(400), saturated(300), 0, False),
        (saturated(400), saturated(380), 1, False),
        (Seen([look(400), look(400)]), saturated(400), 0, False),
    ],
)
def test_the_aim_is_reached_only_beside_an_asterisk_that_was_saturated(
    alone: Seen, daemon: Seen, lost: int, reached: bool
) -> None:
    assert row_of_pollings(alone, daemon, lost).reached is reached


def test_the_clock_tells_first_prompts_from_those_after_a_key() -> None:
    clock = PromptClock(Mock())
    clock.counts = True
    for at_s, kind, told in (
        ("1.0", "Newexten", {"AppData": "agi://127.0.0.1:4573/dialogue,7"}),
        ("1.5", "AGIExecStart", {"Command": "STREAM FILE a"}),
        ("9.0", "AGIExecEnd", {"Command": "STREAM FILE a"}),
        ("10.0", "AGIExecEnd", {"Command": "WAIT FOR DIGIT 5000"}),
        ("10.25", "AGIExecStart", {"Command": "STREAM FILE b"}),
    ):
        clock.hear({"Event": kind, "Channel": "Local/1", "Timestamp": at_s, **told})
    assert clock.waits_s == [0.5]
    assert clock.take_next() == [0.25]
    assert clock.take_next() == []
