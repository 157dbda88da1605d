"""Attempts that wait when their task's rules change: what the old rules had put off gets the time of the new ones."""

from datetime import datetime

from sqlalchemy import and_, case, func, not_, select, update
from sqlalchemy.sql.elements import ColumnElement

from dialer.model.outcome import Outcome
from dialer.model.retry import seconds_to_next_attempt
from dialer.model.rules import Rules
from dialer.store.database import Transaction
from dialer.store.schema import OF_CLIENT, QUEUED, attempt

_SECOND_US, _MINUTE_US = 1_000_000, 60_000_000
_CAP_MARK_US = 1
_CAPPED = attempt.c.due_us % _MINUTE_US == _CAP_MARK_US
_earlier = attempt.alias("earlier")
_BEFORE = and_(
    _earlier.c.task_id == attempt.c.task_id,
    _earlier.c.phone_id == attempt.c.phone_id,
    _earlier.c.attempt_number == attempt.c.attempt_number - 1,
)
_CLOSED_US = select(_earlier.c.closed_us).where(_BEFORE).correlate(attempt).scalar_subquery()


def capped_until_us(day_ends: datetime) -> int:
    """Until when a number waits that has been called today as often as it may be. A microsecond after midnight: it is
    known by that (of other times one in sixty million is)."""
    return int(day_ends.timestamp()) * _SECOND_US + _CAP_MARK_US


def follow_rules(tx: Transaction, task_id: int, before: Rules, after: Rules) -> None:
    """Give attempts that wait the times of changed rules, never before those that the list gives them. An attempt that
    waits already is made, also where the new rules would allow none."""
    cap_changed = after.max_per_day != before.max_per_day
    waiting = (attempt.c.task_id == task_id, QUEUED)
    intervals_changed = (after.try_interval_s, after.retry_on) != (before.try_interval_s, before.retry_on)
    if not cap_changed and not intervals_changed:
        return
    if intervals_changed:
        _follow_intervals(tx, task_id, after, cap_changed=cap_changed)
    if cap_changed:  # who is called out still is put off again as soon as he is looked at
        again = update(attempt).where(*waiting, _CAPPED)
        tx.connection.execute(again.values(due_us=attempt.c.not_before_us))
    _choose_turns(tx, task_id)


def _choose_turns(tx: Transaction, task_id: int) -> None:
    """Of each client whom nobody is calling, the number that may be called first is not held, and no other one."""
    of_clients = (attempt.c.task_id == task_id, OF_CLIENT)
    called = select(attempt.c.client_id).where(*of_clients, not_(QUEUED))
    turn = func.row_number().over(partition_by=attempt.c.client_id, order_by=(attempt.c.due_us, attempt.c.id))
    turns = (
        select(attempt.c.id, turn.label("turn"))
        .where(*of_clients, QUEUED, attempt.c.client_id.not_in(called))
        .subquery()
    )
    for held, which in ((0, turns.c.turn == 1), (1, turns.c.turn > 1)):
        of_turn = attempt.c.id.in_(select(turns.c.id).where(which))
        tx.connection.execute(update(attempt).where(of_turn, attempt.c.held != held).values(held=held))


def _follow_intervals(tx: Transaction, task_id: int, after: Rules, *, cap_changed: bool) -> None:
    """One statement for all attempts with the same result before: a list of a million has few."""
    waiting = (attempt.c.task_id == task_id, QUEUED)
    kinds = tx.connection.execute(
        select(attempt.c.attempt_number, _earlier.c.result, _earlier.c.cause)
        .join(_earlier, _BEFORE)
        .where(*waiting, attempt.c.attempt_number > 1)
        .distinct()
    ).all()
    for number, result, cause in kinds:
        wait_s = seconds_to_next_attempt(after, number - 1, Outcome(result), cause)
        if wait_s is None:
            continue
        ended_so = select(_earlier.c.id).where(
            _BEFORE, _earlier.c.result == result, _earlier.c.cause.is_not_distinct_from(cause)
        )
        due_us: ColumnElement[int] = _CLOSED_US + wait_s * _SECOND_US
        latest = case((attempt.c.not_before_us > due_us, attempt.c.not_before_us), else_=due_us)
        if not cap_changed:
            latest = case((and_(_CAPPED, attempt.c.due_us > due_us), attempt.c.due_us), else_=latest)
        tx.connection.execute(
            update(attempt)
            .where(*waiting, attempt.c.attempt_number == number, ended_so.correlate(attempt).exists())
            .values(due_us=latest)
        )
