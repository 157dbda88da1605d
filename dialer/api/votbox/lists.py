"""Lists become tasks: `autocall` and `autocall.simple`."""

import asyncio
import logging
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
    telephone_of,
)
from dialer.api.votbox.schedule import shown_schedule
from dialer.api.votbox.sounds import SoundStore
from dialer.api.votbox.statuses import JOB_WORDS, Job, task_item
from dialer.api.votbox.tasks import shown_bad
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
from dialer.model.task import InnerNumType, Number, TaskState
from dialer.model.template import RING_TIMEOUT_S, Goal, OwnWords, Sound, Template
from dialer.store.database import Store, StoreError
from dialer.store.items import fetch_new_items
from dialer.store.scripts import save_script
from dialer.store.tasks import TaskChange

log = logging.getLogger(__name__)
LEAST_INTERVAL_S = 10
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


class VotboxLists:
    """1. simple, 5. autocall."""

    def __init__(self, store: Store, desk: TaskDesk, sounds: SoundStore) -> None:
        self._store = store
        self._desk = desk
        self._sounds = sounds

    def calls(self) -> tuple[VotboxCall, ...]:
        return (VotboxCall("autocall.simple", self.call_one), VotboxCall("autocall", self.create))

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
            return [("task", task_item(task, len(numbers), now_us())), *shown_bad(bad)]
        items = await asyncio.to_thread(_queued, rows)
        return [("task", task_item(task, len(rows), now_us())), *items, *shown_bad(bad)]

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


def _start_us(text: str) -> int:
    try:
        return as_us(moment_of("start_time", text))
    except ValueError as error:
        raise VotboxError(Code.WRONG, str(error)) from None


def _now_shown() -> str:
    return f"{datetime.now(MOSCOW):%d.%m.%Y %H:%M:%S}"
