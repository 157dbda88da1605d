"""All tests read English, whatever the language of who runs them; and what many of them need."""

import os

os.environ["DIALER_LANG"] = "en"

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from dialer.store.database import Store
from tests.store.making import url_of


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """An empty one."""
    opened = await Store.open(url_of(tmp_path / "dialer.db"))
    yield opened
    await opened.close()
