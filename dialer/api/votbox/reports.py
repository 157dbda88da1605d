"""What became of tasks and numbers, and the recordings of talks."""

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from dialer.api.votbox.errors import Code, VotboxError, quoted
from dialer.api.votbox.facade import Call, Item, VotboxCall
from dialer.api.votbox.moscow import kopecks, now_us, unix_s
from dialer.api.votbox.statuses import JOB_WORDS, Stage, job_of, reason_of, stage_of, task_item
from dialer.api.votbox.tasks import find_task
from dialer.dispatch.recordings import Recordings
from dialer.model.compile_template import MESSAGE_QUESTION
from dialer.model.safe import UnsafeValueError, attempt_id_of_recording
from dialer.model.task import Task
from dialer.model.template import OwnWords
from dialer.store.database import Store
from dialer.store.items import (
    count_unfinished,
    fetch_answers_of,
    fetch_attempts,
    fetch_items,
    find_item,
    is_recorded,
)
from dialer.store.tasks import fetch_tasks

PAGE = 10_000
MAX_PAGE = 100_000
TASKS_AT_ONCE = 1000
_SEPARATOR = "~"


class VotboxReports:
    """6. check, 7. get.task, 8. detail, 9. recordtalk."""

    def __init__(self, store: Store, recordings: Recordings) -> None:
        self._store = store
        self._recordings = recordings

    def calls(self) -> tuple[VotboxCall, ...]:
        return (
            VotboxCall("autocall.check", self.check),
            VotboxCall("autocall.get.task", self.list_active),
            VotboxCall("autocall.detail", self.tell_call),
            VotboxCall("autocall.recordtalk", self.give_recording),
        )

    async def check(self, call: Call) -> list[Item]:
        task, unfinished = await find_task(self._store, call.account, call.form.required("taskid"))
        page = call.form.number("page", 0, MAX_PAGE, 1)
        told: list[Item] = [("task", task_item(task, unfinished, now_us()))]
        if page:
            rows = await self._store.read(
                lambda connection: fetch_items(connection, task.task_id, (page - 1) * PAGE, PAGE)
            )
            told += [("item", _item(row._asdict())) for row in rows]
        return told

    async def list_active(self, call: Call) -> list[Item]:
        told: list[Item] = []
        last_id = 0
        while tasks := await self._tasks_after(last_id, call.account.name):
            last_id = tasks[-1].task_id
            for task, unfinished in zip(tasks, await self._unfinished_of(tasks), strict=True):
                if stage_of(task, unfinished, now_us()) is not Stage.DONE:
                    told.append(("task", task_item(task, unfinished, now_us())))
        return told

    async def _tasks_after(self, last_id: int, owner: str) -> Sequence[Task]:
        return await self._store.read(
            lambda connection: fetch_tasks(connection, None, last_id, TASKS_AT_ONCE, owner=owner)
        )

    async def _unfinished_of(self, tasks: Sequence[Task]) -> Sequence[int]:
        return await self._store.read(lambda connection: [count_unfinished(connection, one.task_id) for one in tasks])

    async def tell_call(self, call: Call) -> list[Item]:
        row = await self._find_item(call, "itemid", call.form.required("itemid"))
        attempts = await self._store.read(lambda connection: fetch_attempts(connection, row["item_id"]))
        answers = await self._store.read(
            lambda connection: fetch_answers_of(connection, [attempt.id for attempt in attempts])
        )
        told: list[Item] = [("item", _item(row))]
        for attempt in attempts:
            told.append(("call", _attempt(attempt._asdict())))
            told += [("answer", _answer(answer._asdict())) for answer in answers if answer.attempt_id == attempt.id]
        return told

    async def give_recording(self, call: Call) -> web.StreamResponse:
        form = call.form
        item_id, name = form.text("callid"), form.text("filename")
        if item_id is None and name is None:
            raise VotboxError(Code.MISSING, "callid: ожидается один из параметров callid, filename")
        if item_id is not None:
            row = await self._find_item(call, "callid", item_id)
            attempts = await self._store.read(lambda connection: fetch_attempts(connection, row["item_id"]))
            name = next((attempt.recording for attempt in reversed(attempts) if attempt.recording), None)
            if name is None:
                raise VotboxError(Code.NOT_FOUND, "callid: у этого звонка нет записи разговора")
        try:
            attempt_id = attempt_id_of_recording(str(name))
            path = self._recordings.find(str(name))
        except UnsafeValueError:
            raise VotboxError(Code.NOT_FOUND, f"filename: нет такой записи: {quoted(str(name))}") from None
        owner = call.account.name
        own = await self._store.read(lambda connection: is_recorded(connection, attempt_id, str(name), owner))
        if path is None or not own:
            raise VotboxError(Code.NOT_FOUND, f"filename: нет такой записи: {quoted(str(name))}")
        headers = {"Content-Type": "audio/wav", "Content-Disposition": f'attachment; filename="{path.name}"'}
        return web.FileResponse(path, headers=headers)

    async def _find_item(self, call: Call, name: str, reference: str) -> Mapping[str, Any]:
        row = None
        if reference.isascii() and reference.isdecimal() and len(reference) < 19:
            row = await self._store.read(lambda connection: find_item(connection, int(reference), call.account.name))
        if row is None:
            raise VotboxError(Code.NOT_FOUND, f"{name}: нет такого звонка: {quoted(reference)}")
        return row._asdict()


def _item(row: Mapping[str, Any]) -> dict[str, object]:
    """A number, with its latest attempt."""
    own = OwnWords.from_params(row["params"])
    first, _, second = own.description.partition(_SEPARATOR)
    job = job_of(row)
    return {
        "id": row["item_id"],
        "phonenumber": own.sent or row["phone"],
        "jobstatus": job.value,
        "jobstatusstr": JOB_WORDS[job],
        "reldescr": reason_of(row),
        "recfilename": row["recording"] if row["closed_us"] else None,
        "descr": first,
        "descr2": second if _SEPARATOR in own.description else None,
        "cliid": own.client or None,
        "attempts": row["attempt_number"] - (row["linked_id"] is None),
        "duration": row["talked_s"] or 0,
        "operduration": row["employee_talked_s"] or 0,
        "operphone": row["employee"],
        "callpay": kopecks(row["cost_u"]),
        "opercallpay": kopecks(row["employee_cost_u"]),
        "endtime": unix_s(row["closed_us"]),
    }


def _attempt(row: Mapping[str, Any]) -> dict[str, object]:
    job = job_of(row)
    return {
        "attempt": row["attempt_number"],
        "jobstatus": job.value,
        "jobstatusstr": JOB_WORDS[job],
        "reldescr": reason_of(row),
        "result": row["result"],
        "cause": row["cause"],
        "recfilename": row["recording"] if row["closed_us"] else None,
        "duration": row["talked_s"] or 0,
        "operduration": row["employee_talked_s"] or 0,
        "operphone": row["employee"],
        "callpay": kopecks(row["cost_u"]),
        "opercallpay": kopecks(row["employee_cost_u"]),
        "nexttime": unix_s(row["due_us"]) if row["closed_us"] is None else None,
        "endtime": unix_s(row["closed_us"]),
    }


def _answer(row: Mapping[str, Any]) -> dict[str, object]:
    is_recording = row["question_id"] == MESSAGE_QUESTION
    return {
        "kind": row["question_id"],
        "dtmf": None if is_recording else row["result"],
        "recfilename": row["result"] if is_recording else None,
        "time": unix_s(row["changed_us"]),
    }
