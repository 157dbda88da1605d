"""Waiting for a condition with a deadline, instead of sleeping and hoping."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

POLL_S = 0.02

Result = TypeVar("Result")


class WaitTimeout(AssertionError):
    """The condition did not come true in time; the message says which one."""


async def wait_until(
    condition: Callable[[], Result], what: str, timeout_s: float = 10.0, *, poll_s: float = POLL_S
) -> Result:
    """Return the first truthy result of `condition`, asked every `poll_s`; WaitTimeout after `timeout_s` seconds."""

    async def ask() -> Result:
        return condition()

    return await wait_for_answer(ask, bool, what, timeout_s, poll_s=poll_s)


async def wait_for_answer(
    ask: Callable[[], Awaitable[Result]],
    accept: Callable[[Result], object],
    what: str,
    timeout_s: float = 10.0,
    *,
    poll_s: float = POLL_S,
) -> Result:
    """Return the first answer that is accepted, asked for every `poll_s`; WaitTimeout shows the last one."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = await ask()
        if accept(answer):
            return answer
        if time.monotonic() >= deadline:
            raise WaitTimeout(f"not within {timeout_s:g} s: {what}; last seen: {str(answer)[:500]}")
        await asyncio.sleep(poll_s)
