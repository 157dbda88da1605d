"""Prompts with the real espeak-ng."""

import asyncio
import wave
from pathlib import Path

import pytest

from dialer.model.flow import Prompt
from dialer.speech.engines import EspeakNg, SpeechError
from dialer.speech.prompts import PromptError, PromptLibrary


class CountingEngine(EspeakNg):
    def __init__(self) -> None:
        super().__init__()
        self.spoken: list[str] = []

    async def synthesize(self, text: str, lang: str, target: Path) -> None:
        self.spoken.append(text)
        await super().synthesize(text, lang, target)


def library(tmp_path: Path, engine: EspeakNg | None = None) -> PromptLibrary:
    made = PromptLibrary(tmp_path, engine or EspeakNg())
    made.set_up()
    return made


async def test_a_text_becomes_what_asterisk_plays_without_transcoding(tmp_path: Path) -> None:
    path = await library(tmp_path).fetch(Prompt("Здравствуйте, нажмите один."))
    with wave.open(str(path)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (8000, 1, 2)
        assert 1.0 < sound.getnframes() / 8000 < 6.0


async def test_simultaneous_requests_speak_once_and_later_ones_not_again(tmp_path: Path) -> None:
    engine = CountingEngine()
    prompts = library(tmp_path, engine)
    paths = await asyncio.gather(*(prompts.fetch(Prompt("Раз")) for _ in range(10)))
    assert len(set(paths)) == 1
    await library(tmp_path, engine).fetch(Prompt("Раз"))
    assert engine.spoken == ["Раз"]
    assert [path.suffix for path in (tmp_path / "prompts").iterdir()] == [".wav"]


@pytest.mark.parametrize("text", ["-v /etc/passwd", "$(reboot); `id`", '"Кавычки" & <b>знаки</b>', "две\nстроки"])
async def test_a_text_is_never_an_option_or_a_command(tmp_path: Path, text: str) -> None:
    assert (await library(tmp_path).fetch(Prompt(text))).exists()


async def test_what_cannot_be_spoken_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    for prompt in (Prompt("один", lang="xx-XX"), Prompt("...")):
        with pytest.raises(PromptError):
            await library(tmp_path).fetch(prompt)
    assert list((tmp_path / "prompts").iterdir()) == []


async def test_a_missing_engine_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SpeechError, match="not installed"):
        await EspeakNg().synthesize("раз", "ru-RU", tmp_path / "x.wav")


async def test_files_outside_the_allowed_folders_and_what_is_no_wav_are_refused(tmp_path: Path) -> None:
    prompts = library(tmp_path / "audio")
    outside = tmp_path / "outside.wav"
    outside.write_bytes(b"RIFF")
    link = tmp_path / "audio" / "link.wav"
    link.symlink_to(outside)
    junk = tmp_path / "audio" / "junk.wav"
    junk.write_bytes(b"not a wav" * 100)
    for path in (outside, link, tmp_path / "audio" / ".." / "outside.wav"):
        with pytest.raises(PromptError, match="allowed folder"):
            prompts.check_file(str(path))
    with pytest.raises(PromptError, match="no such file"):
        prompts.check_file(str(tmp_path / "audio" / "none.wav"))
    for strange in (b"RIFF\0\0\0\0WAVEfmt ", b"RIFF" + b"\0" * 100, b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0" + b"\0" * 40):
        junk.write_bytes(strange)
        with pytest.raises(PromptError):
            await prompts.fetch(Prompt(file=str(junk)))
    junk.write_bytes(b"not a wav" * 100)
    with pytest.raises(PromptError, match="not a WAV"):
        await prompts.fetch(Prompt(file=str(junk)))
