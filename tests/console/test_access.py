"""Who may come in, and what is known of it."""

from typing import Any

from playwright.async_api import Browser, expect

from tests.console.browsing import LOGIN, PASSWORD, Look, looking
from tests.console.conftest import Stage


async def test_a_wrong_password_is_told_and_a_right_one_lets_in(browser: Browser, stage: Stage) -> None:
    async with looking(browser, stage.url) as look:
        page = look.page
        await page.goto(f"{stage.url}/#/pollings")
        await expect(page.get_by_label("Login")).to_be_focused()
        await page.get_by_label("Login").fill(LOGIN)
        await page.get_by_label("Password").fill("wrong")
        await look.button("Log in").click()
        await expect(page.get_by_role("alert")).to_have_text("Wrong login or password.")
        await look.check_accessible("wrong password")
        await page.get_by_label("Password").fill(PASSWORD)
        await look.button("Log in").click()
        await expect(page.locator("h1")).to_have_text("Pollings")


async def test_a_session_that_ends_amid_the_work_loses_nothing(browser: Browser, stage: Stage) -> None:
    async with looking(browser, stage.url) as look:
        look.allowed += ("401 (Unauthorized)",)
        page = look.page
        await look.log_in()
        await look.open(f"pollings/{stage.past.graph_id}", "Запись на приём")
        await page.get_by_label("Name", exact=True).fill("Несохранённое")
        await page.context.clear_cookies()
        await look.button("Save").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("Your session has ended")
        await look.check_accessible("session ended")
        await dialog.get_by_label("Password").fill(PASSWORD)
        await look.button("Log in", dialog).click()
        await expect(dialog).to_have_count(0)
        await expect(page.get_by_label("Name", exact=True)).to_have_value("Несохранённое")
        await page.get_by_label("Name", exact=True).fill("Запись на приём")


async def test_users_are_added_changed_and_deleted(look: Look) -> None:
    page = look.page
    await look.open("access/users", "Access")
    await look.button("Add a user").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Login").fill("new operator")
    await dialog.get_by_label("Password").fill("short")
    await look.button("Add", dialog).click()
    await expect(dialog.get_by_label("Login")).to_have_attribute("aria-invalid", "true")
    await expect(dialog.get_by_label("Password")).to_have_attribute("aria-invalid", "true")
    await look.shoot("user-refused", whole=False)
    await dialog.get_by_label("Login").fill("operator-1")
    await expect(dialog.get_by_label("Login")).not_to_have_attribute("aria-invalid", "true")
    await expect(dialog.get_by_label("Password")).to_have_attribute("aria-invalid", "true")
    await dialog.get_by_label("Password").fill("довольно-длинный")
    await look.button("Add", dialog).click()
    row = page.get_by_role("row", name="operator-1")
    await expect(row).to_contain_text("Operator")
    await look.button("Change: operator-1").click()
    await dialog.get_by_label("Role").select_option("read-only")
    await look.button("Save", dialog).click()
    await expect(row).to_contain_text("Read only")
    await look.button("Delete: operator-1").click()
    await look.button("Delete", dialog).click()
    await expect(row).to_have_count(0)
    await expect(page.get_by_role("row", name="admin")).to_contain_text("from the settings file")


async def test_a_new_key_is_shown_once_copied_and_revoked(browser: Browser, stage: Stage, admin: Any) -> None:
    async with looking(
        browser, stage.url, storage_state=admin, permissions=["clipboard-read", "clipboard-write"]
    ) as look:
        page = look.page
        await look.open("access/keys", "Access")
        await look.button("New key").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Name").fill("crm-test")
        await look.button("Add", dialog).click()
        key = await dialog.get_by_test_id("key").inner_text()
        await look.check_accessible("new key")
        await look.button("Copy", dialog).click()
        await expect(page.locator(".toasts").get_by_text("in the clipboard")).to_be_visible()
        assert await page.evaluate("navigator.clipboard.readText()") == key
        await page.keyboard.press("Escape")
        await look.button("I have kept it", dialog).click()
        await expect(page.get_by_role("row", name="crm-test")).to_be_visible()
        await expect(page.get_by_text(key)).to_have_count(0)
        reply = await page.request.get(
            f"{stage.url}/console/v1/me", headers={"Authorization": f"Bearer {key}", "Cookie": ""}
        )
        assert (await reply.json())["data"]["name"] == "key:crm-test"
        await look.button("Revoke: crm-test").click()
        await look.button("Revoke", dialog).click()
        await expect(page.get_by_role("heading", name="No API keys")).to_be_visible()


async def test_a_session_is_ended_from_afar(browser: Browser, stage: Stage, look: Look) -> None:
    await look.call("POST", "/console/v1/users", {"login": "visitor", "password": "гость-на-час", "role": "operator"})
    async with looking(browser, stage.url) as visitor:
        visitor.allowed += ("401 (Unauthorized)",)
        await visitor.log_in("visitor", "гость-на-час")
        await look.open("access/sessions", "Access")
        await look.button("End: visitor").click()
        await look.button("End", look.page.get_by_role("dialog")).click()
        await expect(look.page.get_by_role("row", name="visitor")).to_have_count(0)
        await expect(visitor.page.get_by_role("dialog")).to_contain_text("Your session has ended")
        await visitor.page.get_by_role("dialog").get_by_label("Password").fill("гость-на-час")
        await visitor.page.keyboard.press("Enter")
        await expect(visitor.page.locator(".bar [role=status]")).to_have_text("Live", timeout=4000)


async def test_the_audit_log_tells_who_did_what(look: Look) -> None:
    page = look.page
    await look.call(
        "POST", "/console/v1/users", {"login": "for-the-log", "password": "довольно-длинный", "role": "operator"}
    )
    await look.open("audit", "Audit log")
    await page.get_by_label("Who, what, where").fill("for-the-log")
    row = page.locator("tbody tr")
    await expect(row).to_have_count(1)
    await expect(row).to_contain_text("admin")
    await expect(row).to_contain_text("User added")
    await page.get_by_label("Who, what, where").fill("nobody did this")
    await expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
