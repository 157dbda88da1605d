"""Calls that stand by: Asterisk has their call files already, and its question for leave waits here for a channel.

From the end of a call to the next INVITE Asterisk is busy for some milliseconds with a call file, a pair of Local
channels and the question. A task whose channels become free often has that done beforehand for as many calls as will
soon get one. Nobody is called before: without a channel the question is answered with no, and the number goes back to
the queue.
"""

import asyncio
import contextlib
import math

AHEAD_S = 0.1
"""For the channels that become free within this time calls stand by: several times what Asterisk takes."""
LONGEST_S = 0.5
"""The time to ring runs from the call file on: what a call that stands by may take from it."""
_MEMORY_S = 1.0


class _OfTask:
    def __init__(self) -> None:
        self.calls: dict[int, asyncio.Future[None] | None] = {}
        """By attempt, the first one first, and who waits with the question."""
        self._ended = 0.0
        """Calls of the last moments, each counts less as time goes by."""
        self._ended_at_s = -math.inf

    def ended(self, now_s: float) -> None:
        self._ended, self._ended_at_s = 1 + self._left(now_s), now_s

    def ended_per_s(self, now_s: float) -> float:
        return self._left(now_s) / _MEMORY_S

    def _left(self, now_s: float) -> float:
        return self._ended * math.exp((self._ended_at_s - now_s) / _MEMORY_S)


class StandBy:
    """Which calls stand by, and how many should. Times are those of one clock, in seconds."""

    def __init__(self) -> None:
        self._tasks: dict[int, _OfTask] = {}
        self._task_of: dict[int, int] = {}

    def __contains__(self, attempt_id: int) -> bool:
        return attempt_id in self._task_of

    def room(self, task_id: int, now_s: float) -> int:
        """How many calls more should stand by."""
        of_task = self._tasks.get(task_id)
        return 0 if of_task is None else max(0, int(AHEAD_S * of_task.ended_per_s(now_s)) - len(of_task.calls))

    def join(self, attempt_id: int, task_id: int) -> None:
        self._tasks.setdefault(task_id, _OfTask()).calls[attempt_id] = None
        self._task_of[attempt_id] = task_id

    async def wait(self, attempt_id: int) -> None:
        """With the question of an attempt: returns when it has a channel, is gone, or has waited for LONGEST_S."""
        of_task = self._tasks.get(self._task_of.get(attempt_id, 0))
        if of_task is None:
            return
        called = of_task.calls[attempt_id] = asyncio.get_running_loop().create_future()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_S):
                await called

    def has_asked(self, attempt_id: int) -> bool:
        of_task = self._tasks.get(self._task_of.get(attempt_id, 0))
        return of_task is not None and of_task.calls.get(attempt_id) is not None

    def channel_is_free(self, task_id: int, now_s: float) -> None:
        """A call of the task has ended, one that had a channel."""
        self._tasks.setdefault(task_id, _OfTask()).ended(now_s)

    def next_of(self, task_id: int) -> int | None:
        """Whose turn it is when there is a channel: who has asked already, the first one first."""
        calls = self._tasks[task_id].calls if task_id in self._tasks else {}
        return next((attempt_id for attempt_id, asks in calls.items() if asks is not None), next(iter(calls), None))

    def leave(self, attempt_id: int) -> bool:
        """It has a channel, or is over; False: it did not stand by."""
        task_id = self._task_of.pop(attempt_id, None)
        if task_id is None:
            return False
        of_task = self._tasks.get(task_id)
        if of_task is not None:
            _tell(of_task.calls.pop(attempt_id, None))
        return True

    def forget(self, task_id: int) -> None:
        """The task is dialled no more: who stands by for it need not wait, and gets no channel."""
        of_task = self._tasks.pop(task_id, None)
        for asks in of_task.calls.values() if of_task else ():
            _tell(asks)


def _tell(asks: asyncio.Future[None] | None) -> None:
    if asks is not None and not asks.done():
        asks.set_result(None)
