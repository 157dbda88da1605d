"""/task"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any

from aiohttp import web
from pydantic import BeforeValidator, WithJsonSchema

from dialer.api.endpoint import Endpoint, Nothing
from dialer.api.mikopbx.bodies import SignalBody, TaskBody, TaskChangeBody
from dialer.api.mikopbx.envelope import RefusedError
from dialer.api.mikopbx.fields import QueryId, QueryNumber, QueryState
from dialer.api.mikopbx.large_body import LargeBody
from dialer.api.mikopbx.plain import is_id
from dialer.api.mikopbx.prepared import prepare
from dialer.api.mikopbx.replies import NoData, SignalDone, TaskList, TaskShown, TaskWhole, answers
from dialer.api.mikopbx.rules import rules_json
from dialer.api.mikopbx.serving import CALLER, Call
from dialer.api.mikopbx.whole_task import send_whole
from dialer.dispatch.desk import TaskDesk
from dialer.model.access import Role
from dialer.model.audit import Change, masked
from dialer.model.flow import Prompt
from dialer.model.prices import shown
from dialer.model.safe import phone_id_of
from dialer.model.task import Task
from dialer.model.webhook import shown_url
from dialer.speech.prompts import PromptLibrary
from dialer.store.audit import audited
from dialer.store.database import Store
from dialer.store.finishing import close_by_signal
from dialer.store.tasks import TaskRefusedError, fetch_task_of, fetch_tasks

LIST_LIMIT = 1000


class TaskPath(Nothing):
    """A task by our id."""

    id: Annotated[
        int | str,
        BeforeValidator(lambda text: int(text) if is_id(text) else text),
        WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,18}$", "$comment": "whole number"}),
    ]
    """Our id of the task; what cannot be one is the id of no task."""


class TaskListQuery(Nothing):
    """Which tasks."""

    state: QueryState = None
    """Only those that are 0 open, 1 closed, 2 paused."""
    crmId: QueryId = None
    """Only the one with this id of the CRM's."""
    limit: QueryNumber = None
    """How many, 1000 at the most; 1000 by default."""
    offset: QueryNumber = None
    """Only those with a greater id."""


class Tasks:
    """The task resource."""

    def __init__(self, store: Store, desk: TaskDesk, prompts: PromptLibrary, *, can_notify: bool = True) -> None:
        """`can_notify`: whether there is a secret to sign webhooks with."""
        self._store = store
        self._desk = desk
        self._prompts = prompts
        self._can_notify = can_notify

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        return (
            Endpoint("POST", "/task", self.post, "Create a task, or update the one with this crmId or id",
                     answers(TaskShown), body_model=TaskBody, once=True),
            Endpoint("GET", "/task", self.list, "List tasks", answers(TaskList), query_model=TaskListQuery),
            Endpoint("GET", "/task/{id}", self.get, "A task with its results and answers", answers(TaskWhole),
                     path_model=TaskPath),
            Endpoint("PUT", "/task/{id}", self.put, "Change what is said; state 2 pauses, 0 goes on, 1 closes",
                     answers(TaskShown), path_model=TaskPath, body_model=TaskChangeBody),
            Endpoint("DELETE", "/task/{id}", self.delete, "Delete a task with its rows; calls in progress finish",
                     answers(NoData), path_model=TaskPath),
            Endpoint("POST", "/task-signal-close", self.signal, "A number is done: nobody calls it any more",
                     answers(SignalDone), body_model=SignalBody),
        )  # fmt: skip

    async def post(self, call: Call[Nothing, Nothing, TaskBody]) -> dict[str, Any]:
        body, content = call.body, call.content
        self._check_notify(body.notifyUrl)
        await prepare(self._prompts, dict(_files(body)))
        try:
            task = await self._desk.save(
                body.crmId,
                body.id,
                body.change(body.numbers),
                lambda operation: call.once(operation, lambda saved: _echo(saved, content, _repeated(call))),
                numbers=_numbers(call),
            )
        except TaskRefusedError as error:
            raise refused(error) from None
        return _echo(task, content, _repeated(call))

    async def list(self, call: Call[Nothing, TaskListQuery, None]) -> dict[str, Any]:
        query = call.query
        limit = LIST_LIMIT if query.limit is None else min(query.limit, LIST_LIMIT)
        tasks = await self._store.read(
            lambda connection: fetch_tasks(connection, query.state, query.offset or 0, limit, crm_id=query.crmId)
        )
        return {"results": [_task_json(_for_caller(call, task)) for task in tasks]}

    async def get(self, call: Call[TaskPath, Nothing, None]) -> web.StreamResponse:
        task_id = known(call.path.id)
        task = await self._store.read(lambda connection: fetch_task_of(connection, task_id))
        if task is None:
            raise not_found(task_id)
        response = await send_whole(call.request, self._store, task_id, _task_json(_for_caller(call, task)))
        if response is None:
            raise not_found(task_id)
        return response

    async def put(self, call: Call[TaskPath, Nothing, TaskChangeBody]) -> dict[str, Any]:
        task_id = known(call.path.id)
        self._check_notify(call.body.notifyUrl)
        await prepare(self._prompts, dict(_files(call.body)))
        try:
            change = call.body.change(call.body.numbers)
            task = await self._desk.change(task_id, call.body.crmId, change, numbers=_numbers(call))
        except TaskRefusedError as error:
            raise refused(error) from None
        if task is None:
            raise not_found(task_id)
        return _echo(task, call.content, _repeated(call))

    async def delete(self, call: Call[TaskPath, Nothing, None]) -> tuple[()]:
        task_id = known(call.path.id)
        if not await self._desk.delete(task_id):
            raise not_found(task_id)
        return ()

    async def signal(self, call: Call[Nothing, Nothing, SignalBody]) -> dict[str, Any]:
        phone, task_id = call.body.phone, call.body.taskId
        if task_id is not None:
            task = await self._store.read(lambda connection: fetch_task_of(connection, task_id))
            if task is None:
                raise not_found(task_id, "taskId")
        phone_id = phone_id_of(phone)

        def told(count: int) -> Change | None:
            shown, target = masked(phone_id), str(task_id or "")
            said = f"{shown}: {count} attempts closed"
            return Change("task.signal", target, said, task_id=task_id, number=shown) if count else None

        closed = await self._store.write(audited(close_by_signal(phone_id, task_id), told))
        return {
            "phone": phone,
            "phoneId": phone_id,
            "taskId": "" if task_id is None else str(task_id),
            "closed": closed,
        }

    def _check_notify(self, url: str | None) -> None:
        if url and not self._can_notify:
            raise RefusedError(
                "notifyUrl: webhooks are signed, and [webhooks] secret is not set (dialer webhooks new-secret)",
                data={"error": "WebhooksNotConfigured"},
            )


def known(task_id: int | str) -> int:
    """The id, or the refusal of what can be no task's."""
    if isinstance(task_id, str):
        raise not_found(task_id)
    return task_id


def not_found(task_id: int | str, field: str = "id") -> RefusedError:
    return RefusedError(f"{field}: there is no task {str(task_id)[:60]!r}", data={"error": "TaskNotFound"})


def refused(error: TaskRefusedError) -> RefusedError:
    """What only the stored data shows to be wrong, with a name."""
    return RefusedError(str(error), data={"error": "TaskRefused"})


def _for_caller(call: Call[Any, Any, Any], task: Task) -> Task:
    """The task as the caller may see it: who may only look does not learn a receiver's secret."""
    caller = call.request.get(CALLER)
    if not task.notify_url or caller is None or caller.role.covers(Role.OPERATOR):
        return task
    return replace(task, notify_url=shown_url(task.notify_url))


def _task_json(task: Task) -> dict[str, Any]:
    """The task as it is read back: every value a text."""
    return {
        "id": str(task.task_id),
        "crmId": task.crm_id,
        "name": task.name,
        "innerNum": task.inner_num,
        "innerNumType": task.inner_num_type.value,
        "maxCountChannels": str(task.max_count_channels),
        "state": str(task.state.value),
        "dialPrefix": task.dial_prefix,
        # not among the document's fields: shown where it is asked for
        **({"recordTalk": "1"} if task.record_talk else {}),
        **({"notifyUrl": task.notify_url} if task.notify_url else {}),
        **rules_json(task.rules),
        **({"spent": shown(task.spent_u)} if task.spent_u else {}),
    }


def _files(body: TaskBody | TaskChangeBody) -> Iterator[tuple[str, Prompt]]:
    """The sound files that a task names, by field."""
    for field, file in (("apologyFile", body.apologyFile), ("amdMessageFile", body.amdMessageFile)):
        if file:
            yield field, Prompt(file=file)


def _numbers(call: Call[Any, Any, Any]) -> LargeBody | None:
    """The numbers that a process of its own has read."""
    return call.large if call.large is not None and call.large.has_numbers else None


def _repeated(call: Call[Any, Any, Any]) -> int:
    """How many of a list that is stored are there before; each number is dialled once."""
    numbers = call.body.numbers
    if call.large is not None:
        return call.large.repeated
    return 0 if numbers is None else len(numbers) - len({number.phone_id for number in numbers})


def _echo(task: Task, content: dict[str, Any], repeated: int) -> dict[str, Any]:
    """The task as POST and PUT answer it: what the client sent keeps the type it was sent in."""
    stored = {
        **_task_json(task),
        "maxCountChannels": task.max_count_channels,
        "state": task.state.value,
    }
    sent = {
        key: content[key]
        for key in stored
        if key not in {"id", "spent"}
        and isinstance(content.get(key), str | int)
        and content[key] != ""
        and not isinstance(stored[key], list)
    }
    return {**stored, **sent, **({"duplicates": repeated} if repeated else {})}
