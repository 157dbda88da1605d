"""The task desk: what an API facade asks of the engine. Stores first, then tells the scheduler."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from dialer.dispatch.comparing import PostedList
from dialer.dispatch.large_lists import LargeList, LargeLists, Stored
from dialer.dispatch.numbering import zone_of
from dialer.dispatch.scheduler import Scheduler
from dialer.dispatch.twins import fetch_twins
from dialer.model.audit import Change, task_change
from dialer.model.task import Number, Task, TaskState
from dialer.store.audit import audited, audited_change
from dialer.store.database import Operation, Store, Transaction, as_it_is
from dialer.store.finishing import close_ended, end_numbers, fetch_half_ended, fetch_hung_up
from dialer.store.lists import by_phone
from dialer.store.tasks import (
    TaskChange,
    add_numbers,
    change_task,
    check_lifetimes,
    delete_task,
    fetch_listed,
    fetch_task_of,
    find_task,
    is_long,
    reserve_task,
    save_task,
)

log = logging.getLogger(__name__)
ENDED_AT_ONCE = 500
CHANGED_AT_ONCE = 10_000
"""Rows of a task with which a list is compared by one operation, in which nobody else has the writer: some 0.2 s."""


class TaskDesk:
    """Every change of a task goes through here, whichever facade it came by.

    The scheduler is told by what each write returned: writes return in the order of their commits.
    """

    def __init__(self, store: Store, scheduler: Scheduler, region: str = "RU") -> None:
        """`region`: two letters of the country whose numbers are written without a code."""
        self._store = store
        self._scheduler = scheduler
        self._region = region
        self._large = LargeLists(store)
        self._adding = asyncio.Lock()
        """Who adds numbers looks first whether they are there in another form."""
        self.hang_up: Callable[[Sequence[int]], None] = lambda attempt_ids: None
        """Ends the calls of these attempts."""

    async def save(
        self,
        crm_id: str | None,
        task_id: int | None,
        change: TaskChange,
        within: Callable[[Operation[Task]], Operation[Task]] = as_it_is,
        *,
        numbers: LargeList | None = None,
    ) -> Task:
        """Create or update. Raises TaskRefusedError; then nothing is stored. `within` adds to the operation what is to
        be stored together with it. `numbers`: those of the change, where they are many."""

        async def write(prepared: Stored | None = None) -> Task:
            said = replace(change, prepared=prepared)
            operation = _audited(save_task(crm_id, task_id, said), crm_id, task_id, said)
            task = await self._store.write(within(operation))
            self._scheduler.task_is(task)
            return task

        async def find() -> int | None:
            found = await self._store.read(
                lambda connection: find_task(connection, crm_id, task_id, change.owner or "")
            )
            return None if found is None else found.task_id

        numbers = numbers or await self._of_large_task(change, crm_id, task_id)
        if numbers is None:
            change = await self._with_zones(change, crm_id, task_id)
            task = await write()
        else:
            region = self._region if await self._wants_zones(change, crm_id, task_id) else None
            reserve = reserve_task(crm_id, task_id, change)
            task = await self._large.save(numbers, region, reserve, find, write)
        log.info(
            "task %d: stored, state %s, %d numbers posted",
            task.task_id,
            task.state.name,
            numbers.posted if numbers else len(change.numbers or ()),
            extra={"task_id": task.task_id},
        )
        return task

    async def change(
        self, task_id: int, crm_id: str | None, change: TaskChange, *, numbers: LargeList | None = None
    ) -> Task | None:
        """Change what is said; None: no such task. Raises TaskRefusedError. `numbers`: those of the change, where they
        are many.

        A task of another facade that is closed is ended, as by its account: all that waits gets its result, and it
        cannot go on."""
        if change.owner and change.state is TaskState.CLOSED:
            return await self._end(task_id, crm_id, change)

        async def write(prepared: Stored | None = None) -> Task | None:
            said = replace(change, prepared=prepared)
            task = await self._store.write(_audited(change_task(task_id, crm_id, said), None, task_id, said))
            if task is not None:
                self._scheduler.task_is(task)
            return task

        async def find() -> int | None:
            found = await self._store.read(lambda connection: fetch_task_of(connection, task_id, change.owner or ""))
            return None if found is None else found.task_id

        numbers = numbers or await self._of_large_task(change, None, task_id)
        if numbers is None:
            change = await self._with_zones(change, None, task_id)
            task = await write()
        else:
            region = self._region if await self._wants_zones(change, None, task_id) else None
            task = await self._large.save(numbers, region, None, find, write)
        if task is not None:
            log.info("task %d: changed, state %s", task_id, task.state.name, extra={"task_id": task_id})
        return task

    async def _end(self, task_id: int, crm_id: str | None, change: TaskChange) -> Task | None:
        others = replace(change, state=None)
        if crm_id is not None or others != TaskChange(owner=change.owner):
            await self.change(task_id, crm_id, others)
        owner = change.owner or ""
        task = await self._store.read(lambda connection: fetch_task_of(connection, task_id, owner))
        if task is not None and task.state is not TaskState.CLOSED:
            await self.end_numbers(task_id)
            return replace(task, state=TaskState.CLOSED)
        return task

    async def add_numbers(self, task_id: int, numbers: Sequence[Number]) -> tuple[Task, int] | None:
        """Add numbers to a task's list, and open a closed one; how many are new. Those that are in it stay as they are,
        also in another form. None: the PBX has no such task of its own. Raises TaskRefusedError."""
        async with self._large.joined(task_id), self._adding:
            numbers = await self._without_twins(task_id, numbers)
            change = await self._with_zones(TaskChange(numbers=numbers), None, task_id)
            operation = audited(add_numbers(task_id, change.numbers or ()), _numbers_added)
            added = await self._store.write(operation)
        if added is not None:
            log.info("task %d: %d numbers added", task_id, added[1])
            self._scheduler.task_is(added[0])
        return added

    async def delete(self, task_id: int) -> bool:
        """Delete the task and its rows; calls in progress finish. False: no such task."""
        gone = Change("task.delete", str(task_id), task_id=task_id)
        found = await self._store.write(audited(delete_task(task_id), lambda done: gone if done else None))
        if found:
            log.info("task %d: deleted", task_id, extra={"task_id": task_id})
        self._scheduler.task_is_gone(task_id)
        return found

    async def end_numbers(
        self, task_id: int, attempt_ids: Sequence[int] | None = None, *, hang_up: bool = False
    ) -> None:
        """The user ends numbers of a task, all of them for None: nothing of them is dialled any more. Calls in progress
        go on, or are ended, too (`hang_up`)."""
        which = "all numbers" if attempt_ids is None else f"{len(attempt_ids)} numbers"
        said = which + ", calls hung up" * hang_up
        ended = Change("task.end", str(task_id), said, task_id=task_id, attempt_ids=attempt_ids or ())
        ending = audited(
            end_numbers(task_id, attempt_ids, hang_up=hang_up),
            lambda _in_progress: ended if attempt_ids is None or attempt_ids else None,
        )
        in_progress = await self._store.write(ending)
        told = {"task_id": task_id}
        log.info("task %d: ended by the user, %d calls in progress", task_id, len(in_progress), extra=told)
        if hang_up:
            self.hang_up(in_progress)
        for some in [None] if attempt_ids is None else _parts(attempt_ids):
            while await self._store.write(close_ended(task_id, some)):
                pass

    async def finish_ending(self) -> None:
        """Go on where an earlier daemon was stopped amid `end_numbers`."""
        self.hang_up(await self._store.read(fetch_hung_up))
        for task_id in await self._store.read(fetch_half_ended):
            while await self._store.write(close_ended(task_id)):
                pass

    async def finish_left_lists(self, *, earlier: bool) -> None:
        """Finish what was begun with large lists, with `earlier` also by an earlier daemon."""
        await self._large.finish_left(earlier=earlier)

    async def _of_large_task(self, change: TaskChange, crm_id: str | None, task_id: int | None) -> PostedList | None:
        """The list that is said, where its task has so many numbers that comparing and dropping them takes long. Raises
        TaskRefusedError."""
        if change.numbers is None:
            return None
        numbers, owner = change.numbers, change.owner or ""
        if not await self._store.read(lambda connection: is_long(connection, crm_id, task_id, owner, CHANGED_AT_ONCE)):
            return None
        await asyncio.to_thread(lambda: check_lifetimes(by_phone(numbers).values()))
        return PostedList(self._store, numbers)

    async def _without_twins(self, task_id: int, numbers: Sequence[Number]) -> Sequence[Number]:
        phone_ids = [one.phone_id for one in numbers]
        listed = await self._store.read(lambda connection: fetch_listed(connection, task_id, phone_ids))
        others = [one.phone for one in numbers if one.phone_id not in listed]
        twins = await fetch_twins(self._store, task_id, others, self._region)
        return [one for one in numbers if one.phone not in twins] if twins else numbers

    async def _with_zones(self, change: TaskChange, crm_id: str | None, task_id: int | None) -> TaskChange:
        """The list with the zones that its numbers' regions tell, where the task wants that. Numbers that are stored
        keep theirs until they are posted anew."""
        if not change.numbers or not await self._wants_zones(change, crm_id, task_id):
            return change
        return replace(change, numbers=await asyncio.to_thread(self._zoned, change.numbers))

    async def _wants_zones(self, change: TaskChange, crm_id: str | None, task_id: int | None) -> bool:
        by_region = change.rules.get("zone_by_region")
        if by_region is not None:
            return bool(by_region)
        stored = await self._store.read(lambda connection: find_task(connection, crm_id, task_id))
        return stored is not None and stored.rules.zone_by_region

    def _zoned(self, numbers: Sequence[Number]) -> list[Number]:
        return [one if one.zone else replace(one, zone=zone_of(one.phone, self._region)) for one in numbers]


def _numbers_added(done: tuple[Task, int] | None) -> Change | None:
    if done is None or not done[1]:
        return None
    task_id, count = done[0].task_id, done[1]
    return Change("task.add-numbers", str(task_id), f"{count} numbers", task_id=task_id)


T = TypeVar("T", bound=Task | None)


def _audited(operation: Operation[T], crm_id: str | None, task_id: int | None, change: TaskChange) -> Operation[T]:
    """With the row that tells what was done to the task, and who did it."""
    numbers = change.posted

    def look(tx: Transaction) -> Task | None:
        return find_task(tx.connection, crm_id, task_id, change.owner or "")

    return audited_change(
        operation, look, lambda before, after: None if after is None else task_change(before, after, numbers)
    )


def _parts(attempt_ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(attempt_ids), ENDED_AT_ONCE):
        yield attempt_ids[start : start + ENDED_AT_ONCE]
