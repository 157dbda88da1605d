"""Who changed what: an entry of the audit log. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from dialer.model.rules import Rules
from dialer.model.task import Task, TaskState

SHOWN_CHARS = 80
MAX_DETAIL = 500
_SPELLED = {
    "crm_id": "crmId",
    "inner_num": "innerNum",
    "inner_num_type": "innerNumType",
    "max_count_channels": "maxCountChannels",
    "dial_prefix": "dialPrefix",
    "record_talk": "recordTalk",
    "notify_url": "notifyUrl",
}
_UNTOLD = frozenset({"task_id", "rules", "spent_u", "owner"})
_SECRET = frozenset({"notify_url"})
"""Only that it was changed is told."""
_STATE_ACTIONS = {TaskState.OPEN: "task.resume", TaskState.PAUSED: "task.pause", TaskState.CLOSED: "task.close"}


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes something."""

    name: str
    """`local`, `user:LOGIN`, `key:NAME`, `votbox:ACCOUNT`, `command:USER` (who ran `dialer …`) and so on."""
    address: str = ""
    """Where from: `127.0.0.1` for this machine itself; empty where there is no connection."""


@dataclass(frozen=True, slots=True)
class Change:
    """What was changed. Never a secret, never a whole telephone number."""

    action: str
    """A stable word: `task.pause`."""
    target: str = ""
    """What it is about: an id or a name."""
    detail: str = ""
    """In a few words."""
    task_id: int | None = None
    """Whose task, where it is about one. This and what follows is for the log: rows do not have it."""
    attempt_ids: Sequence[int] = ()
    """Which numbers of it, where these were named."""
    number: str = ""
    """The telephone number, masked, where it is about one."""


def masked(phone: str) -> str:
    """A number as logs show it."""
    return f"…{phone[-4:]}"


def task_change(before: Task | None, after: Task, numbers: int | None) -> Change | None:
    """What was done to a task; None: it was so already. `numbers`: how many were posted; None: no list was."""
    said = [f"{numbers} numbers"] if numbers is not None else []
    if before is None:
        said = [f"name {_shown(after.name)}", f"state {after.state.name.lower()}", *said]
        return _of_task("task.create", after, said)
    action = "task.change"
    for name in (one.name for one in fields(Task)):
        old, new = getattr(before, name), getattr(after, name)
        if name in _UNTOLD or old == new:
            continue
        if name == "state":
            action = _STATE_ACTIONS[after.state]
        spelled = _SPELLED.get(name, name)
        said.append(f"{spelled} changed" if name in _SECRET else f"{spelled} {_shown(old)} → {_shown(new)}")
    changed = [one.name for one in fields(Rules) if getattr(before.rules, one.name) != getattr(after.rules, one.name)]
    if changed:
        said.append(f"rules: {', '.join(changed)}")
    return _of_task(action, after, said) if said else None


def _of_task(action: str, task: Task, said: list[str]) -> Change:
    return Change(action, str(task.task_id), _detail(said), task_id=task.task_id)


def said_of(values: Mapping[str, Any]) -> str:
    """A few values in words."""
    return _detail([f"{name} {_shown(value)}" for name, value in values.items()])


def _shown(value: Any) -> str:
    if isinstance(value, TaskState):
        return value.name.lower()
    text = str(getattr(value, "value", value))
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"


def _detail(parts: list[str]) -> str:
    return "; ".join(parts)[:MAX_DETAIL]
