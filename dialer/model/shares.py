"""Whose call is next among tasks that share channels: by priority, and by weight of channel time. Pure.

A task's virtual time is the channel-seconds it has used, running calls included, divided by its weight. The next task
is the one that would be least far on `LOOK_AHEAD_S` from now, had it half a call more: so channels are split by weight
at once, and whoever got more than its part, by longer calls or by luck, waits until the others are as far.
Who could not dial for a while, or has too few channels of its own, saves up no more than the virtual time of one call.

A priority goes before all lower ones, but every `OPEN_TURN`th call is begun by the priority that waits longest for one.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

LOOK_AHEAD_S = 15.0
OPEN_TURN = 10


@dataclass(slots=True)
class _Level:
    """Tasks of one priority."""

    virtual_s: float = 0.0
    """The virtual time of the system: the least of those tasks that could dial all the time, never going back."""
    decisions: int = 0
    """How often one of these tasks was chosen."""
    last_begun: int = 0
    """How many calls of all tasks had begun with the last one of this priority."""


@dataclass(slots=True)
class _Share:
    """A task that has joined, or has calls running."""

    task_id: int
    settled_s: float
    virtual_s: float = 0.0
    """At `settled_s`."""
    running: int = 0
    last_begun: int = 0
    """How many calls of all tasks had begun with the last one of this task."""
    weight: float = 1.0
    priority: int | None = None
    """None: calls are told of a task that has not joined yet."""
    joined: bool = False
    able_at: int = -1
    """The last decision of its level at which the task could dial."""

    @property
    def call_s(self) -> float:
        """The virtual time of one call, as far as is looked ahead."""
        return LOOK_AHEAD_S / self.weight

    @property
    def with_half_more_s(self) -> float:
        """The virtual time `LOOK_AHEAD_S` after it was settled, with half a call more. A whole one would keep tasks of
        small weight behind for ever (as seats of a parliament: by D'Hondt, and here by Sainte-Lague)."""
        return self.virtual_s + (self.running + 0.5) * LOOK_AHEAD_S / self.weight

    def settle(self, now_s: float) -> None:
        """Account for the running calls up to now."""
        if now_s > self.settled_s:
            self.virtual_s += self.running * (now_s - self.settled_s) / self.weight
            self.settled_s = now_s


class Shares:
    """The tasks that share channels. Calls may be told of tasks that are not known: they outlive tasks and restarts.

    Weights hold among tasks that could dial at the same time: trunks with channels of their own have `Shares` each.
    """

    def __init__(self) -> None:
        self._shares: dict[int, _Share] = {}
        self._levels: dict[int, _Level] = {}
        self._begun = 0

    def join(self, task_id: int, weight: float, priority: int, now_s: float) -> None:
        """A task is open, or has changed. Weight: above 0. Priority: the higher, the sooner."""
        if weight <= 0:
            raise ValueError(f"the weight of task {task_id} must be above 0, not {weight}")
        share = self._settled(task_id, now_s)
        level = self._levels.setdefault(priority, _Level())
        if share.priority != priority:
            share.priority = priority
            share.virtual_s = level.virtual_s
            share.able_at = -1
        share.weight = weight
        share.joined = True

    def leave(self, task_id: int) -> None:
        """A task dials no more; calls that run are told until they end."""
        if task_id in self._shares:
            self._shares[task_id].joined = False
            self._forget_if_over(task_id)

    def call_began(self, task_id: int, now_s: float) -> None:
        """A call of the task holds a channel from now on."""
        share = self._settled(task_id, now_s)
        share.running += 1
        self._begun += 1
        share.last_begun = self._begun
        if share.priority is not None:
            self._levels[share.priority].last_begun = self._begun

    def call_ended(self, task_id: int, now_s: float) -> None:
        """A call of the task holds its channel no more."""
        if task_id in self._shares:
            share = self._settled(task_id, now_s)
            share.running = max(0, share.running - 1)
            self._forget_if_over(task_id)

    def next_of(self, candidates: Iterable[int], now_s: float) -> int | None:
        """Which of the tasks that could begin a call should; None: none of them has joined."""
        able = [share for task_id in candidates if (share := self._shares.get(task_id)) is not None and share.joined]
        if not able:
            return None
        priority = self._next_priority({share.priority for share in able if share.priority is not None})
        level = self._levels[priority]
        peers = [share for share in able if share.priority == priority]
        steady_s = math.inf
        for share in peers:
            share.settle(now_s)
            if share.able_at == level.decisions:
                steady_s = min(steady_s, share.virtual_s)
        if steady_s == math.inf:
            steady_s = min([share.virtual_s for share in peers])
        level.virtual_s = max(level.virtual_s, steady_s)
        level.decisions += 1
        for share in peers:
            share.virtual_s = max(share.virtual_s, level.virtual_s - share.call_s)
            share.able_at = level.decisions
        return min(peers, key=lambda share: (share.with_half_more_s, share.last_begun)).task_id

    def _next_priority(self, priorities: set[int]) -> int:
        if (self._begun + 1) % OPEN_TURN == 0:
            return min(priorities, key=lambda priority: (self._levels[priority].last_begun, -priority))
        return max(priorities)

    def _settled(self, task_id: int, now_s: float) -> _Share:
        share = self._shares.get(task_id)
        if share is None:
            share = self._shares[task_id] = _Share(task_id, now_s)
        share.settle(now_s)
        return share

    def _forget_if_over(self, task_id: int) -> None:
        share = self._shares[task_id]
        if not share.joined and not share.running:
            del self._shares[task_id]
