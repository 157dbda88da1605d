"""Rows of results as SQLite writes them: to the letter what Python's encoder makes of them."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, insert
from sqlalchemy.pool import StaticPool

from dialer.api.mikopbx.results import result_json, results_text
from dialer.store.results import Query, dense_page, results_since, task_results, task_rows
from dialer.store.schema import attempt, metadata

TASK_ID = 2**62
WORDS = ["", "plain", 'a "quote"', "back\\slash", "имя № 1", "\x00\x1f\x7f\x80", "\U0001f600", "<&>/\n\t\b"]
MISLEADING = ['"params":""', '","params":"","', "null}", '}{"', "}", "\x01", "\\u0001", '"', "%d%s", "'"]
NAMES = st.sampled_from([*WORDS, *MISLEADING]) | st.text(st.characters(exclude_categories=["Cs"]))
TEXTS = st.none() | NAMES
TIMES_US = st.sampled_from([0, 1, 999_999, 1_000_000, 1_700_000_000_000_100, 2**61])
VALUES = TEXTS | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from([[], {}, 2**70])
PARAMS = st.none() | st.dictionaries(
    st.sampled_from([*WORDS, *MISLEADING]),
    st.recursive(VALUES, lambda some: st.lists(some, max_size=2) | st.dictionaries(st.text('aя"'), some, max_size=2)),
    max_size=3,
)
COSTS_U = st.integers(0, 9_999_999) | st.sampled_from([10**6, 10**12 + 10, 2**62])
ROW = st.fixed_dictionaries(
    {
        "phone": NAMES, "state": NAMES, "linked_id": TEXTS, "call_file": TEXTS, "out_dial_state": TEXTS,
        "in_dial_state": TEXTS, "verbose_call_id": TEXTS, "cause": TEXTS, "params": PARAMS, "changed_us": TIMES_US,
        "due_us": TIMES_US, "recording": TEXTS, "client_id": TEXTS, "caller_id": TEXTS,
        "talked_s": st.none() | st.integers(0, 9), "cost_u": st.none() | COSTS_U,
    }
)  # fmt: skip
CLOSED = st.just({"closed_us": None, "result": None}) | st.fixed_dictionaries({"closed_us": TIMES_US, "result": NAMES})


@st.composite
def rows_of_a_task(draw: st.DrawFn) -> list[dict[str, Any]]:
    """The second is the attempt after the first."""
    number = draw(st.integers(1, 3))
    return [
        {
            "task_id": TASK_ID, "phone_id": f"{place // 2}", "attempt_number": number + place % 2,
            **draw(ROW), **draw(CLOSED),
        }
        for place in range(draw(st.integers(0, 3)))
    ]  # fmt: skip


ENGINE = create_engine("sqlite://", poolclass=StaticPool)


@contextmanager
def holding(rows: list[dict[str, Any]]) -> Iterator[Connection]:
    with ENGINE.connect() as connection:
        metadata.create_all(connection)
        if rows:
            connection.execute(insert(attempt), rows)
        yield connection
        connection.rollback()


def by_python(connection: Connection) -> str:
    shown = [result_json(row) for row in connection.execute(task_results(TASK_ID))]
    return json.dumps(shown, separators=(",", ":"))


@given(rows=rows_of_a_task())
def test_sqlite_writes_rows_as_the_encoder_does(rows: list[dict[str, Any]]) -> None:
    with holding(rows) as connection:
        text, last_id = results_text(connection, task_results(TASK_ID))
        assert f"[{text}]" == by_python(connection)
        assert last_id == len(rows)


@given(rows=rows_of_a_task())
def test_other_databases_rows_are_written_by_python(rows: list[dict[str, Any]]) -> None:
    with holding(rows) as connection, patch.object(connection.dialect, "name", "other"):
        text, last_id = results_text(connection, task_results(TASK_ID))
        assert (f"[{text}]", last_id) == (by_python(connection), len(rows))


@pytest.mark.parametrize("find", [
    lambda connection: results_since(connection, 0, 1), lambda _connection: task_results(TASK_ID),
    lambda _connection: task_rows(TASK_ID, range(1, 401)), lambda _connection: dense_page(TASK_ID, 1, 500, 400),
])  # fmt: skip
def test_rows_are_written_in_the_order_of_the_query(find: Callable[[Connection], Query]) -> None:
    rows = [
        {"task_id": TASK_ID, "phone_id": str(place), "phone": "1", "state": "endCall", "changed_us": place * 7919 % 500}
        for place in range(500)
    ]
    with holding(rows) as connection:
        query = find(connection)
        text, last_id = results_text(connection, query)
        ids = [row.id for row in connection.execute(query)]
        assert [int(row["id"]) for row in json.loads(f"[{text}]")] == ids
        assert last_id == max(ids)
