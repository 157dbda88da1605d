"""What is no HTTP, or HTTP that nobody should believe. Behind some of it stands a good request, not to be served."""

from collections.abc import Iterator
from random import Random

from tests.api.bad_requests.request import START, BadRequest, Headers, Site

JUNK = 12
TLS_HELLO = bytes.fromhex("16030100c0010000bc0303") + bytes(range(181))
LINES: tuple[bytes, ...] = (
    *(b"", b"GET", b"GET ", b"GET /health", b"GET /health HTTP/0.9", b"GET /health HTTP/1.1 x"),
    *(
        b"GET\t/health\tHTTP/1.1",
        b" GET /health HTTP/1.1",
        b"GET /health HTTP/2.0",
        b"GET /health HTTP/1.",
        b"GET /health http/1.1",
    ),
    *(
        b"GET /health HTTP/11",
        b"GET /health HTTP/1.1\x0b",
        b"GET /health XTTP/1.1",
        b"GET /health HTTP 1.1",
        b"GET HTTP/1.1",
    ),
    *(b"HTTP/1.1 200 OK", b"PRI * HTTP/2.0", b"GET health HTTP/1.1", b"GET ?health HTTP/1.1", b"GET * HTTP/1.1"),
    *(b"OPTIONS * HTTP/1.1", b"CONNECT 192.0.2.7:443 HTTP/1.1", b"CONNECT /health HTTP/1.1", b"G\0T /health HTTP/1.1"),
    *(b"GET /hea\0lth HTTP/1.1", b"GET /hea\x7flth HTTP/1.1", b"GET /\xff\xfe HTTP/1.1", b"GET /hea lth HTTP/1.1"),
    *(
        b"GET /health\x01 HTTP/1.1",
        b"GET http:///health HTTP/1.1",
        b"GET http://[ HTTP/1.1",
        b"GET http://:x/ HTTP/1.1",
    ),
    *(b"GET http://[::1 HTTP/1.1", b"GET http://127.0.0.1:99999999/ HTTP/1.1", b"GET ftp://x/ HTTP/1.1"),
    *(b"GET /" + b"a" * 9000 + b" HTTP/1.1", b"A" * 9000 + b" / HTTP/1.1", b"GET /?" + b"%" * 9000 + b" HTTP/1.1"),
    *(
        b"INVITE sip:201@127.0.0.1 SIP/2.0",
        b"DESCRIBE rtsp://x RTSP/1.0",
        b"EHLO x",
        b"SSH-2.0-x",
        b"*1",
        b"\xff\xf4\xff\xfd\x06",
    ),
    *(
        b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2",
        b"\r\n\r\n\0\r\n\r\n\xff\xff\x00\x02",
        b"Action: Login",
        b"agi_network: yes",
    ),
)
HEADERS: tuple[bytes, ...] = (
    *(
        b"no colon",
        b": no name",
        b"X : 1",
        b"X\t: 1",
        b"\0: 1",
        b"X\0: 1",
        b"X: a\0b",
        b"X: a\rb",
        b"X(y): 1",
        b'"X": 1',
    ),
    *(
        b"X: a\r\n folded",
        b"X: a\r\n\tfolded",
        b"X:\r\n folded",
        b"\xff: 1",
        b"X: a\x7fb",
        b"X: a\x08b",
        b"X y: 1",
        b"X@: 1",
        b"[x]: 1",
    ),
    *(
        b"X: " + b"a" * 9000,
        b"a" * 9000 + b": 1",
        b"X: 1\r\n" * 500 + b"Y: 1",
        (b"X: " + b"a" * 4000 + b"\r\n") * 120 + b"Y: 1",
    ),
    *(
        b"Host: evil.example",
        b"Content-Length: x",
        b"Content-Length: -1",
        b"Content-Length: +1",
        b"Content-Length: 0x10",
    ),
    *(
        b"Content-Length: 1e3",
        b"Content-Length: 1.5",
        b"Content-Length: ",
        b"Content-Length: 1 1",
        b"Content-Length: 1,1",
    ),
    *(b"Content-Length: " + b"9" * 30, b"Content-Length: 18446744073709551616"),
    *(
        b"Content-Length: 0\r\nContent-Length: 5",
        b"Content-Length: \xd9\xa1",
        b"Content-Length : 0",
        b"Content-Length: 0;x",
    ),
    *(b"Transfer-Encoding: x", b"Transfer-Encoding: chunked, x", b"Transfer-Encoding: identity"),
    *(b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x"),
    *(b"Transfer-Encoding: \x0bchunked", b"Transfer-Encoding: chunked;x=1", b'Transfer-Encoding: "chunked"'),
    *(
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding:\r\n chunked",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: ,",
    ),
    *(b"Expect: nonsense", b"Expect: 100-continue, x", b"Expect: 200-ok"),
)
CHUNKS: dict[str, bytes] = {
    "no size": b"zz\r\nx\r\n0\r\n\r\n",
    "negative": b"-1\r\nx\r\n0\r\n\r\n",
    "hexadecimal mark": b"0x5\r\nabcde\r\n0\r\n\r\n",
    "plus": b"+5\r\nabcde\r\n0\r\n\r\n",
    "huge": b"ffffffffffffffffff\r\nx\r\n0\r\n\r\n",
    "64 bits": b"ffffffffffffffff\r\nx\r\n0\r\n\r\n",
    "empty": b"\r\nx\r\n0\r\n\r\n",
    "space": b" 5\r\nabcde\r\n0\r\n\r\n",
    "space behind": b"5 \r\nabcde\r\n0\r\n\r\n",
    "underscore": b"1_0\r\nabcde\r\n0\r\n\r\n",
    "data too long": b"2\r\nabcde\r\n0\r\n\r\n",
    "no line end behind data": b"5\r\nabcde0\r\n\r\n",
    "bare LF": b"5\nabcde\n0\n\n",
    "bare LF behind an extension": b"5;a\nabcde\r\n0\r\n\r\n",
    "bare CR": b"5\rabcde\r0\r\r",
    "endless extension": b"5;" + b"a" * 100_000 + b"\r\nabcde\r\n0\r\n\r\n",
    "NUL in an extension": b"5;a=\0\r\nabcde\r\n0\r\n\r\n",
    "endless size": b"0" * 100_000 + b"5\r\nabcde\r\n0\r\n\r\n",
    "trailer without colon": b"5\r\nabcde\r\n0\r\nno colon\r\n\r\n",
    "endless trailer": b"5\r\nabcde\r\n0\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    "many trailers": b"5\r\nabcde\r\n0\r\n" + b"X: 1\r\n" * 20_000 + b"\r\n",
    "Arabic size": "٥\r\nabcde\r\n0\r\n\r\n".encode(),
    "no JSON": b"5\r\nabcde\r\n0\r\n\r\n",
    "junk": b"\xff\xfe\0\0\r\n" * 100,
}
WAITED_FOR = ("huge", "64 bits")
"""Where nobody wants the body aiohttp waits 10 s for the rest of such a chunk."""


def wrong_wires(site: Site, random: Random) -> Iterator[BadRequest]:
    """Request lines, heads, lengths, chunks, other protocols."""
    yield from (_wire("request line", repr(line[:60]), line + _rest(site)) for line in LINES)
    good = site.request("GET", "/health")
    for header in HEADERS:
        begin, _, rest = good.partition(b"\r\n")
        yield _wire("head", repr(header[:60]), begin + b"\r\n" + header + b"\r\n" + rest)
    begin, _, rest = good.partition(b"\r\n")
    yield _wire("head", "folded from the first line on", begin + b"\r\n " + rest)
    yield _wire("head", "no Host", _without(good, b"Host"))
    yield _wire("head", "HTTP/0.9", b"GET /health\r\n")
    yield _wire("head", "never ends", good[:-2] + b"X: 1\r\n", leaves=True)
    yield _wire("head", "flood", good[:-2] + b"X-Flood: 1\r\n" * 8000)
    yield _wire("head", "flood of one line", good[:-2] + b"X: " + b"a" * 200_000)
    yield _wire("head", "stops amid", good[:20])
    yield from _bodies(site)
    yield from _smuggling(site)
    yield from _protocols(site, random)


def _bodies(site: Site) -> Iterator[BadRequest]:
    """Lengths that lie and chunks that are none, of what would be stored."""
    path, body = site.path("/client"), site.good_client()

    def post(headers: Headers, sent: bytes) -> bytes:
        return site.request("POST", path, None, headers) + sent

    for name, chunks in CHUNKS.items():
        yield _wire("chunks", name, post([("Transfer-Encoding", "chunked")], chunks))
        yield _wire("chunks", f"{name}, and leaves", post([("Transfer-Encoding", "chunked")], chunks), leaves=True)
        nowhere = () if name in WAITED_FOR else ("/nowhere",)
        for other in (START, *site.upload_paths(), *nowhere):
            form = [("Transfer-Encoding", "chunked"), ("Content-Type", "multipart/form-data; boundary=abcde")]
            yield _wire("chunks", f"{other}: {name}", site.request("POST", other, None, form) + chunks)
    whole = b"%x\r\n%s\r\n" % (len(body), body)
    for leaves in (False, True):
        name = ", and leaves" if leaves else ""
        yield _wire("chunks", f"no end{name}", post([("Transfer-Encoding", "chunked")], whole), leaves=leaves)
        yield _wire("chunks", f"cut{name}", post([("Transfer-Encoding", "chunked")], whole[:20]), leaves=leaves)
        for more in (1, 1000, 10**9, 2**62, 2**63):
            wire = post([("Content-Length", str(len(body) + more))], body)
            yield _wire("length", f"{more} too large{name}", wire, leaves=leaves)
        yield _wire("length", f"nothing comes{name}", post([("Content-Length", "100")], b""), leaves=leaves)
    yield _wire("length", "too small", post([("Content-Length", str(len(body) - 1))], body))
    yield _wire("length", "none", post([], body))
    yield _wire("length", "zero", post([("Content-Length", "0")], body))
    wire = post([("Content-Length", "5"), ("Expect", "100-continue")], b"[nope")
    yield _wire("length", "Expect: 100-continue and no JSON", wire)
    yield _wire("length", "Expect: nonsense", post([("Content-Length", str(len(body))), ("Expect", "x")], body))


def _smuggling(site: Site) -> Iterator[BadRequest]:
    """Two ways to tell where a request ends; in one of them another follows."""
    hidden, path = site.good_post(), site.path("/task")
    for name, headers in {
        "length and chunks": [("Content-Length", "5"), ("Transfer-Encoding", "chunked")],
        "chunks and length": [("Transfer-Encoding", "chunked"), ("Content-Length", "5")],
        "chunks and all of it": [("Transfer-Encoding", "chunked"), ("Content-Length", str(5 + len(hidden)))],
        "hidden chunks": [("Content-Length", "5"), ("Transfer-Encoding", "\x0bchunked")],
        "folded chunks": [("Content-Length", "5"), ("Transfer-Encoding", "\r\n chunked")],
        "spaced chunks": [("Content-Length", "5"), ("Transfer-Encoding ", "chunked")],
        "misspelled chunks": [("Content-Length", str(5 + len(hidden))), ("Transfer-Encoding", "xchunked")],
        "two lengths": [("Content-Length", "5"), ("Content-Length", str(5 + len(hidden)))],
        "two lengths in one": [("Content-Length", f"5, {5 + len(hidden)}")],
        "underscore": [("Content-Length", "5"), ("Transfer_Encoding", "chunked"), ("Transfer-Encoding", "x")],
        "header in a header": [("X", "1\nTransfer-Encoding: chunked"), ("Content-Length", "5")],
        "NUL": [("Content-Length", "5\0"), ("Transfer-Encoding", "chunked")],
    }.items():
        wire = site.request("POST", path, None, headers, close=False) + b"0\r\n\r\n" + hidden
        yield _wire("smuggling", name, wire)
    old = site.request("POST", path, None, [("Transfer-Encoding", "chunked")], close=False)
    yield _wire("smuggling", "chunks in HTTP/1.0", old.replace(b"HTTP/1.1", b"HTTP/1.0", 1) + b"0\r\n\r\n" + hidden)
    for line in (
        b"GET /health HTTP/1.1\r\nno colon\r\n\r\n",
        b"\xff\r\n\r\n",
        b"GET / HTTP/9\r\n\r\n",
        b"junk\r\n\r\n",
    ):
        yield _wire("smuggling", f"behind {line!r}", line + hidden)


def _protocols(site: Site, random: Random) -> Iterator[BadRequest]:
    yield _wire("protocol", "TLS", TLS_HELLO)
    yield _wire("protocol", "TLS, and leaves", TLS_HELLO, leaves=True)
    yield _wire("protocol", "HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
    yield _wire(
        "protocol", "PROXY 2", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\1\x7f\0\0\1\0\1\0\2" + site.good_post()
    )
    yield _wire("protocol", "zeros", bytes(70_000))
    yield _wire("protocol", "lines", b"\n" * 70_000)
    yield _wire("protocol", "line ends", b"\r\n" * 70_000, leaves=True)
    yield _wire("protocol", "LF instead of CRLF", site.good_post().replace(b"\r\n", b"\n"))
    yield _wire("protocol", "CR instead of CRLF", site.good_post().replace(b"\r\n", b"\r"))
    yield _wire("protocol", "nothing, and leaves", b"", leaves=True)
    for number in range(JUNK):
        junk = random.randbytes(random.randrange(1, 3000))
        yield _wire("protocol", f"junk {number}", junk)
        yield _wire("protocol", f"junk {number} as a head", junk + b"\r\n\r\n", leaves=True)
    socket = [("Upgrade", "websocket"), ("Connection", "Upgrade, close"), ("Sec-WebSocket-Version", "13")]
    key = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    frames = b"\x82\xfe\xff\xff" + bytes(60_000)
    nowhere = f"{site.path('/task')}/{site.task_id}/socket"
    yield _wire("protocol", "websocket", site.request("GET", nowhere, None, [*socket, key]) + frames)
    yield _wire("protocol", "websocket without a key", site.request("GET", nowhere, None, socket) + frames)
    yield _wire(
        "protocol", "websocket by POST", site.request("POST", site.path("/task"), b"[nope", [*socket, key]) + frames
    )
    h2c = [
        ("Upgrade", "h2c"),
        ("Connection", "Upgrade, HTTP2-Settings, close"),
        ("HTTP2-Settings", "AAMAAABkAAQAoAAAAAIAAAAA"),
    ]
    yield _wire("protocol", "h2c", site.request("GET", nowhere, None, h2c) + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")


def _wire(kind: str, name: str, wire: bytes, *, leaves: bool = False) -> BadRequest:
    return BadRequest(kind, name, wire, leaves=leaves, may_be_closed=True)


def _rest(site: Site) -> bytes:
    """A head behind its first line."""
    return site.request("GET", "/health").partition(b" HTTP/1.1")[2]


def _without(request: bytes, name: bytes) -> bytes:
    return b"\r\n".join(line for line in request.split(b"\r\n") if not line.startswith(name + b":"))
