"""A daemon whose Asterisk is away: it serves REST all the same."""

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_asyncio

from tests.rig.daemon import Dialer
from tests.rig.ports import PortBlock


@dataclass
class AbsentPbx:
    """An AMI port that nobody listens on."""

    ami_port: int
    spool_dir: Path
    ami_username: str = "autodialer"
    ami_secret: str = "none"


@asynccontextmanager
async def running_dialer(
    settings: Mapping[str, Mapping[str, Any]] | None = None, program: tuple[str, ...] | None = None
) -> AsyncIterator[Dialer]:
    """A daemon whose Asterisk is away, with these settings over the rig's own; a fork, or a program of its own."""
    with tempfile.TemporaryDirectory(prefix="dialer-api-", dir="/tmp") as folder:
        workdir = Path(folder)
        spool = workdir / "spool" / "outgoing"
        spool.mkdir(parents=True)
        ports = PortBlock(udp_ports=0, tcp_ports=1)
        daemon = Dialer(workdir, AbsentPbx(ports.port(1), spool), settings)
        daemon.program = program
        try:
            await daemon.start()
            yield daemon
        finally:
            await daemon.close()
            ports.release()


@pytest_asyncio.fixture
async def dialer() -> AsyncIterator[Dialer]:
    async with running_dialer() as daemon:
        yield daemon


@pytest_asyncio.fixture(scope="session")
async def shared() -> AsyncIterator[Dialer]:
    """For tests that neither look at what others have stored nor mind it."""
    async with running_dialer() as daemon:
        yield daemon
