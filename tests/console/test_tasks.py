"""Tasks as an operator works with them."""

import asyncio
import io
import zipfile
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Route, expect

from tests.console.browsing import Look, looking
from tests.console.conftest import Stage
from tests.rig.daemon import BASE
from tests.rig.waiting import wait_until

CSV = "Телефон;имя;сумма\n79520100001;Анна;1250,00\n79520100002;Иван;300\n79520100001;Анна;1\n12;нет;0\n"

CHOOSE = """async (select, values) => { for (const value of values) {
    select.value = value; select.dispatchEvent(new Event('change', {bubbles: true}));
    await new Promise(requestAnimationFrame); } }"""
"""One choice after the other, faster than a list is sent again however busy the machine is."""

DROP_AMID_A_CHOICE = """async (select, [value, text, before]) => {
    const choose = async chosen => {
        select.value = chosen; select.dispatchEvent(new Event('change', {bubbles: true}));
        await new Promise(requestAnimationFrame); };
    await choose(value);
    const dataTransfer = new DataTransfer(); dataTransfer.items.add(new File([text], 'dropped.csv'));
    const drop = new DragEvent('drop', {dataTransfer, bubbles: true, cancelable: true});
    document.querySelector('.drop').dispatchEvent(drop);
    await new Promise(requestAnimationFrame);
    await choose(before); }"""
"""One choice, a list for it, and the choice before again: faster than a choice settles."""


async def toast(look: Look, text: str) -> None:
    await expect(look.page.locator(".toasts").get_by_text(text).last).to_be_visible()


async def state_of(look: Look, task_id: str) -> Any:
    return (await look.get(f"/console/v1/tasks/{task_id}"))["state"]


async def create(look: Look, name: str, *, start: bool = False) -> str:
    """A task of the first polling with pasted numbers, by its form; its id."""
    page = look.page
    await look.open("tasks/new", "New task")
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_label("Polling", exact=True).last.select_option(label="Оценка обслуживания (№ 1)")
    await look.button("Paste numbers").click()
    await page.get_by_role("textbox", name="Numbers").fill("79520200001\n79520200002\n79520200003")
    await look.button("Check the numbers").click()
    await expect(page.get_by_text("3 numbers can be taken")).to_be_visible()
    await look.button("Create and call 3 numbers" if start else "Create paused").click()
    await expect(page.locator("h1")).to_have_text(name)
    return page.url.rpartition("/")[2]


async def test_a_list_is_checked_before_anything_is_stored_and_then_called(look: Look, tmp_path: Path) -> None:
    page = look.page
    before = len(await look.get("/console/v1/tasks"))
    table = tmp_path / "должники.csv"
    table.write_text(CSV)
    await look.open("tasks/new", "New task")
    await page.get_by_label("Name", exact=True).fill("Должники <i>осень</i>")
    await page.get_by_label("Polling", exact=True).last.select_option(label="Оценка обслуживания (№ 1)")
    await page.get_by_label("Drop a table here").set_input_files(table)
    await expect(page.get_by_text("2 numbers can be taken")).to_be_visible()
    await page.get_by_text("Duplicates: 1.").click()
    await expect(page.get_by_text("Row 4, column 1")).to_be_visible()
    await page.get_by_text("Not readable: 1.").click()
    await expect(page.get_by_text("Row 5, column 1")).to_be_visible()
    await expect(page.get_by_text("as row 2: 79520100001")).to_be_visible()
    await look.shoot("new-task-report")
    await look.check_accessible("dry run")
    assert len(await look.get("/console/v1/tasks")) == before
    await page.get_by_text("Attempts", exact=True).click()
    await page.get_by_label("Attempts for each number").fill("4")
    await page.get_by_label("Pause between two attempts").fill("15")
    await look.button("Create and call 2 numbers").click()
    await expect(page.locator("h1")).to_have_text("Должники <i>осень</i>")
    task_id = page.url.rpartition("/")[2]
    task = await look.get(f"/console/v1/tasks/{task_id}")
    assert (task["state"], task["numbers"], task["rules"]) == (0, 2, {"maxAttempt": "4", "tryInterval": "900"})
    rows = (await look.get(f"/console/v1/tasks/{task_id}/numbers"))["rows"]
    assert rows[0]["params"] == {"имя": "Анна", "сумма": "1250,00"}


async def test_the_report_tells_forms_and_columns_and_what_the_polling_misses(look: Look, tmp_path: Path) -> None:
    page = look.page
    polling = {"name": "Долг", "questions": [{"questionId": "1", "questionText": "<Имя>, сумма <долг>"}]}
    polling_id = (await look.call("POST", f"{BASE}/polling", polling))["id"]
    table = tmp_path / "формы.csv"
    table.write_text("Телефон;Имя;Город;\n+7 952 010-00-01;Анна;Омск;х\n8 952 010-00-02;;;\n79520100001;;;\n")
    await look.open("tasks/new", "New task")
    await page.get_by_label("Drop a table here").set_input_files(table)
    await expect(page.get_by_text("2 numbers can be taken")).to_be_visible()
    await expect(page.get_by_text("The numbers are written in several forms")).to_be_visible()
    await expect(page.get_by_text("1 duplicate is the same number in another form.")).to_be_visible()
    await expect(page.get_by_text("Parameter <Город>", exact=True)).to_be_visible()
    await page.get_by_label("Polling", exact=True).last.select_option(polling_id)
    await expect(page.get_by_text("No column for <долг>")).to_be_visible()
    await expect(page.get_by_text("Parameter <Город>, which no text says")).to_be_visible()
    await expect(page.get_by_text("Parameter <Имя>", exact=True)).to_be_visible()
    await expect(page.get_by_text("no title")).to_be_visible()
    await look.check_accessible("dry run of mixed forms")
    await look.shoot("new-task-forms")
    await look.call("DELETE", f"{BASE}/polling/{polling_id}")


async def test_a_list_is_sent_again_for_the_polling_that_the_choice_stays_at(look: Look, tmp_path: Path) -> None:
    page, sent, may_answer = look.page, list[str](), asyncio.Event()

    async def hold(route: Route) -> None:
        sent.append(route.request.url)
        await may_answer.wait()
        await route.continue_()

    table = tmp_path / "список.csv"
    table.write_text(CSV)
    await look.open("tasks/new", "New task")
    await page.get_by_label("Drop a table here").set_input_files(table)
    await expect(page.get_by_text("2 numbers can be taken")).to_be_visible()
    await page.route("**/upload-xls?*", hold)
    choice = page.get_by_label("Polling", exact=True).last
    await choice.evaluate(CHOOSE, ["2", "", "2", "1"])
    create = look.button("Create and call 2 numbers")
    await expect(create).to_have_attribute("aria-disabled", "true")
    await create.click(force=True)
    may_answer.set()
    await expect(create).not_to_have_attribute("aria-disabled", "true")
    await expect(page.get_by_text("A list of numbers is needed")).to_have_count(0)
    assert [url.rpartition("polling=")[2] for url in sent] == ["1"]
    assert page.url.endswith("tasks/new")


async def test_a_list_that_was_dropped_amid_a_choice_is_sent_again_for_the_polling_that_was_gone_back_to(
    look: Look,
) -> None:
    page, sent = look.page, list[str]()

    async def note(route: Route) -> None:
        sent.append(route.request.url.partition("polling=")[2])
        await route.continue_()

    await page.route("**/upload-xls?*", note)
    await look.open("tasks/new", "New task")
    choice = page.get_by_label("Polling", exact=True).last
    await expect(choice).to_have_value("")
    await choice.evaluate(DROP_AMID_A_CHOICE, ["2", CSV, ""])
    # on a busy machine the drop may come before its choice is known, and then it is looked at for none at once
    await wait_until(lambda: sent in (["2", ""], [""]), "it was looked at for none in the end")
    await expect(page.get_by_text("2 numbers can be taken")).to_be_visible()


async def test_an_address_that_names_no_state_shows_all_and_an_old_one_what_it_meant(look: Look) -> None:
    await look.open("tasks", "Tasks")
    chosen = look.page.get_by_role("group", name="State").locator("[aria-pressed=true]")
    for state, shown in (("constructor", "All"), ("2", "Paused"), ("0", "Running"), ("1", "Finished")):
        await look.open(f"tasks?state={state}", "Tasks")
        await expect(chosen).to_have_text(shown)
        await look.open("audio", "Audio files")
    await look.open("access/constructor", "Access")
    await expect(look.page.get_by_role("button", name="Add a user")).to_be_visible()


async def test_a_screen_that_says_its_address_anew_holds_nobody_who_leaves_it(look: Look) -> None:
    await look.open("tasks", "Tasks")
    await look.page.evaluate(
        """async () => {
          const { go } = await import("/console/assets/router.js");
          location.hash = "#/audio";  // hashchange is still to come
          go("#/tasks?state=open", { replace: true });
        }"""
    )
    await expect(look.page.get_by_role("heading", level=1)).to_have_text("Audio files")


async def test_a_dropped_file_is_read_as_a_chosen_one_is(look: Look) -> None:
    await look.open("tasks/new", "New task")
    await look.page.evaluate(
        """text => { const dataTransfer = new DataTransfer(); dataTransfer.items.add(new File([text], 'dropped.csv'));
        const drop = new DragEvent('drop', {dataTransfer, bubbles: true, cancelable: true});
        document.querySelector('.drop').dispatchEvent(drop); }""",
        CSV,
    )
    await expect(look.page.get_by_text("2 numbers can be taken")).to_be_visible()


async def test_a_task_whose_answer_was_lost_is_not_made_twice(look: Look) -> None:
    page, lost = look.page, []
    look.allowed = (*look.allowed, "net::ERR_FAILED")

    async def lose_the_answer(route: Route) -> None:
        await route.fetch()
        lost.append(route)
        await route.abort()

    await page.route("**/module-dialer/v1/task", lose_the_answer, times=1)
    before = len(await look.get("/console/v1/tasks"))
    await look.open("tasks/new", "New task")
    await page.get_by_label("Name", exact=True).fill("Answer lost")
    await page.get_by_label("Polling", exact=True).last.select_option(label="Оценка обслуживания (№ 1)")
    await look.button("Paste numbers").click()
    await page.get_by_role("textbox", name="Numbers").fill("79520300001")
    await look.button("Check the numbers").click()
    await expect(page.get_by_text("1 number can be taken")).to_be_visible()
    await look.button("Create paused").click()
    await wait_until(lambda: lost, "the request whose answer is lost")
    await expect(page.get_by_text("The dialer does not answer").first).to_be_visible()
    await look.button("Create paused").click()
    await expect(page.locator("h1")).to_have_text("Answer lost")
    assert len(await look.get("/console/v1/tasks")) == before + 1


async def test_what_the_server_refuses_stands_at_its_field(look: Look) -> None:
    page = look.page
    await look.open("tasks/new", "New task")
    await look.button("Create and start").click()
    await expect(page.get_by_role("alert").get_by_text("A list of numbers is needed")).to_be_visible()
    await look.button("Paste numbers").click()
    await page.get_by_role("textbox", name="Numbers").fill("79520200001")
    await look.button("Check the numbers").click()
    await expect(page.get_by_text("1 number can be taken")).to_be_visible()
    await expect(page.get_by_text("A list of numbers is needed")).to_have_count(0)
    await page.get_by_text("Employees", exact=True).first.click()
    await page.get_by_label("Internal number").fill("bad number")
    await page.get_by_label("Channels").fill("many")
    await page.get_by_text("Caller ID", exact=True).click()
    await page.get_by_label("Numbers shown").fill("abc")
    await look.button("Create and call 1 number").click()
    for label in ("Channels", "Numbers shown"):
        field = page.get_by_label(label)
        await expect(field).to_have_attribute("aria-invalid", "true")
        described = str(await field.get_attribute("aria-describedby"))
        assert await page.locator(f"[id='{described.rsplit(maxsplit=1)[-1]}']").inner_text()
    await expect(page.get_by_label("Channels")).to_be_focused()
    await look.shoot("task-refused")
    await look.check_accessible("refused form")
    await page.get_by_label("Channels").fill("3")
    await expect(page.get_by_label("Channels")).not_to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_label("Numbers shown")).to_have_attribute("aria-invalid", "true")
    await page.get_by_label("Numbers shown").fill("74950000000")
    await expect(page.locator("[aria-invalid=true]")).to_have_count(0)
    await look.button("Create and call 1 number").click()
    await expect(page.get_by_label("Internal number")).to_be_focused()
    await expect(page.get_by_label("Internal number")).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_label("Channels")).not_to_have_attribute("aria-invalid", "true")


async def test_start_pause_and_stop_are_what_the_server_says(look: Look) -> None:
    page = look.page
    task_id = await create(look, "Пауза")
    await expect(page.locator(".page-head .pill")).to_have_text("Paused")
    await expect(page.get_by_text("Press Start to go on.")).to_be_visible()
    await look.button("Start").click()
    await toast(look, "“Пауза” is running")
    await expect(page.locator(".page-head .pill")).to_have_text("Running")
    await expect(page.get_by_text("Asterisk is not connected")).to_be_visible()
    assert await state_of(look, task_id) == 0
    await look.button("Pause").click()
    await expect(page.locator(".page-head .pill")).to_have_text("Paused")
    assert await state_of(look, task_id) == 2
    await look.button("Stop").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("3 calls that wait will not be made")
    await look.check_accessible("confirmation")
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(look.button("Stop")).to_be_focused()
    assert await state_of(look, task_id) == 2
    await look.button("Stop").click()
    await look.button("Stop", dialog).click()
    await expect(page.locator(".page-head .pill")).to_have_text("Stopped")
    assert await state_of(look, task_id) == 1


async def test_a_stopped_task_is_not_finished_and_nothing_of_it_waits(look: Look) -> None:
    page = look.page
    task_id = await create(look, "Остановленная")
    await look.call("PUT", f"/console/v1/tasks/{task_id}", {"state": 1})
    await expect(page.get_by_text("The task was stopped")).to_be_visible()
    await expect(page.get_by_text("Not dialled: 3.")).to_be_visible()
    await expect(page.locator(".big-progress .legend")).to_contain_text("Not dialled 3")
    await look.shoot("task-stopped")
    await page.get_by_role("link", name="Numbers", exact=True).click()
    await expect(page.locator("tbody .pill").first).to_have_text("Not dialled")
    await page.get_by_role("combobox", name="State").select_option(label="Not dialled")
    await expect(page.locator("tbody tr")).to_have_count(3)
    await expect(page.locator("main").get_by_text("Waiting", exact=True)).to_have_count(0)
    await look.open("tasks", "Tasks")
    row = page.get_by_role("row", name="Остановленная")
    for state, shown in (("Finished", 0), ("Stopped", 1)):
        await look.button(state).click()
        await expect(row).to_have_count(shown)
        assert f"state={state.lower()}" in page.url
        await page.reload()
        await expect(row).to_have_count(shown)
    await expect(row).to_contain_text("Stopped")
    await expect(page.get_by_role("link", name="Welcome call")).to_have_count(0)
    for phone in ("79520200001", "79520200002", "79520200003"):
        await look.call("POST", f"{BASE}/task-signal-close", {"phone": phone, "taskId": int(task_id)})
    await expect(row).to_have_count(0)
    await look.button("Finished").click()
    await expect(row).to_contain_text("Finished")


async def test_the_list_names_the_polling_of_a_task(look: Look) -> None:
    await look.open("tasks", "Tasks")
    await expect(look.page.get_by_role("row", name="Welcome call")).to_contain_text("Оценка обслуживания · №")


async def test_rules_that_the_form_does_not_show_stay_as_they_are(look: Look, stage: Stage) -> None:
    page, task_id = look.page, stage.past.task_id
    before = await look.get(f"/console/v1/tasks/{task_id}")
    await look.open(f"tasks/{task_id}/edit", before["name"])
    await expect(page.get_by_text("By rules the CRM has set (kept as they are)")).to_be_attached()
    await expect(page.get_by_text("2026-12-31")).to_be_visible()
    await expect(look.button("Save")).to_have_attribute("aria-disabled", "true")
    await page.get_by_label("Channels").fill("12")
    await page.get_by_label("Until").fill("21:30")
    await page.get_by_label("Sunday").uncheck(force=True)
    async with page.expect_request(lambda request: request.method == "PUT") as sent:
        await look.button("Save").click()
    assert (await sent.value).post_data_json == {
        "maxCountChannels": "12", "timeStart": 540, "timeEnd": 1290, "weekDays": [1, 2, 3, 4, 5, 6],
    }  # fmt: skip
    await toast(look, "Saved")
    after = await look.get(f"/console/v1/tasks/{task_id}")
    assert after["maxCountChannels"] == 12
    assert after["rules"] == {**before["rules"], "timeEnd": "1290", "weekDays": ["1", "2", "3", "4", "5", "6"]}


async def test_unsaved_settings_are_not_lost_by_a_click(look: Look, stage: Stage) -> None:
    page = look.page
    await look.open(f"tasks/{stage.past.task_id}/edit", "Оценка обслуживания, июль")
    await page.get_by_label("Name", exact=True).fill("Другое имя")
    await page.get_by_role("link", name="Pollings").click()
    await look.button("Stay", page.get_by_role("dialog")).click()
    await expect(page.get_by_label("Name", exact=True)).to_have_value("Другое имя")
    await page.get_by_role("link", name="Pollings").click()
    await look.button("Leave", page.get_by_role("dialog")).click()
    await expect(page.locator("h1")).to_have_text("Pollings")
    await look.open(f"tasks/{stage.past.task_id}/edit", "Оценка обслуживания, июль")


async def test_numbers_are_added_and_none_is_dropped(look: Look) -> None:
    page = look.page
    task_id = await create(look, "Добавить")
    await page.get_by_role("link", name="Add numbers").click()
    await look.button("Paste numbers").click()
    await page.get_by_role("textbox", name="Numbers").fill("79520200003\n79520200004\n79520200005")
    await look.button("Check the numbers").click()
    await expect(page.get_by_text("2 numbers can be taken")).to_be_visible()
    await look.button("Add 2 numbers").click()
    await toast(look, "2 numbers added.")
    rows = (await look.get(f"/console/v1/tasks/{task_id}/numbers"))["rows"]
    assert [row["number"][-1] for row in rows] == ["1", "2", "3", "4", "5"]


async def test_a_task_is_deleted_after_a_question(look: Look) -> None:
    page = look.page
    task_id = await create(look, "Лишнее")
    await look.button("More").click()
    await look.button("Delete").click()
    await look.button("Delete", page.get_by_role("dialog")).click()
    await expect(page.locator("h1")).to_have_text("Tasks")
    await expect(page.get_by_role("link", name="Лишнее", exact=True)).to_have_count(0)
    assert int(task_id) not in [one["id"] for one in await look.get("/console/v1/tasks")]


async def test_tasks_are_found_by_name_and_by_state(look: Look) -> None:
    page = look.page
    await look.open("tasks", "Tasks")
    await page.get_by_label("Search by name or number").fill("welcome")
    await expect(page.locator("tbody tr")).to_have_count(1)
    await expect(page.get_by_role("link", name="Welcome call")).to_be_visible()
    await page.get_by_label("Search by name or number").fill("нет такого")
    await expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    await look.shoot("tasks-none-found")
    await page.get_by_label("Search by name or number").fill("")
    await look.button("Finished").click()
    await expect(page.get_by_role("link", name="Welcome call")).to_be_visible()
    await expect(page.get_by_role("link", name="Оценка обслуживания, июль")).to_have_count(0)
    assert "state=finished" in page.url


async def test_results_are_downloaded_as_csv_and_xlsx(look: Look, stage: Stage, tmp_path: Path) -> None:
    page = look.page
    await look.open(f"tasks/{stage.past.task_id}", "Оценка обслуживания, июль")
    for name, ending in (("Results as CSV", "csv"), ("Results as XLSX", "xlsx")):
        await look.button("More").click()
        async with page.expect_download() as downloading:
            await page.get_by_role("link", name=name).click()
        download = await downloading.value
        assert download.suggested_filename.endswith(f".{ending}")
        await download.save_as(tmp_path / f"results.{ending}")
    assert "79520000000" in (tmp_path / "results.csv").read_bytes().decode("utf-8-sig")
    assert zipfile.is_zipfile(io.BytesIO((tmp_path / "results.xlsx").read_bytes()))


async def test_a_reader_is_offered_nothing_that_changes(browser: Browser, stage: Stage, look: Look) -> None:
    await look.call("POST", "/console/v1/users", {"login": "reader", "password": "только-смотрит", "role": "read-only"})
    async with looking(browser, stage.url) as reader:
        await reader.log_in("reader", "только-смотрит")
        page = reader.page
        await expect(page.get_by_role("link", name="Access")).to_have_count(0)
        await expect(page.get_by_role("link", name="New task")).to_have_count(0)
        for screen, heading in {
            f"tasks/{stage.past.task_id}": "Оценка обслуживания, июль",
            "tasks": "Tasks",
            "pollings": "Pollings",
            "audio": "Audio files",
            "stop-list": "Stop list",
            f"pollings/{stage.past.graph_id}": "Запись на приём",
        }.items():
            await reader.open(screen, heading)
            await reader.settled()
            for name in ("Start", "Pause", "Stop", "Save", "Add numbers", "Import", "Add a question", "Choose a file"):
                await expect(reader.button(name)).to_have_count(0)
            await expect(page.get_by_role("button", name="Delete")).to_have_count(0)
        await expect(page.get_by_label("What is said").first).to_be_disabled()
        await reader.open(f"tasks/{stage.past.task_id}", "Оценка обслуживания, июль")
        await expect(page.get_by_text("An operator can go on with it.")).to_be_visible()
        await expect(page.get_by_text("Press Start")).to_have_count(0)
        for screen in ("tasks/new", "access", "audit", "pollings/new"):
            await reader.open(screen, "Not found")
        await reader.button("reader").click()
        await reader.button("Log out").click()
        await expect(page.locator("h1")).to_have_text("Log in")
