"""/console/v1/pollings, sounds: what an editor of pollings needs"""

from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from dialer.api.console.shown import MaybeStr, Shown, seconds
from dialer.api.endpoint import Endpoint, Nothing
from dialer.api.mikopbx.envelope import RefusedError
from dialer.api.mikopbx.plain import is_id
from dialer.api.mikopbx.replies import answers
from dialer.api.mikopbx.serving import Call
from dialer.model.polling import Question
from dialer.store.audio import fetch_audio
from dialer.store.console import fetch_polling_summaries
from dialer.store.database import Store
from dialer.store.pollings import fetch_polling


class PollingPath(Nothing):
    """A polling by our id."""

    id: Annotated[
        int,
        BeforeValidator(lambda text: int(text) if is_id(text) else 0),
        WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,18}$", "$comment": "whole number"}),
    ]
    """Our id; what cannot be one is the id of no polling."""


class PollingInList(Shown):
    id: int
    """Our id."""
    crmId: str
    """The CRM's id."""
    name: str
    """For people."""
    questions: int
    """How many."""
    openTasks: int
    """Tasks that are not closed and hold it: so long it cannot be deleted."""


class KeyOfQuestion(Shown):
    key: str
    """What is pressed."""
    action: str
    """What then happens."""
    value: MaybeStr
    """As posted."""
    valueOptions: MaybeStr
    """As posted."""
    nextQuestion: MaybeStr
    """The `questionId` to go on with."""


class QuestionOfPolling(Shown):
    questionId: str
    """What other questions call it."""
    questionText: str
    """What is spoken."""
    questionFile: MaybeStr
    """What is played instead."""
    lang: str
    """The language it is spoken in."""
    nextQuestion: MaybeStr
    """Where a key goes on that says nothing else."""
    defPress: MaybeStr
    """The key that counts as pressed when none is."""
    timeout: float
    """For how many seconds a key is awaited."""
    press: list[KeyOfQuestion]
    """The keys."""


class PollingWhole(Shown):
    """A polling as `POST /polling` takes it."""

    id: int
    """Our id."""
    crmId: str
    """The CRM's id."""
    name: str
    """For people."""
    questions: list[QuestionOfPolling]
    """In their order."""


class AudioInList(Shown):
    name: str
    """The file's name, for `questionFile` and `value`."""
    bytes: int
    """Its size."""
    uploadedTime: float
    """When it was uploaded last."""


class ConsolePollings:
    """Pollings to choose from, and whole ones to edit."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        return (
            Endpoint("GET", "/pollings", self.list, "Pollings, the newest first", answers(list[PollingInList])),
            Endpoint("GET", "/pollings/{id}", self.get, "A polling as it is posted", answers(PollingWhole),
                     path_model=PollingPath),
        )  # fmt: skip

    async def list(self, _call: Call[Nothing, Nothing, None]) -> list[dict[str, Any]]:
        return [
            {
                "id": one.polling_id,
                "crmId": one.crm_id,
                "name": one.name,
                "questions": one.questions,
                "openTasks": one.open_tasks,
            }
            for one in await self._store.read(fetch_polling_summaries)
        ]

    async def get(self, call: Call[PollingPath, Nothing, None]) -> dict[str, Any]:
        polling_id = call.path.id
        found = await self._store.read(lambda connection: fetch_polling(connection, polling_id))
        if found is None:
            raise RefusedError(f"id: there is no polling {polling_id}", data={"error": "PollingNotFound"})
        polling, _ = found
        return {
            "id": polling.polling_id,
            "crmId": polling.crm_id,
            "name": polling.name,
            "questions": [_question(one) for one in polling.questions],
        }


class ConsoleAudio:
    """Uploaded sound files, to choose from."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        return (Endpoint("GET", "/sounds", self.list, "Uploaded sound files", answers(list[AudioInList])),)

    async def list(self, _call: Call[Nothing, Nothing, None]) -> list[dict[str, Any]]:
        files = await self._store.read(fetch_audio)
        return [{"name": one.name, "bytes": one.size_bytes, "uploadedTime": seconds(one.changed_us)} for one in files]


def _question(one: Question) -> dict[str, Any]:
    return {
        "questionId": one.question_id,
        "questionText": one.text,
        "questionFile": one.file,
        "lang": one.lang,
        "nextQuestion": one.next_question,
        "defPress": one.def_press,
        "timeout": one.timeout_s,
        "press": [press.as_json() for press in one.press],
    }
