"""/audio"""

import asyncio
import contextlib
import hashlib
from pathlib import Path
from typing import Any

from aiohttp import web

from dialer.api.endpoint import Answer, Endpoint, Form, Nothing
from dialer.api.forms import TooLargeError
from dialer.api.mikopbx.envelope import RefusedError, refusal
from dialer.api.mikopbx.fields import PathText
from dialer.api.mikopbx.forms import file_of_form
from dialer.api.mikopbx.replies import AudioKept, AudioShown, NoData, Refused, answers
from dialer.api.mikopbx.serving import Call
from dialer.model.audit import Change, said_of
from dialer.model.flow import PromptError
from dialer.speech.prompts import PromptLibrary
from dialer.speech.uploads import Uploads, check_name
from dialer.store.audio import AudioInUseError, delete_audio, fetch_audio, save_audio
from dialer.store.audit import audited
from dialer.store.database import Store, StoreError
from dialer.store.receipts import AnsweredBeforeError, KeyReusedError

SOUND_FILE = {
    "type": "string",
    "format": "binary",
    "minLength": 1,
    "description": "A sound file (mp3, wav, ogg, m4a, flac, gsm …) under its name; the form's field may have any name",
}


class AudioPath(Nothing):
    """A sound file by its name."""

    name: PathText
    """The file's name."""


class AudioFiles:
    """The audio resource: sound files by name."""

    def __init__(self, store: Store, uploads: Uploads, prompts: PromptLibrary, max_bytes: int) -> None:
        self._store = store
        self._uploads = uploads
        self._prompts = prompts
        self._max_bytes = max_bytes
        self._changing = asyncio.Lock()

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        form = Form("multipart/form-data", {"file": SOUND_FILE}, ("file",))
        too_large = {413: Answer("The file is too large", Refused), 503: Answer("It cannot be kept", Refused)}
        return (
            Endpoint("POST", "/audio", self.post, "Upload a sound file; the same name replaces it",
                     {**answers(AudioKept), **too_large}, form=form, once=True),
            Endpoint("GET", "/audio", self.list, "List uploaded sound files", answers(list[AudioShown])),
            Endpoint("DELETE", "/audio/{name:[^/]+}", self.delete, "Delete a sound file that nothing uses",
                     answers(NoData), path_model=AudioPath),
        )  # fmt: skip

    async def post(self, call: Call[Nothing, Nothing, None]) -> web.Response | dict[str, Any]:
        request = call.request
        temporary = self._uploads.aside()
        try:
            name, size, digest = await self._receive(request, temporary)
            await call.identify(digest)
            await self._prompts.convert(temporary)
            path = await self._keep(call, name, temporary, size)
        except TooLargeError:
            return refusal(
                [f"file: too large: {self._max_bytes} bytes at the most ([audio] max_upload_mb)"], status=413
            )
        except PromptError as error:
            raise RefusedError(f"file: {error}", data={"error": "CannotBePlayed"}) from None
        except OSError as error:
            return refusal([f"file: it cannot be kept: {error.strerror}"], status=503)
        finally:
            temporary.unlink(missing_ok=True)
        return {"filename": str(path)}

    async def list(self, _call: Call[Nothing, Nothing, None]) -> list[dict[str, Any]]:
        files = await self._store.read(fetch_audio)
        return [
            {"id": str(one.audio_id), "name": one.name, "path": str(self._uploads.path_of(one.name))} for one in files
        ]

    async def delete(self, call: Call[AudioPath, Nothing, None]) -> tuple[()]:
        try:
            name = check_name(call.path.name)
        except ValueError:
            raise _not_found(call.path.name) from None
        async with self._changing:
            try:
                found = await self._store.write(
                    audited(
                        delete_audio(name, str(self._uploads.path_of(name))),
                        lambda done: Change("audio.delete", name) if done else None,
                    )
                )
            except AudioInUseError as error:
                raise RefusedError(f"name: {error}", data={"error": "AudioInUse"}) from None
            if not found:
                raise _not_found(name)
            await asyncio.to_thread(self._uploads.remove, name)
        return ()

    async def _receive(self, request: web.Request, target: Path) -> tuple[str, int, str]:
        """Write the file of the form to `target`; returns its name, its size and a digest of both name and content: a
        form that is sent again has other boundaries."""
        sent = await file_of_form(request, self._max_bytes)
        name, size, digest = _checked(sent.name), 0, hashlib.sha256()
        file = await asyncio.to_thread(target.open, "xb")
        try:
            async for chunk in sent.chunks:
                size += len(chunk)
                digest.update(chunk)
                await asyncio.to_thread(file.write, chunk)
        finally:
            file.close()
        return name, size, f"{name} {digest.hexdigest()}"

    async def _keep(self, call: Call[Any, Any, Any], name: str, temporary: Path, size: int) -> Path:
        """The file first, then its row; when that is refused the file is what it was."""
        async with self._changing:
            before = await asyncio.to_thread(self._uploads.set_copy_aside, name)
            path = await asyncio.to_thread(self._uploads.save, name, temporary)
            try:
                kept = Change("audio.save", name, said_of({"bytes": size}))
                saving = audited(save_audio(name, size), lambda _: kept)
                await self._store.write(call.once(saving, lambda _: {"filename": str(path)}))
            except (StoreError, AnsweredBeforeError, KeyReusedError):
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


def _not_found(name: str) -> RefusedError:
    return RefusedError(f"name: there is no file {name[:60]!r}", data={"error": "AudioNotFound"})


def _checked(name: str) -> str:
    try:
        name = check_name(name)
    except ValueError as error:
        raise RefusedError(f"filename: {error}") from None
    if "|" in name:  # accounts of other facades have such names
        raise RefusedError("filename: a name without | expected")
    return name
