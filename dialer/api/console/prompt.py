"""/console/v1/prompt: what a subscriber would hear"""

from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, model_validator

from dialer.api.endpoint import Answer, Endpoint, Nothing
from dialer.api.mikopbx.envelope import RefusedError
from dialer.api.mikopbx.fields import MaybeLang, MaybeSpoken, MaybeText, wrong
from dialer.api.mikopbx.replies import Refused
from dialer.api.mikopbx.serving import Call
from dialer.model.flow import Prompt, PromptError
from dialer.model.polling import LANG
from dialer.model.texts import fill_text
from dialer.speech.prompts import PromptLibrary

MAX_PARAMS = 200
Value = Annotated[str, Field(max_length=5000)] | Annotated[int, Field(ge=-(2**63), lt=2**63)] | float | bool | None
_SAID: dict[str, Any] = {"anyOf": [{"type": "string", "minLength": 1}, {"type": "integer"}]}


class PromptBody(BaseModel):
    """A text or a sound file, as a question or a key of a polling has it."""

    model_config = ConfigDict(
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
        json_schema_extra={
            "examples": [{"text": "Здравствуйте, <имя>!", "params": {"имя": "Анна"}}],
            "anyOf": [
                {"required": ["text"], "properties": {"text": _SAID}},
                {"required": ["file"], "properties": {"file": _SAID}},
            ],
        },
    )

    text: MaybeSpoken = None
    """What is spoken; of a file only where that cannot be played."""
    file: MaybeText = None
    """The name of an uploaded file, or a full path in an allowed folder."""
    lang: MaybeLang = None
    """The language it is spoken in; ru-RU by default."""
    params: Annotated[dict[str, Value], Field(max_length=MAX_PARAMS)] | None = None
    """For `<name>` in the text."""

    @model_validator(mode="after")
    def _says_something(self) -> "PromptBody":
        if not self.text and not self.file:
            raise wrong("text", "a text or a file expected")
        return self


class Prompts:
    """Speaks texts and converts files, as calls hear them."""

    def __init__(self, prompts: PromptLibrary) -> None:
        self._prompts = prompts

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        answers = {200: Answer("The sound", media_type="audio/wav", others={"application/json": Refused})}
        return (
            Endpoint("POST", "/prompt", self.post, "What a subscriber would hear", answers, body_model=PromptBody,
                     action=""),
        )  # fmt: skip

    async def post(self, call: Call[Nothing, Nothing, PromptBody]) -> web.StreamResponse:
        body = call.body
        prompt = Prompt(fill_text(body.text or "", body.params), body.file, body.lang or LANG)
        if prompt.silent:
            raise RefusedError("text: there is nothing in it that can be spoken", data={"error": "CannotBePlayed"})
        try:
            sound = await self._prompts.fetch(prompt)
        except PromptError as error:
            field = "file" if body.file else "text"
            raise RefusedError(f"{field}: {error}", data={"error": "CannotBePlayed"}) from None
        return web.FileResponse(sound, headers={"Content-Type": "audio/wav"})
