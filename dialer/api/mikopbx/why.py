"""/task/{id}/why"""

import time
from typing import Any

from pydantic import BaseModel, ConfigDict

from dialer.api.endpoint import Endpoint, Nothing
from dialer.api.mikopbx.numbers import QueryPhone
from dialer.api.mikopbx.replies import answers
from dialer.api.mikopbx.serving import Call
from dialer.api.mikopbx.tasks import TaskPath, known, not_found
from dialer.dispatch.why import Explainer
from dialer.model.situation import Rule


class WhyQuery(Nothing):
    """The task, or one of its numbers."""

    phone: QueryPhone = None
    """A number of the task to tell about; the last ten digits count. Without one the task is told about."""


class Why(BaseModel):
    """The first rule that holds the next call back, or that none does."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    taskId: str
    """Our id of the task."""
    phone: str | None
    """The number asked for."""
    dialling: bool
    """Calls of the task are under way, or the next one may begin; with a phone: its own."""
    blocks: bool
    """The rule holds the next call back. Otherwise it is only worth knowing."""
    rule: Rule
    """Which rule: for programs."""
    reason: str
    """What it found: for people."""
    nextLook: float | None
    """When it is looked at next, Unix seconds; null: at no certain time, see `nextLookOn`."""
    nextLookOn: str
    """The event on which it is looked at next, in words."""
    channelsInUse: int
    """By the task."""
    maxCountChannels: int
    """Of the task."""
    waiting: int
    """Numbers in the task's queue; 10001: more than 10000."""
    inProgress: int
    """Numbers of the task whose call is under way."""


class TaskWhy:
    """Why a task is not being dialled."""

    def __init__(self, explainer: Explainer) -> None:
        self._explainer = explainer

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        return (
            Endpoint("GET", "/task/{id}/why", self.get, "What keeps a task, or a number of it, from being dialled, and "
                     "when it is looked at next", answers(Why), path_model=TaskPath, query_model=WhyQuery),
        )  # fmt: skip

    async def get(self, call: Call[TaskPath, WhyQuery, None]) -> dict[str, Any]:
        task_id, phone = known(call.path.id), call.query.phone
        told = await self._explainer.explain(task_id, phone)
        if told is None:
            raise not_found(task_id)
        found = told.found
        next_look = None if found.next_look_s is None else round(time.time() + found.next_look_s, 1)
        return {
            "taskId": str(task_id),
            "phone": phone,
            "dialling": not found.blocks or (phone is None and told.in_use > 0),
            "blocks": found.blocks,
            "rule": found.rule.value,
            "reason": found.reason,
            "nextLook": next_look,
            "nextLookOn": found.next_look_on,
            "channelsInUse": told.in_use,
            "maxCountChannels": told.task.max_count_channels,
            "waiting": told.waiting,
            "inProgress": told.in_use,
        }
