"""Yandex SpeechKit by its REST API v1 (`tts:synthesize`): the engine behind a network."""

import json
import re
import wave
from pathlib import Path

import aiohttp
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential, wait_random

from dialer.model.flow import Voice
from dialer.speech.engines import EngineDownError, SpeechError

TRIES = 3
PAUSE = wait_exponential(multiplier=0.2, max=0.8) + wait_random(0, 0.2)
MAX_TEXT_CHARS = 5000
MAX_SOUND_BYTES = 20 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024
ERROR_CHARS = 200
RATE_HZ = 8000
SAMPLE_BYTES = 2


class _PassingError(EngineDownError):
    """What the next try may not meet again."""


class Yandex:
    """Asks up to three times within the text's turn, `timeout_s` seconds each; no error text ever holds the key."""

    name = "yandex"
    reads_russian = True
    at_once = 10

    def __init__(
        self,
        api_key: str,
        folder_id: str = "",
        voice: str = "alena",
        *,
        female_voice: str = "alena",
        male_voice: str = "filipp",
        url: str,
        timeout_s: float = 5.0,
    ) -> None:
        self._voices = {Voice.ANY: voice, Voice.FEMALE: female_voice, Voice.MALE: male_voice}
        self._api_key = api_key
        self._folder_id = folder_id
        self._url = url
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    def speaks(self, lang: str) -> bool:
        return True

    def check(self) -> None:
        """Nothing that could be told without asking the service."""

    def voice_for(self, voice: Voice) -> str:
        """What the settings name: which voices there are only the service knows, and tells when it is asked."""
        return self._voices[voice]

    async def synthesize(self, text: str, lang: str, target: Path, voice: Voice = Voice.ANY) -> None:
        if len(text) > MAX_TEXT_CHARS:
            raise SpeechError(f"yandex: text of {len(text)} characters, at most {MAX_TEXT_CHARS} are spoken")
        if not re.fullmatch(r"[!-~]+", self._api_key):
            raise EngineDownError("yandex: api_key is empty or has characters that no key has")
        fields = {
            "text": text,
            "lang": lang,
            "voice": self.voice_for(voice),
            "format": "lpcm",
            "sampleRateHertz": str(RATE_HZ),
        }
        if self._folder_id:
            fields["folderId"] = self._folder_id
        tries = AsyncRetrying(
            retry=retry_if_exception_type(_PassingError), stop=stop_after_attempt(TRIES), wait=PAUSE, reraise=True
        )
        _write_wav(await tries(self._ask, fields), target)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(self, fields: dict[str, str]) -> bytes:
        """The samples of one try. Raises SpeechError."""
        failure: EngineDownError
        try:
            return await self._fetch(fields)
        except TimeoutError:
            failure = _PassingError(f"yandex: no answer within {self._timeout_s:g} s")
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError) as error:
            failure = _PassingError(f"yandex: {self._shown(f'{type(error).__name__}: {error}')}")
        except (aiohttp.ClientError, ValueError) as error:
            failure = EngineDownError(f"yandex: {self._shown(f'{type(error).__name__}: {error}')}")
        raise failure  # outside the handlers: an error of aiohttp holds the request, and with it the key

    async def _fetch(self, fields: dict[str, str]) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._timeout_s), cookie_jar=aiohttp.DummyCookieJar()
            )
        headers = {"Authorization": f"Api-Key {self._api_key}"}
        async with self._session.post(self._url, data=fields, headers=headers, allow_redirects=False) as reply:
            if reply.status != 200:
                raise self._refusal(reply.status, await _read(reply.content, MAX_ERROR_BYTES))
            if reply.content_type in ("text/html", "application/json"):
                raise EngineDownError(f"yandex: {reply.content_type} in place of speech")
            samples = await _read(reply.content, MAX_SOUND_BYTES)
        if not samples:
            raise EngineDownError("yandex: empty reply")
        if len(samples) > MAX_SOUND_BYTES:
            raise EngineDownError(f"yandex: reply of more than {MAX_SOUND_BYTES} bytes")
        if len(samples) % SAMPLE_BYTES:
            raise EngineDownError(f"yandex: reply of {len(samples)} bytes, not whole 16-bit samples")
        return samples

    def _refusal(self, status: int, body: bytes) -> SpeechError:
        told = f"yandex: {status} {self._shown(_reason(body))}".rstrip()
        if status in (400, 413):
            return SpeechError(told)
        return _PassingError(told) if status == 429 or status >= 500 else EngineDownError(told)

    def _shown(self, text: str) -> str:
        """Short, on one line, printable, and without the key, which the service may repeat."""
        line = " ".join(text.replace(self._api_key, "***").split())
        return "".join(char for char in line if char.isprintable())[:ERROR_CHARS]


async def _read(content: aiohttp.StreamReader, limit: int) -> bytes:
    """The body, or its first part when it is longer than `limit`: then more than `limit` bytes."""
    body = bytearray()
    async for chunk in content.iter_any():
        body += chunk
        if len(body) > limit:
            break
    return bytes(body)


def _reason(body: bytes) -> str:
    text = body.decode(errors="replace")
    try:
        error = json.loads(text)
        return f"{error['error_code']}: {error['error_message']}"
    except (ValueError, KeyError, TypeError):
        return text


def _write_wav(samples: bytes, target: Path) -> None:
    with wave.open(str(target), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(SAMPLE_BYTES)
        sound.setframerate(RATE_HZ)
        sound.writeframes(samples)
