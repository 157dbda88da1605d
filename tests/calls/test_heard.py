"""What a subscriber hears, captured on the wire: the right prompts, whole, in order, at once, and never silence."""

import itertools
import math
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import pytest

from tests.calls.asking import ask, post_task, row_of
from tests.calls.conftest import SETTINGS
from tests.rig.daemon import BASE
from tests.rig.hearing import Heard, Listener, listening
from tests.rig.numbers import make_number
from tests.rig.sound import find, find_part, first_sound_s, read_wav
from tests.rig.speechkit import API_KEY, Fault, SpeechKit, running_speechkit
from tests.rig.world import World, running_world

SAME = 0.9
AT_ONCE_S = 0.2


def prompts_of(world: World) -> set[Path]:
    return set((world.pbx.workdir / "audio" / "prompts").glob("*.wav"))


async def prompt_of(world: World, text: str) -> Path:
    """The file that a text is spoken into."""
    before = prompts_of(world)
    await world.dialer.data("POST", "/polling", {"crmId": "scratch", "questions": [{"questionText": text}]})
    (made,) = prompts_of(world) - before
    return made


def says(*texts: str, **fields: Any) -> dict[str, Any]:
    """A polling that says one text after the other and ends."""
    last = len(texts) - 1
    return {
        "questions": [
            {"questionId": str(at), "questionText": text, "nextQuestion": str(at + 1) if at < last else "", **fields}
            for at, text in enumerate(texts)
        ]
    }


async def upload(world: World, name: str, content: bytes) -> str:
    form = aiohttp.FormData()
    form.add_field("file", content, filename=name)
    assert world.dialer.session is not None
    async with world.dialer.session.post(f"{world.dialer.url}{BASE}/audio", data=form) as response:
        reply = await response.json()
    assert reply["result"] is True, reply
    return str(reply["data"]["filename"])


def level_dbfs(heard: Heard) -> float:
    sound = heard.pcm.astype(float) / 32768
    loud = sound[abs(sound) > 0.003]
    return float(10 * math.log10((loud**2).mean()))


async def ended(ear: Listener, number: str) -> Heard:
    return await ear.wait_heard(number, lambda heard: heard.ended_s is not None, f"the call of {number} is over")


@pytest.mark.alone
async def test_cached_prompts_are_heard_whole_in_order_and_at_once(world: World, series: int) -> None:
    texts = (f"Первое объявление, {series}.", "Второе, несколько длиннее первого.", "И третье, до свидания!")
    files = [read_wav(await prompt_of(world, text)) for text in texts]
    numbers = [make_number(series + place, "60") for place in range(10)]
    waited_s = []
    async with listening(world) as ear:
        task = await ask(world, says(*texts), numbers, channels=5)
        assert {row["result"] for row in task["results"]} == {"SUCCESS_POLLING"}
        for number in numbers:
            heard = await ended(ear, number)
            found = [find(file, heard.pcm) for file in files]
            assert min(one.match for one in found) > SAME, found
            for one, following in itertools.pairwise(found):
                assert abs(following.at_s - one.end_s) < AT_ONCE_S, found
            assert heard.lost == []
            waited_s.append(first_sound_s(heard.pcm))
    print(f"answer to first sound: median {median(waited_s) * 1000:.0f} ms, longest {max(waited_s) * 1000:.0f} ms")
    assert max(waited_s) < AT_ONCE_S


@pytest.mark.alone
async def test_a_key_stops_the_question_and_its_answer_follows(world: World, series: int) -> None:
    question, thanks = f"Вопрос {series}. Очень длинный вопрос, который никто не дослушает до самого конца.", "Спасибо!"
    press = [{"key": "1", "action": "playback", "value": thanks}]
    polling = {"questions": [{"questionText": question, "press": press}]}
    question_file, thanks_file = [read_wav(await prompt_of(world, text)) for text in (question, thanks)]
    number = make_number(series, "11")
    async with listening(world) as ear:
        await ask(world, polling, [number])
        heard = await ended(ear, number)
    part = find_part(question_file, heard.pcm)
    answer = find(thanks_file, heard.pcm)
    assert part.match > SAME
    assert 1.0 < part.heard_s < 2.0  # the key comes after 1.5 s
    assert answer.match > SAME
    assert answer.at_s > part.at_s + part.heard_s - 0.1


@pytest.mark.alone
async def test_parameters_are_spoken_while_it_rings_and_heard_at_once(world: World, series: int) -> None:
    number = make_number(series, "69")  # rings for a second
    params = {"имя": "Анна Сергеевна", "долг": "1 250,50 руб."}
    await world.dialer.data(
        "POST",
        "/client",
        [{"crmId": f"c{series}", "phones": [number], "properties": {"город": "Казань", "имя": "not this one"}}],
    )
    polling = says("Здравствуйте, <имя>! Ваш долг <долг>, город <город>. <нет>До свидания.")
    before = prompts_of(world)
    async with listening(world) as ear:
        task = await ask(world, polling, [{"number": number, "params": params}])
        heard = await ended(ear, number)
    assert row_of(task, number)["result"] == "SUCCESS_POLLING"
    (spoken,) = prompts_of(world) - before
    text = "Здравствуйте, Анна Сергеевна! Ваш долг 1 250,50 руб., город Казань. До свидания."
    await world.dialer.data("POST", "/polling", {"crmId": "scratch", "questions": [{"questionText": text}]})
    assert prompts_of(world) - before == {spoken}  # the very text
    assert find(read_wav(spoken), heard.pcm).match > SAME
    assert first_sound_s(heard.pcm) < AT_ONCE_S


@pytest.mark.alone
async def test_an_uploaded_file_is_heard_however_quiet_and_a_new_one_under_its_name_from_the_next_call_on(
    world: World, series: int
) -> None:
    name, quiet = f"Привет {series}.mp3", world.pbx.workdir / "quiet.mp3"
    spoken = await prompt_of(world, f"Это сообщение записано очень тихо, {series}.")
    command = ["ffmpeg", "-loglevel", "error", "-y", "-i", str(spoken), "-af", "volume=-30dB", str(quiet)]
    subprocess.run(command, check=True)
    path = await upload(world, name, quiet.read_bytes())
    polling = {
        "questions": [
            {"questionId": "1", "questionFile": name, "nextQuestion": "2"},
            {"questionId": "2", "questionFile": path},
        ]
    }
    numbers = [make_number(series + place, "60") for place in range(2)]
    async with listening(world) as ear:
        await ask(world, polling, numbers[:1])
        heard = await ended(ear, numbers[0])
        assert find(read_wav(spoken), heard.pcm).match > 0.8  # through MP3, a limiter and back
        assert level_dbfs(heard) > -25
        other = await prompt_of(world, f"А это уже совсем другое сообщение, {series}.")
        assert await upload(world, name, other.read_bytes()) == path
        await ask(world, polling, numbers[1:])
        heard = await ended(ear, numbers[1])
        assert find(read_wav(other), heard.pcm).match > 0.8
        assert find(read_wav(spoken), heard.pcm).match < 0.5


@asynccontextmanager
async def speaking_world(kit: SpeechKit, **tts: Any) -> AsyncIterator[World]:
    """A world whose preferred voice is the SpeechKit."""
    yandex = {"api_key": API_KEY, "url": kit.url, **tts}
    settings: Mapping[str, Mapping[str, Any]] = {**SETTINGS, "tts.yandex": yandex}
    with tempfile.TemporaryDirectory(prefix="dialer-", dir="/tmp") as folder:
        async with running_world(Path(folder), settings, program=None) as running:
            yield running


@pytest.mark.alone
async def test_the_preferred_engine_is_heard_and_when_it_fails_every_text_is_spoken_by_the_next(series: int) -> None:
    async with running_speechkit() as kit, speaking_world(kit) as world, listening(world) as ear:
        texts = [f"Добрый день, {series}.", "До свидания."]
        files = [read_wav(await prompt_of(world, text)) for text in texts]
        number = make_number(series, "60")
        await ask(world, says(*texts), [number])
        heard = await ended(ear, number)
        assert min(find(file, heard.pcm).match for file in files) > SAME
        speech = (await world.dialer.health())["speech"]
        assert (speech["yandex"]["spoken"], speech["rhvoice"]["spoken"]) == (2, 0)

        kit.fail_with(Fault.UNAUTHORIZED)
        texts = [f"Вечер добрый, {series}.", "Всего хорошего, <имя>."]
        number = make_number(series + 1, "60")
        before = prompts_of(world)
        task = await ask(world, says(*texts), [{"number": number, "params": {"имя": "Анна"}}])
        assert row_of(task, number)["result"] == "SUCCESS_POLLING"
        heard = await ended(ear, number)
        files = [read_wav(file) for file in prompts_of(world) - before]
        assert len(files) == 2
        assert min(find(file, heard.pcm).match for file in files) > SAME
        speech = (await world.dialer.health())["speech"]
        assert speech["yandex"]["failed"] > 0
        assert "401" in speech["yandex"]["last_error"]
        assert API_KEY not in str(speech)
        assert speech["rhvoice"]["spoken"] == 2
        assert API_KEY not in world.dialer.log_file.read_text()


@pytest.mark.alone
async def test_a_prompt_that_is_not_ready_when_the_subscriber_answers_is_spoken_within_a_second(series: int) -> None:
    async with running_speechkit() as kit, speaking_world(kit, timeout_s=20.0) as world, listening(world) as ear:
        kit.fail_with(Fault.SLOW)
        number = make_number(series, "60")  # answers after 0.2 s
        polling_id = (await world.dialer.data("POST", "/polling", says("Здравствуйте, <имя>!")))["id"]
        task_id = await post_task(world.dialer, [{"number": number, "params": {"имя": "Анна"}}], polling_id, "polling")
        task = await world.dialer.wait_finished(task_id)
        assert row_of(task, number)["result"] == "SUCCESS_POLLING"
        heard = await ended(ear, number)
        waited_s = first_sound_s(heard.pcm)
        print(f"not ready: first sound after {waited_s * 1000:.0f} ms")
        assert 0.5 < waited_s < 1.5
        kit.release()
