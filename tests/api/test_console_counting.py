"""The first count of many tasks: several short reads, and what is known is shown meanwhile."""

from pathlib import Path
from typing import Any

import pytest

from dialer.api.console import counting
from dialer.api.console.counting import Counting
from dialer.dispatch.meter import Meter
from dialer.model.task import TaskState
from dialer.store.console import fetch_live_heads
from dialer.store.database import Store
from dialer.store.tasks import TaskChange, change_task
from tests.store.making import new_task, url_of


def heads(connection: Any) -> Any:
    return fetch_live_heads(connection, 200, 1000)


async def test_tasks_come_without_figures_until_they_are_counted_what_is_not_closed_and_new_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "READ_S", 0.0)  # one task a look
    store = await Store.open(url_of(tmp_path / "dialer.db"))
    try:
        oldest, newer, closed = [await new_task(store, 2) for _ in range(3)]
        await store.write(change_task(closed, None, TaskChange(state=TaskState.CLOSED)))
        one = Counting(store, Meter())
        for known in ({newer}, {newer, oldest}, {newer, oldest, closed}):
            shown = await one.glance(heads)
            assert [task["id"] for task in shown] == [closed, newer, oldest]
            assert {task["id"] for task in shown if task["counted"]} == known
            assert all(task["waiting"] == (2 if task["counted"] else 0) for task in shown)
        whole = await Counting(store, Meter()).progress(heads)
        assert [(task["counted"], task["waiting"]) for task in whole] == [(True, 2)] * 3
    finally:
        await store.close()
