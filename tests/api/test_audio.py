"""/audio with the real store, real uploads, curl and aiohttp's client."""

import asyncio
import json
import math
import struct
import subprocess
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.typedefs import Handler
from yarl import URL

from dialer.api.endpoint import Group
from dialer.api.mikopbx.audio import AudioFiles
from dialer.api.mikopbx.envelope import RefusedError, refusal
from dialer.api.mikopbx.serving import serving
from dialer.model.polling import Action, Press, Question
from dialer.speech.cache import PromptCache
from dialer.speech.chain import EngineChain
from dialer.speech.prompts import PromptLibrary
from dialer.speech.uploads import Uploads
from dialer.store.audio import fetch_audio
from dialer.store.database import Store, StoreError
from dialer.store.pollings import save_polling
from tests.rig.waiting import wait_until
from tests.store.making import url_of

BASE = "/pbxcore/api/module-dialer/v1"
MAX_BYTES = 300_000
MAX_S = 20
BOUNDARY = "a-boundary"


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except RefusedError as error:
        return refusal(error.messages, error.data)
    except StoreError as error:
        return refusal([str(error)], status=503)


@dataclass
class Service:
    folder: Path
    store: Store
    url: str
    client: aiohttp.ClientSession

    async def ask(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        async with self.client.request(method, URL(self.url + path, encoded=True), **arguments) as response:
            assert response.status == 200, await response.text()
            return dict(await response.json())

    async def upload(self, name: str, content: bytes) -> dict[str, Any]:
        form = aiohttp.FormData()
        form.add_field("upload", content, filename=name)
        return await self.ask("POST", "/audio", data=form)

    async def upload_raw(self, disposition: str, content: bytes) -> dict[str, Any]:
        """A part whose Content-Disposition is spelled by hand."""
        body = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode()
        body += content + f"\r\n--{BOUNDARY}--\r\n".encode()
        return await self.ask("POST", "/audio", data=body, headers=multipart())

    async def curl(self, *arguments: str) -> dict[str, Any]:
        process = await asyncio.create_subprocess_exec(
            "curl", "-sS", *arguments, f"{self.url}/audio", stdout=asyncio.subprocess.PIPE, cwd=self.folder
        )
        told, _ = await process.communicate()
        return dict(json.loads(told))

    def files(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "audio" / "uploads").iterdir())

    async def names(self) -> list[str]:
        return [one["name"] for one in (await self.ask("GET", "/audio"))["data"]]


def multipart() -> dict[str, str]:
    return {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def beep(path: Path, frequency: int = 440, length_s: float = 1.0, level: float = 0.5) -> bytes:
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        places = range(int(8000 * length_s))
        values = (round(32000 * level * math.sin(2 * math.pi * frequency * place / 8000)) for place in places)
        sound.writeframes(b"".join(struct.pack("<h", value) for value in values))
    return path.read_bytes()


async def served(folder: Path) -> AsyncIterator[Service]:
    uploads = Uploads(folder / "audio")
    cache = PromptCache(folder / "audio" / "prompts", 10_000_000, 1e6)
    prompts = PromptLibrary(cache, EngineChain([]), uploads, [folder / "audio"], max_file_s=MAX_S)
    prompts.set_up()
    store = await Store.open(url_of(folder / "dialer.db"))
    application = web.Application(middlewares=[refusals], client_max_size=1024)
    endpoints = AudioFiles(store, uploads, prompts, MAX_BYTES).endpoints()
    application.add_routes(Group("audio", BASE, endpoints, serve=serving(store)).routes())
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with aiohttp.ClientSession() as client:
            yield Service(folder, store, f"http://127.0.0.1:{port}{BASE}", client)
    finally:
        await runner.cleanup()
        await store.close()


@pytest_asyncio.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async for one in served(tmp_path):
        yield one


@pytest.fixture
def sound(tmp_path: Path) -> bytes:
    return beep(tmp_path / "beep.wav")


async def test_the_documents_samples_with_curl(service: Service, sound: bytes) -> None:
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", "beep.wav", "-ar", "8000", "-b:a", "16k", "1.mp3"],
        check=True,
        cwd=service.folder,
    )
    posted = await service.curl("-F", "file=@1.mp3")
    path = posted["data"]["filename"]
    assert list(posted) == ["result", "data", "messages", "function", "processor", "pid"]
    assert (posted["result"], posted["data"], posted["messages"]) == (True, {"filename": path}, [])
    assert Path(path).read_bytes() == (service.folder / "1.mp3").read_bytes()
    assert Path(path).suffix == ".mp3"
    assert (await service.curl())["data"] == [{"id": "1", "name": "1.mp3", "path": path}]
    process = await asyncio.create_subprocess_exec(
        "curl", "-sS", "-X", "DELETE", f"{service.url}/audio/1.mp3", stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    deleted = json.loads(told)
    assert (deleted["result"], deleted["data"], deleted["messages"]) == (True, [], [])
    assert (await service.curl())["data"] == []
    assert service.files() == []


@pytest.mark.parametrize("name", ["Привет, мир.wav", "a \"b\" 'c'.wav", "a;b=c.wav", "100%.wav", "{a}#b?.wav"])
async def test_names_of_people_come_through_curl_and_back_to_delete(service: Service, sound: bytes, name: str) -> None:
    (service.folder / name).write_bytes(sound)
    quoted = name.replace('"', '\\"')
    assert (await service.curl("-F", f'что угодно=@"{quoted}"'))["result"] is True
    assert await service.names() == [name]
    assert (await service.ask("DELETE", f"/audio/{quote(name, safe='')}"))["result"] is True
    assert await service.names() == []


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('name="f"; filename="Привет.wav"', "Привет.wav"),
        ('name="f"; filename="a%22b.wav"', 'a"b.wav'),
        (r'name="f"; filename="a\"b.wav"', 'a"b.wav'),
        ('name="f"; filename="%D0%AF.wav"', "Я.wav"),
        ('name="f"; filename="100%25 a%41.wav"', "100%25 a%41.wav"),
        ('name="f"; filename="%22a%22.wav"', '"a".wav'),
        ("name=f; filename*=UTF-8''%D0%AF%20b.wav", "Я b.wav"),
        ("name=f; filename=\"x.wav\"; filename*=utf-8''%D0%AF.wav", "Я.wav"),
        ("name=f; filename=plain.wav", "plain.wav"),
    ],
)
async def test_every_spelling_of_a_file_name(service: Service, sound: bytes, disposition: str, name: str) -> None:
    assert (await service.upload_raw(disposition, sound))["result"] is True
    assert await service.names() == [name]


@pytest.mark.filterwarnings("ignore::aiohttp.BadContentDispositionHeader")
@pytest.mark.parametrize(
    ("disposition", "reason"),
    [
        ('name="f"; filename="../x.mp3"', "path"),
        ('name="f"; filename="/x.mp3"', "path"),
        (r'name="f"; filename="C:\dir\name.mp3"', "path"),
        (r'name="f"; filename="C:\\dir\\name.mp3"', "path"),
        ('name="f"; filename="..%2Fx.mp3"', "dot"),
        ('name="f"; filename="a%0Ab.mp3"', "control"),
        ("name=f; filename*=UTF-8''..%2Fx.mp3", "path"),
        ('name="f"; filename=".."', "dot"),
        (f'name="f"; filename="{"я" * 300}.mp3"', "255 bytes"),
        ('name="f"', "a form without one"),
        ('name="f"; filename=""', "a form without one"),
        ('name="f"; filename="', "no end"),
        ('name="f"; filename="x.mp3', "no end"),
    ],
)
async def test_names_that_are_refused_leave_nothing(
    service: Service, sound: bytes, disposition: str, reason: str
) -> None:
    reply = await service.upload_raw(disposition, sound)
    assert reply["result"] is False
    assert reason in reply["messages"][0]
    assert (service.files(), await service.names()) == ([], [])


async def test_what_cannot_be_played_is_refused_with_the_reason_and_leaves_nothing(service: Service) -> None:
    spare = service.folder / "spare.wav"
    whole = beep(spare)
    for content, reason in (
        (b"", "empty"),
        (b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "not a sound file"),
        (b"<html>", "not a sound file"),
        (beep(spare, level=0), "nothing to hear"),
        (beep(spare, length_s=0.02), "nothing to hear"),
        (whole[:30] + b"damaged" * 30, "damaged"),
    ):
        reply = await service.upload("1.mp3", content)
        assert reply["result"] is False
        assert reply["messages"][0].startswith("file: ")
        assert reason in reply["messages"][0]
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=d=30", service.folder / "long.mp3"], check=True)
    reply = await service.upload("1.mp3", (service.folder / "long.mp3").read_bytes())
    assert reply["messages"] == ["file: too long: 20 s at the most"]
    assert (service.files(), await service.names()) == ([], [])


async def test_too_much_is_413_with_and_without_a_length_and_leaves_nothing(service: Service) -> None:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="f"; filename="1.mp3"\r\n\r\n'.encode()
    field = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="f"\r\n\r\n'.encode()

    async def without_end(first: bytes) -> AsyncIterator[bytes]:
        yield first
        for _ in range(100):
            yield bytes(10_000)

    for body in (head + bytes(MAX_BYTES + 100_000), without_end(head), without_end(field)):
        async with service.client.post(f"{service.url}/audio", data=body, headers=multipart()) as response:
            assert response.status == 413
            reply = await response.json()
        assert reply["result"] is False
        assert reply["messages"] == [f"file: too large: {MAX_BYTES} bytes at the most ([audio] max_upload_mb)"]
    assert service.files() == []


async def test_one_byte_over_the_limit_is_too_much(service: Service, sound: bytes) -> None:
    form = aiohttp.FormData()
    form.add_field("f", sound + bytes(MAX_BYTES + 1 - len(sound)), filename="1.wav")
    async with service.client.post(f"{service.url}/audio", data=form) as response:
        assert response.status == 413
    assert (await service.upload("1.wav", sound + bytes(MAX_BYTES - len(sound))))["result"] is True


async def test_a_body_that_is_no_form_is_told_what_is_expected(service: Service, sound: bytes) -> None:
    for headers in ({"Content-Type": "application/json"}, {"Content-Type": "audio/mpeg"}, {}):
        reply = await service.ask("POST", "/audio", data=sound, headers=headers)
        assert reply["messages"][0].startswith("body: multipart/form-data with a file expected")
    for body, headers in (
        (sound, multipart()),
        (b"", multipart()),
        (f"--{BOUNDARY}\r\nContent-Disposition: form-data; filename=a.wav\r\n\r\nhalf".encode(), multipart()),
        (sound, {"Content-Type": "multipart/form-data"}),
    ):
        reply = await service.ask("POST", "/audio", data=body, headers=headers)
        assert reply["result"] is False
        assert reply["messages"][0].startswith("body: ")
    assert service.files() == []


async def test_the_first_file_of_a_form_counts(service: Service, sound: bytes) -> None:
    form = aiohttp.FormData()
    form.add_field("comment", "text in front")
    form.add_field("a", sound, filename="first.wav")
    form.add_field("b", b"second", filename="second.wav")
    assert (await service.ask("POST", "/audio", data=form))["result"] is True
    assert await service.names() == ["first.wav"]


async def test_a_client_that_goes_away_leaves_nothing(service: Service, sound: bytes) -> None:
    url = URL(service.url)
    _, writer = await asyncio.open_connection(url.host, url.port)
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=f; filename=1.wav\r\n\r\n".encode()
    lines = f"POST {url.path}/audio HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n"
    writer.write(f"{lines}Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n".encode() + head + sound)
    await writer.drain()
    await wait_until(lambda: len(service.files()) == 1, "the upload has begun")
    writer.transport.abort()
    await wait_until(lambda: service.files() == [], "nothing is left behind")
    assert await service.names() == []


async def test_the_same_name_replaces_and_keeps_id_and_path(service: Service, sound: bytes) -> None:
    first = (await service.upload("1.wav", sound))["data"]["filename"]
    await service.upload("2.wav", sound)
    other = beep(service.folder / "other.wav", frequency=880)
    with Path(first).open("rb") as playing:  # noqa: ASYNC230
        assert (await service.upload("1.wav", other))["data"]["filename"] == first
        assert playing.read() == sound
    assert Path(first).read_bytes() == other
    listed = (await service.ask("GET", "/audio"))["data"]
    assert [(one["id"], one["name"]) for one in listed] == [("1", "1.wav"), ("2", "2.wav")]
    assert listed[0]["path"] == first


async def test_a_refused_replacement_keeps_the_old_file(service: Service, sound: bytes) -> None:
    path = (await service.upload("1.wav", sound))["data"]["filename"]
    assert (await service.upload("1.wav", b"no sound"))["result"] is False
    assert Path(path).read_bytes() == sound


async def test_of_simultaneous_uploads_of_one_name_one_whole_file_wins(service: Service) -> None:
    contents = [beep(service.folder / "x.wav", frequency=300 + 50 * place) for place in range(8)]
    replies = await asyncio.gather(*(service.upload("1.wav", content) for content in contents))
    assert {reply["data"]["filename"] for reply in replies} == {replies[0]["data"]["filename"]}
    assert Path(replies[0]["data"]["filename"]).read_bytes() in contents
    rows = await service.store.read(fetch_audio)
    assert [(row.audio_id, row.name, row.size_bytes) for row in rows] == [(1, "1.wav", len(contents[0]))]
    assert len(service.files()) == 1


async def test_deleting_what_is_not_there_is_not_found(service: Service) -> None:
    for name in ("none.mp3", "..%2F..%2Fdialer.db", quote("я" * 300)):
        reply = await service.ask("DELETE", f"/audio/{name}")
        assert (reply["result"], reply["data"]) == (False, {"error": "AudioNotFound"})
        assert reply["messages"][0].startswith("name: there is no file")


async def test_a_file_that_a_polling_plays_is_not_deleted(service: Service, sound: bytes) -> None:
    path = (await service.upload("я.wav", sound))["data"]["filename"]
    users = (
        Question("1", file=path),
        Question("1", file="я.wav"),
        Question("1", press=(Press("1", Action.PLAYBACK, "я.wav", "file"),)),
        Question("1", press=(Press("1", Action.PLAYBACK, path, "file"),)),
        Question("1", press=(Press("1", Action.PLAYBACK_RECORD, path, "30"),)),
    )
    for user in users:
        await service.store.write(save_polling("опрос", "", [Question("0", text="Да?"), user]))
        reply = await service.ask("DELETE", f"/audio/{quote('я.wav')}")
        assert (reply["result"], reply["data"]) == (False, {"error": "AudioInUse"})
        assert reply["messages"] == ["name: the file is played by polling 'опрос'"]
        assert Path(path).exists()
    await service.store.write(
        save_polling("опрос", "", [Question("1", text="я.wav", press=(Press("1", Action.PLAYBACK, "я.wav", "text"),))])
    )
    assert (await service.ask("DELETE", f"/audio/{quote('я.wav')}"))["result"] is True
    assert not Path(path).exists()


async def test_a_new_file_whose_row_cannot_be_stored_does_not_stay(service: Service, sound: bytes) -> None:
    await service.store.write(lambda tx: tx.connection.exec_driver_sql("DROP TABLE audio"))
    await service.store.write(
        lambda tx: tx.connection.exec_driver_sql(
            "CREATE TABLE audio (id INTEGER PRIMARY KEY, name, size_bytes INTEGER CHECK (size_bytes < 0), changed_us)"
        )
    )
    form = aiohttp.FormData()
    form.add_field("f", sound, filename="1.wav")
    async with service.client.post(f"{service.url}/audio", data=form) as response:
        assert response.status == 503
    assert service.files() == []


async def test_files_names_and_paths_are_the_same_after_a_restart(tmp_path: Path, sound: bytes) -> None:
    async for before in served(tmp_path):
        await before.upload("1.wav", sound)
        listed = (await before.ask("GET", "/audio"))["data"]
    (tmp_path / "audio" / "uploads" / "half.incoming").write_bytes(b"half")
    async for after in served(tmp_path):
        assert (await after.ask("GET", "/audio"))["data"] == listed
        assert after.files() == [Path(listed[0]["path"]).name]
        assert Path(listed[0]["path"]).read_bytes() == sound
