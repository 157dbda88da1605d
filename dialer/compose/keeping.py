"""What is removed in time, for as long as the daemon runs."""

import asyncio
import logging
from contextlib import suppress

from dialer.dispatch.desk import TaskDesk
from dialer.dispatch.recordings import Recordings
from dialer.store.audit import prune_audit
from dialer.store.database import Store, StoreError
from dialer.store.receipts import forget_receipts

log = logging.getLogger(__name__)
KEEP_RECORDINGS_S = 3600.0
KEEP_RECEIPTS_S = 86_400.0
"""How long a reply is given again to a request with the same idempotency key."""
FORGET_EVERY_S = 600.0
PRUNE_AUDIT_S = 3600.0
FINISH_LISTS_EVERY_S = 5.0
"""When the disk was full, rows of a list stay for so long at the most once it is not; a task has what its new list says
as soon. Where nothing is left of a list, nothing is asked of the database."""


async def keep_recordings(recordings: Recordings) -> None:
    while True:
        try:
            removed = await asyncio.to_thread(recordings.prune)
        except OSError as error:
            log.warning("old recordings are not removed: %s", error)
        else:
            if removed:
                log.info("%d recordings older than [audio] recordings_max_age_days removed", removed)
        await asyncio.sleep(KEEP_RECORDINGS_S)


async def keep_receipts(store: Store) -> None:
    while True:
        with suppress(StoreError):  # the store's trouble is told by itself
            await store.write(forget_receipts(KEEP_RECEIPTS_S))
        await asyncio.sleep(FORGET_EVERY_S)


async def keep_audit(store: Store, keep_days: int) -> None:
    """In small parts: the writer is not held for long."""
    while True:
        with suppress(StoreError):
            while await store.write(prune_audit(keep_days)):
                pass
        await asyncio.sleep(PRUNE_AUDIT_S)


async def keep_lists(desk: TaskDesk) -> None:
    earlier = True
    while True:
        with suppress(StoreError):
            await desk.finish_left_lists(earlier=earlier)
            earlier = False
        await asyncio.sleep(FINISH_LISTS_EVERY_S)


async def finish_ending(desk: TaskDesk) -> None:
    """What an earlier daemon was stopped amid; once."""
    try:
        await desk.finish_ending()
    except StoreError as error:
        log.warning("tasks that their users have ended keep numbers until the next start: %s", error)
