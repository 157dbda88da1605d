"""Answering machines: who is taken for one, and what it is left."""

import asyncio

import pytest

from dialer.model.rules import Amd
from dialer.pbx.preflight import find_fault
from tests.calls.bench import MESSAGE, Bench
from tests.rig.captures import BEEP_MS
from tests.rig.hearing import Heard, listening
from tests.rig.numbers import make_number
from tests.rig.sound import find, find_part, first_sound_s, read_wav

SAME = 0.9
VOICEMAIL, HUMAN, VOICEMAIL_THAT_LEAVES, LEAVES_AFTER_1_S = "84", "85", "86", "91"


async def test_a_machine_is_hung_up_and_a_person_goes_on(bench: Bench, series: int) -> None:
    cases = [
        (VOICEMAIL, "", "FAIL (Answering machine)"),
        (VOICEMAIL, "202", "FAIL (Answering machine)"),
        (HUMAN, "", "SUCCESS_POLLING"),
        (HUMAN, "202", "SUCCESS_USER_H"),
        (LEAVES_AFTER_1_S, "", "FAIL_POLLING"),
        (LEAVES_AFTER_1_S, "202", "FAIL_CLIENT_H_BEFORE_ANSWER"),
    ]
    employee_before = bench.employees.invites()["202"]
    calls = (
        bench.call(make_number(series + place, behaviour), inner_num, amd=Amd.HANGUP)
        for place, (behaviour, inner_num, _) in enumerate(cases)
    )
    attempts = await asyncio.gather(*calls)
    assert [str(attempt.verdict) for attempt in attempts] == [case[2] for case in cases]
    assert bench.employees.invites()["202"] == employee_before + 1, "nobody is called for a machine"
    held_s = [attempt.out_record.talked_s or 0 for attempt in attempts if attempt.out_record]
    print(f"\nmachines were held for {held_s[:2]} s")
    assert max(held_s[:2]) <= 3


@pytest.mark.alone
@pytest.mark.parametrize("inner_num", ["", "202"], ids=["polling", "exten"])
async def test_a_message_is_heard_whole_after_the_beep(bench: Bench, series: int, inner_num: str) -> None:
    number = make_number(series, VOICEMAIL)
    async with listening(bench.provider) as ear:
        attempt = await bench.call(number, inner_num, amd=Amd.MESSAGE, message=MESSAGE)
        heard = await ear.wait_heard(number, _is_over, "the call is over")
    assert str(attempt.verdict) == "FAIL (Answering machine: message left)"
    found = find(read_wav(bench.sounds.path(MESSAGE)), heard.pcm)
    beep_s = BEEP_MS[1] / 1000
    print(f"\nmessage heard from {found.at_s:.2f} s on, the beep ended at {beep_s:.2f} s; {attempt.out_record}")
    assert found.match > SAME
    assert beep_s < found.at_s < beep_s + 3
    assert abs(first_sound_s(heard.pcm) - found.at_s) < 0.1, "nothing is said before"


async def test_a_machine_that_does_not_hear_the_message_out(bench: Bench, series: int) -> None:
    number = make_number(series, VOICEMAIL_THAT_LEAVES)
    async with listening(bench.provider) as ear:
        attempt = await bench.call(number, "202", amd=Amd.MESSAGE, message=MESSAGE)
        heard = await ear.wait_heard(number, _is_over, "the call is over")
    assert str(attempt.verdict) == "FAIL (Answering machine: hung up before the end of the message)"
    part = find_part(read_wav(bench.sounds.path(MESSAGE)), heard.pcm)
    assert 0.1 < part.share < 0.9


async def test_a_person_is_not_left_a_message(bench: Bench, series: int) -> None:
    attempt = await bench.call(make_number(series, HUMAN), amd=Amd.MESSAGE, message=MESSAGE)
    assert str(attempt.verdict) == "SUCCESS_POLLING"


async def test_a_desk_that_is_gone_leaves_no_message_and_says_so(bench: Bench, series: int) -> None:
    number = make_number(series, VOICEMAIL)
    attempt_id = bench.begin(number, "202", amd=Amd.MESSAGE, message=MESSAGE)
    async with listening(bench.provider) as ear:
        await ear.wait_heard(number, lambda heard: True, "the machine has answered")
        await bench.kill()
        await ear.wait_heard(number, _is_over, "the call is over")
    await bench.start()
    verdict = await bench.ended(attempt_id)
    assert str(verdict) == "FAIL (Answering machine: no message left, dialogue service not reachable)"


async def test_an_asterisk_that_cannot_listen_for_machines_is_told_where_somebody_asks_for_it(bench: Bench) -> None:
    contexts, client = ("outgoing", "internal"), bench.link._client
    await bench.pbx.rx("module unload app_amd")
    try:
        assert await find_fault(client, contexts, machines=True) == "modules are not loaded: app_amd"
        assert await find_fault(client, contexts) is None
    finally:
        await bench.pbx.rx("module load app_amd")
    assert await find_fault(client, contexts, machines=True) is None


def _is_over(heard: Heard) -> bool:
    return heard.ended_s is not None
