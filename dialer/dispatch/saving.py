"""Saving what happens to attempts: in order, and again until it is committed."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from dialer.store.database import Operation, Store

log = logging.getLogger(__name__)
SAVE_RETRY_S = 1.0
SETTLE_S = 10.0
PASSING_S = 0.05
"""How long a state that the next one may pass over is kept before it is stored."""


@dataclass(frozen=True, slots=True)
class _Change:
    operation: Operation[None]
    keys: tuple[str, ...]
    """Where Asterisk keeps what this makes durable."""
    may_wait: bool = True
    """For others to be committed with."""


class Saver:
    """Commits each attempt's changes one after the other: what ended must not stay open, whatever the database does.

    `on_saved` is called with the attempt and the keys of each change that is committed.
    """

    def __init__(self, store: Store, on_saved: Callable[[int, tuple[str, ...]], None]) -> None:
        self._store = store
        self._on_saved = on_saved
        self._changes: dict[int, deque[_Change]] = {}
        """By attempt: the first one is being tried, the others wait for it."""
        self._passing: dict[int, Operation[None]] = {}
        """By attempt, what is stored only if nothing comes that passes over it."""
        self._passing_due: asyncio.TimerHandle | None = None
        self._failing: set[int] = set()
        """Attempts whose first change could not be committed yet."""
        self._idle = asyncio.Event()
        self._idle.set()

    def is_saving(self, attempt_id: int) -> bool:
        """Whether a change of the attempt is not committed yet."""
        return attempt_id in self._changes

    def save(
        self,
        attempt_id: int,
        operation: Operation[None],
        keys: tuple[str, ...] = (),
        *,
        is_whole: bool = False,
        may_wait: bool = True,
    ) -> None:
        """Commit a change after the attempt's earlier ones. `is_whole`: it says also what a state before it says.
        `may_wait`: for others, 50 ms at the most."""
        passing = self._passing.pop(attempt_id, None)
        if passing is not None and not is_whole:
            self._queue(attempt_id, _Change(passing, ()))
        self._queue(attempt_id, _Change(operation, keys, may_wait))

    def save_passing(self, attempt_id: int, operation: Operation[None]) -> None:
        """Commit a state of the attempt, unless within 50 ms a change comes that passes over it."""
        self._passing[attempt_id] = operation
        self._idle.clear()
        if self._passing_due is None:
            self._passing_due = asyncio.get_running_loop().call_later(PASSING_S, self._save_passing)

    def _save_passing(self) -> None:
        self._passing_due = None
        passing, self._passing = self._passing, {}
        for attempt_id, operation in passing.items():
            self._queue(attempt_id, _Change(operation, ()))
        self._look_whether_idle()

    def _queue(self, attempt_id: int, change: _Change) -> None:
        changes = self._changes.setdefault(attempt_id, deque())
        changes.append(change)
        self._idle.clear()
        if len(changes) == 1:
            self._submit(attempt_id)

    def _look_whether_idle(self) -> None:
        if not self._changes and not self._passing:
            self._idle.set()

    async def settle(self) -> None:
        """Return when everything is committed, or after 10 s."""
        try:
            async with asyncio.timeout(SETTLE_S):
                await self._idle.wait()
        except TimeoutError:
            log.warning("not committed at the end: attempts %s", sorted(self._changes))

    def _submit(self, attempt_id: int) -> None:
        change = self._changes[attempt_id][0]
        future = self._store.submit(change.operation, may_wait=change.may_wait)
        future.add_done_callback(lambda done: self._submitted(attempt_id, done))

    def _submitted(self, attempt_id: int, done: "asyncio.Future[None]") -> None:
        if done.cancelled():
            return
        error = done.exception()
        if error is not None:
            level = logging.DEBUG if attempt_id in self._failing else logging.ERROR
            log.log(level, "attempt %d: not stored, tried again every %.0f s: %s", attempt_id, SAVE_RETRY_S, error)
            self._failing.add(attempt_id)
            asyncio.get_running_loop().call_later(SAVE_RETRY_S, self._submit, attempt_id)
            return
        self._failing.discard(attempt_id)
        changes = self._changes[attempt_id]
        change = changes.popleft()
        if changes:
            self._submit(attempt_id)
        else:
            del self._changes[attempt_id]
        self._look_whether_idle()
        self._on_saved(attempt_id, change.keys)
