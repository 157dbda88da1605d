"""Every result of a call, by real calls: the table "What became of a number" of the README, row by row."""

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.calls.asking import ONE_KEY, answers_of, ask, connect, post_task, row_of
from tests.calls.measuring import observing
from tests.rig.numbers import make_number
from tests.rig.waiting import wait_for_answer, wait_until
from tests.rig.world import World, running_world

UNANSWERED: list[tuple[str, str, str, str | None]] = [
    # subscriber, result, cause, outDialState
    ("70", "FAIL", "SIP 486 Busy Here", "BUSY"),
    ("79", "FAIL", "SIP 600 Busy Everywhere", "BUSY"),
    ("71", "FAIL", "SIP 603 Decline", "CHANUNAVAIL"),
    ("72", "FAIL", "SIP 404 Not Found", "CHANUNAVAIL"),
    ("80", "FAIL", "SIP 484 Address Incomplete", "CHANUNAVAIL"),
    ("73", "FAIL", "No answer", "CANCEL"),  # the call file's time is up, [dialing] ring_timeout_s
    ("74", "FAIL", "SIP 480 Temporarily Unavailable", "NOANSWER"),
    ("76", "FAIL", "SIP 408 Request Timeout", "CHANUNAVAIL"),
    ("75", "FAIL_PROVIDER", "SIP 503 Service Unavailable", "CONGESTION"),
    ("77", "FAIL_PROVIDER", "SIP 500 Server Internal Error", "CHANUNAVAIL"),
    ("81", "FAIL_PROVIDER", "SIP 403 Forbidden", "CHANUNAVAIL"),
    ("78", "FAIL_PROVIDER", "No reply from the provider, no ringing seen", "CANCEL"),  # not even a 100
]
NO_PROVIDER: list[tuple[str, str, str, str | None]] = [
    ("7000", "FAIL_ROUTE", "No outgoing route", None),
    ("7953", "FAIL_PROVIDER", "No reply from the provider, no ringing seen", "CANCEL"),  # nobody listens there
    ("7958", "FAIL_PROVIDER", "SIP 403 Forbidden", "CHANUNAVAIL"),  # our registration was refused, so is the call
    ("7959", "FAIL_PROVIDER", "Q.850 3 No route to destination", "CHANUNAVAIL"),  # the trunk has no address
]


async def test_every_way_not_to_answer(world: World, series: int) -> None:
    await wait_for_answer(
        lambda: world.pbx.rx("pjsip show registrations"), lambda shown: "Rejected" in shown, "registration refused"
    )
    cases = {make_number(series + place, row[0]): row for place, row in enumerate(UNANSWERED)}
    cases |= {f"{row[0]}{series:05d}62": row for row in NO_PROVIDER}
    task = await connect(world, "201", list(cases), channels=len(cases))
    for number, (_, result, cause, out_dial_state) in cases.items():
        row = row_of(task, number)
        shown = (row["result"], row["cause"], row["outDialState"], row["inDialState"], row["state"])
        assert shown == (result, cause, out_dial_state, None, "failedOriginate"), number
        assert row["linkedId"].startswith("rig-")
        assert row["verboseCallId"].startswith("[C-")
        assert row["closeTime"] == row["changeTime"]
    invites = world.provider.invites()
    assert [invites[number] for number in cases if number.startswith("7952")] == [1] * len(UNANSWERED)
    assert world.registrar.invites()[f"7958{series:05d}62"] == 1


@dataclass(frozen=True)
class FailOver:
    first: str
    """What the subscriber does when the first trunk rings it …"""
    second: str
    """… and the second. Empty: it must not be rung again."""
    result: str
    cause: str | None
    out_dial_state: str | None


FAIL_OVER = [
    FailOver("71", "", "FAIL", "SIP 603 Decline", "CHANUNAVAIL"),
    FailOver("70", "75", "FAIL", "SIP 486 Busy Here", "BUSY"),
    FailOver("75", "70", "FAIL", "SIP 486 Busy Here", "BUSY"),
    FailOver("73", "75", "FAIL", "No answer", "NOANSWER"),  # rung for 3 s
    FailOver("70", "72", "FAIL", "SIP 404 Not Found", "CHANUNAVAIL"),
    FailOver("75", "77", "FAIL_PROVIDER", "SIP 500 Server Internal Error", "CHANUNAVAIL"),
    FailOver("81", "62", "SUCCESS_CLIENT_H", None, None),  # 403, Q.850 21 as a decline has
]


@pytest.mark.parametrize(
    ("route", "trunks"),
    [("7955", ("795290", "795291")), ("7956", ("795292", "795293"))],
    ids=["two Dials", "a subroutine for each trunk"],
)
async def test_the_last_trunk_that_spoke_to_the_subscriber_decides(
    world: World, series: int, route: str, trunks: tuple[str, str]
) -> None:
    place = series // 1000
    cases = [case for case in FAIL_OVER if case.first != "73" or route == "7955"]  # 7956 rings for long
    numbers = [f"{route}{place:03d}{case.first}{case.second or '62'}" for case in cases]
    task = await connect(world, "201", numbers, channels=len(numbers))
    invites = world.provider.invites()
    for case, number in zip(cases, numbers, strict=True):
        row = row_of(task, number)
        shown = (row["result"], row["cause"], row["outDialState"])
        stops = route == "7956" and case.first == "70"  # those routes go on after anything but ANSWER and BUSY
        if stops:
            assert shown == ("FAIL", "SIP 486 Busy Here", "BUSY")
        else:
            assert shown == (case.result, case.cause, case.out_dial_state), case
        times = sum(other.first == case.first for other in cases)
        assert invites[f"{trunks[0]}{place:03d}{case.first}"] == times


async def test_a_subscriber_who_declined_is_not_rung_again_through_the_next_trunk(world: World, series: int) -> None:
    place = series // 1000
    for route, trunks in (("7955", ("795290", "795291")), ("7956", ("795292", "795293"))):
        number = f"{route}{place:03d}7162"
        row = row_of(await connect(world, "201", [number]), number)
        assert (row["result"], row["cause"]) == ("FAIL", "SIP 603 Decline")
        invites = world.provider.invites()
        assert [invites[f"{trunks[0]}{place:03d}71"], invites[f"{trunks[1]}{place:03d}62"]] == [1, 0]


async def test_routes_that_do_not_ask_between_trunks_are_stopped_before_a_telephone_rings(
    world: World, series: int
) -> None:
    place = series // 1000
    number = f"7950{place:03d}7173"
    async with observing(world.pbx) as observer:
        row = row_of(await connect(world, "201", [number]), number)
        assert (row["result"], row["cause"], row["outDialState"]) == ("FAIL", "SIP 603 Decline", "CHANUNAVAIL")
        second = {
            event["Event"]: float(event["Timestamp"])
            for event in observer.events
            if event["Event"] in ("Newchannel", "Hangup") and event["Channel"].startswith("PJSIP/backup-")
        }
    # its INVITE may have gone out; then the CANCEL followed at once
    lasted_s = second["Hangup"] - second["Newchannel"] if second else 0.0
    print(f"\nsecond trunk's channel lived for {lasted_s * 1000:.0f} ms")
    assert lasted_s < 0.2


EMPLOYEES = [
    # subscriber, employee or queue, result, cause, inDialState, state
    ("60", "202", "SUCCESS_USER_H", None, "ANSWER", "endCall"),  # the employee hangs up after 2 s
    ("66", "201", "SUCCESS_CLIENT_H", None, "ANSWER", "endCall"),  # the subscriber hangs up after 4 s
    ("60", "203", "FAIL_USER_BUSY", "SIP 486 Busy Here", "BUSY", "allUserBusy"),
    ("60", "205", "FAIL_USER_BUSY", "SIP 480 Temporarily Unavailable", "NOANSWER", "allUserBusy"),
    ("60", "209", "FAIL_USER_BUSY", "No reply from the employee's telephone", "NOANSWER", "allUserBusy"),  # 15 s
    ("60", "207", "FAIL_USER_NO_ANSWER", "SIP 603 Decline", "CHANUNAVAIL", "endCall"),
    ("60", "204", "FAIL_USER_NO_ANSWER", None, "NOANSWER", "endCall"),  # rings for 15 s
    ("91", "206", "FAIL_CLIENT_H_BEFORE_ANSWER", None, "CANCEL", "endCall"),  # leaves after 1 s, answer after 2 s
    ("60", "310", "SUCCESS_USER_H", None, "ANSWER", "endCall"),  # the first employee declines, the second talks
    ("66", "311", "FAIL_CLIENT_H_BEFORE_ANSWER", None, "CANCEL", "endCall"),  # leaves in the overflow after a queue
    ("60", "320", "FAIL_USER_BUSY", "Q.850 17 User busy", None, "allUserBusy"),
    ("60", "500", "SUCCESS", "The internal number called nobody", None, "endCall"),  # neither employee nor queue
    # queues
    ("62", "305", "SUCCESS_USER_H", None, "ANSWER", "endCall"),  # the member hangs up after 1 s
    ("60", "304", "FAIL_USER_NO_ANSWER", "Queue TIMEOUT", "TIMEOUT", "endCall"),
    ("91", "304", "FAIL_CLIENT_H_BEFORE_ANSWER", None, None, "endCall"),
]


async def test_every_way_an_employee_or_a_queue_can_take_a_call(own_world: World, series: int) -> None:
    """All cases at once; those for the same employee wait for each other."""
    world = own_world
    numbers = [make_number(series + place, subscriber) for place, (subscriber, *_) in enumerate(EMPLOYEES)]
    tasks = await asyncio.gather(
        *(connect(world, row[1], [number]) for number, row in zip(numbers, EMPLOYEES, strict=True))
    )
    for number, task, case in zip(numbers, tasks, EMPLOYEES, strict=True):
        row = row_of(task, number)
        shown = (row["result"], row["cause"], row["inDialState"], row["state"])
        assert shown == case[2:], (case, row)
        assert row["outDialState"] is None
    invites = world.provider.invites()
    assert [invites[number] for number in numbers] == [1] * len(numbers)


async def test_a_queue_with_free_members_takes_the_call(own_world: World, series: int) -> None:
    world, number = own_world, make_number(series, "62")  # leaves after 2 s, before any member does
    row = row_of(await connect(world, "300", [number]), number)
    assert (row["result"], row["cause"], row["inDialState"]) == ("SUCCESS_CLIENT_H", None, "ANSWER")


async def test_an_employee_who_declines_does_not_end_a_call_whose_answer_was_missed(
    own_world: World, series: int
) -> None:
    """The daemon was away when the subscriber answered; then a 603 comes, of the second employee."""
    world, number = own_world, make_number(series, "69")  # rings for 1 s, then stays
    task_id = await post_task(world.dialer, [number], "312", "exten")
    await wait_until(lambda: world.provider.invites()[number], "the telephone rings")
    await world.dialer.kill()
    await wait_until(lambda: world.employees.invites()["204"], "the first employee rings")
    await world.dialer.start()
    row = row_of(await world.dialer.wait_finished(task_id), number)
    assert [world.employees.invites()[employee] for employee in ("204", "207", "208")] == [1, 1, 1]
    assert (row["result"], row["inDialState"]) == ("SUCCESS_USER_H", "ANSWER")


ODD_ROUTES = [
    # number, result, cause, outDialState
    ("794000{}62", "SUCCESS", None, None),  # the trunk is behind a Local channel: no telling who hung up
    ("794000{}70", "FAIL", "SIP 486 Busy Here", "BUSY"),
    ("794100{}70", "FAIL", "SIP 486 Busy Here", "BUSY"),  # then an announcement, which is no subscriber
    ("794200{}62", "FAIL", "No answer: the routes had not dialled yet", None),
]


async def test_routes_of_an_unusual_kind(own_world: World, series: int) -> None:
    world, place = own_world, f"{series // 1000:03d}"
    numbers = [number.format(place) for number, *_ in ODD_ROUTES]
    # one by one for the same employee: who talks keeps the others waiting
    task = await connect(world, "201", numbers, channels=len(numbers))
    for number, case in zip(numbers, ODD_ROUTES, strict=True):
        row = row_of(task, number)
        assert (row["result"], row["cause"], row["outDialState"]) == case[1:], case


async def test_a_talk_that_neither_side_ended_is_success_without_a_side(own_world: World, series: int) -> None:
    world, number = own_world, make_number(series, "60")
    task_id = await post_task(world.dialer, [number], "201", "exten")
    await wait_until(lambda: "ANSWERED" in [event.what for event in world.employees.events()], "the talk")
    channels = await world.pbx.rx("core show channels concise")
    outbound = next(line.split("!")[0] for line in channels.splitlines() if line.startswith("PJSIP/provider-"))
    await world.pbx.rx(f"channel request hangup {outbound}")
    row = row_of(await world.dialer.wait_finished(task_id), number)
    assert (row["result"], row["state"]) == ("SUCCESS", "endCall")


async def test_no_call_holds_its_channel_for_ever(series: int) -> None:
    number = make_number(series, "60")  # 201 and 60 would talk for ever
    with tempfile.TemporaryDirectory(prefix="dialer-", dir="/tmp") as folder:
        async with running_world(Path(folder), {"dialing": {"max_call_s": 5}}, program=None) as world:
            row = row_of(await connect(world, "201", [number]), number)
            assert (row["result"], row["cause"]) == ("SUCCESS", "Cut: the call lasted as long as any may")
            times_s = {event.what: event.time_s for event in world.provider.events()}
            assert 4 <= times_s["BYE"] - times_s["INVITE"] < 8


BUSY_QUEUES = [
    # queue, what happens to its member while the subscriber's telephone rings, cause
    ("302", "queue pause member PJSIP/206", "Queue JOINEMPTY"),
    ("301", "queue remove member PJSIP/206 from empty", "Queue JOINEMPTY"),
    ("303", "queue pause member PJSIP/206", "Queue TIMEOUT, no member was free"),
    ("303", "channel originate PJSIP/206 application Wait 8", "Queue TIMEOUT, no member was free"),  # on another call
]


@pytest.mark.parametrize(("queue", "happening", "cause"), BUSY_QUEUES)
async def test_a_queue_whose_members_are_gone_when_the_subscriber_answers_is_busy(
    own_world: World, series: int, queue: str, happening: str, cause: str
) -> None:
    world, number = own_world, make_number(series, "69")  # rings for 1 s, then stays
    await world.pbx.rx("queue add member PJSIP/206 to empty")
    task_id = await post_task(world.dialer, [number], queue, "exten")
    await wait_until(lambda: world.provider.invites()[number], "the telephone rings")
    await world.pbx.rx(happening)
    row = row_of(await world.dialer.wait_finished(task_id), number)
    assert (row["result"], row["cause"], row["state"]) == ("FAIL_USER_BUSY", cause, "allUserBusy")


async def test_a_dialogue_service_that_is_down_is_told_by_the_cause(own_world: World, series: int) -> None:
    world, number = own_world, make_number(series, "69")
    polling_id = (await world.dialer.data("POST", "/polling", ONE_KEY))["id"]
    task_id = await post_task(world.dialer, [number], polling_id, "polling")
    await wait_until(lambda: world.provider.invites()[number], "the telephone rings")
    await world.dialer.kill()
    await wait_until(lambda: world.provider.events()[-1].what == "BYE", "the end of a call that nobody could hold")
    await world.dialer.start()
    row = row_of(await world.dialer.wait_finished(task_id), number)
    assert (row["result"], row["cause"], row["state"]) == (
        "FAIL_POLLING",
        "Dialogue service not reachable",
        "endCall",
    )
    assert world.provider.invites()[number] == 1


async def test_every_way_through_a_polling(world: World, series: int) -> None:
    two_questions = {
        "questions": [
            {"questionId": "1", "questionText": "Первый.", "press": [{"key": "1", "value": "да", "action": "answer",
                                                                      "nextQuestion": "2"}]},
            {"questionId": "2", "questionText": "Второй.", "press": [{"key": "1", "value": "ещё", "action": "answer"}]},
        ]
    }  # fmt: skip
    cases = {
        "11": ("SUCCESS_POLLING", "EVENT_POLLING_END", [("1", "да", "1"), ("2", "ещё", "1")]),
        "61": ("SUCCESS_POLLING", "EVENT_POLLING_END", [("1", "да", "1"), ("2", "ещё", "1")]),  # 9 first: asked again
        "68": ("FAIL_POLLING", "endCall", [("1", "да", "1")]),  # leaves in the second question
        "62": ("FAIL_POLLING", "endCall", []),  # leaves in the first
        "22": ("FAIL_POLLING", "endCall", []),  # only wrong keys, let go after [dialing] polling_limit_s
        "60": ("FAIL_POLLING", "endCall", []),  # no key at all
    }
    numbers = {make_number(series + place, kind): kind for place, kind in enumerate(cases)}
    task = await ask(world, two_questions, list(numbers))
    for number, kind in numbers.items():
        row = row_of(task, number)
        result, state, answers = cases[kind]
        assert (row["result"], row["cause"], row["state"]) == (result, None, state), kind
        assert (row["outDialState"], row["inDialState"]) == (None, None)
        assert answers_of(task, number) == answers


async def test_the_dial_prefix_chooses_the_route(world: World, series: int) -> None:
    number = make_number(series, "90")
    task = await connect(world, "201", [number], dialPrefix="999")
    assert row_of(task, number)["result"] in {"FAIL_CLIENT_H_BEFORE_ANSWER", "SUCCESS_CLIENT_H"}
    assert world.provider.invites()[number] == 1  # the rig's route took the prefix off
    other = make_number(series + 1, "90")
    assert row_of(await connect(world, "201", [other], dialPrefix="555"), other)["result"] == "FAIL_ROUTE"
