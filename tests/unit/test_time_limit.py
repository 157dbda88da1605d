"""The time limit of a dialogue: where Asterisk is told anew of it, and where it need not be."""

import wave
from pathlib import Path
from typing import Any

import pytest

from agi.limit import UNKNOWN_S, TimeLimit, length_s

LIMIT_S = 120


class Dialogue:
    """A clock, and what Asterisk is told."""

    def __init__(self, limit_s: int = LIMIT_S) -> None:
        self.now_s = 1000.0
        self.told: list[int] = []
        session: Any = self
        self.limit = TimeLimit(session, limit_s, lambda: self.now_s)

    async def hang_up_after(self, limit_s: int) -> None:
        self.told.append(limit_s)

    async def answer(self, after_s: float, then_s: float) -> None:
        """An answer, and a prompt that may take so long."""
        self.now_s += after_s
        self.limit.begin_anew()
        await self.limit.allow(then_s)


async def test_answers_are_told_only_when_the_next_prompt_might_outlast_what_was_told() -> None:
    dialogue = Dialogue()
    await dialogue.limit.begin()
    for _ in range(4):
        await dialogue.answer(20, 15)
    assert dialogue.told == [120]
    await dialogue.answer(5, 24)  # 85 s are gone, 24 s are 30 on a busy Asterisk
    assert dialogue.told == [120, 120]


async def test_nobody_is_cut_before_the_limit_and_nobody_stays_after_it() -> None:
    dialogue = Dialogue()
    await dialogue.limit.begin()
    await dialogue.answer(60, 10)
    for now_s, told in ((1090.0, [120]), (1105.0, [120, 75]), (1170.0, [120, 75])):
        dialogue.now_s = now_s
        await dialogue.limit.allow(10)
        assert dialogue.told == told, now_s


async def test_the_first_prompt_does_not_wait_for_it_where_it_ends_in_time_and_the_next_one_does() -> None:
    dialogue = Dialogue()
    await dialogue.limit.allow(20)
    assert dialogue.told == []
    dialogue.now_s += 20
    await dialogue.limit.allow(20)
    assert dialogue.told == [100]
    for longest_s in (110, UNKNOWN_S):
        dialogue = Dialogue()
        await dialogue.limit.allow(longest_s)
        assert dialogue.told == [120]


async def test_without_an_answer_nothing_is_told_again() -> None:
    dialogue = Dialogue()
    await dialogue.limit.begin()
    dialogue.now_s += 119
    await dialogue.limit.allow(30)
    assert dialogue.told == [120]


async def test_a_prompt_that_cannot_be_seen_may_take_any_time() -> None:
    dialogue = Dialogue()
    await dialogue.limit.begin()
    await dialogue.answer(1, length_s(Path("/none.wav")))
    assert dialogue.told == [120, 120]


async def test_the_time_for_a_recording_is_over_with_it() -> None:
    dialogue = Dialogue()
    await dialogue.limit.begin(60)
    await dialogue.answer(10, 1)
    assert dialogue.told == [180, 120]


@pytest.mark.parametrize("lifted", [False, True])
async def test_where_there_is_none_none_is_told(lifted: bool) -> None:
    dialogue = Dialogue(LIMIT_S if lifted else 0)
    await (dialogue.limit.lift() if lifted else dialogue.limit.begin())
    if not lifted:
        dialogue.limit.begin_anew()
    await dialogue.limit.allow(UNKNOWN_S)
    assert dialogue.told == [0]


def test_the_length_of_a_prompt(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "x.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(2 * 8000 * 3))
    assert length_s(tmp_path / "x.wav") == pytest.approx(3, abs=0.1)
    assert length_s(tmp_path / "none.wav") == UNKNOWN_S
