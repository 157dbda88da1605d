"""Replies as a strict parser reads them."""

import time
from typing import Any

from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from dialer.api.votbox.errors import Code
from dialer.api.votbox.xml import refusal, reply

ANY_TEXT = st.text(st.characters(exclude_categories=()))


def in_xml(text: str) -> str:
    """What a reader finds of a text: XML has no way to write the rest."""
    return "".join(
        one if one in "\t\n\r" or " " <= one <= "\ud7ff" or "\ue000" <= one <= "\ufffd" or one > "\uffff" else "\ufffd"
        for one in text
    )


def test_a_reply_has_the_shape_that_clients_were_written_for() -> None:
    items: list[tuple[str, dict[str, Any]]] = [
        ("task", {"id": 7, "taskname": "Долги & <пени>", "recfilename": None}),
        ("item", {"id": 8, "phonenumber": "88121112233", "code": Code.WRONG, "on": True}),
    ]
    content = reply(items, [("tsN", "не используется")])
    assert content.startswith(b"<?xml version='1.0' encoding='UTF-8'?>")
    root = fromstring(content)
    assert root.tag == "response"
    error, data, warning = root
    assert (error.tag, error.attrib) == ("error", {"code": "0", "message": ""})
    assert [(one.tag, one.attrib) for one in data] == [
        ("task", {"id": "7", "taskname": "Долги & <пени>"}),
        ("item", {"id": "8", "phonenumber": "88121112233", "code": "3", "on": "1"}),
    ]
    assert (warning.tag, warning.attrib) == ("warning", {"parameter": "tsN", "message": "не используется"})


def test_a_refusal_has_no_data() -> None:
    (error,) = fromstring(refusal(Code.LOGIN, "неверный логин"))
    assert (error.tag, error.attrib) == ("error", {"code": "1", "message": "неверный логин"})


@given(ANY_TEXT, ANY_TEXT)
def test_any_text_comes_back_but_for_what_xml_forbids(value: str, message: str) -> None:
    _, data, warning = fromstring(reply([("item", {"descr": value})], [(value, message)]))
    assert data[0].get("descr") == in_xml(value)
    assert warning.attrib == {"parameter": in_xml(value), "message": in_xml(message)}
    assert fromstring(refusal(Code.WRONG, message))[0].get("message") == in_xml(message)


def test_a_long_list_is_written_in_seconds() -> None:
    began = time.process_time()
    content = reply(
        ("item", {"id": number, "phonenumber": "88121112233", "jobstatus": 0, "jobstatusstr": "в очереди"})
        for number in range(100_000)
    )
    assert time.process_time() - began < 10
    assert content.count(b"<item ") == 100_000
