"""The time after which Asterisk ends a dialogue by itself, told to it no oftener than need be: telling is a command."""

import math
import time
from collections.abc import Callable
from pathlib import Path

from agi.session import AgiSession

UNKNOWN_S = math.inf
_SLOWER = 1.25
_MARGIN_S = 10.0
"""A busy Asterisk plays more slowly: so much longer than it should a command may take."""
_BYTES_PER_S = 16_000
"""Of what the prompt library makes: 8 kHz, 16 bits, one channel."""


class TimeLimit:
    """`limit_s` seconds from the beginning, or from where it begins anew; 0: none.

    What Asterisk was told last is left as it is while the commands that are sent end before that. It is not told at all
    before the first prompt, which is not to wait for it, where that ends in time.
    """

    def __init__(self, session: AgiSession, limit_s: int, now: Callable[[], float] = time.monotonic) -> None:
        self._session = session
        self._limit_s = limit_s
        self._now = now
        self._ends_s = self._told_s = math.inf
        self._is_first = True
        self.begin_anew()

    async def begin(self, more_s: int = 0) -> None:
        """Begin anew, now, with so much more time; told to Asterisk."""
        seconds = self._limit_s + more_s if self._limit_s else 0
        self._ends_s = self._told_s = self._now() + seconds if seconds else math.inf
        await self._session.hang_up_after(seconds)

    def begin_anew(self) -> None:
        """Likewise, told to Asterisk when `allow` finds that it must be."""
        if self._limit_s:
            self._ends_s = self._now() + self._limit_s

    async def lift(self) -> None:
        """No limit, until it begins again."""
        self._ends_s = self._told_s = math.inf
        await self._session.hang_up_after(0)

    async def allow(self, longest_s: float) -> None:
        """Before commands that may take so long: what Asterisk knows must not end them too early, nor too late."""
        now_s, is_first, self._is_first = self._now(), self._is_first, False
        over_s = now_s + longest_s * _SLOWER + _MARGIN_S
        if is_first and self._told_s == math.inf and over_s <= self._ends_s:
            return
        if self._ends_s < self._told_s or (self._ends_s > self._told_s and over_s > self._told_s):
            self._told_s = self._ends_s
            await self._session.hang_up_after(max(1, round(self._ends_s - now_s)))


def length_s(sound: Path) -> float:
    """How long a prompt is, about; UNKNOWN_S: it cannot be seen."""
    try:
        return sound.stat().st_size / _BYTES_PER_S
    except OSError:
        return UNKNOWN_S
