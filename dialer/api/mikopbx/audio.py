"""/audio"""

import asyncio
import contextlib
from pathlib import Path

from aiohttp import web

from dialer.api.mikopbx.envelope import RefusedError, refusal, reply
from dialer.api.mikopbx.forms import TooLargeError, file_of_form
from dialer.model.flow import PromptError
from dialer.speech.prompts import PromptLibrary
from dialer.speech.uploads import Uploads, check_name
from dialer.store.audio import AudioInUseError, delete_audio, fetch_audio, save_audio
from dialer.store.database import Store, StoreError

NOT_FOUND = {"error": "AudioNotFound"}
IN_USE = {"error": "AudioInUse"}


class AudioFiles:
    """The audio resource: sound files by name."""

    def __init__(self, store: Store, uploads: Uploads, prompts: PromptLibrary, max_bytes: int) -> None:
        self._store = store
        self._uploads = uploads
        self._prompts = prompts
        self._max_bytes = max_bytes
        self._changing = asyncio.Lock()

    def routes(self, base: str) -> list[web.RouteDef]:
        return [
            web.post(f"{base}/audio", self.post),
            web.get(f"{base}/audio", self.list),
            web.delete(f"{base}/audio/{{name:[^/]+}}", self.delete),
        ]

    async def post(self, request: web.Request) -> web.Response:
        temporary = self._uploads.aside()
        try:
            name, size = await self._receive(request, temporary)
            await self._prompts.convert(temporary)
            path = await self._keep(name, temporary, size)
        except TooLargeError:
            return refusal(
                [f"file: too large: {self._max_bytes} bytes at the most ([audio] max_upload_mb)"], status=413
            )
        except PromptError as error:
            raise RefusedError(f"file: {error}") from None
        except OSError as error:
            return refusal([f"file: it cannot be kept: {error.strerror}"], status=503)
        finally:
            temporary.unlink(missing_ok=True)
        return reply({"filename": str(path)})

    async def list(self, _request: web.Request) -> web.Response:
        files = await self._store.read(fetch_audio)
        return reply(
            [{"id": str(one.audio_id), "name": one.name, "path": str(self._uploads.path_of(one.name))} for one in files]
        )

    async def delete(self, request: web.Request) -> web.Response:
        wanted = request.match_info["name"]
        try:
            name = check_name(wanted)
        except ValueError:
            raise RefusedError(f"name: there is no file {wanted!r}", data=NOT_FOUND) from None
        async with self._changing:
            try:
                found = await self._store.write(delete_audio(name, str(self._uploads.path_of(name))))
            except AudioInUseError as error:
                raise RefusedError(f"name: {error}", data=IN_USE) from None
            if not found:
                raise RefusedError(f"name: there is no file {name!r}", data=NOT_FOUND)
            await asyncio.to_thread(self._uploads.remove, name)
        return reply()

    async def _receive(self, request: web.Request, target: Path) -> tuple[str, int]:
        """Write the file of the form to `target`; returns its name and size."""
        sent = await file_of_form(request, self._max_bytes)
        name = _checked(sent.name)
        size = 0
        file = await asyncio.to_thread(target.open, "xb")
        try:
            async for chunk in sent.chunks:
                size += len(chunk)
                await asyncio.to_thread(file.write, chunk)
        finally:
            file.close()
        return name, size

    async def _keep(self, name: str, temporary: Path, size: int) -> Path:
        """The file first, then its row; when that is refused the file is what it was."""
        async with self._changing:
            before = await asyncio.to_thread(self._uploads.set_copy_aside, name)
            path = await asyncio.to_thread(self._uploads.save, name, temporary)
            try:
                await self._store.write(save_audio(name, size))
            except StoreError:
                with contextlib.suppress(OSError):
                    if before is None:
                        await asyncio.to_thread(self._uploads.remove, name)
                    else:
                        await asyncio.to_thread(self._uploads.save, name, before)
                raise
            finally:
                if before is not None:
                    before.unlink(missing_ok=True)
            return path


def _checked(name: str) -> str:
    try:
        return check_name(name)
    except ValueError as error:
        raise RefusedError(f"filename: {error}") from None
