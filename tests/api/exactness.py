"""What may stand where in a body: bodies as they come, with one value after the other put into each place of them."""

from collections.abc import Iterator
from typing import Any

from tests.api.placing import MISSING, Path, with_value

_deep: Any = "x"
for _ in range(9):
    _deep = [_deep]

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, 2, 3, -1, 0.0, 1.0, -0.0, 1.5, 59.5, 60, 60.5, 61, 600, 601, 1440),
    *(10_000, 10_001, 99_999_999, 100_000_000, 10**16 - 1, 10**16, 10**18, 10**20, 2**63 - 1, 2**63, -(2**63)),
    *(-(2**63) - 1, 1e15, 1e22, 1e300, 5e-324, 10**32, 79522233446),
    *(
        "",
        " ",
        "\t\n",
        "\u00a0",
        "\u3000",
        "\ufeff",
        "\0",
        "a\0b",
        "a",
        "да",
        "0",
        "1",
        "2",
        "3",
        "-1",
        "-0",
        "+",
        "+1",
    ),
    *("00", "01", "007", "1\n", "1.0", "60", "60.0", "60.5", "060.000", "59.123456789", "5.", ".5", "61", "600", "601"),
    *("0600", "0" * 15 + "60", "0" * 16 + "60", "0" * 17 + "1", "0" * 18, "0" * 18 + "1", "9" * 18, "9" * 19, "1440"),
    *("10000", "010000", "10001", "12*#", "1" * 8, "1" * 9, "1" * 16, "1" * 17, "1" * 20, "1" * 21, "1" * 33, "٧"),
    *("+7 (952) 223-34-46", "7952-", "-7952", "++7", "7" + " " * 99, "7" + " " * 100, "7952\n", "abc", "201,x"),
    *(
        "ru-RU",
        "ru",
        "ru_RU",
        "r",
        "ru-",
        "ru-RU\n",
        "de-1996-x",
        "x" * 51,
        "polling",
        "exten",
        "robot",
        "text",
        "file",
    ),
    *("answer", "playback", "playback_record", "dial", "restart", "x" * 100, "x" * 101, "x" * 500, "x" * 501),
    *("x" * 20_000, "x" * 20_001, "file", {}, [], [[]], [{}], [None], ["a"], [1], ["79522233446", 79522233446, 1.0]),
    *("2026-12-31", "31.02.2026", "2026-13-01", "31.12.2026 10:00:00", "31.12.2026 24:00:00", "31.12.2026"),
    *("2026-12-31T10:00:00+03:00", "2026-12-31T10:00:00Z", "2026-12-31 10:00:00.5", "2026-12-31T10:00:00+24:00"),
    *("2026-12-31T10:00", 9_999_999_999, 10**10, "Asia/Omsk", "Mars/Olympus", "-12", "14", "14.5", "+5.5", -12.5),
    *("1-5", "6-1,3", "8", "5-", "busy", "bussy", "default", "FAIL", "FAIL_PROVIDR", "SIP 486 Busy Here", "No answer"),
    *("S" * 100, "S" * 101, "Да", "Ab", ["busy", {"on": "FAIL"}], {"0": "busy"}, [1, 7], {"0": 1, "5": "6-7"}, [8]),
    *("0.1", "0.09", 0.1, 0.09, "100.0", "100.1", 100, 100.5, "999999999", "1000000000", "0.0000001", "10.5", 1e-7),
    *({"0": "1"}, {"7": {"key": "1"}}, {"0": "1", "a": "2"}, {"٣": "1"}, {"": "1"}, {"key": "1"}, {"key": 1.0}),
    *({"key": "a", "value": "b"}, {"key": ""}, {"key": "x" * 501}, {"value": "b"}, {"a": [1, {"b": None}]}),
    *([{"key": "a", "value": 1.5}], [{"key": "a", "value": True}], [{"key": 2**63}], {"a": 1e300}, {"a": True}),
    *({"0": {"key": "a"}, "1": {"key": "b"}}, {"0": {"key": "a"}, "1": "b"}, {"a": _deep}, {"a": _deep[0]}, _deep),
    *({"number": "7952"}, {"phone": 7952}, {"phone": None, "number": "7952"}, {"number": True}, {"params": {}}),
    *([{"number": "7", "params": {"a": _deep[0][0]}}], [{"number": "7", "params": {"a": _deep[0][0][0]}}]),
    *({"questionText": "a"}, [{"questionText": "a"}], [{"questionFile": "a"}], {"0": {"questionText": 5}}),
    *({"crmId": 1, "phones": ""}, {"crmId": 1, "phones": []}, {"0": {"crmId": 1, "phones": None}}, ["1"] * 101),
    *({str(one): "1" for one in range(101)}, {str(one): {"key": "1"} for one in range(501)}, [{"key": "1"}] * 101),
    *({f"k{one}": 1 for one in range(500)}, {f"k{one}": 1 for one in range(501)}),
)


def bodies(example: Any) -> Iterator[tuple[Path, Any, Any]]:
    """Each place of the example, each value, and the example with that value in that place (or without the place)."""
    for path in [(), *_places(example)]:
        for value in (*VALUES, MISSING):
            if path or value is not MISSING:
                yield path, value, with_value(example, path, value)


def _places(node: Any, path: Path = ()) -> Iterator[Path]:
    items: Any = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, one in items:
        yield (*path, key)
        yield from _places(one, (*path, key))
