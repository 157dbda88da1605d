"""`exten` tasks: subscribers connected to employees and queues."""

import asyncio

import pytest

from tests.calls.asking import connect, row_of
from tests.rig.numbers import make_number
from tests.rig.world import World

CASES = [
    # subscriber, employee or queue, result, state
    ("60", "202", "SUCCESS_USER_H", "endCall"),  # the employee hangs up after 2 s
    ("66", "201", "SUCCESS_CLIENT_H", "endCall"),  # the subscriber hangs up after 4 s
    ("60", "203", "FAIL_USER_BUSY", "allUserBusy"),
    ("60", "205", "FAIL_USER_NO_ANSWER", "endCall"),  # 480: the telephone says that its user does not answer
    ("60", "209", "FAIL_USER_NO_ANSWER", "endCall"),  # nobody listens, 15 s
    ("62", "300", "SUCCESS_CLIENT_H", "endCall"),
    ("60", "207", "FAIL_USER_NO_ANSWER", "endCall"),  # declined
    ("60", "204", "FAIL_USER_NO_ANSWER", "endCall"),  # 15 s
    ("91", "206", "FAIL_CLIENT_H_BEFORE_ANSWER", "endCall"),  # leaves after 1 s, the employee would answer after 2
    ("91", "204", "FAIL_CLIENT_H_BEFORE_ANSWER", "endCall"),
    ("66", "300", "SUCCESS_CLIENT_H", "endCall"),
    ("60", "301", "FAIL_USER_BUSY", "allUserBusy"),  # a queue without members
    ("60", "208", "SUCCESS_USER_H", "endCall"),
    ("70", "201", "FAIL", "failedOriginate"),
    ("60", "2999", "FAIL_USER_BUSY", "allUserBusy"),  # no such extension
]


async def test_every_kind_of_employee(world: World, series: int) -> None:
    """All cases side by side; employees of the rig take any number of calls."""
    numbers = [make_number(series + place, subscriber) for place, (subscriber, *_) in enumerate(CASES)]
    tasks = await asyncio.gather(
        *(connect(world, exten, [number]) for number, (_, exten, *_) in zip(numbers, CASES, strict=True))
    )
    got = [
        (row_of(task, number)["result"], row_of(task, number)["state"])
        for task, number in zip(tasks, numbers, strict=True)
    ]
    expected = [(result, state) for _, _, result, state in CASES]
    assert dict(zip(CASES, got, strict=True)) == dict(zip(CASES, expected, strict=True))
    invites = world.provider.invites()
    assert [invites[number] for number in numbers] == [1] * len(numbers)


@pytest.mark.parametrize(
    ("number", "result", "cause"),
    [
        ("70001234567", "FAIL_ROUTE", "No outgoing route"),
        ("79531234567", "FAIL_PROVIDER", "No reply from the provider, no ringing seen"),
    ],
)
async def test_numbers_that_reach_no_provider(world: World, number: str, result: str, cause: str) -> None:
    row = row_of(await connect(world, "201", [number]), number)
    assert (row["result"], row["cause"], row["state"]) == (result, cause, "failedOriginate")


async def test_the_dial_prefix_chooses_the_route(world: World, series: int) -> None:
    number = make_number(series, "90")
    task = await connect(world, "201", [number], dialPrefix="999")
    assert row_of(task, number)["result"] in {"FAIL_CLIENT_H_BEFORE_ANSWER", "SUCCESS_CLIENT_H"}
    assert world.provider.invites()[number] == 1  # the rig's route took the prefix off
    other = make_number(series + 1, "90")
    assert row_of(await connect(world, "201", [other], dialPrefix="555"), other)["result"] == "FAIL_ROUTE"
