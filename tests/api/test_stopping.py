"""SIGTERM while somebody is connected at every port of the daemon."""

import asyncio

import aiohttp

from dialer.model.access import cli_token
from tests.api.conftest import running_dialer
from tests.rig.daemon import BASE
from tests.rig.ports import PortBlock
from tests.rig.waiting import wait_for_answer

SECRET = "of the rig"


async def connect(port: int, said: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said.encode())
    await writer.drain()
    return reader, writer


def posting(path: str) -> str:
    """A request whose body does not end."""
    return f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\ncommand="


async def metrics(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as response:
        return await response.text()


async def test_who_is_amid_something_at_the_end_is_let_go_without_a_fault() -> None:
    ports = PortBlock(udp_ports=0, tcp_ports=1)
    try:
        log = await _stopped_amid_something(ports.port(1))
    finally:
        ports.release()
    assert [line for line in log.splitlines() if " ERROR " in line or "Traceback" in line] == []


async def _stopped_amid_something(cli_port: int) -> str:
    """The daemon's log."""
    async with running_dialer({"ami": {"secret": SECRET}, "cli": {"port": cli_port}}) as dialer:
        rest, agi = dialer.ports
        connections = [
            await connect(agi, "agi_network: yes\nagi_network_script: claim\n"),
            await connect(agi, ""),
            await connect(cli_port, posting(f"/{cli_token(SECRET)}/single")),
            await connect(rest, posting(f"{BASE}/task")),
            await connect(rest, ""),
        ]
        await wait_for_answer(
            lambda: metrics(dialer.url), lambda page: "autodialer_agi_sessions_open 2.0" in page, "both are served"
        )
        assert await dialer.stop() == 0
        for reader, writer in connections:
            await reader.read()
            writer.close()
        return dialer.log_file.read_text()
