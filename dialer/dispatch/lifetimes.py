"""Lifetimes: numbers that nobody may dial any more get their result, and days long gone are forgotten."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from datetime import datetime, tzinfo

from dialer.store.attempts import forget_days
from dialer.store.database import Store, StoreError
from dialer.store.finishing import LIFETIME_TOPIC, close_expired

log = logging.getLogger(__name__)
LOOK_EVERY_S = 60.0
"""Also when nothing is known to end: the clock may be set."""
LEAST_S = 0.05
KEPT_DAYS = 2


class Lifetimes:
    """Ends waiting numbers in the second in which their lifetime is over. `zone`: the PBX's."""

    def __init__(self, store: Store, zone: tzinfo, wall: Callable[[], float] = time.time) -> None:
        self._store = store
        self._zone = zone
        self._wall = wall
        self._wake = asyncio.Event()
        store.listen(LIFETIME_TOPIC, lambda _: self._wake.set())

    async def run(self) -> None:
        """Serve until cancelled. A store that fails is tried again."""
        while True:
            wait_s = LOOK_EVERY_S
            try:
                next_us = await self._store.write(close_expired())
                if next_us is not None:
                    wait_s = min(wait_s, max(LEAST_S, next_us / 1_000_000 - self._wall()))
                today = datetime.fromtimestamp(self._wall(), self._zone).toordinal()
                await self._store.write(forget_days(today - KEPT_DAYS))
            except StoreError as error:
                log.debug("lifetimes are looked at later: %s", error)  # the store's trouble is told by itself
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            self._wake.clear()
