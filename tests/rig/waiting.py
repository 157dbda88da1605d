"""Waiting for a condition with a deadline, instead of sleeping and hoping."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

POLL_S = 0.02

Result = TypeVar("Result")


class WaitTimeout(AssertionError):
    """The condition did not come true in time; the message says which one."""


async def wait_until(condition: Callable[[], Result], what: str, timeout_s: float = 10.0) -> Result:
    """Return the first truthy result of `condition`, asked every 20 ms; WaitTimeout after `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() >= deadline:
            raise WaitTimeout(f"not within {timeout_s:g} s: {what}")
        await asyncio.sleep(POLL_S)
