"""What a subscriber's telephone shows, and how long it was answered."""

import pytest

from tests.calls.bench import Bench
from tests.rig.numbers import make_number

NOBODY = "anonymous"


@pytest.mark.parametrize("caller", ["74951234567", "+74951234567", None])
async def test_the_number_of_the_order_is_shown_and_no_name(bench: Bench, series: int, caller: str | None) -> None:
    number = make_number(series, "62")
    await bench.call(number, "201", caller_id=caller)
    (invite,) = [event for event in bench.provider.events() if event.what == "INVITE" and event.number == number]
    print(invite)
    assert invite.caller == (caller or NOBODY)


async def test_the_international_form_is_dialled(bench: Bench, series: int) -> None:
    phone, dialled = make_number(series, "70"), make_number(series + 1, "70")
    attempt = await bench.call(phone, "201", dialled=dialled)
    assert (bench.provider.invites()[phone], bench.provider.invites()[dialled]) == (0, 1)
    assert str(attempt.verdict) == "FAIL (SIP 486 Busy Here)"


@pytest.mark.parametrize(
    ("route", "seconds"),
    [("7952{}62", (1, 2)), ("7956{}6262", (1, 2)), ("7940{}62", (1, 2)), ("7952{}70", None), ("7941{}70", None)],
    ids=["a Dial", "in a subroutine", "behind a Local channel", "busy", "an announcement after a busy line"],
)
async def test_seconds_are_billed_from_the_answer_on(
    bench: Bench,
    series: int,
    route: str,
    seconds: tuple[int, ...] | None,
) -> None:
    digits = f"{series // 1000:03d}" if route.endswith("6262") else f"{series:05d}"
    attempt = await bench.call(route.format(digits), "201")
    assert attempt.out_record is not None
    print(attempt.out_record)
    assert attempt.out_record.talked_s in (seconds or (None,))
