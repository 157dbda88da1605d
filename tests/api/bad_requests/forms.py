"""Multipart forms: bad ones for the calls that take files."""

import io
import wave
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from tests.api.bad_requests.request import BadRequest, Site

BOUNDARY = "xYzZY"
NAMES: tuple[str | bytes, ...] = (
    *("../x.wav", "/etc/passwd", "..\\x.wav", "C:\\x.wav", ".hidden.wav", "..", ".", "a/b.wav", "x" * 300 + ".wav"),
    *(b"a\0b.wav", b"a\x01b.wav", b"a\x7fb.wav", "a\u0085b.wav", b"a\tb.wav", "%0D%0A.wav", "a%0Ab.wav", "ж" * 200),
    *("%D0%96%2Fb.wav", "%D0%96%00.wav", "%D0%96%5Cb.wav"),
)
FIELD = b'Content-Disposition: form-data; name="file"'


@dataclass
class Form:
    """A form in the making."""

    parts: list[bytes] = field(default_factory=list)
    content_type: str = f"multipart/form-data; boundary={BOUNDARY}"

    def part(self, head: bytes, content: bytes) -> "Form":
        self.parts.append(head + b"\r\n\r\n" + content)
        return self

    def file(self, content: bytes, name: str | bytes) -> "Form":
        sent = name.encode() if isinstance(name, str) else name
        return self.part(FIELD + b'; filename="' + sent + b'"\r\nContent-Type: audio/wav', content)

    @property
    def body(self) -> bytes:
        begin = f"--{BOUNDARY}\r\n".encode()
        return b"".join(begin + part + b"\r\n" for part in self.parts) + f"--{BOUNDARY}--\r\n".encode()


def tone() -> bytes:
    """A sound file that is taken."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8_000, 0, "NONE", ""))
        sound.writeframes(b"".join((9_000 if place % 20 < 10 else -9_000).to_bytes(2, "little", signed=True)
                                   for place in range(4_000)))  # fmt: skip
    return file.getvalue()


TABLE = b"name;phone\r\nx;79522233446\r\n"
"""A list that is taken."""


def wrong_forms(site: Site, random: Random) -> Iterator[BadRequest]:
    """For every call that takes a file: of what would be taken where only the form is wrong."""
    for path in site.upload_paths():
        is_sound = path.endswith("/audio")
        good = tone() if is_sound else TABLE
        for name, content_type, body in (*_frames(good), *_parts(good), *_contents(random, is_sound=is_sound)):
            wire = site.request("POST", path, body, [("Content-Type", content_type)] if content_type else ())
            yield BadRequest("form", f"{path}: {name}", wire)
        for file_name in NAMES if is_sound else ():
            form = Form().file(good, file_name)
            wire = site.request("POST", path, form.body, [("Content-Type", form.content_type)])
            yield BadRequest("form", f"{path}: file name {file_name[:60]!r}", wire, may_be_closed=False)
        for size in (10**9, 10**15):
            headers = [("Content-Type", Form().content_type), ("Content-Length", str(size))]
            wire = site.request("POST", path, Form().file(good, "a.wav").body[:99], headers)
            yield BadRequest("size", f"{path}: {size} bytes announced", wire, leaves=True, may_be_closed=True)


def _frames(good: bytes) -> Iterator[tuple[str, str, bytes]]:
    """The form around the file is wrong."""
    form = Form().file(good, "a.wav")
    usual, body = form.content_type, form.body
    yield "no content type", "", body
    yield "JSON's content type", "application/json", body
    yield "form's content type", "application/x-www-form-urlencoded", body
    yield "no boundary", "multipart/form-data", body
    yield "empty boundary", "multipart/form-data; boundary=", body
    yield "quoted nothing", 'multipart/form-data; boundary=""', body
    yield "unclosed quote", f'multipart/form-data; boundary="{BOUNDARY}x', body
    yield "wrong boundary", "multipart/form-data; boundary=other", body
    yield "long boundary", f"multipart/form-data; boundary={'x' * 71}", body.replace(BOUNDARY.encode(), b"x" * 71)
    yield "boundary not ASCII", "multipart/form-data; boundary=\u0436", body
    yield "no body", usual, b""
    yield "JSON", usual, b'{"file": "x"}'
    yield "no form, but a file", usual, good
    yield "only the end", usual, f"--{BOUNDARY}--\r\n".encode()
    yield "no end", usual, body[: -len(BOUNDARY) - 10]
    yield "cut in the file", usual, body[: body.index(good) + len(good) // 2]
    yield "cut in the head", usual, body[:40]
    yield "bare LF", usual, body.replace(b"\r\n", b"\n")
    yield "boundary without dashes", usual, body.replace(b"--", b"")
    yield "junk", usual, b"\xff\0" * 500


def _parts(good: bytes) -> Iterator[tuple[str, str, bytes]]:
    """A part is wrong."""
    inner = f'multipart/mixed; boundary="{BOUNDARY}in"'.encode()
    nested = b"--xYzZYin\r\n" + FIELD + b'; filename="a.wav"\r\n\r\n' + good + b"\r\n--xYzZYin--"
    named = FIELD + b'; filename="a.wav"'
    for name, form in {
        "no parts with a file": Form().part(FIELD, good),
        "empty file name": Form().file(good, ""),
        "empty file": Form().file(b"", "a.wav"),
        "no head": Form().part(b"", good),
        "no disposition": Form().part(b"Content-Type: audio/wav", good),
        "disposition cut": Form().part(b'Content-Disposition: form-data; filename="', good),
        "head without colon": Form().part(b"no colon\r\n" + named, good),
        "endless head": Form().part(b"X: " + b"x" * 1_000_000, good),
        "endless head, many lines": Form().part(b"X: x\r\n" * 100_000 + named, good),
        "NUL in the head": Form().part(b"X: \0\r\n" + named, good),
        "junk head": Form().part(b"\xff\xfe: \xff", good),
        "nested": Form().part(named + b"\r\nContent-Type: " + inner, nested),
        "nested without boundary": Form().part(named + b"\r\nContent-Type: multipart/mixed", nested),
        "unknown transfer encoding": Form().part(named + b"\r\nContent-Transfer-Encoding: rot13", good),
        "broken base64": Form().part(named + b"\r\nContent-Transfer-Encoding: base64", b"\xff=A" * 333),
        "broken quoted-printable": Form().part(
            named + b"\r\nContent-Transfer-Encoding: quoted-printable", b"=ZZ=" * 99
        ),
        "many fields": _many(Form(), 2000),
        "large field": Form().part(FIELD, b"x" * 200_000).file(good, "a.wav"),
    }.items():
        yield name, form.content_type, form.body


def _many(form: Form, count: int) -> Form:
    for _ in range(count):
        form.part(FIELD, b"")
    return form


def _contents(random: Random, *, is_sound: bool) -> Iterator[tuple[str, str, bytes]]:
    """The file is wrong."""
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("xl/workbook.xml"), b" " * 5_000_000)
    contents = {
        "junk": random.randbytes(5000),
        "zeros": bytes(5000),
        "text": b"this is no file of yours\n" * 9,
        "a bomb": bomb.getvalue(),
        "half a ZIP": bomb.getvalue()[:999],
    }
    if is_sound:
        contents |= {
            "half a WAV": tone()[:30],
            "a WAV that lies": tone()[:40] + b"\xff\xff\xff\x7f" + b"\0" * 9,
            "a playlist": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
            "a list for ffmpeg": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
        }
    else:
        contents |= {
            "OLE that is none": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + random.randbytes(2000),
            "no numbers": b"name;age\r\nx;17\r\n",
            "quotes": b'"' * 9999,
            "a spreadsheet in XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><Workbook>&b;</Workbook>',
        }
    for name, content in contents.items():
        form = Form().file(content, "a.wav" if is_sound else "a.xlsx")
        yield f"file: {name}", form.content_type, form.body
