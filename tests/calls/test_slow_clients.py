"""200 slow clients on the REST port delay neither a call nor what its subscriber hears."""

from statistics import median, quantiles

import pytest

from tests.calls.asking import ask
from tests.calls.measuring import observing, refill_times_ms, spans
from tests.calls.test_heard import prompt_of, says
from tests.rig.hearing import listening
from tests.rig.numbers import make_number
from tests.rig.slow import crowding, make_recording
from tests.rig.sound import first_sound_s
from tests.rig.waiting import wait_until
from tests.rig.world import World

CALLS, CHANNELS = 20, 5
HEADS, BODIES, NEVER_READING = 100, 80, 20
WORSE_MS = 100.0
TURNS = 3
"""What the clients cause is there in each of them; what else the machine does is not."""


def p90(times: list[float]) -> float:
    return quantiles(times, n=10)[-1]


async def call_times_ms(world: World, series: int, text: str) -> tuple[list[float], list[float]]:
    """From a hang-up to the next call, and from an answer to the first sound."""
    numbers = [make_number(series + place, "60") for place in range(CALLS)]
    async with observing(world.pbx) as observer, listening(world) as ear:
        task = await ask(world, says(text), numbers, channels=CHANNELS)
        assert {row["result"] for row in task["results"]} == {"SUCCESS_POLLING"}
        await wait_until(lambda: len(spans(observer, set(numbers))) == CALLS, "all have hung up", poll_s=0.2)
        heard = [
            await ear.wait_heard(number, lambda one: one.ended_s is not None, f"the call of {number} is over")
            for number in numbers
        ]
        refills = refill_times_ms(spans(observer, set(numbers)), CHANNELS)
    return refills, [first_sound_s(one.pcm) * 1000 for one in heard]


@pytest.mark.alone
async def test_200_slow_clients_delay_no_call(world: World, series: int) -> None:
    text = f"Объявление {series}."
    await prompt_of(world, text)
    make_recording(world.pbx.workdir / "audio")
    port = int(world.dialer.url.rpartition(":")[2])
    for turn in range(TURNS):
        first = series + turn * 200
        alone = await call_times_ms(world, first, text)
        async with crowding(port, heads=HEADS, bodies=BODIES, never_reading=NEVER_READING) as crowd:
            await wait_until(lambda: crowd.open == HEADS + BODIES + NEVER_READING, "they are connected")
            crowded = await call_times_ms(world, first + 100, text)
            assert crowd.open == HEADS + BODIES + NEVER_READING
        worse_ms: list[float] = []
        whats = ("hang-up to next call", "answer to first sound")
        for what, without, with_them in zip(whats, alone, crowded, strict=True):
            print(
                f"\n{what}, ms, alone and with {HEADS + BODIES + NEVER_READING} slow clients: median "
                f"{median(without):.1f}, {median(with_them):.1f}; longest {max(without):.1f}, {max(with_them):.1f}"
            )
            worse_ms += [median(with_them) - median(without), p90(with_them) - p90(without)]
        if max(worse_ms) < WORSE_MS:
            return
    raise AssertionError(f"slower by {worse_ms} ms in each of {TURNS} turns")
