"""Which files are opened, and what is said of the others."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dialer.commands.exits import NOT_NOW
from dialer.store import sqlite
from dialer.store.database import DatabaseRefusedError, Store
from dialer.store.schema import SCHEMA_VERSION
from dialer.store.tasks import fetch_task
from tests.rig.small_disk import SmallDisk
from tests.store.making import ask, beside, copy_as_a_crash_leaves_it, fetch_task_results, new_task, url_of

NOBODY = 65534
EXIT_BAD_DATABASE = 78
PAGE = 4096
IS_DUE = "SELECT 1 FROM meta WHERE key = 'check_due'"
SECONDS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 30000000) SELECT count(*) FROM n"
"""A statement that takes some."""


def make_newer(database: Path) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")


def make_foreign(database: Path) -> None:
    database.unlink()
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE accounts (id)")


def make_foreign_with_our_version(database: Path) -> None:
    make_foreign(database)
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version = 1")


def make_junk(database: Path) -> None:
    database.write_bytes("не база данных, но достаточно длинно".encode() * 200)


def truncate(database: Path) -> None:
    os.truncate(database, database.stat().st_size // PAGE // 2 * PAGE)


def make_a_folder(database: Path) -> None:
    database.unlink()
    database.mkdir()


SPOILT: list[tuple[Callable[[Path], None], str]] = [
    (make_newer, f"has schema version {SCHEMA_VERSION + 1}; .* install the newer dialer or give another"),
    (make_foreign, "is a database of some other program: give another"),
    (make_foreign_with_our_version, "is a database of some other program: give another"),
    (make_junk, "is damaged or not a database: file is not a database; .* put a backup in its place"),
    (truncate, "is damaged or not a database: database disk image is malformed; .* put a backup"),
    (make_a_folder, "is a folder: give a file"),
]


async def made(database: Path, count: int = 2000) -> Path:
    store = await Store.open(url_of(database))
    await new_task(store, count)
    await store.close()
    assert not beside(database, "wal").exists()
    return database


def put_garbage_into_the_middle(database: Path) -> None:
    size = database.stat().st_size
    with database.open("r+b") as file:
        file.seek(size // PAGE // 2 * PAGE)
        file.write(b"\xa5" * PAGE * 3)


@pytest.mark.parametrize(("spoil", "why"), SPOILT, ids=lambda value: getattr(value, "__name__", ""))
async def test_what_cannot_be_ours_is_refused_by_name_and_left_as_it_is(
    tmp_path: Path, spoil: Callable[[Path], None], why: str
) -> None:
    database = await made(tmp_path / "dialer.db")
    spoil(database)
    before = database.read_bytes() if database.is_file() else None
    with pytest.raises(DatabaseRefusedError, match=why) as refused:
        await Store.open(url_of(database))
    assert str(database) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert before == (database.read_bytes() if database.is_file() else None)
    assert {path.name for path in tmp_path.iterdir()} == {"dialer.db"}


async def test_an_empty_file_is_a_new_database(tmp_path: Path) -> None:
    (tmp_path / "dialer.db").touch()
    await made(tmp_path / "dialer.db")


async def test_garbage_after_an_unclean_end_is_found_at_the_start(tmp_path: Path) -> None:
    store = await Store.open(url_of(await made(tmp_path / "used.db")))
    await new_task(store)
    copy_as_a_crash_leaves_it(tmp_path / "used.db", tmp_path / "sound.db")
    copy_as_a_crash_leaves_it(tmp_path / "used.db", tmp_path / "hurt.db")
    await store.close()
    await (await Store.open(url_of(tmp_path / "sound.db"))).close()
    put_garbage_into_the_middle(tmp_path / "hurt.db")
    with pytest.raises(DatabaseRefusedError, match=r"hurt\.db is damaged"):
        await Store.open(url_of(tmp_path / "hurt.db"))


async def left_by_a_crash(*databases: Path) -> None:
    used = databases[0].with_name("used.db")
    store = await Store.open(url_of(await made(used)))
    await new_task(store)
    for database in databases:
        copy_as_a_crash_leaves_it(used, database)
    await store.close()


async def test_a_large_file_is_read_while_it_is_used_after_an_unclean_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await left_by_a_crash(tmp_path / "sound.db", tmp_path / "hurt.db")
    put_garbage_into_the_middle(tmp_path / "hurt.db")
    monkeypatch.setattr(sqlite, "CHECKED_FIRST_BYTES", 0)
    for name, trouble in (("sound.db", None), ("hurt.db", "hurt.db is damaged")):
        store = await Store.open(url_of(tmp_path / name), checks_later=True)
        assert store.trouble is None
        await store.check()
        assert store.trouble is trouble or str(trouble) in str(store.trouble)
        await store.close()


async def test_a_check_that_has_not_ended_is_due_after_a_clean_end_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await left_by_a_crash(tmp_path / "sound.db", tmp_path / "hurt.db")
    put_garbage_into_the_middle(tmp_path / "hurt.db")
    monkeypatch.setattr(sqlite, "CHECKED_FIRST_BYTES", 0)
    for name in ("sound.db", "hurt.db"):
        await (await Store.open(url_of(tmp_path / name), checks_later=True)).close()
        assert not beside(tmp_path / name, "wal").exists()
    for _ in range(2):  # damage that was found is found again
        store = await Store.open(url_of(tmp_path / "hurt.db"), checks_later=True)
        await store.check()
        assert "hurt.db is damaged" in str(store.trouble)
        await store.close()
    store = await Store.open(url_of(tmp_path / "sound.db"), checks_later=True)
    await store.check()
    await store.close()
    put_garbage_into_the_middle(tmp_path / "sound.db")
    store = await Store.open(url_of(tmp_path / "sound.db"), checks_later=True)
    await store.check()
    assert store.trouble is None  # was checked, and has had no unclean end since
    await store.close()


async def test_a_check_that_is_due_is_made_before_the_use_by_who_does_not_make_it_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await left_by_a_crash(tmp_path / "left.db")
    monkeypatch.setattr(sqlite, "CHECKED_FIRST_BYTES", 0)
    await (await Store.open(url_of(tmp_path / "left.db"), checks_later=True)).close()
    assert ask(tmp_path / "left.db", IS_DUE)
    await (await Store.open(url_of(tmp_path / "left.db"))).close()
    assert not ask(tmp_path / "left.db", IS_DUE)


async def test_a_check_that_cannot_be_noted_is_made_before_the_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await left_by_a_crash(tmp_path / "hurt.db")
    put_garbage_into_the_middle(tmp_path / "hurt.db")
    monkeypatch.setattr(sqlite, "CHECKED_FIRST_BYTES", 0)
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0)
    with closing(sqlite3.connect(tmp_path / "hurt.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseRefusedError, match=r"hurt\.db is damaged"):
            await Store.open(url_of(tmp_path / "hurt.db"), checks_later=True)


async def test_a_check_that_is_cancelled_before_its_statement_begins_ends_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, interrupted, ends = threading.Event(), threading.Event(), []

    def check_late(connection: sqlite3.Connection, path: Path) -> None:
        begun.set()
        interrupted.wait()
        try:
            connection.execute(SECONDS).fetchone()
        except sqlite3.OperationalError as error:
            ends.append(str(error))
            raise

    def interrupt(pages: sqlite.PageCheck) -> None:
        really_interrupt(pages)
        interrupted.set()

    really_interrupt = sqlite.PageCheck.interrupt
    await left_by_a_crash(tmp_path / "left.db")
    monkeypatch.setattr(sqlite, "CHECKED_FIRST_BYTES", 0)
    monkeypatch.setattr(sqlite, "_check_pages", check_late)
    monkeypatch.setattr(sqlite.PageCheck, "interrupt", interrupt)
    store = await Store.open(url_of(tmp_path / "left.db"), checks_later=True)
    checking = asyncio.create_task(store.check())
    await asyncio.to_thread(begun.wait)
    checking.cancel()
    await asyncio.gather(checking, return_exceptions=True)
    assert ends == ["interrupted"]
    assert store.trouble is None
    await store.close()
    assert ask(tmp_path / "left.db", IS_DUE)


async def test_a_check_that_cannot_begin_is_said_and_left_to_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> sqlite3.Connection:
        raise sqlite3.OperationalError("unable to open database file")

    await left_by_a_crash(tmp_path / "left.db")
    monkeypatch.setattr(sqlite, "CHECKED_FIRST_BYTES", 0)
    store = await Store.open(url_of(tmp_path / "left.db"), checks_later=True)
    with monkeypatch.context() as failing:
        failing.setattr(sqlite3, "connect", fail)
        await store.check()
    assert "not checked after its unclean end: " in caplog.text
    await store.close()
    assert ask(tmp_path / "left.db", IS_DUE)


async def test_garbage_found_while_running_is_told_as_such(tmp_path: Path) -> None:
    database = await made(tmp_path / "dialer.db")
    put_garbage_into_the_middle(database)
    store = await Store.open(url_of(database))
    with pytest.raises(DatabaseRefusedError, match="damaged"):
        await store.read(lambda connection: fetch_task_results(connection, 1_000_000_001))
    await store.close()


async def test_what_a_killed_process_has_committed_is_there_without_its_index(tmp_path: Path) -> None:
    store = await Store.open(url_of(tmp_path / "used.db"))
    task_id = await new_task(store, 10)
    copy_as_a_crash_leaves_it(tmp_path / "used.db", tmp_path / "copy.db")
    await store.close()
    again = await Store.open(url_of(tmp_path / "copy.db"))
    assert len(await again.read(lambda connection: fetch_task_results(connection, task_id))) == 10
    await again.close()


async def test_a_lost_write_ahead_log_is_noticed(tmp_path: Path) -> None:
    """What it held were the last commits: claims among them."""
    store = await Store.open(url_of(tmp_path / "used.db"))
    task_id = await new_task(store)
    shutil.copy(tmp_path / "used.db", tmp_path / "copy.db")
    shutil.copy(beside(tmp_path / "used.db", "shm"), beside(tmp_path / "copy.db", "shm"))
    await store.close()
    with pytest.raises(DatabaseRefusedError, match=r"has lost its copy.db-wal.* put it back.*remove copy.db-shm"):
        await Store.open(url_of(tmp_path / "copy.db"))
    beside(tmp_path / "copy.db", "shm").unlink()
    again = await Store.open(url_of(tmp_path / "copy.db"))
    assert await again.read(lambda connection: fetch_task(connection, task_id)) is None
    await again.close()


@pytest.fixture
def as_nobody() -> Iterator[Callable[[], Path]]:
    """Call it to become a user without rights; returns a folder that everybody can look into."""
    folder = Path(tempfile.mkdtemp(prefix="autodialer-test-"))
    folder.chmod(0o755)

    def become() -> Path:
        os.seteuid(NOBODY)
        return folder

    become.folder = folder  # type: ignore[attr-defined]
    yield become
    os.seteuid(0)
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("closed", "mode", "why"),
    [
        ("dialer.db", 0o600, "dialer.db cannot be read and written"),
        ("dialer.db", 0o644, "dialer.db cannot be read and written"),
        ("dialer.db-wal", 0o600, "dialer.db-wal cannot be read and written"),
        (".", 0o755, "cannot be written by this user"),
    ],
)
async def test_missing_rights_are_named(as_nobody: Callable[[], Path], closed: str, mode: int, why: str) -> None:
    folder: Path = as_nobody.folder  # type: ignore[attr-defined]
    await made(folder / "dialer.db")
    beside(folder / "dialer.db", "wal").touch()
    for path in (folder, *folder.iterdir()):
        path.chmod(0o777)
    (folder / closed).chmod(mode)
    with pytest.raises(DatabaseRefusedError, match=why):
        as_nobody()
        await Store.open(url_of(folder / "dialer.db"))


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseRefusedError, match=r"the folder of .*dialer\.db cannot be made"):
        await Store.open(url_of(tmp_path / "file" / "deeper" / "dialer.db"))


async def test_a_read_only_file_system_is_named(tmp_path: Path) -> None:
    with SmallDisk(tmp_path / "disk", 4) as disk:
        await made(disk.folder / "dialer.db", 1)
        subprocess.run(["mount", "-o", "remount,ro", disk.folder], check=True)
        with pytest.raises(DatabaseRefusedError, match="mount its file system for writing"):
            await Store.open(url_of(disk.folder / "dialer.db"))


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "nonsense", "oracle+nothing://x"])
async def test_a_url_that_names_no_database_is_refused(url: str) -> None:
    with pytest.raises(DatabaseRefusedError, match=r"\[store\] url: "):
        await Store.open(url)


@pytest.mark.parametrize("spoil", [make_newer, make_junk])
async def test_the_command_ends_with_its_code_and_one_line(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    database = await made(tmp_path / "dialer.db")
    spoil(database)
    ended = run_dialer(tmp_path, database)
    assert ended.returncode == EXIT_BAD_DATABASE
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert str(database) in ended.stderr


async def test_a_database_that_is_locked_at_the_start_is_worth_another_try(tmp_path: Path) -> None:
    database = await made(tmp_path / "dialer.db")
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ended = run_dialer(tmp_path, database)
        assert ended.returncode == NOT_NOW
        assert ended.stderr == f"Error: the database {database} failed: database is locked\n"
    assert ask(database, "PRAGMA user_version") == [(SCHEMA_VERSION,)]


def run_dialer(folder: Path, database: Path) -> "subprocess.CompletedProcess[str]":
    config = folder / "dialer.toml"
    config.write_text(f'[store]\nurl = "{url_of(database)}"\n[ami]\nsecret = "x"\n')
    command = [str(Path(sys.executable).with_name("dialer")), "serve", "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
