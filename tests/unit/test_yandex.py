"""The Yandex engine against a SpeechKit on loopback that checks what the service would."""

import asyncio
import socket
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tenacity import AsyncRetrying, RetryCallState

from dialer.model.flow import Voice
from dialer.speech import yandex
from dialer.speech.engines import EngineDownError, SpeechEngine, SpeechError
from dialer.speech.yandex import Yandex
from tests.rig.speechkit import API_KEY, FORM, PATH, RATES_HZ, Fault, SpeechKit, running_speechkit, speak
from tests.rig.waiting import wait_until

TEXT = "Здравствуйте, нажмите один & два + три."


@pytest.fixture
async def speechkit() -> AsyncIterator[SpeechKit]:
    async with running_speechkit() as service:
        yield service


@pytest.fixture
async def engine(speechkit: SpeechKit) -> AsyncIterator[Yandex]:
    made = Yandex(API_KEY, url=speechkit.url)
    yield made
    await made.close()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "spoken.wav"


async def failure_of(engine: Yandex, target: Path, text: str = TEXT) -> SpeechError:
    """The error of a synthesis, whose whole chain has been searched for the key."""
    with pytest.raises(SpeechError) as caught:
        await engine.synthesize(text, "ru-RU", target)
    assert not target.exists()
    chain: list[BaseException] = [caught.value]
    for error in chain:
        chain += [one for one in (error.__cause__, error.__context__) if one is not None and one not in chain]
        assert API_KEY not in f"{error} {error!r} {error.args!r} {vars(error)!r}"
    assert "yandex" in str(caught.value)
    return caught.value


async def test_a_text_becomes_an_8_khz_wav_and_another_text_another_one(engine: Yandex, tmp_path: Path) -> None:
    lengths: list[float] = []
    for text in ("Один.", "Два.", "Здравствуйте. Подтвердите, пожалуйста, запись к врачу на завтра."):
        target = tmp_path / f"{len(lengths)}.wav"
        await engine.synthesize(text, "ru-RU", target)
        with wave.open(str(target)) as sound:
            assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (8000, 1, 2)
            lengths.append(sound.getnframes() / 8000)
    assert 0.3 < lengths[0] < 2.0
    assert 3 * lengths[0] < lengths[2] < 10.0
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 3


async def test_what_is_asked_is_a_form_with_these_fields_and_no_others(speechkit: SpeechKit, target: Path) -> None:
    plain = Yandex(API_KEY, url=speechkit.url)
    full = Yandex(API_KEY, "b1gfolder", "filipp", female_voice="jane", male_voice="zahar", url=speechkit.url)
    await plain.synthesize(TEXT, "ru-RU", target)
    await full.synthesize(TEXT, "en-US", target)
    await full.synthesize(TEXT, "ru-RU", target, Voice.FEMALE)
    await full.synthesize(TEXT, "ru-RU", target, Voice.MALE)
    await plain.close()
    await full.close()
    for request in speechkit.requests:
        assert (request.method, request.path, request.content_type) == ("POST", PATH, FORM)
        assert request.authorization == f"Api-Key {API_KEY}"
    common = {"text": TEXT, "format": "lpcm", "sampleRateHertz": "8000"}
    assert [request.fields for request in speechkit.requests] == [
        {**common, "lang": "ru-RU", "voice": "alena"},
        {**common, "lang": "en-US", "voice": "filipp", "folderId": "b1gfolder"},
        {**common, "lang": "ru-RU", "voice": "jane", "folderId": "b1gfolder"},
        {**common, "lang": "ru-RU", "voice": "zahar", "folderId": "b1gfolder"},
    ]


async def test_a_woman_s_and_a_man_s_voice_are_asked_for_by_name_and_sound_different(
    engine: Yandex, speechkit: SpeechKit, tmp_path: Path
) -> None:
    for voice in Voice:
        await engine.synthesize(TEXT, "ru-RU", tmp_path / f"{voice.name}.wav", voice)
    asked = [request.fields["voice"] for request in speechkit.requests]
    assert asked == [engine.voice_for(voice) for voice in Voice] == ["alena", "alena", "filipp"]
    assert (tmp_path / "FEMALE.wav").read_bytes() != (tmp_path / "MALE.wav").read_bytes()


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault.TOO_MANY_REQUESTS, "429 TOO_MANY_REQUESTS: Quota exceeded"),
        (Fault.INTERNAL_ERROR, "500 INTERNAL_SERVER_ERROR: Internal error"),
        (Fault.BAD_GATEWAY, "502 <html>Bad gateway</html>"),
        (Fault.CUT, "ClientPayloadError"),
        (Fault.HANG_UP, "ServerDisconnectedError"),
    ],
)
async def test_what_may_pass_is_asked_three_times(
    fault: Fault, told: str, engine: Yandex, speechkit: SpeechKit, target: Path
) -> None:
    speechkit.fail_with(fault)
    error = await failure_of(engine, target)
    assert isinstance(error, EngineDownError)
    assert told in str(error)
    assert len(speechkit.requests) == 3
    speechkit.recover()
    speechkit.fail_with(fault, times=2)
    await engine.synthesize(TEXT, "ru-RU", target)
    assert len(speechkit.requests) == 6
    assert target.exists()


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault.UNAUTHORIZED, "401 UNAUTHORIZED: Unknown api key '***'"),
        (Fault.FORBIDDEN, "403 FORBIDDEN: Permission to folder denied"),
        (Fault.REDIRECT, "302"),
        (Fault.EMPTY, "empty reply"),
        (Fault.ODD, "not whole 16-bit samples"),
        (Fault.TEXT, "text/html in place of speech"),
        (Fault.HUGE, "reply of more than 20971520 bytes"),
    ],
)
async def test_what_will_not_pass_is_asked_once_and_the_engine_is_down(
    fault: Fault, told: str, engine: Yandex, speechkit: SpeechKit, target: Path
) -> None:
    speechkit.fail_with(fault)
    error = await failure_of(engine, target)
    assert isinstance(error, EngineDownError)
    assert told in str(error)
    assert len(speechkit.requests) == 1


async def test_a_refused_text_is_asked_once_and_the_engine_is_not_down(
    engine: Yandex, speechkit: SpeechKit, target: Path
) -> None:
    for text in ("", " "):
        error = await failure_of(engine, target, text)
        assert not isinstance(error, EngineDownError)
        assert "400 BAD_REQUEST: The text is empty" in str(error)
    assert len(speechkit.requests) == 2


async def test_a_text_of_5000_characters_is_asked_and_a_longer_one_is_not(speechkit: SpeechKit, target: Path) -> None:
    engine = Yandex(API_KEY, url=speechkit.url, timeout_s=30)
    error = await failure_of(engine, target, "я" * 5001)
    assert not isinstance(error, EngineDownError)
    assert "5001 characters" in str(error)
    assert speechkit.requests == []
    await engine.synthesize("да " * 1666 + "да", "ru-RU", target)
    assert [len(request.fields["text"]) for request in speechkit.requests] == [5000]
    await engine.close()


async def test_a_slow_service_is_asked_three_times_with_its_own_time_out_each(
    speechkit: SpeechKit, target: Path
) -> None:
    engine = Yandex(API_KEY, url=speechkit.url, timeout_s=0.3)
    speechkit.fail_with(Fault.SLOW)
    began = asyncio.get_running_loop().time()
    error = await failure_of(engine, target)
    took = asyncio.get_running_loop().time() - began
    assert isinstance(error, EngineDownError)
    assert "no answer within 0.3 s" in str(error)
    assert len(speechkit.requests) == 3
    assert 3 * 0.3 + 0.2 + 0.4 <= took < 5.0
    await engine.close()


async def test_a_service_that_is_not_there_is_down(target: Path) -> None:
    with socket.socket() as taken:  # bound and not listening: refuses
        taken.bind(("127.0.0.1", 0))
        engine = Yandex(API_KEY, url=f"http://127.0.0.1:{taken.getsockname()[1]}{PATH}")
        error = await failure_of(engine, target)
    assert isinstance(error, EngineDownError)
    assert "Cannot connect to host 127.0.0.1" in str(error)
    await engine.close()


async def test_what_is_no_http_at_all_is_down(target: Path) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"220 smtp ready " + API_KEY.encode() + b"\r\n")
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        engine = Yandex(API_KEY, url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        assert isinstance(await failure_of(engine, target), EngineDownError)
        await engine.close()


async def test_an_address_that_is_none_is_down(target: Path) -> None:
    engine = Yandex(API_KEY, url="http://:x/")
    assert isinstance(await failure_of(engine, target), EngineDownError)
    await engine.close()


@pytest.mark.parametrize("key", ["", " ", f"{API_KEY}\n", f"{API_KEY}\r\nX-More: 1", f"{API_KEY} ", "ключ"])
async def test_a_key_that_no_header_can_carry_is_told_without_asking(
    key: str, speechkit: SpeechKit, target: Path
) -> None:
    engine = Yandex(key, url=speechkit.url)
    error = await failure_of(engine, target)
    assert isinstance(error, EngineDownError)
    assert "api_key" in str(error)
    assert speechkit.requests == []


async def test_a_wrong_key_or_path_is_down_and_a_wrong_voice_is_told(speechkit: SpeechKit, target: Path) -> None:
    engines = (
        (Yandex("AQVNother", url=speechkit.url), "401 UNAUTHORIZED"),
        (Yandex(API_KEY, url=speechkit.url + "/x"), "404 NOT_FOUND"),
        (Yandex(API_KEY, voice="nobody", url=speechkit.url), "400 BAD_REQUEST: Unsupported voice: nobody"),
        (Yandex(API_KEY, "b" * 51, url=speechkit.url), "400 BAD_REQUEST: folderId is too long"),
    )
    for engine, told in engines:
        assert told in str(await failure_of(engine, target))
        await engine.close()


async def test_a_cancelled_synthesis_writes_nothing(engine: Yandex, speechkit: SpeechKit, target: Path) -> None:
    speechkit.fail_with(Fault.SLOW)
    task = asyncio.create_task(engine.synthesize(TEXT, "ru-RU", target))
    await wait_until(lambda: speechkit.requests, "request")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    speechkit.recover()
    assert not target.exists()
    await engine.synthesize(TEXT, "ru-RU", target)
    assert target.exists()


async def test_ten_texts_at_once_and_speech_after_a_close(engine: Yandex, tmp_path: Path) -> None:
    assert engine.at_once == 10
    targets = [tmp_path / f"{index}.wav" for index in range(10)]
    await asyncio.gather(*(engine.synthesize(path.stem, "ru-RU", path) for path in targets))
    assert len({path.read_bytes() for path in targets}) == 10
    await engine.close()
    await engine.close()
    await engine.synthesize("Раз", "ru-RU", tmp_path / "after.wav")


def test_it_reads_russian_speaks_whatever_the_service_does_and_shows_no_key() -> None:
    engine: SpeechEngine = Yandex(API_KEY, url="http://127.0.0.1/")
    assert (engine.name, engine.voice_for(Voice.ANY), engine.reads_russian) == ("yandex", "alena", True)
    assert engine.speaks("ru-RU")
    assert engine.speaks("tt-RU")
    assert API_KEY not in f"{engine} {engine!r}"


def test_the_pauses_between_tries_are_short_and_not_all_alike() -> None:
    state = RetryCallState(AsyncRetrying(), None, (), {})
    for attempt, least in ((1, 0.2), (2, 0.4)):
        state.attempt_number = attempt
        pauses = {yandex.PAUSE(state) for _ in range(100)}
        assert len(pauses) > 1
        assert all(least <= pause <= least + 0.2 for pause in pauses)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_the_fake_service_speaks_at_every_rate(rate_hz: int) -> None:
    seconds = len(speak("Здравствуйте", "ru-RU", "alena", rate_hz)) / 2 / rate_hz
    assert seconds == pytest.approx(len(speak("Здравствуйте", "ru-RU", "alena", 8000)) / 16000, abs=0.01)
