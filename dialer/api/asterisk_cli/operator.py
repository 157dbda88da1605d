"""Carries out commands: the same desk, figures and explanations as behind REST."""

import asyncio
import functools
import re
from contextlib import suppress
from typing import Any

from dialer.api.asterisk_cli.screens import task_screen, tasks_screen, wrapped
from dialer.api.asterisk_cli.words import HELP, TRY_HELP, Command, Verb, WordsError, read_words
from dialer.api.console.counting import Counting
from dialer.api.mikopbx.numbers import phone_of
from dialer.dispatch.desk import TaskDesk
from dialer.dispatch.numbering import e164
from dialer.dispatch.why import Explainer
from dialer.model.audit import Author
from dialer.model.safe import phone_id_of
from dialer.model.task import Task, TaskState
from dialer.store.audit import acting_as
from dialer.store.console import fetch_head, fetch_heads
from dialer.store.database import Store, StoreError
from dialer.store.tasks import TaskChange, TaskRefusedError, fetch_listed, find_any_task

MOST_TASKS = 100
BECOMES = {Verb.PAUSE: TaskState.PAUSED, Verb.RESUME: TaskState.OPEN, Verb.STOP: TaskState.CLOSED}
_SAID = {
    TaskState.PAUSED: "paused; calls in progress go on. It goes on with: dialer resume {}",
    TaskState.OPEN: "goes on",
    TaskState.CLOSED: "closed; calls in progress go on. It is opened again by: dialer resume {}",
}
_OVER = "closed; what waited has ended, calls in progress are the last. A task of the VotBox API cannot go on"
_WHICH = {"open": TaskState.OPEN, "paused": TaskState.PAUSED, "closed": TaskState.CLOSED, "all": None}
REFUSED, PAUSED, RESUMED = "refused", "paused", "resumed"
"""What the dialplan's [autodialer-key] knows."""


class Operator:
    """Whoever types at Asterisk's CLI, or presses the key of a task on a telephone."""

    def __init__(
        self, store: Store, desk: TaskDesk, counting: Counting, explainer: Explainer, region: str = "RU"
    ) -> None:
        """`region`: two letters of the country whose numbers have no code."""
        self._store = store
        self._desk = desk
        self._counting = counting
        self._explainer = explainer
        self._region = region
        self._toggling = asyncio.Lock()

    async def answer(self, typed: str) -> str:
        """What is printed for a command."""
        try:
            command = read_words(typed)
            with acting_as(Author("asterisk-cli")):
                return await self._carry_out(command)
        except WordsError as error:
            return f"{wrapped(str(error))}\n{TRY_HELP}"
        except (TaskRefusedError, StoreError) as error:
            return wrapped(f"not done: {error}")

    async def press_key(self, dialled: str, caller: str) -> str:
        """Pause an open task, let a paused one go on: what has become of it."""
        author = "".join(char for char in caller if char.isalnum() and char.isascii())[:20]
        async with self._toggling:  # a key pressed twice quickly: there and back
            try:
                task = await self._find(dialled)
                if task.state is TaskState.CLOSED:
                    return REFUSED
                wanted = TaskState.PAUSED if task.state is TaskState.OPEN else TaskState.OPEN
                with acting_as(Author(f"telephone:{author}")):
                    await self._become(task, wanted)
            except (WordsError, TaskRefusedError, StoreError):
                return REFUSED
        return PAUSED if wanted is TaskState.PAUSED else RESUMED

    async def _carry_out(self, command: Command) -> str:
        match command.verb:
            case Verb.HELP:
                return HELP
            case Verb.SHOW_TASKS:
                return await self._show_tasks(command)
            case Verb.SHOW_TASK:
                return await self._show_task(await self._find(command.task))
            case Verb.WHY:
                return await self._why(*await self._find_number(command))
        task, wanted = await self._find(command.task), BECOMES[command.verb]
        if task.state is wanted:
            return f"task {task.task_id} was {wanted.name.lower()} already"
        await self._become(task, wanted)
        said = _OVER if task.owner and wanted is TaskState.CLOSED else _SAID[wanted].format(task.task_id)
        return wrapped(f"task {task.task_id}: {said}")

    async def _become(self, task: Task, state: TaskState) -> None:
        if await self._desk.change(task.task_id, None, TaskChange(state=state, owner=task.owner)) is None:
            raise WordsError(f"there is no task {task.task_id} any more")

    async def _find(self, typed: str) -> Task:
        task = await self._store.read(lambda connection: find_any_task(connection, typed))
        if task is None:
            raise WordsError(f"there is no task {typed}")
        return task

    async def _find_number(self, command: Command) -> tuple[Task, str]:
        """The task that is named, and what is typed behind it; or the task of a number that is typed alone. `8 916 …`
        is the number, unless task 8 lists 916 …; `8 9161234567`, where there is a task 8, asks of that."""
        named = await self._store.read(lambda connection: find_any_task(connection, command.task))
        is_whole = re.fullmatch(r"\+?\d{10,}", command.option) is not None
        if named is not None and (not command.option or is_whole or await self._lists(named, command.option)):
            return named, command.option
        typed = f"{command.task} {command.option}".strip()
        with suppress(ValueError):
            phone = phone_of(typed)
            # the id of a task that is not there, and a number, are not one number because its last digits are known
            alone = not command.option or e164(phone, self._region) is not None
            if alone and (found := await self._newest_of(phone)) is not None:
                return found, typed
        if named is None:
            raise WordsError(f"there is no task {command.task}")
        return named, command.option

    async def _lists(self, task: Task, typed: str) -> bool:
        with suppress(ValueError):
            phone_ids = [phone_id_of(phone_of(typed))]
            return bool(await self._store.read(lambda connection: fetch_listed(connection, task.task_id, phone_ids)))
        return False

    async def _newest_of(self, phone: str) -> Task | None:
        """Of the tasks that list the number: the newest one, of those that are not closed if there are any."""
        for unfinished in (True, False):
            query = functools.partial(fetch_heads, phone_id=phone_id_of(phone), unfinished=unfinished, limit=1)
            for head in await self._store.read(query):
                return await self._find(str(head.id))
        return None

    async def _show_tasks(self, command: Command) -> str:
        which, text = command.option, command.text
        first = (command.page - 1) * MOST_TASKS
        found = await self._counting.progress(
            lambda connection: fetch_heads(
                connection,
                state=_WHICH[which or "all"],
                search=text,
                unfinished=not which,
                first=first,
                limit=MOST_TASKS + 1,
            )
        )
        if not found:
            kind = (
                f"{which} task" if which in ("open", "paused", "closed") else "task" if which else "task open or paused"
            )
            said = f" with {text}" if text else ""
            return wrapped(f"there is no {'further ' if first else ''}{kind}{said}")
        more = " ".join(("dialer show tasks", which, f"page {command.page + 1}", text)).split()
        return tasks_screen(
            found[:MOST_TASKS], wrapped(f"There are more: {' '.join(more)}") if len(found) > MOST_TASKS else ""
        )

    async def _show_task(self, task: Task) -> str:
        found: list[dict[str, Any]] = await self._counting.progress(
            lambda connection: [head] if (head := fetch_head(connection, task.task_id)) else []
        )
        if not found:
            raise WordsError(f"there is no task {task.task_id} any more")
        return task_screen(found[0], await self._why(task, ""))

    async def _why(self, task: Task, typed: str) -> str:
        try:
            phone = phone_of(typed) if typed else None
        except ValueError as error:
            raise WordsError(f"why: {error}") from None
        told = await self._explainer.explain(task.task_id, phone)
        if told is None:
            raise WordsError(f"there is no task {task.task_id} any more")
        found = told.found
        # many reasons begin with the number that they are about
        number = f", number {phone}" if phone and not found.reason.startswith(phone) else ""
        lines = [wrapped(f"task {task.task_id}{number}: {found.reason}")]
        if found.blocks:
            lines.append(wrapped(f"looked at next {found.next_look_on}"))
        return "\n".join(lines)
