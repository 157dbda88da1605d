"""/polling"""

from aiohttp import web

from dialer.api.mikopbx.bodies import PollingBody
from dialer.api.mikopbx.envelope import RefusedError, read_json, reply, validated
from dialer.dispatch.pollings import PollingBook
from dialer.model.compile_polling import compile_polling
from dialer.model.polling import Polling
from dialer.speech.prompts import PromptError, PromptLibrary
from dialer.store.database import Store
from dialer.store.pollings import (
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
        await self._prepare(Polling(0, "", body.name, questions))
        head = await self._book.save(body.crmId, body.name, questions)
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

    async def _prepare(self, polling: Polling) -> None:
        """Refuse files that cannot be played, and make every prompt before the first call needs it."""
        for position, question in enumerate(polling.questions):
            self._check_file(question.file, f"questions[{position}].questionFile")
            for place, press in enumerate(question.press):
                if press.value_options == "file":
                    self._check_file(press.value, f"questions[{position}].press[{place}].value")
        try:
            await self._prompts.prepare(compile_polling(polling).prompts())
        except PromptError as error:
            raise RefusedError(f"questions: a prompt cannot be made: {error}") from None

    def _check_file(self, path: str | None, field: str) -> None:
        if path is not None:
            try:
                self._prompts.check_file(path)
            except PromptError as error:
                raise RefusedError(f"{field}: {error}") from None
