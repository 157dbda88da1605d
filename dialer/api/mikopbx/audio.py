"""/audio"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from email.message import Message
from email.utils import collapse_rfc2231_value
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import BadHttpMessage

from dialer.api.endpoint import Answer, Endpoint, Form, Nothing
from dialer.api.mikopbx.envelope import RefusedError, refusal
from dialer.api.mikopbx.fields import PathText
from dialer.api.mikopbx.replies import AudioKept, AudioShown, NoData, Refused, answers
from dialer.api.mikopbx.serving import Call
from dialer.model.flow import PromptError
from dialer.speech.prompts import PromptLibrary
from dialer.speech.uploads import Uploads, check_name
from dialer.store.audio import AudioInUseError, delete_audio, fetch_audio, save_audio
from dialer.store.database import Store, StoreError
from dialer.store.receipts import AnsweredBeforeError, KeyReusedError

CHUNK_BYTES = 65_536
_ESCAPED = {"%22": '"', "%0D": "\r", "%0A": "\n"}
"""What browsers write for characters that would end a name (HTML, multipart/form-data); other signs are as they are."""
SOUND_FILE = {
    "type": "string",
    "format": "binary",
    "minLength": 1,
    "description": "A sound file (mp3, wav, ogg, m4a, flac, gsm …) under its name; the form's field may have any name",
}
FORM_BYTES = 65_536
"""What the form around a file may add to its size."""


class AudioPath(Nothing):
    """A sound file by its name."""

    name: PathText
    """The file's name."""


class _TooLargeError(Exception):
    """More came than is taken."""


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
            Endpoint("DELETE", "/audio/{name:[^/]+}", self.delete, "Delete a sound file that no polling uses",
                     answers(NoData), path_model=AudioPath),
        )  # fmt: skip

    async def post(self, call: Call[Nothing, Nothing, None]) -> web.Response | dict[str, Any]:
        request = call.request
        if not request.content_type.startswith("multipart/"):
            raise RefusedError(f"body: multipart/form-data with a file expected, got {request.content_type[:60]}")
        temporary = self._uploads.aside()
        try:
            name, size, digest = await self._receive(request, temporary)
            await call.identify(digest)
            await self._prompts.convert(temporary)
            path = await self._keep(call, name, temporary, size)
        except _TooLargeError:
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
                found = await self._store.write(delete_audio(name, str(self._uploads.path_of(name))))
            except AudioInUseError as error:
                raise RefusedError(f"name: {error}", data={"error": "AudioInUse"}) from None
            if not found:
                raise _not_found(name)
            await asyncio.to_thread(self._uploads.remove, name)
        return ()

    async def _receive(self, request: web.Request, target: Path) -> tuple[str, int, str]:
        """Write the first file of the form to `target`; returns its name, its size and a digest of both name and
        content: a form that is sent again has other boundaries."""
        if (request.content_length or 0) > self._max_bytes + FORM_BYTES:
            raise _TooLargeError
        try:
            async for part in self._parts(await request.multipart()):
                sent = _filename_of(part)
                if sent is not None:
                    name, digest = _checked(sent), hashlib.sha256()
                    size = await self._write(part, target, digest)
                    return name, size, f"{name} {digest.hexdigest()}"
        except (ValueError, RuntimeError, BadHttpMessage, ConnectionError, web.RequestPayloadError) as error:
            raise RefusedError(f"body: not a whole multipart/form-data body ({error})") from None
        raise RefusedError("body: a file expected, got a form without one (curl -F file=@NAME)")

    async def _parts(self, form: MultipartReader) -> AsyncIterator[BodyPartReader]:
        """The parts of a form; those that are not read are left out, up to a size."""
        skipped = 0
        while (part := await form.next()) is not None:
            if not isinstance(part, BodyPartReader):
                raise ValueError("a form in the form")  # noqa: TRY004 - the sender's value, no wrong call
            yield part
            while not part.at_eof():
                skipped += len(await part.read_chunk(CHUNK_BYTES))
                if skipped > FORM_BYTES:
                    raise _TooLargeError

    async def _write(self, part: BodyPartReader, target: Path, digest: "hashlib._Hash") -> int:
        size = 0
        file = await asyncio.to_thread(target.open, "xb")
        try:
            while not part.at_eof():
                chunk = part.decode(await part.read_chunk(CHUNK_BYTES))
                size += len(chunk)
                if size > self._max_bytes:
                    raise _TooLargeError
                digest.update(chunk)
                await asyncio.to_thread(file.write, chunk)
        finally:
            file.close()
        if not size:
            raise RefusedError("file: it is empty")
        return size

    async def _keep(self, call: Call[Any, Any, Any], name: str, temporary: Path, size: int) -> Path:
        """The file first, then its row; when that is refused the file is what it was."""
        async with self._changing:
            before = await asyncio.to_thread(self._uploads.set_copy_aside, name)
            path = await asyncio.to_thread(self._uploads.save, name, temporary)
            try:
                await self._store.write(call.once(save_audio(name, size), lambda _: {"filename": str(path)}))
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


def _filename_of(part: BodyPartReader) -> str | None:
    """The file's name as sent, None for a part that is no file. aiohttp's own reading makes a name of a path."""
    message = Message()
    message["Content-Disposition"] = part.headers.get("Content-Disposition", "")
    values = [value for key, value in message.get_params([], "content-disposition") if key.lower() == "filename"]
    for value in values:
        if isinstance(value, tuple):  # RFC 5987 (filename*=) stands before the plain one
            return collapse_rfc2231_value(value) or None
    if not values or not values[0]:
        return None
    name = str(values[0])
    with contextlib.suppress(UnicodeDecodeError):
        decoded = unquote(name, errors="strict")
        if not decoded.isascii():  # aiohttp's client writes nothing but ASCII
            return decoded
    for sent, meant in _ESCAPED.items():
        name = name.replace(sent, meant)
    return name


def _checked(name: str) -> str:
    try:
        return check_name(name)
    except ValueError as error:
        raise RefusedError(f"filename: {error}") from None
