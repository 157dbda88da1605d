"""Receipts: with the change, or not at all."""

from pathlib import Path

import pytest

from dialer.store.database import Store, Transaction
from dialer.store.receipts import (
    AnsweredBeforeError,
    KeyReusedError,
    Request,
    answered_once,
    check_unanswered,
    forget_receipts,
)
from dialer.store.tasks import TaskRefusedError, fetch_tasks, save_task
from tests.store.making import a_task, url_of

REQUEST = Request("local", "key", "digest")


async def test_an_answered_request_changes_nothing_more(tmp_path: Path) -> None:
    store = await Store.open(url_of(tmp_path / "dialer.db"))
    operation = answered_once(REQUEST, save_task(None, None, a_task()), lambda task: {"id": task.task_id})
    task = await store.write(operation)
    with pytest.raises(AnsweredBeforeError) as caught:
        await store.write(operation)
    assert caught.value.reply == {"id": task.task_id}
    with pytest.raises(KeyReusedError):
        await store.write(answered_once(Request("local", "key", "other"), save_task(None, None, a_task()), str))
    assert len(await store.read(lambda connection: fetch_tasks(connection, None, 0, 9))) == 1
    await store.write(answered_once(Request("crm", "key", "digest"), save_task(None, None, a_task()), lambda _: 0))
    assert len(await store.read(lambda connection: fetch_tasks(connection, None, 0, 9))) == 2
    await store.close()


async def test_an_operation_that_fails_leaves_no_receipt(tmp_path: Path) -> None:
    store = await Store.open(url_of(tmp_path / "dialer.db"))

    def refuse(_tx: Transaction) -> None:
        raise TaskRefusedError("innerNum", "no")

    with pytest.raises(TaskRefusedError):
        await store.write(answered_once(REQUEST, refuse, str))

    def render(_: object) -> object:
        raise TaskRefusedError("reply", "cannot be made")

    with pytest.raises(TaskRefusedError):
        await store.write(answered_once(REQUEST, save_task(None, None, a_task()), render))
    await store.read(lambda connection: check_unanswered(connection, REQUEST))
    assert await store.read(lambda connection: fetch_tasks(connection, None, 0, 9)) == []
    await store.close()


async def test_old_receipts_are_forgotten(tmp_path: Path) -> None:
    store = await Store.open(url_of(tmp_path / "dialer.db"))
    await store.write(answered_once(REQUEST, save_task(None, None, a_task()), lambda _: 0))
    assert await store.write(forget_receipts(3600)) == 0
    assert await store.write(forget_receipts(-1)) == 1
    await store.read(lambda connection: check_unanswered(connection, REQUEST))
    await store.close()
