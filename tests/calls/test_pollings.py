"""Pollings with subscribers of every kind."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.calls.asking import ONE_KEY, answers_of, ask, post_task, row_of
from tests.rig.demo import demo_numbers, differences
from tests.rig.expected import POLLING
from tests.rig.numbers import make_number
from tests.rig.world import World

SAMPLES = json.loads((Path(__file__).parents[1] / "api" / "samples.json").read_text())


async def test_every_kind_of_subscriber_ends_as_its_behaviour_must(world: World) -> None:
    """The demo's numbers, all at once, and those a demo has no time for."""
    numbers = [*demo_numbers(), make_number(500, "78"), make_number(501, "81"), make_number(502, "63")]
    task = await ask(world, POLLING, numbers, channels=len(numbers))
    assert differences(task, world.provider.invites(), numbers) == []


async def test_rows_read_as_the_document_shows_them(world: World, series: int) -> None:
    number = make_number(series, "11")
    task = await ask(world, ONE_KEY, [number])
    row, sample = row_of(task, number), SAMPLES["task_one"]["reply"]["data"]["results"][0]
    assert list(row) == list(sample)
    assert [type(value) for value in row.values()] == [type(value) for value in sample.values()]
    assert row["linkedId"].startswith("rig-")
    assert row["callFile"] == f"dialer-{task['id']}-{number}-{task['innerNum']}.call"
    assert row["verboseCallId"].startswith("[C-")
    assert (row["state"], row["result"]) == ("EVENT_POLLING_END", "SUCCESS_POLLING")
    assert row["closeTime"] == row["changeTime"]
    answer, sample = task["resultsPoling"][0], SAMPLES["task_one"]["reply"]["data"]["resultsPoling"][0]
    assert list(answer) == list(sample)
    assert [type(value) for value in answer.values()] == [type(value) for value in sample.values()]


async def test_results_are_found_by_their_time_and_the_greatest_time_gets_on(world: World, series: int) -> None:
    number = make_number(series, "12")
    task = await ask(world, ONE_KEY, [number])
    row = row_of(task, number)
    since = await world.dialer.data("GET", f"/results/{row['changeTime']}")
    assert list(since) == ["results"]
    assert row in since["results"]
    answer = task["resultsPoling"][0]
    since = await world.dialer.data("GET", f"/polling-results/{answer['changeTime']}")
    assert since["results"][0] == answer
    later = f"{float(answer['changeTime']) + 0.0001:.4f}"
    assert answer not in (await world.dialer.data("GET", f"/polling-results/{later}"))["results"]


@pytest.mark.alone
async def test_a_key_of_two_digits_beside_a_key_of_one(world: World, series: int) -> None:
    polling = {
        "questions": [
            {
                "questionText": "Один или двенадцать?",
                "press": [
                    {"key": "1", "action": "answer", "value": "one"},
                    {"key": "12", "action": "answer", "value": "twelve"},
                ],
            }
        ]
    }
    two, one = make_number(series, "64"), make_number(series, "15")  # 15: "1", and "5" two seconds later
    task = await ask(world, polling, [two, one])
    assert answers_of(task, two) == [("0", "twelve", "12")]
    assert answers_of(task, one)[0][2] == "1" or answers_of(task, one) == [("0", "one", "1")]
    assert {row["result"] for row in task["results"]} == {"SUCCESS_POLLING"}


async def test_a_question_and_a_playback_from_files(world: World, series: int) -> None:
    sound = world.pbx.workdir / "audio" / "вопрос.wav"
    sound.parent.mkdir(exist_ok=True)
    subprocess.run(["espeak-ng", "-v", "ru", "-w", str(sound), "Нажмите один"], check=True)
    press = {"key": "1", "action": "playback", "value": str(sound), "valueOptions": "file"}
    polling = {"questions": [{"questionId": "q", "questionFile": str(sound), "press": [press]}]}
    number = make_number(series, "11")
    task = await ask(world, polling, [number])
    assert row_of(task, number)["result"] == "SUCCESS_POLLING"
    assert answers_of(task, number) == [("q", "1", "1")]


async def test_a_dial_key_connects_the_subscriber_to_an_employee(world: World, series: int) -> None:
    before = world.employees.invites()["202"]
    polling = {"questions": [{"questionText": "Оператор?", "press": [{"key": "1", "action": "dial", "value": "202"}]}]}
    number = make_number(series, "11")
    task = await ask(world, polling, [number])
    assert row_of(task, number)["result"] == "SUCCESS_POLLING"
    assert answers_of(task, number) == [("0", "202", "1")]
    assert world.employees.invites()["202"] == before + 1


async def test_someone_who_never_presses_a_key_is_let_go_after_the_limit(world: World, series: int) -> None:
    """The limit is 120 s by default; here [dialing] polling_limit_s says less."""
    number = make_number(series, "60")
    task = await ask(world, ONE_KEY, [number])
    row = row_of(task, number)
    assert (row["result"], row["state"]) == ("FAIL_POLLING", "endCall")


async def test_a_prompt_that_asterisk_cannot_play_is_told_and_not_laid_to_the_subscriber(
    world: World, series: int
) -> None:
    polling = {"questions": [{"questionText": f"Вопрос {series}", "press": [{"key": "1"}]}]}
    prompts = world.pbx.workdir / "audio" / "prompts"
    before = set(prompts.iterdir())
    polling_id = (await world.dialer.data("POST", "/polling", polling))["id"]
    (spoken,) = set(prompts.iterdir()) - before
    spoken.write_bytes(b"not a sound")
    number = make_number(series, "11")
    task_id = await post_task(world.dialer, [number], polling_id, "polling")
    row = row_of(await world.dialer.wait_finished(task_id), number)
    assert (row["result"], row["cause"]) == ("FAIL_POLLING", "A prompt could not be played")
    health = await world.dialer.health()
    assert (health["status"], health["dialling"]) == ("degraded", True), "others are dialled all the same"
    assert health["trouble"].startswith(f"task {task_id}: ")
    assert spoken.stem in health["trouble"]
    spoken.unlink()
    number = make_number(series + 1, "11")
    task_id = await post_task(world.dialer, [number], polling_id, "polling")
    assert row_of(await world.dialer.wait_finished(task_id), number)["result"] == "SUCCESS_POLLING"
    assert (await world.dialer.health())["trouble"] is None
