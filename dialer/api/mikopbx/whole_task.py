"""A task with all its rows, page by page: neither the memory of the daemon nor its event loop notices a million."""

import json
import logging
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any

from aiohttp import web

from dialer.api.mikopbx.envelope import around, body_of, reply_of_body
from dialer.api.mikopbx.results import answer_json, results_text
from dialer.store.database import Store, StoreError
from dialer.store.results import (
    dense_page,
    fetch_ids,
    fetch_span,
    fetch_task_answers,
    is_large,
    task_results,
    task_rows,
)
from dialer.store.tasks import fetch_task

log = logging.getLogger(__name__)
_RESULTS, _ANSWERS, _END = ', "results": [', '], "resultsPoling": [', "]}"
PAGE = 1000
"""Rows that are read at once: some 20 ms of the database's thread."""


async def send_whole(
    request: web.Request, store: Store, task_id: int, head: Mapping[str, Any]
) -> web.StreamResponse | None:
    """`head`: the task's own fields. Each row is as it is when its page is read; those that come about meanwhile are
    not among them. Where the database fails amid it, or the task is deleted, the reply is broken off. None: it is
    deleted already."""
    start = json.dumps(head)[:-1]
    text = await store.read(partial(_small, task_id=task_id))
    if text is not None:
        return reply_of_body(body_of(start + text))
    if await store.read(partial(fetch_task, task_id=task_id)) is None:
        return None
    response = web.StreamResponse()
    response.content_type, response.charset = "application/json", "utf-8"
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    before, behind = around()
    await response.write((before + start).encode())
    try:
        async for piece in _rows(store, task_id):
            await response.write(piece.encode())
        trouble = "" if await store.read(partial(fetch_task, task_id=task_id)) else "it was deleted meanwhile"
    except StoreError as error:
        trouble = str(error)
    if not trouble:
        await response.write_eof(behind.encode())
        return response
    log.warning("task %d: its rows are sent by halves: %s", task_id, trouble, extra={"task_id": task_id})
    if request.transport is not None:
        request.transport.abort()
    return response


def _small(connection: Any, task_id: int) -> str | None:
    """Rows and answers of a task of few; None: it has many, or is not there any more."""
    if is_large(connection, task_id, PAGE) or fetch_task(connection, task_id) is None:
        return None
    rows, _last_id = results_text(connection, task_results(task_id))
    answered = [answer_json(row) for row in fetch_task_answers(connection, task_id, 0, PAGE)]
    return _RESULTS + rows + _ANSWERS + json.dumps(answered)[1:-1] + _END


async def _rows(store: Store, task_id: int) -> AsyncIterator[str]:
    yield _RESULTS
    comma = ""
    async for text in _pages(store, task_id):
        yield comma + text
        comma = ","
    yield _ANSWERS
    comma, after_id = "", 0
    while answered := await store.read(partial(fetch_task_answers, task_id=task_id, after_id=after_id, limit=PAGE)):
        yield comma + json.dumps([answer_json(row) for row in answered])[1:-1]
        comma, after_id = ", ", answered[-1].id
    yield _END


async def _pages(store: Store, task_id: int) -> AsyncIterator[str]:
    span = await store.read(partial(fetch_span, task_id=task_id))
    if span.is_dense:
        next_id, last_id = span.first_id, span.last_id
        while next_id:
            page = dense_page(task_id, next_id, last_id, PAGE)
            text, row_id = await store.read(partial(results_text, query=page))
            if text:
                yield text
            next_id = row_id and row_id + 1
        return
    ids = await store.read(partial(fetch_ids, task_id=task_id))
    for start in range(0, len(ids), PAGE):
        page = task_rows(task_id, ids[start : start + PAGE])
        text, _row_id = await store.read(partial(results_text, query=page))
        if text:
            yield text
