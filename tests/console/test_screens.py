"""Every screen, in both languages and themes, wide and on a telephone: a picture of each, nothing wrong in any."""

import pytest
from playwright.async_api import Browser, expect

from tests.console.browsing import Look, looking
from tests.console.conftest import Stage

HEADINGS = {
    "": ("Overview", "Обзор"),
    "tasks": ("Tasks", "Задачи"),
    "tasks/new": ("New task", "Новая задача"),
    "tasks/{task_id}": ("Оценка обслуживания, июль", "Оценка обслуживания, июль"),
    "tasks/{task_id}/numbers?search=2000001": ("Оценка обслуживания, июль", "Оценка обслуживания, июль"),
    "tasks/{task_id}/add": ("Оценка обслуживания, июль", "Оценка обслуживания, июль"),
    "tasks/{task_id}/edit": ("Оценка обслуживания, июль", "Оценка обслуживания, июль"),
    "pollings": ("Pollings", "Опросы"),
    "pollings/{graph_id}": ("Запись на приём", "Запись на приём"),
    "pollings/new": ("New polling", "Новый опрос"),
    "audio": ("Audio files", "Звуковые файлы"),
    "stop-list": ("Stop list", "Стоп-лист"),
    "access/users": ("Access", "Доступ"),
    "access/keys": ("Access", "Доступ"),
    "access/sessions": ("Access", "Доступ"),
    "audit": ("Audit log", "Журнал изменений"),
    "nowhere": ("Not found", "Не найдено"),
}


IN_DARK = {
    "",
    "tasks",
    "tasks/new",
    "tasks/{task_id}",
    "tasks/{task_id}/numbers?search=2000001",
    "pollings/{graph_id}",
    "stop-list",
    "audit",
}
"""Screens whose colours are looked at in the dark theme, too: the others have none of their own."""


async def visit(look: Look, stage: Stage, lang: str, kind: str, *, axe: bool, colours_only: bool = False) -> None:
    for screen, headings in HEADINGS.items():
        address = screen.format(task_id=stage.past.task_id, graph_id=stage.past.graph_id)
        await look.open(address, headings[lang == "ru"])
        name = screen.partition("?")[0].replace("{", "").replace("}", "").replace("/", "-") or "overview"
        await look.shoot(f"{name}-{kind}", whole="numbers" not in screen)
        await look.check_fits(name)
        if axe and not (colours_only and screen not in IN_DARK):
            await look.check_accessible(name, colours_only=colours_only)


@pytest.mark.parametrize(("lang", "theme"), [("en", "light"), ("ru", "dark")])
async def test_every_screen_is_whole_and_accessible(browser: Browser, stage: Stage, lang: str, theme: str) -> None:
    async with looking(browser, stage.url, lang=lang, theme=theme) as look:
        await look.page.goto(stage.url)
        await expect(look.page.locator("h1")).to_have_text({"en": "Log in", "ru": "Вход"}[lang])
        await look.shoot(f"login-{lang}-{theme}")
        await look.check_accessible("login")
        await look.log_in()
        await visit(look, stage, lang, f"{lang}-{theme}", axe=True, colours_only=theme == "dark")
        await expect(look.page.locator("html")).to_have_attribute("lang", lang)


async def test_every_screen_fits_a_telephone_360_px_wide(browser: Browser, stage: Stage) -> None:
    async with looking(browser, stage.url, lang="ru", phone=True) as look:
        await look.log_in()
        await visit(look, stage, "ru", "ru-light-phone", axe=False)
        await look.button("Открыть меню").click()
        await look.page.get_by_role("dialog").get_by_role("link", name="Опросы").click()
        await expect(look.page.locator("h1")).to_have_text("Опросы")
