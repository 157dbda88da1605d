"""Attempts that wait when their task's rules change: what the old rules had put off gets the time of the new ones."""

from datetime import datetime

from sqlalchemy import and_, bindparam, select, update

from dialer.model.outcome import Outcome
from dialer.model.retry import seconds_to_next_attempt
from dialer.model.rules import Rules
from dialer.store.database import Transaction
from dialer.store.schema import QUEUED, attempt

_SECOND_US, _MINUTE_US = 1_000_000, 60_000_000
_CAP_MARK_US = 1
_earlier = attempt.alias("earlier")
_NEXT_ATTEMPTS = (
    select(attempt.c.id, attempt.c.due_us, attempt.c.attempt_number, _earlier.c.result, _earlier.c.cause,
           _earlier.c.closed_us)
    .join(
        _earlier,
        and_(
            _earlier.c.task_id == attempt.c.task_id,
            _earlier.c.phone_id == attempt.c.phone_id,
            _earlier.c.attempt_number == attempt.c.attempt_number - 1,
        ),
    )
    .where(attempt.c.task_id == bindparam("of_task"), QUEUED, attempt.c.attempt_number > 1)
)  # fmt: skip
_MOVE = update(attempt).where(attempt.c.id == bindparam("attempt_id")).values(due_us=bindparam("new_due_us"))


def capped_until_us(day_ends: datetime) -> int:
    """Until when a number waits that has been called today as often as it may be. A microsecond after midnight: times
    that a CRM gives a number are whole seconds, and are told apart from this one."""
    return int(day_ends.timestamp()) * _SECOND_US + _CAP_MARK_US


def follow_rules(tx: Transaction, task_id: int, before: Rules, after: Rules) -> None:
    """Give attempts that wait the times of changed rules. Times that the CRM gave a number stay. An attempt that waits
    already is made, also where the new rules would allow none."""
    if after.max_per_day != before.max_per_day:  # who is still called out waits again as soon as he is looked at
        capped = attempt.c.due_us % _MINUTE_US == _CAP_MARK_US
        tx.connection.execute(update(attempt).where(attempt.c.task_id == task_id, QUEUED, capped).values(due_us=0))
    if (after.try_interval_s, after.retry_on) == (before.try_interval_s, before.retry_on):
        return
    moves = []
    for row in tx.connection.execute(_NEXT_ATTEMPTS, {"of_task": task_id}):
        wait_s = seconds_to_next_attempt(after, row.attempt_number - 1, Outcome(row.result), row.cause)
        is_of_rules = (row.due_us - row.closed_us) % _SECOND_US == 0
        if wait_s is not None and is_of_rules:
            moves.append({"attempt_id": row.id, "new_due_us": row.closed_us + wait_s * _SECOND_US})
    if moves:
        tx.connection.execute(_MOVE, moves)
