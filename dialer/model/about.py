"""What is being worked on: the task, attempt and call that log lines are about. Said once, where the work begins;
whatever is called from there, and every asyncio task begun there, is about the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

_MOST_CHARS = 100
"""Asterisk's ids are shorter."""


@dataclass(frozen=True, slots=True)
class About:
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


@contextmanager
def about(task_id: int | None, attempt_id: int | None = None, linked_id: str = "") -> Iterator[None]:
    """Say so for a while."""
    token = _about.set(About(task_id, attempt_id, linked_id[:_MOST_CHARS]))
    try:
        yield
    finally:
        _about.reset(token)
