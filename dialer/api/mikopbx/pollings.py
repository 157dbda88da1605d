"""/polling"""

from collections.abc import Iterator, Sequence
from typing import Any

from dialer.api.endpoint import Endpoint, Nothing
from dialer.api.mikopbx.bodies import PollingBody
from dialer.api.mikopbx.envelope import RefusedError
from dialer.api.mikopbx.fields import PathText
from dialer.api.mikopbx.prepared import prepare
from dialer.api.mikopbx.replies import NoData, PollingHead, PollingHeads, PollingShown, answers
from dialer.api.mikopbx.serving import Call
from dialer.dispatch.pollings import PollingBook
from dialer.model.compile_polling import prompt_of_press, prompt_of_question
from dialer.model.flow import Prompt
from dialer.model.polling import SPEAKING, Question
from dialer.model.texts import has_parameters
from dialer.speech.prompts import PromptLibrary
from dialer.store import pollings as stored
from dialer.store.database import Store
from dialer.store.pollings import (
    AudioMissingError,
    PollingInUseError,
    fetch_polling,
    fetch_polling_heads,
    find_polling_id,
)


class PollingPath(Nothing):
    """A polling by the CRM's id, or else by ours."""

    id: PathText
    """The CRM's id, or else ours."""


class Pollings:
    """The polling resource."""

    def __init__(self, store: Store, book: PollingBook, prompts: PromptLibrary) -> None:
        self._store = store
        self._book = book
        self._prompts = prompts

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        return (
            Endpoint("POST", "/polling", self.post, "Create a polling, or replace the one with this crmId",
                     answers(PollingHead), body_model=PollingBody, once=True),
            Endpoint("GET", "/polling", self.list, "List pollings", answers(PollingHeads)),
            Endpoint("GET", "/polling/{id}", self.get, "A polling with its questions", answers(PollingShown),
                     path_model=PollingPath),
            Endpoint("DELETE", "/polling/{id}", self.delete, "Delete a polling that no open task uses",
                     answers(NoData), path_model=PollingPath),
        )  # fmt: skip

    async def post(self, call: Call[Nothing, Nothing, PollingBody]) -> dict[str, Any]:
        body = call.body
        # an id given by us is a number here and a text everywhere else: so the document has it
        sent = None if body.crmId is None else call.content["crmId"]

        def render(head: stored.PollingHead) -> dict[str, Any]:
            crm_id = head.polling_id if sent is None else sent
            return {"id": str(head.polling_id), "crmId": crm_id, "name": head.name}

        questions = body.model_questions()
        await prepare(self._prompts, dict(_prompts(questions)))
        try:
            head = await self._book.save(
                body.crmId, body.name or "", questions, lambda operation: call.once(operation, render)
            )
        except AudioMissingError as error:
            raise RefusedError(f"questions: {error}", data={"error": "AudioMissing"}) from None
        return render(head)

    async def list(self, _call: Call[Nothing, Nothing, None]) -> dict[str, Any]:
        heads = await self._store.read(fetch_polling_heads)
        return {"results": [{"id": str(one.polling_id), "crmId": one.crm_id, "name": one.name} for one in heads]}

    async def get(self, call: Call[PollingPath, Nothing, None]) -> dict[str, Any]:
        reference = call.path.id
        polling_id = await self._store.read(lambda connection: find_polling_id(connection, reference))
        found = (
            await self._store.read(lambda connection: fetch_polling(connection, polling_id))
            if polling_id is not None
            else None
        )
        if found is None:
            raise _not_found(reference)
        polling, questions = found
        return {
            "id": str(polling.polling_id),
            "crmId": polling.crm_id,
            "name": polling.name,
            "questions": [
                {
                    "id": str(one.row_id),
                    "questionText": one.question.text,
                    "questionFile": one.question.file,
                    "lang": one.question.lang,
                    "press": [press.as_json() for press in one.question.press],
                }
                for one in questions
            ],
        }

    async def delete(self, call: Call[PollingPath, Nothing, None]) -> tuple[()]:
        reference = call.path.id
        try:
            found = await self._book.delete(reference)
        except PollingInUseError as error:
            raise RefusedError(f"id: {error}", data={"error": "PollingInUse"}) from None
        if not found:
            raise _not_found(reference)
        return ()


def _not_found(reference: str) -> RefusedError:
    return RefusedError(f"id: there is no polling {reference[:60]!r}", data={"error": "PollingNotFound"})


def _prompts(questions: Sequence[Question]) -> Iterator[tuple[str, Prompt]]:
    """What a polling says to everybody, by the field that says it. Texts with parameters are spoken while it rings."""
    for position, question in enumerate(questions):
        path = f"questions[{position}]"
        if question.file:
            yield f"{path}.questionFile", Prompt(file=question.file)
        elif not has_parameters(question.text):
            yield f"{path}.questionText", prompt_of_question(question)
        for place, press in enumerate(question.press):
            if press.action in SPEAKING and press.value and (press.plays_file or not has_parameters(press.value)):
                yield f"{path}.press[{place}].value", prompt_of_press(question, press)
