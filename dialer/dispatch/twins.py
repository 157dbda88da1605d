"""Numbers that a task lists already in another form: what only the numbering plan knows."""

import asyncio
import functools
from collections.abc import Sequence

from dialer.dispatch.numbering import SHARED_DIGITS, find_twins, is_short
from dialer.store.database import Store
from dialer.store.tasks import fetch_ending

_FEW = 1000
"""So many are parsed more quickly than a long list is read."""


async def fetch_twins(store: Store, task_id: int, phones: Sequence[str], region: str) -> dict[str, str]:
    """Those of the numbers that are one of the task's, each with how that is listed, or an earlier one of them. The
    numbers are not in its list by their last ten digits (`fetch_listed`). Raises StoreError."""
    if len(phones) <= _FEW:
        phones = await asyncio.to_thread(lambda: [phone for phone in phones if is_short(phone, region)])
    if not phones:
        return {}
    ends = {phone[-SHARED_DIGITS:] for phone in phones}
    alike = await store.read(functools.partial(fetch_ending, task_id=task_id, ends=ends, length=SHARED_DIGITS))
    found = await asyncio.to_thread(find_twins, [*alike, *phones], region)
    return {phone: found[phone] for phone in phones if phone in found}
