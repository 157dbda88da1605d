"""The dry run of a list: what would become of its numbers if it were posted now. Stores nothing."""

import asyncio
import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dialer.dispatch.numbering import Form, find_twins, form_of, problem_of, zone_of
from dialer.dispatch.task_queue import TaskQueue
from dialer.dispatch.twins import fetch_twins
from dialer.model.safe import phone_id_of
from dialer.model.task import InnerNumType, Task
from dialer.model.texts import parameter_names
from dialer.store.database import Store
from dialer.store.pollings import find_polling
from dialer.store.stop_list import fetch_stopped
from dialer.store.tasks import fetch_listed, fetch_task_of


@dataclass(slots=True)
class Forecast:
    """Numbers by what would become of them; each stands under the first that fits."""

    stopped: list[str] = field(default_factory=list)
    """On a stop list."""
    duplicate: list[tuple[str, str]] = field(default_factory=list)
    """In the task already, and as it was listed there; or in the list a second time, and as it stands there first."""
    doubtful: list[tuple[str, str]] = field(default_factory=list)
    """No number of any country, as far as is known, and why; it would be dialled all the same."""
    outside_window: list[str] = field(default_factory=list)
    """New, but its subscriber may not be called at this hour."""
    new: list[str] = field(default_factory=list)
    forms: dict[Form, list[str]] = field(default_factory=dict)
    """Those that would be dialled once more, by how they are written; without those of no numbering plan."""
    as_e164: bool = False
    """Whether the task dials all of them in their international form, however they are written."""


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

    async def twins(self, phones: Sequence[str]) -> dict[str, str]:
        """The numbers that are an earlier one of the list in another form, each with that one. Of most forms the last
        ten digits are the same anyway; of some countries they are not (+375 29 … and 80 29 …)."""
        return await asyncio.to_thread(find_twins, phones, self._region)

    async def parameters(self, task_id: int | None, polling: str | None) -> list[str] | None:
        """The parameters that the texts of the task, or of the polling of a new one, say; None: it is not known which
        texts. Raises StoreError."""
        texts: list[str] = []
        if task_id is not None:
            task = await self._store.read(functools.partial(fetch_task_of, task_id=task_id))
            if task is None:
                return None
            texts = [task.rules.apology, task.rules.amd_message]
            polling = task.inner_num if task.inner_num_type is InnerNumType.POLLING else None
        if polling is not None:
            found = await self._store.read(functools.partial(find_polling, reference=polling))
            if found is None:
                return None
            texts = [*found.texts(), *texts]
        elif task_id is None:
            return None
        names = (name for text in texts for name in parameter_names(text))
        return list({name.casefold(): name for name in names}.values())

    async def forecast(self, phones: Sequence[str], task_id: int | None) -> Forecast | None:
        """What would become of the numbers, in a new task or in this one; None: no such task. Raises StoreError."""
        task = None
        if task_id is not None:
            task = await self._store.read(functools.partial(fetch_task_of, task_id=task_id))
            if task is None:
                return None
        phone_ids = [phone_id_of(phone) for phone in phones]
        stopped = await self._store.read(functools.partial(fetch_stopped, phone_ids=phone_ids, task_id=task_id))
        listed: dict[str, str] = {}
        if task is not None:
            listed = await self._store.read(functools.partial(fetch_listed, task_id=task.task_id, phone_ids=phone_ids))
            others = [phone for phone, phone_id in zip(phones, phone_ids, strict=True) if phone_id not in listed]
            twins = await fetch_twins(self._store, task.task_id, others, self._region)
            listed |= {phone_id_of(phone): known for phone, known in twins.items()}
        queue = None if task is None else self._queue_of(task)
        return await asyncio.to_thread(self._sort, list(zip(phones, phone_ids, strict=True)), stopped, listed, queue)

    def _sort(
        self, numbers: Sequence[tuple[str, str]], stopped: set[str], listed: dict[str, str], queue: TaskQueue | None
    ) -> Forecast:
        now, found = datetime.fromtimestamp(self._wall(), UTC), Forecast()
        found.as_e164 = queue is not None and queue.task.rules.as_e164
        for phone, phone_id in numbers:
            if phone_id in stopped:
                found.stopped.append(phone)
                continue
            if phone_id in listed:
                found.duplicate.append((phone, listed[phone_id]))
                continue
            listed[phone_id] = phone
            if (problem := problem_of(phone, self._region)) is not None:
                found.doubtful.append((phone, problem))
            elif queue is not None and not queue.is_open(self._zone(queue.task, phone), now):
                found.outside_window.append(phone)
            else:
                found.new.append(phone)
            if (form := form_of(phone, self._region)) is not None:
                found.forms.setdefault(form, []).append(phone)
        return found

    def _zone(self, task: Task, phone: str) -> str:
        return zone_of(phone, self._region) if task.rules.zone_by_region else ""
