"""JSON bodies with one wrong value: each place of the document's examples, each value that its schema forbids there."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import jsonschema_rs

from tests.api.bad_requests.request import BadRequest, Json, Site, as_json
from tests.api.placing import MISSING, Path, has_place, with_value

HERE = "\ue000here\ue000"
"""Stands for what only JSON's text can say."""
VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "zero": 0,
    "negative": -5,
    "fraction": 1.5,
    "large number": 2**63,
    "huge number": 1e300,
    "list": [],
    "list in a list": [["x"]],
    "list of objects": [{"\0": None}],
    "object": {},
    "object with a strange key": {"\u202e": 1},
    "object of numbers": {"0": [], "1": {}},
    "empty text": "",
    "a space": " ",
    "NUL": "a\0b",
    "newline": "201\nSetvar: A=1",
    "line separator": "201\u2028",
    "Arabic digits": "٧٩٥٢٢٢٣",
    "full-width digits": "７９５２",
    "superscript": "²",
    "sign": "-1",
    "hexadecimal": "0x10",
    "exponent": "1e3",
    "text": "x, y",
    "expression": "${SHELL(id)}",
    "path": "../../../etc/passwd",
    "SQL": "1'; DROP TABLE task; --",
    "long text": "x" * 20_001,
    "long number": "9" * 400,
}
SPELLED = {
    "1e400": "1e400",
    "NaN": "NaN",
    "Infinity": "-Infinity",
    "half a pair": '"\\ud83d"',
    "pair the wrong way round": '"\\udc00\\ud800"',
    "5000 digits": "9" * 5000,
}
"""Nowhere any good."""
MISSPELLED = {
    "leading zero": "01",
    "plus": "+1",
    "no digit in front": ".5",
    "no digit behind": "1.",
    "single quotes": "'x'",
    "bad escape": '"\\x41"',
    "short escape": '"\\u12"',
    "raw newline": '"a\nb"',
    "raw NUL": '"a\0b"',
    "unclosed text": '"abc',
    "unclosed list": "[1, 2",
    "word": "undefined",
    "Python": "None",
    "comment": "/* */ 1",
    "trailing comma": "[1, ]",
    "two values": "1 2",
}
EACH_MISSPELLED, EACH_OF_OTHERS = 1, 2


def wrong_values(site: Site, random: Random) -> Iterator[BadRequest]:
    """For every call that takes JSON. Fields that no example has are put in where the schema knows them."""
    names = sorted(_field_names(site.document))
    for method, path, schema in site.json_calls():
        validator = jsonschema_rs.Draft202012Validator({**schema, "components": site.document["components"]})
        done: set[Path] = set()
        for number, example in enumerate(site.examples(schema)):
            where = f"{method} {path} {number}"
            for place in [(), *_places(example, names)]:
                if place in done:  # in the example before
                    continue
                done |= {place} if has_place(example, place) else set()
                values = [*VALUES.items(), ("missing", MISSING)]
                is_there = has_place(example, place)
                for name, value in values if is_there else random.sample(values, EACH_OF_OTHERS):
                    body = with_value(example, place, value)
                    if body is not MISSING and not validator.is_valid(body):
                        yield BadRequest(
                            "value", f"{where} {place}: {name}", _json_request(site, method, path, as_json(body))
                        )
                if not is_there:
                    continue
                text = json.dumps(with_value(example, place, HERE), ensure_ascii=False)
                spelled = [*SPELLED.items(), *random.sample(sorted(MISSPELLED.items()), EACH_MISSPELLED)]
                for name, spelling in spelled:
                    wrong = text.replace(f'"{HERE}"', spelling).encode()
                    yield BadRequest("spelling", f"{where} {place}: {name}", _json_request(site, method, path, wrong))


def doubled_keys(site: Site) -> Iterator[BadRequest]:
    """A key twice: the last one counts, and that one is wrong."""
    for method, path, schema in site.json_calls():
        validator = jsonschema_rs.Draft202012Validator({**schema, "components": site.document["components"]})
        for number, example in enumerate(site.examples(schema)):
            one = example[0] if isinstance(example, list) else example
            for key in one:
                wrong = {**one, key: {"\0": [True]}}
                if not validator.is_valid([wrong] if isinstance(example, list) else wrong):
                    good = json.dumps(one, ensure_ascii=False)[:-1]
                    text = f'{good}, {json.dumps(key)}: {{"\\u0000": [true]}}}}'
                    name = f"{method} {path} {number}: {key} twice"
                    yield BadRequest("doubled key", name, _json_request(site, method, path, text.encode()))


def _json_request(site: Site, method: str, path: str, body: bytes) -> bytes:
    return site.request(method, path, body, [("Content-Type", "application/json")])


def _field_names(node: Any) -> set[str]:
    """Of all properties of all schemas."""
    if isinstance(node, list):
        return set().union(*map(_field_names, node))
    if not isinstance(node, dict):
        return set()
    properties = node.get("properties")
    own = set(properties) if isinstance(properties, dict) else set()
    return own.union(*map(_field_names, node.values()))


def _places(node: Any, names: list[str], path: Path = ()) -> Iterator[Path]:
    if isinstance(node, dict):
        yield from ((*path, name) for name in names if name not in node)
    items: Any = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, one in items:
        yield (*path, key)
        yield from _places(one, names, (*path, key))


def schema_of_parameter(parameter: Json) -> jsonschema_rs.Validator:
    """What a parameter of a path or a query may be."""
    return jsonschema_rs.Draft202012Validator(parameter["schema"])
