"""Callbacks: the employee is called first, then the subscriber."""

import asyncio
from collections.abc import Mapping

import pytest

from dialer.model.attempt import AttemptState
from tests.calls.bench import MAX_CALL_S, Bench
from tests.calls.measuring import observing
from tests.rig.hearing import listening
from tests.rig.numbers import make_number
from tests.rig.sound import AUDIBLE_DBFS, first_sound_s
from tests.rig.waiting import wait_until

CALLBACKS = [
    # employee or queue, subscriber, result
    ("203", "62", "FAIL_USER_BUSY (SIP 486 Busy Here)"),
    ("205", "62", "FAIL_USER_BUSY (SIP 480 Temporarily Unavailable)"),
    ("209", "62", "FAIL_USER_BUSY (No reply from the employee's telephone)"),
    ("2999", "62", "FAIL_USER_BUSY (No such internal number)"),
    ("301", "62", "FAIL_USER_BUSY (Queue JOINEMPTY)"),
    ("204", "62", "FAIL_USER_NO_ANSWER"),  # rings for 8 s, the time of the call file
    ("207", "62", "FAIL_USER_NO_ANSWER (SIP 603 Decline)"),
    ("304", "62", "FAIL_USER_NO_ANSWER (Queue TIMEOUT)"),
    ("500", "62", "FAIL_USER_NO_ANSWER (The internal number called nobody)"),
    ("202", "73", "FAIL_USER_H_BEFORE_CLIENT_ANSWER"),  # the employee hangs up after 2 s
    ("305", "73", "FAIL_USER_H_BEFORE_CLIENT_ANSWER"),  # a queue's member after 1 s
    ("201", "70", "FAIL (SIP 486 Busy Here)"),
    ("201", "71", "FAIL (SIP 603 Decline)"),
    ("201", "73", "FAIL (No answer)"),  # rung for 8 s
    ("201", "78", "FAIL_PROVIDER (No reply from the provider, no ringing seen)"),
    ("201", "75", "FAIL_PROVIDER (SIP 503 Service Unavailable)"),
    ("201", "62", "SUCCESS_CLIENT_H"),
    ("201", "63", "SUCCESS_CLIENT_H"),  # at once
    ("202", "60", "SUCCESS_USER_H"),
    ("305", "60", "SUCCESS_USER_H"),
    ("310", "60", "SUCCESS_USER_H"),  # the first employee declines, the second talks
    ("300", "91", "SUCCESS_CLIENT_H"),  # after 1 s, before any member does
    ("306", "62", "SUCCESS_CLIENT_H"),  # a queue that answers 2 s before its member does
]
DIALLED = {"FAIL_USER_BUSY": 0, "FAIL_USER_NO_ANSWER": 0}


@pytest.mark.parametrize(("inner_num", "subscriber", "result"), CALLBACKS)
async def test_every_outcome_of_a_callback(
    bench: Bench, series: int, inner_num: str, subscriber: str, result: str
) -> None:
    number = make_number(series, subscriber)
    attempt = await bench.call(number, inner_num, callback=True)
    print(f"\n{attempt.out_record}\n{attempt.in_record}")
    assert str(attempt.verdict) == result
    assert bench.provider.invites()[number] == DIALLED.get(result.split(maxsplit=1)[0], 1)
    assert bench.desk.claims.count(attempt.attempt_id) == 1


async def test_no_route_is_told_after_the_employee_answered(bench: Bench, series: int) -> None:
    attempt = await bench.call(f"7000{series:05d}62", "201", callback=True)
    assert str(attempt.verdict) == "FAIL_ROUTE (No outgoing route)"


@pytest.mark.parametrize("route", ["7955", "7956", "7950"])
async def test_a_subscriber_who_declined_is_not_rung_through_the_next_trunk(
    bench: Bench, series: int, route: str
) -> None:
    number = f"{route}{series // 1000:03d}7173"
    attempt = await bench.call(number, "201", callback=True)
    print(attempt.out_record)
    assert str(attempt.verdict) == "FAIL (SIP 603 Decline)"


async def test_a_call_is_cut_after_its_time(bench: Bench, series: int) -> None:
    bench.max_call_s = 3
    try:
        attempt = await bench.call(make_number(series, "60"), "201", callback=True)
    finally:
        bench.max_call_s = MAX_CALL_S
    assert str(attempt.verdict) == "SUCCESS (Cut: the call lasted as long as any may)"


async def test_the_talk_is_known_when_it_begins_and_billed_to_the_subscribers_leg(bench: Bench, series: int) -> None:
    number = make_number(series, "66")
    attempt_id = bench.begin(number, "206", callback=True)  # answers after 2 s
    await wait_until(lambda: bench.attempt(attempt_id).state is AttemptState.CONNECTING, "the employee has answered")
    assert not bench.attempt(attempt_id).talking
    await wait_until(lambda: bench.attempt(attempt_id).talking, "the talk")
    assert "ANSWERED" in [event.what for event in bench.provider.events() if event.number == number]
    await bench.ended(attempt_id)
    attempt = bench.attempt(attempt_id)
    assert str(attempt.verdict) == "SUCCESS_CLIENT_H"
    assert attempt.talked
    assert attempt.out_record is not None
    assert attempt.out_record.talked_s in (3, 4)


async def test_the_employee_hears_ringing_while_the_subscriber_is_called(bench: Bench, series: int) -> None:
    async with listening(bench.employees) as ear:
        await bench.call(make_number(series, "73"), "201", callback=True)
        heard = await ear.wait_heard("201", lambda heard: heard.ended_s is not None, "the call is over")
    after_s = first_sound_s(heard.pcm, AUDIBLE_DBFS)
    print(f"\nthe employee hears ringing {after_s:.2f} s after answering")
    assert after_s < 0.6


async def test_a_talk_is_recorded(bench: Bench, series: int) -> None:
    name = f"talk-{series}-0123456789abcdef.wav"
    await bench.call(make_number(series, "66"), "201", callback=True, recording=name)
    await wait_until((bench.recordings / name).exists, "the recording")
    size = (bench.recordings / name).stat().st_size
    assert 3 * 16_000 < size < 5 * 16_000, "without the time before the subscriber answered"


async def test_a_leave_that_does_not_hold_any_more_dials_nobody_and_gives_the_attempt_back(
    bench: Bench, series: int
) -> None:
    number = make_number(series, "62")
    bench.desk.holds = lambda attempt_id: False
    try:
        attempt_id = bench.begin(number, "201", callback=True)
        await wait_until(lambda: attempt_id in bench.memory.given_back, "the attempt is given back")
    finally:
        bench.desk.holds = lambda attempt_id: True
    assert bench.attempt(attempt_id).state is AttemptState.CREATED
    await wait_until(lambda: bench.employees.events()[-1].what == "BYE", "the employee is released")
    assert bench.provider.invites()[number] == 0


@pytest.mark.parametrize("when", ["employee rings", "subscriber rings", "talk"])
async def test_a_desk_killed_amid_a_callback_dials_nobody_twice(bench: Bench, series: int, when: str) -> None:
    number = make_number(series, "69" if when == "employee rings" else "66" if when == "talk" else "73")
    employee = "206" if when == "employee rings" else "201"
    rung_before = bench.employees.invites()[employee]
    attempt_id = bench.begin(number, employee, callback=True)
    if when == "employee rings":
        await wait_until(lambda: bench.employees.invites()[employee] > rung_before, "the employee rings")
    elif when == "subscriber rings":
        await wait_until(lambda: bench.provider.invites()[number], "the subscriber rings")
    else:
        await wait_until(lambda: bench.attempt(attempt_id).talking, "the talk")
    await bench.kill()
    if when == "employee rings":  # nobody to ask whether the leave holds: the employee is released
        await wait_until(lambda: bench.employees.events()[-1].what == "BYE", "the employee is released")
    else:
        await wait_until(
            lambda: {event.what for event in bench.provider.events() if event.number == number} & {"HUNG_UP", "CANCEL"},
            "the end of the call",
            20,
        )
    await bench.start()
    if when == "employee rings":
        await wait_until(lambda: attempt_id in bench.memory.given_back, "the attempt is given back")
        assert bench.provider.invites()[number] == 0
        return
    verdict = str(await bench.ended(attempt_id))
    assert verdict == ("SUCCESS_CLIENT_H" if when == "talk" else "FAIL (No answer)")
    assert bench.provider.invites()[number] == 1
    assert bench.desk.claims == []


async def test_a_desk_that_comes_back_finds_a_callback_that_goes_on(bench: Bench, series: int) -> None:
    number = make_number(series, "66")
    attempt_id = bench.begin(number, "201", callback=True)
    await wait_until(lambda: bench.attempt(attempt_id).talking, "the talk")
    await bench.kill()
    await bench.start()
    assert not bench.attempt(attempt_id).closed
    assert bench.attempt(attempt_id).talking, "the live channels tell"
    assert str(await bench.ended(attempt_id)) == "SUCCESS_CLIENT_H"
    assert bench.provider.invites()[number] == 1


async def test_an_answered_call_costs_one_message_more_however_many_bridges_there_are(
    bench: Bench, series: int
) -> None:
    """BridgeEnter of our legs passes the filter of manager_autodialer.conf, of nobody else's."""
    numbers = [make_number(series + place, "66") for place in range(3)]
    seen: list[str] = []
    client = bench.link._client
    hear = client.on_event

    def count(message: Mapping[str, str]) -> None:
        seen.append(message["Event"])
        hear(message)

    client.on_event = count
    try:
        async with observing(bench.pbx) as observer:
            await asyncio.gather(
                *(
                    bench.call(number, "201", callback=callback)
                    for number, callback in zip(numbers, (False, True, False), strict=True)
                )
            )
            whole = len(observer.named("BridgeEnter"))
    finally:
        client.on_event = hear
    print(f"\nof {whole} BridgeEnter the desk heard {seen.count('BridgeEnter')}")
    assert seen.count("BridgeEnter") == 3
    assert seen.count("UserEvent") == 9
