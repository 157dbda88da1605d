"""/webhooks: events that wait for delivery, and those given up"""

from types import SimpleNamespace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from dialer.api.endpoint import Endpoint, Nothing
from dialer.api.mikopbx.fields import QueryNumber, text_schema, wrong
from dialer.api.mikopbx.replies import answers
from dialer.api.mikopbx.results import SECOND_US, answer_json, result_json
from dialer.api.mikopbx.serving import Call
from dialer.model.webhook import shown_url
from dialer.store import events
from dialer.store.database import Store
from dialer.store.events import Event

LIST_LIMIT = 1000
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
    """result or answer."""
    taskId: str
    """Our id of the task."""
    phoneId: str
    """Whose it is: the last ten digits."""
    url: str
    """The receiver, without its query."""
    tries: str
    """How often it was tried."""
    lastError: str | None
    """What came of the last try."""
    created: str
    """When it happened, or was replayed."""
    due: str
    """When it is tried next."""
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


class ReplayBody(Nothing):
    """Either some events, or all that were given up."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"all": True}]})

    ids: Annotated[list[Annotated[str, WithJsonSchema(text_schema(100))]], Field(max_length=1000)] | None = None
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
        return _replayed(await self._store.write(call.once(events.replay(call.body.ids), _replayed)))


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
        "due": str(one.due_us // SECOND_US),
        "dead": None if one.dead_us is None else str(one.dead_us // SECOND_US),
    }
