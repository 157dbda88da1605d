"""/console/v1/me, tasks, stats"""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, WithJsonSchema

from dialer.api.console.counting import Counting
from dialer.api.console.fields import QuerySearch
from dialer.api.console.shown import Me, Stats, TaskDetail, TaskProgress
from dialer.api.endpoint import Endpoint, Nothing
from dialer.api.mikopbx.fields import QueryNumber, QueryState, State
from dialer.api.mikopbx.numbers import QueryPhone
from dialer.api.mikopbx.replies import answers
from dialer.api.mikopbx.rules import rules_json
from dialer.api.mikopbx.serving import CALLER, Call
from dialer.api.mikopbx.tasks import TaskPath, known, not_found, refused
from dialer.dispatch.desk import TaskDesk
from dialer.dispatch.ledger import Ledger
from dialer.dispatch.meter import KEPT_MINUTES, Meter, Minute
from dialer.model.access import Role
from dialer.model.polling import Polling
from dialer.model.prices import shown
from dialer.model.safe import phone_id_of
from dialer.model.task import InnerNumType, Task
from dialer.model.webhook import shown_url
from dialer.store.console import fetch_head, fetch_heads
from dialer.store.database import Store
from dialer.store.pollings import find_polling
from dialer.store.tasks import TaskChange, TaskRefusedError, fetch_task

DEFAULT_TASKS, MOST_TASKS = 200, 1000
DEFAULT_MINUTES = 60


class TasksQuery(Nothing):
    """Which tasks."""

    state: QueryState = None
    """Only those that are 0 open, 1 closed, 2 paused."""
    search: QuerySearch = ""
    """A part of the name or of the CRM's id, or our id."""
    phone: QueryPhone = None
    """Only those that list this number; the last ten digits count."""
    limit: QueryNumber = None
    """How many, 1000 at the most; 200 by default."""


def _minutes(minutes: int | None) -> int | None:
    if minutes is not None and not 1 <= minutes <= KEPT_MINUTES:
        raise ValueError(f"1 to {KEPT_MINUTES} expected, got {minutes}")
    return minutes


class StateBody(BaseModel):
    """What is to become of the task."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, use_attribute_docstrings=True, json_schema_extra={"examples": [{"state": 2}]}
    )

    state: State
    """0: it goes on. 1: closed, nothing of it is dialled any more. 2: paused."""


class StatsQuery(Nothing):
    """How far back."""

    minutes: Annotated[
        QueryNumber,
        AfterValidator(_minutes),
        WithJsonSchema({"type": "string", "pattern": "^0{0,14}([1-9][0-9]{0,2}|1[0-3][0-9]{2}|14[0-3][0-9]|1440)?$"}),
    ] = None
    """How many minutes, 1440 at the most; 60 by default."""


class Progress:
    """Who asks, the tasks and how far they are."""

    def __init__(
        self, store: Store, desk: TaskDesk, counting: Counting, meter: Meter, ledger: Ledger, *,
        max_channels: int, version: str, zone: str,
    ) -> None:  # fmt: skip
        self._store = store
        self._desk = desk
        self._counting = counting
        self._meter = meter
        self._ledger = ledger
        self._max_channels = max_channels
        self._version = version
        self._zone = zone

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        return (
            Endpoint("GET", "/me", self.me, "Who asks, and what the caller may do", answers(Me)),
            Endpoint("GET", "/tasks", self.tasks, "Tasks and how far they are, the newest first",
                     answers(list[TaskProgress]), query_model=TasksQuery),
            Endpoint("GET", "/tasks/{id}", self.task, "A task, how far it is and what it is to do",
                     answers(TaskDetail), path_model=TaskPath),
            Endpoint("PUT", "/tasks/{id}", self.change, "Pause a task, let it go on, close it, whoever owns it",
                     answers(TaskDetail), path_model=TaskPath, body_model=StateBody),
            Endpoint("GET", "/stats", self.stats, "Calls of all tasks, minute by minute", answers(Stats),
                     query_model=StatsQuery),
        )  # fmt: skip

    async def me(self, call: Call[Nothing, Nothing, None]) -> dict[str, Any]:
        caller = call.request[CALLER]
        kind, _, login = caller.name.partition(":")
        return {
            "name": caller.name,
            "login": login if kind == "user" else None,
            "role": caller.role.value,
            "version": self._version,
            "timezone": self._zone,
        }

    async def tasks(self, call: Call[Nothing, TasksQuery, None]) -> list[dict[str, Any]]:
        query = call.query
        limit = DEFAULT_TASKS if query.limit is None else min(query.limit, MOST_TASKS)
        phone_id = None if query.phone is None else phone_id_of(query.phone)
        return await self._counting.progress(
            lambda connection: fetch_heads(
                connection, state=query.state, search=query.search, phone_id=phone_id, limit=limit
            )
        )

    async def task(self, call: Call[TaskPath, Nothing, None]) -> dict[str, Any]:
        return await self._detail(call, known(call.path.id))

    async def change(self, call: Call[TaskPath, Nothing, StateBody]) -> dict[str, Any]:
        task_id = known(call.path.id)
        task = await self._store.read(lambda connection: fetch_task(connection, task_id))
        if task is None:
            raise not_found(task_id)
        try:
            changed = await self._desk.change(task_id, None, TaskChange(state=call.body.state, owner=task.owner))
        except TaskRefusedError as error:
            raise refused(error) from None
        if changed is None:
            raise not_found(task_id)
        return await self._detail(call, task_id)

    async def _detail(self, call: Call[TaskPath, Any, Any], task_id: int) -> dict[str, Any]:
        task, polling = await self._store.read(lambda connection: _whole(connection, task_id))
        found = await self._counting.progress(
            lambda connection: [head] if (head := fetch_head(connection, task_id)) else []
        )
        if task is None or not found:
            raise not_found(task_id)
        url = task.notify_url or ""
        may_see_url = call.request[CALLER].role.covers(Role.OPERATOR)
        return {
            **found[0],
            "pollingName": None if polling is None else polling.name,
            "dialPrefix": task.dial_prefix,
            "recordTalk": task.record_talk,
            "notifyUrl": url if may_see_url or not url else shown_url(url),
            "spent": shown(task.spent_u) if task.spent_u else None,
            "rules": rules_json(task.rules),
        }

    async def stats(self, call: Call[Nothing, StatsQuery, None]) -> dict[str, Any]:
        return self.stats_of(call.query.minutes or DEFAULT_MINUTES)

    def stats_of(self, minutes: int) -> dict[str, Any]:
        """Stats of the last so many minutes."""
        return {
            "minutes": [_minute(began_s, minute) for began_s, minute in self._meter.minutes(minutes)],
            "inProgress": self._ledger.in_use,
            "maxChannels": self._max_channels,
        }


def _whole(connection: Any, task_id: int) -> tuple[Task | None, Polling | None]:
    """The task and its polling."""
    task = fetch_task(connection, task_id)
    of_polling = task is not None and task.inner_num_type is InnerNumType.POLLING
    return task, find_polling(connection, task.inner_num) if task is not None and of_polling else None


def _minute(began_s: int, minute: Minute) -> dict[str, Any]:
    return {"time": float(began_s), "begun": minute.begun, "results": dict(minute.results)}
