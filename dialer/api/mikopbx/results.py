"""/results and /polling-results"""

import re
from decimal import Decimal
from typing import Any

from aiohttp import web

from dialer.api.mikopbx.envelope import RefusedError, reply
from dialer.api.mikopbx.php import php_serialize
from dialer.store.database import TICK_US, Store
from dialer.store.results import ResultRow, fetch_answers_since, fetch_results_since

SECOND_US = 1_000_000
_TIME = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?", re.ASCII)


class Results:
    """What changed since a time, for the CRM that asks again and again."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self, base: str) -> list[web.RouteDef]:
        return [
            web.get(f"{base}/results/{{changeTime}}", self.results),
            web.get(f"{base}/polling-results/{{changeTime}}", self.answers),
        ]

    async def results(self, request: web.Request) -> web.Response:
        since_us = _since_us(request) // SECOND_US * SECOND_US
        rows = await self._store.read(lambda connection: fetch_results_since(connection, since_us, SECOND_US))
        return reply({"results": [result_json(row) for row in rows]})

    async def answers(self, request: web.Request) -> web.Response:
        since_us = _since_us(request)
        rows = await self._store.read(lambda connection: fetch_answers_since(connection, since_us, TICK_US))
        return reply({"results": [answer_json(row) for row in rows]})


def result_json(row: ResultRow) -> dict[str, Any]:
    """A result row: texts and nulls, in the document's order."""
    return {
        "id": str(row.id),
        "taskId": str(row.task_id),
        "phoneId": row.phone_id,
        "phone": row.phone,
        "linkedId": row.linked_id,
        "callFile": row.call_file,
        "result": row.result,
        "outDialState": row.out_dial_state,
        "inDialState": row.in_dial_state,
        "state": row.state,
        "verboseCallId": row.verbose_call_id,
        "cause": row.cause,
        "params": php_serialize(row.params if row.params else ""),
        "changeTime": str(row.changed_us // SECOND_US),
        "countTry": None if row.attempt_number == 1 else str(row.attempt_number),
        "timeCallAllow": "0",
        "closeTime": str((row.closed_us or 0) // SECOND_US),
        # not among the document's fields: shown where a talk was recorded
        **({"recording": row.recording} if row.recording and row.closed_us else {}),
    }


def answer_json(row: ResultRow) -> dict[str, Any]:
    """An answer; its time has four decimals."""
    return {
        "id": str(row.id),
        "taskId": str(row.task_id),
        "questionCrmId": row.question_id,
        "pollingId": str(row.polling_id),
        "phoneId": row.phone_id,
        "phone": row.phone,
        "result": row.result,
        "exten": row.exten,
        "changeTime": f"{row.changed_us // SECOND_US}.{row.changed_us % SECOND_US // TICK_US:04d}",
    }


def _since_us(request: web.Request) -> int:
    text = request.match_info["changeTime"]
    if not _TIME.fullmatch(text):
        raise RefusedError(f"changeTime: Unix seconds expected, got {text[:60]!r}")
    return int(Decimal(text) * SECOND_US)
