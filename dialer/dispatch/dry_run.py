"""The dry run of a list: what would become of its numbers if it were posted now. Stores nothing."""

import asyncio
import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dialer.dispatch.numbering import problem_of, zone_of
from dialer.dispatch.task_queue import TaskQueue
from dialer.model.safe import phone_id_of
from dialer.model.task import Task
from dialer.store.database import Store
from dialer.store.stop_list import fetch_stopped
from dialer.store.tasks import fetch_listed, fetch_task_of


@dataclass(slots=True)
class Forecast:
    """Numbers by what would become of them; each stands under the first that fits."""

    stopped: list[str] = field(default_factory=list)
    """On a stop list."""
    duplicate: list[str] = field(default_factory=list)
    """In the list a second time, or in the task already."""
    doubtful: list[tuple[str, str]] = field(default_factory=list)
    """No number of any country, as far as is known, and why; it would be dialled all the same."""
    outside_window: list[str] = field(default_factory=list)
    """New, but its subscriber may not be called at this hour."""
    new: list[str] = field(default_factory=list)


class DryRun:
    """Looks at lists beside what is stored. `region`: two letters of the country whose numbers have no code."""

    def __init__(
        self,
        store: Store,
        queue_of: Callable[[Task], TaskQueue],
        region: str = "RU",
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._queue_of = queue_of
        self._region = region
        self._wall = wall

    async def forecast(self, phones: Sequence[str], task_id: int | None) -> Forecast | None:
        """What would become of the numbers, in a new task or in this one; None: no such task. Raises StoreError."""
        task = None
        if task_id is not None:
            task = await self._store.read(functools.partial(fetch_task_of, task_id=task_id))
            if task is None:
                return None
        phone_ids = [phone_id_of(phone) for phone in phones]
        stopped = await self._store.read(functools.partial(fetch_stopped, phone_ids=phone_ids, task_id=task_id))
        listed: set[str] = set()
        if task is not None:
            listed = await self._store.read(functools.partial(fetch_listed, task_id=task.task_id, phone_ids=phone_ids))
        queue = None if task is None else self._queue_of(task)
        return await asyncio.to_thread(self._sort, list(zip(phones, phone_ids, strict=True)), stopped, listed, queue)

    def _sort(
        self, numbers: Sequence[tuple[str, str]], stopped: set[str], listed: set[str], queue: TaskQueue | None
    ) -> Forecast:
        now, found = datetime.fromtimestamp(self._wall(), UTC), Forecast()
        for phone, phone_id in numbers:
            if phone_id in stopped:
                found.stopped.append(phone)
            elif phone_id in listed:
                found.duplicate.append(phone)
            elif (problem := problem_of(phone, self._region)) is not None:
                found.doubtful.append((phone, problem))
            elif queue is not None and not queue.is_open(self._zone(queue.task, phone), now):
                found.outside_window.append(phone)
            else:
                found.new.append(phone)
            listed.add(phone_id)
        return found

    def _zone(self, task: Task, phone: str) -> str:
        return zone_of(phone, self._region) if task.rules.zone_by_region else ""
