"""Lists too large for one transaction: others' operations have their turn between the parts."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Protocol, TypeVar

from dialer.store.database import Operation, Store, StoreError
from dialer.store.lists import (
    ListChangedError,
    ListPlan,
    RowBlock,
    StagedList,
    end_staging,
    fetch_staged,
    stage,
    unstage,
)
from dialer.store.sqlite import copy_log

log = logging.getLogger(__name__)
T = TypeVar("T")
TURN_S = 0.08
"""How long a part may keep the writer, about, from others who want it: claims wait for it."""
LEAST_BLOCKS, MOST_BLOCKS = 2, 8
"""A part of few rows is no cheaper for the log: it goes through the index of the numbers at random."""
COPIED_EVERY = 16
"""Parts, some 200 MB of SQLite's write-ahead log."""
TRIES = 5


class LargeList(Protocol):
    """A list that has been read and checked outside the event loop."""

    @property
    def posted(self) -> int:
        """How many numbers it has, those that are listed twice, too."""

    @property
    def has_lifetimes(self) -> bool: ...

    def rows(self, region: str | None) -> AsyncIterator[RowBlock]:
        """With the zones of the numbers' regions, where a `region` is said."""

    async def compare(self, task_id: int, region: str | None) -> ListPlan:
        """What it changes in a task that there is."""


class LargeLists:
    """Stores one at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._one = asyncio.Lock()
        self._left: set[int] = set()
        """Ids whose rows could not be removed."""

    async def save(
        self,
        numbers: LargeList,
        region: str | None,
        reserve: Operation[int | None] | None,
        find: Callable[[], Awaitable[int | None]],
        write: Callable[[StagedList | ListPlan | None], Awaitable[T]],
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
                        return await write(await numbers.compare(found, region))
                    if reserve is None:
                        return await write(None)
                    log.info("a list is looked at again: its task was deleted")
                except ListChangedError as error:
                    log.info("a list is looked at again: %s", error)
        raise StoreError("the task is being changed by others again and again: try later")

    async def _make(
        self,
        task_id: int,
        numbers: LargeList,
        region: str | None,
        write: Callable[[StagedList | ListPlan | None], Awaitable[T]],
    ) -> T:
        try:
            waiting: list[RowBlock] = []
            most, parts = LEAST_BLOCKS, 0
            async for block in numbers.rows(region):
                waiting.append(block)
                if len(waiting) >= most:
                    began_s, asked = time.monotonic(), self._store.operations_asked + 1
                    await self._store.write(stage(task_id, waiting))
                    took_s = time.monotonic() - began_s
                    in_the_way = took_s > TURN_S and self._store.operations_asked > asked
                    most = max(LEAST_BLOCKS, most // 2) if in_the_way else min(MOST_BLOCKS, most + 1)
                    waiting = []
                    parts += 1
                    if parts % COPIED_EVERY == 0:
                        await self._store.read(copy_log)
            await self._store.write(stage(task_id, waiting))
            await self._store.read(copy_log)  # or the commit that makes the task would do it, and calls would wait
            return await write(StagedList(task_id, numbers.posted, numbers.has_lifetimes))
        except BaseException:
            await asyncio.shield(self._remove(task_id))
            raise

    async def _remove(self, task_id: int) -> None:
        try:
            while await self._store.write(unstage(task_id)):
                pass
            self._left.discard(task_id)
            await self._store.read(copy_log)
        except StoreError as error:
            self._left.add(task_id)
            log.warning("rows of a list that is not stored are removed later: %s", error)
        with suppress(StoreError):
            await self._store.write(end_staging)

    async def remove_left(self, *, earlier: bool) -> None:
        """What could not be removed; with `earlier` also what an earlier daemon was stopped amid."""
        async with self._one:
            if earlier:
                self._left.update(await self._store.read(fetch_staged))
            for task_id in sorted(self._left):
                await self._remove(task_id)
