"""/task"""

from typing import Any

from aiohttp import web

from dialer.api.mikopbx.bodies import TaskBody
from dialer.api.mikopbx.envelope import RefusedError, read_json, reply, validated
from dialer.api.mikopbx.numbers import read_numbers, unsupported_in_task
from dialer.api.mikopbx.plain import is_id
from dialer.api.mikopbx.results import answer_json, result_json
from dialer.dispatch.desk import TaskDesk
from dialer.model.task import Task, TaskState
from dialer.store.database import Store
from dialer.store.results import fetch_task_answers, fetch_task_results
from dialer.store.tasks import TaskRefusedError, fetch_task, fetch_tasks

NOT_FOUND = {"error": "TaskNotFound"}
LIST_LIMIT = 1000


class Tasks:
    """The task resource."""

    def __init__(self, store: Store, desk: TaskDesk) -> None:
        self._store = store
        self._desk = desk

    def routes(self, base: str) -> list[web.RouteDef]:
        return [
            web.post(f"{base}/task", self.post),
            web.get(f"{base}/task", self.list),
            web.get(f"{base}/task/{{id}}", self.get),
            web.put(f"{base}/task/{{id}}", self.put),
            web.delete(f"{base}/task/{{id}}", self.delete),
        ]

    async def post(self, request: web.Request) -> web.Response:
        content = await read_json(request)
        numbers, problems = read_numbers(content["numbers"]) if "numbers" in content else ([], ["numbers: missing"])
        body = validated(TaskBody, content, *unsupported_in_task(content), *problems)
        try:
            task = await self._desk.save(body.crmId, body.id, body.change(numbers))
        except TaskRefusedError as error:
            raise RefusedError(str(error)) from None
        return reply(_echo(task, content))

    async def list(self, request: web.Request) -> web.Response:
        state, after_id, limit = (_query_number(request, name) for name in ("state", "offset", "limit"))
        if state is not None and state not in set(TaskState):
            raise RefusedError("state: 0, 1 or 2 expected")
        wanted = None if state is None else TaskState(state)
        tasks = await self._store.read(
            lambda connection: fetch_tasks(
                connection, wanted, after_id or 0, LIST_LIMIT if limit is None else min(limit, LIST_LIMIT)
            )
        )
        return reply({"results": [_task_json(task) for task in tasks]})

    async def get(self, request: web.Request) -> web.Response:
        task_id = _task_id(request)
        task = await self._store.read(lambda connection: fetch_task(connection, task_id))
        if task is None:
            raise _not_found(request)
        results = await self._store.read(lambda connection: fetch_task_results(connection, task_id))
        answers = await self._store.read(lambda connection: fetch_task_answers(connection, task_id))
        return reply(
            {
                **_task_json(task),
                "results": [result_json(row) for row in results],
                "resultsPoling": [answer_json(row) for row in answers],
            }
        )

    async def put(self, request: web.Request) -> web.Response:
        task_id = _task_id(request)
        content = await read_json(request)
        said = content.get("numbers") is not None
        numbers, problems = read_numbers(content["numbers"]) if said else ([], [])
        body = validated(TaskBody, content, *unsupported_in_task(content), *problems)
        try:
            task = await self._desk.change(task_id, body.crmId, body.change(numbers if said else None))
        except TaskRefusedError as error:
            raise RefusedError(str(error)) from None
        if task is None:
            raise _not_found(request)
        return reply(_echo(task, content))

    async def delete(self, request: web.Request) -> web.Response:
        if not await self._desk.delete(_task_id(request)):
            raise _not_found(request)
        return reply()


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
    }


def _echo(task: Task, content: dict[str, Any]) -> dict[str, Any]:
    """The task as POST and PUT answer it: what the client sent keeps the type it was sent in."""
    stored = {
        **_task_json(task),
        "maxCountChannels": task.max_count_channels,
        "state": task.state.value,
    }
    sent = {
        key: content[key]
        for key in stored
        if key != "id" and isinstance(content.get(key), str | int) and content[key] != ""
    }
    return {**stored, **sent}


def _task_id(request: web.Request) -> int:
    text = request.match_info["id"]
    if not is_id(text):
        raise _not_found(request)
    return int(text)


def _not_found(request: web.Request) -> RefusedError:
    return RefusedError(f"id: there is no task {request.match_info['id']!r}", data=NOT_FOUND)


def _query_number(request: web.Request, name: str) -> int | None:
    text = request.query.get(name, "")
    if text == "":
        return None
    if not is_id(text):
        raise RefusedError(f"{name}: a whole number expected, got {text[:60]!r}")
    return int(text)
