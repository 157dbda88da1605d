"""Multipart forms as curl, browsers, PHP and 1C send them, part by part."""

import contextlib
import re
import warnings
from collections.abc import AsyncIterator
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

CHUNK_BYTES = 65_536
FORM_BYTES = 65_536
"""What the form around a file may add to its size."""
BROKEN_FORM = (ValueError, RuntimeError, BadHttpMessage, ConnectionError, web.RequestPayloadError)
"""Raised, while its parts are read, by a form that is not whole. The texts may show what was sent."""
_ESCAPED = {"%22": '"', "%0D": "\r", "%0A": "\n"}
"""What browsers write for characters that would end a name (HTML, multipart/form-data); other signs are as they are."""

# of a head that it cannot read aiohttp warns, and Python keeps the text of every warning for ever
for _category in (BadContentDispositionHeader, BadContentDispositionParam):
    warnings.filterwarnings("ignore", category=_category)
_UNCLOSED = re.compile(r';\s*(?:file)?name\s*=\s*"(?:[^"\\]|\\.)*$', re.IGNORECASE)


class TooLargeError(Exception):
    """More came than is taken."""


async def parts_of(form: MultipartReader) -> AsyncIterator[BodyPartReader]:
    """The parts of a form; those that are not read are left out, up to a size. Raises TooLargeError, BROKEN_FORM."""
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


async def chunks_of(part: BodyPartReader) -> AsyncIterator[bytes]:
    """What is in a part. Raises BROKEN_FORM."""
    while not part.at_eof():
        yield part.decode(await part.read_chunk(CHUNK_BYTES))


def filename_of(part: BodyPartReader) -> str | None:
    """The file's name as sent, None for a part that is no file. Raises ValueError."""
    return _said_of(part, "filename")


def name_of(part: BodyPartReader) -> str | None:
    """The field's name as sent. Raises ValueError."""
    return _said_of(part, "name")


def _said_of(part: BodyPartReader, parameter: str) -> str | None:
    """A parameter of the part's Content-Disposition. aiohttp's own reading makes a name of a path."""
    disposition = part.headers.get("Content-Disposition", "")
    if _UNCLOSED.search(disposition):
        raise ValueError("a name has no end")
    message = Message()
    message["Content-Disposition"] = disposition
    values = [value for key, value in message.get_params([], "content-disposition") if key.lower() == parameter]
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
