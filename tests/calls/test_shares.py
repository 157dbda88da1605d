"""Tasks that share the channels of a real Asterisk."""

import asyncio
from itertools import repeat
from typing import Any

from tests.calls.asking import ONE_KEY, post_task
from tests.calls.measuring import most_at_once, observing, spans, until_they_leave
from tests.rig.numbers import make_number
from tests.rig.waiting import wait_for_answer, wait_until
from tests.rig.world import World

LEAVES_AFTER_2_S = "62"
TOLERATED = 0.1
"""A task's part of the channels may differ from that of its weight by so much of it."""
CALLS = 1000
"""Of ten tasks together, a minute and a half: whole channels favour some tasks by a few channel-seconds however long it
goes on (`dialer/model/shares.py`), so the run is long against these."""


async def test_ten_tasks_share_thirty_channels_by_their_weights_for_a_whole_run(own_world: World, series: int) -> None:
    world = own_world
    await world.dialer.stop()
    async with world.dialer.changed({"dialing": {"max_channels": 30}}):
        await world.dialer.wait_dialling()
        polling = str((await world.dialer.data("POST", "/polling", ONE_KEY))["id"])
        weights = range(1, 11)
        tasks: dict[str, int] = {}
        lists: dict[int, set[str]] = {}
        for weight in weights:
            numbers = [make_number(series + weight * 1000 + place, LEAVES_AFTER_2_S) for place in range(500)]
            lists[weight] = set(numbers)
            fields: dict[str, Any] = {"weight": weight, "channels": 30, "state": 2}
            tasks[await post_task(world.dialer, numbers, polling, "polling", **fields)] = weight
        # the first one opened would get all channels: they are full until all ten are open
        before = [make_number(series + place, "67") for place in range(30)]
        async with observing(world.pbx) as observer:
            await post_task(world.dialer, before, polling, "polling", channels=30, priority=9)
            await wait_until(
                lambda: sum(map(world.provider.invites().get, before, repeat(0))) == 30, "all channels are in use"
            )
            await asyncio.gather(*(world.dialer.data("PUT", f"/task/{task_id}", {"state": 0}) for task_id in tasks))
            every = set().union(*lists.values())
            await wait_until(lambda: len(spans(observer, every)) >= CALLS, f"{CALLS} calls", 240, poll_s=1.0)
            calls = until_they_leave(observer, spans(observer, every))
        assert most_at_once(calls) == 30
        begun_s = min(call.begin_s for call in calls)
        used = {weight: sum(call.end_s - call.begin_s for call in calls if call.number in lists[weight])
                for weight in weights}  # fmt: skip
        whole = sum(used.values()) / sum(weights)
        parts = {weight: used[weight] / (whole * weight) for weight in weights}
        print(f"\n{len(calls)} calls in {max(call.end_s for call in calls) - begun_s:.0f} s: parts of what is due: "
              + ", ".join(f"{weight}: {part:.3f}" for weight, part in parts.items()))  # fmt: skip
        assert all(abs(part - 1) <= TOLERATED for part in parts.values()), parts
        assert await wait_for_answer(world.dialer.health, lambda report: report["status"] == "ok", "all is well")
