"""The console in a headless Chromium, before a daemon that has a past."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest_asyncio
from argon2 import PasswordHasher
from playwright.async_api import Browser, async_playwright

from tests.api.conftest import running_dialer
from tests.console.browsing import CHROMIUM, PASSWORD, Look, looking
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
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"])
        try:
            yield chromium
        finally:
            await chromium.close()


@pytest_asyncio.fixture(scope="session")
async def stage() -> AsyncIterator[Stage]:
    """For all tests: each leaves behind it what the others do not look at."""
    async with running_dialer() as dialer:
        past = await make_past(dialer)
        async with dialer.changed(GUARDED):
            yield Stage(dialer, past)


@pytest_asyncio.fixture
async def look(browser: Browser, stage: Stage) -> AsyncIterator[Look]:
    """The administrator, logged in, in English."""
    async with looking(browser, stage.url) as one:
        await one.log_in()
        yield one
