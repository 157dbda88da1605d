"""/console/v1/tasks/{id}/charts: outcomes over time, answers by question"""

import functools
from collections import defaultdict
from datetime import datetime, tzinfo
from typing import Any

from dialer.api.console.counting import Counting
from dialer.api.console.shown import Charts
from dialer.api.endpoint import Endpoint, Nothing
from dialer.api.mikopbx.replies import answers
from dialer.api.mikopbx.serving import Call
from dialer.api.mikopbx.tasks import TaskPath, known, not_found
from dialer.model.polling import Polling
from dialer.model.task import InnerNumType
from dialer.store.console import fetch_head
from dialer.store.database import Store
from dialer.store.pollings import fetch_polling
from dialer.store.tallies import Chart

SECOND_US = 1_000_000
BUCKETS_S = (60, 300, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400)
MOST_BUCKETS = 120
MOST_ANSWERS = 50


class ChartFigures:
    """What a task's charts are drawn from."""

    def __init__(self, store: Store, counting: Counting, zone: tzinfo) -> None:
        self._store = store
        self._counting = counting
        self._zone = zone

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        return (
            Endpoint("GET", "/tasks/{id}/charts", self.get, "Outcomes over time and answers by question",
                     answers(Charts), path_model=TaskPath),
        )  # fmt: skip

    async def get(self, call: Call[TaskPath, Nothing, None]) -> dict[str, Any]:
        task_id = known(call.path.id)
        head = await self._store.read(lambda connection: fetch_head(connection, task_id))
        if head is None:
            raise not_found(task_id)
        chart = await self._counting.chart(task_id)
        pollings: dict[int, Polling] = {}
        if head.inner_num_type == InnerNumType.POLLING.value:
            for polling_id in {key[0] for key in chart.answers}:
                found = await self._store.read(functools.partial(fetch_polling, polling_id=polling_id))
                if found is not None:
                    pollings[polling_id] = found[0]
        bucket_s, outcomes = outcomes_of(chart, self._zone)
        return {"bucket_s": bucket_s, "outcomes": outcomes, "questions": questions_of(chart, pollings)}


def outcomes_of(chart: Chart, zone: tzinfo) -> tuple[int, list[dict[str, Any]]]:
    """How long a bucket is, seconds, and what is in each. Long ones begin with hours and days of the zone."""
    if not chart.minutes:
        return BUCKETS_S[0], []
    times_s = [minute_us // SECOND_US for minute_us, _ in chart.minutes]
    first_s, last_s = min(times_s), max(times_s)
    bucket_s = next((one for one in BUCKETS_S if (last_s - first_s) / one < MOST_BUCKETS), BUCKETS_S[-1])
    offset = datetime.fromtimestamp(first_s, zone).utcoffset()
    offset_s = 0 if offset is None else int(offset.total_seconds())
    buckets: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for (minute_us, result), times in sorted(chart.minutes.items()):
        began_s = (minute_us // SECOND_US + offset_s) // bucket_s * bucket_s - offset_s
        bucket = buckets[began_s]
        bucket[result] = bucket.get(result, 0) + times
    return bucket_s, [{"time": float(began_s), "results": results} for began_s, results in buckets.items()]


def questions_of(chart: Chart, pollings: dict[int, Polling]) -> list[dict[str, Any]]:
    """Answers by question, in the order of the polling; questions that it does not have any more come last."""
    texts = {
        (polling_id, question.question_id): question.text
        for polling_id, polling in sorted(pollings.items())
        for question in polling.questions
    }
    given: defaultdict[tuple[int, str], dict[str | None, int]] = defaultdict(dict)
    for (polling_id, question_id, value), times in chart.answers.items():
        given[polling_id, question_id][value] = times
    order = [*(key for key in texts if key in given), *sorted(key for key in given if key not in texts)]
    return [_question(key, texts.get(key, ""), given[key]) for key in order]


def _question(key: tuple[int, str], text: str, given: dict[str | None, int]) -> dict[str, Any]:
    ordered = sorted(given.items(), key=lambda one: (-one[1], one[0] or ""))
    return {
        "pollingId": key[0],
        "questionId": key[1],
        "text": text,
        "answers": [{"value": value, "times": times} for value, times in ordered[:MOST_ANSWERS]],
        "others": sum(times for _, times in ordered[MOST_ANSWERS:]),
    }
