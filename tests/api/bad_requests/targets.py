"""Wrong paths, queries and methods, and logins that are none."""

from collections.abc import Iterator
from urllib.parse import quote, unquote

from tests.api.bad_requests.request import NO_SUCH, START, BadRequest, Site
from tests.api.bad_requests.values import schema_of_parameter

SEGMENTS = (
    *("%00", "%2e%2e", "%2e%2e%2fhealth", "..%2f..%2fetc%2fpasswd", "%zz", "%", "%2", "%ff", "%c0%ae%c0%ae", "%f0%9f"),
    *("a%0d%0aSet-Cookie:%20a=b", "%25%30%30", "%5c..%5c..%5cboot.ini", "%u0031", "%ed%a0%bd", "%e2%80%ae", "%7f"),
    *("%27%20OR%201=1--", "%24%7BSHELL(id)%7D", "%3Cscript%3E", "a%2fb", "%D9%A3", "%EF%BC%91", "%C2%B2", "%20"),
    *("x" * 501, "9" * 40, "9" * 5000, "%D0%96" * 400, f"{NO_SUCH}.wav", f"{NO_SUCH};a=b", "a" * 17 + ".wav"),
    *("-5", "+5", "1.5.5", "1e3", "0x10", "NaN", "1_000", "0" * 400),
)
QUERIES = (
    *(
        "-1",
        "+1",
        "1.5",
        "1e3",
        "0x1",
        "x",
        "NaN",
        "null",
        "true",
        "[]",
        "1,2",
        "1 2",
        "9" * 19,
        "9" * 5000,
        "\0",
        "1\0",
    ),
    *(
        "\n",
        "1\n",
        "٣",
        "３",
        "²",
        "1'--",
        "\u202e",
        "x" * 6000,
        "1;2",
        "7952-abc",
        "+",
        "++7952",
        "7" * 33,
        "waiting ",
    ),
)
RAW_QUERIES = ("%ff", "%00", "%zz", "%", "%2", "%e0%a4", "%u0031", "=1", "[]=1", "%F0%9F%92%A9")
METHODS = (
    *("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "FOO", "get", "Post", "PROPFIND"),
    *("M-SEARCH", "LOCK", "PURGE", "SOURCE", "G\u0415T"),
)
NOWHERE = (
    *(
        "/console",
        "//",
        "/x",
        "/pbxcore",
        "/pbxcore/api/module-dialer",
        "/.env",
        "/.git/config",
        "/index.php",
        "/admin-cabinet/",
    ),
    *("/health/", "/HEALTH", "/health%00", "/health%2f", "/health;a=b", "/docs/..%2fhealth", "/%2e%2e/health", "/*"),
    *("/openapi.json%20", "/openapi.yaml", "/cgi-bin/%2e%2e/%2e%2e/bin/sh", "/" + "a/" * 3000, "/" + "%20" * 2000),
    *("/%", "/%zz", "/%ff", "/\u0430", "/x?%00", "/x?" + "a=b&" * 1500, "/task", "/metric", "/wp-login.php", "/x?y#z"),
)
LOGINS: dict[str, bytes] = {
    "nothing": b"",
    "no fields": b"a=b",
    "no password": b"login=admin",
    "NUL": b"login=admin%00&password=x%00",
    "not UTF-8": b"login=\xff\xfe&password=\xff",
    "bad percents": b"login=%zz&password=%",
    "half a pair": rb'{"login": "admin", "password": "\ud83d"}',
    "types": b'{"login": ["admin"], "password": {"$ne": 1}}',
    "null": b'{"login": null, "password": null}',
    "no JSON": b'{"login": "admin", "password": ',
    "deep": b'{"a":' * 3000,
    "number": b'{"login": "admin", "password": ' + b"9" * 5000 + b"}",
    "long password": b"login=admin&password=" + b"x" * 5000,
    "many fields": b"a=b&" * 60 + b"login=admin&password=x",
    "twice": b"login=admin&login=root&password=a&password=b",
    "newlines": b"login=admin%0d%0aauthentication%20failed&password=x",
    "too large": b"login=admin&password=" + b"x" * 20_000,
}


def wrong_paths(site: Site) -> Iterator[BadRequest]:
    """Odd names where a path has one, and paths that lead nowhere."""
    for method, path, operation in site.calls():
        for parameter in operation.get("parameters", ()):
            if parameter["in"] != "path":
                continue
            schema = schema_of_parameter(parameter)
            # who is not there counts as deleted, has no properties and is on no list
            forgiving = "/client" in path or "/stop-list" in path
            body = b"{}" if method == "PUT" else None
            for segment in SEGMENTS:
                if not (forgiving and schema.is_valid(unquote(segment))):
                    target = site.filled(path, segment)
                    yield BadRequest("path", f"{method} {target[:99]}", site.request(method, target, body))
    base = site.path("/task").removesuffix("/task")
    here = (f"{base}/task/", f"{base}/TASK", f"{base}//task", f"{base}/nothing", f"{base}/task/1/2/3", f"{base}2/task")
    for target in (*NOWHERE, *here, f"{base}/task%3Fstate=0", f"{base}/task\\1", f"{base}/%2e%2e/v1/nothing"):
        yield BadRequest("path", f"GET {target[:99]}", site.request("GET", target), may_be_closed=not target.isascii())


def wrong_queries(site: Site) -> Iterator[BadRequest]:
    """Values that the document forbids, one at a time and beside good ones, and fields that are given twice."""
    for method, path, operation in site.calls():
        target = site.filled(path)
        for parameter in operation.get("parameters", ()):
            if parameter["in"] != "query":
                continue
            name, schema = parameter["name"], schema_of_parameter(parameter)
            wrong = [quote(value) for value in QUERIES if not schema.is_valid(value)]
            wrong += [value for value in RAW_QUERIES if not schema.is_valid(unquote(value))]
            for value in wrong:
                wire = site.request(method, f"{target}?{name}={value}")
                yield BadRequest("query", f"{method} {target}?{name}={value[:60]}", wire)
            good = {"state": ("0", "1"), "phone": ("79522233446", "79522233416")}.get(name, ("1", "2"))
            good = ("waiting", "dead") if "webhooks" in path and name == "state" else good
            for first, second in (good, good[::-1], (good[0], wrong[0]), (wrong[0], good[0]), (good[0], good[0])):
                query = f"{name}={first}&{name}={second}"
                yield BadRequest("query", f"{method} {target}?{query}", site.request(method, f"{target}?{query}"))


def wrong_methods(site: Site) -> Iterator[BadRequest]:
    """Every path with every method that it does not have."""
    declared: dict[str, set[str]] = {}
    for method, path, _ in site.calls():
        declared.setdefault(path, set()).update({method, *(("HEAD",) if method == "GET" else ())})
    for path, methods in declared.items():
        for method in METHODS:
            if method not in methods:
                wire = site.request(method, site.filled(path))
                yield BadRequest("method", f"{method} {path}", wire, may_be_closed=not method.isupper())


def wrong_logins(site: Site) -> Iterator[BadRequest]:
    """Nobody gets in by any of these."""
    for name, body in LOGINS.items():
        yield BadRequest("login", name, site.as_nobody().request("POST", START, body))
