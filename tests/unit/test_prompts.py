"""The prompt library with the real espeak-ng: made once, kept whole, never silent."""

import asyncio
import errno
import hashlib
import os
import shutil
import wave
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from dialer.model.flow import Prompt, PromptError, Voice
from dialer.speech.cache import IN_USE_S, PromptCache
from dialer.speech.chain import FAILURES_TO_REST, REST_S, EngineChain
from dialer.speech.engines import EngineDownError, SpeechEngine, SpeechError
from dialer.speech.local import EspeakNg
from dialer.speech.prompts import PromptLibrary
from dialer.speech.uploads import Uploads
from tests.rig.waiting import wait_until


class Counting(EspeakNg):
    """espeak-ng under another name, which counts and fails as told."""

    def __init__(
        self, name: str = "counting", error: SpeechError | None = None, voice: str = "", female_voice: str = "+f2"
    ) -> None:
        super().__init__(voice, female_voice=female_voice)
        self.name = name
        self.error = error
        self.spoken: list[str] = []
        self.now = self.most_at_once = 0
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def synthesize(self, text: str, lang: str, target: Path, voice: Voice = Voice.ANY) -> None:
        self.spoken.append(text)
        self.now += 1
        self.most_at_once = max(self.most_at_once, self.now)
        try:
            await self.may_go_on.wait()
            if self.error:
                raise self.error
            await super().synthesize(text, lang, target, voice)
        finally:
            self.now -= 1


class Parrot(Counting):
    """Speaks once, and says the same of every text."""

    def __init__(self, said: Path) -> None:
        super().__init__()
        self.said = said

    async def synthesize(self, text: str, lang: str, target: Path, voice: Voice = Voice.ANY) -> None:
        self.now += 1
        self.most_at_once = max(self.most_at_once, self.now)
        await asyncio.to_thread(shutil.copyfile, self.said, target)
        self.now -= 1


class Silent(Counting):
    """Writes a sound with nothing to hear in it."""

    async def synthesize(self, text: str, lang: str, target: Path, voice: Voice = Voice.ANY) -> None:
        self.spoken.append(text)
        with wave.open(str(target), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(22_050)
            sound.writeframes(bytes(22_050))


def library(
    tmp_path: Path,
    *engines: SpeechEngine,
    chain: EngineChain | None = None,
    max_mb: float = 100,
    max_age_s: float = 1e6,
) -> PromptLibrary:
    cache = PromptCache(tmp_path / "prompts", int(max_mb * 1_000_000), max_age_s)
    uploads = Uploads(tmp_path)
    made = PromptLibrary(cache, chain or EngineChain(engines or [EspeakNg()]), uploads, [tmp_path])
    made.set_up()
    return made


def size_of(tmp_path: Path) -> int:
    size = 0
    for path in (tmp_path / "prompts").glob("*.wav"):
        with suppress(FileNotFoundError):  # what is too much is being removed
            size += path.stat().st_size
    return size


def names(tmp_path: Path) -> Sequence[str]:
    return [path.suffix for path in (tmp_path / "prompts").iterdir()]


async def test_a_text_becomes_what_asterisk_plays_without_transcoding(tmp_path: Path) -> None:
    path = await library(tmp_path).fetch(Prompt("Здравствуйте, нажмите один."))
    with wave.open(str(path)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (8000, 1, 2)
        assert 1.0 < sound.getnframes() / 8000 < 6.0


async def test_simultaneous_requests_speak_once_and_later_ones_not_again(tmp_path: Path) -> None:
    engine = Counting()
    prompts = library(tmp_path, engine)
    paths = await asyncio.gather(*(prompts.fetch(Prompt("Раз")) for _ in range(10)))
    assert len(set(paths)) == 1
    await library(tmp_path, engine).fetch(Prompt("Раз"))
    assert engine.spoken == ["Раз"]
    assert set(names(tmp_path)) == {".wav"}


async def test_text_language_voice_and_engine_make_a_prompt_another(tmp_path: Path) -> None:
    paths = [
        await library(tmp_path, engine).fetch(Prompt(text, lang=lang))
        for engine, text, lang in (
            (Counting(), "раз", "ru-RU"),
            (Counting(), "два", "ru-RU"),
            (Counting(), "раз", "en-US"),
            (Counting("other"), "раз", "ru-RU"),
            (Counting(voice="ru+f3"), "раз", "ru-RU"),
        )
    ]
    assert len(set(paths)) == 5


async def test_whose_voice_is_asked_for_makes_a_prompt_another_also_while_it_is_made(tmp_path: Path) -> None:
    engine = Counting()
    prompts = library(tmp_path, engine)
    wanted = [Prompt("Раз", voice=voice) for voice in Voice] * 2
    paths = await asyncio.gather(*(prompts.fetch(prompt, patience_s=5) for prompt in wanted))
    assert engine.spoken == ["Раз"] * 3
    assert len({path.read_bytes() for path in paths}) == 3
    assert paths[:3] == paths[3:]


async def test_what_was_spoken_before_there_were_voices_to_ask_for_is_still_played(tmp_path: Path) -> None:
    spoken = await library(tmp_path).fetch(Prompt("Раз"))
    key = "\0".join(("text", "1", "espeak-ng", "", "ru-RU", "Раз"))
    assert spoken.stem == hashlib.sha256(key.encode()).hexdigest()[:32]


async def test_a_text_is_kept_under_the_voice_that_spoke_it_in_the_end(tmp_path: Path) -> None:
    engine = Counting(female_voice="nobody")
    prompts = library(tmp_path, engine)
    usual = await prompts.fetch(Prompt("Раз", voice=Voice.FEMALE))
    assert await prompts.fetch(Prompt("Раз", voice=Voice.FEMALE)) == await prompts.fetch(Prompt("Раз")) == usual
    assert len(names(tmp_path)) == 1


@pytest.mark.parametrize("error", [SpeechError("not this text"), EngineDownError("HTTP 500")])
async def test_the_next_engine_speaks_when_one_fails_and_the_failure_is_counted(
    tmp_path: Path, error: SpeechError
) -> None:
    first, second = Counting("first", error), Counting("second")
    chain = EngineChain([first, second])
    assert (await library(tmp_path, chain=chain).fetch(Prompt("Раз"))).exists()
    assert second.spoken == ["Раз"]
    report = chain.report()
    assert (report["first"]["failed"], report["first"]["last_error"]) == (1, str(error))
    assert report["second"]["spoken"] == 1


async def test_near_empty_audio_is_a_failure(tmp_path: Path) -> None:
    silent, second = Silent("silent"), Counting("second")
    chain = EngineChain([silent, second])
    await library(tmp_path, chain=chain).fetch(Prompt("Раз"))
    assert chain.report()["silent"]["failed"] == 1
    assert second.spoken == ["Раз"]


async def test_an_engine_that_does_not_work_is_left_alone_for_a_while_and_speaks_again(tmp_path: Path) -> None:
    now_s = 1000.0
    first, second = Counting("first", EngineDownError("away")), Counting("second")
    chain = EngineChain([first, second], clock=lambda: now_s)
    prompts = library(tmp_path, chain=chain)
    for text in ("раз", "два", "три"):
        await prompts.fetch(Prompt(text))
    assert first.spoken == ["раз"]
    assert chain.report()["first"]["resting"]
    now_s += REST_S[0] + 1
    await prompts.fetch(Prompt("четыре"))
    now_s += REST_S[0] + 1
    await prompts.fetch(Prompt("пять"))  # rests longer after a second failure
    assert first.spoken == ["раз", "четыре"]
    now_s += REST_S[1]
    first.error = None
    await prompts.fetch(Prompt("шесть"))
    assert first.spoken == ["раз", "четыре", "шесть"]
    assert not chain.report()["first"]["resting"]


async def test_a_text_that_an_engine_cannot_speak_does_not_put_it_to_rest(tmp_path: Path) -> None:
    first, second = Counting("first", SpeechError("too long")), Counting("second")
    prompts = library(tmp_path, first, second)
    for text in ("раз", "два"):
        await prompts.fetch(Prompt(text))
    assert first.spoken == ["раз", "два"]


async def test_when_nobody_can_speak_every_reason_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    prompts = library(tmp_path, Counting("first", SpeechError("one")), Counting("second", EngineDownError("two")))
    before = names(tmp_path)
    with pytest.raises(PromptError, match="one; two"):
        await prompts.fetch(Prompt("Раз"))
    assert names(tmp_path) == before


async def test_a_prompt_that_is_not_ready_in_time_is_spoken_by_another_engine_and_by_the_first_later(
    tmp_path: Path,
) -> None:
    slow, quick = Counting("slow"), Counting("quick")
    slow.may_go_on.clear()
    prompts = library(tmp_path, slow, quick)
    at_once = await prompts.fetch(Prompt("Раз"), patience_s=0.01)
    assert quick.spoken == ["Раз"]
    again = await prompts.fetch(Prompt("Раз"), patience_s=0.01)
    assert again == at_once
    assert (slow.spoken, quick.spoken) == (["Раз"], ["Раз"])
    slow.may_go_on.set()
    assert await prompts.fetch(Prompt("Раз")) != at_once
    assert await prompts.fetch(Prompt("Раз"), patience_s=0.01) != at_once


async def test_what_an_engine_has_spoken_is_played_while_it_rests(tmp_path: Path) -> None:
    first, second = Counting("first"), Counting("second")
    prompts = library(tmp_path, first, second)
    spoken = await prompts.fetch(Prompt("раз"))
    first.error = EngineDownError("away")
    await prompts.fetch(Prompt("два"))
    assert await prompts.fetch(Prompt("раз"), patience_s=5) == spoken
    assert second.spoken == ["два"]


async def test_while_an_engine_is_doubtful_nobody_waits_for_it_where_another_has_spoken(tmp_path: Path) -> None:
    now_s = 0.0
    first, second = Counting("first", EngineDownError("away")), Counting("second")
    prompts = library(tmp_path, chain=EngineChain([first, second], clock=lambda: now_s))
    spoken = await prompts.fetch(Prompt("раз"))
    now_s += REST_S[0] + 1
    first.error = None
    first.may_go_on.clear()
    assert await prompts.fetch(Prompt("раз")) == spoken  # returns although the first engine hangs
    await wait_until(lambda: first.now == 1, "the first engine is tried again meanwhile", 5)
    first.may_go_on.set()
    await wait_until(lambda: not prompts._making, "it has spoken", 5)
    assert await prompts.fetch(Prompt("раз")) != spoken


async def test_texts_that_wait_for_an_engine_are_spoken_by_another_when_it_goes_to_rest(tmp_path: Path) -> None:
    first, second = Counting("first", EngineDownError("away")), Counting("second")
    first.may_go_on.clear()
    prompts = library(tmp_path, first, second)
    fetching = [asyncio.create_task(prompts.fetch(Prompt(f"текст {number}"))) for number in range(20)]
    await wait_until(lambda: first.now == first.at_once, "the first texts are with the first engine", 5)
    first.may_go_on.set()
    await asyncio.gather(*fetching)
    assert len(first.spoken) == first.at_once
    assert len(second.spoken) == 20


async def test_an_engine_that_cannot_speak_text_after_text_rests_too(tmp_path: Path) -> None:
    first, second = Counting("first", SpeechError("crashed")), Counting("second")
    prompts = library(tmp_path, first, second)
    for number in range(FAILURES_TO_REST + 2):
        await prompts.fetch(Prompt(f"текст {number}"))
    assert len(first.spoken) == FAILURES_TO_REST


async def test_who_has_answered_does_not_wait_behind_those_who_ring(tmp_path: Path) -> None:
    only = Counting("only")
    only.may_go_on.clear()
    prompts = library(tmp_path, only)
    ringing = [asyncio.create_task(prompts.fetch(Prompt(f"звонит {number}"))) for number in range(20)]
    await wait_until(lambda: only.now == only.at_once, "the engine is busy", 5)
    answered = asyncio.create_task(prompts.fetch(Prompt("ответил"), patience_s=0.01))
    await wait_until(lambda: "ответил" in only.spoken, "spoken past all that wait", 5)
    only.may_go_on.set()
    await asyncio.gather(answered, *ringing)


async def test_when_the_stand_in_fails_the_first_engine_is_waited_for_and_the_other_way_round(tmp_path: Path) -> None:
    slow, broken = Counting("slow"), Counting("broken", SpeechError("no"))
    slow.may_go_on.clear()
    prompts = library(tmp_path, slow, broken)
    fetching = asyncio.create_task(prompts.fetch(Prompt("раз"), patience_s=0.01))
    await wait_until(lambda: broken.spoken == ["раз"], "the stand-in was asked", 5)
    slow.may_go_on.set()
    assert (await fetching).exists()
    slow.error, slow.now = EngineDownError("late"), 0
    slow.may_go_on.clear()
    broken.error = None
    broken.may_go_on.clear()
    fetching = asyncio.create_task(prompts.fetch(Prompt("два"), patience_s=0.01))
    await wait_until(lambda: broken.now == 1, "the stand-in is at work", 5)
    slow.may_go_on.set()
    await wait_until(lambda: slow.now == 0, "the first engine has failed", 5)
    broken.may_go_on.set()
    assert (await fetching).exists()


async def test_a_text_that_nobody_would_listen_to_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="5000 characters at most"):
        await library(tmp_path).fetch(Prompt("а" * 5001))


async def test_nothing_is_begun_after_the_end(tmp_path: Path) -> None:
    engine = Counting()
    engine.may_go_on.clear()
    prompts = library(tmp_path, engine)
    fetching = asyncio.create_task(prompts.fetch(Prompt("раз")))
    await wait_until(lambda: engine.now == 1, "the engine is at work", 5)
    await prompts.close()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    with pytest.raises(PromptError, match="stops"):
        await prompts.fetch(Prompt("два"))
    assert engine.spoken == ["раз"]


async def test_what_was_asked_for_just_now_is_never_removed(tmp_path: Path) -> None:
    prompts = library(tmp_path, max_mb=0.01)
    paths = [await prompts.fetch(Prompt(f"Довольно длинный текст номер {number}")) for number in range(3)]
    prompts._cache.prune()
    assert all(path.exists() for path in paths)
    long_ago_s = paths[0].stat().st_mtime - 2 * IN_USE_S
    for path in paths:
        os.utime(path, (long_ago_s, long_ago_s))
    await prompts.fetch(Prompt("Довольно длинный текст номер 1"))
    prompts._cache.prune()
    assert [path.exists() for path in paths] == [False, True, False]
    assert prompts.tone().exists()


async def test_a_disk_that_only_reads_plays_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = await library(tmp_path).fetch(Prompt("Раз"))
    prompts = library(tmp_path)

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "utime", refuse)
    assert await prompts.fetch(Prompt("Раз")) == path


async def test_a_recording_is_not_played_to_others(tmp_path: Path) -> None:
    cache = PromptCache(tmp_path / "prompts", 10_000_000, 1e6)
    private = tmp_path / "recordings"
    prompts = PromptLibrary(cache, EngineChain([EspeakNg()]), Uploads(tmp_path), [tmp_path], private_dirs=[private])
    prompts.set_up()
    private.mkdir()
    (private / "talk.wav").write_bytes((await prompts.fetch(Prompt("Раз"))).read_bytes())
    with pytest.raises(PromptError, match="recording"):
        await prompts.fetch(Prompt(file=str(private / "talk.wav")))


async def test_a_thousand_texts_are_spoken_a_few_at_a_time(tmp_path: Path) -> None:
    await EspeakNg().synthesize("Здравствуйте", "ru-RU", tmp_path / "said.wav")
    engine = Parrot(tmp_path / "said.wav")
    prompts = library(tmp_path, engine)
    texts = [f"Здравствуйте, абонент {number}" for number in range(1000)]
    before_kb = resident_kb()
    paths = await asyncio.gather(*(prompts.fetch(Prompt(text)) for text in texts))
    grown_mb = (resident_kb() - before_kb) / 1000
    print(f"1000 texts: {engine.most_at_once} at a time, {grown_mb:.0f} MB more")
    assert len(set(paths)) == 1000
    assert engine.most_at_once == engine.at_once
    assert grown_mb < 150  # the library that reads numbers is 50 of it


async def test_what_a_crash_left_half_written_is_made_anew(tmp_path: Path) -> None:
    engine = Counting()
    path = await library(tmp_path, engine).fetch(Prompt("Раз"))
    whole = path.read_bytes()
    for rest in (b"", whole[:20], whole[:-100], bytes(len(whole))):
        path.write_bytes(rest)
        (tmp_path / "prompts" / "1f.part").write_bytes(b"half")
        assert (await library(tmp_path, engine).fetch(Prompt("Раз"))).read_bytes() == whole
        assert set(names(tmp_path)) == {".wav"}
    assert len(engine.spoken) == 5


async def test_the_cache_keeps_its_size_and_loses_what_was_used_longest_ago(tmp_path: Path) -> None:
    prompts = library(tmp_path, max_mb=0.2)
    keeper = asyncio.create_task(prompts._cache.keep())
    texts = [f"Довольно длинный текст, чтобы занять место, номер {number}" for number in range(8)]
    paths = []
    for age, text in enumerate(texts):
        paths.append(await prompts.fetch(Prompt(text)))
        old_s = paths[-1].stat().st_mtime - IN_USE_S * 2 + age
        os.utime(paths[-1], (old_s, old_s))
    await prompts.fetch(Prompt(texts[0]))  # used now
    await prompts.fetch(Prompt("И ещё один текст, из-за которого места не хватит совсем"))
    await wait_until(lambda: size_of(tmp_path) <= 200_000, "the cache is within its bounds", 5)
    keeper.cancel()
    assert not paths[1].exists()
    assert paths[0].exists()
    assert paths[-1].exists()


async def test_what_nobody_asked_for_in_a_long_time_goes(tmp_path: Path) -> None:
    prompts = library(tmp_path, max_age_s=5000)
    old, new = [await prompts.fetch(Prompt(text)) for text in ("старый", "новый")]
    long_ago_s = old.stat().st_mtime - 6000
    os.utime(old, (long_ago_s, long_ago_s))
    library(tmp_path, max_age_s=5000)
    assert (old.exists(), new.exists()) == (False, True)


async def test_a_file_is_played_by_its_uploaded_name_or_full_path_and_anything_else_refused(tmp_path: Path) -> None:
    prompts = library(tmp_path / "audio")
    spoken = await prompts.fetch(Prompt("Раз"))
    (tmp_path / "audio" / "uploads").mkdir(exist_ok=True)
    Uploads(tmp_path / "audio").path_of("вопрос.wav").write_bytes(spoken.read_bytes())
    own = tmp_path / "audio" / "свой.wav"
    own.write_bytes(spoken.read_bytes())
    for reference in ("вопрос.wav", str(own)):
        assert (await prompts.fetch(Prompt(file=reference))).parent == tmp_path / "audio" / "prompts"
    outside = tmp_path / "outside.wav"
    outside.write_bytes(spoken.read_bytes())
    (tmp_path / "audio" / "link.wav").symlink_to(outside)
    for reference, reason in (
        (str(outside), "allowed folder"),
        (str(tmp_path / "audio" / "link.wav"), "allowed folder"),
        (str(tmp_path / "audio" / ".." / "outside.wav"), "allowed folder"),
        (str(tmp_path / "audio" / "none.wav"), "no such file"),
        (str(tmp_path / "audio" / ("ы" * 300)), "too long"),
        ("нет.wav", "no uploaded file"),
        ("../outside.wav", "full path"),
        ("a\0b", "NUL"),
    ):
        with pytest.raises(PromptError, match=reason):
            await prompts.fetch(Prompt(file=reference))


async def test_a_file_replaced_under_the_same_name_is_heard_at_once_and_the_old_one_stays_for_who_hears_it(
    tmp_path: Path,
) -> None:
    prompts = library(tmp_path)
    own = tmp_path / "own.wav"
    own.write_bytes((await prompts.fetch(Prompt("Раз"))).read_bytes())
    old = await prompts.fetch(Prompt(file=str(own)))
    own.write_bytes((await prompts.fetch(Prompt("Два, три, четыре"))).read_bytes())
    new = await prompts.fetch(Prompt(file=str(own)))
    assert old.exists()
    assert new.stat().st_size > old.stat().st_size


async def test_a_file_played_before_is_found_by_one_look_and_a_link_that_leads_elsewhere_since_is_looked_at_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = library(tmp_path / "audio")
    spoken = await prompts.fetch(Prompt("Раз"))
    own, link, outside = tmp_path / "audio" / "own.wav", tmp_path / "audio" / "link.wav", tmp_path / "outside.wav"
    own.write_bytes(spoken.read_bytes())
    outside.write_bytes(spoken.read_bytes())
    link.symlink_to(own)
    first = await prompts.fetch(Prompt(file=str(link)))
    with monkeypatch.context() as patched:
        patched.setattr(prompts, "check_file", None)
        assert await prompts.fetch(Prompt(file=str(link))) == first
    link.unlink()
    link.symlink_to(outside)
    with pytest.raises(PromptError, match="allowed folder"):
        await prompts.fetch(Prompt(file=str(link)))
    link.unlink()
    with pytest.raises(PromptError, match="no such file"):
        await prompts.fetch(Prompt(file=str(link)))


async def test_the_text_is_spoken_when_its_file_cannot_be_played(tmp_path: Path) -> None:
    engine = Counting()
    prompts = library(tmp_path, engine)
    assert (await prompts.fetch(Prompt("Раз", "none.mp3"))).exists()
    assert engine.spoken == ["Раз"]


def resident_kb() -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1])
