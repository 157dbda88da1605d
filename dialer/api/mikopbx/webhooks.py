"""/webhooks: events that wait for delivery, and those given up"""

import re
from types import SimpleNamespace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from dialer.api.endpoint import Endpoint, Nothing
from dialer.api.mikopbx.fields import QueryNumber, wrong
from dialer.api.mikopbx.replies import answers
from dialer.api.mikopbx.results import SECOND_US, answer_json, result_json
from dialer.api.mikopbx.serving import Call
from dialer.model.audit import Change
from dialer.model.webhook import shown_url
from dialer.store import events
from dialer.store.audit import audited
from dialer.store.database import Operation, Store
from dialer.store.events import Event

LIST_LIMIT = 1000
_EVENT_ID = "[a-z0-9-]{1,100}"
EventState = Literal["waiting", "dead"]


class _Shown(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class EventShown(_Shown):
    """An event of the outbox. Times are Unix seconds."""

    id: str
    """Its place in the outbox; for `offset`."""
    eventId: str
    """What the receiver knows it by (`webhook-id`), the same at every try."""
    type: str
    """result or answer; of the VotBox facade progress or mail."""
    taskId: str
    """Our id of the task."""
    phoneId: str
    """Whose it is: the last ten digits."""
    url: str
    """The receiver: scheme, host, port, and a mark in place of the rest, which may be a secret."""
    tries: str
    """How often it was tried."""
    lastError: str | None
    """What came of the last try."""
    created: str
    """When it happened, or was replayed."""
    due: str | None
    """When it is tried next, 0: at once; null: after an earlier one of its number."""
    dead: str | None
    """When it was given up."""


class EventList(_Shown):
    waiting: str
    """How many wait, of all receivers."""
    dead: str
    """How many were given up."""
    results: list[EventShown]
    """Those asked for, oldest first."""


class Replayed(_Shown):
    replayed: str
    """How many wait again."""


class EventListQuery(Nothing):
    """Which events: ids greater than `offset`; `limit` of them, 1000 at the most."""

    state: Annotated[EventState, WithJsonSchema({"type": "string", "enum": ["waiting", "dead"]})] = "waiting"
    """Those that wait (the default), or those given up."""
    limit: QueryNumber = None
    """How many at the most, up to 1000."""
    offset: QueryNumber = None
    """Ids greater than this."""


def _event_id(text: str) -> str:
    if not re.fullmatch(_EVENT_ID, text, re.ASCII):
        raise ValueError("the id of an event expected")
    return text


EventId = Annotated[
    Annotated[str, Field(strict=True)],
    AfterValidator(_event_id),
    WithJsonSchema({"type": "string", "pattern": f"^{_EVENT_ID}$"}),
]


class ReplayBody(Nothing):
    """Either some events, or all that were given up."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"all": True}],
            "anyOf": [
                {"required": ["ids"], "properties": {"ids": {"type": "array"}, "all": {"const": False}}},
                {"required": ["all"], "properties": {"ids": {"type": "null"}, "all": {"const": True}}},
            ],
        }
    )

    ids: Annotated[list[EventId], Field(max_length=1000)] | None = None
    """`eventId`s; those that were not given up are left as they are."""
    all: Annotated[bool, Field(strict=True)] = False
    """Every event that was given up."""

    @model_validator(mode="after")
    def _says_which(self) -> "ReplayBody":
        if self.all == (self.ids is not None):
            raise wrong("ids", "either a list of event ids or all: true expected")
        return self


class WebhookEvents:
    """The outbox, looked at and replayed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        return (
            Endpoint("GET", "/webhooks", self.list, "List events that wait for delivery or were given up",
                     answers(EventList), query_model=EventListQuery),
            Endpoint("POST", "/webhooks/replay", self.replay, "Deliver events again that were given up",
                     answers(Replayed), body_model=ReplayBody, once=True),
        )  # fmt: skip

    async def list(self, call: Call[Nothing, EventListQuery, None]) -> dict[str, Any]:
        query = call.query
        limit = LIST_LIMIT if query.limit is None else min(query.limit, LIST_LIMIT)
        found = await self._store.read(
            lambda connection: events.fetch_events(
                connection, dead=query.state == "dead", after_id=query.offset or 0, limit=limit
            )
        )
        waiting, dead = await self._store.read(events.count_events)
        return {"waiting": str(waiting), "dead": str(dead), "results": [_event_json(one) for one in found]}

    async def replay(self, call: Call[Nothing, Nothing, ReplayBody]) -> dict[str, Any]:
        """The receipt comes last: a request that is cut off and repeated replays what is left."""
        count, some = 0, await self._store.write(_audited(events.replay(call.body.ids)))
        while some:
            count += len(some)
            some = await self._store.write(_audited(events.replay(call.body.ids, some[-1])))
        return _replayed(await self._store.write(call.once(lambda _: count, _replayed)))


def _audited(operation: Operation[list[int]]) -> Operation[list[int]]:
    return audited(operation, lambda some: Change("webhooks.replay", "", f"{len(some)} events") if some else None)


def _replayed(count: int) -> dict[str, Any]:
    return {"replayed": str(count)}


def render_event(event: Event) -> dict[str, Any]:
    """What a receiver gets: the row as /results and /polling-results show it."""
    row: Any = SimpleNamespace(**event.content)
    return {
        "id": event.event_id,
        "type": event.kind,
        "taskId": str(event.task_id),
        "crmId": event.content["crm_id"],
        "data": result_json(row) if event.kind == events.RESULT else answer_json(row),
    }


def _event_json(one: Event) -> dict[str, Any]:
    return {
        "id": str(one.row_id),
        "eventId": one.event_id,
        "type": one.kind,
        "taskId": str(one.task_id),
        "phoneId": one.phone_id,
        "url": shown_url(one.url),
        "tries": str(one.tries),
        "lastError": one.last_error,
        "created": str(one.created_us // SECOND_US),
        "due": None if one.due_us is None else str(one.due_us // SECOND_US),
        "dead": None if one.dead_us is None else str(one.dead_us // SECOND_US),
    }
