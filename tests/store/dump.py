"""Writes tests/store/dumps/version_N.sql, N the current schema version, with rows of every kind.

Run `python -m tests.store.dump` before SCHEMA_VERSION is raised, while the code still writes version N, and commit the
file. It is never written again: later versions must be able to migrate it.
"""

import asyncio
import itertools
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

from dialer.model.access import Role
from dialer.model.attempt import Attempt, AttemptState
from dialer.model.audit import Author, Change
from dialer.model.call import CallOrder
from dialer.model.flow import Voice
from dialer.model.outcome import Outcome
from dialer.model.polling import Action, Press, Question
from dialer.model.progress import Progress
from dialer.model.records import InRecord, OutRecord
from dialer.model.rules import DayKind, DayWindow
from dialer.model.task import InnerNumType, Number, Task, TaskState
from dialer.model.template import Action as KeyAction
from dialer.model.template import Goal, MenuKey, OwnWords, Sound, Template
from dialer.model.verdict import Verdict
from dialer.store import events
from dialer.store.access import save_key, start_session
from dialer.store.attempts import (
    claim_attempt,
    mark_spooled,
    requeue_attempt,
    save_answer,
    save_progress,
    save_result,
    tell_progress,
)
from dialer.store.audio import save_audio
from dialer.store.audit import entry
from dialer.store.clients import ClientChange, ClientPhone, save_clients
from dialer.store.database import Store
from dialer.store.finishing import Bill
from dialer.store.pollings import delete_polling, save_polling
from dialer.store.queue import fetch_new
from dialer.store.receipts import Request, answered_once
from dialer.store.schema import SCHEMA_VERSION
from dialer.store.scripts import save_script
from dialer.store.tasks import TaskChange, change_task, delete_task, save_task
from dialer.store.users import save_user
from tests.store.making import end_by_user

DUMPS = Path(__file__).with_name("dumps")
_FIRST_NS = 1_760_000_000_000_000_000
_QUESTIONS = (
    Question(
        "1",
        "Вы довольны, <имя>? Да - один, нет - два, «оператор» - ноль.",
        press=(
            Press("1", Action.ANSWER, "да", next_question="2"),
            Press("2", Action.PLAYBACK, "Жаль", "text"),
            Press("0", Action.DIAL, "201"),
            Press("*", Action.RESTART),
        ),
    ),
    Question("2", file="/var/lib/autodialer/audio/спасибо.wav", def_press="1", timeout_s=2.5, press=(Press("1"),)),
)

_TEMPLATE = Template(
    greeting=Sound(text="Здравствуйте", voice=Voice.FEMALE),
    voice=None,
    information=Sound(file="магазин|7"),
    records_message=True,
    message_to="a@shop.example",
    refusing_key="9",
    asks=True,
    menu=Sound(text="Повторить - один, оператор - ноль"),
    menu_repeats=2,
    keys=(
        MenuKey("1", "повторить", KeyAction.REPEAT, repeats=2),
        MenuKey("0", "оператор", KeyAction.OPERATOR, telephones=("201", "79001112233")),
    ),
    goal=Goal.OPERATOR,
    shows_subscriber=True,
    task_defaults={"lines": 3},
)


async def fill(store: Store) -> None:
    """Tasks in every state, attempts in every state and with every result, answers, pollings, deleted rows."""
    polling = await store.write(save_polling("опрос-7", "Оценка «сервиса»", _QUESTIONS))
    await store.write(save_polling(None, "It's the second", _QUESTIONS[:1]))
    gone = await store.write(save_polling(None, "Удалён", _QUESTIONS))
    await store.write(delete_polling(gone.crm_id))

    asked = await _new_task(store, "обзвон-1", "Опрос клиентов", polling.crm_id, 20)
    orders = await _orders(store, asked)
    open_states = (AttemptState.DIALLING, AttemptState.POLLING, AttemptState.POLLED)
    for order, state in zip(orders, open_states, strict=False):
        await _dial(store, order)
        if state is not AttemptState.DIALLING:
            await store.write(save_progress(_attempt(order, state)))
            await store.write(save_answer(order.attempt_id, polling.polling_id, "1", "да", "1"))
    await store.write(mark_spooled(orders[3]))
    await store.write(mark_spooled(orders[4]))
    await store.write(requeue_attempt(orders[4].attempt_id))
    for order, outcome in zip(orders[5:], Outcome, strict=False):
        await _dial(store, order)
        if outcome in {Outcome.SUCCESS_POLLING, Outcome.FAIL_POLLING}:
            await store.write(save_answer(order.attempt_id, polling.polling_id, "2", "нет, не доволен", "2"))
        await store.write(save_result(_closed(order, outcome)))

    paused = await _new_task(store, None, "Приостановлена", "201", 5)
    orders = await _orders(store, paused)
    await _dial(store, orders[0])
    await store.write(save_progress(_attempt(orders[0], AttemptState.CONNECTING)))
    await _dial(store, orders[1])
    await store.write(save_result(_closed(orders[1], Outcome.SUCCESS_CLIENT_H)))
    await store.write(change_task(paused.task_id, None, TaskChange(state=TaskState.PAUSED)))

    closed = await _new_task(store, "closed", "Закрыта", "2200", 2)
    for order in await _orders(store, closed):
        await _dial(store, order)
        await store.write(save_result(_closed(order, Outcome.FAIL)))
    await store.write(change_task(closed.task_id, None, TaskChange(state=TaskState.CLOSED)))

    deleted = await _new_task(store, "gone", "Удалена", "201", 3)
    for order in await _orders(store, deleted):
        await store.write(save_answer(order.attempt_id, polling.polling_id, "1", "да", "1"))
    await store.write(delete_task(deleted.task_id))
    await _fill_beside_calls(store, polling.polling_id)


async def _fill_beside_calls(store: Store, polling_id: int) -> None:
    """Audio, clients, who gets in, receipts, and events that wait, were delivered, failed and were given up."""
    await store.write(save_audio("Привет.mp3", 12_345))
    phones = [ClientPhone("+79522233446", "9522233446"), ClientPhone("79522233416", "9522233416")]
    await store.write(save_clients([ClientChange("к-1", "Анна", phones, {"долг": "1250,50 руб."})]))
    await store.write(save_key("crm", Role.OPERATOR, "a key"))
    await store.write(start_session("a token", "admin", "mark", "192.0.2.1"))
    await store.write(save_user("anna", Role.OPERATOR, "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA"))
    await store.write(
        entry(Author("user:anna", "192.0.2.1"), Change("task.pause", "1000000001", "state open → paused"))
    )
    notify = TaskChange(
        inner_num=str(polling_id),
        inner_num_type=InnerNumType.POLLING,
        numbers=[Number("79522233446", "9522233446", {"имя": "Анна"})],
        record_talk=True,
        notify_url="https://crm.example/hook?secret=1",
    )
    saving = save_task("уведомить", None, notify)
    told = await store.write(answered_once(Request("key:crm", "uuid", "digest"), saving, lambda task: task.task_id))
    (order,) = await _orders(store, told)
    await _dial(store, order)
    for value in ("да", "нет", "может быть"):
        await store.write(save_answer(order.attempt_id, polling_id, "1", value, "1"))
    await store.write(save_result(_closed(order, Outcome.SUCCESS_POLLING)))
    waiting = await store.read(lambda connection: events.fetch_events(connection, dead=False, after_id=0, limit=10))
    await store.write(events.mark_delivered(waiting[0].row_id))
    await store.write(events.mark_dead(waiting[1].row_id, "HTTP 410", _FIRST_NS // 1000))
    await store.write(events.mark_failed(waiting[2].row_id, "нет ответа", _FIRST_NS // 1000, _FIRST_NS // 500))
    await _fill_of_an_owner(store)


async def _fill_of_an_owner(store: Store) -> None:
    """What another facade's account has: scripts, a sound, a task whose steps are told and whose messages are mailed,
    numbers that its user has ended."""
    script_id = await store.write(save_script("магазин", "Скидки", _TEMPLATE.as_json()))
    await store.write(save_script("магазин", "Только для одной задачи", _TEMPLATE.as_json(), listed=False))
    await store.write(save_audio("магазин|7", 54_321, "магазин"))
    own = OwnWords("8 952 223-34-40", "договор № 5", "к-5", Sound(text="Здравствуйте, Анна"), Voice.MALE, "79001112233")
    numbers = [
        Number(f"7952223344{place}", f"952223344{place}", own.as_params(), ring_timeout_s=30 + place)
        for place in range(4)
    ]
    change = TaskChange(
        "Распродажа",
        inner_num=str(script_id),
        inner_num_type=InnerNumType.SCRIPT,
        numbers=numbers,
        notify_url="https://shop.example/notify?a=1",
        rules={
            "tells_progress": True, "breakable": True, "success_after_s": 30, "ring_timeout_s": 40,
            "not_before_us": _FIRST_NS // 1000, "schedule": (DayWindow(DayKind.HOLIDAY, 600, 1440),),
        },
        owner="магазин",
    )  # fmt: skip
    task = await store.write(save_task("votbox:0f", None, change))
    called, in_progress, *waiting = await _orders(store, task)
    await _dial(store, called, shown_number="74951112233")
    await store.write(tell_progress(called.attempt_id, Progress.KEY, {"key": "1"}))
    await store.write(save_answer(called.attempt_id, script_id, "message", "a.wav", "1", mail_to="a@shop.example"))
    bill = Bill(42, 1_250_000, "79001112233", 20, 500_000)
    await store.write(save_result(_closed(called, Outcome.SUCCESS_POLLING), None, bill, tells_progress=True))
    await _dial(store, in_progress)
    await end_by_user(store, task.task_id, [in_progress.attempt_id, waiting[0].attempt_id], hang_up=True)


async def _new_task(store: Store, crm_id: str | None, name: str, inner_num: str, count: int) -> Task:
    """A task whose `inner_num` is no number is a polling's."""
    kind = InnerNumType.EXTEN if inner_num.isdecimal() else InnerNumType.POLLING
    numbers = [
        Number(f"+7952{place:07d}", f"952{place:07d}", {"имя": f"Иван № {place}"} if place % 2 else None)
        for place in range(count)
    ]
    change = TaskChange(name, None, inner_num, kind, 3, "8", numbers)
    return await store.write(save_task(crm_id, None, change))


async def _orders(store: Store, task: Task) -> list[CallOrder]:
    queued = await store.read(lambda connection: fetch_new(connection, task.task_id, "", 0, 100))
    return [
        CallOrder(
            one.attempt_id, task.task_id, one.phone, task.dial_prefix, task.inner_num, task.inner_num_type, one.params
        )
        for one in queued
    ]


async def _dial(store: Store, order: CallOrder, shown_number: str | None = None) -> None:
    await store.write(mark_spooled(order))
    linked_id, call_id = f"1760000000.{order.attempt_id}", f"[C-{order.attempt_id:08x}]"
    assert await store.write(claim_attempt(order.attempt_id, linked_id, call_id, shown_number=shown_number))


def _attempt(order: CallOrder, state: AttemptState) -> Attempt:
    return Attempt(order.attempt_id, order.task_id, order.inner_num_type, state)


def _closed(order: CallOrder, outcome: Outcome) -> Attempt:
    reached = outcome not in {Outcome.FAIL, Outcome.FAIL_ROUTE, Outcome.FAIL_PROVIDER}
    return _attempt(order, AttemptState.DIALLING)._replace(
        out_record=OutRecord("ANSWER" if reached else "BUSY", 17, (486,), subscriber_hung_up=False),
        in_record=InRecord("NOANSWER", "", "", 16, "", "") if reached else None,
        verdict=Verdict(outcome, None if reached else 'Занято: it\'s "486"'),
    )


def _ticking() -> Iterator[int]:
    return itertools.count(_FIRST_NS, 1_000_000)


async def write_dump(folder: Path = DUMPS) -> Path:
    """Return the file written: SQL that makes the database, its `user_version` included."""
    with tempfile.TemporaryDirectory() as scratch:
        database = Path(scratch) / "dialer.db"
        store = await Store.open(f"sqlite:///{database}")
        with patch("time.time_ns", side_effect=_ticking()):
            await fill(store)
        await store.close()
        with closing(sqlite3.connect(database)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            lines = [*connection.iterdump(), f"PRAGMA user_version = {version};"]
    assert version == SCHEMA_VERSION
    target = folder / f"version_{version}.sql"
    with target.open("x", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return target


if __name__ == "__main__":
    print(asyncio.run(write_dump()))
