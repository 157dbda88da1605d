"""The console in a headless Chromium, before a daemon that has a past."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest_asyncio
from argon2 import PasswordHasher
from playwright.async_api import Browser, BrowserContext

from tests.api.conftest import running_dialer
from tests.console.browsing import LOGIN, PASSWORD, Look, chromium, new_context, tab_of
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
    return await cookies_of(browser, stage.url)


async def cookies_of(browser: Browser, url: str) -> Any:
    """The cookies of an administrator who has logged in, past the page."""
    context = await new_context(browser)
    try:
        reply = await context.request.post(
            f"{url}/admin-cabinet/session/start", form={"login": LOGIN, "password": PASSWORD}
        )
        assert (await reply.json())["success"] is True
        return await context.storage_state()
    finally:
        await context.close()


@pytest_asyncio.fixture(scope="session")
async def desk(browser: Browser, admin: Any) -> AsyncIterator[BrowserContext]:
    """Where the administrator sits: one browser for all tests, its cache kept."""
    context = await new_context(browser, storage_state=admin)
    try:
        yield context
    finally:
        await context.close()


@pytest_asyncio.fixture
async def look(desk: BrowserContext, stage: Stage) -> AsyncIterator[Look]:
    """A new tab of the administrator, logged in, in English."""
    async with tab_of(desk, stage.url) as one:
        yield one
