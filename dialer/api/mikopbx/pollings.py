"""/polling"""

import asyncio
from collections.abc import Iterator, Sequence

from aiohttp import web

from dialer.api.mikopbx.bodies import PollingBody
from dialer.api.mikopbx.envelope import MAX_MESSAGES, RefusedError, read_json, reply, validated
from dialer.dispatch.pollings import PollingBook
from dialer.model.compile_polling import prompt_of_press, prompt_of_question
from dialer.model.flow import Prompt, PromptError
from dialer.model.polling import SPEAKING, Question
from dialer.model.texts import has_parameters
from dialer.speech.prompts import PromptLibrary
from dialer.store.database import Store
from dialer.store.pollings import (
    AudioMissingError,
    PollingInUseError,
    fetch_polling,
    fetch_polling_heads,
    find_polling_id,
)

NOT_FOUND = {"error": "PollingNotFound"}


class Pollings:
    """The polling resource."""

    def __init__(self, store: Store, book: PollingBook, prompts: PromptLibrary) -> None:
        self._store = store
        self._book = book
        self._prompts = prompts

    def routes(self, base: str) -> list[web.RouteDef]:
        return [
            web.post(f"{base}/polling", self.post),
            web.get(f"{base}/polling", self.list),
            web.get(f"{base}/polling/{{id}}", self.get),
            web.delete(f"{base}/polling/{{id}}", self.delete),
        ]

    async def post(self, request: web.Request) -> web.Response:
        content = await read_json(request)
        body = validated(PollingBody, content)
        questions = body.model_questions()
        await self._prepare(questions)
        try:
            head = await self._book.save(body.crmId, body.name or "", questions)
        except AudioMissingError as error:
            raise RefusedError(f"questions: {error}") from None
        # an id given by us is a number here and a text everywhere else: so the document has it
        crm_id = head.polling_id if body.crmId is None else content["crmId"]
        return reply({"id": str(head.polling_id), "crmId": crm_id, "name": head.name})

    async def list(self, _request: web.Request) -> web.Response:
        heads = await self._store.read(fetch_polling_heads)
        return reply({"results": [{"id": str(one.polling_id), "crmId": one.crm_id, "name": one.name} for one in heads]})

    async def get(self, request: web.Request) -> web.Response:
        reference = request.match_info["id"]
        polling_id = await self._store.read(lambda connection: find_polling_id(connection, reference))
        found = (
            await self._store.read(lambda connection: fetch_polling(connection, polling_id))
            if polling_id is not None
            else None
        )
        if found is None:
            raise RefusedError(f"id: there is no polling {reference!r}", data=NOT_FOUND)
        polling, stored = found
        return reply(
            {
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
                    for one in stored
                ],
            }
        )

    async def delete(self, request: web.Request) -> web.Response:
        reference = request.match_info["id"]
        try:
            found = await self._book.delete(reference)
        except PollingInUseError as error:
            raise RefusedError(f"id: {error}", data={"error": "PollingInUse"}) from None
        if not found:
            raise RefusedError(f"id: there is no polling {reference!r}", data=NOT_FOUND)
        return reply()

    async def _prepare(self, questions: Sequence[Question]) -> None:
        """Make every prompt before the first call needs it; refuse what cannot be played or spoken."""
        wanted = dict(_prompts(questions))
        done = await asyncio.gather(
            *(self._prompts.fetch(prompt) for prompt in wanted.values()), return_exceptions=True
        )
        problems = []
        for field, result in zip(wanted, done, strict=True):
            if isinstance(result, PromptError):
                problems.append(f"{field}: {result}")
            elif isinstance(result, BaseException):
                raise result
        if problems:
            raise RefusedError(*problems[:MAX_MESSAGES])


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
