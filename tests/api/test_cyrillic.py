"""What is not ASCII survives every path byte for byte, however a CRM writes its JSON."""

import codecs
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from tests.api.test_audio import beep
from tests.rig.daemon import BASE, Dialer

TEXT = "Ёжик, «цена» 5 ₽ — №1; Ї ґ Қ ә й и\u0306 😀 ẞ ١ <b>&amp;</b> \\ \" ' | & ${EPOCH} $[1+1] %D0%81"
"""Composed and decomposed letters, two alphabets' own, beyond 16 bits, and what other programs take for code."""
PHONE = "79522233446"
WRITERS: dict[str, Callable[[Any], bytes]] = {
    "UTF-8": lambda body: json.dumps(body, ensure_ascii=False).encode(),
    "escapes": lambda body: json.dumps(body, ensure_ascii=True).encode(),
    "BOM": lambda body: codecs.BOM_UTF8 + json.dumps(body, ensure_ascii=False).encode(),
}


@pytest.fixture(params=WRITERS)
def written(request: pytest.FixtureRequest) -> Callable[[Any], bytes]:
    return WRITERS[request.param]


async def posted(dialer: Dialer, path: str, body: bytes) -> Any:
    reply = await dialer.call("POST", path, raw=body)
    assert reply["result"] is True, reply
    return reply["data"]


async def got(dialer: Dialer, path: str) -> tuple[Any, bytes]:
    """`data` of a reply, and the reply as it is on the wire."""
    assert dialer.session is not None
    async with dialer.session.get(f"{dialer.url}{BASE}{path}") as response:
        raw = await response.read()
        assert response.status == 200, raw
        return json.loads(raw)["data"], raw


async def test_a_polling_comes_back_as_it_was_posted(dialer: Dialer, written: Callable[[Any], bytes]) -> None:
    question = {
        "questionId": TEXT[:80],
        "questionText": f"<name>, {TEXT}",
        "press": [{"key": "1", "action": "playback", "value": TEXT, "valueOptions": "text"}],
    }
    polling = {"crmId": TEXT[:60], "name": TEXT, "questions": [question]}
    await posted(dialer, "/polling", written(polling))
    stored, _ = await got(dialer, f"/polling/{quote(TEXT[:60], safe='')}")
    assert (stored["crmId"], stored["name"]) == (TEXT[:60], TEXT)
    (back,) = stored["questions"]
    assert back["questionText"] == f"<name>, {TEXT}"
    assert back["press"][0]["value"] == TEXT


async def test_a_task_and_its_numbers_params_come_back(dialer: Dialer, written: Callable[[Any], bytes]) -> None:
    task = {
        "crmId": TEXT[:60],
        "name": TEXT,
        "innerNum": "201",
        "innerNumType": "exten",
        "maxCountChannels": 1,
        "numbers": [{"number": PHONE, "params": {"имя": TEXT, TEXT[:20]: "Ж"}}],
    }
    created = await posted(dialer, "/task", written(task))
    stored, raw = await got(dialer, f"/task/{created['id']}")
    assert (stored["crmId"], stored["name"]) == (TEXT[:60], TEXT)
    (row,) = stored["results"]
    # PHP's serialize counts bytes
    for text in ("имя", TEXT, TEXT[:20], "Ж"):
        assert f's:{len(text.encode())}:"{text}";' in row["params"]
    assert json.loads(raw)["data"] == stored
    listed, _ = await got(dialer, "/task")
    assert [one["name"] for one in listed["results"]] == [TEXT]
    reply = await dialer.call("PUT", f"/task/{created['id']}", raw=written({"name": TEXT[::-1]}))
    assert reply["result"] is True, reply
    assert (await got(dialer, f"/task/{created['id']}"))[0]["name"] == TEXT[::-1]


async def test_a_client_and_its_properties_come_back(dialer: Dialer, written: Callable[[Any], bytes]) -> None:
    properties = [{"key": "имя", "value": TEXT}, {"key": TEXT[:40], "value": "Ж"}]
    client = {"crmId": TEXT[:60], "name": TEXT, "phones": [PHONE], "properties": properties}
    await posted(dialer, "/client", written([client]))
    stored, _ = await got(dialer, f"/client-by-phone/{PHONE}")
    found = {one["key"]: one["value"] for one in stored}
    assert found["имя"] == TEXT
    assert found[TEXT[:40]] == "Ж"
    assert dialer.session is not None
    async with dialer.session.delete(f"{dialer.url}{BASE}/client/{quote(TEXT[:60], safe='')}") as reply:
        assert reply.status == 200
    assert (await got(dialer, f"/client-by-phone/{PHONE}"))[0] == []


@pytest.mark.parametrize("quoted", [True, False], ids=["filename*", "filename"])
async def test_an_audio_file_is_known_by_its_name(dialer: Dialer, quoted: bool, tmp_path: Path) -> None:
    name = "Ёлка и й — №1 😀.wav"
    form = aiohttp.FormData(quote_fields=quoted)
    form.add_field("файл", beep(tmp_path / "b.wav"), filename=name, content_type="audio/wav")
    assert dialer.session is not None
    async with dialer.session.post(f"{dialer.url}{BASE}/audio", data=form) as reply:
        assert reply.status == 200, await reply.text()
    listed, _ = await got(dialer, "/audio")
    assert [one["name"] for one in listed] == [name]
    question = {"questionId": "1", "questionFile": name, "press": []}
    await dialer.data("POST", "/polling", {"crmId": "p", "name": "p", "questions": [question]})
    stored, _ = await got(dialer, "/polling/p")
    assert stored["questions"][0]["questionFile"] == name
    await dialer.data("DELETE", "/polling/p")
    async with dialer.session.delete(f"{dialer.url}{BASE}/audio/{quote(name, safe='')}") as reply:
        assert reply.status == 200
    assert (await got(dialer, "/audio"))[0] == []


async def test_an_error_names_a_wrong_text_as_it_was(dialer: Dialer, written: Callable[[Any], bytes]) -> None:
    reply = await dialer.call("POST", "/task", raw=written({"name": "x", "innerNumType": "Ёж"}))
    assert reply["result"] is False
    assert any("Ёж" in message for message in reply["messages"]), reply
