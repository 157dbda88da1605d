"""The web console while real calls are made: what it shows is what happens."""

import re
from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from tests.calls.asking import ask, post_task
from tests.calls.test_recordings import recording
from tests.console.browsing import chromium, looking
from tests.rig.expected import POLLING
from tests.rig.numbers import make_number
from tests.rig.waiting import wait_for_answer
from tests.rig.world import World

BEHAVIOURS = ("12", "21", "70", "13", "72", "11", "25", "14", "15", "76")


@pytest_asyncio.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as launched:
        yield launched


async def test_a_polling_is_watched_paused_and_finished_in_the_page(
    world: World, browser: Browser, series: int
) -> None:
    dialer = world.dialer
    polling = await dialer.data("POST", "/polling", POLLING)
    numbers = [make_number(series + turn, behaviour) for turn in range(2) for behaviour in BEHAVIOURS]
    task_id = await post_task(dialer, numbers, polling["id"], "polling", channels=4, name="Опрос вживую", state=2)
    async with looking(browser, dialer.url, lang="ru", theme="dark") as look, looking(browser, dialer.url) as other:
        page = look.page
        await look.open(f"tasks/{task_id}", "Опрос вживую")
        await other.open("", "Overview")
        await expect(page.get_by_text("Задача на паузе", exact=True)).to_be_visible()
        await look.button("Запустить").click()
        bar = page.get_by_role("progressbar").first
        await expect(bar).to_have_attribute("aria-valuetext", _calling(4), timeout=20_000)
        await expect(page.get_by_text("Задача работает в полную силу", exact=True)).to_be_visible(timeout=20_000)
        await wait_for_answer(lambda: _done(bar), lambda done: done >= 4, "four calls are over in the page", 40)
        await expect(other.page.get_by_role("link", name="Опрос вживую")).to_be_visible()
        await expect(other.page.locator(".chart canvas")).to_be_visible()
        await look.shoot("live-task-ru-dark")
        await other.shoot("live-overview-en-light")
        await look.button("Пауза").click()
        await expect(page.locator(".page-head .pill")).to_have_text("На паузе")
        begun = sum(world.provider.invites().values())
        await expect(bar).to_have_attribute("aria-valuetext", _calling(0), timeout=30_000)
        assert sum(world.provider.invites().values()) == begun
        done = int(str(await bar.get_attribute("aria-valuenow")))
        assert 4 <= done < len(numbers)
        await look.button("Запустить").click()
        await expect(page.locator(".page-head .pill")).to_have_text("Завершена", timeout=60_000)
        await expect(bar).to_have_attribute("aria-valuenow", str(len(numbers)))
        task = await dialer.data("GET", f"/task/{task_id}")
        completed = sum(row["result"] == "SUCCESS_POLLING" for row in task["results"])
        row = page.get_by_role("row").filter(has_text="Опрос пройден")
        await expect(row).to_contain_text(str(completed))
        said = [answer["result"] for answer in task["resultsPoling"] if answer["questionCrmId"] == "1"]
        await expect(page.locator(".bars").first).to_contain_text(f"да{said.count('да')}", timeout=15_000)
        await other.shoot("overview-after-calls-en-light")


async def test_a_recorded_answer_is_heard_in_the_page(world: World, browser: Browser, series: int) -> None:
    number = make_number(series, "65")
    task = await ask(world, recording("4"), [number], name="Отзывы")
    async with looking(browser, world.dialer.url) as look:
        await look.open(f"tasks/{task['id']}/numbers", "Отзывы")
        await look.button(f"Details: {number}").click()
        await look.page.locator(".number-detail").get_by_role("button", name="Play").click()
        await look.page.wait_for_function(
            "() => { const one = document.querySelector('audio'); return one.duration > 2 && one.currentTime > 0; }"
        )


def _calling(count: int) -> "re.Pattern[str]":
    return re.compile(rf"сейчас звонков: {count}$")


async def _done(bar: Locator) -> int:
    return int(str(await bar.get_attribute("aria-valuenow")))
