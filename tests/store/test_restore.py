"""A backup in the place of the database: definitions come back, what was done since does not."""

import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.model.access import Role
from dialer.model.attempt import Attempt, AttemptEvent, AttemptState, CallLost, LegEnded, apply_event
from dialer.model.audit import Author
from dialer.model.records import OutRecord
from dialer.model.task import InnerNumType, Number, TaskState
from dialer.store import access
from dialer.store.attempts import claim_attempt, mark_spooled, save_answer, save_result
from dialer.store.backup import back_up, look_at
from dialer.store.database import DatabaseRefusedError, Store
from dialer.store.events import fetch_events, mark_delivered
from dialer.store.finishing import close_by_signal
from dialer.store.joining import NotedList, dropped_part, end_joining, join, new_part, note
from dialer.store.list_rows import listed_row, row_blocks
from dialer.store.lists import fetch_stamp
from dialer.store.queue import fetch_new
from dialer.store.restore import LOST, Restoration, Restored, Since
from dialer.store.schema import SCHEMA_VERSION
from dialer.store.staging import fetch_staged, note_staged, unstage
from dialer.store.stop_list import Stop, add_stops
from dialer.store.tasks import TaskChange, add_numbers, change_task, delete_task, fetch_open_tasks, save_task
from dialer.store.users import save_user
from tests.store.making import a_task, ask, beside, first_order, new_task, numbers, url_of
from tests.store.test_migrations import VERSIONS
from tests.store.test_migrations import restore as make_old

AUTHOR = Author("command:somebody")
LOST_CALL = CallLost()
BUSY = LegEnded(OutRecord("BUSY", 17, (486,), subscriber_hung_up=False))
OPEN = "SELECT phone, state, result FROM attempt WHERE closed_us IS NULL ORDER BY id"


@asynccontextmanager
async def opened(database: Path) -> AsyncIterator[Store]:
    store = await Store.open(url_of(database))
    try:
        yield store
    finally:
        await store.close()


async def spool(store: Store, task_id: int) -> int:
    """The call file of the task's next number is written."""
    order = await first_order(store, task_id)
    await store.write(mark_spooled(order))
    return order.attempt_id


async def dial(store: Store, task_id: int) -> int:
    """The task's next number is dialled."""
    attempt_id = await spool(store, task_id)
    assert await store.write(claim_attempt(attempt_id, f"call-{attempt_id}", ""))
    return attempt_id


async def end(store: Store, task_id: int, attempt_id: int, answer: str, event: AttemptEvent = LOST_CALL) -> None:
    """A call that was begun is over, an answer given in it."""
    dialled = Attempt(attempt_id, task_id, InnerNumType.EXTEN, AttemptState.DIALLING)
    await store.write(save_answer(attempt_id, 1, "1", answer, "1"))
    await store.write(save_result(apply_event(dialled, event)))


async def call(store: Store, task_id: int) -> int:
    """The task's next number is dialled, answers a question, and has its result."""
    attempt_id = await dial(store, task_id)
    await end(store, task_id, attempt_id, "да")
    return attempt_id


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "dialer.db"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "backup.db"


async def resumed(database: Path, task_id: int) -> list[str]:
    """The task goes on; the telephones that it would dial."""
    async with opened(database) as store:
        await store.write(change_task(task_id, None, TaskChange(state=TaskState.OPEN)))
        queued = await store.read(lambda connection: fetch_new(connection, task_id, "", 0, 100))
        return [one.phone for one in queued]


def last_ids(database: Path) -> dict[str, int]:
    return {str(name): int(str(seq)) for name, seq in ask(database, "SELECT name, seq FROM sqlite_sequence")}


async def restored(database: Path, file: Path) -> Restored:
    restoration = Restoration(database, file, AUTHOR)
    told = await restoration.prepare()
    told.kept_as = restoration.swap()
    return told


async def test_a_backup_is_one_file_that_only_its_owner_reads(database: Path, file: Path) -> None:
    async with opened(database) as store:
        task_id = await new_task(store, 3)
        await call(store, task_id)
        facts = back_up(database, file)
        assert (facts.version, facts.tasks, facts.attempts) == (SCHEMA_VERSION, 1, 3)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert sorted(path.name for path in file.parent.glob("*backup*")) == ["backup.db"]
        await call(store, task_id)
    assert len(ask(file, OPEN)) == 2
    assert look_at(file) == facts


async def test_a_backup_that_fails_leaves_the_one_before(database: Path, file: Path) -> None:
    file.write_text("the one before")
    database.write_bytes(b"no database at all" * 100)
    with pytest.raises(DatabaseRefusedError, match="is damaged or not a database"):
        back_up(database, file)
    assert file.read_text() == "the one before"
    assert [path.name for path in file.parent.iterdir() if "part" in path.name] == []


async def test_numbers_dialled_since_the_backup_keep_their_results(database: Path, file: Path) -> None:
    async with opened(database) as store:
        task_id = await new_task(store, 4)
        amid = await dial(store, task_id)
        back_up(database, file)
        await end(store, task_id, amid, "нет")
        await call(store, task_id)
    before = ask(database, "SELECT * FROM attempt WHERE closed_us IS NOT NULL ORDER BY id")
    answers = ask(database, "SELECT * FROM answer ORDER BY id")
    told = await restored(database, file)
    assert (told.taken_over, told.lost, told.in_progress, told.unreadable) == (2, 0, 0, "")
    assert ask(database, "SELECT * FROM attempt WHERE closed_us IS NOT NULL ORDER BY id") == before
    assert ask(database, "SELECT * FROM answer ORDER BY id") == answers
    assert [row[:2] for row in ask(database, OPEN)] == [("79520000002", "CreateTask"), ("79520000003", "CreateTask")]


async def test_calls_in_progress_stay_so_and_are_never_given_back_to_the_queue(database: Path, file: Path) -> None:
    """The daemon compares them with Asterisk when it starts, as after a crash."""
    async with opened(database) as store:
        task_id = await new_task(store, 3)
        back_up(database, file)
        attempt_id = await dial(store, task_id)
    told = await restored(database, file)
    assert told.in_progress == 1
    assert (attempt_id, "afterDialOut", f"call-{attempt_id}") in ask(
        database, "SELECT id, state, linked_id FROM attempt"
    )


async def test_every_open_task_comes_back_paused(database: Path, file: Path) -> None:
    async with opened(database) as store:
        opened_id, closed_id = await new_task(store), await new_task(store)
        await store.write(change_task(opened_id, None, TaskChange(name="Обзвон")))
        await store.write(change_task(closed_id, None, TaskChange(state=TaskState.CLOSED)))
        back_up(database, file)
    told = await restored(database, file)
    assert told.paused == [(opened_id, "Обзвон")]
    assert ask(database, "SELECT id, state FROM task ORDER BY id") == [(opened_id, 2), (closed_id, 1)]


async def test_a_deleted_task_comes_back_and_calls_nobody_twice(database: Path, file: Path) -> None:
    """Who was dialled before it was deleted is not known: its numbers end as lost, also one that had a call file."""
    async with opened(database) as store:
        old_id = await new_task(store, 3)
        await spool(store, old_id)
        back_up(database, file)
        await call(store, old_id)
        assert await store.write(delete_task(old_id))
        new_id = await new_task(store)
    told = await restored(database, file)
    assert (told.since, told.gone, told.unlisted, told.lost) == (Since.KNOWN, [(new_id, "")], 3, 0)
    assert ask(database, "SELECT id, state FROM task") == [(old_id, 2)]
    assert ask(database, "SELECT DISTINCT state, result, cause FROM attempt") == [("failedOriginate", "FAIL", LOST)]
    assert await resumed(database, old_id) == []
    assert told.kept_as is not None
    assert ask(told.kept_as, "SELECT id FROM task") == [(new_id,)]


async def test_numbers_that_were_dialled_and_taken_off_the_list_are_not_dialled_again(
    database: Path, file: Path
) -> None:
    """As CRMs do that post their lists anew without those that are done. Their receiver has the true results."""
    async with opened(database) as store:
        told_task = replace(a_task(4), notify_url="https://crm.example/hook")
        task_id = (await store.write(save_task("list", None, told_task))).task_id
        amid = await dial(store, task_id)
        back_up(database, file)
        await end(store, task_id, amid, "да")
        await call(store, task_id)
        for waiting in await store.read(lambda connection: fetch_events(connection, dead=False, after_id=0, limit=9)):
            await store.write(mark_delivered(waiting.row_id))
        await store.write(save_task("list", None, replace(told_task, numbers=numbers(4)[2:])))
    told = await restored(database, file)
    assert (told.unlisted, told.in_progress) == (1, 1)
    assert await resumed(database, task_id) == ["79520000002", "79520000003"]
    assert ask(database, "SELECT phone FROM attempt WHERE state = 'afterDialOut'") == [("79520000000",)]
    assert ask(database, "SELECT * FROM event") == []


async def test_a_number_that_is_in_its_list_anew_is_as_the_replaced_database_has_it(database: Path, file: Path) -> None:
    async with opened(database) as store:
        task_id = (await store.write(save_task("list", None, a_task(2)))).task_id
        first = await call(store, task_id)
        back_up(database, file)
        await store.write(save_task("list", None, replace(a_task(), numbers=[])))
        await store.write(save_task("list", None, a_task(2)))
        second = await call(store, task_id)
    before = ask(database, "SELECT * FROM attempt ORDER BY id")
    answers = ask(database, "SELECT * FROM answer")
    assert first < second
    assert (await restored(database, file)).taken_over == 2
    assert ask(database, "SELECT * FROM attempt ORDER BY id") == before
    assert ask(database, "SELECT * FROM answer") == answers
    assert await resumed(database, task_id) == ["79520000001"]


async def test_a_restore_can_be_taken_back(database: Path, file: Path) -> None:
    """By the database that it kept: tasks that it left out wait as they did, and what was done meanwhile stays so."""
    async with opened(database) as store:
        old_id = await new_task(store, 3)
        back_up(database, file)
        await call(store, old_id)
        new_id = (await store.write(save_task("new", None, TaskChange(
            inner_num="201", numbers=[Number(f"7953000000{place}", f"953000000{place}") for place in range(3)],
        )))).task_id  # fmt: skip
        await call(store, new_id)
    kept = (await restored(database, file)).kept_as
    assert kept is not None
    await resumed(database, old_id)
    async with opened(database) as store:
        await call(store, old_id)
    told = await restored(database, kept)
    assert (told.since, told.unlisted) == (Since.KNOWN, 0)
    assert await resumed(database, old_id) == ["79520000002"]
    assert await resumed(database, new_id) == ["79530000001", "79530000002"]
    assert len(ask(database, "SELECT id FROM answer")) == 3


async def test_what_forbids_calls_and_access_stays_forbidden(database: Path, file: Path) -> None:
    async with opened(database) as store:
        task_id = await new_task(store, 3)
        await store.write(access.save_key("revoked", Role.ADMIN, "secret-1"))
        back_up(database, file)
        await store.write(access.delete_key("revoked"))
        await store.write(access.save_key("newer", Role.OPERATOR, "secret-2"))
        await store.write(add_stops([Stop("79520000001", "9520000001", "просил")]))
        await store.write(close_by_signal("9520000002", task_id))
    await restored(database, file)
    assert ask(database, "SELECT name FROM api_key") == [("newer",)]
    assert ask(database, "SELECT phone_id FROM stop_number") == [("9520000001",)]
    assert [row[0] for row in ask(database, "SELECT phone FROM attempt WHERE result IS NOT NULL")] == ["79520000002"]
    assert ask(database, "SELECT who, action FROM audit") == [("command:somebody", "database.restore")]


async def test_further_attempts_that_wait_go_on_waiting(database: Path, file: Path) -> None:
    async with opened(database) as store:
        change = TaskChange(
            inner_num="201", numbers=[Number("79520000000", "9520000000")],
            rules={"max_attempts": 3, "try_interval_s": 600},
        )  # fmt: skip
        task_id = (await store.write(save_task(None, None, change))).task_id
        back_up(database, file)
        await end(store, task_id, await dial(store, task_id), "-", BUSY)
    before = ask(database, "SELECT id, attempt_number, due_us FROM attempt ORDER BY id")
    assert len(before) == 2
    await restored(database, file)
    assert ask(database, "SELECT id, attempt_number, due_us FROM attempt ORDER BY id") == before


async def test_no_id_is_given_twice(database: Path, file: Path) -> None:
    async with opened(database) as store:
        await new_task(store, 2)
        back_up(database, file)
        last_task = await new_task(store, 2)
    (last_attempt,) = ask(database, "SELECT max(id) FROM attempt")[0]
    await restored(database, file)
    async with opened(database) as store:
        assert await new_task(store, 1) > last_task
    assert int(str(ask(database, "SELECT max(id) FROM attempt")[0][0])) > int(str(last_attempt))


async def test_without_the_replaced_database_what_may_have_been_dialled_counts_as_dialled(
    database: Path, file: Path
) -> None:
    async with opened(database) as store:
        task_id = await new_task(store, 3)
        dialled = await dial(store, task_id)
        spooled = await spool(store, task_id)
        back_up(database, file)
    database.unlink()
    told = await restored(database, file)
    assert (told.since, told.lost, told.in_progress, told.kept_as) == (Since.MISSING, 1, 1, None)
    rows = ask(database, "SELECT id, state, cause FROM attempt")
    assert {(spooled, "failedOriginate", LOST), (dialled, "afterDialOut", None)} < set(rows)
    async with opened(database) as store:
        assert await new_task(store) > task_id + 1000


async def test_a_database_that_was_made_anew_tells_nothing_of_the_time_since_the_backup(
    database: Path, file: Path
) -> None:
    """The disk was lost, the daemon was started, and made an empty database. What forbids calls is taken from there."""
    async with opened(database) as store:
        task_id = await new_task(store, 3)
        dialled, spooled = await dial(store, task_id), await spool(store, task_id)
        await store.write(access.save_key("crm", Role.OPERATOR, "secret-1"))
        await store.write(save_user("anna", Role.ADMIN, "hash"))
        await store.write(access.start_session("token", "anna", "mark", "192.0.2.1"))
        back_up(database, file)
    before = last_ids(database)
    database.unlink()
    async with opened(database) as store:
        await store.write(add_stops([Stop("79520000002", "9520000002", "просил")]))
        anew = await new_task(store)
    told = await restored(database, file)
    assert (told.since, told.taken_over, told.gone) == (Since.FOREIGN, 0, [(anew, "")])
    assert (told.lost, told.in_progress, [one for one, _ in told.paused]) == (1, 1, [task_id])
    assert (told.keys, told.users) == (["crm"], ["anna"])
    rows = ask(database, "SELECT id, state, cause FROM attempt")
    assert {(spooled, "failedOriginate", LOST), (dialled, "afterDialOut", None)} < set(rows)
    assert ask(database, "SELECT * FROM session") == []
    assert ask(database, "SELECT phone_id FROM stop_number") == [("9520000002",)]
    after = last_ids(database)
    assert {"event", "client", "receipt"} < set(after) - set(before)  # also where nothing had got an id
    assert all(after[table] - before.get(table, 0) >= 10_000 for table in after)


async def test_without_the_replaced_database_no_id_is_given_again_though_the_backup_has_none(
    database: Path, file: Path
) -> None:
    async with opened(database):
        back_up(database, file)
    database.unlink()
    await restored(database, file)
    async with opened(database) as store:
        order = await first_order(store, await new_task(store))
    assert order.attempt_id > 10_000_000


async def test_rows_of_another_database_with_the_same_ids_are_nobody_s_results(database: Path, file: Path) -> None:
    """The same ids, ids of the CRM and numbers by chance, as a CRM makes them that posts its list to a new machine."""
    async with opened(database) as store:
        task = await store.write(save_task("list", None, a_task(3)))
        await call(store, task.task_id)
        back_up(database, file)
    for ending in ("", "-wal", "-shm"):
        database.with_name(f"{database.name}{ending}").unlink(missing_ok=True)
    async with opened(database) as store:
        others = TaskChange(inner_num="201", numbers=list(reversed(numbers(3))))
        assert (await store.write(save_task("list", None, others))).task_id == task.task_id
        await call(store, task.task_id)
        await call(store, task.task_id)
    told = await restored(database, file)
    assert (told.since, told.taken_over) == (Since.FOREIGN, 0)
    asked = "SELECT id, phone, state, result, linked_id FROM attempt ORDER BY id"
    assert ask(database, asked) == ask(file, asked)
    assert ask(database, "SELECT * FROM answer") == ask(file, "SELECT * FROM answer")


async def test_copies_that_both_went_on_are_refused_when_they_contradict(database: Path, file: Path) -> None:
    async with opened(database) as store:
        task_id = (await store.write(save_task("list", None, a_task(1)))).task_id
        back_up(database, file)
    async with opened(file) as store:  # used as a database, by hand
        await store.write(add_numbers(task_id, [Number("79530000009", "9530000009")]))
    async with opened(database) as store:
        await store.write(add_numbers(task_id, [Number("79530000000", "9530000000")]))
        await call(store, task_id)
        await call(store, task_id)
    before = ask(database, "SELECT * FROM attempt")
    with pytest.raises(DatabaseRefusedError, match=r"contradict each other: .*; nothing was changed"):
        await restored(database, file)
    assert ask(database, "SELECT * FROM attempt") == before


async def test_a_better_backup_found_after_a_restore_without_the_database_calls_nobody_twice(
    database: Path, file: Path
) -> None:
    """What was done after the first restore is taken over; what the lost database did then, nobody knows."""
    better = file.with_name("better.db")
    async with opened(database) as store:
        task_id = await new_task(store, 5)
        back_up(database, file)
        await call(store, task_id)
        later_id = await new_task(store, 1)
        back_up(database, better)
    database.unlink()
    await restored(database, file)
    await resumed(database, task_id)
    async with opened(database) as store:
        await call(store, task_id)  # again: that it was dialled is lost
        await call(store, task_id)
        again = await dial(store, task_id)
    told = await restored(database, better)
    assert (told.since, told.in_progress, told.unlisted) == (Since.PARTLY, 1, 0)
    assert ask(database, "SELECT id FROM attempt WHERE state = 'afterDialOut'") == [(again,)]
    assert await resumed(database, task_id) == ["79520000003", "79520000004"]
    assert await resumed(database, later_id) == ["79520000000"]
    assert len(ask(database, "SELECT id FROM answer")) == 2


async def test_a_damaged_database_is_kept_with_its_log_and_its_trouble_is_told(database: Path, file: Path) -> None:
    async with opened(database) as store:
        await new_task(store, 3)
        back_up(database, file)
    database.write_bytes(b"\0" * 50_000)
    beside(database, "wal").write_bytes(b"what is left")
    beside(database, "shm").write_bytes(b"\0" * 32_768)
    told = await restored(database, file)
    assert "damaged" in told.unreadable
    assert told.kept_as is not None
    assert told.kept_as.read_bytes() == b"\0" * 50_000
    assert beside(told.kept_as, "wal").read_bytes() == b"what is left"
    async with opened(database):
        pass
    names = {path.name for path in database.parent.iterdir()}
    assert names == {"dialer.db", "backup.db", told.kept_as.name, f"{told.kept_as.name}-wal"}


@pytest.mark.parametrize("content", [b"", b"junk" * 1000])
async def test_what_is_no_backup_changes_nothing(database: Path, file: Path, content: bytes) -> None:
    async with opened(database) as store:
        await new_task(store)
    file.write_bytes(content)
    before = database.read_bytes()
    with pytest.raises(DatabaseRefusedError):
        look_at(file)
    with pytest.raises(DatabaseRefusedError):
        await Restoration(database, file, AUTHOR).prepare()
    assert database.read_bytes() == before


async def test_a_backup_of_a_newer_version_is_refused(database: Path, file: Path) -> None:
    async with opened(database) as store:
        await new_task(store)
        back_up(database, file)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(DatabaseRefusedError, match="install the newer dialer"):
        look_at(file)


@pytest.mark.parametrize("version", [version for version in VERSIONS if version < SCHEMA_VERSION])
async def test_a_backup_of_an_earlier_version_is_upgraded(database: Path, tmp_path: Path, version: int) -> None:
    old, file = make_old(version, tmp_path / "old.db"), tmp_path / "backup.db"
    assert back_up(old, file).version == version
    tasks = ask(old, "SELECT count(*) FROM task")
    make_old(version, database)  # as before the upgrade: the replaced one may be old, too
    told = await restored(database, file)
    assert (told.since, told.unreadable) == (Since.KNOWN, "")
    assert ask(database, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert ask(database, "SELECT count(*) FROM task") == tasks


@pytest.mark.parametrize("version", [version for version in VERSIONS if version < SCHEMA_VERSION])
async def test_a_backup_from_before_the_upgrade_knows_its_database_by_its_rows(
    database: Path, tmp_path: Path, version: int
) -> None:
    file = tmp_path / "backup.db"
    back_up(make_old(version, database), file)
    async with opened(database) as store:
        task_id = (await store.read(fetch_open_tasks))[0].task_id
        attempt_id = await dial(store, task_id)
    told = await restored(database, file)
    assert told.since is Since.KNOWN
    assert ask(database, f"SELECT state, linked_id FROM attempt WHERE id = {attempt_id}") == [  # noqa: S608 - ours
        ("afterDialOut", f"call-{attempt_id}")
    ]
    back_up(database, tmp_path / "next.db")
    assert (await restored(database, tmp_path / "next.db")).since is Since.KNOWN


async def test_what_is_noted_of_lists_goes_with_their_rows(database: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    old = make_old(VERSIONS[0], database)
    async with opened(database) as store:
        task_id = (await store.read(fetch_open_tasks))[0].task_id
        await store.write(lambda tx: note_staged(tx.connection, 1))
    back_up(old, file)
    async with opened(database) as store:
        await store.write(unstage(1))
        await store.write(lambda tx: note_staged(tx.connection, task_id))
    assert (await restored(database, file)).since is Since.KNOWN
    async with opened(database) as store:
        assert await store.read(fetch_staged) == [1]


async def test_a_backup_of_another_machine_takes_nothing_over(database: Path, tmp_path: Path) -> None:
    """Tasks with the same ids by chance are others: their CRM ids differ."""
    other, file = tmp_path / "other.db", tmp_path / "backup.db"
    async with opened(other) as store:
        task = await store.write(save_task("other-1", None, a_task(2)))
        back_up(other, file)
    async with opened(database) as store:
        same_id = await new_task(store, 2)
        await call(store, same_id)
    assert same_id == task.task_id
    told = await restored(database, file)
    assert (told.taken_over, told.gone) == (0, [(same_id, "")])
    assert len(ask(database, OPEN)) == 2


@pytest.mark.parametrize("is_newer", [False, True])
async def test_a_list_amid_which_the_backup_was_taken_is_joined_and_calls_nobody_twice(
    database: Path, file: Path, is_newer: bool
) -> None:
    listed = numbers(6)
    async with opened(database) as store:
        task_id = (await store.write(save_task("list", None, a_task(3)))).task_id
        stamp = await store.read(lambda connection: fetch_stamp(connection, task_id))
        parts = [dropped_part([listed[0].phone_id])]
        parts += [new_part(block) for block in row_blocks(map(listed_row, listed[3:]), set())]
        await store.write(note("a", 0, parts))
        noted = NotedList("a", task_id, stamp, len(parts), 5, has_clients=False)
        await store.write(save_task("list", None, replace(a_task(), numbers=None, prepared=noted)))
        back_up(database, file)
        while await store.write(join(task_id, 1)):
            pass
        await store.write(end_joining(task_id))
        called = [await call(store, task_id), await call(store, task_id), await call(store, task_id)]
        if is_newer:  # the first of the new numbers was dialled, and is done
            await store.write(save_task("list", None, replace(a_task(), numbers=[listed[2], *listed[4:]])))
    told = await restored(database, file)
    assert (told.since, told.lost) == (Since.KNOWN, 0)
    assert told.unlisted == (2 if is_newer else 0)
    assert ask(database, "SELECT key FROM meta WHERE key LIKE 'joining:%' OR key LIKE 'list-part:%'") == []
    assert await resumed(database, task_id) == ["79520000004", "79520000005"]
    kept = [(one,) for one in called[1 if is_newer else 0 : 2 if is_newer else 3]]
    assert ask(database, "SELECT id FROM attempt WHERE result IS NOT NULL AND cause NOT LIKE 'Lost: the d%'") == kept
