"""The audit log: a row with each change, or neither."""

import json
import logging
import time
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from dialer.logs import JsonLines, TextLines
from dialer.model.access import Role
from dialer.model.audit import Author, Change, task_change
from dialer.model.rules import Rules
from dialer.model.task import InnerNumType, Task, TaskState
from dialer.store import audit, users
from dialer.store.access import NameTakenError, fetch_sessions, start_session
from dialer.store.audit import acting_as, audited, entry, fetch_audit, prune_audit
from dialer.store.database import Store, Transaction
from dialer.store.tasks import save_task
from tests.store.making import a_task

AUTHOR = Author("user:anna", "192.0.2.7")
DAY_S = 86_400
TASK = Task(7, "c", "Оценка", TaskState.OPEN, "201", InnerNumType.EXTEN, 5, "")


async def rows(store: Store) -> list[tuple[str, str, str]]:
    found, _ = await store.read(fetch_audit)
    return [(row.who, row.action, row.target) for row in found]


async def test_a_change_and_its_row_are_stored_together_or_not_at_all(store: Store) -> None:
    told: list[str] = []
    store.listen(audit.TOPIC, told.append)
    with acting_as(AUTHOR) as trail:
        saving = audited(users.save_user("oleg", Role.OPERATOR, "x"), lambda one: Change("user.create", one.login))
        again = audited(users.save_user("oleg", Role.OPERATOR, "y"), lambda one: Change("user.create", one.login))
    assert trail.told
    await store.write(saving)
    with pytest.raises(NameTakenError):
        await store.write(again)

    def fails_later(tx: Transaction) -> None:
        saving_more(tx)
        raise ZeroDivisionError

    with acting_as(AUTHOR):
        saving_more = audited(users.save_user("petr", Role.OPERATOR, "z"), lambda _: Change("user.create", "petr"))
    with pytest.raises(ZeroDivisionError):
        await store.write(fails_later)
    assert await rows(store) == [("user:anna", "user.create", "oleg")]
    assert [json.loads(line)["target"] for line in told] == ["oleg"]
    assert [one.login for one in await store.read(users.fetch_users)] == ["oleg"]


async def test_what_nobody_has_done_and_what_was_not_done_leaves_no_row(store: Store) -> None:
    await store.write(audited(save_task(None, None, a_task()), lambda _: Change("task.create")))
    with acting_as(AUTHOR):
        removing = audited(users.delete_user("nobody"), lambda done: Change("user.delete") if done else None)
    await store.write(removing)
    assert await rows(store) == []


@pytest.mark.parametrize(
    ("author", "change", "fields", "text"),
    [
        (
            AUTHOR,
            Change("task.pause", "7", "state open → paused", task_id=7),
            {"task_id": 7, "who": "user:anna", "address": "192.0.2.7", "action": "task.pause", "target": "7",
             "detail": "state open → paused"},
            'task_id=7 who=user:anna address=192.0.2.7 action=task.pause target=7 detail="state open → paused"',
        ),
        (
            Author("command:root"),
            Change("task.end", "7", "1 numbers", task_id=7, attempt_ids=[70]),
            {"task_id": 7, "attempt_id": 70, "who": "command:root", "address": "", "action": "task.end", "target": "7",
             "detail": "1 numbers"},
            'task_id=7 attempt_id=70 who=command:root address="" action=task.end target=7 detail="1 numbers"',
        ),
        (
            AUTHOR,
            Change("task.end", "7", "900 numbers", task_id=7, attempt_ids=tuple(range(900))),
            {"task_id": 7, "who": "user:anna", "address": "192.0.2.7", "action": "task.end", "target": "7",
             "detail": "900 numbers", "attempt_ids": list(range(100))},
            None,
        ),
        (
            AUTHOR,
            Change("stop-list.add", "…0001", number="…0001"),
            {"who": "user:anna", "address": "192.0.2.7", "action": "stop-list.add", "target": "…0001", "detail": "",
             "number": "…0001"},
            'who=user:anna address=192.0.2.7 action=stop-list.add target=…0001 detail="" number=…0001',
        ),
        (
            Author("key:x\nwho=root"),
            Change("apikey.create", 'x" who=root', "a\nb who=root"),
            {"who": "key:x\nwho=root", "address": "", "action": "apikey.create", "target": 'x" who=root',
             "detail": "a\nb who=root"},
            r'who="key:x\nwho=root" address="" action=apikey.create target="x\" who=root" detail="a\nb who=root"',
        ),
    ],
    ids=["task", "number", "many numbers", "telephone", "stranger"],
)  # fmt: skip
async def test_a_line_of_the_log_has_what_a_row_says_as_fields(
    store: Store, author: Author, change: Change, fields: dict[str, Any], text: str | None
) -> None:
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.extend(form.format(record) for form in (JsonLines(), TextLines()))  # type: ignore[method-assign]
    logger = logging.getLogger("dialer.audit")
    store.listen(audit.TOPIC, audit.write_line)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        await store.write(entry(author, change))
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    said = json.loads(lines[0])
    assert said.pop("time")
    assert said == {"level": "INFO", "logger": "dialer.audit", "message": change.action, **fields}
    if text is not None:
        assert lines[1].partition(" INFO ")[2] == f"dialer.audit: {change.action} {text}"


async def test_old_rows_go_and_new_ones_stay(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PRUNED_AT_ONCE", 3)
    now_s = 1_760_000_000
    for days_ago in (400, 380, 370, 366, 364, 0):
        with patch("time.time_ns", return_value=(now_s - days_ago * DAY_S) * 10**9):
            await store.write(entry(AUTHOR, Change("task.pause", str(days_ago))))
    with patch("time.time_ns", return_value=now_s * 10**9):
        while await store.write(prune_audit(365)):
            pass
    assert [target for _, _, target in await rows(store)] == ["0", "364"]


async def test_a_page_is_chosen_from_so_many_rows_and_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "LOOKED_AT", 4)
    for place in range(10):
        await store.write(entry(AUTHOR, Change("task.pause", f"t{place}")))
    found, before, pages = [], None, 0
    while pages == 0 or before is not None:
        page, before = await store.read(
            lambda connection, before=before: fetch_audit(connection, before_id=before, search="t1")  # type: ignore[misc]
        )
        found += [row.target for row in page]
        pages += 1
    assert (found, pages) == (["t1"], 3)


async def test_a_user_s_sessions_end_with_a_change(store: Store) -> None:
    await store.write(users.save_user("anna", Role.OPERATOR, "x"))
    for change in (users.change_user("anna", role=Role.ADMIN), users.delete_user("anna")):
        for login in ("anna", "admin"):
            await store.write(start_session(f"{login}{change}", login, "mark", "192.0.2.1"))
        await store.write(change)
        assert {one.login for one in await store.read(lambda c: fetch_sessions(c, 0))} == {"admin"}


@pytest.mark.parametrize(
    ("after", "action", "detail"),
    [
        (replace(TASK, state=TaskState.PAUSED), "task.pause", "state open → paused"),
        (replace(TASK, state=TaskState.CLOSED, name="Б"), "task.close", "name Оценка → Б; state open → closed"),
        (replace(TASK, notify_url="https://crm.example/?secret=1"), "task.change", "notifyUrl changed"),
        (replace(TASK, rules=Rules(max_attempts=3, try_interval_s=5)), "task.change",
         "rules: max_attempts, try_interval_s"),
    ],
)  # fmt: skip
def test_a_change_of_a_task_is_told_in_words_without_secrets(after: Task, action: str, detail: str) -> None:
    assert task_change(TASK, after, None) == Change(action, "7", detail, task_id=7)


def test_what_was_so_already_is_no_change_of_a_task() -> None:
    assert task_change(TASK, TASK, None) is None
    assert task_change(TASK, TASK, 2) == Change("task.change", "7", "2 numbers", task_id=7)


@pytest.mark.alone
async def test_a_row_costs_a_post_little(store: Store) -> None:
    """As the desk does it, a hundred requests at a time in one commit."""

    async def posted_s(*, with_rows: bool) -> float:
        began_s = time.perf_counter()
        for _ in range(3):
            operations = []
            for _place in range(100):
                operation = save_task("c-1", None, a_task(20))
                if with_rows:
                    with acting_as(AUTHOR):
                        operation = audited(operation, lambda task: Change("task.change", str(task.task_id), "20"))
                operations.append(store.submit(operation))
            for done in operations:
                await done
        return time.perf_counter() - began_s

    await posted_s(with_rows=True)
    plain_s = min([await posted_s(with_rows=False) for _ in range(3)])
    audited_s = min([await posted_s(with_rows=True) for _ in range(3)])
    print(f"300 posts: {plain_s:.3f} s, with rows {audited_s:.3f} s")
    assert audited_s < plain_s * 1.6
