"""Lists too large for one transaction: others' operations have their turn between the parts."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar
from weakref import WeakValueDictionary

from dialer.store.batches import batches
from dialer.store.database import Operation, Store, StoreError
from dialer.store.joining import (
    PARTS_REMOVED,
    NotedList,
    end_joining,
    fetch_held_clients,
    fetch_joining,
    fetch_left_parts,
    free_clients,
    is_joining,
    join,
    note,
    remove_parts,
)
from dialer.store.list_rows import RowBlock
from dialer.store.lists import ListChangedError
from dialer.store.sqlite import begin_log_anew, copy_log, make_room
from dialer.store.staging import StagedList, end_of_parts, fetch_staged, stage, unstage

log = logging.getLogger(__name__)
T = TypeVar("T")
Stored = StagedList | NotedList
"""What is stored of a list before its task is."""
TURN_S = 0.05
"""How long an operation may keep the writer, about, from others who want it: claims wait for it."""
LEAST_BLOCKS, MOST_BLOCKS, MOST_OF_JOINING = 1, 32, 4
"""An operation with few rows costs the log as much as one with many, for it goes through the index of the numbers at
random: many while nobody waits, few as soon as somebody does. What drops numbers takes longer than what stages them."""
COPIED_EVERY = 3
"""Operations, 25 to 80 MB of SQLite's write-ahead log: more at once keep the disk too long from commits of others."""
TRIES = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """What a list changes in a task that there is."""

    changed_us: int
    """The task's time stamp before they were compared."""
    has_clients: bool
    """Whether clients have numbers in it that are not finished."""
    parts: AsyncIterator[str]
    """As `dialer.store.joining` notes them; those with numbers that are dropped come first, those with new ones
    last."""


class LargeList(Protocol):
    """A list that is read outside the event loop."""

    @property
    def posted(self) -> int:
        """How many numbers it has, those that are listed twice, too; known once it has answered."""

    @property
    def has_lifetimes(self) -> bool:
        """Likewise."""

    def rows(self, region: str | None) -> AsyncIterator[RowBlock]:
        """With the zones of the numbers' regions, where a `region` is said. May be read while they are taken, and
        raises what is wrong with it only then."""

    async def compare(self, task_id: int, region: str | None) -> Difference:
        """With what is stored of a task."""


class LargeLists:
    """Stores one at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._one = asyncio.Lock()
        self._staged: set[int] = set()
        """Ids whose rows could not be removed."""
        self._joining: set[int] = set()
        """Tasks whose lists are not joined whole."""
        self._has_notes = False
        """Whether notes could not be removed."""
        self._of_tasks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        """Held by who changes a list part by part, and by who wants it whole."""

    async def save(
        self,
        numbers: LargeList,
        region: str | None,
        reserve: Operation[int | None] | None,
        find: Callable[[], Awaitable[int | None]],
        write: Callable[[Stored | None], Awaitable[T]],
    ) -> T:
        """`reserve`: gives the id of a task that is to be made; None: none is. `find`: that of the task to be changed.
        `write` stores the task with what is made of the list. Whatever fails, nothing is stored."""
        async with self._one:
            for _ in range(TRIES):
                try:
                    task_id = None if reserve is None else await self._store.write(reserve)
                    if task_id is not None:
                        return await self._make(task_id, numbers, region, write)
                    found = await find()
                    if found is not None:
                        async with self._lock_of(found):
                            return await self._change(found, numbers, region, write)
                    if reserve is None:
                        return await write(None)
                    log.info("a list is looked at again: its task was deleted")
                except ListChangedError as error:
                    log.info("a list is looked at again: %s", error)
        raise StoreError("the task is being changed by others again and again: try later")

    async def _make(
        self, task_id: int, numbers: LargeList, region: str | None, write: Callable[[Stored | None], Awaitable[T]]
    ) -> T:
        try:
            waiting: list[RowBlock] = []
            turns = _Turns(self._store)
            async for block in numbers.rows(region):
                waiting.append(block)
                if len(waiting) >= turns.parts:
                    await turns.write(stage(task_id, waiting))
                    waiting = []
            await turns.write(stage(task_id, waiting))
            await self._store.read(copy_log)  # or the commit that makes the task would do it, and calls would wait
            return await write(StagedList(task_id, numbers.posted, numbers.has_lifetimes))
        except BaseException:
            await asyncio.shield(self._unstage(task_id))
            raise

    async def _change(
        self, task_id: int, numbers: LargeList, region: str | None, write: Callable[[Stored | None], Awaitable[T]]
    ) -> T:
        list_id = secrets.token_hex(8)
        try:
            difference = await numbers.compare(task_id, region)
            waiting: list[str] = []
            turns, count = _Turns(self._store), 0
            async for part in difference.parts:
                waiting.append(part)
                if len(waiting) >= turns.parts:
                    await turns.write(note(list_id, count, waiting))
                    count, waiting = count + len(waiting), []
            await turns.write(note(list_id, count, waiting))
            count += len(waiting)
            await self._store.read(copy_log)
            noted = NotedList(
                list_id, task_id, difference.changed_us, count, numbers.posted, difference.has_clients
            )  # fmt: skip
            saved = await write(noted)
        except BaseException:
            await asyncio.shield(self._forget_notes())
            raise
        if count:
            self._joining.add(task_id)
            await self._join(task_id)
        return saved

    @asynccontextmanager
    async def joined(self, task_id: int) -> AsyncIterator[None]:
        """Within it no large list is compared with the task or joined to it: what is left of one is joined first.
        Raises StoreError."""
        async with self._lock_of(task_id):
            if await self._store.read(partial(is_joining, task_id=task_id)):
                try:
                    await self._join_parts(task_id)
                finally:
                    await self._end_parts()
            yield

    def _lock_of(self, task_id: int) -> asyncio.Lock:
        return self._of_tasks.setdefault(task_id, asyncio.Lock())

    async def _join_parts(self, task_id: int) -> None:
        turns = _Turns(self._store, MOST_OF_JOINING)
        while await turns.write(join(task_id, turns.parts)):
            pass
        for some in batches(await self._store.read(partial(fetch_held_clients, task_id=task_id))):
            await self._store.write(free_clients(task_id, some))
        await self._store.write(end_joining(task_id))
        self._joining.discard(task_id)

    async def _join(self, task_id: int) -> None:
        """The list is stored: what fails is done later."""
        try:
            await self._join_parts(task_id)
            await self._remove_notes()  # those in whose place another list has come
            await self._store.read(copy_log)
        except StoreError as error:
            log.warning("task %d: the rest of its list follows later: %s", task_id, error, extra={"task_id": task_id})
        await self._end_parts()

    async def _end_parts(self) -> None:
        with suppress(StoreError):
            await self._store.write(end_of_parts)

    async def _unstage(self, task_id: int) -> None:
        try:
            while await self._store.write(unstage(task_id)):
                pass
            self._staged.discard(task_id)
            await self._store.read(copy_log)
        except StoreError as error:
            self._staged.add(task_id)
            log.warning("rows of a list that is not stored are removed later: %s", error)
        await self._end_parts()

    async def _forget_notes(self) -> None:
        try:
            await self._store.write(end_of_parts)  # behind the operation that makes notes hold: nobody may wait for it
            self._joining.update(await self._store.read(fetch_joining))
            await self._remove_notes()
        except StoreError as error:
            self._has_notes = True
            log.warning("notes of a list that is not stored are removed later: %s", error)

    async def _remove_notes(self) -> None:
        """Those that hold for no task."""
        keys = await self._store.read(fetch_left_parts)
        for start in range(0, len(keys), PARTS_REMOVED):
            await self._store.write(remove_parts(keys[start : start + PARTS_REMOVED]))
        self._has_notes = False

    async def finish_left(self, *, earlier: bool) -> None:
        """Do what could not be done; with `earlier` also what an earlier daemon was stopped amid: lists that are stored
        are joined, of others nothing stays."""
        async with self._one:
            if earlier:
                self._staged.update(await self._store.read(fetch_staged))
                self._joining.update(await self._store.read(fetch_joining))
            for task_id in sorted(self._joining):
                async with self._lock_of(task_id):
                    await self._join(task_id)
            for task_id in sorted(self._staged):
                await self._unstage(task_id)
            if earlier or self._has_notes:
                await self._remove_notes()


class _Turns:
    """Operations with parts of a list: as many parts in one as others who wait can bear."""

    def __init__(self, store: Store, most: int = MOST_BLOCKS) -> None:
        self._store = store
        self._most = most
        self._operations = 0
        self.parts = LEAST_BLOCKS

    async def write(self, operation: Operation[T]) -> T:
        began_s, asked = time.monotonic(), self._store.operations_asked + 1
        result = await self._store.write(operation)
        is_slow = time.monotonic() - began_s > TURN_S
        if is_slow and self._store.operations_asked > asked:
            self.parts = LEAST_BLOCKS
        else:
            self.parts = min(self._most, 2 * self.parts)
        self._operations += 1
        if self._operations % COPIED_EVERY == 0:
            await self._store.read(copy_log)
            await self._store.write(lambda tx: begin_log_anew(tx.connection))
            await self._store.write(lambda tx: make_room(tx.connection))  # others' commits copy nothing
        return result
