"""API keys and sessions in the store: what is kept of them, and for how long."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from dialer.model.access import Role
from dialer.store.access import (
    LONGEST_SESSION_S,
    SECOND_US,
    SESSION_S,
    NameTakenError,
    delete_key,
    delete_sessions,
    end_session,
    fetch_keys,
    fetch_sessions,
    find_key,
    find_session,
    renew_session,
    save_key,
    start_session,
    touch_key,
)
from dialer.store.database import Store
from tests.store.making import url_of

SECRET, TOKEN, MARK = "dlr_" + "k" * 43, "t" * 43, "mark"


async def test_nothing_in_the_database_opens_the_door(tmp_path: Path) -> None:
    """Neither a key nor a session's token can be read from it, nor can what is stored be used in their place."""
    database = tmp_path / "dialer.db"
    store = await Store.open(url_of(database))
    await store.write(save_key("crm", Role.OPERATOR, SECRET))
    await store.write(start_session(TOKEN, "admin", MARK, "192.0.2.1"))
    await store.close()
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert SECRET.encode() not in content
    assert TOKEN.encode() not in content
    with closing(sqlite3.connect(database)) as connection:
        stored = [row[0] for row in connection.execute("SELECT digest FROM api_key UNION SELECT digest FROM session")]
    store = await Store.open(url_of(database))
    assert len(stored) == 2
    for digest in stored:
        assert await store.read(partial(find_key, secret=digest)) is None
        assert await store.read(partial(find_session, token=digest, password_mark=MARK, now_us=0)) is None
    await store.close()


async def test_a_key_is_found_until_it_is_revoked_and_its_name_is_its_own(tmp_path: Path) -> None:
    store = await Store.open(url_of(tmp_path / "dialer.db"))
    await store.write(save_key("crm", Role.READ_ONLY, SECRET))
    with pytest.raises(NameTakenError):
        await store.write(save_key("crm", Role.ADMIN, "another"))
    key = await store.read(lambda c: find_key(c, SECRET))
    assert key is not None
    assert (key.name, key.role, key.used_us) == ("crm", Role.READ_ONLY, None)
    await store.write(touch_key(key.key_id))
    (listed,) = await store.read(fetch_keys)
    assert listed.used_us is not None
    for wrong in ("", SECRET[:-1], SECRET + "k", SECRET.upper(), "\ud800"):
        assert await store.read(partial(find_key, secret=wrong)) is None
    assert await store.write(delete_key("crm"))
    assert not await store.write(delete_key("crm"))
    assert await store.read(lambda c: find_key(c, SECRET)) is None
    await store.close()


async def test_a_session_ends_after_an_hour_unused_or_with_its_password(tmp_path: Path) -> None:
    store = await Store.open(url_of(tmp_path / "dialer.db"))
    await store.write(start_session(TOKEN, "admin", MARK, "192.0.2.1"))
    (session,) = await store.read(lambda c: fetch_sessions(c, 0))
    end_us = session.expires_us
    assert end_us - session.created_us == SESSION_S * SECOND_US
    assert await store.read(lambda c: find_session(c, TOKEN, MARK, end_us - 1)) == session
    assert await store.read(lambda c: find_session(c, TOKEN, MARK, end_us)) is None
    assert await store.read(lambda c: fetch_sessions(c, end_us)) == []
    assert await store.read(lambda c: find_session(c, TOKEN, "new password", 0)) is None
    await store.write(renew_session(session))
    assert await store.read(lambda c: find_session(c, TOKEN, MARK, end_us)) is not None
    begun_long_ago = replace(session, created_us=session.created_us - LONGEST_SESSION_S * SECOND_US)
    await store.write(renew_session(begun_long_ago))
    assert await store.read(lambda c: find_session(c, TOKEN, MARK, end_us)) is None
    await store.close()


async def test_sessions_are_ended_one_by_one_and_all_at_once(tmp_path: Path) -> None:
    store = await Store.open(url_of(tmp_path / "dialer.db"))
    for token in ("a", "b", "c"):
        await store.write(start_session(token, "admin", MARK, "192.0.2.1"))
    await store.write(end_session("a"))
    assert await store.read(lambda c: find_session(c, "a", MARK, 0)) is None
    assert await store.read(lambda c: find_session(c, "b", MARK, 0)) is not None
    assert await store.write(delete_sessions()) == 2
    assert await store.read(lambda c: fetch_sessions(c, 0)) == []
    await store.close()


async def test_sessions_that_are_over_do_not_pile_up(tmp_path: Path) -> None:
    database = tmp_path / "dialer.db"
    store = await Store.open(url_of(database))
    await store.write(start_session("old", "admin", MARK, "192.0.2.1"))
    await store.close()
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE session SET expires_us = 1")
    store = await Store.open(url_of(database))
    await store.write(start_session("new", "admin", MARK, "192.0.2.1"))
    assert len(await store.read(lambda c: fetch_sessions(c, 0))) == 1
    await store.close()
