"""Thousands of bad requests against the running daemon: each is refused, and it is as if none had come."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher

from tests.api.bad_requests.generating import bad_requests, good_requests
from tests.api.bad_requests.request import Site
from tests.api.bad_requests.sending import Address, Outcome, exchange, replies_of, send_all, table
from tests.api.conftest import running_dialer
from tests.api.test_slow_clients import open_files
from tests.rig.daemon import BASE, Dialer
from tests.rig.waiting import wait_until

SEED = 20261125
LEAST = 500
DEADLINE_S = 60.0
"""Then it hangs: with other tests beside it a workbook waits for its process."""
GROWTH_MB = 20.0
MAX_BODY_MB = 2
PASSES = 3


async def test_bad_requests_are_refused_and_change_nothing() -> None:
    quick_hash = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("кролик")
    settings: dict[str, dict[str, Any]] = {
        "http": {"max_body_mb": MAX_BODY_MB, "trusted_proxies": ["127.0.0.1"]},
        "auth": {"password_hash": quick_hash},
    }
    async with running_dialer(settings, program=(sys.executable, "-m", "tests.api.impatient")) as dialer:
        document = await fill(dialer)
        task_id = (await dialer.data("GET", "/task"))["results"][0]["id"]
        address = Address.of(dialer.url)
        site = Site(address.named, document, task_id=task_id, max_body_mb=MAX_BODY_MB)
        requests = bad_requests(site, SEED)
        assert len({(one.wire, one.leaves) for one in requests}) >= LEAST
        before = stored(dialer)
        memory_mb: list[float] = []
        descriptors = 0
        for _ in range(PASSES):
            outcomes = await send_all(address, requests, DEADLINE_S)
            assert [told(one) for one in outcomes if one.failure] == []
            assert len(outcomes) == len(requests)
            memory_mb.append(dialer.memory_mb)
            descriptors = descriptors or len(open_files(dialer.pid))
        print(f"\n{table(outcomes)}\n{len(requests)} different requests, {PASSES} times; memory, MB, after each pass: "
              f"{', '.join(f'{one:.1f}' for one in memory_mb)}")  # fmt: skip
        assert max(memory_mb[1:]) - memory_mb[0] < GROWTH_MB
        assert stored(dialer) == before
        await wait_until(lambda: len(open_files(dialer.pid)) <= descriptors, "connections and files are closed")
        assert (await dialer.health())["status"] == "degraded"  # its Asterisk is away
        log = dialer.log_file.read_text()
        assert "Traceback" not in log
        assert " ERROR " not in log
        assert "Warning" not in log
        assert "BadContentDisposition" not in log
        for request in good_requests(site):
            reply, _ = await exchange(address, request, DEADLINE_S)
            ((status, body),) = replies_of(reply)
            assert (status, body["result"]) == (200, True), (request, body)


async def fill(dialer: Dialer) -> dict[str, Any]:
    """Store something that bad requests could change; returns /openapi.json."""
    assert dialer.session is not None
    async with dialer.session.get(f"{dialer.url}/openapi.json") as response:
        document: dict[str, Any] = await response.json()
    schemas = document["components"]["schemas"]
    await dialer.data("POST", "/polling", schemas["PollingBody"]["examples"][0])
    await dialer.data("POST", "/client", schemas["ClientsBody"]["examples"][0])
    task = {**schemas["TaskBody"]["examples"][1], "state": 2}
    headers = {"Idempotency-Key": "the-first"}
    async with dialer.session.post(f"{dialer.url}{BASE}/task", json=task, headers=headers) as response:
        assert (await response.json())["result"] is True
    return document


def stored(dialer: Dialer) -> dict[str, list[Any]]:
    """Every row of every table, and every file of the spool and of the uploads."""
    with closing(sqlite3.connect(f"file:{dialer.database}?mode=ro", uri=True)) as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: database.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}  # noqa: S608
    spool, uploads = dialer.workdir / "spool", dialer.workdir / "audio" / "uploads"
    return {**rows, "spool": files(spool), "uploads": files(uploads)}


def files(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*") if path.is_file())


def told(outcome: Outcome) -> str:
    return f"{outcome.request.kind}: {outcome.request.name}: {outcome.failure[:600]}"
