"""Calls through the real Asterisk: one world for the tests that only place calls, one of their own for the others.

Their daemons are forks (tests/rig/forked.py); test_install.py, chaos and demo run the command as its users do.
"""

import tempfile
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio

from tests.calls.bench import Bench
from tests.rig.world import World, running_world

SETTINGS = {"dialing": {"ring_timeout_s": 8, "shutdown_grace_s": 15, "polling_limit_s": 12}}
LONGEST = ("test_chaos.py", "test_campaigns.py", "test_outcomes.py", "test_callback.py", "test_shares.py")
_series = count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of several processes none is left alone at the end with a file that takes minutes."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest_asyncio.fixture(scope="session")
async def world() -> AsyncIterator[World]:
    with tempfile.TemporaryDirectory(prefix="dialer-", dir="/tmp") as folder:
        async with running_world(Path(folder), SETTINGS, program=None) as running:
            yield running


@pytest_asyncio.fixture
async def own_world() -> AsyncIterator[World]:
    """For tests that stop or kill parts of it."""
    with tempfile.TemporaryDirectory(prefix="dialer-", dir="/tmp") as folder:
        async with running_world(Path(folder), SETTINGS, program=None) as running:
            yield running


@pytest_asyncio.fixture(scope="session")
async def bench() -> AsyncIterator[Bench]:
    """Calls of any order, without tasks."""
    with tempfile.TemporaryDirectory(prefix="dialer-", dir="/tmp") as folder:
        async with Bench(Path(folder)).running() as running:
            yield running


@pytest.fixture
def series() -> int:
    """A first series of numbers that no other test dials; a thousand belong to the test."""
    return next(_series) * 1000
