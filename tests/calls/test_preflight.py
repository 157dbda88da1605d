"""What an administrator has not put in place is told by /health, and nothing is dialled until it is."""

import pytest

from tests.calls.asking import post_task
from tests.rig.numbers import make_number
from tests.rig.world import World

FAULTS = [
    # what somebody does in Asterisk, and undoes; what /health says
    ("module unload func_timeout", "module load func_timeout", "modules are not loaded: func_timeout"),
    ("dialplan remove context internal", "dialplan reload", "there is no context [internal]"),
    ("dialplan remove context autodialer-version", "dialplan reload", "the dialplan is not this version's"),
]


@pytest.mark.parametrize(("fault", "mend", "told"), FAULTS)
async def test_nothing_is_dialled_through_an_asterisk_that_is_not_set_up(
    own_world: World, series: int, fault: str, mend: str, told: str
) -> None:
    world, number = own_world, make_number(series, "70")
    await world.dialer.kill()
    await world.pbx.rx(fault)
    await world.dialer.start()
    await world.dialer.wait_health(lambda report: told in (report["trouble"] or ""), "the fault is told")
    task_id = await post_task(world.dialer, [number], "500", "exten")
    report = await world.dialer.health()
    assert (report["status"], report["dialling"], report["calls_in_progress"]) == ("degraded", False, 0)
    await world.pbx.rx(mend)
    await world.dialer.wait_finished(task_id, 20)
    assert world.provider.invites()[number] == 1


async def test_rights_that_our_ami_user_lacks_are_told(own_world: World) -> None:
    world = own_world
    await world.dialer.kill()
    file = world.pbx.etc_dir / "manager_autodialer.conf"
    whole = file.read_text()
    for rights in ("system", "reporting"):
        file.write_text(whole.replace("write = system,reporting", f"write = {rights}"))
        await world.pbx.rx("manager reload")
        await world.dialer.start()
        await world.dialer.wait_health(
            lambda report: "manager_autodialer.conf" in (report["trouble"] or ""), "the missing right is told"
        )
        await world.dialer.kill()
    file.write_text(whole)
    await world.pbx.rx("manager reload")
    await world.dialer.start()
    await world.dialer.wait_dialling()


async def test_health_names_the_internal_numbers_at_which_nobody_is_free(own_world: World, series: int) -> None:
    world = own_world
    await post_task(world.dialer, [make_number(series, "70")], "301", "exten")
    report = await world.dialer.wait_health(lambda report: report["waiting_for"], "a task that waits")
    assert (report["waiting_for"], report["dialling"]) == (["301"], True)
