"""A browser that looks at the console, and tells of everything that a user would not be told of."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.async_playwright import Axe
from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    async_playwright,
    expect,
)

SCREENSHOTS = Path(__file__).resolve().parents[2] / ".screenshots"
CHROMIUM = os.environ.get("AUTODIALER_CHROMIUM", "/usr/bin/chromium")
LOGIN, PASSWORD = "admin", "кролик-и-2-удава"
_axe = Axe("")  # half a megabyte of script: once for a page, not at each look at it
expect.set_options(timeout=10_000)


@dataclass
class Look:
    """One tab of a browser, in one language and theme."""

    page: Page
    url: str
    wrong: list[str] = field(default_factory=list)
    """What the page has told its console: errors, and what the Content-Security-Policy has kept from it."""
    allowed: tuple[str, ...] = ("401 (Unauthorized) {'url': '{url}/console/v1/me'",)
    """What may be told there: that nobody is logged in yet; a test that asks for more says so."""

    async def open(self, screen: str, heading: str | None = None) -> None:
        """Go to a screen by its address behind the #, wait for its heading."""
        target = f"{self.url}/#/{screen}"
        if self.page.url.startswith(self.url):
            await self.page.evaluate("hash => { location.hash = hash }", f"#/{screen}")
        else:
            await self.page.goto(target)
        if heading is not None:
            await expect(self.page.get_by_role("heading", level=1)).to_have_text(heading)

    async def log_in(self, login: str = LOGIN, password: str = PASSWORD) -> None:
        await self.page.goto(self.url)
        await self.page.locator("input[name=login]").fill(login)
        await self.page.locator("input[name=password]").fill(password)
        await self.page.keyboard.press("Enter")
        await expect(self.page.locator("main#main")).to_be_visible()

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """What the daemon answers to the same user, past the page: `data` of a call that must succeed."""
        reply = await self.page.request.fetch(f"{self.url}{path}", method=method, data=body)
        content = await reply.json()
        assert content["result"] is True, content
        return content["data"]

    async def get(self, path: str) -> Any:
        return await self.call("GET", path)

    async def settled(self) -> None:
        """Everything on the screen is loaded."""
        await expect(self.page.locator(".skeletons")).to_have_count(0)

    async def shoot(self, name: str, *, whole: bool = True) -> None:
        """Keep a picture in .screenshots/."""
        await self.settled()
        SCREENSHOTS.mkdir(exist_ok=True)
        if whole:
            await self.page.evaluate("scrollTo(0, 0)")
        await self.page.screenshot(
            path=SCREENSHOTS / f"{name}.png", full_page=whole, animations="disabled", caret="initial"
        )

    async def check_accessible(self, name: str, *, colours_only: bool = False) -> None:
        """Axe finds nothing that is worse than minor."""
        await self.settled()
        only = {"runOnly": ["color-contrast"]} if colours_only else {}
        if not await self.page.evaluate("'axe' in window"):
            await self.page.evaluate(AXE_SCRIPT)
        found = await _axe.run(self.page, options={"resultTypes": ["violations"], **only})
        serious = [one for one in found.response["violations"] if one["impact"] != "minor"]
        assert not serious, f"{name}: {[_shown(one) for one in serious]}"

    async def check_fits(self, name: str) -> None:
        """Nothing sticks out of the window to the right."""
        wide = await self.page.evaluate(_TOO_WIDE)
        assert wide <= 0, f"{name}: {wide} px too wide: {await self.page.evaluate(_STICKING_OUT)}"

    def button(self, name: str, within: Locator | None = None) -> Locator:
        return (within or self.page).get_by_role("button", name=name, exact=True)

    def check_quiet(self) -> None:
        told = [one for one in self.wrong if not any(part.replace("{url}", self.url) in one for part in self.allowed)]
        assert not told, told


def _shown(violation: dict[str, Any]) -> tuple[str, list[str]]:
    return violation["id"], [node["html"][:160] for node in violation["nodes"][:4]]


_TELL_VIOLATIONS = """addEventListener('securitypolicyviolation',
    event => console.error('CSP: ' + event.violatedDirective + ' ' + event.blockedURI))"""
_TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
_STICKING_OUT = """[...document.querySelectorAll('main *')]
    .filter(one => one.getBoundingClientRect().right > innerWidth + 1).slice(0, 5)
    .map(one => one.outerHTML.slice(0, 120))"""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Debian's, without a window."""
    arguments = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            yield launched
        finally:
            await launched.close()


async def new_context(
    browser: Browser, *, lang: str = "en", theme: str = "light", phone: bool = False, **more: Any
) -> BrowserContext:
    """A new visitor with this language and colour scheme, in Tokyo."""
    more = {"viewport": {"width": 360, "height": 740} if phone else {"width": 1360, "height": 900}, **more}
    return await browser.new_context(
        locale={"en": "en-US", "ru": "ru-RU"}[lang],
        color_scheme="dark" if theme == "dark" else "light",
        has_touch=phone,
        reduced_motion="reduce",
        timezone_id="Asia/Tokyo",
        **more,
    )


@asynccontextmanager
async def tab_of(context: BrowserContext, url: str) -> AsyncIterator[Look]:
    """A new tab of this visitor. What it complains of fails the test."""
    page = await context.new_page()
    look = Look(page, url)

    def note(said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            look.wrong.append(f"{said.type}: {said.text} {said.location}")

    page.on("console", note)
    page.on("pageerror", lambda error: look.wrong.append(f"pageerror: {error}"))
    await page.add_init_script(_TELL_VIOLATIONS)
    try:
        yield look
        look.check_quiet()
    finally:
        await page.close()


@asynccontextmanager
async def looking(browser: Browser, url: str, **how: Any) -> AsyncIterator[Look]:
    """The only tab of a new visitor (`new_context`)."""
    context = await new_context(browser, **how)
    try:
        async with tab_of(context, url) as look:
            yield look
    finally:
        await context.close()
