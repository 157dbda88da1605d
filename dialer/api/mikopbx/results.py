"""/results and /polling-results"""

import json
import re
from decimal import Decimal
from functools import partial
from typing import Annotated, Any

from aiohttp import web
from pydantic import BeforeValidator, WithJsonSchema

from dialer.api.endpoint import Endpoint, Nothing
from dialer.api.mikopbx.envelope import body_of, reply_of_body
from dialer.api.mikopbx.php import php_serialize
from dialer.api.mikopbx.replies import AnswerPage, ResultPage, answers
from dialer.api.mikopbx.serving import Call
from dialer.model.prices import shown
from dialer.store.database import TICK_US, Store
from dialer.store.result_json import fetch_json
from dialer.store.results import Query, ResultRow, fetch_answers_since, results_since

SECOND_US = 1_000_000
_TIME = r"[0-9]{1,12}(\.[0-9]{1,9})?"


def _microseconds(text: str) -> int:
    if not re.fullmatch(_TIME, text, re.ASCII):
        raise ValueError(f"Unix seconds expected, got {text[:60]!r}")
    return int(Decimal(text) * SECOND_US)


class SincePath(Nothing):
    """Since when, Unix seconds."""

    changeTime: Annotated[
        int,
        BeforeValidator(_microseconds),
        WithJsonSchema({"type": "string", "pattern": f"^{_TIME}$", "$comment": "Unix seconds"}),
    ]
    """The greatest `changeTime` that you have seen; 0 at first."""


class Results:
    """What changed since a time, for the CRM that asks again and again."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        return (
            Endpoint("GET", "/results/{changeTime}", self.results, "Results changed since a time, oldest first",
                     answers(ResultPage), path_model=SincePath),
            Endpoint("GET", "/polling-results/{changeTime}", self.answers, "Answers given since a time, oldest first",
                     answers(AnswerPage), path_model=SincePath),
        )  # fmt: skip

    async def results(self, call: Call[SincePath, Nothing, None]) -> web.Response:
        since_us = call.path.changeTime // SECOND_US * SECOND_US
        return reply_of_body(await self._store.read(partial(_results_body, since_us=since_us)))

    async def answers(self, call: Call[SincePath, Nothing, None]) -> dict[str, Any]:
        since_us = call.path.changeTime
        rows = await self._store.read(lambda connection: fetch_answers_since(connection, since_us, TICK_US))
        return {"results": [answer_json(row) for row in rows]}


def _results_body(connection: Any, since_us: int) -> bytes:
    """In the database's thread: it is megabytes."""
    text, _last_id = results_text(connection, results_since(connection, since_us, SECOND_US))
    return body_of(f'{{"results":[{text}]}}')


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
        "params": _params_text(row.params),
        "changeTime": str(row.changed_us // SECOND_US),
        "countTry": None if row.attempt_number == 1 else str(row.attempt_number),
        "timeCallAllow": str(row.due_us // SECOND_US),
        "closeTime": str((row.closed_us or 0) // SECOND_US),
        # not among the document's fields: shown where there is something
        **({"nextTry": str(row.next_due_us // SECOND_US)} if row.next_due_us is not None else {}),
        **({"recording": row.recording} if row.recording and row.closed_us else {}),
        **({"clientId": row.client_id} if row.client_id is not None else {}),
        **({"callerId": row.caller_id} if row.caller_id is not None else {}),
        **({"talkTime": str(row.talked_s or 0), "cost": shown(row.cost_u)} if row.cost_u is not None else {}),
    }


def results_text(connection: Any, query: Query) -> tuple[str, int]:
    """Rows that a query finds, as JSON without the brackets around, and the greatest of their ids; 0: there are
    none."""
    if connection.dialect.name == "sqlite":
        return fetch_json(connection, query, _params_text)
    rows = connection.execute(query).all()
    text = json.dumps([result_json(row) for row in rows], separators=(",", ":"))
    return text[1:-1], max((row.id for row in rows), default=0)


def _params_text(params: Any) -> str:
    return php_serialize(params or "")


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
