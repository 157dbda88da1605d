"""/results and /polling-results"""

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from json.encoder import encode_basestring_ascii as quoted
from typing import Annotated, Any

from aiohttp import web
from pydantic import BeforeValidator, WithJsonSchema

from dialer.api.endpoint import Endpoint, Nothing
from dialer.api.mikopbx.envelope import reply_of_text
from dialer.api.mikopbx.php import php_serialize
from dialer.api.mikopbx.replies import AnswerPage, ResultPage, answers
from dialer.api.mikopbx.serving import Call
from dialer.model.prices import shown
from dialer.store.database import TICK_US, Store
from dialer.store.results import ResultRow, fetch_answers_since, fetch_results_since

SECOND_US = 1_000_000
NULL = "null"
NO_PARAMS = 's:0:"";'
"""As PHP serializes an empty text."""
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
        text = await self._store.read(
            lambda connection: results_text(fetch_results_since(connection, since_us, SECOND_US))
        )
        return reply_of_text(f'{{"results": [{text}]}}')

    async def answers(self, call: Call[SincePath, Nothing, None]) -> dict[str, Any]:
        since_us = call.path.changeTime
        rows = await self._store.read(lambda connection: fetch_answers_since(connection, since_us, TICK_US))
        return {"results": [answer_json(row) for row in rows]}


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
        "timeCallAllow": str(row.due_us // SECOND_US),
        "closeTime": str((row.closed_us or 0) // SECOND_US),
        # not among the document's fields: shown where there is something
        **({"nextTry": str(row.next_due_us // SECOND_US)} if row.next_due_us is not None else {}),
        **({"recording": row.recording} if row.recording and row.closed_us else {}),
        **({"clientId": row.client_id} if row.client_id is not None else {}),
        **({"callerId": row.caller_id} if row.caller_id is not None else {}),
        **({"talkTime": str(row.talked_s), "cost": shown(row.cost_u)} if row.cost_u is not None else {}),
    }


def results_text(rows: Sequence[Any]) -> str:
    """Rows as /results and /task fetch them as JSON without the brackets around, to the letter what `json.dumps` makes
    of `result_json`, in a third of its time."""
    return ", ".join(_result_text(row) for row in rows)


def _result_text(row: Any) -> str:
    (
        row_id, task_id, phone_id, phone, linked_id, call_file, result, out_dial_state, in_dial_state, state,
        verbose_call_id, cause, params_json, changed_us, attempt_number, due_us, closed_us, next_due_us, recording,
        client_id, caller_id, talked_s, cost_u,
    ) = row  # fmt: skip
    params = php_serialize(json.loads(params_json) or "") if params_json else NO_PARAMS
    text = (
        f'{{"id": "{row_id}", "taskId": "{task_id}", "phoneId": "{phone_id}", "phone": "{phone}", '
        f'"linkedId": {NULL if linked_id is None else quoted(linked_id)}, '
        f'"callFile": {NULL if call_file is None else quoted(call_file)}, '
        f'"result": {NULL if result is None else quoted(result)}, '
        f'"outDialState": {NULL if out_dial_state is None else quoted(out_dial_state)}, '
        f'"inDialState": {NULL if in_dial_state is None else quoted(in_dial_state)}, "state": "{state}", '
        f'"verboseCallId": {NULL if verbose_call_id is None else quoted(verbose_call_id)}, '
        f'"cause": {NULL if cause is None else quoted(cause)}, "params": {quoted(params)}, '
        f'"changeTime": "{changed_us // SECOND_US}", '
        f'"countTry": {NULL if attempt_number == 1 else quoted(str(attempt_number))}, '
        f'"timeCallAllow": "{due_us // SECOND_US}", "closeTime": "{(closed_us or 0) // SECOND_US}"'
    )
    if next_due_us is not None:
        text += f', "nextTry": "{next_due_us // SECOND_US}"'
    if recording and closed_us:
        text += f', "recording": {quoted(recording)}'
    if client_id is not None:
        text += f', "clientId": {quoted(client_id)}'
    if caller_id is not None:
        text += f', "callerId": {quoted(caller_id)}'
    if cost_u is not None:
        text += f', "talkTime": "{talked_s}", "cost": "{shown(cost_u)}"'
    return text + "}"


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
