"""How many numbers of a task wait, are called and are done, without counting a million rows at each look.

A task's rows are counted once, at the first look at it. From then on only what has changed since is read, of all tasks
at once: new rows by their ids, which only grow; finished rows by the index `attempt_changed`, as a finished row is
final (the trigger `attempt_is_final`) and each commit's time stamp is greater than those before it; calls in progress
by their own small index. What waits is the rest. So a look costs what has changed since the last one, is made by a
reader beside the writer (WAL), and its figures are those of one snapshot of the database: exact, at any time.

Only a list that drops numbers, and the deletion of a task, take rows away: `lists.DROPPED_TOPIC` tells, and the task is
counted anew. That costs less than the list itself did.

The first count of many tasks takes several reads, as many tasks each as fit into a time: a read transaction of
seconds would keep the log from being taken over into the database, and everybody else who looks waiting. A task is
counted in one read whole (a million rows: some tenths of a second).

All this needs SQLite, whose only writer commits in the order of its stamps and ids. Other databases promise neither
that order nor one snapshot for several queries: there each look counts anew what it is asked for.
"""

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, case, func, literal, select

from dialer.store.schema import IN_PROGRESS, TRIED, answer, attempt

MINUTE_US = 60_000_000
_RECORDED = answer.c.result.like("answer-%-________________.wav")
"""Answers that are recordings: each has a name of its own, and they are counted as one."""
_FIRST = func.sum(case((attempt.c.attempt_number == 1, 1), else_=0)).label("numbers")
_TIMES = func.count().label("times")
_CLOSED = attempt.c.closed_us.is_not(None)
# An expression, not the column: else SQLite walks a whole index of it for the sake of the order of the groups.
_of_task: ColumnElement[int] = (attempt.c.task_id + 0).label("of_task")
_CALLS = select(attempt.c.task_id, _TIMES).where(IN_PROGRESS).group_by(attempt.c.task_id)


@dataclass(slots=True)
class Tally:
    """Attempts of a task; a number that is tried again has one for each try."""

    total: int = 0
    numbers: int = 0
    in_progress: int = 0
    results: Counter[str] = field(default_factory=Counter)

    @property
    def done(self) -> int:
        return sum(self.results.values())

    @property
    def waiting(self) -> int:
        return self.total - self.done - self.in_progress


@dataclass(frozen=True, slots=True)
class _Place:
    """How far rows are counted."""

    last_id: int = 0
    stamp_us: int = 0


class Tallies:
    """The tallies of the tasks that somebody has looked at. Not for two refreshes at a time."""

    def __init__(self) -> None:
        self._tallies: dict[int, Tally] = {}
        self._dropped: set[int] = set()
        self._place = _Place()

    def drop(self, task_id: int) -> None:
        """Rows of the task were deleted."""
        self._dropped.add(task_id)

    def of(self, task_id: int) -> Tally:
        """As of the last refresh."""
        return self._tallies.get(task_id) or Tally()

    def is_counted(self, task_id: int) -> bool:
        """Whether `of` tells what is there."""
        return task_id in self._tallies

    def refresh(self, connection: Connection, task_ids: Sequence[int], within_s: float = math.inf) -> None:
        """Bring everything known to the snapshot of this connection, and count those of the tasks that are not known
        yet, in their order: at least one, and further ones as long as `within_s` is not over. If it fails, everything
        is as before."""
        dropped, self._dropped = self._dropped, set()
        ordered = _is_ordered(connection)
        try:
            known = {task_id: tally for task_id, tally in self._tallies.items() if ordered and task_id not in dropped}
            added = _added(connection, self._place) if known else []
            finished = _finished(connection, self._place) if known else []
            new = [task_id for task_id in dict.fromkeys(task_ids) if task_id not in known]
            counted = _counted(connection, new, within_s if ordered else math.inf)
            calls = {row.task_id: row.times for row in connection.execute(_CALLS)}
            place = _place(connection, self._place)
        except BaseException:
            self._dropped |= dropped
            raise
        for task_id, times, numbers in added:
            if task_id in known:
                known[task_id].total += times
                known[task_id].numbers += numbers
        for task_id, result, times in finished:
            if task_id in known:
                known[task_id].results[result] += times
        self._tallies = known | counted
        for task_id, tally in self._tallies.items():
            tally.in_progress = calls.get(task_id, 0)
        self._place = place


def _added(connection: Connection, place: _Place) -> list[tuple[int, int, int]]:
    """Rows that are new: by task how many, and how many of them are first attempts."""
    query = select(_of_task, _TIMES, _FIRST).where(attempt.c.id > place.last_id).group_by(_of_task)
    return [(row.of_task, row.times, int(row.numbers)) for row in connection.execute(query)]


def _finished(connection: Connection, place: _Place) -> list[tuple[int, str, int]]:
    """Rows that have got their result: by task and result how many."""
    later = select(_of_task, attempt.c.result, _TIMES).where(TRIED, _CLOSED, attempt.c.changed_us > place.stamp_us)
    grouped = connection.execute(later.group_by(_of_task, attempt.c.result))
    return [(row.of_task, row.result, row.times) for row in grouped]


def _is_ordered(connection: Connection) -> bool:
    """Whether what was committed later has the later stamp and id."""
    return connection.dialect.name == "sqlite"


def _counted(connection: Connection, task_ids: Sequence[int], within_s: float) -> dict[int, Tally]:
    """Every row of these tasks, or of the first ones."""
    tallies: dict[int, Tally] = {}
    began_s = time.monotonic()
    for task_id in task_ids:
        if tallies and time.monotonic() - began_s >= within_s:
            break
        tally = tallies[task_id] = Tally()
        query = select(attempt.c.result, _TIMES, _FIRST).where(attempt.c.task_id == task_id).group_by(attempt.c.result)
        for row in connection.execute(query):
            tally.total += row.times
            tally.numbers += int(row.numbers)
            if row.result is not None:
                tally.results[row.result] = row.times
    return tallies


def _place(connection: Connection, before: _Place) -> _Place:
    last_id = connection.execute(select(func.max(attempt.c.id))).scalar() or 0
    found_us = connection.execute(select(func.max(attempt.c.changed_us)).where(TRIED)).scalar() or 0
    return _Place(max(before.last_id, int(last_id)), max(before.stamp_us, int(found_us)))


@dataclass(slots=True)
class Chart:
    """Outcomes of a task by minute, and its answers by question, kept likewise: minutes that are over stay as they
    are, answers are only added."""

    minutes: dict[tuple[int, str], int] = field(default_factory=dict)
    """By minute (microseconds since 1970) and result."""
    answers: dict[tuple[int, str, str | None], int] = field(default_factory=dict)
    """By polling, question and answer; None: recordings."""
    sealed_us: int = 0
    last_answer_id: int = 0

    def refreshed(self, connection: Connection, task_id: int) -> "Chart":
        """The chart as of the snapshot of this connection."""
        if self.sealed_us and not _is_ordered(connection):
            return Chart().refreshed(connection, task_id)
        stamp_us = connection.execute(select(func.max(attempt.c.changed_us)).where(TRIED)).scalar() or 0
        minute = (attempt.c.changed_us - attempt.c.changed_us % literal(MINUTE_US)).label("minute_us")
        # later: by the index of changes; at first: by that of the task's numbers
        which = (
            (TRIED, attempt.c.changed_us >= self.sealed_us, _of_task == task_id)
            if self.sealed_us
            else (attempt.c.task_id == task_id,)
        )
        query = select(minute, attempt.c.result, _TIMES).where(_CLOSED, *which)
        minutes = {key: times for key, times in self.minutes.items() if key[0] < self.sealed_us}
        minutes |= {
            (row.minute_us, row.result): row.times
            for row in connection.execute(query.group_by(minute, attempt.c.result))
        }
        answers = dict(self.answers)
        last_id = connection.execute(select(func.max(answer.c.id))).scalar() or 0
        value = case((_RECORDED, None), else_=answer.c.result).label("value")
        given = select(answer.c.polling_id, answer.c.question_id, value, _TIMES).where(
            answer.c.task_id == task_id, answer.c.id > self.last_answer_id
        )
        for row in connection.execute(given.group_by(answer.c.polling_id, answer.c.question_id, value)):
            key = (row.polling_id, row.question_id, row.value)
            answers[key] = answers.get(key, 0) + row.times
        return Chart(
            minutes,
            answers,
            max(self.sealed_us, int(stamp_us) // MINUTE_US * MINUTE_US),
            max(self.last_answer_id, int(last_id)),
        )
