"""The rehearsal: while a telephone rings, everything that its dialogue may say is made ready."""

import asyncio
import logging
from pathlib import Path
from typing import Protocol

from dialer.dispatch.flows import FlowSource
from dialer.dispatch.observing import Watching
from dialer.model.attempt import Attempt, AttemptState
from dialer.model.call import CallOrder
from dialer.model.flow import Prompt, PromptError
from dialer.model.task import InnerNumType
from dialer.store.database import StoreError

log = logging.getLogger(__name__)


class Voice(Protocol):
    """Where prompts come from. Raises PromptError for what cannot be played."""

    async def fetch(self, prompt: Prompt, patience_s: float | None = None) -> Path: ...


class Rehearsal(Watching):
    """One task a ringing call, which fetches one prompt after the other: the first question first, an answering
    machine's message last. It ends with the call, so that nothing is spoken for somebody who did not answer."""

    def __init__(self, flows: FlowSource, voice: Voice) -> None:
        self._flows = flows
        self._voice = voice
        self._rehearsing: dict[int, asyncio.Task[None]] = {}

    def call_moved(self, order: CallOrder, attempt: Attempt) -> None:
        """A telephone is about to ring."""
        if attempt.state is not AttemptState.DIALLING or order.attempt_id in self._rehearsing:
            return
        if order.inner_num_type is InnerNumType.EXTEN and not (order.message or order.apology):
            return
        task = asyncio.create_task(self._rehearse(order), name=f"rehearsal of attempt {order.attempt_id}")
        self._rehearsing[order.attempt_id] = task
        task.add_done_callback(lambda _: self._rehearsing.pop(order.attempt_id, None))

    def call_over(self, order: CallOrder, attempt: Attempt) -> None:
        task = self._rehearsing.get(order.attempt_id)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        """End every rehearsal."""
        rehearsing = list(self._rehearsing.values())
        for task in rehearsing:
            task.cancel()
        await asyncio.gather(*rehearsing, return_exceptions=True)

    async def _rehearse(self, order: CallOrder) -> None:
        try:
            found = await self._flows.flow_for(order)
            for prompt in (*(found[1].prompts() if found else ()), order.apology, order.message):
                if prompt is not None and not prompt.silent:
                    await self._fetch(order.attempt_id, prompt)
        except StoreError as error:  # the dialogue will meet it too, and say so
            log.warning("attempt %d is not rehearsed: %s", order.attempt_id, error)
        except Exception:
            log.exception("rehearsal of attempt %d failed", order.attempt_id)

    async def _fetch(self, attempt_id: int, prompt: Prompt) -> None:
        try:
            await self._voice.fetch(prompt)
        except PromptError as error:  # perhaps nobody will press the key that plays it
            log.warning("attempt %d: a prompt cannot be played: %s", attempt_id, error)
