"""A short list for a task of many numbers: dropping those keeps the writer from calls no longer than a large list
does."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dialer.model.task import InnerNumType, Number, TaskState
from dialer.store.tasks import TaskChange, TaskRefusedError
from tests.dispatch.test_scheduler import Bench, running
from tests.store.making import ask

MANY = 10_500
MOST_A_WRITE = 5000
CHANGE = TaskChange(inner_num="201", inner_num_type=InnerNumType.EXTEN, state=TaskState.PAUSED)
ROWS = "SELECT phone, params, client_id, held, zone, until_us FROM attempt ORDER BY phone"


def number(place: int, **more: Any) -> Number:
    return Number(f"7952{place:07d}", f"952{place:07d}", **more)


NUMBERS = [number(place, client_id="a" if place < 3 else None) for place in range(MANY)]
AFTER = [number(1, client_id="a"), number(2, client_id="b"), number(5, params={"n": 1}), number(MANY, until_us=2**60)]


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with running(tmp_path) as one:
        yield one


async def post(bench: Bench, numbers: Sequence[Number]) -> int:
    return (await bench.desk.save("k", None, replace(CHANGE, numbers=numbers))).task_id


def watch_rows(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many there are after each write."""
    seen = [MANY]
    write = bench.store.write

    async def watched(operation: Any) -> Any:
        done = await write(operation)
        ((count,),) = ask(bench.database, "SELECT count(*) FROM attempt")
        seen.append(int(str(count)))
        return done

    monkeypatch.setattr(bench.store, "write", watched)
    return seen


@pytest.mark.parametrize("by_post", [True, False])
async def test_a_short_list_for_a_task_of_many_numbers_is_joined_in_parts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, *, by_post: bool
) -> None:
    task_id = await post(bench, NUMBERS)
    seen = watch_rows(bench, monkeypatch)
    if by_post:
        assert await post(bench, AFTER) == task_id
    else:
        assert await bench.desk.change(task_id, None, TaskChange(numbers=AFTER))
    monkeypatch.undo()
    assert max(before - after for before, after in pairwise(seen)) <= MOST_A_WRITE
    assert ask(bench.database, "SELECT key FROM meta WHERE key LIKE 'list-part:%' OR key LIKE 'joining:%'") == []
    in_parts = ask(bench.database, ROWS)
    await bench.desk.delete(task_id)
    await post(bench, NUMBERS[:10])
    await post(bench, AFTER)
    assert in_parts == ask(bench.database, ROWS)


async def test_what_is_wrong_with_a_short_list_for_a_large_task_is_told_before_anything_is_stored(
    bench: Bench,
) -> None:
    task_id = await post(bench, NUMBERS)
    over = number(7, not_before_us=20, until_us=10)
    with pytest.raises(TaskRefusedError, match="numbers: 79520000007: timeCallUntil is not after timeCallAllow"):
        await bench.desk.change(task_id, None, TaskChange(numbers=[over]))
    assert ask(bench.database, "SELECT count(*) FROM attempt") == [(MANY,)]
