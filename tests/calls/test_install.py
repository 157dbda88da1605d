"""The dialer as an add-on: installed into the configuration folder of a real Asterisk, used, and taken out again."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.calls.asking import ONE_KEY, post_task, row_of
from tests.calls.installing import Site, bare_site, snapshot
from tests.rig.numbers import make_number


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
    assert await site.dialer.stop() == 0

    code, said = await site.uninstall("--yes")
    assert code == 0, said
    assert snapshot(site.pbx.etc_dir) == before
    assert "no existence" in await site.pbx.rx("dialplan show autodialer-out")
    assert "autodialer" not in await site.pbx.rx("manager show users")
    assert not (site.pbx.workdir / "systemd").exists()
    assert (site.pbx.workdir / "data" / "dialer.db").exists(), "the database stays"
