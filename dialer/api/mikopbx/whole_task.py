"""A task with all its rows, page by page: neither the memory of the daemon nor its event loop notices a million."""

import json
import logging
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any

from aiohttp import web

from dialer.api.mikopbx.envelope import around, reply_of_text
from dialer.api.mikopbx.results import answer_json, results_text
from dialer.store.database import Store, StoreError
from dialer.store.results import fetch_first_and_last, fetch_task_answers, fetch_task_results, is_large

log = logging.getLogger(__name__)
PAGE = 1000
"""Rows that are read at once: some 20 ms of the database's thread."""


async def send_whole(request: web.Request, store: Store, task_id: int, head: Mapping[str, Any]) -> web.StreamResponse:
    """`head`: the task's own fields. Each row is as it is when its page is read; those that come about meanwhile are
    not among them. Where the database fails amid it, the reply is broken off."""
    start = json.dumps(head)[:-1]
    if not await store.read(partial(is_large, task_id=task_id, rows=PAGE)):
        return reply_of_text(start + "".join([piece async for piece in _rows(store, task_id)]))
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
    except StoreError as error:
        log.warning("task %d: its rows are sent by halves: %s", task_id, error, extra={"task_id": task_id})
        if request.transport is not None:
            request.transport.abort()
        return response
    await response.write_eof(behind.encode())
    return response


async def _rows(store: Store, task_id: int) -> AsyncIterator[str]:
    yield ', "results": ['
    next_id, last_id = await store.read(partial(fetch_first_and_last, task_id=task_id))
    comma = ""
    while next_id <= last_id:
        text, row_id = await store.read(partial(_page, task_id=task_id, first_id=next_id, last_id=last_id))
        if not row_id:
            break
        yield comma + text
        comma, next_id = ", ", row_id + 1
    yield '], "resultsPoling": ['
    comma, after_id = "", 0
    while answered := await store.read(partial(fetch_task_answers, task_id=task_id, after_id=after_id, limit=PAGE)):
        yield comma + json.dumps([answer_json(row) for row in answered])[1:-1]
        comma, after_id = ", ", answered[-1].id
    yield "]}"


def _page(connection: Any, *, task_id: int, first_id: int, last_id: int) -> tuple[str, int]:
    """In the database's thread: text of rows, and the id of the last one; 0: there are no more."""
    rows = fetch_task_results(connection, task_id, first_id, last_id, PAGE)
    return results_text(rows), rows[-1].id if rows else 0
