"""All of the bad requests."""

from collections.abc import Iterator
from random import Random

from tests.api.bad_requests.forms import TABLE, Form, tone, wrong_forms
from tests.api.bad_requests.headers import wrong_headers, wrong_keys
from tests.api.bad_requests.request import BadRequest, Site, as_json
from tests.api.bad_requests.targets import wrong_logins, wrong_methods, wrong_paths, wrong_queries
from tests.api.bad_requests.texts import wrong_encodings, wrong_texts
from tests.api.bad_requests.values import doubled_keys, wrong_values
from tests.api.bad_requests.wires import wrong_wires

FIRST = {"chunks": 0, "length": 0, "head": 0, "form": 0, "login": 2, "authorization": 2}
"""Those that the daemon waits for go before the others, and those that may lock us out behind."""


def bad_requests(site: Site, seed: int) -> list[BadRequest]:
    """No two of them send the same. The same seed makes the same ones."""
    random = Random(seed)
    distinct: dict[tuple[bytes, bool], BadRequest] = {}
    for one in _all(site, random):
        distinct.setdefault((one.wire, one.leaves), one)
    ordered = list(distinct.values())
    random.shuffle(ordered)
    return sorted(ordered, key=lambda one: FIRST.get(one.kind, 1))


def _all(site: Site, random: Random) -> Iterator[BadRequest]:
    yield from wrong_wires(site, random)
    yield from wrong_values(site, random)
    yield from doubled_keys(site)
    yield from wrong_texts(site, random)
    yield from wrong_encodings(site)
    yield from wrong_forms(site, random)
    yield from wrong_paths(site)
    yield from wrong_queries(site)
    yield from wrong_methods(site)
    yield from wrong_headers(site)
    yield from wrong_keys(site)
    yield from wrong_logins(site)


def good_requests(site: Site) -> Iterator[bytes]:
    """What the bad ones are made of: each of these is taken."""
    yield site.good_post()
    for method, path, schema in site.json_calls():
        if path.endswith("/prompt"):
            continue  # its reply is a sound
        for number, example in enumerate(site.examples(schema)):
            key = [("Idempotency-Key", f"{path}-{number}")]
            yield site.request(method, path, as_json(example), key)
    for path in site.upload_paths():
        form = Form().file(tone(), "a.wav") if path.endswith("/audio") else Form().file(TABLE, "a.csv")
        yield site.request("POST", path, form.body, [("Content-Type", form.content_type), ("Idempotency-Key", path)])
    for path in ("/task", "/webhooks"):
        yield site.request("GET", f"{site.path(path)}?limit=1&offset=2&x=1&x=2")
