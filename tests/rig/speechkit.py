"""Yandex SpeechKit, REST API v1, as far as the daemon uses it: as strict, and wrong on demand.

Fields, limits and voices as in the service's public documentation of `tts:synthesize`, its error body likewise.
"""

import asyncio
import contextlib
import subprocess
import tempfile
import wave
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from aiohttp import web

API_KEY = "AQVNtest-key_0123456789abcdefghijklmnop"
PATH = "/speech/v1/tts:synthesize"
FORM = "application/x-www-form-urlencoded"
RATES_HZ = (8000, 16000, 48000)
MAX_TEXT_CHARS = 5000
MAX_FOLDER_CHARS = 50
FIELDS = {"text", "lang", "voice", "format", "sampleRateHertz"}
OPTIONAL_FIELDS = {"folderId", "emotion", "speed"}
LANGUAGES = {"ru-RU": "ru", "en-US": "en-us", "de-DE": "de", "kk-KK": "kk", "kk-KZ": "kk", "uz-UZ": "uz"}
VOICES = {
    "alena": "f1",
    "jane": "f2",
    "omazh": "f3",
    "marina": "f4",
    "filipp": "m1",
    "ermil": "m2",
    "zahar": "m3",
    "madi_ru": "m4",
    "john": "m5",
    "lea": "f5",
    "amira": "f5",
    "madi": "m6",
    "nigora": "f5",
}
"""The service's voices by the espeak-ng variant that lends them its sound."""


class Fault(StrEnum):
    """What goes wrong instead of speech."""

    BAD_REQUEST = "400"
    UNAUTHORIZED = "401, repeating the key it got"
    FORBIDDEN = "403"
    TOO_MANY_REQUESTS = "429"
    INTERNAL_ERROR = "500"
    BAD_GATEWAY = "502 from something before the service, not JSON"
    SLOW = "no answer until release(), recover() or the end"
    CUT = "the connection closes in the middle of the body"
    HANG_UP = "the connection closes before any answer"
    EMPTY = "200 without a body"
    ODD = "half a sample at the end"
    TEXT = "200 with a web page"
    HUGE = "a body of 21 MB"
    REDIRECT = "302 to the same address"


STATUSES = {
    Fault.BAD_REQUEST: (400, "BAD_REQUEST", "Bad request"),
    Fault.UNAUTHORIZED: (401, "UNAUTHORIZED", "Unknown api key '{key}'"),
    Fault.FORBIDDEN: (403, "FORBIDDEN", "Permission to folder denied"),
    Fault.TOO_MANY_REQUESTS: (429, "TOO_MANY_REQUESTS", "Quota exceeded"),
    Fault.INTERNAL_ERROR: (500, "INTERNAL_SERVER_ERROR", "Internal error"),
}


@dataclass(frozen=True)
class SpeechRequest:
    """One request as it came, right or wrong."""

    method: str
    path: str
    authorization: str
    content_type: str
    fields: dict[str, str]


class SpeechKit:
    """What `running_speechkit` gives: `url`, the `requests` so far, and a way to make it fail."""

    def __init__(self, api_key: str) -> None:
        self.api_key = api_key
        self.url = ""
        self.requests: list[SpeechRequest] = []
        self._standing: Fault | None = None
        self._queue: deque[Fault] = deque()
        self._released = asyncio.Event()

    def fail_with(self, fault: Fault, times: int | None = None) -> None:
        """Every request fails so from now on; with `times` that many, after those already asked for."""
        if fault is Fault.SLOW:
            self._released.clear()
        if times is None:
            self._standing = fault
        else:
            self._queue.extend([fault] * times)

    def recover(self) -> None:
        """No more faults; whoever waits gets its answer."""
        self._standing = None
        self._queue.clear()
        self.release()

    def release(self) -> None:
        """Answer the slow requests, those to come included."""
        self._released.set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        fields = {name: str(value) for name, value in (await request.post()).items()}
        authorization = request.headers.get("Authorization", "")
        self.requests.append(SpeechRequest(request.method, request.path, authorization, request.content_type, fields))
        fault = self._queue.popleft() if self._queue else self._standing
        if fault in STATUSES:
            status, code, message = STATUSES[fault]
            return _error(status, code, message.format(key=authorization.removeprefix("Api-Key ")))
        refusal = self._refusal(request, fields)
        if refusal is not None:
            return refusal
        samples = await asyncio.to_thread(
            speak, fields["text"], fields["lang"], fields["voice"], int(fields["sampleRateHertz"])
        )
        match fault:
            case Fault.SLOW:
                await self._released.wait()
            case Fault.CUT:
                return await _cut(request, samples)
            case Fault.HANG_UP:
                _hang_up(request)
            case Fault.EMPTY:
                samples = b""
            case Fault.ODD:
                samples = samples[:-1]
            case Fault.HUGE:
                samples = bytes(21 * 1024 * 1024)
            case Fault.TEXT:
                return web.Response(text="<html>Pay for your internet</html>", content_type="text/html")
            case Fault.BAD_GATEWAY:
                return web.Response(status=502, text="<html>Bad gateway</html>", content_type="text/html")
            case Fault.REDIRECT:
                return web.Response(status=302, headers={"Location": self.url})
        return web.Response(body=samples)

    def _refusal(self, request: web.Request, fields: dict[str, str]) -> web.Response | None:
        if request.path != PATH:
            return _error(404, "NOT_FOUND", f"No such path: {request.path}")
        if request.method != "POST":
            return _error(405, "METHOD_NOT_ALLOWED", f"{request.method} is not allowed")
        if request.headers.get("Authorization") != f"Api-Key {self.api_key}":
            return _error(401, "UNAUTHORIZED", "The api key is unknown or missing")
        if request.content_type != FORM:
            return _error(400, "BAD_REQUEST", f"Content type {request.content_type}")
        wrong = _first_wrong_field(fields)
        return _error(400, "BAD_REQUEST", wrong) if wrong else None


@contextlib.asynccontextmanager
async def running_speechkit(api_key: str = API_KEY) -> AsyncIterator[SpeechKit]:
    """A SpeechKit on a free port of 127.0.0.1 that knows one key. Slow requests are released at the end."""
    service = SpeechKit(api_key)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        service.url = f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}"
        yield service
    finally:
        service.recover()
        await runner.cleanup()


def speak(text: str, lang: str, voice: str, rate_hz: int) -> bytes:
    """16-bit little-endian mono samples of the text, by the real espeak-ng."""
    with tempfile.TemporaryDirectory() as folder:
        spoken = Path(folder) / "spoken.wav"
        command = ["espeak-ng", "-v", f"{LANGUAGES[lang]}+{VOICES[voice]}", "-w", str(spoken), "--stdin"]
        subprocess.run(command, input=text.encode(), check=True, capture_output=True, timeout=20)
        with wave.open(str(spoken)) as sound:
            source_hz = sound.getframerate()
            samples = np.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2")
    moments = np.arange(int(len(samples) * rate_hz / source_hz)) * (source_hz / rate_hz)
    return bytes(np.interp(moments, np.arange(len(samples)), samples).astype("<i2").data)


def _first_wrong_field(fields: dict[str, str]) -> str:
    unknown = sorted(fields.keys() - FIELDS - OPTIONAL_FIELDS)
    missing = sorted(FIELDS - fields.keys())
    if unknown or missing:
        return f"Unknown fields: {unknown}, missing: {missing}"
    if not fields["text"].strip():
        return "The text is empty"
    if len(fields["text"]) > MAX_TEXT_CHARS:
        return "Requested text length exceed limitation"
    for name, known in (
        ("lang", LANGUAGES),
        ("voice", VOICES),
        ("format", ("lpcm",)),
        ("sampleRateHertz", [str(rate) for rate in RATES_HZ]),
    ):
        if fields[name] not in known:
            return f"Unsupported {name}: {fields[name]}"
    if len(fields.get("folderId", "")) > MAX_FOLDER_CHARS:
        return "folderId is too long"
    return ""


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error_code": code, "error_message": message}, status=status)


async def _cut(request: web.Request, samples: bytes) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_length = len(samples)
    await response.prepare(request)
    await response.write(samples[: len(samples) // 2])
    _hang_up(request)
    return response


def _hang_up(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.close()
