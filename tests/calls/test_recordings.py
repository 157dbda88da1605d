"""What subscribers and employees say is recorded, and fetched over REST."""

import io
import wave
from typing import Any

import numpy as np

from tests.calls.asking import answers_of, ask, connect, row_of
from tests.rig.captures import EMPLOYEE_HZ, SUBSCRIBER_HZ
from tests.rig.daemon import BASE
from tests.rig.numbers import make_number
from tests.rig.world import World

RATE_HZ = 8000
FRAME = 400


def recording(seconds: str = "10", **press: Any) -> dict[str, Any]:
    key = {"key": "1", "action": "playback_record", "value": "Говорите.", "valueOptions": seconds, **press}
    return {"questions": [{"questionId": "q", "questionText": "Оставить отзыв: один.", "press": [key]}]}


async def get(world: World, name: str) -> tuple[int, bytes, str]:
    assert world.dialer.session is not None
    async with world.dialer.session.get(f"{world.dialer.url}{BASE}/recording/{name}") as response:
        return response.status, await response.read(), response.headers["Content-Type"]


async def fetch(world: World, name: str) -> "np.ndarray[Any, np.dtype[np.float64]]":
    status, body, kind = await get(world, name)
    assert (status, kind) == (200, "audio/wav")
    with wave.open(io.BytesIO(body)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (RATE_HZ, 1, 2)
        return np.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2").astype(np.float64)


def seconds_of(tone_hz: float, sound: "np.ndarray[Any, np.dtype[np.float64]]") -> float:
    """For how long a tone is heard."""
    frames = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME)
    wave_form = np.exp(-2j * np.pi * tone_hz * np.arange(FRAME) / RATE_HZ)
    level = np.abs(frames @ wave_form) * 2 / FRAME
    return float((level > 1000).sum()) * FRAME / RATE_HZ


async def test_an_answer_is_recorded_until_the_subscriber_falls_silent(world: World, series: int) -> None:
    number = make_number(series, "65")
    task = await ask(world, recording(), [number])
    assert row_of(task, number)["result"] == "SUCCESS_POLLING"
    ((question, name, key),) = answers_of(task, number)
    assert (question, key) == ("q", "1")
    sound = await fetch(world, name)
    assert 2.5 < seconds_of(SUBSCRIBER_HZ, sound) < 3.3
    assert 4.5 < len(sound) / RATE_HZ < 9.5


async def test_an_answer_is_no_longer_than_its_limit(world: World, series: int) -> None:
    number = make_number(series, "65")
    task = await ask(world, recording("2"), [number])
    ((_, name, _),) = answers_of(task, number)
    assert 1.5 < len(await fetch(world, name)) / RATE_HZ < 2.5


async def test_who_hangs_up_speaking_has_answered(world: World, series: int) -> None:
    number = make_number(series, "82")
    task = await ask(world, recording(), [number])
    assert row_of(task, number)["result"] == "SUCCESS_POLLING"
    ((_, name, _),) = answers_of(task, number)
    assert 2.0 < seconds_of(SUBSCRIBER_HZ, await fetch(world, name)) < 3.0


async def test_a_talk_is_recorded_on_request_from_both_sides(world: World, series: int) -> None:
    number = make_number(series, "82")
    task = await connect(world, "201", [number], recordTalk=1)
    assert task["recordTalk"] == "1"
    row = row_of(task, number)
    assert row["result"] == "SUCCESS_CLIENT_H"
    sound = await fetch(world, row["recording"])
    assert 2.0 < seconds_of(SUBSCRIBER_HZ, sound) < 3.0
    assert seconds_of(EMPLOYEE_HZ, sound) > 4.0
    since = await world.dialer.data("GET", f"/results/{row['changeTime']}")
    assert row in since["results"]


async def test_a_talk_after_a_polling_is_recorded_without_the_polling(world: World, series: int) -> None:
    number = make_number(series, "11")
    polling = {"questions": [{"questionText": "Оператор?", "press": [{"key": "1", "action": "dial", "value": "202"}]}]}
    task = await ask(world, polling, [number], recordTalk=True)
    sound = await fetch(world, row_of(task, number)["recording"])
    assert 1.5 < seconds_of(EMPLOYEE_HZ, sound) < 2.5
    assert len(sound) / RATE_HZ < 3.0


async def test_no_talk_no_recording(world: World, series: int) -> None:
    number = make_number(series, "67")
    task = await connect(world, "203", [number], recordTalk=1)
    row = row_of(task, number)
    assert row["result"] == "FAIL_USER_BUSY"
    assert "recording" not in row


async def test_a_folder_that_asterisk_cannot_write_to_is_told(own_world: World, series: int) -> None:
    world = own_world
    folder = world.pbx.workdir / "audio" / "recordings"
    folder.rmdir()
    folder.write_text("no folder")
    number = make_number(series, "82")
    task = await connect(world, "201", [number], recordTalk=1)
    row = row_of(task, number)
    assert row["result"] == "SUCCESS_CLIENT_H"
    assert "recording" not in row
    assert "recordings_dir" in (await world.dialer.health())["trouble"]
    number = make_number(series + 1, "65")
    task = await ask(world, recording(), [number])
    assert (row_of(task, number)["result"], row_of(task, number)["cause"]) == (
        "FAIL_POLLING",
        "An answer could not be stored",
    )
    assert answers_of(task, number) == []
    assert "recordings_dir" in (await world.dialer.health())["trouble"]


async def test_a_recording_that_is_none_is_404(world: World) -> None:
    for name in ("none.wav", "talk-1-0123456789abcdef.wav", "..%2Fdialer.db", "%2Fetc%2Fpasswd", "talk-1-x.wav%00"):
        status, body, kind = await get(world, name)
        assert status == 404, name
        assert b'"result": false' in body
        assert kind.startswith("application/json")
