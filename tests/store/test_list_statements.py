"""The statements that lists are stored by."""

from pathlib import Path

from sqlalchemy import event
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.engine import Engine

from dialer.store.database import Store
from dialer.store.lists import _CHANGE_WAITING
from dialer.store.tasks import save_task
from tests.store.making import a_task, ask, url_of

LENGTHS = (1, 2, 7, 31, 33, 255, 300, 1999, 2001)


async def test_lists_of_all_lengths_share_a_few_statements(tmp_path: Path) -> None:
    """sqlite3 keeps each that it has seen: a megabyte for a list of 2000."""
    database = tmp_path / "dialer.db"
    seen: set[str] = set()

    def look(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if statement.startswith("INSERT INTO attempt"):
            seen.add(statement)

    event.listen(Engine, "before_cursor_execute", look)
    store = await Store.open(url_of(database))
    try:
        for length in LENGTHS:
            await store.write(save_task(None, None, a_task(length)))
    finally:
        event.remove(Engine, "before_cursor_execute", look)
        await store.close()
    assert 0 < len(seen) <= 5
    assert ask(database, "SELECT count(*) FROM attempt GROUP BY task_id ORDER BY task_id") == [
        (one,) for one in LENGTHS
    ]


def test_parameters_that_are_told_anew_are_json_for_postgresql() -> None:
    compiled = _CHANGE_WAITING.compile(dialect=asyncpg.dialect())  # type: ignore[no-untyped-call]
    assert "params=$1::JSON" in str(compiled)
    assert compiled._bind_processors.get("new_params") is None  # it is a text already
