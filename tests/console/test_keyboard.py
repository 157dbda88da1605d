"""The main path without a mouse: log in, make a task, start, pause, stop it, log out."""

import json

from playwright.async_api import Browser, Page, expect

from tests.console.browsing import LOGIN, PASSWORD, looking
from tests.console.conftest import Stage

MOST_TABS = 60
FOCUSED = """() => { const one = document.activeElement; if (!one || one === document.body) return '';
    const box = one.getBoundingClientRect(); const style = getComputedStyle(one);
    const label = one.labels?.[0]?.innerText ?? '';
    const shown = style.outlineStyle !== 'none' || one.matches('input[type=radio], input[type=file]');
    const name = (one.getAttribute('aria-label') || label || one.innerText || '').trim();
    return JSON.stringify({name, tag: one.tagName, shown, inside: box.bottom > 0 && box.top < innerHeight}); }"""


async def tab_to(page: Page, name: str, *, back: bool = False) -> None:
    """Press Tab until what has this name is focused; each step must be seen."""
    seen = []
    for _ in range(MOST_TABS):
        await page.keyboard.press("Shift+Tab" if back else "Tab")
        told = json.loads(await page.evaluate(FOCUSED) or "{}")
        seen.append(told.get("name", ""))
        if told and told["tag"] in ("A", "BUTTON", "INPUT", "SELECT", "TEXTAREA"):
            assert told["shown"], f"no visible focus: {told}"
            assert told["inside"], f"focus out of sight: {told}"
        if told.get("name", "").split("\n")[0] == name:
            return
    raise AssertionError(f"{name!r} not reached: {seen}")


async def test_the_main_path_by_keyboard_alone(browser: Browser, stage: Stage) -> None:
    async with looking(browser, stage.url) as look:
        page = look.page
        await page.goto(stage.url)
        await expect(page.get_by_label("Login")).to_be_focused()
        await page.keyboard.type(LOGIN)
        await page.keyboard.press("Tab")
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.locator("h1")).to_have_text("Overview")
        await tab_to(page, "Skip to the content")
        await look.shoot("keyboard-skip-link", whole=False)
        await page.keyboard.press("Enter")
        await expect(page.locator("#main")).to_be_focused()
        await tab_to(page, "New task")
        await page.keyboard.press("Enter")
        await expect(page.locator("h1")).to_be_focused()
        await tab_to(page, "Name")
        await page.keyboard.type("С клавиатуры")
        await tab_to(page, "Polling")
        await page.keyboard.press("ArrowDown")
        await expect(page.locator("main").get_by_label("Polling", exact=True).last).not_to_have_value("")
        await tab_to(page, "Paste numbers")
        await page.keyboard.press("Enter")
        await tab_to(page, "Numbers")
        await page.keyboard.type("79520500001")
        await tab_to(page, "Check the numbers")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("1 number can be taken")).to_be_visible()
        await tab_to(page, "Create paused")
        await page.keyboard.press("Enter")
        await expect(page.locator("h1")).to_have_text("С клавиатуры")
        await tab_to(page, "Start")
        await page.keyboard.press("Space")
        await expect(page.locator(".page-head .pill")).to_have_text("Running")
        await page.locator("h1").focus()
        await tab_to(page, "Stop")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog")).to_be_visible()
        await tab_to(page, "Stop")
        await page.keyboard.press("Enter")
        await expect(page.locator(".page-head .pill")).to_have_text("Stopped")
        await page.locator("body").press("Home")
        await tab_to(page, "admin", back=True)
        await page.keyboard.press("Enter")
        await tab_to(page, "Log out")
        await page.keyboard.press("Enter")
        await expect(page.locator("h1")).to_have_text("Log in")
