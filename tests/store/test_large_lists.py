"""A large list is stored in parts, between which calls go on."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.model.task import Task
from dialer.store.database import Operation, Store
from dialer.store.tasks import change_task, save_task
from tests.store.making import a_task, url_of

MANY = 40_000
LOOK_EVERY_S = 0.001
MOST_OF_IT = 0.4
"""How much of the time of storing the event loop may stand still at once; comparing a list took 0.87 of it at once."""


async def longest_stop(store: Store, operation: Operation[Task] | Operation[Task | None]) -> tuple[float, float]:
    """For how long the event loop stood still at the most, and how long the storing took; seconds."""
    stops = [0.0]

    async def watch() -> None:
        # it looks every millisecond: a loop that never rests keeps the interpreter's lock from the storing thread,
        # and each of its statements waits 5 ms for it (200 s instead of one)
        while True:
            due_s = time.perf_counter() + LOOK_EVERY_S
            await asyncio.sleep(LOOK_EVERY_S)
            stops.append(time.perf_counter() - due_s)

    watching = asyncio.create_task(watch())
    began_s = time.perf_counter()
    await store.write(operation)
    took_s = time.perf_counter() - began_s
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    return max(stops), took_s


@pytest.mark.alone
async def test_the_event_loop_goes_on_while_a_list_is_stored_compared_and_dropped(tmp_path: Path) -> None:
    store = await Store.open(url_of(tmp_path / "dialer.db"))
    try:
        change = a_task(MANY)
        task_id = (await store.write(save_task(None, None, a_task(1)))).task_id
        told = [replace(one, params={"n": 1}) for one in change.numbers or ()]
        for numbers in (change.numbers, change.numbers, told, told[:10]):
            stopped_s, took_s = await longest_stop(store, change_task(task_id, None, replace(change, numbers=numbers)))
            print(f"stored in {took_s:.2f} s, the loop stood still for {stopped_s:.3f} s")
            assert stopped_s < took_s * MOST_OF_IT
    finally:
        await store.close()
