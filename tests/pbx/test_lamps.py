"""The lamps of tasks, where something does not do its part."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from dialer.model.task import TaskState
from dialer.pbx import lamps
from dialer.pbx.ami import AmiClient, AmiRefusedError, AmiState
from dialer.pbx.lamps import Lamps, key_pressed_on
from dialer.store.database import StoreError
from tests.rig.waiting import wait_until


class Asterisk(AmiClient):
    """Keeps what it was told."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1", 1, "autodialer", "secret")
        self.state = AmiState.READY
        self.devices: dict[str, str] = {}

    async def action(self, fields: Mapping[str, str], timeout_s: float = 5.0) -> list[Any]:
        if fields["Action"] == "Setvar":
            self.devices[fields["Variable"]] = fields["Value"]
        if fields["Action"] == "Getvar":
            raise AmiRefusedError("Getvar: No such channel")
        return [{}]


async def test_a_database_that_fails_for_a_while_ends_no_lamps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lamps, "STORE_RETRY_S", 0.01)
    asterisk, asked = Asterisk(), 0

    async def fetch() -> Mapping[int, TaskState]:
        nonlocal asked
        asked += 1
        if asked < 3:
            raise StoreError("disk full")
        return {1000000001: TaskState.OPEN}

    kept = Lamps(asterisk, fetch, "127.0.0.1:4573")
    running = asyncio.create_task(kept.run(), name="lamps")
    kept.asterisk_is_back()
    try:
        await wait_until(lambda: asterisk.devices == {"DEVICE_STATE(Custom:dialer-1000000001)": "INUSE"}, "a lamp")
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_a_key_of_a_channel_that_is_not_there_is_pressed_by_nobody() -> None:
    assert await key_pressed_on(Asterisk(), "PJSIP/201-00000001") == ""
