"""Bad input against a daemon that would dial: nothing reaches a call file, Asterisk or the provider."""

from typing import Any

from tests.api.test_refusals import BAD_TASKS, POLLING
from tests.calls.measuring import observing
from tests.rig.numbers import make_number
from tests.rig.waiting import wait_until
from tests.rig.world import World


async def test_nothing_refused_reaches_asterisk(world: World, series: int) -> None:
    polling_id = (await world.dialer.data("POST", "/polling", POLLING))["id"]
    good = make_number(series, "63")
    task: dict[str, Any] = {"innerNum": polling_id, "innerNumType": "polling", "numbers": [good]}
    tasks_before = (await world.dialer.data("GET", "/task"))["results"]
    async with observing(world.pbx) as observer:
        for change, _ in BAD_TASKS:
            reply = await world.dialer.call("POST", "/task", {**task, **change})
            assert reply["result"] is False
        assert (await world.dialer.data("GET", "/task"))["results"] == tasks_before
        # A good task after all the bad ones: had one of them begun a call, it would have begun before this.
        await world.dialer.data("POST", "/task", task)
        await wait_until(lambda: observer.named("AutodialerGone"), "the good call")
        begun = {
            event["Channel"].split("@")[0] for event in observer.named("Newchannel") if "Local/" in event["Channel"]
        }
    assert len(begun) == 1
    assert world.provider.invites()[good] == 1
