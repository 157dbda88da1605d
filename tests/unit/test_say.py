"""`dialer say`: hear what subscribers will."""

import subprocess
import sys
import wave
from pathlib import Path

import pytest

DIALER = Path(sys.executable).with_name("dialer")


def say(tmp_path: Path, *arguments: str, settings: str = "") -> "subprocess.CompletedProcess[str]":
    config = tmp_path / "dialer.toml"
    config.write_text(f'[ami]\nsecret = "x"\n{settings}')
    command = [str(DIALER), "say", "--config", str(config), "--out", str(tmp_path / "out.wav"), *arguments]
    return subprocess.run(command, text=True, capture_output=True, check=False)


def length_s(tmp_path: Path) -> float:
    with wave.open(str(tmp_path / "out.wav")) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (8000, 1, 2)
        return float(sound.getnframes() / 8000)


def test_a_text_is_written_as_a_telephone_plays_it_and_who_spoke_is_said(tmp_path: Path) -> None:
    done = say(tmp_path, "Здравствуйте, <имя>! Ваш долг 1 250,50 руб.", "--param", "имя=Анна")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "read as: Здравствуйте, Анна! Ваш долг одна тысяча двести пятьдесят рублей пятьдесят копеек.\n"
        f"{tmp_path}/out.wav: spoken by rhvoice\n"
    )
    with_sum_s = length_s(tmp_path)
    assert say(tmp_path, "Здравствуйте, <имя>!").returncode == 0
    assert with_sum_s > length_s(tmp_path) + 2  # the sum takes its time in words


@pytest.mark.parametrize("engine", ["rhvoice", "espeak-ng"])
def test_an_engine_can_be_chosen(tmp_path: Path, engine: str) -> None:
    assert say(tmp_path, "Раз", "--engine", engine).stdout.endswith(f"spoken by {engine}\n")
    assert say(tmp_path, "Раз", settings=f'[tts]\nengine = "{engine}"').stdout.endswith(f"spoken by {engine}\n")


def test_when_the_preferred_voice_fails_the_next_one_speaks_and_why_is_said(tmp_path: Path) -> None:
    done = say(tmp_path, "Раз", settings='[tts.rhvoice]\nvoice = "nobody"')
    assert done.stdout.endswith("spoken by espeak-ng\n")
    assert "rhvoice has no voice nobody" in done.stderr


def test_what_cannot_be_spoken_is_an_error(tmp_path: Path) -> None:
    for text, arguments, reason in (
        ("...", (), "nothing to hear"),
        ("Раз", ("--engine", "yandex"), "needs [tts.yandex] api_key"),
        ("Раз", ("--out", "/nowhere/x.wav"), "No such file"),
        ("Раз", ("--param", "имя"), "NAME=VALUE expected"),
    ):
        done = say(tmp_path, text, *arguments)
        assert done.returncode in (1, 2)
        assert reason in done.stderr
    assert not (tmp_path / "out.wav").exists()


def test_wrong_settings_are_told(tmp_path: Path) -> None:
    done = say(tmp_path, "Раз", settings="[tts]\nvoice = 1")
    assert done.returncode == 78
    assert "tts.voice: no such setting; it is [tts.espeak_ng] voice now" in done.stderr


def test_neither_an_asterisk_nor_settings_are_needed(tmp_path: Path) -> None:
    config = tmp_path / "voices.toml"
    config.write_text('[tts]\nengine = "espeak-ng"')
    for arguments in (["--config", str(config)], []):
        command = [str(DIALER), "say", "Раз", "--out", str(tmp_path / "out.wav"), *arguments]
        assert subprocess.run(command, check=True, text=True, capture_output=True).stdout
