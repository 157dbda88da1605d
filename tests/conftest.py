"""All tests read English, whatever the language of who runs them; and what many of them need."""

import os

os.environ["DIALER_LANG"] = "en"

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from hypothesis import HealthCheck, settings

from dialer.store.database import Store
from tests.store.making import url_of

# no limits of time: Hypothesis has a fresh clone make its table of characters first, and this machine runs other tests
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """An empty one."""
    opened = await Store.open(url_of(tmp_path / "dialer.db"))
    yield opened
    await opened.close()
