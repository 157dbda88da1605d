"""The one file of a multipart form, as curl, browsers, PHP and 1C send it."""

import contextlib
import re
import warnings
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from email.message import Message
from email.utils import collapse_rfc2231_value
from urllib.parse import unquote

from aiohttp import (
    BadContentDispositionHeader,
    BadContentDispositionParam,
    BodyPartReader,
    MultipartReader,
    web,
)
from aiohttp.http_exceptions import BadHttpMessage

from dialer.api.mikopbx.envelope import RefusedError

CHUNK_BYTES = 65_536
FORM_BYTES = 65_536
"""What the form around a file may add to its size."""
_ESCAPED = {"%22": '"', "%0D": "\r", "%0A": "\n"}
"""What browsers write for characters that would end a name (HTML, multipart/form-data); other signs are as they are."""

# of a head that it cannot read aiohttp warns, and Python keeps the text of every warning for ever
for _category in (BadContentDispositionHeader, BadContentDispositionParam):
    warnings.filterwarnings("ignore", category=_category)
_UNCLOSED = re.compile(r';\s*filename\s*=\s*"(?:[^"\\]|\\.)*$', re.IGNORECASE)


class TooLargeError(Exception):
    """More came than is taken."""


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
        async for part in _parts(await request.multipart()):
            name = _filename_of(part)
            if name is not None:
                return SentFile(name, _chunks(part, max_bytes))
    raise RefusedError("body: a file expected, got a form without one (curl -F file=@NAME)")


@contextlib.contextmanager
def _refusing_broken_forms() -> Iterator[None]:
    try:
        yield
    except (ValueError, RuntimeError, BadHttpMessage, ConnectionError, web.RequestPayloadError) as error:
        raise RefusedError(f"body: not a whole multipart/form-data body ({error})") from None


async def _parts(form: MultipartReader) -> AsyncIterator[BodyPartReader]:
    """The parts of a form; those that are not read are left out, up to a size."""
    skipped = 0
    while (part := await form.next()) is not None:
        if not isinstance(part, BodyPartReader):
            raise ValueError("a form in the form")  # noqa: TRY004 - the sender's value, no wrong call
        if "Content-Encoding" in part.headers:
            raise ValueError("a part that is compressed")
        yield part
        while not part.at_eof():
            skipped += len(await part.read_chunk(CHUNK_BYTES))
            if skipped > FORM_BYTES:
                raise TooLargeError


async def _chunks(part: BodyPartReader, max_bytes: int) -> AsyncIterator[bytes]:
    size = 0
    while not part.at_eof():
        with _refusing_broken_forms():
            chunk = part.decode(await part.read_chunk(CHUNK_BYTES))
        size += len(chunk)
        if size > max_bytes:
            raise TooLargeError
        yield chunk
    if not size:
        raise RefusedError("file: it is empty")


def _filename_of(part: BodyPartReader) -> str | None:
    """The file's name as sent, None for a part that is no file. aiohttp's own reading makes a name of a path."""
    disposition = part.headers.get("Content-Disposition", "")
    if _UNCLOSED.search(disposition):
        raise ValueError("the file's name has no end")
    message = Message()
    message["Content-Disposition"] = disposition
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
