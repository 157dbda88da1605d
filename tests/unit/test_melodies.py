"""The melodies behind Asterisk's classes of music on hold: same sound, same place; nobody hears half of one."""

import asyncio
import configparser
import errno
import os
import shutil
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dialer.compose.speech import build_cache, build_prompts
from dialer.config import default_settings
from dialer.model.flow import Prompt, PromptError
from dialer.speech.cache import PromptCache
from dialer.speech.chain import EngineChain
from dialer.speech.local import EspeakNg
from dialer.speech.melodies import CLASS, IN_USE_S, PLACES, Melodies
from dialer.speech.prompts import PromptLibrary
from dialer.speech.uploads import Uploads

CLASSES = Path(__file__).resolve().parents[2] / "dialplan" / "musiconhold_autodialer.conf"


def sound(folder: Path, level: int) -> Path:
    path = folder / f"sound-{level}.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(level.to_bytes(2, "little") * 800)
    return path


def melodies(tmp_path: Path, places: int = 3) -> Melodies:
    made = Melodies(tmp_path / "melodies", places)
    made.set_up()
    return made


def heard(tmp_path: Path, name: str) -> bytes:
    """What Asterisk plays for a class: the file of its entry."""
    return (tmp_path / "melodies" / f"{name.removeprefix(CLASS)}.wav").read_bytes()


def make_older(tmp_path: Path, by_s: float) -> None:
    for path in (tmp_path / "melodies").glob("*.wav"):
        if not path.is_symlink():
            used_ns = path.stat().st_mtime_ns - int(by_s * 1e9)
            os.utime(path, ns=(used_ns, used_ns))


def test_each_sound_has_a_place_and_the_same_sound_the_same_one(tmp_path: Path) -> None:
    places = melodies(tmp_path)
    first, second = sound(tmp_path, 1), sound(tmp_path, 2)
    copy = tmp_path / "copy.wav"
    shutil.copyfile(first, copy)
    assert [places.place(path) for path in (first, second, copy, second)] == [
        "autodialer-1",
        "autodialer-2",
        "autodialer-1",
        "autodialer-2",
    ]
    assert heard(tmp_path, "autodialer-1") == first.read_bytes()
    assert heard(tmp_path, "autodialer-2") == second.read_bytes()


def test_when_all_places_are_taken_the_one_used_longest_ago_changes(tmp_path: Path) -> None:
    places = melodies(tmp_path)
    for level in (1, 2, 3):
        places.place(sound(tmp_path, level))
    make_older(tmp_path, IN_USE_S + 1)
    places.place(sound(tmp_path, 1))
    assert places.place(sound(tmp_path, 4)) == "autodialer-2"
    assert places.place(sound(tmp_path, 5)) == "autodialer-3"
    with pytest.raises(OSError, match="more than 3 melodies are in use"):  # somebody may be hearing each of them
        places.place(sound(tmp_path, 6))
    for place, level in ((1, 1), (2, 4), (3, 5)):
        assert heard(tmp_path, f"autodialer-{place}") == sound(tmp_path, level).read_bytes()
    assert len(list((tmp_path / "melodies").iterdir())) == 6


def test_who_hears_a_sound_when_its_place_changes_hears_it_to_its_end(tmp_path: Path) -> None:
    places = melodies(tmp_path, 1)
    first = sound(tmp_path, 1)
    name = places.place(first)
    with (tmp_path / "melodies" / "1.wav").open("rb") as playing:
        beginning = playing.read(100)
        make_older(tmp_path, IN_USE_S + 1)
        assert places.place(sound(tmp_path, 2)) == name
        assert beginning + playing.read() == first.read_bytes()


def test_a_restart_finds_what_is_there_and_removes_what_a_crash_left(tmp_path: Path) -> None:
    before = melodies(tmp_path)
    for level in (1, 2):
        before.place(sound(tmp_path, level))
    folder = tmp_path / "melodies"
    kept = set(folder.iterdir())
    (folder / "1f.part").write_bytes(b"half")
    (folder / "2f.part").symlink_to("nothing")
    shutil.copyfile(sound(tmp_path, 9), folder / ("0" * 64 + ".wav"))
    again = melodies(tmp_path)
    assert set(folder.iterdir()) == kept
    assert again.place(sound(tmp_path, 2)) == "autodialer-2"
    assert again.place(sound(tmp_path, 3)) == "autodialer-3"


def test_a_place_whose_sound_somebody_removed_is_free_again(tmp_path: Path) -> None:
    places = melodies(tmp_path)
    first = sound(tmp_path, 1)
    places.place(first)
    next(path for path in (tmp_path / "melodies").iterdir() if not path.is_symlink()).unlink()
    assert places.place(sound(tmp_path, 2)) == "autodialer-1"
    (tmp_path / "melodies" / "2.wav").write_bytes(b"somebody's own")
    assert places.place(first) == "autodialer-2"
    assert heard(tmp_path, "autodialer-2") == first.read_bytes()


def test_many_threads_give_each_sound_one_place(tmp_path: Path) -> None:
    places = melodies(tmp_path, 10)
    sounds = [sound(tmp_path, level) for level in range(10)] * 5
    with ThreadPoolExecutor(8) as threads:
        names = list(threads.map(places.place, sounds))
    assert len(set(names)) == 10
    assert names == names[:10] * 5
    assert [heard(tmp_path, name) for name in names] == [path.read_bytes() for path in sounds]


def test_a_full_disk_changes_nothing_that_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = melodies(tmp_path, 1)
    first = sound(tmp_path, 1)
    places.place(first)
    make_older(tmp_path, IN_USE_S + 1)
    before = set((tmp_path / "melodies").iterdir())

    def refuse(_: Path, target: Path) -> None:
        target.write_bytes(b"RIFF")
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    monkeypatch.setattr(shutil, "copyfile", refuse)
    with pytest.raises(OSError, match="No space left"):
        places.place(sound(tmp_path, 2))
    assert set((tmp_path / "melodies").iterdir()) == before
    assert heard(tmp_path, "autodialer-1") == first.read_bytes()


def test_asterisk_has_a_class_for_each_place_that_plays_its_file() -> None:
    parser = configparser.ConfigParser(comment_prefixes=(";",))
    lines = CLASSES.read_text().replace("(autodialer-melody)", "").replace("(!)", "")
    parser.read_string(lines)
    folder = default_settings().audio.dir / "melodies"
    assert {name: dict(parser[name]) for name in parser.sections()} == {
        "autodialer-melody": {"mode": "playlist"},
        **{f"{CLASS}{place}": {"entry": str(folder / str(place))} for place in range(1, PLACES + 1)},
    }


async def test_a_melody_is_a_class_that_plays_the_prompt(tmp_path: Path) -> None:
    settings = default_settings()
    settings = settings.model_copy(update={"audio": settings.audio.model_copy(update={"dir": tmp_path})})
    prompts = build_prompts(settings, EngineChain([EspeakNg()]), build_cache(settings), Uploads(tmp_path))
    prompts.set_up()
    text, other = Prompt("Ждите, вас соединяют"), Prompt("Ждите ещё")
    assert await asyncio.gather(*(prompts.melody(text) for _ in range(5))) == ["autodialer-1"] * 5
    assert await prompts.melody(other) == "autodialer-2"
    assert heard(tmp_path, "autodialer-1") == (await prompts.fetch(text)).read_bytes()
    own = tmp_path / "own.wav"
    shutil.copyfile(sound(tmp_path, 3000), own)
    assert await prompts.melody(Prompt(file=str(own))) == "autodialer-3"
    await prompts.close()


async def test_what_cannot_be_a_melody_is_a_prompt_error(tmp_path: Path) -> None:
    cache = PromptCache(tmp_path / "prompts", 10_000_000, 1e6)
    prompts = PromptLibrary(cache, EngineChain([EspeakNg()]), Uploads(tmp_path))
    prompts.set_up()
    with pytest.raises(PromptError, match="no uploaded file"):
        await prompts.melody(Prompt(file="none.mp3"))
    shutil.rmtree(tmp_path / "melodies")
    with pytest.raises(PromptError, match="No such file"):
        await prompts.melody(Prompt("Ждите"))
    await prompts.close()
