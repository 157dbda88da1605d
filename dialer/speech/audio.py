"""Audio as Asterisk plays it without transcoding. The only importer of pydub."""

import warnings
from pathlib import Path

with warnings.catch_warnings():
    # pydub 0.25.1 warns when imported: no ffmpeg (WAV needs none), audioop leaves in 3.13 (audioop-lts comes instead)
    warnings.simplefilter("ignore")
    from pydub import AudioSegment

RATE_HZ = 8000
SAMPLE_BYTES = 2
MIN_LENGTH_MS = 50
MIN_LEVEL_DBFS = -60.0
"""Quieter than this is silence to a subscriber."""


class AudioError(Exception):
    """The file is not audio a subscriber could hear."""


def convert_for_telephone(source: Path, target: Path) -> None:
    """Write `source` (WAV) as 8 kHz mono 16-bit WAV. Raises AudioError for what is no audio, or silent."""
    try:
        _convert(source, target)
    except AudioError:
        raise
    except Exception as error:  # whatever a decoder makes of strange bytes: wave.Error, audioop.error, …
        raise AudioError(f"not a WAV file that can be read ({error})") from error


def _convert(source: Path, target: Path) -> None:
    with source.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":  # anything else pydub would hand to ffmpeg
            raise AudioError("not a WAV file")
        file.seek(0)
        sound = AudioSegment.from_wav(file)
    if len(sound) < MIN_LENGTH_MS or sound.dBFS < MIN_LEVEL_DBFS:
        raise AudioError("nothing to hear in it")
    with target.open("wb") as file:
        sound.set_channels(1).set_frame_rate(RATE_HZ).set_sample_width(SAMPLE_BYTES).export(file, format="wav")
