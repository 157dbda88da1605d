"""Bodies that a process of its own reads: the same as the daemon itself would make of them."""

import asyncio
import io
import json
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

import pytest

from dialer.api.mikopbx.bodies import TaskBody
from dialer.api.mikopbx.envelope import RefusedError, parse_json, validated
from dialer.api.mikopbx.frames import COUNTED, LENGTH, value_of
from dialer.api.mikopbx.kept_body import kept
from dialer.api.mikopbx.large_body import WORTH_BYTES, LargeBody
from dialer.api.mikopbx.list_reader import Listed, read_body
from dialer.api.mikopbx.list_worker import Worker
from dialer.api.mikopbx.times import ZONE
from dialer.dispatch.comparing import all_zoned
from dialer.dispatch.desk import TaskDesk
from dialer.dispatch.large_lists import LargeLists, Stored
from dialer.model.task import InnerNumType, Number, Task
from dialer.store import staging
from dialer.store.database import Operation, Store, StoreError, Transaction
from dialer.store.joining import NotedList
from dialer.store.list_rows import ROWS_A_BLOCK, RowBlock, listed_row, row_blocks
from dialer.store.lists import ListChangedError, by_phone
from dialer.store.staging import StagedList, fetch_staged, note_staged, stage, unstage
from dialer.store.tasks import TaskChange, TaskRefusedError, delete_task, find_task, reserve_task, save_task
from tests.rig.daemon import BASE, Dialer
from tests.rig.waiting import wait_until
from tests.store.making import ask, fetch_task_results, url_of

BODY_MB = 48
NOTED = "meta WHERE key LIKE 'staged:%'"
UTC = ZoneInfo("UTC")
T = TypeVar("T")
ODD: list[Any] = [
    "79522233401", 79522233402, 79522233403.0, "+7 (952) 223-34-04", "79522233401", "*77", "",  True, None, [], {},
    {"number": "79522233405"}, {"number": 79522233406, "params": []}, {"number": "79522233407", "params": {"имя": "Я"}},
    {"number": "79522233408", "params": {"a": {"b": [1, None]}, "n": 5}}, {"number": "79522233409", "params": "x"},
    {"number": "79522233410", "clientId": 5, "timeZone": "Asia/Omsk"}, {"number": "79522233411", "clientId": "5"},
    {"number": "79522233412", "timeCallAllow": 1900000000, "timeCallUntil": "1900000009"}, {"params": {"a": "b"}},
    {"number": "79522233413", "callerId": "7952", "TimeOffset": 3, "unknown": 1}, {"number": "795222334\uff11"},
    {"number": "79522233414", "params": {'q"': "\\ \u0007 \U0001f600"}}, {"number": "79522233415", "params": {}},
]  # fmt: skip
GOOD = [one for at, one in enumerate(ODD) if at not in {6, 7, 8, 9, 10, 15, 19, 21}]
WHOLE = json.dumps({"crmId": "к", "numbers": GOOD, "name": "n"}, ensure_ascii=False)
TEXTS = [
    WHOLE,
    json.dumps({"numbers": GOOD, "innerNum": 201}, indent=1),
    "\ufeff" + WHOLE,
    json.dumps({"numbers": {"0": GOOD[0], "5": GOOD[1]}}),
    '{"numbers": null, "name": "n"}',
    '{"numbers": ["1"], "numbers": ["2", "3"]}',
    '{"numbers": ["1"], "numbers": 5}',
    '{"numbers": [{"number": "1", "params": {"a": "\\ud83d\\ude00"}}]}',
    '{"numbers": [{"number": "1", "params": {"a": "\\ud83d"}}]}',
    '{"name": "\\ud83d", "numbers": ["1"]}',
    *(json.dumps({"numbers": [one], "state": 9}) for one in ODD),
    *(json.dumps({"numbers": some}) for some in ([], "x", ODD, [None] * 25, [*GOOD, *[None] * 20])),
    *(f'{{"numbers": [{some}]}}' for some in (",", '"1",', '"1" "2"', '"1",,"2"', "NaN", "1e999", "[" * 2000, "'1'")),
    "", "[]", "5", "{}", "{ }", "null", '{"a"}', '{"a":}', '{"a":1,}', '{1:1}', WHOLE + "x", WHOLE + " \n", "\x00",
    *(WHOLE[:end] for end in range(0, len(WHOLE), 7)),
]  # fmt: skip


def many(count: int) -> list[dict[str, Any]]:
    return [{"number": f"7952{at:07d}", "params": {"name": "x" * 60}} for at in range(count)]


def by_the_daemon(body: bytes) -> Any:
    try:
        content = parse_json(body)
        checked = validated(lambda value: TaskBody.model_validate(value, context={ZONE: UTC}), content)
    except RefusedError as error:
        return error.messages
    rows = [listed_row(one) for one in by_phone(checked.numbers or []).values()]
    return {name: value for name, value in content.items() if name != "numbers"}, rows, len(checked.numbers or [])


def by_the_worker(body: bytes) -> Any:
    listed = Listed(UTC)
    try:
        content = read_body(body, listed)
        validated(lambda value: TaskBody.model_validate(value, context={ZONE: UTC}), content)
    except RefusedError as error:
        return error.messages
    rows = list(listed.rows.values())
    return {name: value for name, value in content.items() if name != "numbers"}, rows, listed.posted


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text[:40]))
def test_a_large_body_is_read_as_a_small_one(text: str) -> None:
    body = text.encode("utf-8", "surrogatepass")
    assert by_the_worker(body) == by_the_daemon(body)


class Streaming(Worker):
    """Takes each task for a new one."""

    def _is_new(self, crm_id: str) -> bool:
        return True


def by_a_worker_that_reads_on(body: bytes, region: str | None = None) -> Any:
    """Which sends the rows while it reads them."""
    order = {"model": "TaskBody", "zone": "UTC", "url": "", "body": 0}
    answers = io.BytesIO()
    Streaming(order, io.BytesIO(json.dumps({"region": region}).encode()), answers).run(io.BytesIO(body))
    answers.seek(0)
    frames = []
    while head := answers.read(LENGTH.size):
        frames.append(value_of(answers.read(*LENGTH.unpack(head))))
    refused, about = frames.pop(0)
    if refused:
        assert not frames
        return list(refused)
    blocks = [RowBlock(*frame) for frame in frames if isinstance(frame, tuple)]
    (counted,) = [frame[COUNTED] for frame in frames if isinstance(frame, dict)]
    assert frames[-1] is None
    content = {name: value for name, value in about["content"].items() if name != "numbers"}
    return content, [row for block in blocks for row in shown(block)], counted


def shown(block: RowBlock) -> list[dict[str, Any]]:
    """Its rows, without what is not said of any."""
    return [
        {name: value for name, value in zip(block.columns, row, strict=True) if value}
        for row in zip(*map(block.column, block.columns), strict=True)
    ]


KNOWN_FIRST = [text.replace('{"numbers"', '{"crmId": "к", "numbers"') for text in TEXTS] + [
    '{"crmId": "к", "numbers": ["x"], "numbers": ["79520000001"]}',
    '{"crmId": "к", "numbers": ["79520000001"], "numbers": ["x"], "state": 9}',
    '{"crmId": "к", "numbers": ["79520000001"], "crmId": 7}',
    '{"crmId": 7, "id": 5, "numbers": ["79520000001"], "numbers": null}',
]


@pytest.mark.parametrize("region", [None, "RU"])
@pytest.mark.parametrize("text", KNOWN_FIRST, ids=lambda text: repr(text[:40]))
def test_a_large_body_that_is_stored_while_it_is_read_is_read_as_a_small_one(text: str, region: str | None) -> None:
    body = text.encode("utf-8", "surrogatepass")
    expected = by_the_daemon(body)
    if isinstance(expected, tuple):
        content, rows, posted = expected
        listed = all_zoned({row[0]: row for row in rows}, region)
        expected = (
            content,
            [row for block in row_blocks(listed.values(), set()) for row in shown(block)],
            {
                "posted": posted, "repeated": posted - len(rows), "problem": "",
                "has_lifetimes": any(row[6] is not None for row in rows),
            },
        )  # fmt: skip
    assert by_a_worker_that_reads_on(body, region) == expected


def test_numbers_that_are_given_twice_are_those_that_come_last() -> None:
    body = b'{"numbers": ["x"], "numbers": ["79520000001"]}'
    assert by_the_worker(body) == by_the_daemon(body)


async def _in_parts(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 100):
        yield body[start : start + 100]


class Saving:
    """What `TaskDesk.save` does with a large list."""

    def __init__(self, store: Store, url: str) -> None:
        self._store = store
        self._url = url
        self.lists = LargeLists(store)
        self.change = TaskChange(inner_num="201", inner_num_type=InnerNumType.EXTEN)
        self.refusals: list[Exception] = []
        """Raised instead of storing, one each time."""
        self.before_reserve: list[Operation[Any]] = []
        """What others do once the process has read what it reads first."""
        self.before_find: list[Operation[Any]] = []
        self.meanwhile: list[Operation[Any]] = []
        """What others do before it is stored, one each time."""
        self.seen: list[Stored | None] = []

    async def save(self, numbers: Sequence[Any]) -> Task:
        body = json.dumps({"crmId": "large", "numbers": numbers}).encode()
        large = await LargeBody.read(await kept(_in_parts(body), len(body)), "TaskBody", "UTC", self._url)
        try:
            if self.before_reserve:
                await self._store.write(self.before_reserve.pop())
            reserve = reserve_task("large", None, self.change)
            return await self.lists.save(large, None, reserve, self._find, self._write)
        finally:
            await large.close()

    async def _find(self) -> int | None:
        if self.before_find:
            await self._store.write(self.before_find.pop())
        found = await self._store.read(lambda connection: find_task(connection, "large", None))
        return None if found is None else found.task_id

    async def _write(self, prepared: Stored | None) -> Task:
        self.seen.append(prepared)
        if self.meanwhile:
            await self._store.write(self.meanwhile.pop(0))
        if self.refusals:
            raise self.refusals.pop()
        return await self._store.write(save_task("large", None, replace(self.change, prepared=prepared)))


SHOWN = (
    "id", "phone_id", "phone", "params", "client_id", "zone", "due_us", "until_us", "caller_id", "held",
    "not_before_us", "state", "attempt_number",
)  # fmt: skip
LISTS: list[list[Any]] = [
    GOOD,
    GOOD,
    [*GOOD[3:], "79522233499"],
    [{"number": "79522233405", "params": {"told": "anew"}}, *GOOD[4:], {"number": "79522233498", "clientId": "5"}],
]


async def test_a_large_list_makes_and_changes_a_task_as_a_small_one(tmp_path: Path) -> None:
    url = url_of(tmp_path / "large.db")
    small, large = await Store.open(url_of(tmp_path / "small.db")), await Store.open(url)
    try:
        saving = Saving(large, url)
        for numbers in LISTS:
            checked = TaskBody.model_validate({"numbers": numbers})
            change = replace(saving.change, numbers=checked.numbers)
            expected = await small.write(save_task("large", None, change))
            assert await saving.save(numbers) == expected
            fetch = partial(fetch_task_results, task_id=expected.task_id)
            rows = [
                [[getattr(row, name) for name in SHOWN] for row in await store.read(fetch)] for store in (small, large)
            ]
            assert rows[1] == rows[0]
        assert [type(one) for one in saving.seen] == [StagedList, NotedList, NotedList, NotedList]
    finally:
        await small.close()
        await large.close()


LATE = {"number": "79533233405", "timeCallAllow": 1900000009, "timeCallUntil": 1900000000}
"""Wrong, as is known only once the whole list has been read: one before it might have its number."""


async def test_a_list_with_something_wrong_behind_what_is_staged_leaves_nothing(tmp_path: Path) -> None:
    database = tmp_path / "dialer.db"
    store = await RemovingStore.open(url_of(database))
    assert isinstance(store, RemovingStore)
    store.removals = 0
    try:
        saving = Saving(store, url_of(database))
        numbers = many(3 * ROWS_A_BLOCK)
        with pytest.raises(TaskRefusedError, match="79533233405"):
            await saving.save([*numbers, LATE])
        assert not store.is_amid  # rows had been staged: they are stored while the list is read
        assert saving.seen == []
        left = f"SELECT (SELECT count(*) FROM {NOTED}), (SELECT count(*) FROM attempt), (SELECT count(*) FROM task)"  # noqa: S608
        assert ask(database, left) == [(0, 0, 0)]
        assert await saving.save([*numbers, {"number": "79533233405"}, LATE])
        assert ask(database, "SELECT count(*) FROM attempt") == [(len(numbers) + 1,)]
    finally:
        await store.close()


@pytest.mark.parametrize("last", ["x", {"number": "79522233405", "params": 5}, None])
async def test_a_wrong_number_is_told_before_anything_is_stored(tmp_path: Path, last: Any) -> None:
    database = tmp_path / "dialer.db"
    store = await RemovingStore.open(url_of(database))
    assert isinstance(store, RemovingStore)
    try:
        with pytest.raises(RefusedError, match=r"numbers\[3000\]"):
            await Saving(store, url_of(database)).save([*many(3 * ROWS_A_BLOCK), last])
        assert store.is_amid
    finally:
        await store.close()


async def test_a_list_whose_staged_rows_were_removed_is_read_again_from_its_beginning(tmp_path: Path) -> None:
    database = tmp_path / "dialer.db"
    store = await RemovingStore.open(url_of(database))
    assert isinstance(store, RemovingStore)
    try:
        saving = Saving(store, url_of(database))
        with pytest.raises(TaskRefusedError, match="79533233405"):
            await saving.save([*many(3 * ROWS_A_BLOCK), LATE])
        store.is_amid = True
        await saving.save([*GOOD, *many(3 * ROWS_A_BLOCK), *GOOD])
        assert not store.is_amid
        expected = [(one.phone,) for one in by_phone(phones_of([*GOOD, *many(3 * ROWS_A_BLOCK)])).values()]
        assert ask(database, "SELECT phone FROM attempt ORDER BY id") == expected
    finally:
        await store.close()


@pytest.mark.parametrize("is_wrong", [False, True], ids=["good", "wrong"])
async def test_a_task_that_others_make_while_its_list_is_read_gets_it(tmp_path: Path, *, is_wrong: bool) -> None:
    database = tmp_path / "dialer.db"
    store = await Store.open(url_of(database))
    try:
        saving = Saving(store, url_of(database))
        made = save_task("large", None, replace(saving.change, numbers=phones_of(GOOD[:2])))
        saving.before_reserve = [made]
        numbers = many(2 * ROWS_A_BLOCK)
        if is_wrong:
            with pytest.raises(TaskRefusedError, match="79533233405"):
                await saving.save([*numbers, LATE])
        else:
            await saving.save(numbers)
            assert [type(one) for one in saving.seen] == [NotedList]
        left = len(by_phone(phones_of(GOOD[:2]))) if is_wrong else len(numbers)
        assert ask(database, "SELECT count(*) FROM attempt") == [(left,)]
    finally:
        await store.close()


async def test_a_list_that_is_refused_at_last_leaves_nothing(tmp_path: Path) -> None:
    database = tmp_path / "dialer.db"
    store = await Store.open(url_of(database))
    try:
        saving = Saving(store, url_of(database))
        saving.refusals = [ValueError("at last")]
        with pytest.raises(ValueError, match="at last"):
            await saving.save(GOOD)
        assert ask(database, "SELECT (SELECT count(*) FROM task), (SELECT count(*) FROM attempt)") == [(0, 0)]
        assert ask(database, "SELECT count(*) FROM meta WHERE key LIKE 'staged:%'") == [(0,)]
    finally:
        await store.close()


async def test_a_task_that_others_make_or_change_meanwhile_is_looked_at_again(tmp_path: Path) -> None:
    database = tmp_path / "dialer.db"
    store = await Store.open(url_of(database))
    try:
        saving = Saving(store, url_of(database))
        saving.refusals = [ListChangedError("made"), ListChangedError("changed")]
        await saving.save(GOOD)
        phones = len(by_phone(TaskBody.model_validate({"numbers": GOOD}).numbers or []))
        assert ask(database, "SELECT count(*) FROM attempt") == [(phones,)]
        assert len(saving.seen) == 3
    finally:
        await store.close()


def phones_of(numbers: Sequence[Any]) -> list[Number]:
    return list(TaskBody.model_validate({"numbers": numbers}).numbers or [])


@pytest.mark.parametrize("anew", [False, True], ids=["rows removed", "task made anew"])
async def test_rows_that_others_remove_amid_the_comparison_are_stored_again(tmp_path: Path, *, anew: bool) -> None:
    database = tmp_path / "dialer.db"
    store = await Store.open(url_of(database))
    try:
        saving = Saving(store, url_of(database))
        task_id = (await saving.save(GOOD)).task_id
        fewer = save_task("large", None, replace(saving.change, numbers=phones_of(GOOD[:2])))

        def others(tx: Transaction) -> None:
            if anew:
                delete_task(task_id)(tx)
            fewer(tx)

        saving.meanwhile = [others]
        await saving.save(GOOD)
        assert len(saving.seen) == 3
        phones = sorted(one.phone_id for one in by_phone(phones_of(GOOD)).values())
        assert ask(database, "SELECT phone_id FROM attempt ORDER BY phone_id") == [(one,) for one in phones]
    finally:
        await store.close()


async def test_a_task_that_is_deleted_before_it_is_found_is_made(tmp_path: Path) -> None:
    database = tmp_path / "dialer.db"
    store = await Store.open(url_of(database))
    try:
        saving = Saving(store, url_of(database))
        task_id = (await saving.save(GOOD)).task_id
        saving.before_find = [delete_task(task_id)]
        made = await saving.save(GOOD)
        assert made.task_id != task_id
        assert [type(one) for one in saving.seen] == [StagedList, StagedList]
        phones = len(by_phone(phones_of(GOOD)))
        assert ask(database, "SELECT count(*), min(task_id) FROM attempt") == [(phones, made.task_id)]
    finally:
        await store.close()


async def test_staged_rows_that_were_removed_are_staged_again(tmp_path: Path) -> None:
    database = tmp_path / "dialer.db"
    store = await Store.open(url_of(database))
    try:
        saving = Saving(store, url_of(database))

        def remove(tx: Transaction) -> None:
            for task_id in fetch_staged(tx.connection):
                unstage(task_id)(tx)

        saving.meanwhile = [remove]
        await saving.save(GOOD)
        assert ask(database, "SELECT count(*) FROM attempt") == [(len(by_phone(phones_of(GOOD))),)]
        with pytest.raises(ListChangedError):
            await store.write(stage(1_000, []))
    finally:
        await store.close()


class RemovingStore(Store):
    """Others remove staged rows amid the staging."""

    removals = 1
    """How many operations are spent on it."""
    is_amid = True

    async def write(self, operation: Operation[T]) -> T:
        result = await super().write(operation)
        if self.is_amid and operation.__qualname__.startswith("stage."):
            self.is_amid = False
            for task_id in await self.read(fetch_staged):
                for _ in range(self.removals):
                    await super().write(unstage(task_id))
        return result


@pytest.mark.parametrize("removals", [1, 100], ids=["in part", "all"])
async def test_staged_rows_that_are_removed_amid_are_all_staged_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removals: int
) -> None:
    monkeypatch.setattr(staging, "_ROWS_REMOVED", 1000)
    database = tmp_path / "dialer.db"
    store = await RemovingStore.open(url_of(database))
    assert isinstance(store, RemovingStore)
    store.removals = removals
    try:
        numbers = many(6 * ROWS_A_BLOCK)
        saving = Saving(store, url_of(database))
        await saving.save(numbers)
        assert not store.is_amid
        assert len(saving.seen) == 1
        await saving.lists.finish_left(earlier=True)
        assert ask(database, "SELECT count(*), count(DISTINCT task_id) FROM attempt") == [(len(numbers), 1)]
    finally:
        await store.close()


async def test_what_is_left_of_an_answer_is_no_part_of_the_next_one(tmp_path: Path) -> None:
    url = url_of(tmp_path / "dialer.db")
    store = await Store.open(url)
    body = json.dumps({"numbers": many(2 * ROWS_A_BLOCK)}).encode()
    large = await LargeBody.read(await kept(_in_parts(body), len(body)), "TaskBody", "UTC", url)
    try:
        async for _block in large.rows(None):
            break
        await large.compare(1, None)
        assert [len(block) async for block in large.rows(None)] == [ROWS_A_BLOCK, ROWS_A_BLOCK]
    finally:
        await large.close()
        await store.close()


async def test_why_a_list_could_not_be_compared_is_told_and_its_process_goes_on(tmp_path: Path) -> None:
    body = json.dumps({"numbers": ["1"]}).encode()
    large = await LargeBody.read(
        await kept(_in_parts(body), len(body)), "TaskBody", "UTC", url_of(tmp_path / "no" / "dialer.db")
    )
    try:
        for _ in range(2):
            with pytest.raises(StoreError, match="cannot be written"):
                await large.compare(1, None)
        assert [list(block.values) async for block in large.rows(None)] == [["1", "1"]]
    finally:
        await large.close()


async def test_a_process_whose_daemon_was_killed_ends_without_a_word(tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_text(json.dumps({"numbers": [f"7952{place:07d}" for place in range(50_000)]}))
    with body.open("rb") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "dialer.api.mikopbx.list_worker"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=(file.fileno(),),
        )  # fmt: skip
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        order = {"model": "TaskBody", "zone": "UTC", "url": "", "body": file.fileno()}
        process.stdin.write(b"".join(json.dumps(one).encode() + b"\n" for one in (order, {"region": None})))
        await process.stdout.readexactly(1)
        cast("Any", process)._transport.get_pipe_transport(1).close()
        assert await process.stderr.read() == b""
    process.stdin.close()
    assert await process.wait() == 0


async def test_the_rows_of_a_task_are_no_staged_ones(tmp_path: Path) -> None:
    database = tmp_path / "dialer.db"
    store = await Store.open(url_of(database))
    try:
        saving = Saving(store, url_of(database))
        task_id = (await saving.save(GOOD)).task_id
        await store.write(lambda tx: note_staged(tx.connection, task_id))
        await saving.lists.finish_left(earlier=True)
        assert ask(database, "SELECT count(*) FROM attempt") == [(len(by_phone(phones_of(GOOD))),)]
        assert ask(database, f"SELECT count(*) FROM {NOTED}") == [(0,)]  # noqa: S608
    finally:
        await store.close()


class FailingStore(Store):
    """Refuses the removal of staged rows as a full disk does."""

    is_full = False

    async def write(self, operation: Operation[T]) -> T:
        if self.is_full and "unstage" in operation.__qualname__:
            raise StoreError("full")
        return await super().write(operation)


async def test_a_list_that_cannot_be_removed_is_removed_later_and_the_writer_is_as_before(tmp_path: Path) -> None:
    database = tmp_path / "dialer.db"
    store = await FailingStore.open(url_of(database))
    assert isinstance(store, FailingStore)

    def kept_pages(tx: Transaction) -> tuple[Any, ...]:
        pragmas = ("cache_size", "wal_autocheckpoint")
        return tuple(tx.connection.exec_driver_sql(f"PRAGMA {one}").scalar() for one in pragmas)

    try:
        before = await store.write(kept_pages)
        saving = Saving(store, url_of(database))
        saving.refusals = [ValueError("at last")]
        store.is_full = True
        with pytest.raises(ValueError, match="at last"):
            await saving.save(GOOD)
        assert ask(database, f"SELECT count(*) FROM {NOTED}") == [(1,)]  # noqa: S608
        assert await store.write(kept_pages) == before
        store.is_full = False
        await saving.lists.finish_left(earlier=False)
        left = f"SELECT (SELECT count(*) FROM {NOTED}), (SELECT count(*) FROM attempt)"  # noqa: S608
        assert ask(database, left) == [(0, 0)]
    finally:
        await store.close()


async def test_a_call_that_its_user_had_ended_is_not_kept_until_a_large_list_is_stored(tmp_path: Path) -> None:
    store = await Store.open(url_of(tmp_path / "dialer.db"))
    try:
        desk = TaskDesk(store, cast("Any", None))
        hung_up: list[Sequence[int]] = []
        desk.hang_up = hung_up.append
        async with desk._large._one:
            await asyncio.wait_for(desk.finish_ending(), 60)
        assert hung_up == [[]]
    finally:
        await store.close()


async def test_the_log_is_copied_before_the_commit_that_makes_the_task(tmp_path: Path) -> None:
    database = tmp_path / "dialer.db"
    store = await Store.open(url_of(database))
    try:
        saving = Saving(store, url_of(database))
        missing_bytes: list[int] = []

        def look(tx: Transaction) -> None:
            pages, page_bytes = (
                tx.connection.exec_driver_sql(f"PRAGMA {one}").scalar_one() for one in ("page_count", "page_size")
            )
            missing_bytes.append(pages * page_bytes - database.stat().st_size)

        saving.meanwhile = [look]
        await saving.save(many(4000))
        assert missing_bytes == [0]
    finally:
        await store.close()


async def test_a_large_list_by_rest_is_stored_whole_or_not_at_all(dialer: Dialer) -> None:
    numbers = many(WORTH_BYTES // 100)
    task = {"crmId": 7, "innerNum": "201", "state": 2, "numbers": [*numbers, "79520000001"]}
    assert len(json.dumps(task)) > WORTH_BYTES
    reply = await dialer.data("POST", "/task", task)
    assert (reply["crmId"], reply["state"], reply["duplicates"]) == (7, 2, 1)
    assert len((await dialer.data("GET", f"/task/{reply['id']}"))["results"]) == len(numbers)
    wrong = {**task, "crmId": 8, "numbers": [*numbers, "nobody"]}
    refused = await dialer.call("POST", "/task", wrong)
    assert refused["messages"][0].startswith(f"numbers[{len(numbers)}].number: ")
    lives = {"number": "79529999999", "timeCallAllow": 1900000000, "timeCallUntil": 1800000000}
    refused = await dialer.call("PUT", f"/task/{reply['id']}", {"numbers": [*numbers, lives]})
    assert refused["data"] == {"error": "TaskRefused"}
    refused = await dialer.call("POST", "/task", {"numbers": numbers})
    assert refused["messages"] == ["innerNum: missing"]
    changed = await dialer.data("PUT", f"/task/{reply['id']}", {"numbers": numbers[1:]})
    assert "duplicates" not in changed
    assert len((await dialer.data("GET", f"/task/{reply['id']}"))["results"]) == len(numbers) - 1
    assert [one["id"] for one in (await dialer.data("GET", "/task"))["results"]] == [reply["id"]]


async def test_what_a_killed_daemon_had_staged_is_removed(dialer: Dialer) -> None:
    posting = asyncio.create_task(dialer.call("POST", "/task", {"innerNum": "201", "numbers": many(60_000)}))
    with closing(sqlite3.connect(dialer.database)) as connection:

        def counted(query: str) -> int:
            return int(connection.execute(f"SELECT count(*) FROM {query}").fetchone()[0])  # noqa: S608

        await wait_until(lambda: counted("attempt"), "some of the list is stored", 60)
        await dialer.kill()
        await asyncio.gather(posting, return_exceptions=True)
        assert (counted("task"), counted(NOTED)) == (0, 1)
        await dialer.start()
        await wait_until(lambda: not counted(NOTED), "it is removed", 60)
        assert counted("attempt") == 0


async def test_a_joined_list_that_a_killed_daemon_had_begun_is_finished(dialer: Dialer) -> None:
    task = {"crmId": 7, "innerNum": "201", "state": 2}
    await dialer.data("POST", "/task", {**task, "numbers": many(30_000)})
    numbers = [{**one, "number": f"7953{at:07d}"} for at, one in enumerate(many(30_000))]
    posting = asyncio.create_task(dialer.call("POST", "/task", {**task, "name": "new", "numbers": numbers}))
    with closing(sqlite3.connect(dialer.database)) as connection:

        def counted(query: str) -> int:
            return int(connection.execute(f"SELECT count(*) FROM {query}").fetchone()[0])  # noqa: S608

        joining = "meta WHERE key LIKE 'joining:%'"
        await wait_until(lambda: counted(joining), "the list is the task's", 60)
        await dialer.kill()
        await asyncio.gather(posting, return_exceptions=True)
        assert counted("attempt WHERE phone LIKE '7953%'") < len(numbers)
        await dialer.start()
        await wait_until(lambda: not counted("meta WHERE key LIKE '%:%'"), "it is joined", 60)
        assert counted("attempt WHERE phone LIKE '7953%'") == counted("attempt") == len(numbers)


async def test_a_body_of_chunks_is_not_in_the_daemons_memory(dialer: Dialer) -> None:
    padding = b" " * 1_048_576
    await dialer.data("POST", "/task", {"innerNum": "201", "state": 2, "numbers": ["79520000001"]})
    assert dialer.session is not None

    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"innerNum": "201", "state": 2, "numbers": ["79520000001"'
        for _ in range(BODY_MB):
            yield padding
        yield b"]}"

    before_mb = dialer.most_memory_mb
    async with dialer.session.post(f"{dialer.url}{BASE}/task", data=chunks()) as response:
        assert (await response.json())["result"]
    assert dialer.most_memory_mb - before_mb < BODY_MB / 3
