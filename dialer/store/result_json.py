"""Rows of results as JSON that SQLite makes: their values never become objects of Python, whose lock others have
meanwhile.

What a row looks like says `result_json` in dialer/api/mikopbx/results.py; tests hold the one against the other.
"""

import json
import re
from collections.abc import Callable
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from sqlalchemy import ColumnElement, Connection, literal_column, select

from dialer.store.results import Query

_ALWAYS = """json_object(
 'id', CAST(id AS TEXT), 'taskId', CAST(task_id AS TEXT), 'phoneId', phone_id, 'phone', phone, 'linkedId', linked_id,
 'callFile', call_file, 'result', result, 'outDialState', out_dial_state, 'inDialState', in_dial_state, 'state', state,
 'verboseCallId', verbose_call_id, 'cause', cause, 'params', '', 'changeTime', CAST(changed_us / 1000000 AS TEXT),
 'countTry', CAST(nullif(attempt_number, 1) AS TEXT), 'timeCallAllow', CAST(due_us / 1000000 AS TEXT),
 'closeTime', CAST(coalesce(closed_us, 0) / 1000000 AS TEXT))"""
_SOMETIMES = """
 iif(next_due_us IS NULL, '', ',"nextTry":"' || (next_due_us / 1000000) || '"')
 || iif(recording != '' AND closed_us, ',"recording":' || json_quote(recording), '')
 || iif(client_id IS NULL, '', ',"clientId":' || json_quote(client_id))
 || iif(caller_id IS NULL, '', ',"callerId":' || json_quote(caller_id))
 || iif(cost_u IS NULL, '', ',"talkTime":"' || coalesce(talked_s, 0) || '","cost":"'
  || printf('%d.%02d', cost_u / 1000000, cost_u / 10000 % 100) || rtrim(printf('%04d', cost_u % 10000), '0') || '"')"""
# most rows have nothing of these; rtrim takes one bracket: a quote is before it
_ROW = f"""CASE WHEN coalesce(next_due_us, recording, client_id, caller_id, cost_u) IS NULL THEN {_ALWAYS}
 ELSE rtrim({_ALWAYS}, '}}') || {_SOMETIMES} || '}}' END"""
# In the order of the rows within: SQLite leaves that alone where group_concat is used (3.40 select.c, flattenSubquery).
_PAGE: list[ColumnElement[Any]] = [
    literal_column("max(id)"),
    literal_column(f"group_concat({_ROW})"),
    literal_column("group_concat(coalesce(params, 'null'))"),
]
_PARAMS = '"params":""'
"""Where they go. No other place of a row looks like it: quotes within a text have backslashes."""
_NOT_PLAIN = re.compile(r"[^ -~]+")


def fetch_json(connection: Connection, query: Query, params_text: Callable[[Any], str]) -> tuple[str, int]:
    """Rows as JSON in ASCII with a comma between, and the greatest of their ids; 0: there are none. Only of SQLite.

    `params_text` makes of a row's parameters the text that is shown.
    """
    last_id, text, params = connection.execute(select(*_PAGE).select_from(query.subquery())).one()
    if last_id is None:
        return "", 0
    if not text.isascii() or "\x7f" in text:
        text = _NOT_PLAIN.sub(lambda some: quoted(some[0])[1:-1], text)
    shown = [f'"params":{quoted(params_text(one))}' for one in json.loads(f"[{params}]")]
    pieces = [""] * (2 * len(shown) + 1)
    pieces[::2], pieces[1::2] = text.split(_PARAMS), shown
    return "".join(pieces), last_id
