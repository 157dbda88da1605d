"""Tasks with their figures: one place that counts for everybody who looks."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from dialer.api.console.shown import seconds
from dialer.dispatch.meter import Meter
from dialer.store.console import TaskHead
from dialer.store.database import Query, Store
from dialer.store.tallies import Chart, Tallies
from dialer.store.tasks import DROPPED_TOPIC

CHARTS_KEPT = 20
"""Tasks whose charts are kept, those looked at last; each has a few figures a minute."""


class Counting:
    """Every look is one short read (dialer/store/tallies.py says what it costs); looks wait for each other."""

    def __init__(self, store: Store, meter: Meter) -> None:
        self._store = store
        self._meter = meter
        self._tallies = Tallies()
        self._charts: OrderedDict[int, Chart] = OrderedDict()
        self._alone = asyncio.Lock()
        self._dropped: set[int] = set()
        store.listen(DROPPED_TOPIC, self._rows_were_dropped)

    async def progress(self, fetch: Query[Sequence[TaskHead]]) -> list[dict[str, Any]]:
        """TaskProgress of each task that the query gives."""

        def query(connection: Any) -> Sequence[TaskHead]:
            heads = fetch(connection)
            self._tallies.refresh(connection, [head.id for head in heads])
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
            "numbers": tally.numbers,
            "total": tally.total,
            "waiting": tally.waiting,
            "inProgress": tally.in_progress,
            "done": tally.done,
            "results": dict(tally.results),
            "perMinute": self._meter.finished_lately(head.id),
            "changeTime": seconds(head.changed_us),
        }
