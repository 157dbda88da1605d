"""More subscribers answered than employees are free: who waits for one, and what is said to whom none can take."""

import asyncio

import pytest

from dialer.model.attempt import AttemptState, shown_state
from tests.calls.bench import APOLOGY, Bench
from tests.rig.hearing import listening
from tests.rig.numbers import make_number
from tests.rig.sound import find, first_sound_s, read_wav
from tests.rig.waiting import wait_until

STAYS, LEAVES_AFTER_2_S, LEAVES_AFTER_1_S = "60", "62", "91"


@pytest.fixture(autouse=True)
def nobody_is_free(bench: Bench) -> None:
    bench.desk.employee.clear()
    bench.desk.employee_wait_s = 1.5


async def test_an_apology_is_heard_whole_and_nobody_is_called(bench: Bench, series: int) -> None:
    number, called_before = make_number(series, STAYS), bench.employees.invites()["202"]
    async with listening(bench.provider) as ear:
        attempt = await bench.call(number, "202", asks_for_employee=True, apology=APOLOGY)
        heard = await ear.wait_heard(number, lambda heard: heard.ended_s is not None, "the call is over")
    assert str(attempt.verdict) == "FAIL_USER_BUSY (Abandoned: no employee was free, apology played)"
    assert shown_state(attempt) is AttemptState.NO_EMPLOYEE
    found = find(read_wav(bench.sounds.path(APOLOGY)), heard.pcm)
    ringing_s = first_sound_s(heard.pcm)
    print(f"\nringing from {ringing_s:.2f} s on, apology from {found.at_s:.2f} s on")
    assert found.match > 0.9
    assert 1.3 < found.at_s < 2.3
    assert ringing_s < 0.5, "not silence while an employee is looked for"
    assert bench.employees.invites()["202"] == called_before


async def test_without_an_apology_the_call_is_ended(bench: Bench, series: int) -> None:
    attempt = await bench.call(make_number(series, STAYS), "202", asks_for_employee=True)
    assert str(attempt.verdict) == "FAIL_USER_BUSY (Abandoned: no employee was free)"


async def test_who_hangs_up_in_the_apology_was_abandoned(bench: Bench, series: int) -> None:
    attempt = await bench.call(make_number(series, LEAVES_AFTER_2_S), "202", asks_for_employee=True, apology=APOLOGY)
    assert str(attempt.verdict) == "FAIL_USER_BUSY (Abandoned: no employee was free)"


async def test_who_hangs_up_while_an_employee_is_looked_for_did_so_before_the_answer(bench: Bench, series: int) -> None:
    bench.desk.employee_wait_s = 10.0
    started_s = asyncio.get_running_loop().time()
    attempt = await bench.call(make_number(series, LEAVES_AFTER_1_S), "202", asks_for_employee=True, apology=APOLOGY)
    assert str(attempt.verdict) == "FAIL_CLIENT_H_BEFORE_ANSWER"
    assert asyncio.get_running_loop().time() - started_s < 4, "the desk is told of the hang-up"


async def test_an_employee_who_becomes_free_takes_the_call_and_the_talk_is_known(bench: Bench, series: int) -> None:
    attempt_id = bench.begin(make_number(series, STAYS), "202", asks_for_employee=True, apology=APOLOGY)
    await wait_until(lambda: bench.attempt(attempt_id).state is AttemptState.CONNECTING, "the answer")
    assert not bench.attempt(attempt_id).talking
    bench.desk.employee.set()
    await wait_until(lambda: bench.attempt(attempt_id).talking, "the talk")
    assert str(await bench.ended(attempt_id)) == "SUCCESS_USER_H"


async def test_without_a_desk_the_internal_number_decides(bench: Bench, series: int) -> None:
    number = make_number(series, "69")  # rings for 1 s
    attempt_id = bench.begin(number, "202", asks_for_employee=True, apology=APOLOGY)
    await wait_until(lambda: bench.provider.invites()[number], "the telephone rings")
    await bench.kill()
    called_before = bench.employees.invites()["202"]
    await wait_until(lambda: bench.employees.invites()["202"] > called_before, "the employee is called")
    await bench.start()
    assert str(await bench.ended(attempt_id)) == "SUCCESS_USER_H"
