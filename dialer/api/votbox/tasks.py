"""Tasks: listed, started, paused, ended."""

import asyncio
import logging
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dialer.api.votbox.accounts import Account
from dialer.api.votbox.errors import Code, VotboxError, quoted
from dialer.api.votbox.facade import Call, Item, VotboxCall
from dialer.api.votbox.form import Form
from dialer.api.votbox.moscow import MOSCOW, as_us, now_us
from dialer.api.votbox.phone_list import (
    BadLine,
    ListedLine,
    PhoneList,
    moment_of,
    read_list,
    read_stop_list,
    telephone_of,
)
from dialer.api.votbox.schedule import shown_schedule
from dialer.api.votbox.sounds import SoundStore
from dialer.api.votbox.statuses import JOB_WORDS, Job, Stage, stage_of, task_item
from dialer.api.votbox.templates import (
    DEFAULT_INTERVAL_MIN,
    MAX_ATTEMPTS,
    MAX_INTERVAL_MIN,
    MAX_RING_TIMEOUT_S,
    Dialling,
    caller_ids_of,
    calls_operators,
    find_template,
    notify_url_of,
)
from dialer.dispatch.desk import TaskDesk
from dialer.model.flow import Voice
from dialer.model.retry import DEFAULT
from dialer.model.rules import RetryRule
from dialer.model.safe import UnsafeValueError, phone_id_of
from dialer.model.task import InnerNumType, Number, Task, TaskState
from dialer.model.template import RING_TIMEOUT_S, Goal, OwnWords, Sound, Template
from dialer.store.database import Store, StoreError
from dialer.store.items import count_unfinished, fetch_items_of, fetch_new_items, fetch_open_attempts
from dialer.store.scripts import save_script
from dialer.store.tasks import TaskChange, fetch_task

log = logging.getLogger(__name__)
LEAST_INTERVAL_S = 10
BAD_LINES_SHOWN = 1000
_AGAIN = (RetryRule(DEFAULT), RetryRule("FAIL_POLLING"))
"""Whoever was not reached, or left before the call was a success."""


@dataclass(frozen=True, slots=True)
class _Listing:
    """What a task is made of."""

    name: str
    script_id: int | None
    """None: the template is of this task only, and not yet stored."""
    dialling: Dialling
    template: Template
    paused: bool
    start_us: int
    breakable: bool
    greeting_from_list: bool
    greeting: Sound | None
    """Of this task only."""


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
    """1. simple, 5. autocall, 10. start, 11. pause, 12. stop, 14. stop.file, 15. break."""

    def __init__(self, store: Store, desk: TaskDesk, sounds: SoundStore) -> None:
        self._store = store
        self._desk = desk
        self._sounds = sounds

    def calls(self) -> tuple[VotboxCall, ...]:
        return (
            VotboxCall("autocall.simple", self.call_one),
            VotboxCall("autocall", self.create),
            VotboxCall("autocall.start", self.start),
            VotboxCall("autocall.pause", self.pause),
            VotboxCall("autocall.stop", self.stop),
            VotboxCall("autocall.stop.file", self.stop_numbers),
            VotboxCall("autocall.break", self.break_off),
        )

    async def call_one(self, call: Call) -> list[Item]:
        """One number by a template."""
        script = await find_template(self._store, call.account, call.form.required("schemeid"))
        phone = call.form.required("phone")
        try:
            numbers = PhoneList([ListedLine(1, phone, telephone_of(phone))], [])
        except UnsafeValueError:
            raise VotboxError(
                Code.WRONG, f"phone: ожидается номер вида 89110000000, получено {quoted(phone)}"
            ) from None
        template = Template.from_json(script.content)
        if template.greeting_from_list and template.greeting is None:
            raise VotboxError(Code.WRONG, "schemeid: приветствие этого шаблона задаётся в FLIST (autocall.api.php)")
        dialling = Dialling.from_json(template.task_defaults)
        name = f"{script.name}: {phone}"
        listing = _Listing(name, script.script_id, dialling, template, False, now_us(), False, False, None)
        return await self._list(call, listing, numbers)

    async def create(self, call: Call) -> list[Item]:
        form = call.form
        sent = form.file("FLIST")
        if sent is None:
            raise VotboxError(Code.MISSING, "FLIST: обязательный файл с номерами не передан")
        numbers = await asyncio.to_thread(read_list, sent.content)
        listing = await self._listing(call)
        return await self._list(call, listing, numbers)

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
        return [await self._task_item(task.task_id), *stopped, *left[:BAD_LINES_SHOWN], *_shown_bad(bad, len(left))]

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

    async def _listing(self, call: Call) -> _Listing:
        """The form of autocall, but for its list."""
        form, account = call.form, call.account
        scheme, name, start = form.text("schemeid"), form.text("taskname"), form.text("start_time")
        start_us = _start_us(start) if start else now_us()
        paused, breakable = form.flag("isPaused", False), form.flag("canbreakcalls", False)
        from_list = form.flag("voicefilefromcsv", False)
        script = None if scheme is None else await find_template(self._store, account, scheme)
        greeting = await self._sounds.sound_of(call, "FGREETING")
        if script is not None:
            template = Template.from_json(script.content)
        elif greeting is not None or from_list:
            template = _own_template(form, account, greeting, from_list=from_list)
        else:
            raise VotboxError(Code.MISSING, "schemeid: ожидается schemeid, voicefilefromcsv=1 или FGREETING")
        return _Listing(
            name or f"{script.name if script else 'Задача'} {_now_shown()}",
            None if script is None else script.script_id,
            Dialling.from_json(template.task_defaults),
            template,
            paused,
            start_us,
            breakable,
            from_list or template.greeting_from_list,
            greeting if script is not None else None,
        )

    async def _list(self, call: Call, listing: _Listing, listed: PhoneList) -> list[Item]:
        bad = list(listed.bad)
        numbers = await self._numbers(call, listing, listed.lines, bad)
        bad.sort()
        if not numbers:
            first = f": строка {bad[0].number}: {bad[0].reason}" if bad else ""
            raise VotboxError(Code.WRONG, f"FLIST: нет ни одного пригодного номера{first}")
        dialling, goal = listing.dialling, listing.template.goal
        script_id = listing.script_id or await self._store.write(
            save_script(call.account.name, listing.name, listing.template.as_json(), listed=False)
        )
        rules = {
            "max_attempts": dialling.max_attempts,
            "try_interval_s": max(dialling.interval_min * 60, LEAST_INTERVAL_S),
            "retry_on": _AGAIN,
            "schedule": shown_schedule(dialling.schedule),
            "not_before_us": listing.start_us,
            "ring_timeout_s": dialling.ring_timeout_s,
            "success_after_s": {Goal.ANSWER: 0, Goal.DURATION: listing.template.goal_s}.get(goal),
            "tells_progress": True,
            "breakable": listing.breakable,
            "caller_ids": tuple(call.account.caller_ids[one] for one in dialling.caller_ids
                                if one in call.account.caller_ids),
        }  # fmt: skip
        task = await self._desk.save(
            f"votbox:{uuid.uuid4().hex}",
            None,
            TaskChange(
                listing.name,
                TaskState.PAUSED if listing.paused else TaskState.OPEN,
                str(script_id),
                InnerNumType.SCRIPT,
                dialling.lines,
                numbers=numbers,
                record_talk=True,
                notify_url=dialling.notify_url,
                rules=rules,
                owner=call.account.name,
            ),
        )
        call.undo.clear()
        try:
            rows = await self._store.read(lambda connection: fetch_new_items(connection, task.task_id))
        except StoreError as error:  # an error would have the list sent again, and everybody called twice
            log.warning("task %d is stored, its numbers cannot be told: %s", task.task_id, error)
            call.warn("FLIST", "задача создана, её звонки сейчас не читаются: autocall.check")
            return [("task", task_item(task, len(numbers), now_us())), *_shown_bad(bad)]
        items = await asyncio.to_thread(_queued, rows)
        return [("task", task_item(task, len(rows), now_us())), *items, *_shown_bad(bad)]

    async def _numbers(
        self, call: Call, listing: _Listing, lines: Sequence[ListedLine], bad: list[BadLine]
    ) -> list[Number]:
        files = {line.file_id for line in lines if line.file_id} if listing.greeting_from_list else set()
        names = await self._sounds.find(call.account, files) if files else {}

        def made() -> list[Number]:
            numbers: list[Number] = []
            for line in lines:
                try:
                    numbers.append(_number_of(line, listing, names, call.account))
                except ValueError as error:
                    bad.append(BadLine(line.line_number, line.sent, str(error)))
            for reason in _unused_columns(listing, lines):
                call.warn("FLIST", reason)
            return numbers

        return await asyncio.to_thread(made)  # 100,000 lines take a second, which no call in progress should wait for


def _queued(rows: Sequence[Any]) -> list[Item]:
    """The numbers of a task that has just been listed."""
    return [
        (
            "item",
            {
                "id": row.id,
                "phonenumber": (row.params or {}).get("sent") or row.phone,
                "jobstatus": Job.QUEUED.value,
                "jobstatusstr": JOB_WORDS[Job.QUEUED],
            },
        )
        for row in rows
    ]


def _own_template(form: Form, account: Account, greeting: Sound | None, *, from_list: bool) -> Template:
    """Of a task that has none: a greeting, and no more."""
    dialling = Dialling(
        account.lines,
        form.number("schemedialtimeout", 1, MAX_RING_TIMEOUT_S, RING_TIMEOUT_S),
        form.number("schememaxattempts", 1, MAX_ATTEMPTS, 1),
        form.number("schemeattemptsdelay", 0, MAX_INTERVAL_MIN, DEFAULT_INTERVAL_MIN),
        caller_ids_of(form, account, "schemeaniid", required=False),
        notify_url_of(form, "schemenotifyurl"),
        [],
    )
    return Template(
        greeting, from_list, None if from_list else Voice.ANY, goal=Goal.ANSWER, task_defaults=dialling.as_json()
    )


def _unused_columns(listing: _Listing, lines: Sequence[ListedLine]) -> Iterator[str]:
    """What the list says to no effect with this template."""
    template, from_list = listing.template, listing.greeting_from_list
    if not from_list and any(line.file_id or line.text for line in lines):
        yield "FILEID, VOICETEXT: не используются без voicefilefromcsv=1 или GreetingFromFile=1"
    voices = (line for line in lines if line.voice is not Voice.ANY)
    if template.voice is not None and any(not (from_list and line.text) for line in voices):
        yield "VOICEID: не используется: голос текстов задаёт шаблон (ttsVoice=-1: брать из списка)"
    if not calls_operators(template) and any(line.employee for line in lines):
        yield "CCPHONE: не используется: шаблон не соединяет с оператором"


def _number_of(line: ListedLine, listing: _Listing, files: dict[str, str], account: Account) -> Number:
    """Raises ValueError, with the reason in Russian."""
    caller_id = line.caller_id
    if caller_id:  # as the account's settings spell it
        own = {number[-10:]: number for number in account.caller_ids.values()}
        caller_id = own.get(caller_id[-10:], caller_id if account.any_caller_id else "")
        if not caller_id:
            raise ValueError("ANI: это не номер учётной записи (autocall.get.ani)")
    greeting = listing.greeting
    if listing.greeting_from_list:
        if line.file_id and line.file_id not in files:
            raise ValueError(f"FILEID: нет такого звукового файла: {quoted(line.file_id)}")
        if line.file_id:
            greeting = Sound(file=files[line.file_id])
        elif line.text:
            greeting = Sound(text=line.text, voice=line.voice)
        elif greeting is None and listing.template.greeting is None:
            raise ValueError("не указаны ни FILEID, ни VOICETEXT, а приветствия в шаблоне нет")
    words = OwnWords(
        "" if line.sent == line.phone else line.sent,
        line.descr,
        line.client_id,
        greeting,
        line.voice,
        line.employee,
    )
    return Number(
        line.phone,
        phone_id_of(line.phone),
        words.as_params(),
        zone=line.zone,
        not_before_us=0 if line.not_before is None else as_us(line.not_before),
        until_us=None if line.until is None else as_us(line.until),
        caller_id=caller_id or None,
        ring_timeout_s=line.ring_timeout_s,
    )


def _not_stopped(shown: str, reason: str) -> Item:
    return "badline", {"text": shown, "reason": reason}


def _shown_bad(bad: Iterable[BadLine], besides: int = 0) -> list[Item]:
    """The first ones; how many there are, those told `besides` included, the last element says."""
    lines = sorted(bad)
    shown: list[Item] = [
        ("badline", {"line": line.number, "text": line.text, "reason": line.reason}) for line in lines[:BAD_LINES_SHOWN]
    ]
    if lines or besides:
        shown.append(("badlines", {"count": len(lines) + besides}))
    return shown


def _start_us(text: str) -> int:
    try:
        return as_us(moment_of("start_time", text))
    except ValueError as error:
        raise VotboxError(Code.WRONG, str(error)) from None


def _now_shown() -> str:
    return f"{datetime.now(MOSCOW):%d.%m.%Y %H:%M:%S}"
