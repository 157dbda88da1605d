"""Tasks with their figures: one place that counts for everybody who looks."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from dialer.api.console.shown import seconds
from dialer.dispatch.meter import Meter
from dialer.model.task import TaskState
from dialer.store.console import TaskHead
from dialer.store.database import Query, Store
from dialer.store.lists import DROPPED_TOPIC
from dialer.store.tallies import Chart, Tallies

READ_S = 0.25
"""Tasks are counted for the first time within one read as long as this is not over."""
CHARTS_KEPT = 20
"""Tasks whose charts are kept, those looked at last; each has a few figures a minute."""


class Counting:
    """Looks are short reads (dialer/store/tallies.py says what they cost), which wait for each other. What was counted
    once is known as long as the daemon runs."""

    def __init__(self, store: Store, meter: Meter) -> None:
        self._store = store
        self._meter = meter
        self._tallies = Tallies()
        self._charts: OrderedDict[int, Chart] = OrderedDict()
        self._alone = asyncio.Lock()
        self._dropped: set[int] = set()
        store.listen(DROPPED_TOPIC, self._rows_were_dropped)

    async def progress(self, fetch: Query[Sequence[TaskHead]]) -> list[dict[str, Any]]:
        """TaskProgress of each task that the query gives, all of them counted."""
        while True:
            found = await self.glance(fetch)
            if all(one["counted"] for one in found):
                return found

    async def glance(self, fetch: Query[Sequence[TaskHead]]) -> list[dict[str, Any]]:
        """Likewise by one read: those that were not counted yet, and are not within READ_S, come without figures.
        Tasks that are not closed are counted first, of them the newest."""

        def query(connection: Any) -> Sequence[TaskHead]:
            heads = fetch(connection)
            first = sorted(heads, key=lambda head: (head.state == TaskState.CLOSED.value, -head.id))
            self._tallies.refresh(connection, [head.id for head in first], READ_S)
            return heads

        async with self._alone:
            heads = await self._store.read(query)
            return [self._shown(head) for head in heads]

    async def chart(self, task_id: int) -> Chart:
        async with self._alone:
            self._dropped, dropped = set(), self._dropped
            for one in dropped:
                self._charts.pop(one, None)
            known = self._charts.pop(task_id, None) or Chart()
            chart = await self._store.read(lambda connection: known.refreshed(connection, task_id))
            self._charts[task_id] = chart
            while len(self._charts) > CHARTS_KEPT:
                self._charts.popitem(last=False)
            return chart

    def _rows_were_dropped(self, detail: str) -> None:
        self._tallies.drop(int(detail))
        self._dropped.add(int(detail))

    def _shown(self, head: TaskHead) -> dict[str, Any]:
        tally = self._tallies.of(head.id)
        return {
            "id": head.id,
            "crmId": head.crm_id,
            "name": head.name,
            "state": head.state,
            "innerNum": head.inner_num,
            "innerNumType": head.inner_num_type,
            "maxCountChannels": head.max_count_channels,
            "owner": head.owner,
            "counted": self._tallies.is_counted(head.id),
            "numbers": tally.numbers,
            "total": tally.total,
            "waiting": tally.waiting,
            "inProgress": tally.in_progress,
            "done": tally.done,
            "results": dict(tally.results),
            "perMinute": self._meter.finished_lately(head.id),
            "changeTime": seconds(head.changed_us),
        }
