"""The listening itself: what is found in a call is what the subscriber was played, when and as far as he heard it."""

import asyncio
import math

import numpy as np
import pytest

from tests.calls.asking import answers_of, ask
from tests.rig.hearing import Heard, HearingError, listening
from tests.rig.numbers import make_number
from tests.rig.sound import RATE_HZ, Signal, find, find_all, find_part, first_sound_s, longest_gap_s, read_wav
from tests.rig.world import World

KEY_S = 1.5  # when a subscriber of numbers.py presses the first key
TOLERANCE_S = 0.3  # two cores for all


async def prompt_of(world: World, text: str) -> Signal:
    """Have a text spoken that was never spoken before; return its sound."""
    prompts = world.pbx.workdir / "audio" / "prompts"
    before = set(prompts.iterdir())
    await world.dialer.data("POST", "/polling", question(text))
    (spoken,) = set(prompts.iterdir()) - before
    return read_wav(spoken)


def question(text: str, thanks: str | None = None) -> dict[str, object]:
    press = {"key": "1", "action": "answer", "value": "yes"}
    if thanks is not None:
        press = {"key": "1", "action": "playback", "value": thanks, "valueOptions": "text"}
    return {"questions": [{"questionId": "q", "questionText": text, "press": [press]}]}


def without_fault(heard: Heard) -> Signal:
    assert (heard.lost, heard.jumps) == ([], 0)
    assert heard.packets
    return heard.pcm


@pytest.mark.alone
async def test_the_prompt_that_is_played_is_heard_whole_and_no_other_one(world: World, series: int) -> None:
    text = f"Здравствуйте! Приём врача {series} перенесён на понедельник."
    played = await prompt_of(world, text)
    other = await prompt_of(world, f"Напоминаем о задолженности по договору {series}, оплатите её сегодня.")
    number = make_number(series, "67")
    async with listening(world) as ear:
        await ask(world, question(text), [number])
        heard = ear.heard(number)
    sound = without_fault(heard)
    found = find(played, sound)
    assert found.match > 0.95
    assert abs(found.gain_db) < 0.5
    assert find(other, sound).match < 0.5
    assert find_part(played, sound).share == 1
    assert find_part(other, sound).share < 0.2
    assert found.at_s - TOLERANCE_S < first_sound_s(sound) < found.at_s + TOLERANCE_S
    assert heard.ended_s is not None
    assert heard.dialled_s < heard.answered_s < heard.answered_s + found.end_s < heard.ended_s


@pytest.mark.alone
async def test_a_key_breaks_the_question_off_and_the_answer_to_it_follows(world: World, series: int) -> None:
    text = f"Вы записаны на приём номер {series} в понедельник, в десять часов утра. Если придёте, нажмите один."
    thanks = f"Спасибо, ждём вас, талон {series}."
    asked, thanked = await prompt_of(world, text), await prompt_of(world, thanks)
    number = make_number(series, "11")
    async with listening(world) as ear:
        task = await ask(world, question(text, thanks), [number])
        heard = ear.heard(number)
    assert [keys for _, _, keys in answers_of(task, number)] == ["1"]
    sound = without_fault(heard)
    begun = find_part(asked, sound)
    assert begun.match > 0.9
    assert KEY_S - TOLERANCE_S < begun.at_s + begun.heard_s < KEY_S + TOLERANCE_S
    assert begun.share < 0.5
    found = find(thanked, sound)
    assert found.match > 0.95
    assert found.at_s >= begun.at_s + begun.heard_s - 0.02  # one packet


@pytest.mark.alone
async def test_calls_at_the_same_time_are_kept_apart(world: World, series: int) -> None:
    texts = [f"Первый опрос {series}. Довольны ли вы доставкой?", f"Второе объявление {series}. Завтра отключат воду."]
    prompts = [await prompt_of(world, text) for text in texts]
    numbers = [make_number(series, "67"), make_number(series + 1, "67")]
    async with listening(world) as ear:
        await asyncio.gather(
            *(ask(world, question(text), [number]) for text, number in zip(texts, numbers, strict=True))
        )
        first, second = (ear.heard(number) for number in numbers)
    assert first.ended_s is not None
    assert second.ended_s is not None
    assert max(first.answered_s, second.answered_s) < min(first.ended_s, second.ended_s)
    sounds = [without_fault(first), without_fault(second)]
    for own, foreign, sound in zip(prompts, reversed(prompts), sounds, strict=True):
        assert find(own, sound).match > 0.95
        assert find(foreign, sound).match < 0.5


@pytest.mark.alone
async def test_a_call_can_be_listened_to_while_it_lasts(world: World, series: int) -> None:
    text = f"Ждите ответа, номер {series}, не вешайте трубку."
    prompt = await prompt_of(world, text)
    number = make_number(series, "60")
    async with listening(world) as ear:
        asking = asyncio.create_task(ask(world, question(text), [number]), name="asking")
        heard = await ear.wait_heard(number, lambda heard: find(prompt, heard.pcm).match > 0.95, "the prompt")
        assert heard.ended_s is None
        await asking
        assert len(ear.heard(number).packets) > len(heard.packets)


async def test_who_has_not_answered_has_heard_nothing(world: World, series: int) -> None:
    number = make_number(series, "70")
    async with listening(world) as ear:
        await ask(world, question("Алло?"), [number])
        with pytest.raises(HearingError, match=f"{number} has answered 0 calls"):
            ear.heard(number)


def noise(seconds: float, seed: int) -> Signal:
    return (np.random.default_rng(seed).normal(0, 3_000, round(seconds * RATE_HZ))).astype(np.int16)


def silence(seconds: float) -> Signal:
    return np.zeros(round(seconds * RATE_HZ), np.int16)


def test_a_prompt_is_found_each_time_it_is_played_at_any_loudness() -> None:
    prompt = noise(1, seed=1)
    heard = np.concatenate([silence(0.5), prompt, silence(0.2), noise(1, seed=2), prompt // 4])
    found = find_all(prompt, heard, least=0.9)
    assert [one.at_s for one in found] == [0.5, 2.7]
    assert [round(one.gain_db) for one in found] == [0, -12]
    assert find_all(noise(1, seed=3), heard, least=0.5) == []
    assert find(prompt, silence(0)).match == 0


def test_a_part_of_a_prompt_ends_where_silence_or_another_prompt_begins() -> None:
    prompt, other = noise(2, seed=1), noise(2, seed=2)
    for rest in (silence(3), other, silence(0)):
        part = find_part(prompt, np.concatenate([silence(0.3), prompt[: RATE_HZ * 3 // 4], rest]))
        assert (part.at_s, part.length_s) == (0.3, 2)
        assert abs(part.heard_s - 0.75) <= 0.02
    again = np.concatenate([prompt[: RATE_HZ // 2], prompt])
    assert find_part(prompt, again, from_s=0.5).share == 1
    assert find_part(prompt, again, until_s=0.5).heard_s == 0.5
    assert find_part(prompt, other).share == 0


def test_silence_is_measured() -> None:
    heard = np.concatenate([silence(0.4), noise(0.5, seed=1), silence(0.7), noise(0.5, seed=2)])
    assert first_sound_s(heard) == pytest.approx(0.4)
    assert longest_gap_s(heard) == pytest.approx(0.7)
    assert longest_gap_s(heard, 0, 1) == pytest.approx(0.4)
    assert longest_gap_s(heard, 1.7, 3.1) == pytest.approx(1.0)
    assert math.isinf(first_sound_s(silence(1)))
    assert math.isinf(first_sound_s(noise(1, seed=1) // 1_000))
