"""How full a task keeps its channels, and how soon a channel that is free is dialled again, as the provider sees it."""

import asyncio
from collections.abc import Sequence

from bench.rig import Line, running_daemon, running_line
from bench.rows import Chart, Curve, Place, Row
from tests.rig.daemon import Dialer
from tests.rig.sipp import SippEvent
from tests.rig.waiting import wait_until

CHANNELS = 200
MEAN_TALK_S = 6.5
"""Of bench/scenarios/talks.xml: 3 to 10 s, evenly."""
CALLS_PER_S = 50
_FIRST_NUMBER = 79_520_000_000


async def measure(place: Place) -> Sequence[Row]:
    return [await _occupancy(place), await _refill(place)]


async def _occupancy(place: Place) -> Row:
    channels = place.scaled(CHANNELS, 20)
    events, since_s, until_s = await _talks(place, "occupancy", channels)
    in_progress = _in_progress(events)
    mean = _mean(in_progress, since_s, until_s) / channels
    shown = [(at_s - since_s, count) for at_s, count in in_progress if since_s - 12 <= at_s <= until_s]
    return Row(
        f"channel occupancy, {channels} channels, calls of 3 to 10 s",
        f"{mean:.4f} (INVITE to BYE, {until_s - since_s:.0f} s)",
        "1.0: every channel always in a call",
        ">= 0.97",
        mean >= 0.97,
        "the time from a hang-up to the next INVITE (the row below), in which a channel is in no call",
        "nothing: it is some milliseconds of each call's seconds",
        {"occupancy": mean},
        [
            Chart(
                "channels",
                f"Calls in progress, {channels} channels asked for",
                "seconds",
                "calls in progress",
                [Curve("calls", [at_s for at_s, _ in shown], [count for _, count in shown])],
            )
        ],
    )


async def _refill(place: Place) -> Row:
    channels = place.scaled(round(CALLS_PER_S * MEAN_TALK_S), 20)
    events, since_s, until_s = await _talks(place, "refill", channels)
    waits_s = _refills(events, channels, since_s, until_s)
    median_s, p99_s = waits_s[len(waits_s) // 2], waits_s[int(0.99 * (len(waits_s) - 1))]
    return Row(
        f"hang-up (BYE sent) to the next INVITE, {channels} channels",
        f"median {1000 * median_s:.1f} ms, p99 {1000 * p99_s:.1f} ms; {len(waits_s) / (until_s - since_s):.0f} calls/s",
        "",
        "10 ms / 100 ms at 50 calls/s",
        median_s <= 0.010 and p99_s <= 0.100,
        "Asterisk: some 3 ms at rest from the BYE to the record of the leg's end, as from the leave to the INVITE, "
        "for the next call stands by with its question; between them the claim's commit, and the turns of two cores",
        "leave granted ahead, and taken back where no channel gets free: it would save the commit, some 1 ms",
        {"refill_median_s": median_s, "refill_p99_s": p99_s},
    )


async def _talks(place: Place, name: str, channels: int) -> tuple[list[SippEvent], float, float]:
    """Let a task talk; what the provider saw, and between which times the task was under way, Unix seconds."""
    settle_s, run_s = place.scaled(20, 6), place.scaled(60, 6)
    folder = place.folder / name
    async with running_line(folder / "line", "talks.xml") as line, running_daemon(folder / "dialer", line) as dialer:
        numbers = [str(_FIRST_NUMBER + at) for at in range(round((settle_s + run_s + 20) * channels / 4))]
        await _post(dialer, numbers, channels)
        await wait_until(lambda: _count(line) >= channels, "every channel in use", 60)
        began_s = max(event.time_s for event in line.provider.events() if event.what == "INVITE")
        await asyncio.sleep(settle_s + run_s)
        return line.provider.events(), began_s + settle_s, began_s + settle_s + run_s


async def _post(dialer: Dialer, numbers: Sequence[str], channels: int) -> None:
    task = {"innerNum": "900", "innerNumType": "exten", "maxCountChannels": channels, "numbers": list(numbers)}
    await dialer.data("POST", "/task", task)


def _count(line: Line) -> int:
    return sum(event.what == "INVITE" for event in line.provider.events())


def _in_progress(events: Sequence[SippEvent]) -> list[tuple[float, int]]:
    """When which number of calls was in progress."""
    count, steps = 0, []
    for event in sorted(events, key=lambda one: one.time_s):
        count += 1 if event.what == "INVITE" else -1
        steps.append((event.time_s, count))
    return steps


def _mean(steps: Sequence[tuple[float, int]], since_s: float, until_s: float) -> float:
    """The mean over time."""
    area, at_s, count = 0.0, since_s, 0
    for step_s, after in steps:
        if step_s > since_s:
            area += count * (min(step_s, until_s) - at_s)
            at_s = min(step_s, until_s)
        count = after
        if step_s >= until_s:
            break
    return area / (until_s - since_s)


def _refills(events: Sequence[SippEvent], channels: int, since_s: float, until_s: float) -> list[float]:
    """From each hang-up to the INVITE that takes its place (the first hang-up's is that after all channels' first),
    sorted."""
    hung_up = sorted(event.time_s for event in events if event.what == "HUNG_UP")
    invited = sorted(event.time_s for event in events if event.what == "INVITE")[channels:]
    pairs = zip(hung_up, invited, strict=False)
    return sorted(next_s - end_s for end_s, next_s in pairs if since_s <= end_s <= until_s)
