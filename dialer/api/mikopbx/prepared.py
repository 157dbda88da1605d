"""Prompts made before the first call needs them: what cannot be played or spoken is refused when it is posted."""

import asyncio
from collections.abc import Mapping

from dialer.api.mikopbx.envelope import MAX_MESSAGES, RefusedError
from dialer.model.flow import Prompt, PromptError
from dialer.speech.prompts import PromptLibrary


async def prepare(prompts: PromptLibrary, wanted: Mapping[str, Prompt]) -> None:
    """Make each prompt, named by the field that says it. Raises RefusedError with those that cannot be made."""
    done = await asyncio.gather(*(prompts.fetch(prompt) for prompt in wanted.values()), return_exceptions=True)
    problems = []
    for field, result in zip(wanted, done, strict=True):
        if isinstance(result, PromptError):
            problems.append(f"{field}: {result}")
        elif isinstance(result, BaseException):
            raise result
    if problems:
        raise RefusedError(*problems[:MAX_MESSAGES], data={"error": "CannotBePlayed"})
