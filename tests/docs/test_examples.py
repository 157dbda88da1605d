"""The examples of the CRM developer's guide do what the guide says, against a daemon that wants a key."""

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import aiohttp
import pytest
import tree_sitter
import tree_sitter_hbk

from tests.docs.conftest import CLIENTS, EXAMPLES, Crm
from tests.rig.ports import PortBlock
from tests.rig.receiver import SECRET
from tests.rig.waiting import wait_for_answer

RECEIVERS = ("python", "php")
Numbers = tuple[str, str, str]
_series = count(1)


@pytest.fixture
def numbers() -> Numbers:
    """Of this test alone. Nobody dials them: a number on a stop list has its result at once."""
    series = next(_series)
    return (f"7952000{series:02d}60", f"7952000{series:02d}61", f"7952000{series:02d}62")


@pytest.fixture
def campaign(numbers: Numbers) -> str:
    return f"order-{numbers[0]}"


async def forbid(crm: Crm, *numbers: str) -> None:
    await crm.dialer.data("POST", "/stop-list", {"numbers": list(numbers)})


def lines(done: "subprocess.CompletedProcess[str]") -> list[list[str]]:
    assert done.returncode == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


async def test_curl_tells_a_refusal(crm: Crm) -> None:
    done = await crm.run(str(EXAMPLES / "curl/campaign.sh"), "nobody")
    assert done.returncode != 0
    assert "numbers[0].number: 1 to 32 digits (also * and #, + in front) expected, got 'nobody'" in done.stderr


@pytest.mark.parametrize("language", CLIENTS)
async def test_a_campaign_begins_once_however_often_it_is_started(
    crm: Crm, numbers: Numbers, campaign: str, language: str
) -> None:
    ids = [lines(await crm.client(language, "start", campaign, *numbers)) for _ in range(2)]
    assert ids[0] == ids[1]
    tasks = (await crm.dialer.data("GET", f"/task?crmId={campaign}"))["results"]
    assert [[[task["id"]]] for task in tasks] == ids[:1]


@pytest.mark.parametrize("language", CLIENTS)
async def test_each_result_is_read_once(crm: Crm, numbers: Numbers, campaign: str, language: str) -> None:
    await forbid(crm, *numbers[:2])
    lines(await crm.client(language, "start", campaign, *numbers))
    first = lines(await crm.client(language, "fetch"))
    assert sorted(row for row in first if row[1] in numbers) == [
        ["result", number, "FAIL", "Stop list"] for number in numbers[:2]
    ]
    assert lines(await crm.client(language, "fetch")) == []
    await forbid(crm, numbers[2])
    assert lines(await crm.client(language, "fetch")) == [["result", numbers[2], "FAIL", "Stop list"]]


@pytest.mark.parametrize("language", CLIENTS)
async def test_a_refusal_names_field_and_reason(crm: Crm, campaign: str, language: str) -> None:
    done = await crm.client(language, "start", campaign, "nobody")
    assert done.returncode == 1
    assert done.stderr.startswith("refused: numbers[0].number: 1 to 32 digits ")


@pytest.mark.parametrize("language", CLIENTS)
async def test_without_a_key_nobody_gets_in(crm: Crm, language: str) -> None:
    done = await crm.client(language, "fetch", AUTODIALER_KEY="")
    assert done.returncode != 0
    assert "401" in done.stderr or "isn't authenticated" in done.stderr


def python_events(folder: Path) -> list[tuple[str, str]]:
    if not (folder / "events.db").exists():
        return []
    with sqlite3.connect(folder / "events.db") as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'event'").fetchone():
            return []
        return sorted((kind, json.loads(row)["phone"]) for kind, row in database.execute("SELECT type, row FROM event"))


def php_events(folder: Path) -> list[tuple[str, str]]:
    events = [json.loads(file.read_text()) for file in folder.glob("*.json")]
    return sorted((event["type"], event["data"]["phone"]) for event in events)


EVENTS: dict[str, Callable[[Path], list[tuple[str, str]]]] = {"python": python_events, "php": php_events}


@asynccontextmanager
async def receiving(crm: Crm, language: str) -> AsyncIterator[str]:
    """The example's receiver as a process of its own; its URL."""
    ports = PortBlock(udp_ports=0, tcp_ports=1)
    port = ports.port(1)
    program = {
        "python": (sys.executable, str(EXAMPLES / "python/webhook.py"), str(port)),
        "php": ("php", "-S", f"127.0.0.1:{port}", str(EXAMPLES / "php/webhook.php")),
    }[language]
    environment = crm.environment(AUTODIALER_WEBHOOK_SECRET=SECRET, EVENTS_DIR=str(crm.folder))
    process = await asyncio.create_subprocess_exec(
        *program, cwd=crm.folder, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        await wait_for_answer(lambda: _listens(port), lambda there: there, "the receiver listens", 10)
        yield f"http://127.0.0.1:{port}/event"
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()
        ports.release()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@pytest.mark.parametrize("language", RECEIVERS)
async def test_a_receiver_stores_each_event_once_and_takes_nothing_forged(
    crm: Crm, numbers: Numbers, language: str
) -> None:
    async with receiving(crm, language) as url:
        await forbid(crm, *numbers)
        task = {"innerNum": "201", "numbers": list(numbers), "notifyUrl": url}
        await crm.dialer.data("POST", "/task", task)
        expected = [("result", number) for number in numbers]

        async def stored() -> list[tuple[str, str]]:
            return EVENTS[language](crm.folder)

        await wait_for_answer(stored, lambda events: events == expected, "every event is stored", 15)
        forged = {
            "webhook-id": "result-1-0000000000000000",
            "webhook-timestamp": "1795699243",
            "webhook-signature": "v1,AAAA",
        }
        async with aiohttp.ClientSession() as session:
            for headers in (forged, {}):
                async with session.post(url, data=b'{"id": "x", "type": "result"}', headers=headers) as response:
                    assert response.status == 401
        assert EVENTS[language](crm.folder) == expected


@pytest.mark.parametrize("module", sorted(EXAMPLES.glob("1c/*.bsl")), ids=lambda file: file.name)
def test_modules_of_1c_are_sound_bsl(module: Path) -> None:
    """Nobody can run them here; a grammar of the language reads them."""
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_hbk.language()))
    assert _wrong(parser.parse(module.read_bytes()).root_node) == []
    assert _wrong(parser.parse("Процедура П() Если Истина Тогда КонецЦикла; КонецПроцедуры".encode()).root_node)


def _wrong(node: tree_sitter.Node) -> list[str]:
    own = [f"line {node.start_point.row + 1}: {node.type}"] if node.type == "ERROR" or node.is_missing else []
    return [*own, *(one for child in node.children for one in _wrong(child))]
