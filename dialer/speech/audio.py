"""Audio as Asterisk plays it without transcoding: 8 kHz mono 16-bit WAV. The only importer of pydub."""

import math
import re
import subprocess
import tempfile
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

with warnings.catch_warnings():
    # pydub 0.25.1 warns when imported: no ffmpeg (WAV needs none), audioop leaves in 3.13 (audioop-lts comes instead)
    warnings.simplefilter("ignore")
    import audioop

    from pydub import AudioSegment
    from pydub.effects import normalize
    from pydub.exceptions import CouldntDecodeError
    from pydub.silence import detect_leading_silence

RATE_HZ = 8000
SAMPLE_BYTES = 2
MIN_LENGTH_MS = 50
SILENCE_DB = -60.0
"""Quieter than this (dBFS, LUFS) is silence to a subscriber."""
MAX_LENGTH_S = 600
TIMEOUT_S = 60.0

LEVEL_LUFS = -19.0
"""What speech with a peak of -3 dBFS comes to, so that uploads and spoken texts are equally loud."""
WINDOW_S = 0.4
"""The window of EBU R128's momentary loudness."""
LOUD_SHARE = 0.75
"""Loudness of a file is what this part of its windows do not exceed: neither pauses nor a few clicks count."""
_LIMITER = "alimiter=limit=0.8:attack=2:release=20:level=disabled"

SPEECH_HEADROOM_DB = 3.0
SPEECH_DBFS = -20.0
SPEECH_SILENCE_DBFS = -45.0
KEEP_BEFORE_MS = 30
KEEP_AFTER_MS = 100
STEP_MS = 10
PASS_HZ = 3800
"""Middle of the slope of the low-pass filter in front of 8 kHz."""

HEAD_BYTES = 12
_MAGIC = (
    (0, b"RIFF", 8, b"WAVE", "wav"),
    (0, b"RF64", 8, b"WAVE", "wav"),
    (0, b"OggS", 0, b"", "ogg"),
    (0, b"fLaC", 0, b"", "flac"),
    (0, b"FORM", 8, b"AIFF", "aiff"),
    (0, b"FORM", 8, b"AIFC", "aiff"),
    (0, b".snd", 0, b"", "au"),
    (0, b"#!AMR", 0, b"", "amr"),
    (4, b"ftyp", 0, b"", "mov"),
    (0, b"\x1a\x45\xdf\xa3", 0, b"", "matroska"),
)
"""Two places and what stands there, and what ffmpeg calls such a file."""
_SAYS_LENGTH = frozenset({"wav", "flac", "aiff", "au", "mov"})
"""Kinds of file whose head says how long the sound is; elsewhere ffmpeg guesses."""
_GSM_FRAME_BYTES = 33
_GSM_FRAMES = 50
_LENGTH = re.compile(r"^  Duration: (\d+):(\d\d):(\d\d\.\d+)", re.MULTILINE)
_MOMENTARY = re.compile(rb"lavfi\.r128\.M=(-?[\d.]+)")
_STDERR_BYTES = 65_536


class AudioError(Exception):
    """The file cannot be played to a subscriber; the text says why."""


def convert_for_telephone(source: Path, target: Path, max_s: int = MAX_LENGTH_S) -> None:
    """Write any kind of sound file as 8 kHz mono 16-bit WAV of even loudness. Runs ffmpeg, for a minute at the most.

    Raises AudioError; `target` may then hold anything.
    """
    with source.open("rb") as file:
        kind = kind_of_file(file)
    if kind is None:
        raise AudioError("not a sound file of a known kind (WAV, MP3, OGG, M4A, AAC, FLAC, AIFF, AU, AMR, GSM, WebM)")
    # files without a name, so that nothing is left behind whatever happens
    with tempfile.TemporaryFile(dir=target.parent) as samples, tempfile.TemporaryFile(dir=target.parent) as meter:
        _decode(kind, source, samples, meter, max_s)
        samples.seek(0)
        meter.seek(0)
        gain_db = LEVEL_LUFS - _loudness(samples, meter)
        samples.seek(0)
        arguments = ["-f", "f32le", "-ar", str(RATE_HZ), "-ac", "1", "-i", "pipe:0"]
        arguments += ["-af", f"volume={gain_db:.2f}dB,{_LIMITER}", "-c:a", "pcm_s16le"]
        # without its own name in the file: Asterisk's format_wav wants a plain head
        _ffmpeg([*arguments, "-bitexact", "-map_metadata", "-1", "-f", "wav", f"file:{target}"], stdin=samples)


def kind_of_file(file: BinaryIO) -> str | None:
    """What ffmpeg calls this kind of sound file, told from its bytes alone; None: no sound file."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    if head[:3] == b"ID3" and len(head) >= 10:  # a tag in front of MP3, and sometimes of AAC or FLAC
        size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        file.seek(10 + size)
        return _kind_of(file.read(HEAD_BYTES)) or "mp3"
    return _kind_of(head) or ("gsm" if _is_gsm(file) else None)


def _kind_of(head: bytes) -> str | None:
    for at, magic, also_at, also, kind in _MAGIC:
        if head.startswith(magic, at) and head.startswith(also, also_at):
            return kind
    if len(head) >= 4 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        if head[1] & 0xF6 == 0xF0:
            return "aac"
        version, layer, bit_rate, rate = head[1] >> 3 & 3, head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
        if version != 1 and layer != 0 and bit_rate not in (0, 15) and rate != 3:
            return "mp3"
    return None


def _is_gsm(file: BinaryIO) -> bool:
    """GSM 06.10 has no head, but each frame of 33 bytes begins with the bits 1101."""
    file.seek(0)
    starts = file.read(_GSM_FRAME_BYTES * _GSM_FRAMES)[::_GSM_FRAME_BYTES]
    return len(starts) > 2 and all(byte >> 4 == 0xD for byte in starts)


def _decode(kind: str, source: Path, samples: BinaryIO, meter: BinaryIO, max_s: int) -> None:
    """Write 8 kHz mono float samples, and EBU R128's momentary loudness ten times a second."""
    graph = (
        f"[0:a:0]aresample={RATE_HZ},aformat=sample_fmts=fltp:channel_layouts=mono,asplit[sound][copy];"
        f"[copy]apad=whole_dur={WINDOW_S},ebur128=metadata=1:framelog=verbose,"
        f"ametadata=mode=print:key=lavfi.r128.M:file=pipe\\\\:{meter.fileno()}[metered]"
    )
    limit = ["-t", str(max_s + 1)]  # decoding stops there, whatever the file would still give
    arguments = ["-max_alloc", str(1 << 28), "-max_error_rate", "0.1", "-protocol_whitelist", "file,pipe"]
    arguments += ["-f", kind, "-i", f"file:{source}", "-filter_complex", graph]
    arguments += ["-map", "[sound]", *limit, "-f", "f32le", "pipe:1", "-map", "[metered]", *limit, "-f", "null", "-"]
    told = _ffmpeg(arguments, stdout=samples, keep=meter)
    length_s = samples.seek(0, 2) / 4 / RATE_HZ
    if length_s > max_s:
        raise AudioError(f"too long: {max_s} s at the most")
    if length_s * 1000 < MIN_LENGTH_MS:
        raise AudioError("nothing to hear in it")
    declared = _LENGTH.search(told) if kind in _SAYS_LENGTH else None
    if declared is not None:
        hours, minutes, seconds = declared.groups()
        declared_s = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        if length_s < declared_s * 0.9 - 0.5:
            raise AudioError(f"cut off: {length_s:.1f} s of {declared_s:.1f} s are there")


def _loudness(samples: BinaryIO, meter: BinaryIO) -> float:
    """LUFS. Raises AudioError for silence."""
    heard = sorted(value for value in map(float, _MOMENTARY.findall(meter.read())) if value > SILENCE_DB)
    if not heard:
        raise AudioError("nothing to hear in it")
    window_part = min(1.0, samples.seek(0, 2) / 4 / RATE_HZ / WINDOW_S)
    return heard[int(len(heard) * LOUD_SHARE)] - 10 * math.log10(window_part)


def _ffmpeg(
    arguments: Sequence[str], *, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None, keep: Any = None
) -> str:
    """Run ffmpeg and return the beginning of what it told. Raises AudioError, and OSError without an ffmpeg."""
    command = ["ffmpeg", "-hide_banner", "-nostats", "-nostdin", "-y", "-threads", "1", *arguments]
    with subprocess.Popen(  # noqa: S603 - no shell; the only text of others is a path behind "file:"
        command,
        stdin=stdin or subprocess.DEVNULL,
        stdout=stdout or subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=() if keep is None else (keep.fileno(),),
    ) as process:
        late = threading.Event()

        def stop() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(TIMEOUT_S, stop)
        timer.start()
        try:
            errors = cast(IO[bytes], process.stderr)
            told = last = errors.read(_STDERR_BYTES)
            while more := errors.read(_STDERR_BYTES):  # a line for each damaged byte, if it likes
                last = more
            code = process.wait()
        finally:
            timer.cancel()
            process.kill()
    if late.is_set():
        raise AudioError(f"not converted within {TIMEOUT_S:.0f} s")
    if code != 0:
        lines = last.decode(errors="replace").strip().splitlines() or [f"exit code {code}"]
        raise AudioError(f"damaged, or no sound in it (ffmpeg: {lines[-1].strip()[:200]})")
    return told.decode(errors="replace")


def convert_speech(source: Path, target: Path) -> None:
    """Write what an engine has spoken (WAV, any rate) as 8 kHz mono 16-bit WAV, without the silence around it and as
    loud as an uploaded file. Runs no process. Raises AudioError."""
    try:
        sound = AudioSegment(source.read_bytes())
        if sound.frame_count() == 0 or sound.dBFS < SILENCE_DB:
            raise AudioError("nothing to hear in it")
        sound = sound.set_channels(1).set_sample_width(4)
        sound = normalize(_low_passed(sound).set_frame_rate(RATE_HZ), SPEECH_HEADROOM_DB)
        _levelled(_trimmed(sound)).set_sample_width(SAMPLE_BYTES).export(target, format="wav").close()
    except (CouldntDecodeError, audioop.error, ValueError, LookupError, ArithmeticError) as error:
        raise AudioError(f"not a WAV file that can be read ({error})") from error


def _levelled(sound: Any) -> Any:
    """As loud as an uploaded file: voices of the same peak differ by 7 dB."""
    return sound.apply_gain(min(SPEECH_DBFS - sound.dBFS, -1.0 - sound.max_dBFS))


def _trimmed(sound: Any) -> Any:
    start_ms = detect_leading_silence(sound, SPEECH_SILENCE_DBFS, STEP_MS)
    end_ms = len(sound) - detect_leading_silence(sound.reverse(), SPEECH_SILENCE_DBFS, STEP_MS)
    if end_ms - start_ms < MIN_LENGTH_MS:
        raise AudioError("nothing to hear in it")
    return sound[max(0, start_ms - KEEP_BEFORE_MS) : end_ms + KEEP_AFTER_MS]


def _low_passed(sound: Any) -> Any:
    """The sound (mono, 32 bit) at a quarter of its level without what 8 kHz cannot hold: `ratecv` has no filter.

    A windowed sinc, tap by tap over the whole sound: milliseconds, where pydub's own filter takes seconds.
    """
    rate_hz = sound.frame_rate
    if rate_hz <= RATE_HZ:
        return sound
    half = round(rate_hz / 1500)
    taps = [_tap(place, half, PASS_HZ / rate_hz) for place in range(half + 1)]
    scale = 0.25 / (taps[0] + 2 * sum(taps[1:]))
    edge = bytes(4 * half)
    data = audioop.mul(edge + sound.raw_data + edge, 4, 0.25)  # room for the sum of two samples
    length = len(sound.raw_data)
    middle = 4 * half
    total = audioop.mul(data[middle : middle + length], 4, taps[0] * scale * 4)
    for place in range(1, half + 1):
        before, after = (data[at : at + length] for at in (middle - 4 * place, middle + 4 * place))
        total = audioop.add(total, audioop.mul(audioop.add(before, after, 4), 4, taps[place] * scale * 4), 4)
    return AudioSegment(total, sample_width=4, frame_rate=rate_hz, channels=1)


def _tap(place: int, half: int, pass_part: float) -> float:
    sinc = math.sin(2 * math.pi * pass_part * place) / (math.pi * place) if place else 2 * pass_part
    return sinc * (0.54 + 0.46 * math.cos(math.pi * place / (half + 1)))
