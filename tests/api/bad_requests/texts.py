"""Bodies that are no JSON, or not in UTF-8, or not what their headers say."""

import gzip
import json
import zlib
from collections.abc import Iterator
from random import Random

from tests.api.bad_requests.request import START, BadRequest, Site, as_json

CUT, FLIPPED, JUNK = 8, 8, 4
DEEP = 100_000


def wrong_texts(site: Site, random: Random) -> Iterator[BadRequest]:
    """For every call that takes JSON."""
    for method, path, schema in site.json_calls():
        good = as_json(site.examples(schema)[0])
        for name, body in (*_fixed(good), *_by_chance(good, random)):
            yield BadRequest("text", f"{method} {path}: {name}", site.request(method, path, body))
        for name, content_type, body in _of_other_types(good):
            wire = site.request(method, path, body, [("Content-Type", content_type)])
            yield BadRequest("content type", f"{method} {path}: {name}", wire)
        if site.max_body_mb is not None:
            large = b'{"x": "' + b"x" * (site.max_body_mb << 20) + b'"}'
            yield BadRequest("size", f"{method} {path}: one body too large", site.request(method, path, large))
            chunk = b"%x\r\n%s\r\n" % (len(large), large)
            head = site.request(method, path, None, [("Transfer-Encoding", "chunked")])
            yield BadRequest("size", f"{method} {path}: too large in one chunk", head + chunk + b"0\r\n\r\n")


def wrong_encodings(site: Site) -> Iterator[BadRequest]:
    """For every call that takes a body, and for some that do not look at theirs."""
    jsons = [(method, path, as_json(site.examples(schema)[0])) for method, path, schema in site.json_calls()]
    forms = [("POST", path, b"--x\r\n\r\n\r\n--x--\r\n") for path in site.upload_paths()]
    others = [("POST", START, b"login=admin&password=x"), ("POST", "/nowhere", b"x"), ("PUT", site.path("/task"), b"x")]
    for method, path, good in (*jsons, *forms, *others):
        types = [("Content-Type", "multipart/form-data; boundary=x")] if good.startswith(b"--") else []
        for name, encoding, body in _encoded(good, site.max_body_mb):
            wire = site.request(method, path, body, [*types, ("Content-Encoding", encoding)])
            yield BadRequest("encoding", f"{method} {path}: {name}", wire)


def _fixed(good: bytes) -> Iterator[tuple[str, bytes]]:
    text = good.decode()
    yield from {
        "nothing": b"",
        "spaces": b" \r\n\t ",
        "NUL": b"\0",
        "NULs behind": good + b"\0\0",
        "two BOMs": b"\xef\xbb\xbf\xef\xbb\xbf" + good,
        "BOM behind": good + b"\xef\xbb\xbf",
        "BOM amid": good[:1] + b"\xef\xbb\xbf" + good[1:],
        "BOM alone": b"\xef\xbb\xbf",
        "UTF-16": text.encode("utf-16"),
        "UTF-16 LE": text.encode("utf-16-le"),
        "UTF-16 BE": text.encode("utf-16-be"),
        "UTF-32": text.encode("utf-32"),
        "UTF-7": b"+AHs-" + good[1:],
        "invalid UTF-8": good.replace(b'"', b'"\xff', 1),
        "half a character": good.replace(b'"', b'"\xd0', 1),
        "overlong": good.replace(b'"', b'"\xc0\xaf', 1),
        "surrogate in UTF-8": good.replace(b'"', b'"\xed\xa0\xbd', 1),
        "beyond Unicode": good.replace(b'"', b'"\xf4\x90\x80\x80', 1),
        "Windows-1251": '{"name": "Опрос"}'.encode("cp1251"),
        "twice": good + good,
        "two lines": good + b"\n" + good,
        "comma behind": good + b",",
        "bracket behind": good + b"]",
        "comment": b"// comment\n" + good,
        "single quotes": good.replace(b'"', b"'"),
        "XSSI prefix": b")]}',\n" + good,
        "null": b"null",
        "number": b"5",
        "text": b'"text"',
        "JSON in a text": json.dumps(text).encode(),
        "list of lists": b"[[[]]]",
        "deep lists": b"[" * DEEP,
        "deep lists, closed": b"[" * DEEP + b"]" * DEEP,
        "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        "deep both": b'[{"a":' * DEEP + b"1" + b"}]" * DEEP,
        "deep unknown field": b'{"x":' + b"[" * DEEP + b"]" * DEEP + b"," + good[1:],
        "deep and half a pair": b'["\\ud83d",' + b"[" * DEEP + b"]" * (DEEP + 1),
        "form": b"name=x&numbers=79522233446",
        "XML": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
        "YAML": b"name: x\nnumbers:\n  - 79522233446\n",
        "BSON": b"\x16\x00\x00\x00\x02name\x00\x02\x00\x00\x00x\x00\x00",
    }.items()


def _by_chance(good: bytes, random: Random) -> Iterator[tuple[str, bytes]]:
    for _ in range(CUT):
        place = random.randrange(1, len(good) - 1)
        yield f"cut at {place}", good[:place]
    flipped = 0
    while flipped < FLIPPED:
        place, value = random.randrange(len(good)), random.randrange(256)
        body = good[:place] + bytes([value]) + good[place + 1 :]
        if not _is_json(body):
            flipped += 1
            yield f"byte {place} is {value}", body
    for number in range(JUNK):
        yield f"junk {number}", b"\xff" + random.randbytes(random.randrange(1, 5000))


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body.decode())
    except ValueError:
        return False
    return True


def _of_other_types(good: bytes) -> Iterator[tuple[str, str, bytes]]:
    part = b'Content-Disposition: form-data; name="body"\r\n\r\n' + good
    yield "form", "application/x-www-form-urlencoded", b"body=" + good
    yield "multipart", "multipart/form-data; boundary=x", b"--x\r\n" + part + b"\r\n--x--\r\n"
    yield "no boundary", "multipart/form-data", b"--x\r\n" + part
    yield "UTF-16 declared", "application/json; charset=utf-16", good.decode().encode("utf-16")
    yield "unknown charset", "application/json; charset=klingon", b"\xff" + good
    yield "broken type", "/;;=\x0b", b"{" + good
    yield "XML", "text/xml", b"<a/>"


def _encoded(good: bytes, max_body_mb: int | None) -> Iterator[tuple[str, str, bytes]]:
    whole = gzip.compress(good, mtime=0)
    yield "not gzip", "gzip", good
    yield "half of gzip", "gzip", whole[: len(whole) // 2]
    yield "wrong checksum", "gzip", whole[:-8] + b"\0" * 8
    yield "gzip of no JSON", "gzip", gzip.compress(b"\0" * 1000, mtime=0)
    yield "gzip and junk", "gzip", whole + b"junk"
    yield "gzip twice", "gzip", gzip.compress(whole, mtime=0)
    yield "not deflate", "deflate", b"\xff" + good
    yield "half of deflate", "deflate", zlib.compress(good)[:9]
    yield "not br", "br", b"\xff\xff" + good
    yield "not zstd", "zstd", b"\xff\xff" + good
    if max_body_mb is not None:
        yield "bomb", "gzip", gzip.compress(b"[" * (max_body_mb * 4 << 20), mtime=0)
        yield "deflate bomb", "deflate", zlib.compress(b" " * (max_body_mb * 4 << 20))
