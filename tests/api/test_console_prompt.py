"""What a subscriber would hear."""

import io
import wave
from typing import Any

import aiohttp

from tests.api.asking import ask
from tests.api.conftest import running_dialer
from tests.api.test_console_progress import CONSOLE
from tests.rig.daemon import Dialer

PROMPT = f"{CONSOLE}/prompt"


async def heard_s(dialer: Dialer, body: dict[str, Any]) -> float:
    """How long the sound is."""
    async with aiohttp.ClientSession() as session, session.post(f"{dialer.url}{PROMPT}", json=body) as response:
        assert response.content_type == "audio/wav", await response.text()
        with wave.open(io.BytesIO(await response.read())) as sound:
            assert (sound.getframerate(), sound.getnchannels()) == (8000, 1)
            return float(sound.getnframes() / sound.getframerate())


async def test_texts_and_files_are_heard_and_what_cannot_be_is_refused() -> None:
    async with running_dialer({"tts": {"engine": "espeak-ng"}}) as dialer:
        text = "Здравствуйте, <имя>"
        without = await heard_s(dialer, {"text": text})
        assert await heard_s(dialer, {"text": text, "params": {"имя": "Анна Ивановна"}}) > without > 0.3
        assert await heard_s(dialer, {"text": "Good morning", "lang": "en-US"}) > 0.3
        for body, message in (
            ({}, "text: a text or a file expected"),
            ({"text": " … "}, "text: there is nothing in it that can be spoken"),
            ({"file": "нет.wav"}, "file: there is no uploaded file"),
            ({"file": "/etc/passwd"}, "file: not in an allowed folder"),
            ({"text": "да", "lang": "по-русски"}, "lang: "),
        ):
            reply = await ask(dialer, "POST", PROMPT, json=body)
            assert reply.json["result"] is False, body
            assert reply.json["messages"][0].startswith(message), reply.json
