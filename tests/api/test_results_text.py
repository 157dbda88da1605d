"""Rows of results as text: the same as by way of dictionaries."""

import json
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dialer.api.mikopbx.results import result_json, results_text
from dialer.store.results import COLUMNS
from dialer.store.schema import attempt

WORDS = ["", "plain", 'a "quote"', "back\\slash", "имя № 1", "\x00\x1f\x7f", "\U0001f600", "<&>\n"]
TEXTS = st.sampled_from([None, *WORDS])
TIMES_US = st.sampled_from([0, 999_999, 1_700_000_000_000_100, 2**61])
VALUES: list[Any] = [*WORDS, None, True, 5, 2.5, [], {}, ["b", {"a": [1]}]]
PARAMS = st.none() | st.dictionaries(st.sampled_from(WORDS), st.sampled_from(VALUES), max_size=3)
ROWS = st.fixed_dictionaries(
    {
        "id": st.integers(1, 2**62), "task_id": st.integers(1, 2**62), "phone_id": st.just("9522233446"),
        "phone": st.just("+79522233446"), "linked_id": TEXTS, "call_file": TEXTS,
        "result": st.none() | st.just("SUCCESS"), "out_dial_state": TEXTS, "in_dial_state": TEXTS,
        "state": st.just("endCall"), "verbose_call_id": TEXTS, "cause": TEXTS, "params": PARAMS,
        "changed_us": TIMES_US, "attempt_number": st.integers(1, 3), "due_us": TIMES_US,
        "closed_us": st.none() | TIMES_US, "next_due_us": st.none() | TIMES_US, "recording": TEXTS, "client_id": TEXTS,
        "caller_id": TEXTS, "talked_s": st.integers(0, 9), "cost_u": st.none() | st.integers(0, 2**40),
    }
)  # fmt: skip


@given(rows=st.lists(ROWS, max_size=3))
def test_text_is_what_the_encoder_makes_of_dictionaries(rows: list[dict[str, Any]]) -> None:
    names = [column.name for column in COLUMNS[attempt]]
    stored = [{**row, "params_json": None if row["params"] is None else json.dumps(row["params"])} for row in rows]
    text = results_text([tuple(row[name] for name in names) for row in stored])
    assert f"[{text}]" == json.dumps([result_json(SimpleNamespace(**row)) for row in rows])  # type: ignore[arg-type]
