"""The process that writes one table: `python -m dialer.api.console.export_worker`.

It is told by JSON on its standard input what to write, reads the database by itself and writes the file to its
standard output: neither the event loop nor the memory of the daemon notices a million rows.
"""

import asyncio
import csv
import functools
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dialer.api.console.export_rows import Cell, ParamNames, Question, Table, harmless
from dialer.store.console import fetch_export_page, fetch_params_page, fetch_questions
from dialer.store.database import Store

PAGE = 2000
NICENESS = 10
BOM = "\ufeff"
"""So that Excel knows that it is UTF-8."""
DELIMITERS = {"ru": ";", "en": ","}
"""As Excel of that language expects."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be written."""

    url: str
    task_id: int
    format: str
    lang: str
    zone: str


async def main() -> None:
    os.nice(NICENESS)  # calls go first
    order = Order(**json.loads(sys.stdin.readline()))
    store = await Store.open(order.url, beside_daemon=True)
    try:
        questions: dict[Question, str] = await store.read(lambda connection: fetch_questions(connection, order.task_id))
        params = await _param_names(store, order.task_id)
        table = Table(order.lang, ZoneInfo(order.zone), questions, params.names, params.has_others)
        await (_write_csv if order.format == "csv" else _write_xlsx)(store, order, table)
    finally:
        await store.close()


async def _param_names(store: Store, task_id: int) -> ParamNames:
    """Read before the rows, because the headings come first."""
    names, after, known = ParamNames(), None, set[tuple[str, ...]]()
    while True:
        page, after = await store.read(functools.partial(fetch_params_page, task_id=task_id, after=after, limit=PAGE))
        fresh = dict.fromkeys(tuple(one) for one in page if tuple(one) not in known)
        for one in fresh:
            names.add(one)
        if len(known) < PAGE:
            known.update(fresh)
        if after is None:
            return names


async def _rows(store: Store, task_id: int, table: Table) -> AsyncIterator[list[Cell]]:
    after: Any = None
    while True:
        rows, answers = await store.read(functools.partial(fetch_export_page, task_id=task_id, after=after, limit=PAGE))
        for row in rows:
            yield table.row(row, answers.get(row.id, ()))
        if len(rows) < PAGE:
            return
        after = (rows[-1].phone_id, rows[-1].attempt_number)


async def _write_csv(store: Store, order: Order, table: Table) -> None:
    target = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", errors="replace", newline="", write_through=False)
    target.write(BOM)
    writer = csv.writer(target, delimiter=DELIMITERS[order.lang])
    writer.writerow([harmless(heading) for heading in table.headings()])
    async for row in _rows(store, order.task_id, table):
        writer.writerow([harmless(cell) for cell in row])
    target.flush()


async def _write_xlsx(store: Store, order: Order, table: Table) -> None:
    from dialer.api.sheets.writing import WorkbookWriter  # noqa: PLC0415 - the daemon's start spares it

    writer = WorkbookWriter(table.headings())
    async for row in _rows(store, order.task_id, table):
        writer.write(row)
    with tempfile.TemporaryDirectory(prefix="dialer-export-") as folder:
        file = Path(folder, "table.xlsx")
        writer.save(file)
        _copy(file)


def _copy(file: Path) -> None:
    with file.open("rb") as content:
        shutil.copyfileobj(content, sys.stdout.buffer)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    asyncio.run(main())
