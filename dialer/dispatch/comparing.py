"""A list compared with what is stored of its task, page by page: the writer, and so calls, do not wait for it."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

from dialer.dispatch.large_lists import Difference
from dialer.dispatch.numbering import zone_of
from dialer.model.task import Number
from dialer.store.database import Store
from dialer.store.joining import changed_part, dropped_part, new_part
from dialer.store.list_rows import ROWS_A_BLOCK, ListedRow, RowBlock, listed_row, row_blocks
from dialer.store.lists import Comparison, by_phone, fetch_stamp, take_later, take_page
from dialer.store.results import fetch_span

T = TypeVar("T")


class PostedList:
    """A list that the daemon itself has read: a short one, for a task that may have many numbers."""

    def __init__(self, store: Store, numbers: Sequence[Number]) -> None:
        self._store = store
        self._numbers = numbers
        self.posted = len(numbers)
        self.has_lifetimes = any(one.until_us is not None for one in numbers)

    async def rows(self, region: str | None) -> AsyncIterator[RowBlock]:
        for block in row_blocks((await self._rows(region)).values(), set()):
            yield block

    async def compare(self, task_id: int, region: str | None) -> Difference:
        return await compare(self._store, task_id, await self._rows(region))

    async def _rows(self, region: str | None) -> dict[str, ListedRow]:
        return await asyncio.to_thread(_rows_of, self._numbers, region)


async def compare(store: Store, task_id: int, rows: Mapping[str, ListedRow]) -> Difference:
    """Raises StoreError."""
    changed_us = await store.read(partial(fetch_stamp, task_id=task_id))
    span = await store.read(partial(fetch_span, task_id=task_id))
    found, last = Comparison(rows), None
    while last := await store.read(partial(take_page, task_id=task_id, span=span, found=found, last=last)):
        pass
    await store.read(partial(take_later, task_id=task_id, after_id=span.last_id, found=found))
    new = await asyncio.to_thread(found.new)
    has_clients = bool(found.busy_clients - {None}) or any(row[3] is not None for row in new)
    return Difference(changed_us, has_clients, _parts(found, new))


def zoned(row: ListedRow, region: str | None) -> ListedRow:
    """With the zone of its number's region, where a `region` is said and it has none of its own."""
    return row if region is None or row[4] else (*row[:4], zone_of(row[1], region), *row[5:])


def all_zoned(rows: dict[str, ListedRow], region: str | None) -> dict[str, ListedRow]:
    return rows if region is None else {one: zoned(row, region) for one, row in rows.items()}


def _rows_of(numbers: Sequence[Number], region: str | None) -> dict[str, ListedRow]:
    return all_zoned({phone_id: listed_row(one) for phone_id, one in by_phone(numbers).items()}, region)


async def _parts(found: Comparison, new: Sequence[ListedRow]) -> AsyncIterator[str]:
    for phone_ids in _blocks(found.dropped):
        yield dropped_part(phone_ids)
    for changed in _blocks(found.changed):
        yield changed_part(changed)
    for block in row_blocks(new, found.busy_clients):
        yield new_part(block)


def _blocks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), ROWS_A_BLOCK):
        yield values[start : start + ROWS_A_BLOCK]
