"""A disk that is full, really, or fails: what was acknowledged stays, what failed left nothing, and it mends itself."""

import asyncio
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy.exc import InvalidRequestError

from dialer.store.attempts import claim_attempt, mark_spooled, save_result
from dialer.store.database import DatabaseRefusedError, Operation, Store, StoreError, Transaction
from dialer.store.tasks import TaskChange, change_task, fetch_tasks, save_task
from tests.rig.small_disk import SmallDisk
from tests.store.making import a_task, ask, beside, first_order, lost, new_task, url_of

FULL = "dialer.db failed: database or disk is full"
MANY = 100_000


@pytest_asyncio.fixture
async def disk(tmp_path: Path) -> AsyncIterator[SmallDisk]:
    with SmallDisk(tmp_path / "disk", 11) as mounted:
        yield mounted
        await mounted.free()


@pytest.fixture
def database(disk: SmallDisk) -> Path:
    return disk.folder / "dialer.db"


@pytest_asyncio.fixture
async def store(database: Path) -> AsyncIterator[Store]:
    opened = await Store.open(url_of(database))
    yield opened
    await opened.close()


def stamped_task(crm_id: str, count: int = 1) -> Operation[tuple[int, int]]:
    """Create a task; returns its id and time stamp."""
    save = save_task(crm_id, None, a_task(count))

    def operation(tx: Transaction) -> tuple[int, int]:
        return save(tx).task_id, tx.now_us

    return operation


async def outcomes_of(futures: list["asyncio.Future[tuple[int, int]]"]) -> dict[int, tuple[int, int] | Exception]:
    results = await asyncio.gather(*futures, return_exceptions=True)
    assert all(isinstance(result, tuple | StoreError) for result in results), results
    return {place: result for place, result in enumerate(results) if isinstance(result, tuple | Exception)}


async def until_full(store: Store, count: int = 500) -> dict[str, tuple[int, int]]:
    """Create tasks until the disk refuses one; returns those that were acknowledged."""
    kept: dict[str, tuple[int, int]] = {}
    with pytest.raises(StoreError, match=FULL):
        while True:
            crm_id = f"fill-{len(kept)}"
            kept[crm_id] = await store.write(stamped_task(crm_id, count))
    return kept


def assert_sound(
    database: Path, acknowledged: dict[str, tuple[int, int]], count: int, besides: str | None = None
) -> None:
    """Exactly what was acknowledged is there, whole; `besides` is a task that is not looked at."""
    rows = ask(database, "SELECT t.crm_id, t.id, t.changed_us, (SELECT count(*) FROM attempt WHERE task_id = t.id) "
                         "FROM task t ORDER BY t.id")  # fmt: skip
    assert [row for row in rows if row[0] != besides] == [
        (crm_id, *told, count) for crm_id, told in acknowledged.items()
    ]
    stamps = [stamp for _, stamp in acknowledged.values()]
    assert stamps == sorted(stamps)
    assert ask(database, "PRAGMA integrity_check") == [("ok",)]


async def test_on_a_full_disk_writes_fail_reads_go_on_and_room_is_all_it_takes(
    store: Store, disk: SmallDisk, database: Path
) -> None:
    acknowledged = {"first": await store.write(stamped_task("first", 50))}
    disk.fill()
    acknowledged |= await until_full(store, 50)
    with pytest.raises(StoreError, match=FULL):
        await store.write(stamped_task("refused", 50))
    assert len(await store.read(lambda connection: fetch_tasks(connection, None, 0, 1000))) == len(acknowledged)
    await disk.free()
    for place in range(3):
        acknowledged[f"later-{place}"] = await store.write(stamped_task(f"later-{place}", 50))
    assert_sound(database, acknowledged, 50)
    await store.close()
    again = await Store.open(url_of(database))
    acknowledged["last"] = await again.write(stamped_task("last", 50))
    await again.close()
    assert_sound(database, acknowledged, 50)


async def test_on_a_full_disk_reads_go_on_also_when_the_writer_has_to_connect_anew(
    store: Store, disk: SmallDisk
) -> None:
    task_id = await new_task(store)
    disk.fill()

    def leave_guesses(tx: Transaction) -> None:
        raise InvalidRequestError(f"as of a connection that is not what {tx} thinks")

    for _ in range(3):
        with pytest.raises(StoreError):
            await store.write(leave_guesses)
        assert [task.task_id for task in await store.read(lambda c: fetch_tasks(c, None, 0, 10))] == [task_id]


async def test_a_list_that_does_not_fit_leaves_nothing_and_takes_nobody_along(store: Store, database: Path) -> None:
    """It fails after thousands of rows, when SQLite has begun to write and rolls back by itself."""
    before = [store.submit(stamped_task(f"before-{place}")) for place in range(5)]
    large = store.submit(stamped_task("large", MANY))
    after = [store.submit(stamped_task(f"after-{place}")) for place in range(5)]
    with pytest.raises(StoreError, match=FULL):
        await large
    told = await asyncio.gather(*before, *after)
    names = [f"{when}-{place}" for when in ("before", "after") for place in range(5)]
    assert_sound(database, dict(zip(names, told, strict=True)), 1)


async def test_a_disk_that_fills_in_the_middle_of_a_list_leaves_nothing_of_it(
    store: Store, disk: SmallDisk, database: Path
) -> None:
    acknowledged = {"first": await store.write(stamped_task("first"))}

    def fill_in_the_middle(tx: Transaction) -> None:
        save_task("half", None, a_task(20_000))(tx)
        assert beside(database, "wal").stat().st_size > 100_000
        disk.fill()
        save_task("other half", None, a_task(20_000))(tx)

    with pytest.raises(StoreError, match=FULL):
        await store.write(fill_in_the_middle)
    await disk.free()
    acknowledged["later"] = await store.write(stamped_task("later"))
    assert_sound(database, acknowledged, 1)


async def test_operations_of_one_group_keep_their_order_on_a_full_disk(
    store: Store, disk: SmallDisk, database: Path
) -> None:
    """Those that found room did so in the order they were asked for, with ids and time stamps that count up."""
    disk.fill()
    futures = [store.submit(stamped_task(f"group-{place}", 200)) for place in range(256)]
    outcomes = await outcomes_of(futures)
    await disk.free()
    futures = [store.submit(stamped_task(f"group-{place}", 200)) for place in range(256, 266)]
    outcomes |= {place + 256: outcome for place, outcome in (await outcomes_of(futures)).items()}
    kept = {f"group-{place}": outcome for place, outcome in outcomes.items() if isinstance(outcome, tuple)}
    assert 10 <= len(kept) < 266
    assert_sound(database, kept, 200)


async def test_a_checkpoint_that_finds_no_room_costs_nothing(store: Store, disk: SmallDisk, database: Path) -> None:
    """The log has room from earlier, the database file cannot grow: commits go on, the log is emptied later."""
    await store.write(stamped_task("long", 32_000))
    checkpointed = database.stat().st_size
    assert checkpointed > 3_000_000
    disk.fill()
    fitting = await until_full(store, 500)
    assert len(fitting) > 5
    assert database.stat().st_size == checkpointed
    await disk.free()
    assert ask(database, "PRAGMA wal_checkpoint(TRUNCATE)") == [(0, 0, 0)]
    assert database.stat().st_size > checkpointed
    fitting["later"] = await store.write(stamped_task("later", 500))
    assert_sound(database, fitting, 500, besides="long")


async def test_a_store_closed_on_a_full_disk_has_everything_when_there_is_room(
    store: Store, disk: SmallDisk, database: Path
) -> None:
    await store.write(stamped_task("long", 15_000))
    disk.fill()
    fitting = await until_full(store, 500)
    await store.close()
    await disk.free()
    again = await Store.open(url_of(database))
    tasks = await again.read(lambda connection: fetch_tasks(connection, None, 0, 1000))
    await again.close()
    assert [task.crm_id for task in tasks] == ["long", *fitting]


async def test_a_call_goes_on_where_the_full_disk_stopped_it(store: Store, disk: SmallDisk) -> None:
    task_id = await new_task(store)
    order = await first_order(store, task_id)
    await store.write(mark_spooled(order))
    disk.fill()
    await until_full(store, 50)
    with pytest.raises(StoreError, match=FULL):
        await store.write(claim_attempt(order.attempt_id, "", ""))
    await disk.free()
    assert await store.write(claim_attempt(order.attempt_id, "", "")) is True
    assert await store.write(claim_attempt(order.attempt_id, "", "")) is False
    await store.write(save_result(lost(order)))


async def test_opening_on_a_full_disk_says_that_it_is_full(disk: SmallDisk, database: Path) -> None:
    store = await Store.open(url_of(database))
    task_id = await new_task(store)
    await store.close()
    disk.fill()
    for path in (database, disk.folder / "new.db"):
        with pytest.raises(StoreError, match=f"{path.name} failed: .*disk is full") as told:
            await Store.open(url_of(path))
        assert not isinstance(told.value, DatabaseRefusedError)
    await disk.free()
    for path in (database, disk.folder / "new.db"):
        store = await Store.open(url_of(path))
        assert await new_task(store) >= task_id
        await store.close()


@contextmanager
def no_file_grows_beyond(size: int) -> Iterator[None]:
    """Writes behind `size` fail with EFBIG, which SQLite takes for a broken disk (3.40 os_unix.c unixWrite)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("count", [500, 20_000], ids=["at the commit", "in the middle of a list"])
async def test_an_input_output_error_is_told_and_survived(store: Store, database: Path, count: int) -> None:
    acknowledged = {"first": await store.write(stamped_task("first"))}
    with no_file_grows_beyond(beside(database, "wal").stat().st_size):
        futures = [store.submit(stamped_task(f"failed-{place}", count)) for place in range(3)]
        for outcome in (await outcomes_of(futures)).values():
            assert isinstance(outcome, StoreError)
            assert "disk I/O error (SQLITE_IOERR_WRITE)" in str(outcome)
        assert len(await store.read(lambda connection: fetch_tasks(connection, None, 0, 10))) == 1
    acknowledged["later"] = await store.write(stamped_task("later"))
    assert_sound(database, acknowledged, 1)


async def test_what_is_asked_of_a_closed_store_fails_at_once(store: Store) -> None:
    task_id = await new_task(store)
    await store.close()
    with pytest.raises(StoreError, match="is closed"):
        await store.write(change_task(task_id, None, TaskChange(name="too late")))
