"""The dialer as an add-on: installed into the configuration folder of a real Asterisk, used, and taken out again."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.calls.asking import ONE_KEY, post_task, row_of
from tests.calls.installing import Site, bare_site, snapshot
from tests.rig.numbers import make_number
from tests.rig.telephone import Telephone
from tests.rig.waiting import wait_for_answer, wait_until


async def pause_by_cli_and_by_key(site: Site, polling: str, series: int) -> None:
    """Three subscribers of a task with one channel: the first is called by the key of a telephone, the second by the
    CLI; in between the task is paused from both, and nobody is called."""
    numbers = [make_number(series + one, "12") for one in range(3)]
    task_id = await post_task(site.dialer, numbers, polling, "polling", channels=1, state=2)

    async def ended(many: int) -> None:
        await wait_for_answer(
            lambda: site.dialer.data("GET", f"/task/{task_id}"),
            lambda task: sum(row["result"] is not None for row in task["results"]) == many,
            f"{many} results",
            30,
        )
        assert sum(site.provider.invites()[number] for number in numbers) == many

    async with Telephone("208", site.pbx.sip_port) as telephone:
        key = f"*37{task_id}"
        await telephone.watch(key)
        assert telephone.lamps[key] == "dark"
        await telephone.press(key)
        await wait_until(lambda: telephone.lamps[key] == "lit", "a lit lamp")
        await wait_until(lambda: site.provider.invites()[numbers[0]], "the first call")
        assert "paused" in await site.pbx.rx(f"dialer pause {task_id}")
        await wait_until(lambda: telephone.lamps[key] == "dark", "a dark lamp")
        await ended(1)
        assert "goes on" in await site.pbx.rx(f"dialer resume {task_id}")
        await wait_until(lambda: site.provider.invites()[numbers[1]], "the second call")
        await telephone.press(key)
        await wait_until(lambda: telephone.lamps[key] == "dark", "a dark lamp")
        await ended(2)
        shown = await site.pbx.rx("dialer show tasks")
        assert next(line for line in shown.splitlines() if line.startswith(task_id)).split()[1:3] == ["paused", "2/3"]


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    with tempfile.TemporaryDirectory(prefix="dialer-", dir="/tmp") as folder:
        async with bare_site(Path(folder)) as running:
            yield running


async def test_installed_used_and_taken_out_the_folder_is_as_it_was(site: Site, series: int) -> None:
    before = snapshot(site.pbx.etc_dir)
    code, said = await site.install("--dry-run")
    assert (code, snapshot(site.pbx.etc_dir)) == (0, before), said
    assert '+#tryinclude "extensions_autodialer.conf"' in said
    assert not site.dialer.config_file.exists()

    code, said = await site.install("--yes")
    assert code == 0, said
    installed = snapshot(site.pbx.etc_dir)
    code, said = await site.install("--yes")
    assert (code, snapshot(site.pbx.etc_dir)) == (0, installed), said
    assert "nothing to change" in said

    await site.dialer.start()
    await site.dialer.wait_dialling()
    number = make_number(series, "12")
    polling = (await site.dialer.data("POST", "/polling", ONE_KEY))["id"]
    task = await site.dialer.wait_finished(await post_task(site.dialer, [number], polling, "polling"))
    assert row_of(task, number)["result"] == "SUCCESS_POLLING"
    await pause_by_cli_and_by_key(site, polling, series + 10)
    assert await site.dialer.stop() == 0
    assert "not answered: does the daemon run?" in await site.pbx.rx("dialer show tasks")

    code, said = await site.uninstall("--yes")
    assert code == 0, said
    assert snapshot(site.pbx.etc_dir) == before
    assert "no existence" in await site.pbx.rx("dialplan show autodialer-out")
    assert "autodialer" not in await site.pbx.rx("manager show users")
    assert not (site.pbx.workdir / "systemd").exists()
    assert (site.pbx.workdir / "data" / "dialer.db").exists(), "the database stays"
