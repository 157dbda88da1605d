"""What happens is seen as it happens; and it is said when it is not."""

import asyncio
import json
from typing import Any

from playwright.async_api import Browser, Route, expect

from tests.api.conftest import running_dialer
from tests.console.browsing import Look, looking
from tests.console.conftest import Stage
from tests.rig.waiting import wait_for_answer, wait_until

BASE = "/pbxcore/api/module-dialer/v1"
EMPTY = {
    "tasks": ("Задачи", "Задач пока нет"),
    "pollings": ("Опросы", "Опросов пока нет"),
    "audio": ("Звуковые файлы", "Звуковых файлов пока нет"),
    "stop-list": ("Стоп-лист", "Список пуст"),
    "access/keys": ("Доступ", "Ключей API нет"),
    "access/sessions": ("Доступ", "Никто не вошёл"),
    "access/users": ("Доступ", "Пользователей пока нет"),
    "audit": ("Журнал изменений", "Пока ничего не меняли"),
}
IN_MOSCOW = """time => new Intl.DateTimeFormat('en', {timeZone: 'Europe/Moscow', hour: '2-digit', minute: '2-digit',
    hourCycle: 'h23'}).format(time * 1000)"""


async def test_what_others_do_comes_by_itself(look: Look, stage: Stage) -> None:
    page = look.page
    await look.open("tasks", "Tasks")
    body = {
        "name": "Чужое задание",
        "innerNum": "201",
        "innerNumType": "exten",
        "state": 2,
        "numbers": ["79520400001", "79520400002"],
    }
    task = await look.call("POST", f"{BASE}/task", body)
    row = page.get_by_role("row", name="Чужое задание")
    await expect(row).to_contain_text("0 / 2")
    await look.call("POST", f"{BASE}/task-signal-close", {"phone": "79520400001", "taskId": int(task["id"])})
    await expect(row).to_contain_text("1 / 2")
    await expect(row.get_by_role("progressbar")).to_have_attribute("aria-valuetext", "1 of 2 done, 0 in progress")
    await row.get_by_role("link").click()
    await expect(page.locator(".page-head .pill")).to_have_text("Paused")
    await look.call("PUT", f"{BASE}/task/{task['id']}", {"state": 0, "name": "Чужое задание, новое имя"})
    await expect(page.locator(".page-head .pill")).to_have_text("Running")
    await expect(page.locator("h1")).to_have_text("Чужое задание, новое имя")
    await look.open("tasks", "Tasks")
    await expect(row).to_contain_text("1 / 2")
    await look.call("DELETE", f"{BASE}/task/{task['id']}")
    await expect(row).to_have_count(0)


async def test_a_daemon_that_goes_away_is_told_of_and_found_again(browser: Browser) -> None:
    async with running_dialer() as dialer, looking(browser, dialer.url) as look:
        look.allowed = ("Failed to load resource", "net::ERR_", "ERR_CONNECTION_REFUSED")
        page = look.page
        await page.goto(dialer.url)
        live = page.locator(".bar [role=status]")
        await expect(live).to_have_text("Live")
        await expect(page.get_by_role("heading", name="Nothing is running")).to_be_visible()
        await look.shoot("overview-empty")
        await dialer.stop()
        await expect(live).to_contain_text("Not live since")
        await look.shoot("overview-not-live")
        await look.open("pollings", "Pollings")
        await expect(page.get_by_role("alert")).to_contain_text("The dialer does not answer")
        await look.shoot("failure")
        await dialer.start()
        await expect(live).to_have_text("Live", timeout=20_000)
        await look.button("Try again").click()
        await expect(page.get_by_role("heading", name="No pollings yet")).to_be_visible()
        await look.open("", "Overview")
        await expect(page.get_by_role("heading", name="Not dialling")).to_be_visible()


async def test_empty_screens_say_what_comes_there(browser: Browser) -> None:
    async with running_dialer() as dialer, looking(browser, dialer.url, lang="ru", theme="dark") as look:
        await look.page.goto(dialer.url)
        for screen, (heading, empty) in EMPTY.items():
            await look.open(screen, heading)
            await expect(look.page.get_by_role("heading", name=empty)).to_be_visible()
            await look.shoot(f"empty-{screen.replace('/', '-')}-ru-dark")


async def test_language_and_theme_are_chosen_and_remembered(browser: Browser, stage: Stage, admin: Any) -> None:
    async with looking(browser, stage.url, storage_state=admin) as look:
        page = look.page
        await look.open("tasks/new", "New task")
        await page.get_by_label("Name", exact=True).fill("не потеряется")
        light = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        await look.button("admin").click()
        await look.button("Dark").click()
        assert await page.evaluate("getComputedStyle(document.body).backgroundColor") != light
        await look.button("Русский").click()
        await expect(page.locator("h1")).to_have_text("Новая задача")
        await expect(page.get_by_label("Название", exact=True)).to_have_value("не потеряется")
        await look.check_accessible("menu")
        await page.keyboard.press("Escape")
        await page.get_by_label("Название", exact=True).fill("")
        await page.reload()
        await expect(page.locator("h1")).to_have_text("Новая задача")
        assert await page.locator("html").get_attribute("data-theme") == "dark"


async def test_times_are_those_of_the_pbx(look: Look, stage: Stage) -> None:
    """The browser stands in Tokyo, the PBX in Moscow."""
    await look.open("stop-list", "Stop list")
    (first, *_) = (await look.get(f"{BASE}/stop-list"))["results"]
    shown = await look.page.evaluate(IN_MOSCOW, int(first["created"]))
    await expect(look.page.get_by_role("row", name=first["phone"])).to_contain_text(shown)


async def test_a_daemon_that_drains_says_so_and_nothing_else(browser: Browser) -> None:
    """The same at the top of the screen and on the overview."""
    async with running_dialer() as dialer, looking(browser, dialer.url, lang="ru") as look:
        await look.page.goto(dialer.url)
        health = await (await look.page.request.get(f"{dialer.url}/health")).json()
        drains = {**health, "status": "draining", "dialling": False, "trouble": None, "asterisk": "ready"}
        told = "event: tasks\ndata: []\n\nevent: health\ndata: " + json.dumps(drains) + "\n\n"
        await look.page.route("**/console/v1/live", lambda route: route.fulfill(
            content_type="text/event-stream", body="retry: 100000\n\n" + told
        ))  # fmt: skip
        await look.page.reload()
        await expect(look.page.get_by_text("Останавливается после текущих звонков")).to_have_count(2)
        await expect(look.page.get_by_text("Новые звонки не начинаются")).to_be_visible()
        for contradiction in ("Обзвон не идёт", "Звонкам ничто не мешает"):
            await expect(look.page.get_by_text(contradiction)).to_have_count(0)
        await look.shoot("overview-draining")


async def test_minutes_are_asked_for_again_when_the_browser_has_come_again_by_itself(look: Look) -> None:
    """Its stream was cut: nobody has told it of what was meanwhile."""
    asked, told = list[str](), "retry: 100\n\nevent: tasks\ndata: []\n\n"

    async def note(route: Route) -> None:
        asked.append(route.request.url)
        await route.continue_()

    await look.page.route("**/console/v1/stats?*", note)
    await look.page.route("**/console/v1/live", lambda route: route.fulfill(
        content_type="text/event-stream", body=told
    ))  # fmt: skip
    await look.open("", "Overview")
    await wait_until(lambda: len(asked) >= 3, "minutes are asked for at each beginning of the stream")


async def test_minutes_that_are_asked_for_are_newer_than_what_the_browser_held_and_older_than_what_it_is_told(
    browser: Browser, stage: Stage, admin: Any
) -> None:
    """Its stream was cut amid the first minute, and came again in the second."""
    cut, now = {"time": 1_767_225_600, "begun": 3, "results": {}}, {"time": 1_767_226_800, "begun": 2, "results": {}}
    streams, answers = iter([(100, cut), (1_000_000, now)]), iter([[], [{**cut, "begun": 12}, {**now, "begun": 1}]])

    def stats(*minutes: Any) -> dict[str, Any]:
        return {"minutes": minutes, "inProgress": 0, "maxChannels": 0}

    async def tell(route: Route) -> None:
        retry_ms, minute = next(streams)
        told = f"retry: {retry_ms}\n\nevent: stats\ndata: {json.dumps(stats(minute))}\n\n"
        await route.fulfill(content_type="text/event-stream", body=told)

    async with looking(browser, stage.url, storage_state=admin) as look:
        await look.page.route("**/console/v1/live", tell)
        await look.page.route("**/console/v1/stats?*", lambda route: route.fulfill(
            json={"result": True, "data": stats(*next(answers))}
        ))  # fmt: skip
        await look.open("", "Overview")

        async def held() -> list[int]:
            minutes = await look.page.evaluate(
                "() => import('/console/assets/live.js').then(one => one.live.value.stats?.minutes ?? [])"
            )
            return [one["begun"] for one in minutes]

        what = "the answer over what was held, what is told over the answer"
        await wait_for_answer(held, lambda begun: begun == [12, 2], what)


async def test_a_session_that_ends_with_the_stream_is_told_of_before_the_browser_comes_again(
    browser: Browser, stage: Stage
) -> None:
    ends = asyncio.Event()
    async with looking(browser, stage.url) as look:
        look.allowed += ("401 (Unauthorized)",)

        async def end_both(route: Route) -> None:
            await ends.wait()
            await look.page.context.clear_cookies()
            await route.fulfill(content_type="text/event-stream", body="retry: 1000000\n\n")

        await look.page.route("**/console/v1/live", end_both)
        await look.log_in()
        await look.open("audio", "Audio files")
        await look.settled()
        await look.page.route("**/console/v1/stats?*", lambda route: route.fulfill(
            json={"result": True, "data": {"minutes": [], "inProgress": 0, "maxChannels": 0}}
        ))  # fmt: skip
        ends.set()
        await expect(look.page.get_by_role("dialog")).to_contain_text("Your session has ended")


async def test_the_last_hour_is_one_by_the_clock(look: Look) -> None:
    """Not sixty minutes, whichever."""
    await look.open("", "Overview")
    now = 1_767_225_600
    old = [{"time": now - 60 * before} for before in range(70, 10, -1)]
    merged = await look.page.evaluate(
        "([before, after]) => import('/console/assets/live.js').then(one => one.merged(before, after))",
        [{"minutes": old}, {"minutes": [{"time": now - 60}, {"time": now}]}],
    )
    times = [one["time"] for one in merged["minutes"]]
    assert times == [*(now - 60 * before for before in range(59, 10, -1)), now - 60, now]


async def test_the_overview_knows_the_hour_before_the_daemons_start(look: Look) -> None:
    """The stage's past is older than its daemon."""
    await look.open("", "Overview")
    chart = look.page.get_by_role("figure", name="Calls finished per minute, the last hour")
    await expect(chart.locator("canvas")).to_be_visible()
    await expect(chart.locator(".legend")).to_contain_text("Reached")
