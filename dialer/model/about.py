"""What is being worked on: the task, attempt and call that log lines are about. Said once, where the work begins;
whatever is called from there, and every asyncio task begun there, is about the same."""

from contextvars import ContextVar
from typing import NamedTuple

_MOST_CHARS = 100
"""Asterisk's ids are shorter."""


class About(NamedTuple):
    """Nothing said: not known, or not of one task."""

    task_id: int | None = None
    attempt_id: int | None = None
    linked_id: str = ""


_NOTHING = About()
_about: ContextVar[About] = ContextVar("about", default=_NOTHING)


def what_about() -> About:
    """What is being worked on here."""
    return _about.get()


def work_on(task_id: int | None, attempt_id: int | None = None, linked_id: str = "") -> None:
    """Say so for the rest of this asyncio task."""
    _about.set(About(task_id, attempt_id, linked_id[:_MOST_CHARS]))


class about:
    """Say so for a while. (Around every event: a generator would take twice as long.)"""

    __slots__ = ("_said", "_token")

    def __init__(self, task_id: int | None, attempt_id: int | None = None, linked_id: str = "") -> None:
        self._said = About(task_id, attempt_id, linked_id[:_MOST_CHARS])

    def __enter__(self) -> None:
        self._token = _about.set(self._said)

    def __exit__(self, *_: object) -> None:
        _about.reset(self._token)
