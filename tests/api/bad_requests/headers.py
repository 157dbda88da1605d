"""Good requests with one bad header. None of them carries the key: who is let in all the same is the defect."""

from collections.abc import Iterator

from tests.api.bad_requests.forms import Form, tone
from tests.api.bad_requests.request import BadRequest, Site, as_json

AUTHORIZATIONS: tuple[str | bytes, ...] = (
    *(
        "",
        "Bearer",
        "Bearer  ",
        "Bearer x",
        "bearer\tx",
        "Bearer null",
        "Bearer a b",
        "Basic YWRtaW46YWRtaW4=",
        "x" * 7000,
    ),
    *("Basic", "Basic ====", 'Digest username="admin"', "Negotiate YII", "Bearer %00", "Bearer ' OR 1=1 --", ","),
    *(
        b"Bearer \xff\xfe",
        "Bearer ключ",
        b"\x80",
        "Bearer ${SHELL(id)}",
        "Bearer eyJhbGciOiJub25lIn0.e30.",
        "Bearer \u202e",
    ),
)
COOKIES: tuple[str | bytes, ...] = (
    *(
        "PHPSESSID=",
        "PHPSESSID=x",
        "PHPSESSID",
        "=x",
        ";;;;",
        'PHPSESSID="',
        "PHPSESSID=a; PHPSESSID=b",
        "PHPSESSID=%00",
    ),
    *(
        "$Version=1; PHPSESSID=x",
        "PHPSESSID=" + "x" * 7000,
        b"PHPSESSID=\xff\xfe",
        "PHPSESSID=ключ",
        'PHPSESSID="\\777"',
    ),
    *(
        "__proto__=1; PHPSESSID=x",
        "a=b;" * 1500,
        'PHPSESSID="\\',
        "PHPSESSID=x; Path=/; HttpOnly",
        "PHPSESSID=' OR 1=1--",
    ),
)
HOPS: tuple[str | bytes, ...] = (
    *(
        "",
        "x",
        "127.0.0.1",
        "127.0.0.1, 127.0.0.1",
        "::1",
        "[::1]:80",
        "localhost",
        "unknown",
        "999.1.1.1",
        ",,,,",
        "1:2:3",
    ),
    *(
        "127.0.0.1:99999999",
        "[",
        "[::1",
        "fe80::1%eth0",
        "192.0.2.7, evil",
        "192.0.2.7" + ", 192.0.2.7" * 600,
        b"\xff\xfe",
    ),
    *("١٢٧.٠.٠.١", '"127.0.0.1"', "127.1", "0x7f000001", "2130706433", "%", "::ffff:127.0.0.1"),
)
FORWARDED: tuple[str | bytes, ...] = (
    *(
        "",
        "for",
        "for=",
        'for="',
        "for=127.0.0.1",
        'for="[::1"',
        "for=_x;by=",
        ";;;;",
        ",,,,",
        "for=a,for=b;;proto=https",
    ),
    *("for=127.0.0.1;" * 400, 'for="\\', b"for=\xff", "for=unknown;proto=ftp", "=127.0.0.1", 'for="\u0430"', "FOR=::1"),
)
HOSTS: tuple[str | bytes, ...] = (
    *(
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "[",
        "[::1",
        "[x]",
        "a]b",
        "\u2100.example",
        "127.0.0.1@evil",
    ),
    *(
        "evil\\@127.0.0.1",
        "a/b",
        "::::",
        "127.0.0.1 evil",
        "%00",
        "%31%32%37.0.0.1",
        b"\xff",
        "x" * 7000,
        ",",
        "[::1%25",
    ),
    *(
        "127.0.0.1:x@evil.example",
        "evil.example#@127.0.0.1",
        "evil.example?127.0.0.1",
        "０.０",
        "http://127.0.0.1.evil",
    ),
)
ORIGINS = (
    *(
        "null",
        "http://evil.example",
        "http://[",
        "http://[::1",
        "http://[x]",
        "//",
        "x",
        "http://\u2100",
        "http://a]b",
        "\0x",
    ),
    *("http://evil.example:99999999", "http://127.0.0.1.evil.example", "file://", "http://", "javascript:alert(1)"),
)
KEYS: tuple[str | bytes, ...] = (
    *("", "a b", "x" * 256, "x" * 7000, "ключ", b"\xff\xfe", "a\tb", "a, b", "\u0661", b"a\x80", "a\u00a0b", "\u200b"),
)


def wrong_headers(site: Site) -> Iterator[BadRequest]:
    """Of a list of tasks: who may see it is asked."""
    nobody, target = site.as_nobody(), site.path("/task")
    hops = ("X-Forwarded-For", "X-Real-IP", "X-Forwarded-Host", "X-Forwarded-Proto", "Via")
    for kind, name, values in (
        ("forwarding", "Forwarded", FORWARDED),
        *(("forwarding", hop, HOPS) for hop in hops),
        ("host", "Host", HOSTS),
        ("origin", "Origin", ORIGINS),
        ("origin", "Sec-Fetch-Site", ("cross-site", "same-site", "", "x", b"\xff")),
        ("authorization", "Authorization", AUTHORIZATIONS),
    ):
        for value in values:
            wire = nobody.request("GET", target, None, [(name, value)])
            yield BadRequest(kind, f"{name}: {value[:60]!r}", wire)
    for value in COOKIES:
        for method, body in (("GET", None), ("POST", b"[]")):
            headers = [("Cookie", value), ("X-Forwarded-For", "192.0.2.7")]
            yield BadRequest("cookie", f"{method}: {value[:60]!r}", nobody.request(method, target, body, headers))
    both = [("X-Forwarded-For", "127.0.0.1"), ("Forwarded", "for=127.0.0.1")]
    yield BadRequest("forwarding", "two that disagree", nobody.request("GET", target, None, both))
    twice = [("Authorization", "Bearer x"), ("Authorization", "Bearer y")]
    yield BadRequest("authorization", "twice", nobody.request("GET", target, None, twice))
    for value in AUTHORIZATIONS:
        headers = [("Authorization", value), ("Forwarded", 'for="[::1]:1"')]
        wire = nobody.request("GET", target, None, headers)
        yield BadRequest("authorization", f"{value[:60]!r}, passed on", wire)


def wrong_keys(site: Site) -> Iterator[BadRequest]:
    """`Idempotency-Key` of requests that would be stored."""
    bodies = {path: as_json(site.examples(schema)[0]) for _, path, schema in site.json_calls() if site.examples(schema)}
    for method, path, operation in site.calls():
        if not any(one["name"] == "Idempotency-Key" for one in operation.get("parameters", ())):
            continue
        more: list[tuple[str, str | bytes]] = []
        body = bodies.get(path)
        if body is None:
            form = Form().file(tone(), "bad-key.wav")
            more, body = [("Content-Type", form.content_type)], form.body
        for value in KEYS:
            wire = site.request(method, path, body, [*more, ("Idempotency-Key", value)])
            yield BadRequest("idempotency key", f"{method} {path}: {value[:60]!r}", wire)
        two = [*more, ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
        yield BadRequest("idempotency key", f"{method} {path}: two", site.request(method, path, body, two))
