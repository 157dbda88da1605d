"""Replies: one flat XML document, everything in it an attribute."""

import re
from collections.abc import Iterable, Mapping
from xml.etree import ElementTree as ET  # nosec B405

from dialer.api.votbox.errors import Code

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML 1.0 document may hold, not even escaped."""


def reply(items: Iterable[tuple[str, Mapping[str, object]]], warnings: Iterable[tuple[str, str]] = ()) -> bytes:
    """A call that was carried out: its items as element and attributes, those that are None left out, a flag as 0 or 1.
    `warnings`: parameter and message."""
    response = _response(Code.NONE, "")
    data = ET.SubElement(response, "data")
    for element, values in items:
        ET.SubElement(data, element, _attributes(values))
    for parameter, message in warnings:
        ET.SubElement(response, "warning", _attributes({"parameter": parameter, "message": message}))
    return _written(response)


def refusal(code: Code, message: str) -> bytes:
    """A call that was refused."""
    return _written(_response(code, message))


def _response(code: Code, message: str) -> ET.Element:
    response = ET.Element("response")
    ET.SubElement(response, "error", _attributes({"code": code.value, "message": message}))
    return response


def _written(response: ET.Element) -> bytes:
    return bytes(ET.tostring(response, "UTF-8", xml_declaration=True))


def _attributes(values: Mapping[str, object]) -> dict[str, str]:
    return {name: _text(value) for name, value in values.items() if value is not None}


def _text(value: object) -> str:
    return _NOT_XML.sub("\ufffd", str(int(value) if isinstance(value, bool) else value))
