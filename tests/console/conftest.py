"""The console in a headless Chromium, before a daemon that has a past."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest_asyncio
from argon2 import PasswordHasher
from playwright.async_api import Browser

from tests.api.conftest import running_dialer
from tests.console.browsing import PASSWORD, Look, chromium, looking
from tests.console.past import Past, make_past
from tests.rig.daemon import Dialer

GUARDED = {"auth": {"trust_local": False, "password_hash": PasswordHasher().hash(PASSWORD)}}


@dataclass(frozen=True)
class Stage:
    """A daemon that everybody must log in to, and what it has behind it."""

    dialer: Dialer
    past: Past

    @property
    def url(self) -> str:
        return self.dialer.url


@pytest_asyncio.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as launched:
        yield launched


@pytest_asyncio.fixture(scope="session")
async def stage() -> AsyncIterator[Stage]:
    """For all tests: each leaves behind it what the others do not look at."""
    async with running_dialer({"tts": {"engine": "espeak-ng"}}) as dialer:
        past = await make_past(dialer)
        async with dialer.changed(GUARDED):
            yield Stage(dialer, past)


@pytest_asyncio.fixture(scope="session")
async def admin(browser: Browser, stage: Stage) -> Any:
    """The cookies of an administrator who has logged in."""
    async with looking(browser, stage.url) as one:
        await one.log_in()
        return await one.page.context.storage_state()


@pytest_asyncio.fixture
async def look(browser: Browser, stage: Stage, admin: Any) -> AsyncIterator[Look]:
    """The administrator, logged in, in English."""
    async with looking(browser, stage.url, storage_state=admin) as one:
        yield one
