"""The numbers of one open task, in the order in which they are dialled: a lane for each zone of its subscribers."""

import functools
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from dialer.model.hours import Calendar, Window, why_closed, zone_named
from dialer.model.task import Task
from dialer.store.database import Store
from dialer.store.queue import Queued, fetch_due, fetch_new, fetch_next_due_us, fetch_zones

STOCK = 100
"""Numbers of a lane read at a time."""


@dataclass(slots=True)
class _Lane:
    """Numbers of one zone. What is in stock is not reserved: the claim decides."""

    window: Window
    stock: deque[Queued] = field(default_factory=deque)
    read_up_to: int = 0
    """The last attempt id read of those that may be dialled at any time."""


class TaskQueue:
    """Gives the next number whose subscriber may be called now: those whose time has come before those that have none
    of their own."""

    def __init__(
        self,
        task: Task,
        store: Store,
        *,
        calendar: Calendar,
        zone: tzinfo,
        is_known: Callable[[int], bool] = lambda attempt_id: False,
    ) -> None:
        """`zone`: of subscribers whose own is not known. `is_known`: attempts in progress, which the database may not
        know of yet."""
        self.task = task
        self._store = store
        self._calendar = calendar
        self._zone = zone
        self._is_known = is_known
        self._lanes: dict[str, _Lane] = {}
        self._windows: dict[str, Window] = {}
        self.waits_until: datetime | None = None
        """After a `restock` that found nothing: when some number may be dialled, if that is known."""
        self.closed: str | None = None
        """After such a `restock`: why no subscriber who waits may be called at this hour, in words."""
        self.has_waiting = False
        """After such a `restock`: whether numbers wait for their time."""

    def is_open(self, zone: str, now: datetime) -> bool:
        """Whether subscribers of a zone may be called at this moment."""
        return self._window(zone).is_open(now)

    def why_closed(self, zone: str, now: datetime) -> str:
        """Why subscribers of a zone may not be called at this moment, in words; empty: they may."""
        return why_closed(self.task.rules, self._calendar, zone_named(zone, self._zone), now)

    def next_opening(self, zone: str, now: datetime) -> datetime | None:
        """When subscribers of a zone may be called; None: never."""
        return self._window(zone).next_opening(now)

    def stock_at(self, now: datetime) -> int:
        """How many numbers `take` has to give."""
        return sum([len(lane.stock) for lane in self._lanes.values() if lane.stock and lane.window.is_open(now)])

    def take(self, now: datetime) -> Queued | None:
        """The next number in stock. The lanes take turns."""
        for zone, lane in self._lanes.items():
            if lane.stock and lane.window.is_open(now):
                number = lane.stock.popleft()
                self._lanes[zone] = self._lanes.pop(zone)
                return number
        return None

    def put_back(self, number: Queued) -> None:
        """Undo `take`."""
        self._lanes[number.zone].stock.appendleft(number)

    def in_stock(self) -> list[Queued]:
        """The numbers that have been read."""
        return [number for lane in self._lanes.values() for number in lane.stock]

    def drop(self, attempt_ids: Collection[int]) -> None:
        """Forget numbers that have been read."""
        for lane in self._lanes.values():
            lane.stock = deque(number for number in lane.stock if number.attempt_id not in attempt_ids)

    async def restock(self, now: datetime) -> bool:
        """Read on in the lanes that are open; False: nothing may be dialled now. Raises StoreError."""
        looks: list[datetime] = []
        self.has_waiting, self.closed, some_open = False, None, False
        for zone in await self._store.read(functools.partial(fetch_zones, task_id=self.task.task_id)):
            lane = self._lanes.setdefault(zone, _Lane(self._window(zone)))
            if not lane.window.is_open(now):
                opens = lane.window.next_opening(now)
                self.has_waiting = True
                self.closed = self.closed or self.why_closed(zone, now)
                looks += [opens] if opens else []
                continue
            some_open = True
            await self._read_on(zone, lane, now)
            if lane.stock:
                return True
            due_us = await self._store.read(
                functools.partial(
                    fetch_next_due_us, task_id=self.task.task_id, zone=zone, now_us=_microseconds(now)
                )
            )  # fmt: skip
            if due_us is not None:
                self.has_waiting = True
                looks.append(datetime.fromtimestamp(due_us / 1_000_000, UTC))
        self.waits_until = min(looks, default=None)
        if some_open:
            self.closed = None
        return False

    async def _read_on(self, zone: str, lane: _Lane, now: datetime) -> None:
        """What is due; else on in the list, and at its end from its beginning, for attempts that came back."""
        task_id, now_us = self.task.task_id, _microseconds(now)
        due = await self._store.read(
            functools.partial(fetch_due, task_id=task_id, zone=zone, now_us=now_us, limit=STOCK)
        )
        lane.stock.extend(row for row in due if not self._is_known(row.attempt_id))
        for after_id in dict.fromkeys((lane.read_up_to, 0)):
            if lane.stock:
                return
            rows = await self._store.read(
                functools.partial(fetch_new, task_id=task_id, zone=zone, after_id=after_id, limit=STOCK)
            )
            lane.stock.extend(row for row in rows if not self._is_known(row.attempt_id))
            if rows:
                lane.read_up_to = rows[-1].attempt_id

    def _window(self, zone: str) -> Window:
        if zone not in self._windows:
            self._windows[zone] = Window(self.task.rules, self._calendar, zone_named(zone, self._zone))
        return self._windows[zone]


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
