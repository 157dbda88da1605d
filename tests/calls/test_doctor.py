"""`dialer doctor` beside a real Asterisk: all is well after an installation, and whatever somebody breaks is named."""

import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.calls.installing import Site, bare_site


@pytest_asyncio.fixture(scope="module")
async def site() -> AsyncIterator[Site]:
    with tempfile.TemporaryDirectory(prefix="dialer-", dir="/tmp") as folder:
        async with bare_site(Path(folder)) as running:
            code, said = await running.install("--yes")
            assert code == 0, said
            await running.dialer.start()
            await running.dialer.wait_dialling()
            yield running


async def findings(site: Site, *more: str) -> tuple[int, list[dict[str, Any]]]:
    code, said = await site.doctor("--json", *more)
    assert said.startswith("{"), said
    return code, json.loads(said)["findings"]


async def test_after_an_installation_all_is_well(site: Site) -> None:
    code, found = await findings(site)
    bad = [one for one in found if one["state"] == "fail"]
    print(*found, sep="\n")
    assert (bad, code in (0, 1)) == ([], True)
