"""The rehearsal: what is made ready while a telephone rings, and when it ends."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from dialer.dispatch.pollings import PollingBook
from dialer.dispatch.rehearsal import Rehearsal
from dialer.model.attempt import Attempt, AttemptState
from dialer.model.call import CallOrder
from dialer.model.flow import Prompt, PromptError
from dialer.model.polling import Action, Press, Question
from dialer.model.task import InnerNumType
from dialer.store.database import Store
from tests.rig.waiting import wait_until
from tests.store.making import url_of

RINGING = Attempt(1, 1, InnerNumType.POLLING, AttemptState.DIALLING)


class Listener:
    """Takes down what is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def fetch(self, prompt: Prompt, patience_s: float | None = None) -> Path:
        assert patience_s is None
        self.asked.append(prompt.text)
        await self.may_go_on.wait()
        if "broken" in prompt.text:
            raise PromptError("broken")
        return Path("/x.wav")


@pytest_asyncio.fixture
async def book(tmp_path: Path) -> AsyncIterator[PollingBook]:
    store = await Store.open(url_of(tmp_path / "dialer.db"))
    book = PollingBook(store)
    press = (Press("1", Action.PLAYBACK, "broken thanks"),)
    await book.save("p", "", (Question("1", "one, <имя>?", next_question="2", press=press), Question("2", "two")))
    yield book
    await store.close()


def order(kind: InnerNumType = InnerNumType.POLLING, inner_num: str = "p") -> CallOrder:
    return CallOrder(1, 1, "79522233446", "", inner_num, kind, {"имя": "Анна"})


async def test_everything_a_dialogue_may_say_is_asked_for_and_what_fails_keeps_nothing_else(book: PollingBook) -> None:
    voice = Listener()
    rehearsal = Rehearsal(book, voice)
    rehearsal.call_moved(order(), RINGING)
    await wait_until(lambda: len(voice.asked) == 3, "all is asked for", 5)
    assert voice.asked == ["one, Анна?", "broken thanks", "two"]


async def test_it_ends_with_the_call_and_with_the_daemon(book: PollingBook) -> None:
    for end in ("call", "daemon"):
        voice = Listener()
        voice.may_go_on.clear()
        rehearsal = Rehearsal(book, voice)
        rehearsal.call_moved(order(), RINGING)
        await wait_until(lambda voice=voice: len(voice.asked) == 1, "the first is asked for", 5)  # type: ignore[misc]
        if end == "call":
            rehearsal.call_over(order(), RINGING)
        await rehearsal.close()
        voice.may_go_on.set()
        assert voice.asked == ["one, Анна?"]


async def test_calls_to_employees_and_of_pollings_that_are_gone_have_nothing_to_rehearse(book: PollingBook) -> None:
    voice = Listener()
    rehearsal = Rehearsal(book, voice)
    rehearsal.call_moved(order(InnerNumType.EXTEN, "201"), RINGING)
    rehearsal.call_moved(order(inner_num="gone"), RINGING)
    rehearsal.call_over(order(), RINGING)
    await wait_until(lambda: not rehearsal._rehearsing, "nothing is left", 5)
    assert voice.asked == []


async def test_a_polling_without_parameters_is_compiled_once_and_anew_after_a_change(book: PollingBook) -> None:
    await book.save("same", "", (Question("1", "one"),))
    first = await book.flow_for(order(inner_num="same"))
    assert first is not None
    assert await book.flow_for(order(inner_num="same")) is first
    await book.save("same", "", (Question("1", "two"),))
    changed = await book.flow_for(order(inner_num="same"))
    assert changed is not None
    assert [prompt.text for prompt in changed[1].prompts()] == ["two"]
    own = await book.flow_for(order())
    assert await book.flow_for(order()) is not own
