"""A large list for a task that there is: others' operations between its parts, and an end of the daemon amid it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
import pytest_asyncio

from dialer.dispatch import large_lists
from dialer.dispatch.large_lists import Difference, LargeLists, Stored
from dialer.model.attempt import Attempt, AttemptState
from dialer.model.outcome import Outcome
from dialer.model.task import InnerNumType, Number, Task, TaskState
from dialer.model.verdict import Verdict
from dialer.store.attempts import claim_attempt, mark_spooled, save_result
from dialer.store.database import Operation, Store, StoreError, Transaction
from dialer.store.finishing import QUEUE_TOPIC
from dialer.store.joining import changed_part, dropped_part, new_part
from dialer.store.list_rows import RowBlock, listed_row, row_blocks
from dialer.store.lists import Comparison, by_phone, fetch_stamp, fetch_stored_page, take_later
from dialer.store.results import fetch_span
from dialer.store.stop_list import Stop, add_stops
from dialer.store.tasks import TaskChange, add_numbers, close_task_if_done, delete_task, find_task, save_task
from tests.store.making import ask, fetch_task_results, first_order, url_of

T = TypeVar("T")
CHANGE = TaskChange(inner_num="201", inner_num_type=InnerNumType.EXTEN)
PHONES = "SELECT phone_id FROM attempt ORDER BY phone_id"
OF_LISTS = "SELECT key FROM meta WHERE key LIKE 'staged:%' OR key LIKE 'list-part:%' OR key LIKE 'joining:%'"
A_PART = 2
TALKED = Verdict(Outcome.SUCCESS_CLIENT_H)


def number(place: int, client_id: str | None = None, **more: Any) -> Number:
    return Number(f"7952{place:07d}", f"952{place:07d}", client_id=client_id, **more)


BEFORE = [number(place, "a" if place < 2 else None) for place in range(12)]
AFTER = [
    *(number(place) for place in range(30, 36)),
    *(replace(number(place), params={"told": "anew"}) for place in range(4, 7)),
    *(number(place) for place in range(7, 12)),
    number(40, "a"), number(41, "b"), number(42, "b"), number(43, "b", until_us=2**60),
]  # fmt: skip


class Listed:
    """As `LargeBody`, without its process, and with small parts."""

    has_lifetimes = False

    def __init__(self, store: Store, numbers: Sequence[Number]) -> None:
        self._store = store
        self._rows = {phone_id: listed_row(one) for phone_id, one in by_phone(numbers).items()}
        self.posted = len(numbers)

    async def rows(self, region: str | None) -> AsyncIterator[RowBlock]:
        for block in row_blocks(self._rows.values(), set()):
            yield block

    async def compare(self, task_id: int, region: str | None) -> Difference:
        changed_us = await self._store.read(partial(fetch_stamp, task_id=task_id))
        found = Comparison(self._rows)
        found.take(await self._store.read(partial(fetch_stored_page, task_id=task_id, after=None)))
        new = found.new()
        has_clients = bool(found.busy_clients - {None}) or any(row[3] for row in new)
        return Difference(changed_us, has_clients, self._parts(found, new))

    async def _parts(self, found: Comparison, new: Sequence[Any]) -> AsyncIterator[str]:
        for start in range(0, len(found.dropped), A_PART):
            yield dropped_part(found.dropped[start : start + A_PART])
        for start in range(0, len(found.changed), A_PART):
            yield changed_part(found.changed[start : start + A_PART])
        for start in range(0, len(new), A_PART):
            for block in row_blocks(new[start : start + A_PART], found.busy_clients):
                yield new_part(block)


class Between(Store):
    """Others' operations come after one that has a part of the list in it."""

    joined = 0
    amid: Callable[[], Any] | None = None
    after = 1
    """How many parts are joined before."""
    dies_at = 0
    """From this write on nothing is written any more; 0: never."""
    writes = 0

    async def write(self, operation: Operation[T]) -> T:
        self.writes += 1
        if self.dies_at and self.writes >= self.dies_at:
            raise StoreError("killed")
        result = await super().write(operation)
        if "join.<locals>" in operation.__qualname__ and result:
            self.joined += 1
            if self.joined == self.after and self.amid is not None:
                amid, self.amid = self.amid, None
                await amid()
        return result


@pytest_asyncio.fixture
async def store(database: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Between]:
    for name in ("LEAST_BLOCKS", "MOST_OF_JOINING"):
        monkeypatch.setattr(large_lists, name, 1)
    opened = await Between.open(url_of(database))
    assert isinstance(opened, Between)
    yield opened
    await opened.close()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "dialer.db"


async def post(store: Store, numbers: Sequence[Number], change: TaskChange = CHANGE) -> Task:
    async def find() -> int | None:
        found = await store.read(lambda connection: find_task(connection, "k", None))
        return None if found is None else found.task_id

    async def write(prepared: Stored | None) -> Task:
        return await store.write(save_task("k", None, replace(change, prepared=prepared)))

    return await LargeLists(store).save(Listed(store, numbers), None, None, find, write)


async def begin(store: Store, numbers: Sequence[Number] = BEFORE) -> int:
    """The task that there is."""
    return (await store.write(save_task("k", None, replace(CHANGE, numbers=numbers)))).task_id


def phones(numbers: Sequence[Number]) -> list[tuple[object, ...]]:
    return sorted((one.phone_id,) for one in numbers)


def told(store: Store, rows: Sequence[Any]) -> list[tuple[Any, ...]]:
    names = ("phone_id", "params", "client_id", "due_us", "until_us", "held", "state", "result")
    return sorted(tuple(str(getattr(row, name)) for name in names) for row in rows)


async def rows_of(store: Store, task_id: int) -> list[tuple[Any, ...]]:
    return told(store, await store.read(partial(fetch_task_results, task_id=task_id)))


async def as_a_small_one(folder: Path) -> list[tuple[Any, ...]]:
    small = await Store.open(url_of(folder / "small.db"))
    try:
        return await rows_of(small, await begin(small, BEFORE) and await begin(small, AFTER))
    finally:
        await small.close()


async def call(store: Store, task_id: int, place: int, verdict: Verdict | None = TALKED) -> int:
    """A number of the task is dialled, and has its result."""
    order = await first_order(store, task_id)
    found = await store.read(partial(fetch_task_results, task_id=task_id))
    attempt_id: int = next(row.id for row in found if row.phone_id == number(place).phone_id)
    await store.write(mark_spooled(replace(order, attempt_id=attempt_id)))
    assert await store.write(claim_attempt(attempt_id, f"call-{attempt_id}", ""))
    if verdict is not None:
        ended = Attempt(attempt_id, task_id, InnerNumType.EXTEN, AttemptState.ENDED, verdict=verdict)
        await store.write(save_result(ended))
    return attempt_id


async def test_calls_are_claimed_and_end_between_the_parts_of_a_list(store: Between, database: Path) -> None:
    task_id = await begin(store)
    seen: list[tuple[object, ...]] = []

    async def amid() -> None:
        await call(store, task_id, 7)
        seen.extend(ask(database, PHONES))
        assert ask(database, "SELECT key FROM meta WHERE key LIKE 'joining:%'")

    store.amid = amid
    await post(store, AFTER)
    assert phones(BEFORE) != seen != phones(AFTER)
    assert ask(database, PHONES) == phones(AFTER)
    assert ask(database, f"SELECT result FROM attempt WHERE phone_id = '{number(7).phone_id}'") == [  # noqa: S608
        ("SUCCESS_CLIENT_H",)
    ]
    assert ask(database, OF_LISTS) == []


async def test_wherever_the_daemon_ends_a_list_is_stored_whole_or_not_at_all(tmp_path: Path, store: Between) -> None:
    expected, done = await as_a_small_one(tmp_path), set()
    for dies_at in range(1, 60):
        database = tmp_path / f"{dies_at}.db"
        dying = await Between.open(url_of(database))
        assert isinstance(dying, Between)
        task_id = await begin(dying)
        before = await rows_of(dying, task_id)
        dying.writes, dying.dies_at = 0, dies_at
        answered = False
        with suppress(StoreError):
            await post(dying, AFTER, replace(CHANGE, name="new"))
            answered = True
        was_whole = dying.writes < dies_at
        await dying.close()
        after = await Store.open(url_of(database))
        try:
            await LargeLists(after).finish_left(earlier=True)
            rows = await rows_of(after, task_id)
        finally:
            await after.close()
        is_new = ask(database, "SELECT name FROM task") == [("new",)]
        assert is_new == answered
        assert rows == (expected if is_new else before), dies_at
        assert ask(database, OF_LISTS) == []
        done.add(is_new)
        if was_whole:
            break
    assert done == {False, True}
    assert was_whole


async def test_what_was_left_of_a_list_is_done_later_by_the_same_daemon(store: Between, database: Path) -> None:
    await begin(store)
    lists = LargeLists(store)

    async def amid() -> None:
        store.dies_at = store.writes + 1

    store.amid = amid
    await post(store, AFTER)
    assert ask(database, PHONES) != phones(AFTER)
    store.dies_at = 0
    await lists.finish_left(earlier=True)
    assert ask(database, PHONES) == phones(AFTER)


@pytest.mark.parametrize("after", [1, 3, 6, 9])
async def test_a_list_that_others_post_amid_another_takes_its_place(store: Between, database: Path, after: int) -> None:
    third = [number(2), number(5), number(31), number(60)]
    await begin(store)

    async def amid() -> None:
        await begin(store, third)

    store.amid, store.after = amid, after
    await post(store, AFTER)
    assert ask(database, PHONES) == phones(third)
    assert ask(database, OF_LISTS) == []


async def test_numbers_that_others_add_amid_a_list_stay(store: Between, database: Path) -> None:
    task_id = await begin(store)
    added = [number(3), number(34), number(61)]

    async def amid() -> None:
        assert await store.write(add_numbers(task_id, added)) is not None

    store.amid = amid
    await post(store, AFTER)
    assert ask(database, PHONES) == phones([*AFTER, number(3), number(61)])
    assert ask(database, OF_LISTS) == []


async def test_a_task_that_is_deleted_amid_a_list_leaves_nothing(store: Between, database: Path) -> None:
    task_id = await begin(store)

    async def amid() -> None:
        assert await store.write(delete_task(task_id))

    store.amid = amid
    await post(store, AFTER)
    assert ask(database, PHONES) == ask(database, OF_LISTS) == []


async def test_a_task_is_not_over_before_its_list_is_joined_whole(store: Between) -> None:
    task_id = await begin(store, BEFORE[:2])
    told: list[str] = []
    store.listen(QUEUE_TOPIC, told.append)

    async def amid() -> None:
        assert not await store.write(close_task_if_done(task_id))
        told.clear()

    store.amid = amid
    await post(store, [number(70)], replace(CHANGE, state=TaskState.OPEN))
    assert told[-1:] == [str(task_id)]
    await call(store, task_id, 70)
    assert await store.write(close_task_if_done(task_id))


async def test_the_results_of_calls_that_end_amid_a_list_stay(store: Between, database: Path) -> None:
    task_id = await begin(store)

    async def amid() -> None:
        await call(store, task_id, 3, Verdict(Outcome.FAIL, "SIP 486 Busy Here"))

    store.amid = amid
    await post(store, AFTER, replace(CHANGE, rules={"max_attempts": 3, "try_interval_s": 60}))
    assert ask(database, PHONES) == phones([*AFTER, number(3)])
    assert ask(database, "SELECT phone_id, attempt_number FROM attempt WHERE closed_us IS NOT NULL") == [
        (number(3).phone_id, 1)
    ]


async def test_who_is_reached_amid_a_list_is_not_called_on_another_number_of_it(store: Between, database: Path) -> None:
    task_id = await begin(store, BEFORE[:1])
    new = [number(50, "c"), number(51), number(52), number(53), number(54, "c"), number(55, "d")]

    async def amid() -> None:
        await call(store, task_id, 50)

    store.amid, store.after = amid, 2  # one drops
    await post(store, new)
    found = ask(database, "SELECT phone_id, result FROM attempt WHERE result IS NOT NULL ORDER BY phone_id")
    assert found == [
        (number(50).phone_id, "SUCCESS_CLIENT_H"),
        (number(54).phone_id, "SUCCESS_ANOTHER_PHONE"),
    ]


async def test_of_a_client_whose_number_fails_amid_a_list_the_next_one_is_dialled(
    store: Between, database: Path
) -> None:
    task_id = await begin(store, BEFORE[:1])
    new = [number(50, "c"), number(51), number(52), number(53), number(54, "c"), number(55, "c")]

    async def amid() -> None:
        await call(store, task_id, 50, Verdict(Outcome.FAIL, "SIP 404 Not Found"))

    store.amid, store.after = amid, 2
    await post(store, new)
    assert ask(database, "SELECT phone_id, held FROM attempt WHERE client_id = 'c' AND closed_us IS NULL") == [
        (number(54).phone_id, 0),
        (number(55).phone_id, 1),
    ]


async def test_numbers_that_are_stopped_amid_a_list_are_not_dialled(store: Between, database: Path) -> None:
    await begin(store)

    async def amid() -> None:
        await store.write(add_stops([Stop(one.phone, one.phone_id) for one in (number(8), number(32))]))

    store.amid = amid
    await post(store, AFTER)
    assert ask(database, "SELECT phone_id FROM attempt WHERE cause = 'Stop list' ORDER BY phone_id") == [
        (number(8).phone_id,),
        (number(32).phone_id,),
    ]


async def test_a_call_in_progress_of_a_number_that_is_dropped_is_its_last(store: Between, database: Path) -> None:
    task_id = await begin(store)
    marked = f"SELECT unlisted FROM attempt WHERE phone_id = '{number(3).phone_id}'"  # noqa: S608
    await call(store, task_id, 3, None)
    await post(store, AFTER)
    assert ask(database, marked) == [(1,)]
    await post(store, [*AFTER, number(3)])
    assert ask(database, marked) == [(0,)]


async def test_a_list_whose_client_goes_away_is_stored_all_the_same(store: Between, database: Path) -> None:
    await begin(store)
    going = asyncio.Event()

    async def amid() -> None:
        going.set()
        await asyncio.Event().wait()

    store.amid = amid
    posting = asyncio.create_task(post(store, AFTER))
    await going.wait()
    posting.cancel()
    with suppress(asyncio.CancelledError):
        await posting
    assert ask(database, PHONES) != phones(AFTER)
    await LargeLists(store).finish_left(earlier=True)
    assert ask(database, PHONES) == phones(AFTER)


async def test_a_client_whose_list_was_not_joined_to_its_end_is_freed_by_the_same_list(
    tmp_path: Path, store: Between, database: Path
) -> None:
    await begin(store)

    async def amid() -> None:
        store.dies_at = store.writes + 1

    store.amid, store.after = amid, 9  # all parts are joined: what is missing is who may be called
    await post(store, AFTER)
    assert ask(database, PHONES) == phones(AFTER)
    assert ask(database, "SELECT min(held) FROM attempt WHERE client_id = 'a'") == [(1,)]
    store.dies_at = 0
    task = await post(store, AFTER)
    assert ask(database, OF_LISTS) == []
    assert await rows_of(store, task.task_id) == await as_a_small_one(tmp_path)


async def test_a_client_whose_number_is_tried_again_amid_the_comparison_has_one_that_is_not_finished(
    store: Between, database: Path
) -> None:
    task_id = await begin(store)
    span = await store.read(partial(fetch_span, task_id=task_id))
    ask(
        database,
        "INSERT INTO attempt (task_id, attempt_number, state, changed_us, phone_id, phone, client_id) "
        "SELECT task_id, 2, 'CreateTask', 2, phone_id, phone, client_id FROM attempt WHERE phone_id = '9520000000'",
    )
    found = Comparison({one.phone_id: listed_row(one) for one in AFTER})
    await store.read(partial(take_later, task_id=task_id, after_id=span.last_id, found=found))
    assert found.busy_clients == {"a"}
    assert found.dropped == ["9520000000"]


async def test_the_writer_is_as_before_when_a_list_cannot_be_joined_before_numbers_are_added(store: Between) -> None:
    def settings(tx: Transaction) -> tuple[Any, ...]:
        pragmas = ("cache_size", "wal_autocheckpoint")
        return tuple(tx.connection.exec_driver_sql(f"PRAGMA {one}").scalar() for one in pragmas)

    task_id = await begin(store)
    before = await store.write(settings)

    async def amid() -> None:
        store.dies_at = store.writes + 1

    store.amid = amid
    await post(store, AFTER)
    store.dies_at = 0
    lists = LargeLists(store)

    class Full(StoreError):
        """The disk."""

    write = store.write

    async def refuse(operation: Operation[T]) -> T:
        if "free_clients" in operation.__qualname__ or "end_joining" in operation.__qualname__:
            raise Full("full")
        return await write(operation)

    store.write = refuse  # type: ignore[method-assign]
    with pytest.raises(Full):
        async with lists.joined(task_id):
            pass
    assert await write(settings) == before
