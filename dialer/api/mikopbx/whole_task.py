"""A task with all its rows, page by page: neither the memory of the daemon nor its event loop notices a million."""

import asyncio
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
"""Rows that are read at once: some 10 ms each of the database and of a thread."""


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
        page = partial(fetch_task_results, task_id=task_id, first_id=next_id, last_id=last_id, limit=PAGE)
        rows = await store.read(page)
        if not rows:
            break
        yield comma + await asyncio.to_thread(results_text, rows)
        comma, next_id = ", ", rows[-1].id + 1
    yield '], "resultsPoling": ['
    comma, after_id = "", 0
    while answered := await store.read(partial(fetch_task_answers, task_id=task_id, after_id=after_id, limit=PAGE)):
        yield comma + json.dumps([answer_json(row) for row in answered])[1:-1]
        comma, after_id = ", ", answered[-1].id
    yield "]}"
