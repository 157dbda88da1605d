"""The fields and files of a call, as VotBox's client programs send them: any case, stray spaces, two encodings."""

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import parse_qsl

from aiohttp import web

from dialer.api.forms import BROKEN_FORM, CHUNK_BYTES, TooLargeError, chunks_of, filename_of, name_of, parts_of
from dialer.api.votbox.errors import Code, VotboxError, quoted

MAX_TEXT_BYTES = 65_536
MAX_FIELDS = 1000
PASSWORD = "password"  # noqa: S105  # nosec B105
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_CONTROL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f]")
_URL_ENCODED, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file of a form."""

    name: str
    """As sent, unchecked; empty for one that was sent as a text."""
    content: bytes


@dataclass(frozen=True, slots=True)
class SentField:
    """One field of a form as it came."""

    name: str
    content: bytes
    filename: str | None = None


class Form:
    """What was sent. Names are those of the document; of several fields of one name the last counts, as in PHP.
    Everything that looks at a value raises VotboxError."""

    def __init__(self, sent: Iterable[SentField]) -> None:
        self._sent: dict[str, list[SentField]] = {}
        self._asked: set[str] = set()
        for one in sent:
            self._sent.setdefault(_key(one.name), []).append(one)

    def text(self, name: str) -> str | None:
        """Without white space around it; None: not sent, or empty."""
        fields = self._fields(name)
        if not fields:
            return None
        content = next((one for one in reversed(fields) if one.filename is None), fields[-1]).content
        if len(content) > MAX_TEXT_BYTES:
            raise VotboxError(Code.TOO_LARGE, f"{name}: значение длиннее {MAX_TEXT_BYTES} байт")
        text = _decoded(content)
        if text is None:
            raise VotboxError(Code.WRONG, f"{name}: ожидается текст в кодировке UTF-8 или Windows-1251")
        if _CONTROL.search(text):
            raise VotboxError(Code.WRONG, f"{name}: недопустимый управляющий символ")
        return text.strip() or None

    def required(self, name: str) -> str:
        text = self.text(name)
        if text is None:
            raise VotboxError(Code.MISSING, f"{name}: обязательный параметр не указан")
        return text

    def flag(self, name: str, default: D) -> bool | D:
        text = self.choice(name, ("0", "1"))
        return default if text is None else text == "1"

    def number(self, name: str, low: int, high: int, default: D) -> int | D:
        """A whole number from `low` to `high`."""
        text = self.text(name)
        if text is None:
            return default
        if not _NUMBER.fullmatch(text) or not low <= int(text) <= high:
            raise VotboxError(Code.WRONG, f"{name}: ожидается целое число от {low} до {high}, получено {quoted(text)}")
        return int(text)

    def choice(self, name: str, choices: Sequence[str]) -> str | None:
        text = self.text(name)
        if text is not None and text not in choices:
            raise VotboxError(Code.WRONG, f"{name}: допустимые значения: {', '.join(choices)}; получено {quoted(text)}")
        return text

    def file(self, name: str) -> SentFile | None:
        """A file, or a text that was sent under its name; None: not sent, or an input where no file was chosen."""
        fields = self._fields(name)
        named = [one for one in fields if one.filename is not None]
        if named and not named[-1].content:
            raise VotboxError(Code.WRONG, f"{name}: файл пуст")
        found = next((one for one in reversed(named or fields) if one.content), None)
        return None if found is None else SentFile(found.filename or "", found.content)

    def unused(self) -> list[str]:
        """The names, as sent, that nobody has asked for. A name with "password" in it is a misread body: kept back."""
        names = [one[0].name for key, one in self._sent.items() if key not in self._asked]
        return [name[:60] for name in names if PASSWORD not in name.casefold()]

    def _fields(self, name: str) -> list[SentField]:
        self._asked.add(_key(name))
        return self._sent.get(_key(name), [])


class FormReader:
    """Reads forms of at most `max_bytes`, everything counted."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes

    async def read(self, request: web.Request) -> Form:
        """The form of a request, url-encoded or multipart. Raises VotboxError."""
        kind = request.content_type if "Content-Type" in request.headers else _URL_ENCODED
        if kind not in (_URL_ENCODED, _MULTIPART):
            raise VotboxError(
                Code.WRONG, f"Content-Type: ожидается {_URL_ENCODED} или {_MULTIPART}, получено {quoted(kind)}"
            )
        try:
            self._check_size(request.content_length or 0)
            if kind == _MULTIPART:
                return Form(await self._parts(request))
            return await asyncio.to_thread(_form_of_body, await self._body(request))
        except TooLargeError:
            raise VotboxError(Code.TOO_LARGE, f"тело запроса: больше {self._max_bytes} байт") from None
        except BROKEN_FORM:  # its text may show a password
            raise VotboxError(Code.WRONG, "тело запроса: форма повреждена или передана не полностью") from None

    async def _body(self, request: web.Request) -> bytes:
        body = bytearray()
        while chunk := await request.content.read(CHUNK_BYTES):
            body += chunk
            self._check_size(len(body))
        return bytes(body)

    async def _parts(self, request: web.Request) -> list[SentField]:
        fields: list[SentField] = []
        async for part in parts_of(await request.multipart()):
            content = bytearray()
            async for chunk in chunks_of(part):
                content += chunk
                self._check_size(request.content.total_bytes)
            self._check_size(request.content.total_bytes)
            name = name_of(part)
            if name is None or len(fields) == MAX_FIELDS:
                raise ValueError("a part without a name, or too many")
            fields.append(SentField(name, bytes(content), filename_of(part)))
        return fields

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise TooLargeError


def _form_of_body(body: bytes) -> Form:
    """Of an url-encoded body; its bytes are kept as they are, whatever their encoding. Raises ValueError."""
    pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="latin-1", max_num_fields=MAX_FIELDS)
    return Form(
        SentField(_decoded(name.encode("latin-1")) or "", value.encode("latin-1"))
        for name, value in pairs
    )  # fmt: skip


def _decoded(content: bytes) -> str | None:
    for encoding in ("utf-8-sig", "cp1251"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def _key(name: str) -> str:
    """`tts_ FLOOP` of the document is `tts_FLOOP` to most clients."""
    return "".join(name.split()).casefold()
