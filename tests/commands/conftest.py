"""One daemon without Asterisk for all commands that only ask it."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.api.conftest import running_dialer
from tests.rig.daemon import Dialer

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@pytest_asyncio.fixture(scope="session")
async def shared() -> AsyncIterator[Dialer]:
    async with running_dialer({"dialing": {"max_channels": 30}, "webhooks": {"secret": SECRET}}) as daemon:
        yield daemon


@pytest_asyncio.fixture
async def own() -> AsyncIterator[Dialer]:
    """For tests that stop it or look at all of its tasks."""
    async with running_dialer() as daemon:
        yield daemon
