"""The tone after which a subscriber is recorded."""

import math
import struct
import wave
from pathlib import Path

RATE_HZ = 8000
TONE_HZ = 1000
TONE_S = 0.25
LEVEL = 8000
FADE_S = 0.01
"""A tone that begins and ends at full level clicks."""


def write_tone(target: Path) -> None:
    """Write the tone as 8 kHz mono 16-bit WAV."""
    count = round(TONE_S * RATE_HZ)
    with wave.open(str(target), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE_HZ)
        sound.writeframes(b"".join(struct.pack("<h", _sample(at, count)) for at in range(count)))


def _sample(at: int, count: int) -> int:
    fade = min(1.0, at / RATE_HZ / FADE_S, (count - at) / RATE_HZ / FADE_S)
    return round(LEVEL * fade * math.sin(2 * math.pi * TONE_HZ * at / RATE_HZ))
