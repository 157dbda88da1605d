"""The VotBox autocall facade, as strict readers of its document use it: who may call, forms, sounds, templates."""

import asyncio
import contextlib
import io
import json
import math
import sqlite3
import struct
import subprocess
import wave
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

import aiohttp
import pytest
import pytest_asyncio

from tests.api.conftest import running_dialer
from tests.rig import votbox
from tests.rig.daemon import Dialer
from tests.rig.votbox import ACCOUNT, CALLER_IDS, PASSWORD, Reply, VotboxClient, md5, read_reply

RIVAL = "rival"
RIVAL_PASSWORD = "another password"
LOGIN, MISSING, WRONG, NOT_FOUND, NOT_NOW, TOO_LARGE, LOCKED, NO_CALL, INTERNAL, ADDRESS = range(1, 11)
NO_EFFECT = "параметр не имеет действия в этом вызове"
SETTINGS: dict[str, dict[str, Any]] = {
    **votbox.settings(),
    **votbox.settings(RIVAL, RIVAL_PASSWORD, allow=["127.0.0.0/8", "198.51.100.0/24", "2001:db8::/32"]),
    "http": {"trusted_proxies": ["127.0.0.1"], "max_body_mb": 2},
}
CALLS = (
    "autocall", "autocall.simple", "autocall.get.ani", "autocall.scheme", "autocall.schedule", "autocall.check",
    "autocall.get.task", "autocall.detail", "autocall.recordtalk", "autocall.start", "autocall.pause", "autocall.stop",
    "autocall.mediafile", "autocall.stop.file", "autocall.break", "autocall.schemelines", "autocall.get.scheme",
)  # fmt: skip


@dataclass
class Stage:
    dialer: Dialer
    crm: VotboxClient
    rival: VotboxClient

    @property
    def session(self) -> aiohttp.ClientSession:
        assert self.dialer.session is not None
        return self.dialer.session

    def rows(self, query: str, *values: object) -> list[Any]:
        """Of the daemon's database."""
        connection = sqlite3.connect(f"file:{self.dialer.database}?mode=ro", uri=True)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()

    def content(self, scheme: str) -> dict[str, Any]:
        """A template as it is stored."""
        return dict(json.loads(self.rows("SELECT content FROM script WHERE id = ?", scheme)[0][0]))

    def counts(self) -> dict[str, Any]:
        """How much is stored, and the files of sounds."""
        counts: dict[str, Any] = {
            name: self.rows(f"SELECT count(*) FROM {name}")[0][0]  # noqa: S608 - names of ours
            for name in ("script", "task", "attempt", "audio")
        }
        folder = self.dialer.workdir / "audio" / "uploads"
        counts["files"] = sorted(path.name for path in folder.iterdir())
        return counts

    async def raw(self, data: Any, *, call: str = "autocall.get.ani", method: str = "POST", **headers: str) -> Reply:
        """A body as it is, or a form; X_Forwarded_For=… is a header."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        address = f"{self.dialer.url}/api/{call}.api.php"
        async with self.session.request(method, address, data=data, headers=sent) as response:
            assert response.status == 200
            return read_reply(await response.read(), response.content_type)


@pytest_asyncio.fixture(scope="module")
async def stage() -> AsyncIterator[Stage]:
    async with running_dialer(SETTINGS) as dialer:
        assert dialer.session is not None
        clients = [VotboxClient(dialer.session, dialer.url, *who) for who in (LOGIN_OF_CRM, LOGIN_OF_RIVAL)]
        yield Stage(dialer, *clients)


LOGIN_OF_CRM, LOGIN_OF_RIVAL = (ACCOUNT, PASSWORD), (RIVAL, RIVAL_PASSWORD)
CREDENTIALS = {"username": ACCOUNT, "password": md5(PASSWORD)}


def tone(seconds: float = 0.3) -> bytes:
    """A WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        samples = (round(9000 * math.sin(at / 3)) for at in range(round(seconds * 8000)))
        sound.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return file.getvalue()


def as_mp3(wav: bytes) -> bytes:
    command = ("ffmpeg", "-loglevel", "error", "-f", "wav", "-i", "-", "-f", "mp3", "-")
    return subprocess.run(command, input=wav, capture_output=True, check=True).stdout


async def make_template(
    stage: Stage, fields: Mapping[str, object] | None = None, files: Mapping[str, tuple[str, bytes]] | None = None
) -> Reply:
    return await stage.crm.ok("autocall.scheme", {"TemplateName": "Шаблон", "AniID": "1", **(fields or {})}, files)


async def refused_template(stage: Stage, fields: Mapping[str, object], files: Any = None) -> Reply:
    said = {"TemplateName": "Шаблон", "AniID": "1", **fields}
    return await stage.crm.post("autocall.scheme", said, files)


def idle(reply: Reply) -> set[str]:
    """Parameters that the reply says have no effect."""
    return {one["parameter"] for one in reply.warnings if one["message"] == NO_EFFECT}


# --- who may call ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", CALLS)
async def test_every_call_wants_the_password_and_is_known_in_any_case(stage: Stage, call: str) -> None:
    for wrong in ({"password": md5("x")}, {"username": "nobody"}, {"password": PASSWORD}, {"username": RIVAL}):
        reply = await stage.raw({**CREDENTIALS, **wrong}, call=call)
        assert (reply.code, reply.elements) == (LOGIN, [])
        assert reply.content_type == "text/xml"
    for missing in CREDENTIALS:
        reply = await stage.raw({**CREDENTIALS, missing: ""}, call=call)
        assert (reply.code, missing in reply.message) == (MISSING, True)
    for path in (f"/API/{call}.api.php", f"/api/{call.upper()}.API.PHP", f"/Api/{call.title()}.api.php"):
        assert (await stage.crm.post("", path=path)).code in {0, MISSING}, path


async def test_the_md5_may_be_in_capitals_and_in_any_field_name_case(stage: Stage) -> None:
    reply = await stage.raw({"UserName": ACCOUNT, "PassWord": f" {md5(PASSWORD).upper()}\r\n"})
    assert [(one["id"], one["ani"]) for one in reply.all("obj")] == list(CALLER_IDS.items())


async def test_what_is_no_call_is_told(stage: Stage) -> None:
    for name in ("autocall.nothing", "fax.send", "sms.task", "check.balance", "x" * 500):
        reply = await stage.crm.post(name)
        assert reply.code == NO_CALL
        assert name[:20] in reply.message
    for path in ("/api/autocall.api.ph", "/api/autocall", "/api/.api.php"):
        assert (await stage.crm.post("", path=path)).code == NO_CALL, path


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
async def test_other_methods_than_post_are_told(stage: Stage, method: str) -> None:
    reply = await stage.raw(None, method=method)
    assert (reply.code, "POST" in reply.message) == (WRONG, True)


@pytest.mark.parametrize(
    ("address", "code"),
    [("198.51.100.7", 0), ("2001:db8::7", 0), ("::ffff:198.51.100.9", 0), ("203.0.113.7", ADDRESS), ("::1", ADDRESS)],
)
async def test_an_account_is_restricted_to_its_addresses(stage: Stage, address: str, code: int) -> None:
    sent = {"username": RIVAL, "password": md5(RIVAL_PASSWORD)}
    reply = await stage.raw(sent, X_Forwarded_For=address)
    assert reply.code == code
    assert (await stage.raw({**sent, "password": md5("x")}, X_Forwarded_For=address)).code == LOGIN
    assert (await stage.raw(CREDENTIALS, X_Forwarded_For=address)).code == 0


async def test_who_guesses_passwords_waits_and_others_do_not(stage: Stage) -> None:
    guesser = "203.0.113.99"
    wrong = {**CREDENTIALS, "password": md5("guess")}
    codes = [(await stage.raw(wrong, X_Forwarded_For=guesser)).code for _ in range(12)]
    assert codes == [LOGIN] * 10 + [LOCKED] * 2
    assert (await stage.raw(CREDENTIALS, X_Forwarded_For=guesser)).code == LOCKED
    assert (await stage.raw(CREDENTIALS, X_Forwarded_For="203.0.113.98")).code == 0


async def test_a_client_program_begins_with_many_calls_at_once(stage: Stage) -> None:
    """As a CRM does after a restart of the daemon: nobody has been checked yet, nobody is turned away."""
    async with running_dialer(SETTINGS) as dialer:
        fresh = Stage(dialer, stage.crm, stage.rival)
        replies = await asyncio.gather(*(fresh.raw(CREDENTIALS, X_Forwarded_For="192.0.2.50") for _ in range(40)))
        assert [reply.code for reply in replies] == [0] * 40


async def test_without_accounts_there_is_no_facade() -> None:
    async with running_dialer({"http": {"trusted_proxies": ["127.0.0.1"]}}) as dialer:
        assert dialer.session is not None
        paths = ("/api/autocall.check.api.php", "/no/such.path")
        for headers, status in (({}, 404), ({"X-Forwarded-For": "192.0.2.1"}, 401)):
            answers = []
            for path in paths:
                async with dialer.session.post(dialer.url + path, data=CREDENTIALS, headers=headers) as response:
                    answers.append((response.status, response.content_type))
            assert answers == [(status, "application/json")] * 2


# --- forms ----------------------------------------------------------------------------------------------------------


async def test_forms_that_are_no_forms_are_refused(stage: Stage) -> None:
    broken = (
        (b'{"username": "crm"}', "application/json"),
        (b"<a/>", "text/xml"),
        (b"--x\r\nContent-Dis", "multipart/form-data; boundary=x"),
        (b"nothing", "multipart/form-data; boundary=x"),
        (b"nothing", "multipart/form-data"),
        (b'--x\r\nContent-Disposition: form-data; name="username"\r\n\r\ncrm', "multipart/form-data; boundary=x"),
        (b"--x\r\nContent-Disposition: form-data\r\n\r\ncrm\r\n--x--\r\n", "multipart/form-data; boundary=x"),
        (b"&".join(b"a%d=1" % number for number in range(1500)), "application/x-www-form-urlencoded"),
    )
    for body, kind in broken:
        assert (await stage.raw(body, Content_Type=kind)).code == WRONG, (body[:40], kind)
    assert (await stage.raw(b"", Content_Type="application/x-www-form-urlencoded")).code == MISSING


async def test_a_body_that_is_too_large_is_told(stage: Stage) -> None:
    large = b"x" * 3_000_000
    form = aiohttp.FormData(CREDENTIALS)
    form.add_field("FLIST", io.BytesIO(large), filename="list.csv")
    assert (await stage.raw(form, call="autocall")).code == TOO_LARGE

    async def unannounced() -> AsyncIterator[bytes]:
        yield b"username="
        yield large

    for body in (io.BytesIO(b"username=" + large), unannounced()):
        reply = await stage.raw(body, Content_Type="application/x-www-form-urlencoded")
        assert reply.code == TOO_LARGE
    assert (await refused_template(stage, {"TemplateName": "x" * 70_000})).code == TOO_LARGE


async def test_curl_is_told_once_to_go_on(stage: Stage) -> None:
    """PHP's curl asks before it sends a list."""
    body = urlencode({**CREDENTIALS}).encode()
    head = (
        "POST /api/autocall.get.ani.api.php HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
        "Expect: 100-continue\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", int(stage.dialer.url.rpartition(":")[2]))
    writer.write(head.encode())
    go_on = b"HTTP/1.1 100 Continue\r\n\r\n"
    async with asyncio.timeout(10):
        assert await reader.readexactly(len(go_on)) == go_on
        writer.write(body)
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
    writer.close()


async def test_texts_come_in_two_encodings_and_either_kind_of_form(stage: Stage) -> None:
    said = {**CREDENTIALS, "TemplateName": "Должники «Север» №1", "AniID": "1"}
    bodies: list[tuple[bytes, str]] = []
    for encoding in ("utf-8", "cp1251"):
        pairs = "&".join(f"{key}={quote_plus(value, encoding=encoding)}" for key, value in said.items())
        bodies.append((pairs.encode(), "application/x-www-form-urlencoded"))
        head = "--x\r\nContent-Disposition: form-data; name="
        parts = "".join(f'{head}"{key}"\r\n\r\n{value}\r\n' for key, value in said.items())
        bodies.append((f"{parts}--x--\r\n".encode(encoding), "multipart/form-data; boundary=x"))
    for body, kind in bodies:
        made = (await stage.raw(body, call="autocall.scheme", Content_Type=kind)).one("obj")
        assert made["name"] == said["TemplateName"]


async def test_an_unknown_parameter_is_told_but_a_misread_password_is_not_shown(stage: Stage) -> None:
    reply = await stage.crm.ok("autocall.get.ani", {"foo": "1", 'foo<&"': "2", "x[password]": "3"})
    assert idle(reply) == {"foo", 'foo<&"'}


async def test_what_xml_may_not_hold_is_harmless(stage: Stage) -> None:
    made = await make_template(stage, {"TemplateName": "<a b='\"'>&amp;\ufffe", "TemplateDescription": "1\n2"})
    scheme = made.one("obj")["id"]
    (listed,) = [one for one in (await stage.crm.ok("autocall.get.scheme")).all("obj") if one["id"] == scheme]
    assert (listed["name"], listed["description"]) == ("<a b='\"'>&amp;\ufffd", "1\n2")
    assert (await refused_template(stage, {"TemplateName": "a\0b"})).code == WRONG


async def test_the_database_away_is_an_internal_error() -> None:
    async with running_dialer(votbox.settings()) as dialer:
        assert dialer.session is not None
        client = VotboxClient(dialer.session, dialer.url)
        await client.ok("autocall.get.scheme")
        with contextlib.closing(sqlite3.connect(dialer.database, isolation_level=None)) as connection:
            connection.execute("ALTER TABLE script RENAME TO away")
        for call, fields in (("autocall.get.scheme", {}), ("autocall.scheme", {"TemplateName": "x", "AniID": "1"})):
            reply = await client.post(call, fields)
            assert (reply.code, reply.elements) == (INTERNAL, [])
        with contextlib.closing(sqlite3.connect(dialer.database, isolation_level=None)) as connection:
            connection.execute("ALTER TABLE away RENAME TO script")
        await client.ok("autocall.get.scheme")


# --- sounds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["a.wav", "b.MP3", "Привет, Пётр.mpga", ""])
async def test_a_sound_is_uploaded(stage: Stage, kind: str) -> None:
    content = tone() if kind.endswith(".wav") or not kind else as_mp3(tone())
    reply = await stage.crm.ok("autocall.mediafile", {"UserID": f"звук-{kind}"}, {"userfile": (kind, content)})
    assert reply.one("obj") == {"id": f"звук-{kind}", "size": str(len(content))}
    assert stage.rows("SELECT owner FROM audio WHERE name = ?", f"{ACCOUNT}|звук-{kind}") == [(ACCOUNT,)]


async def test_a_text_is_made_a_sound_and_ids_are_given_to_those_without(stage: Stage) -> None:
    said = {"tts_userfile": "Добрый день, {S}.", "tts_voice_userfile": "1", "Descr": "для всех"}
    first, second = [await stage.crm.ok("autocall.mediafile", said) for _ in range(2)]
    assert first.one("obj")["id"] != second.one("obj")["id"]
    assert int(first.one("obj")["size"]) > 1000
    assert idle(first) == {"Descr"}


@pytest.mark.parametrize(
    ("fields", "file", "code"),
    [
        ({}, None, MISSING),
        ({}, ("a.wav", b"no sound"), WRONG),
        ({}, ("a.wav", b""), WRONG),
        ({}, ("a.exe", tone()), WRONG),
        ({}, ("a.ogg", tone()), WRONG),
        ({"UserID": "../a"}, ("a.wav", tone()), WRONG),
        ({"UserID": f"{RIVAL}|a"}, ("a.wav", tone()), WRONG),
        ({"UserID": "ж" * 101}, ("a.wav", tone()), WRONG),
        ({"UserID": "\U0001f600" * 100}, ("a.wav", tone()), WRONG),
        ({"UserID": "a\x85b"}, ("a.wav", tone()), WRONG),
        ({"tts_userfile": "x", "tts_voice_userfile": "2"}, None, WRONG),
        ({"tts_userfile": "ж" * 20_000}, None, WRONG),
    ],
)
async def test_what_is_no_sound_leaves_nothing(
    stage: Stage, fields: dict[str, str], file: tuple[str, bytes] | None, code: int
) -> None:
    before = stage.counts()
    reply = await stage.crm.post("autocall.mediafile", fields, None if file is None else {"userfile": file})
    assert reply.code == code
    assert reply.message
    assert stage.counts() == before


# --- templates ------------------------------------------------------------------------------------------------------

PLACES = {
    "greeting": ("CheckPlayGreeting", "FGREETING"),
    "information": ("CheckPlayInfo", "FINFO"),
    "final": ("CheckPlayFinal", "FFINAL"),
    "melody": ("CheckPlayLoop", "FLOOP"),
}
OPERATOR = {"CheckUserReaction": "1", "AutoAction": "2", "ActionPhoneList": "201|8 (812) 335-05-15"}
MENU = {"CheckUserReaction": "1", "ReactionType": "1", "MENU_STRUCT": "1:Да:0;2:Нет:1:3;#:Оператор:2:201|202;"}
END = {"key": "", "description": "", "action": 0, "repeats": 0, "telephones": []}


def text(said: str, voice: str = "") -> dict[str, str]:
    return {"file": "", "text": said, "voice": voice}


@pytest.mark.parametrize(
    ("fields", "stored"),
    [
        ({"TemplateDescription": "Опись"}, {"description": "Опись"}),
        ({"tts_FGREETING": "Привет"}, {"greeting": text("Привет")}),
        (
            {"CheckPlayGreeting": "1", "tts_FGREETING": "П", "tts_voice_FGREETING": "0"},
            {"greeting": text("П", "female")},
        ),
        ({"GreetingFromFile": "1", "CheckPlayGreeting": "1"}, {"greeting_from_list": True, "greeting": None}),
        ({"tts_FINFO": "И", "tts_voice_FINFO": "1"}, {"information": text("И", "male")}),
        ({"CheckPlayFinal": "1", "tts_FFINAL": "Ф", "tts_voice_FFINAL": "1"}, {"final": text("Ф", "male")}),
        ({**OPERATOR, "tts_ FLOOP": "Л", "tts_voice_FLOOP": "0"}, {"melody": text("Л", "female")}),
        ({**OPERATOR, "TTS_floop": "Л"}, {"melody": text("Л")}),
        ({"IsRecordMessages": "1"}, {"records_message": True, "message_to": ""}),
        ({"CancelDTMF": "#"}, {"refusing_key": "#"}),
        ({"IsCancelDTMF": "1", "CancelDTMF": "0"}, {"refusing_key": "0"}),
        ({"CheckUserReaction": "1"}, {"asks": False, "automatic": END}),
        ({"CheckUserReaction": "1", "ReactionType": "0", "AutoAction": "0"}, {"automatic": END}),
        (
            {"CheckUserReaction": "1", "AutoAction": "1", "AutoActionParam": "3", "tts_FINFO": "И"},
            {"automatic": {**END, "action": 1, "repeats": 3}},
        ),
        (OPERATOR, {"automatic": {**END, "action": 2, "telephones": ["201", "88123350515"]}}),
        (
            MENU,
            {
                "asks": True,
                "automatic": None,
                "keys": [
                    {**END, "key": "1", "description": "Да"},
                    {**END, "key": "2", "description": "Нет", "action": 1, "repeats": 3},
                    {**END, "key": "#", "description": "Оператор", "action": 2, "telephones": ["201", "202"]},
                ],
            },
        ),
        ({**MENU, "tts_FMENU": "М", "tts_voice_FMENU": "1"}, {"menu": text("М", "male")}),
        ({**MENU, "MenuRepeatCount": "2"}, {"menu_repeats": 2}),
        ({"CallOkType": "0"}, {"goal": 0}),
        ({"CallOkType": "1", "CallOkParam": "20"}, {"goal": 1, "goal_s": 20}),
        ({"CallOkType": "2", "tts_FINFO": "И"}, {"goal": 2}),
        ({**MENU, "CallOkType": "3"}, {"goal": 3}),
        ({**OPERATOR, "CallOkType": "4"}, {"goal": 4}),
        ({"ttsVoice": "-1"}, {"voice": None}),
        ({"ttsVoice": "0"}, {"voice": "female"}),
        ({"ttsVoice": "1"}, {"voice": "male"}),
        ({**OPERATOR, "TransANI": "1"}, {"shows_subscriber": True}),
        ({**OPERATOR, "DialTimeout": "20"}, {"operators_ring_s": 20}),
    ],
)
async def test_every_parameter_of_a_template_is_stored(
    stage: Stage, fields: dict[str, str], stored: dict[str, Any]
) -> None:
    reply = await make_template(stage, fields)
    assert reply.warnings == []
    content = stage.content(reply.one("obj")["id"])
    assert {name: content[name] for name in stored} == stored


@pytest.mark.parametrize(
    ("field", "value", "name", "stored"),
    [
        ("AniID", "2", "caller_ids", ["2"]),
        ("IsRandom", "1", "caller_ids", ["1", "2"]),
        ("IsRandom", "0", "caller_ids", ["1"]),
        ("DialTimeout", "33", "ring_timeout_s", 33),
        ("MaxAttempts", "7", "max_attempts", 7),
        ("AttemptsInterval", "0", "interval_min", 0),
        ("AttemptsInterval", "15", "interval_min", 15),
        ("MenuOutCallCount", "12", "lines", 12),
        ("NotifyUrl", "http://84.52.103.114/test/requestlog.php/", "notify_url", None),
        ("NotifyUrl", "https://crm.example/hook?key=%D0%B0&x=1", "notify_url", None),
    ],
)
async def test_what_tasks_of_a_template_begin_with_is_stored(
    stage: Stage, field: str, value: str, name: str, stored: object
) -> None:
    reply = await make_template(stage, {field: value})
    assert reply.warnings == []
    defaults = stage.content(reply.one("obj")["id"])["task_defaults"]
    assert defaults[name] == (value if stored is None else stored)


@pytest.mark.parametrize("place", PLACES)
async def test_a_sound_file_is_kept_with_its_template(stage: Stage, place: str) -> None:
    flag, field = PLACES[place]
    reply = await make_template(stage, {**OPERATOR, flag: "1"}, {field: (f"{field}.mp3", as_mp3(tone()))})
    name = stage.content(reply.one("obj")["id"])[place]["file"]
    assert stage.rows("SELECT owner FROM audio WHERE name = ?", name) == [(ACCOUNT,)]


@pytest.mark.parametrize("place", PLACES)
async def test_a_switch_demands_its_sound_and_turns_it_off(stage: Stage, place: str) -> None:
    flag, field = PLACES[place]
    reply = await refused_template(stage, {**OPERATOR, flag: "1"})
    assert (reply.code, field in reply.message) == (MISSING, True)
    off = await make_template(stage, {**OPERATOR, flag: "0", f"tts_{field}": "x"})
    assert stage.content(off.one("obj")["id"])[place] is None
    assert idle(off) == {f"tts_{field}"}


@pytest.mark.parametrize(
    ("fields", "unused"),
    [
        ({"CheckUserReaction": "0", "AutoAction": "2", "ActionPhoneList": "201"}, {"AutoAction", "ActionPhoneList"}),
        (
            {"CheckUserReaction": "1", "MENU_STRUCT": "1:a:0", "MenuRepeatCount": "1"},
            {"MENU_STRUCT", "MenuRepeatCount"},
        ),
        ({**MENU, "AutoAction": "1", "AutoActionParam": "1"}, {"AutoAction", "AutoActionParam"}),
        ({"CheckUserReaction": "1", "AutoAction": "0", "AutoActionParam": "1"}, {"AutoActionParam"}),
        ({"tts_FLOOP": "Л", "TransANI": "1"}, {"tts_FLOOP", "TransANI"}),
        ({"MessageParam": "a@crm.example"}, {"MessageParam"}),
        ({"CallOkParam": "5"}, {"CallOkParam"}),
        ({"IsCancelDTMF": "0", "CancelDTMF": "1"}, {"CancelDTMF"}),
        ({"tts_voice_FGREETING": "1"}, {"tts_voice_FGREETING"}),
        ({"Foo": "1"}, {"Foo"}),
    ],
)
async def test_what_has_no_effect_is_told(stage: Stage, fields: dict[str, str], unused: set[str]) -> None:
    assert idle(await make_template(stage, fields)) == unused


async def test_what_cannot_be_done_is_told(stage: Stage) -> None:
    no_mail = await make_template(stage, {"IsRecordMessages": "1", "MessageParam": "a@crm.example"})
    assert [one["parameter"] for one in no_mail.warnings] == ["MessageParam"]
    nothing = await make_template(stage, {"CheckUserReaction": "1", "AutoAction": "1"})
    assert [one["parameter"] for one in nothing.warnings] == ["AutoAction"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"TemplateName": " "}, MISSING),
        ({"AniID": ""}, MISSING),
        ({"AniID": "3"}, WRONG),
        ({"IsRandom": "yes"}, WRONG),
        ({"DialTimeout": "0"}, WRONG),
        ({"DialTimeout": "1.5"}, WRONG),
        ({"MaxAttempts": "101"}, WRONG),
        ({"MenuOutCallCount": "0"}, WRONG),
        ({"MenuOutCallCount": "1001"}, WRONG),
        ({"AttemptsInterval": "-1"}, WRONG),
        ({"NotifyUrl": "ftp://crm.example/"}, WRONG),
        ({"NotifyUrl": "http://user:secret@crm.example/"}, WRONG),
        ({"CancelDTMF": "12"}, WRONG),
        ({**MENU, "CancelDTMF": "1"}, WRONG),
        ({"CheckUserReaction": "1", "ReactionType": "1"}, MISSING),
        ({**MENU, "MENU_STRUCT": "1:a:3"}, WRONG),
        ({**OPERATOR, "ActionPhoneList": "|"}, WRONG),
        ({**OPERATOR, "ActionPhoneList": ""}, MISSING),
        ({"CallOkType": "1"}, MISSING),
        ({"CallOkType": "2"}, WRONG),
        ({"CallOkType": "3"}, WRONG),
        ({"CallOkType": "4"}, WRONG),
        ({"CallOkType": "5"}, WRONG),
        ({"ttsVoice": "2"}, WRONG),
        ({"IsRecordMessages": "1", "MessageParam": "nobody"}, WRONG),
    ],
)
async def test_a_wrong_template_is_refused_and_leaves_nothing(stage: Stage, fields: dict[str, str], code: int) -> None:
    before = stage.counts()
    said = {"TemplateName": "Шаблон", "AniID": "1", "tts_FGREETING": "Привет", **fields}
    reply = await stage.crm.post("autocall.scheme", said, {"FFINAL": ("a.wav", tone())})
    assert (reply.code, any(name in reply.message for name in [*fields, "MENU_STRUCT", "CallOkParam"])) == (code, True)
    assert stage.counts() == before


async def test_of_two_sounds_the_second_cannot_be_played(stage: Stage) -> None:
    before = stage.counts()
    reply = await refused_template(stage, {}, {"FGREETING": ("a.wav", tone()), "FFINAL": ("b.mp3", b"garbage")})
    assert (reply.code, "FFINAL" in reply.message) == (WRONG, True)
    assert stage.counts() == before


async def test_an_account_sees_its_own_templates_only(stage: Stage) -> None:
    own = (await make_template(stage)).one("obj")
    assert own["scheduleid"]
    assert own["id"] in {one["id"] for one in (await stage.crm.ok("autocall.get.scheme")).all("obj")}
    assert (await stage.rival.ok("autocall.get.scheme")).all("obj") == []
    for call, fields in (
        ("autocall.schedule", {"d1": "1", "ts1": "00:00", "te1": "01:00"}),
        ("autocall.schemelines", {"MenuOutCallCount": "1"}),
        ("autocall.simple", {"phone": "89110000000"}),
    ):
        for scheme in (own["id"], "999999999", "x", "-1", "1' OR 1"):
            reply = await stage.rival.post(call, {"schemeid": scheme, **fields})
            assert (reply.code, "schemeid" in reply.message) == (NOT_FOUND, True)


@pytest.mark.parametrize(
    ("fields", "stored"),
    [
        ({"d1": "1", "ts1": "09:00", "te1": "18:30"}, [[1, 540, 1110]]),
        (
            {"d1": "8", "ts1": "00:00", "te1": "23:59", "d2": "9", "ts2": "9:05", "te2": "24:00"},
            [[8, 0, 1440], [9, 545, 1440]],
        ),
        (
            {"D0": "7", "TS0": "10:00:00", "TE0": "10:01", "d99": "2", "ts99": "00:00", "te99": "00:01"},
            [[7, 600, 601], [2, 0, 1]],
        ),
    ],
)
async def test_a_schedule_is_stored(stage: Stage, fields: dict[str, str], stored: list[list[int]]) -> None:
    made = (await make_template(stage)).one("obj")
    reply = await stage.crm.ok("autocall.schedule", {"schemeid": made["id"], **fields})
    assert reply.one("obj")["id"] == made["scheduleid"]
    assert stage.content(made["id"])["task_defaults"]["schedule"] == stored


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, MISSING),
        ({"d1": "1"}, MISSING),
        ({"d1": "1", "ts1": "09:00"}, MISSING),
        ({"d1": "0", "ts1": "09:00", "te1": "10:00"}, WRONG),
        ({"d1": "10", "ts1": "09:00", "te1": "10:00"}, WRONG),
        ({"d1": "1", "ts1": "9", "te1": "10:00"}, WRONG),
        ({"d1": "1", "ts1": "09:60", "te1": "10:00"}, WRONG),
        ({"d1": "1", "ts1": "09:00", "te1": "25:00"}, WRONG),
        ({"d1": "1", "ts1": "10:00", "te1": "10:00"}, WRONG),
        ({"d1": "1", "ts1": "22:00", "te1": "06:00"}, WRONG),
    ],
)
async def test_a_wrong_schedule_changes_nothing(stage: Stage, fields: dict[str, str], code: int) -> None:
    scheme = (await make_template(stage)).one("obj")["id"]
    reply = await stage.crm.post("autocall.schedule", {"schemeid": scheme, **fields})
    assert reply.code == code
    assert stage.content(scheme)["task_defaults"]["schedule"] == []


async def test_lines_are_told_and_changed(stage: Stage) -> None:
    scheme = (await make_template(stage, {"MenuOutCallCount": "4"})).one("obj")["id"]
    for said, told in ({}, "4"), ({"MenuOutCallCount": "6"}, "6"), ({}, "6"):
        reply = await stage.crm.ok("autocall.schemelines", {"schemeid": scheme, **said})
        assert reply.one("obj") == {"id": scheme, "menuoutcallcount": told}
    assert (await stage.crm.post("autocall.schemelines", {"schemeid": scheme, "MenuOutCallCount": "x"})).code == WRONG
    assert (await stage.crm.post("autocall.schemelines", {})).code == MISSING
    (listed,) = [one for one in (await stage.crm.ok("autocall.get.scheme")).all("obj") if one["id"] == scheme]
    assert (listed["name"], listed["menuoutcallcount"]) == ("Шаблон", "6")
