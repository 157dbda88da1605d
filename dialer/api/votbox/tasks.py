"""Tasks that have been listed: started, paused, ended."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from dialer.api.votbox.accounts import Account
from dialer.api.votbox.errors import Code, VotboxError, quoted
from dialer.api.votbox.facade import Call, Item, VotboxCall
from dialer.api.votbox.moscow import now_us
from dialer.api.votbox.phone_list import (
    BadLine,
    read_stop_list,
)
from dialer.api.votbox.statuses import Stage, stage_of, task_item
from dialer.dispatch.desk import TaskDesk
from dialer.model.safe import phone_id_of
from dialer.model.task import Task, TaskState
from dialer.store.database import Store
from dialer.store.items import count_unfinished, fetch_items_of, fetch_open_attempts
from dialer.store.tasks import TaskChange, fetch_task

BAD_LINES_SHOWN = 1000


async def find_task(store: Store, account: Account, reference: str, name: str = "taskid") -> tuple[Task, int]:
    """The account's task, and how many of its numbers have no result yet. Raises VotboxError."""
    task = None
    if reference.isascii() and reference.isdecimal() and len(reference) < 19:
        task = await store.read(lambda connection: fetch_task(connection, int(reference)))
    if task is None or task.owner != account.name:
        raise VotboxError(Code.NOT_FOUND, f"{name}: нет такой задачи: {quoted(reference)}")
    task_id = task.task_id
    return task, await store.read(lambda connection: count_unfinished(connection, task_id))


class VotboxTasks:
    """10. start, 11. pause, 12. stop, 14. stop.file, 15. break."""

    def __init__(self, store: Store, desk: TaskDesk) -> None:
        self._store = store
        self._desk = desk

    def calls(self) -> tuple[VotboxCall, ...]:
        return (
            VotboxCall("autocall.start", self.start),
            VotboxCall("autocall.pause", self.pause),
            VotboxCall("autocall.stop", self.stop),
            VotboxCall("autocall.stop.file", self.stop_numbers),
            VotboxCall("autocall.break", self.break_off),
        )

    async def start(self, call: Call) -> list[Item]:
        """At once: also before its start_time. Schedule and the numbers' own times hold."""
        task = await self._find_unfinished(call)
        rules = {} if task.rules.not_before_us <= now_us() else {"not_before_us": now_us()}
        return await self._changed(task, TaskChange(state=TaskState.OPEN, rules=rules))

    async def pause(self, call: Call) -> list[Item]:
        return await self._changed(await self._find_unfinished(call), TaskChange(state=TaskState.PAUSED))

    async def stop(self, call: Call) -> list[Item]:
        """Calls in progress go on to their end."""
        task = await self._find_unfinished(call)
        await self._desk.end_numbers(task.task_id)
        return [await self._task_item(task.task_id)]

    async def break_off(self, call: Call) -> list[Item]:
        """Calls in progress are hung up; also those of a task that was stopped."""
        task = await self._find_unfinished(call, Stage.ENDING)
        if not task.rules.breakable:
            raise VotboxError(
                Code.NOT_NOW, "taskid: задача создана без canbreakcalls=1, её звонки прервать нельзя: autocall.stop"
            )
        await self._desk.end_numbers(task.task_id, hang_up=True)
        return [await self._task_item(task.task_id)]

    async def stop_numbers(self, call: Call) -> list[Item]:
        task = await self._find_unfinished(call)
        sent = call.form.file("StopPhoneFileName")
        if sent is None:
            raise VotboxError(Code.MISSING, "StopPhoneFileName: обязательный файл не передан")
        lines, bad = await asyncio.to_thread(read_stop_list, sent.content)
        phone_ids = [phone_id_of(line.phone) for line in lines if line.phone]
        items = await self._store.read(lambda connection: fetch_items_of(connection, task.task_id, phone_ids))
        wanted: dict[int, str] = {}
        left: list[Item] = []
        for line in lines:
            shown = f"{line.phone or ''};{line.item_id or ''}"
            found = items.get(phone_id_of(line.phone)) if line.phone else None
            said = int(line.item_id) if line.item_id and line.item_id.isdecimal() and len(line.item_id) < 19 else None
            if line.phone and line.item_id and found != said:
                left.append(_not_stopped(shown, "номер и ITEMID принадлежат разным звонкам"))
            elif (item_id := found or said) is not None:
                wanted[item_id] = shown
            else:
                left.append(_not_stopped(shown, "нет такого номера в задаче"))
        attempts = await self._store.read(
            lambda connection: fetch_open_attempts(connection, task.task_id, list(wanted))
        )
        await self._desk.end_numbers(task.task_id, list(attempts.values()))
        stopped: list[Item] = [("item", {"id": item_id}) for item_id in attempts]
        left += [
            _not_stopped(shown, "этого звонка нет в задаче, или он уже завершён")
            for item_id, shown in wanted.items()
            if item_id not in attempts
        ]
        return [await self._task_item(task.task_id), *stopped, *left[:BAD_LINES_SHOWN], *shown_bad(bad, len(left))]

    async def _find_unfinished(self, call: Call, also: Stage | None = None) -> Task:
        """`also`: a stage in which the call makes sense, too."""
        task, unfinished = await find_task(self._store, call.account, call.form.required("taskid"))
        if stage_of(task, unfinished, now_us()) in {Stage.DONE, Stage.ENDING} - {also}:
            raise VotboxError(Code.NOT_NOW, f"taskid: задача {task.task_id} уже закончена")
        return task

    async def _changed(self, task: Task, change: TaskChange) -> list[Item]:
        await self._desk.change(task.task_id, None, replace(change, owner=task.owner))
        return [await self._task_item(task.task_id)]

    async def _task_item(self, task_id: int) -> Item:
        task = await self._store.read(lambda connection: fetch_task(connection, task_id))
        if task is None:
            raise VotboxError(Code.NOT_FOUND, "taskid: нет такой задачи")
        unfinished = await self._store.read(lambda connection: count_unfinished(connection, task_id))
        return "task", task_item(task, unfinished, now_us())


def _not_stopped(shown: str, reason: str) -> Item:
    return "badline", {"text": shown, "reason": reason}


def shown_bad(bad: Iterable[BadLine], besides: int = 0) -> list[Item]:
    """The first ones; how many there are, those told `besides` included, the last element says."""
    lines = sorted(bad)
    shown: list[Item] = [
        ("badline", {"line": line.number, "text": line.text, "reason": line.reason}) for line in lines[:BAD_LINES_SHOWN]
    ]
    if lines or besides:
        shown.append(("badlines", {"count": len(lines) + besides}))
    return shown
