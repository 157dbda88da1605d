"""/recording"""

from typing import Annotated, Any

from aiohttp import web
from pydantic import WithJsonSchema

from dialer.api.endpoint import Answer, Endpoint, Nothing
from dialer.api.mikopbx.envelope import refusal
from dialer.api.mikopbx.replies import Refused
from dialer.api.mikopbx.serving import Call
from dialer.dispatch.recordings import Recordings
from dialer.model.safe import UnsafeValueError

NAME_SCHEMA = {
    "type": "string",
    "pattern": "^[a-z]{1,20}-[0-9]{1,19}-[0-9a-f]{16}\\.wav$",
    "$comment": "a recording's name",
}


class RecordingPath(Nothing):
    """A recording by its name."""

    name: Annotated[str, WithJsonSchema(NAME_SCHEMA)]
    """`recording` of a result, or `result` of an answer; any other name is that of no recording."""


class RecordingFiles:
    """Recorded answers and talks, as WAV."""

    def __init__(self, recordings: Recordings) -> None:
        self._recordings = recordings

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        answers = {200: Answer("The sound", media_type="audio/wav"), 404: Answer("There is none", Refused)}
        return (
            Endpoint("GET", "/recording/{name}", self.get, "A recorded answer or talk", answers,
                     path_model=RecordingPath),
        )  # fmt: skip

    async def get(self, call: Call[RecordingPath, Nothing, None]) -> web.StreamResponse:
        """The file; 404 in the envelope where there is none: nobody should keep a refusal as a sound."""
        name = call.path.name
        try:
            path = self._recordings.find(name)
        except UnsafeValueError as error:
            return refusal([f"name: {error}"], {"error": "RecordingNotFound"}, status=404)
        if path is None:
            return refusal([f"name: there is no recording {name[:60]!r}"], {"error": "RecordingNotFound"}, status=404)
        return web.FileResponse(path, headers={"Content-Type": "audio/wav"})
