"""Conversion of sound files with the real ffmpeg, espeak-ng and RHVoice."""

import subprocess
import tracemalloc
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dialer.speech import audio
from dialer.speech.audio import AudioError, convert_for_telephone, convert_speech, kind_of_file

Samples = NDArray[np.float64]
KINDS = {
    "mp3": (["-f", "mp3"], "mp3"),
    "mp3 without tag": (["-f", "mp3", "-id3v2_version", "0", "-write_xing", "0"], "mp3"),
    "mp3 as the manual wants it": (["-f", "mp3", "-ar", "8000", "-ac", "1", "-b:a", "16k"], "mp3"),
    "wav 16 bit stereo": (["-f", "wav", "-ac", "2", "-ar", "44100"], "wav"),
    "wav 8 bit": (["-f", "wav", "-c:a", "pcm_u8"], "wav"),
    "wav 24 bit": (["-f", "wav", "-c:a", "pcm_s24le"], "wav"),
    "wav 32 bit": (["-f", "wav", "-c:a", "pcm_s32le"], "wav"),
    "wav float": (["-f", "wav", "-c:a", "pcm_f32le"], "wav"),
    "wav ADPCM": (["-f", "wav", "-c:a", "adpcm_ms"], "wav"),
    "wav IMA ADPCM": (["-f", "wav", "-c:a", "adpcm_ima_wav"], "wav"),
    "wav A-law": (["-f", "wav", "-c:a", "pcm_alaw", "-ar", "8000"], "wav"),
    "wav mu-law": (["-f", "wav", "-c:a", "pcm_mulaw", "-ar", "8000"], "wav"),
    "wav GSM": (["-f", "wav", "-c:a", "libgsm_ms", "-ar", "8000"], "wav"),
    "ogg vorbis": (["-f", "ogg", "-c:a", "libvorbis"], "ogg"),
    "ogg opus": (["-f", "ogg", "-c:a", "libopus"], "ogg"),
    "webm": (["-f", "webm", "-c:a", "libopus"], "matroska"),
    "m4a": (["-f", "ipod", "-c:a", "aac"], "mov"),
    "aac": (["-f", "adts", "-c:a", "aac"], "aac"),
    "flac": (["-f", "flac"], "flac"),
    "aiff": (["-f", "aiff"], "aiff"),
    "au": (["-f", "au"], "au"),
    "gsm": (["-f", "gsm", "-ar", "8000"], "gsm"),
}


def ffmpeg(*arguments: str | Path) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    subprocess.run(["espeak-ng", "-v", "ru", "-w", path, "Для заказа товара нажмите один, для отказа два"], check=True)
    return path


def converted(source: Path, target: Path, max_s: int = 60) -> Samples:
    convert_for_telephone(source, target, max_s)
    return samples_of(target)


def samples_of(path: Path) -> Samples:
    with wave.open(str(path)) as sound:
        assert sound.getparams()[:3] == (1, 2, 8000)
        return np.frombuffer(sound.readframes(sound.getnframes()), "<i2") / 32768


def level_db(samples: Samples) -> float:
    """Of what is spoken: the louder half of the steps of 20 ms."""
    power = (samples[: len(samples) // 160 * 160].reshape(-1, 160) ** 2).mean(axis=1)
    return float(10 * np.log10(np.sort(power)[len(power) // 2 :].mean() + 1e-12))


def write_wav(path: Path, samples: Samples, rate: int = 8000) -> Path:
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, rate, 0, "NONE", ""))
        sound.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def tone(frequency: float, rate: int = 8000, length_s: float = 1.0, level: float = 0.5) -> Samples:
    return np.asarray(level * np.sin(2 * np.pi * frequency * np.arange(int(rate * length_s)) / rate))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_becomes_what_asterisk_plays(kind: str, speech: Path, tmp_path: Path) -> None:
    arguments, name = KINDS[kind]
    source, target = tmp_path / "x.html", tmp_path / "x.wav"
    ffmpeg("-i", speech, *arguments, source)
    with source.open("rb") as file:
        assert kind_of_file(file) == name
    samples = converted(source, target)
    with wave.open(str(speech)) as sound:
        length_s = sound.getnframes() / sound.getframerate()
    assert abs(len(samples) / 8000 - length_s) < 0.2
    assert -24 < level_db(samples) < -14
    head = target.read_bytes()[:44]
    assert (head[:4], head[8:16], head[36:40]) == (b"RIFF", b"WAVEfmt ", b"data")
    assert int.from_bytes(head[40:44], "little") == target.stat().st_size - 44
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.html", "x.wav"]


def test_a_large_tag_in_front_is_read_over(speech: Path, tmp_path: Path) -> None:
    for name, arguments in {"mp3": KINDS["mp3 without tag"][0], "aac": KINDS["aac"][0]}.items():
        source = tmp_path / name
        ffmpeg("-i", speech, *arguments, source)
        source.write_bytes(b"ID3\x03\0\0\0\0\x20\0" + bytes(4096) + source.read_bytes())
        with source.open("rb") as file:
            assert kind_of_file(file) == name
        assert len(converted(source, tmp_path / "x.wav")) > 8000


def test_quiet_loud_clicking_short_and_pausing_files_come_out_alike(speech: Path, tmp_path: Path) -> None:
    at_8k = tmp_path / "8k.wav"
    ffmpeg("-i", speech, "-ar", "8000", at_8k)
    spoken = samples_of(at_8k)
    normal = level_db(converted(at_8k, tmp_path / "x.wav"))
    quiet = spoken * 10 ** ((-45 - level_db(spoken)) / 20)
    clicking = quiet.copy()
    clicking[12000:12040] = 0.95
    clipped = np.clip(spoken * 20, -1, 1)
    pausing = np.concatenate([spoken, np.zeros(8 * len(spoken))])
    for name, sound in {"quiet": quiet, "clicking": clicking, "pausing": pausing, "loud": clipped}.items():
        result = converted(write_wav(tmp_path / name, sound), tmp_path / "x.wav")
        assert abs(level_db(result[: len(spoken)]) - normal) < 4, name
        assert np.abs(result).max() < 0.85, name
    short = converted(write_wav(tmp_path / "short", spoken[8000:10400]), tmp_path / "x.wav")
    assert len(short) == 2400
    assert abs(level_db(short) - normal) < 4


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        b"not a sound " * 100,
        b"<html><body>404</body></html>",
        "Привет".encode("utf-16") * 50,
        b"\x89PNG\r\n\x1a\n" + bytes(500),
        b"%PDF-1.4" + bytes(500),
        b"1\n00:00:00,000 --> 00:00:01,000\nHi\n",
    ],
)
def test_what_is_no_sound_file_is_told_so(content: bytes, tmp_path: Path) -> None:
    source = tmp_path / "x.mp3"
    source.write_bytes(content)
    with pytest.raises(AudioError, match="not a sound file"):
        convert_for_telephone(source, tmp_path / "x.wav")


def test_playlists_and_scripts_make_ffmpeg_open_nothing(speech: Path, tmp_path: Path) -> None:
    scripts = (
        "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10.0,\nfile://{0}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10.0,\n{0}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{0}'\n",
        "file {0}\n",
        "v=0\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n",
        '<?xml version="1.0"?><MPD><BaseURL>{0}</BaseURL></MPD>',
    )
    source = tmp_path / "x.mp3"
    for script in scripts:
        for named in (speech, Path("/etc/passwd")):
            source.write_text(script.format(named))
            with pytest.raises(AudioError, match="not a sound file"):
                convert_for_telephone(source, tmp_path / "x.wav")
            source.write_bytes(b"ID3\x03\0\0\0\0\0\0" + script.format(named).encode())
            with pytest.raises(AudioError, match="damaged"):
                convert_for_telephone(source, tmp_path / "x.wav")


def test_a_path_is_never_an_option_or_an_address(speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("-i", "concat:a|b", "http:x", "%d.wav", "a'b\"c $(id).wav", "Привет мир"):
        Path(name).write_bytes(speech.read_bytes())
        assert len(converted(Path(name), Path(f"to {name}"))) > 8000


def test_a_text_that_only_begins_like_sound_is_damaged(tmp_path: Path) -> None:
    source = tmp_path / "x"
    for head in (b"ID3\x03\0\0\0\0\0\0", b"RIFF\0\0\0\0WAVEfmt ", b"OggS", b"fLaC", b"\0\0\0\x20ftypM4A ", b"#!AMR\n"):
        source.write_bytes(head + b"and then a text" * 200)
        with pytest.raises(AudioError, match=r"damaged|nothing to hear"):
            convert_for_telephone(source, tmp_path / "x.wav")


def test_half_a_file_is_told_where_its_head_says_the_length(speech: Path, tmp_path: Path) -> None:
    for kind, reason in (("flac", "cut off"), ("aiff", "cut off"), ("au", "cut off"), ("m4a", "damaged")):
        source = tmp_path / kind
        ffmpeg("-i", speech, *KINDS[kind][0], source)
        source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
        with pytest.raises(AudioError, match=reason):
            convert_for_telephone(source, tmp_path / "x.wav")


def test_silence_and_a_blink_have_nothing_to_hear(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(0, 0.0003, 16000)
    for sound in (np.zeros(16000), noise, tone(440, length_s=0.03), np.zeros(0)):
        with pytest.raises(AudioError, match="nothing to hear"):
            convert_for_telephone(write_wav(tmp_path / "x", sound), tmp_path / "x.wav")


def test_a_small_file_of_many_hours_is_refused_at_the_limit(tmp_path: Path) -> None:
    source, work = tmp_path / "long.flac", tmp_path / "work"
    work.mkdir()
    ffmpeg("-f", "lavfi", "-i", "anullsrc=r=8000:d=10800", "-f", "flac", source)
    assert source.stat().st_size < 3_000_000  # 173 MB of samples
    tracemalloc.start()
    try:
        with pytest.raises(AudioError, match="too long: 5 s at the most"):
            convert_for_telephone(source, work / "x.wav", 5)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    assert list(work.iterdir()) == []


def test_a_conversion_ends_with_its_time(speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "TIMEOUT_S", 0.001)
    with pytest.raises(AudioError, match="not converted within"):
        convert_for_telephone(speech, tmp_path / "x.wav")


def test_a_spoken_text_starts_and_ends_soon_and_is_as_loud_as_its_peak_allows(speech: Path, tmp_path: Path) -> None:
    with wave.open(str(speech)) as sound:
        rate = sound.getframerate()
        spoken = np.frombuffer(sound.readframes(sound.getnframes()), "<i2") / 32768
    silence = np.zeros(rate)
    write_wav(tmp_path / "spoken", np.concatenate([silence, spoken * 0.2, silence]), rate)
    convert_speech(tmp_path / "spoken", tmp_path / "x.wav")
    samples = samples_of(tmp_path / "x.wav")
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    assert loud[0] <= 8000 * 0.05
    assert len(samples) - loud[-1] <= 8000 * 0.15
    peak_db, level_db = 20 * np.log10(np.abs(samples).max()), 10 * np.log10((samples**2).mean())
    assert abs(level_db + 20) < 0.5 or abs(peak_db + 1) < 0.2
    assert peak_db < -0.9
    assert len(samples) / 8000 > len(spoken) / rate - 0.6


def test_a_spoken_text_needs_no_process(speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    convert_speech(speech, tmp_path / "x.wav")
    with pytest.raises(OSError, match="ffmpeg"):
        convert_for_telephone(speech, tmp_path / "y.wav")


@pytest.mark.parametrize("rate", [16000, 22050, 24000, 44100, 48000])
def test_what_8_khz_cannot_hold_does_not_come_back_as_another_tone(rate: int, tmp_path: Path) -> None:
    for frequency, at_least_db, at_most_db in (
        (300, -1, 1),
        (1000, -1, 1),
        (3000, -3, 1),
        (5000, -99, -25),
        (6000, -99, -25),
    ):
        marker = tone(200, rate, 1.0, 0.4)  # the peak is normalized: levels are told from another tone
        write_wav(tmp_path / "tone", marker + tone(frequency, rate, 1.0, 0.4), rate)
        convert_speech(tmp_path / "tone", tmp_path / "x.wav")
        spectrum = np.abs(np.fft.rfft(samples_of(tmp_path / "x.wav")[:8000] * np.hanning(8000)))
        folded = frequency if frequency < 4000 else 8000 - frequency
        level = 20 * np.log10(spectrum[folded - 3 : folded + 4].max() / spectrum[197:204].max() + 1e-12)
        assert at_least_db < level < at_most_db, frequency


def test_an_engine_that_said_nothing_is_told(tmp_path: Path) -> None:
    for sound in (np.zeros(22050), np.zeros(0), tone(440, 22050, 0.03)):
        with pytest.raises(AudioError, match="nothing to hear"):
            convert_speech(write_wav(tmp_path / "x", sound, 22050), tmp_path / "x.wav")


@pytest.mark.parametrize(
    "content", [b"", b"RIFF", b"not a wav" * 100, b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0" + bytes(40), b"ID3" + bytes(99)]
)
def test_an_engine_that_wrote_no_wav_is_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(AudioError):
        convert_speech(tmp_path / "x", tmp_path / "x.wav")


def test_a_stream_whose_head_does_not_know_its_length_is_read(tmp_path: Path) -> None:
    spoken = subprocess.run(["espeak-ng", "-v", "ru", "--stdout", "Раз два три"], check=True, capture_output=True)
    (tmp_path / "x").write_bytes(spoken.stdout)
    convert_speech(tmp_path / "x", tmp_path / "x.wav")
    assert len(samples_of(tmp_path / "x.wav")) > 4000
    (tmp_path / "x").write_bytes(spoken.stdout[:-1])
    with pytest.raises(AudioError, match="not a whole number of frames"):
        convert_speech(tmp_path / "x", tmp_path / "x.wav")
