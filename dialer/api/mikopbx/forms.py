"""The one file of a multipart form."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from aiohttp import BodyPartReader, web

from dialer.api.forms import BROKEN_FORM, FORM_BYTES, TooLargeError, chunks_of, filename_of, parts_of
from dialer.api.mikopbx.envelope import RefusedError


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file that is being sent."""

    name: str
    """As sent, unchecked."""
    chunks: AsyncIterator[bytes]
    """To be read once. Raises TooLargeError, and RefusedError for a form that is not whole or a file that is empty."""


async def file_of_form(request: web.Request, max_bytes: int) -> SentFile:
    """The first file of the form. Raises TooLargeError, and RefusedError for what is no form or has no file."""
    if not request.content_type.startswith("multipart/"):
        raise RefusedError(f"body: multipart/form-data with a file expected, got {request.content_type[:60]}")
    if (request.content_length or 0) > max_bytes + FORM_BYTES:
        raise TooLargeError
    with _refusing_broken_forms():
        async for part in parts_of(await request.multipart()):
            name = filename_of(part)
            if name is not None:
                return SentFile(name, _chunks(part, max_bytes))
    raise RefusedError("body: a file expected, got a form without one (curl -F file=@NAME)")


@contextlib.contextmanager
def _refusing_broken_forms() -> Iterator[None]:
    try:
        yield
    except BROKEN_FORM as error:
        raise RefusedError(f"body: not a whole multipart/form-data body ({error})") from None


async def _chunks(part: BodyPartReader, max_bytes: int) -> AsyncIterator[bytes]:
    size = 0
    with _refusing_broken_forms():
        async for chunk in chunks_of(part):
            size += len(chunk)
            if size > max_bytes:
                raise TooLargeError
            yield chunk
    if not size:
        raise RefusedError("file: it is empty")
