"""A call's fields and files, sent over real HTTP in every way that client programs have."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from dialer.api.votbox.errors import Code, VotboxError
from dialer.api.votbox.form import MAX_FIELDS, MAX_TEXT_BYTES, Form, FormReader, SentField, SentFile

MAX_BYTES = 300_000
BOUNDARY = "a-boundary"
URL_ENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
SECRET = "5f4dcc3b5aa765d61d8327deb882cf99"
Send = Callable[..., Awaitable[Form]]
pytestmark = pytest.mark.filterwarnings("ignore::aiohttp.BadContentDispositionHeader")


@pytest_asyncio.fixture
async def send() -> AsyncIterator[Send]:
    """Sends a body, and gives the form it was read as or raises why not."""
    read: list[Form | VotboxError] = []
    reader = FormReader(MAX_BYTES)

    async def handle(request: web.Request) -> web.Response:
        try:
            read.append(await reader.read(request))
        except VotboxError as error:
            read.append(error)
        return web.Response()

    application = web.Application(client_max_size=1)  # the reader has a limit of its own
    application.router.add_post("/", handle)
    async with TestClient(TestServer(application)) as client:

        async def sent(data: Any, headers: dict[str, str] | None = None) -> Form:
            async with client.post("/", data=data, headers=headers):
                form = read.pop()
            if isinstance(form, VotboxError):
                raise form
            return form

        yield sent


def part(disposition: str, content: bytes) -> bytes:
    return f"--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode() + content + b"\r\n"


def parts(*all_parts: bytes) -> bytes:
    return b"".join(all_parts) + f"--{BOUNDARY}--\r\n".encode()


def form(**values: str) -> Form:
    return Form(SentField(name, value.encode()) for name, value in values.items())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251"])
async def test_both_kinds_of_body_and_both_encodings_say_the_same(encoding: str, send: Send) -> None:
    text = "  Здравствуйте; № 5 & 6 = 11+  "
    by_hand = b"TaskName=" + b"".join(b"%%%02x" % byte for byte in text.encode(encoding)) + b"&start_time="
    raw = b"taskname=" + text.replace("&", "%26").replace("+", "%2B").encode(encoding) + b"&START_TIME=++"
    for body, headers in (
        (by_hand, URL_ENCODED),
        (raw, URL_ENCODED),
        (parts(part('name="TaskName"', text.encode(encoding)), part("name=start_time", b"")), MULTIPART),
    ):
        got = await send(body, headers)
        assert got.text("taskname") == text.strip()
        assert got.text("start_time") is None
        assert got.text("isPaused") is None


@pytest.mark.parametrize("name", ["tts_FLOOP", "tts_ FLOOP", " TTS_floop\t", "tts_%20FLOOP"])
async def test_a_name_is_the_same_in_any_case_and_with_spaces(name: str, send: Send) -> None:
    assert (await send(f"{name}=1".encode(), URL_ENCODED)).text("tts_ FLOOP") == "1"
    got = await send(parts(part(f'name="{name.replace("%20", " ")}"', b"1")), MULTIPART)
    assert (got.text("tts_FLOOP"), got.unused()) == ("1", [])


async def test_a_file_is_one_however_a_library_sends_it(send: Send) -> None:
    content = "88121112233;Иванов\r\n".encode("cp1251")
    sent = aiohttp.FormData()
    sent.add_field("flist", content, filename="список.csv")
    assert (await send(sent)).file("FLIST") == SentFile("список.csv", content)
    assert (await send({"FList": content.decode("cp1251")})).file("FLIST") == SentFile(
        "", content.decode("cp1251").encode()
    )
    got = await send(parts(part('name="FLIST"; filename=""', content), part("name=FLIST", b"")), MULTIPART)
    assert got.file("FLIST") == SentFile("", content)
    got = await send(parts(part('name="FGREETING"; filename=""', b"")), MULTIPART)
    assert (got.file("FGREETING"), got.file("FLIST"), got.unused()) == (None, None, [])
    with pytest.raises(VotboxError, match="FGREETING: файл пуст"):
        (await send(parts(part('name="FGREETING"; filename="1.wav"', b"")), MULTIPART)).file("FGREETING")


async def test_binary_content_comes_through_byte_for_byte(send: Send) -> None:
    sound = bytes(range(256)) * 1000
    got = await send(parts(part("name=userfile; filename=C:\\1.wav", sound), part("name=Descr", b"x")), MULTIPART)
    assert got.file("userfile") == SentFile("C:\\1.wav", sound)
    assert got.text("descr") == "x"


async def test_size_is_bounded_for_the_whole_and_for_each_text(send: Send) -> None:
    body = b"FLIST=" + b"8" * (MAX_BYTES - 6)
    file = (await send(body, URL_ENCODED)).file("FLIST")
    assert file is not None
    assert len(file.content) == MAX_BYTES - 6

    async def chunked(content: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(content), 10_000):
            yield content[start : start + 10_000]

    long = parts(part("name=FLIST; filename=1.csv", b"8" * MAX_BYTES))
    for content, headers in ((body + b"8", URL_ENCODED), (long, MULTIPART)):
        for data in (content, chunked(content)):
            with pytest.raises(VotboxError, match=f"больше {MAX_BYTES} байт") as caught:
                await send(data, headers)
            assert caught.value.code is Code.TOO_LARGE
    got = await send({"tts_FINFO": "x" * MAX_TEXT_BYTES, "tts_FMENU": "x" * (MAX_TEXT_BYTES + 1)})
    assert got.required("tts_FINFO") == "x" * MAX_TEXT_BYTES
    with pytest.raises(VotboxError, match="tts_FMENU") as caught:
        got.required("tts_FMENU")
    assert caught.value.code is Code.TOO_LARGE


WHOLE = parts(part("name=password", SECRET.encode()), part("name=username", b"me"))


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (WHOLE[:-20], MULTIPART),
        (WHOLE.replace(b"name=username", b'name="username'), MULTIPART),
        (WHOLE.replace(b"name=username", b"filename=1"), MULTIPART),
        (WHOLE.replace(f"\r\n--{BOUNDARY}".encode(), f"\r\n--{BOUNDARY}{SECRET}".encode()), MULTIPART),
        (WHOLE, {"Content-Type": "multipart/form-data"}),
        (WHOLE, {"Content-Type": "text/xml"}),
        (WHOLE.replace(b"\r\n\r\nme", b"\r\nContent-Transfer-Encoding: base64\r\n\r\nme"), MULTIPART),
        (parts(*[part("name=password", SECRET.encode())] * (MAX_FIELDS + 1)), MULTIPART),
        (b"&".join([b"password=" + SECRET.encode()] * (MAX_FIELDS + 1)), URL_ENCODED),
    ],
)
async def test_what_is_no_whole_form_is_refused_and_shows_no_password(
    body: bytes, headers: dict[str, str], send: Send
) -> None:
    with pytest.raises(VotboxError) as caught:
        await send(body, headers)
    assert caught.value.code is Code.WRONG
    assert SECRET not in caught.value.message


async def test_no_word_about_a_password_shows_it(send: Send) -> None:
    got = await send(f'{{"username": "me", "password": "{SECRET}"}}'.encode(), URL_ENCODED)
    assert got.unused() == []
    got = await send({"password": SECRET + "\1"})
    with pytest.raises(VotboxError, match="password") as caught:
        got.required("password")
    assert SECRET not in str(caught.value)
    with pytest.raises(VotboxError) as caught:
        form(username="x").required("password")
    assert (caught.value.code, caught.value.message) == (Code.MISSING, "password: обязательный параметр не указан")


def test_values_are_what_the_document_allows_or_the_field_is_named_as_there() -> None:
    got = form(ispaused="1", IsRandom=" 0 ", MaxAttempts="20", CallOkType="yes", DialTimeout="١٢", AutoAction="3")
    assert (got.flag("isPaused", False), got.flag("IsRandom", True), got.flag("TransANI", None)) == (True, False, None)
    assert (got.number("MaxAttempts", 1, 20, 3), got.number("AttemptsInterval", 1, 20, None)) == (20, None)
    for ask in (
        lambda: got.flag("CallOkType", False),
        lambda: got.number("MaxAttempts", 1, 19, 3),
        lambda: got.number("DialTimeout", 1, 300, 3),
        lambda: got.choice("AutoAction", ("0", "1", "2")),
    ):
        with pytest.raises(
            VotboxError, match=r"^(CallOkType|MaxAttempts|DialTimeout|AutoAction): .*получено «.+»$"
        ) as caught:
            ask()
        assert caught.value.code is Code.WRONG


def test_names_that_nobody_asked_for_are_told_as_sent() -> None:
    got = form(SchemeID="1", Unknown="2", FLIST="3", other="")
    assert (got.text("schemeid"), got.file("FLIST")) == ("1", SentFile("", b"3"))
    assert got.unused() == ["Unknown", "other"]


def test_of_several_the_last_counts_and_a_file_before_a_text() -> None:
    got = Form(
        [
            SentField("Descr", b"1"),
            SentField("descr", b"2"),
            SentField("userfile", b"sound", "1.wav"),
            SentField("userfile", b"text"),
        ]
    )
    assert (got.text("descr"), got.text("userfile")) == ("2", "text")
    assert got.file("userfile") == SentFile("1.wav", b"sound")


@given(st.lists(st.tuples(st.text(max_size=8), st.binary(max_size=40), st.none() | st.text(max_size=5))))
def test_whatever_is_sent_a_value_is_read_or_refused(sent: list[tuple[str, bytes, str | None]]) -> None:
    got = Form(SentField(*one) for one in sent)
    for name, _, _ in sent:
        for ask in (got.text, got.required, got.file, lambda one: got.number(one, 0, 9, None)):
            try:
                ask(name)
            except VotboxError as error:
                assert error.message.startswith(f"{name}: ")
    assert got.unused() == []
