"""/recording"""

from aiohttp import web

from dialer.api.mikopbx.envelope import refusal
from dialer.dispatch.recordings import Recordings
from dialer.model.safe import UnsafeValueError


class RecordingFiles:
    """Recorded answers and talks, as WAV."""

    def __init__(self, recordings: Recordings) -> None:
        self._recordings = recordings

    def routes(self, base: str) -> list[web.RouteDef]:
        return [web.get(f"{base}/recording/{{name}}", self.get)]

    async def get(self, request: web.Request) -> web.StreamResponse:
        """The file; 404 in the envelope where there is none: nobody should keep a refusal as a sound."""
        name = request.match_info["name"]
        try:
            path = self._recordings.find(name)
        except UnsafeValueError as error:
            return refusal([f"name: {error}"], {"error": "RecordingNotFound"}, status=404)
        if path is None:
            return refusal([f"name: there is no recording {name!r}"], {"error": "RecordingNotFound"}, status=404)
        return web.FileResponse(path, headers={"Content-Type": "audio/wav"})
