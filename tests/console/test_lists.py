"""Audio files and stop lists."""

from pathlib import Path

from playwright.async_api import Route, expect

from tests.console.browsing import Look
from tests.console.conftest import Stage
from tests.console.past import tone
from tests.console.test_pollings import HEARD
from tests.rig.daemon import BASE

MANY = 60


async def test_a_sound_is_uploaded_heard_replaced_and_deleted(look: Look, tmp_path: Path) -> None:
    page = look.page
    sound = tmp_path / "Привет & пока.wav"
    tone(sound)
    await look.open("audio", "Audio files")
    await page.evaluate(HEARD)
    await page.get_by_label("Drop a sound file here").set_input_files(sound)
    await expect(page.get_by_role("cell", name="Привет & пока.wav", exact=True)).to_be_visible()
    await look.button("Listen: Привет & пока.wav").click()
    await page.wait_for_function("() => window.heard > 0.5")
    await page.get_by_label("Drop a sound file here").set_input_files(sound)
    async with page.expect_response(lambda reply: reply.request.method == "POST" and reply.url.endswith("/audio")):
        await look.button("Replace", page.get_by_role("dialog")).click()
    await expect(page.locator(".toasts").get_by_text("is uploaded").last).to_be_visible()
    await look.button("Delete: Привет & пока.wav").click()
    await look.button("Delete", page.get_by_role("dialog")).click()
    await expect(page.get_by_role("cell", name="Привет & пока.wav", exact=True)).to_have_count(0)


async def test_what_is_no_sound_is_refused_with_the_reason(look: Look, tmp_path: Path) -> None:
    wrong = tmp_path / "broken.mp3"
    wrong.write_bytes(b"no sound at all")
    await look.open("audio", "Audio files")
    await look.page.get_by_label("Drop a sound file here").set_input_files(wrong)
    await expect(look.page.get_by_text("The file was not taken")).to_be_visible()
    await look.shoot("audio-refused")


async def test_numbers_are_put_on_the_stop_list_looked_up_and_taken_off(look: Look) -> None:
    page = look.page
    await look.open("stop-list", "Stop list")
    await look.button("Add numbers").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Numbers").fill("+7 (952) 030-00-01\nthis is none")
    await look.button("Put on the stop list", dialog).click()
    await expect(dialog.get_by_label("Numbers")).to_have_attribute("aria-invalid", "true")
    await expect(dialog).to_contain_text("Number 2")
    await look.check_accessible("stop list dialog")
    await dialog.get_by_label("Numbers").fill("+7 (952) 030-00-01")
    await expect(dialog.get_by_label("Numbers")).not_to_have_attribute("aria-invalid", "true")
    await dialog.get_by_label("Reason").fill("просил <b>не</b> звонить")
    await look.button("Put on the stop list", dialog).click()
    await expect(page.get_by_role("cell", name="просил <b>не</b> звонить")).to_be_visible()
    await page.get_by_label("Is this number on a list?").fill("8 952 030 00 01")
    await expect(page.locator("tbody tr")).to_have_count(1)
    await expect(page.get_by_role("cell", name="Of all tasks")).to_be_visible()
    await look.button("Remove: +79520300001").or_(look.button("Remove: 79520300001")).click()
    await look.button("Remove", dialog).click()
    await expect(page.get_by_role("heading", name="On no list")).to_be_visible()


async def test_a_table_is_looked_at_before_it_is_put_on_the_list(look: Look, tmp_path: Path) -> None:
    page = look.page
    table = tmp_path / "refusals.csv"
    table.write_text("Телефон;Причина\n79520300011;жалоба\n79520300012;\n1;\n")
    await look.open("stop-list", "Stop list")
    await look.button("Import").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Drop a table here").set_input_files(table)
    await expect(dialog.get_by_text("2 numbers would be added")).to_be_visible()
    await expect(page.get_by_role("cell", name="79520300011")).to_have_count(0)
    await dialog.get_by_text("Not readable: 1").click()
    await look.shoot("stop-list-import")
    await dialog.get_by_label("Reason").fill("список июля")
    await look.button("Put 2 numbers on the list", dialog).click()
    await expect(page.get_by_role("row", name="79520300011")).to_contain_text("жалоба")
    await expect(page.get_by_role("row", name="79520300012")).to_contain_text("список июля")


async def test_a_stop_list_and_the_tasks_know_of_each_other(look: Look, stage: Stage) -> None:
    page, number = look.page, str(int(stage.past.waiting) - 2)
    await look.call("POST", f"{BASE}/stop-list", {"numbers": [number], "reason": "жалоба"})
    await look.open(f"tasks/{stage.past.task_id}/numbers?search={number}", "Оценка обслуживания, июль")
    row = page.locator("tbody tr").first
    await expect(row).to_contain_text("On the stop list")
    await look.button(f"Details: {number}").click()
    await expect(look.button("Put on the stop list")).to_have_count(0)
    await row.get_by_role("link", name="On the stop list").click()
    await expect(page.locator("h1")).to_have_text("Stop list")
    await expect(page.get_by_role("row", name=number)).to_contain_text("жалоба")
    tasks = page.get_by_role("region", name="Tasks with this number")
    await expect(tasks.get_by_role("listitem")).to_have_count(1)
    await look.shoot("stop-list-number")
    await look.check_accessible("stop list of a number")
    await tasks.get_by_role("link", name="Оценка обслуживания, июль").click()
    await expect(page.locator("tbody tr").first).to_contain_text(number)
    await look.open("stop-list", "Stop list")
    await page.get_by_role("link", name=number).click()
    await expect(tasks).to_be_visible()
    await page.get_by_label("Is this number on a list?").fill("79530000119")
    await expect(page.get_by_role("heading", name="On no list")).to_be_visible()
    await expect(tasks).to_contain_text("Running")
    await page.get_by_label("Is this number on a list?").fill("79999999999")
    await expect(tasks).to_contain_text("No task lists this number.")


async def test_a_number_is_a_link_however_often_and_what_is_typed_stands_in_the_address(look: Look) -> None:
    page, number = look.page, "79520000777"
    await look.open("stop-list", "Stop list")
    field = page.get_by_label("Is this number on a list?")
    for _ in range(2):
        await page.get_by_role("link", name=number).click()
        await expect(field).to_have_value(number)
        await expect(page.get_by_role("link", name=number)).to_have_count(0)
        await field.fill("")
        await expect(page.get_by_role("link", name=number)).to_be_visible()
    await field.fill("8 952 000 07 78")
    await page.wait_for_url("**/#/stop-list?phone=89520000778")
    await expect(field).to_have_value("8 952 000 07 78")
    await page.reload()
    await expect(page.get_by_role("row", name="79520000778")).to_be_visible()


async def test_more_tasks_with_a_number_than_are_shown_are_spoken_of(look: Look, stage: Stage) -> None:
    task = (await look.get("/console/v1/tasks"))[0]
    asked = list[str]()

    async def answer(route: Route) -> None:
        asked.append(route.request.url)
        tasks = [{**task, "id": place} for place in range(1, MANY + 1)]
        await route.fulfill(json={"result": True, "data": tasks[: int(asked[-1].rpartition("limit=")[2])]})

    await look.page.route("**/console/v1/tasks?phone=*", answer)
    await look.open(f"stop-list?phone={stage.past.waiting}", "Stop list")
    tasks = look.page.get_by_role("region", name="Tasks with this number")
    await expect(tasks.get_by_role("link")).to_have_count(50)
    await expect(tasks.get_by_text("and more")).to_be_visible()
