"""The directory of clients over REST, with no Asterisk near."""

import json
from typing import Any

from tests.rig.daemon import Dialer

IVAN: dict[str, Any] = {
    "crmId": "c-1",
    "name": "Иван",
    "phones": ["79522233446", "+7 (495) 123-45-67"],
    "properties": [{"key": "DEBT", "value": "1500"}],
}

deep: list[Any] = []
for _ in range(300):
    deep = [deep]
BAD_CLIENTS: list[tuple[Any, str]] = [
    ({"crmId": None}, "[1].crmId"),
    ({"crmId": ""}, "[1].crmId"),
    ({"crmId": {}}, "[1].crmId"),
    ({"crmId": True}, "[1].crmId"),
    ({"crmId": "x" * 101}, "[1].crmId"),
    ({"name": "a\0b"}, "[1].name"),
    ({"name": "x" * 501}, "[1].name"),
    ({"name": []}, "[1].name"),
    ({"phones": ["7952x"]}, "[1].phones[0]"),
    ({"phones": ["79522233446", "7952\nSetvar: A=1"]}, "[1].phones[1]"),
    ({"phones": ["٧٩٥٢"]}, "[1].phones[0]"),
    ({"phones": [None]}, "[1].phones[0]"),
    ({"phones": [True]}, "[1].phones[0]"),
    ({"phones": [{"tel": "79522233446"}]}, "[1].phones[0]"),
    ({"phones": {"a": "79522233446"}}, "[1].phones"),
    ({"phones": True}, "[1].phones"),
    ({"phones": ["79522233446"] * 101}, "[1].phones"),
    ({"properties": "text"}, "[1].properties"),
    ({"properties": [["DEBT", "1"]]}, "[1].properties"),
    ({"properties": [{"value": "1"}]}, "[1].properties"),
    ({"properties": {"": "1"}}, "[1].properties"),
    ({"properties": {"A": {"b": 1}}}, "[1].properties"),
    ({"properties": {"A": deep}}, "[1].properties"),
    ({"properties": {"A": True}}, "[1].properties"),
    ({"properties": {"A": "a\0b"}}, "[1].properties"),
    ({"properties": {str(n): "1" for n in range(501)}}, "[1].properties"),
]
WRONG_SHAPES: list[tuple[Any, str]] = [
    (5, "body"),
    ("text", "body"),
    (None, "body"),
    ([5], "[0]"),
    ([None], "[0]"),
    ([{"crmId": "c-2"}], "[0].phones"),
    ({"phones": ["79522233446"]}, "[0].crmId"),
]


async def by_phone(dialer: Dialer, phone: str) -> dict[str, Any]:
    return {one["key"]: one["value"] for one in await dialer.data("GET", f"/client-by-phone/{phone}")}


async def test_a_posted_client_is_shown_and_found_by_each_phone(dialer: Dialer) -> None:
    reply = await dialer.call("POST", "/client", [IVAN])
    assert list(reply) == ["result", "data", "messages", "function", "processor", "pid"]
    (shown,) = reply["data"]
    assert shown == {
        "id": "1",
        "name": "Иван",
        "crmId": "c-1",
        "phones": [
            {"phone": "79522233446", "phoneId": "9522233446", "clientId": "1"},
            {"phone": "+74951234567", "phoneId": "4951234567", "clientId": "1"},
        ],
        "properties": [{"key": "NAME", "value": "Иван"}, {"key": "DEBT", "value": "1500"}],
    }
    for phone in ("79522233446", "89522233446", "%2B7952%20223-34-46", "9522233446", "4951234567"):
        assert await by_phone(dialer, phone) == {"NAME": "Иван", "DEBT": "1500"}


async def test_what_is_shown_can_be_posted(dialer: Dialer) -> None:
    shown = await dialer.data("POST", "/client", [IVAN])
    assert await dialer.data("POST", "/client", shown) == shown


async def test_clients_as_1c_and_php_write_them(dialer: Dialer) -> None:
    alike: list[dict[str, Any]] = [
        {"properties": {"DEBT": 1500}},
        {"properties": {"DEBT": 1500.0}},
        {"properties": {"0": {"key": "DEBT", "value": "1500"}}},
        {"phones": [79522233446, 84951234567]},
        {"phones": {"0": "79522233446", "2": "84951234567"}},
        {"phones": [{"phone": "79522233446"}, {"number": "84951234567"}]},
    ]
    for change in alike:
        await dialer.data("POST", "/client", {**IVAN, **change})
        assert await by_phone(dialer, "84951234567") == {"NAME": "Иван", "DEBT": "1500"}, change
    nothings: list[Any] = [{}, [], None, ""]
    for nothing in nothings:
        await dialer.data("POST", "/client", {"crmId": "c-1", "phones": "79522233446", "properties": nothing})
        assert await by_phone(dialer, "79522233446") == {"NAME": "Иван"}
    await dialer.data("POST", "/client", {"0": {**IVAN, "crmId": 7, "properties": {"SUM": 12.5, "X": None}}})
    assert await by_phone(dialer, "79522233446") == {"NAME": "Иван", "SUM": "12.5", "X": ""}
    await dialer.data("DELETE", "/client/7")
    for nothing in nothings[1:]:
        await dialer.data("POST", "/client", [{"crmId": "c-1", "phones": nothing}])
        assert await by_phone(dialer, "79522233446") == {}
    bom = await dialer.call("POST", "/client", raw="\ufeff[" + json.dumps(IVAN) + "]")
    assert bom["result"] is True


async def test_bad_clients_are_refused_by_field_and_none_of_the_list_is_stored(dialer: Dialer) -> None:
    for change, field in BAD_CLIENTS:
        reply = await dialer.call("POST", "/client", [IVAN, {**IVAN, "crmId": "c-2", **change}])
        assert reply["result"] is False, change
        assert any(message.startswith(field) for message in reply["messages"]), (change, reply["messages"])
        assert sum(map(len, reply["messages"])) < 2000
    for body, field in WRONG_SHAPES:
        reply = await dialer.call("POST", "/client", raw="null" if body is None else None, body=body)
        assert reply["result"] is False, body
        assert any(message.startswith(field) for message in reply["messages"]), (body, reply["messages"])
    assert await by_phone(dialer, "79522233446") == {}


async def test_what_is_not_json_is_refused(dialer: Dialer) -> None:
    for body in ("{", "", "\0", "[1", '[{"a": NaN}]', "[" * 5000, "[1e400]", r'["\ud800"]', b"\xff\xfe["):
        reply = await dialer.call("POST", "/client", raw=body)
        assert (reply["result"], reply["messages"]) == (False, ["Invalid JSON request body"]), body


async def test_millions_of_wrong_clients_are_refused_at_once(dialer: Dialer) -> None:
    reply = await dialer.call("POST", "/client", raw="[" + "{}," * 2_400_000 + "{}]")
    assert (reply["result"], len(reply["messages"])) == (False, 1)
    reply = await dialer.call("POST", "/client", raw="[" + "{}," * 9_000 + "{}]")
    assert (reply["result"], len(reply["messages"])) == (False, 21)


async def test_a_deleted_client_is_found_no_more_and_deleting_again_is_no_error(dialer: Dialer) -> None:
    await dialer.data("POST", "/client", [IVAN])
    for _ in range(2):
        assert await dialer.data("DELETE", "/client/c-1") == []
    assert await by_phone(dialer, "79522233446") == {}


async def test_a_phone_that_is_none_is_refused_and_an_unknown_one_has_no_properties(dialer: Dialer) -> None:
    reply = await dialer.call("GET", "/client-by-phone/abc")
    assert reply["result"] is False
    assert reply["messages"][0].startswith("phone: ")
    assert await dialer.data("GET", "/client-by-phone/79520000000") == []
