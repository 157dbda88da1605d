"""A task's numbers: found, looked into, heard."""

from playwright.async_api import Locator, expect

from tests.console.browsing import Look
from tests.console.conftest import Stage

NAME = "Оценка обслуживания, июль"


async def details_of(look: Look, stage: Stage, number: str) -> Locator:
    await look.open(f"tasks/{stage.past.task_id}/numbers?search={number}", NAME)
    await expect(look.page.locator("tbody tr")).to_have_count(1)
    await look.button(f"Details: {number}").click()
    return look.page.locator(".number-detail")


async def test_numbers_come_page_by_page_and_are_chosen_by_their_results(look: Look, stage: Stage) -> None:
    page = look.page
    await look.open(f"tasks/{stage.past.task_id}/numbers", NAME)
    rows = page.locator("tbody tr")
    await expect(rows).to_have_count(100)
    await look.button("Show more").click()
    await expect(rows).to_have_count(200)
    await page.get_by_role("combobox", name="Result").select_option("FAIL_PROVIDER")
    charts = await look.get(f"/console/v1/tasks/{stage.past.task_id}")
    await expect(rows).to_have_count(charts["results"]["FAIL_PROVIDER"])
    await expect(page.get_by_text("SIP 503 Service Unavailable").first).to_be_visible()
    await page.get_by_role("combobox", name="Result").select_option("")
    await page.get_by_role("combobox", name="State").select_option("waiting")
    await page.get_by_label("Number or client").fill("0000012")
    await expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    await page.get_by_role("combobox", name="State").select_option("")
    await expect(rows).to_have_count(1)


async def test_a_result_of_the_chart_leads_to_its_numbers(look: Look, stage: Stage) -> None:
    await look.open(f"tasks/{stage.past.task_id}", NAME)
    await look.page.get_by_role("link", name="Left the polling early").click()
    await expect(look.page.get_by_role("combobox", name="Result")).to_have_value("FAIL_POLLING")


async def test_a_recorded_answer_is_played_and_can_be_kept(look: Look, stage: Stage) -> None:
    page = look.page
    details = await details_of(look, stage, stage.past.recorded)
    await look.shoot("number-details")
    await details.get_by_role("button", name="Play").click()
    audio = details.locator("audio")
    await page.wait_for_function("() => document.querySelector('audio').currentTime > 0")
    assert await audio.evaluate("one => one.error") is None
    async with page.expect_download() as downloading:
        await details.get_by_role("link", name="Download").click()
    assert (await downloading.value).suggested_filename.endswith(".wav")
    await look.check_accessible("number details")


async def test_why_a_number_waits_is_told_in_the_users_words(look: Look, stage: Stage) -> None:
    details = await details_of(look, stage, stage.past.waiting)
    await expect(details.get_by_text("The task is paused", exact=True)).to_be_visible()
    await expect(details.get_by_text("имя", exact=True)).to_be_visible()
    await details.get_by_text("In the dialer's words").click()
    await expect(details.get_by_text("is paused (state 2)")).to_be_visible()
    await expect(details.get_by_text("Next look: when the CRM sets state 0.")).to_be_visible()
    await look.shoot("number-waits")


async def test_a_number_is_closed_and_put_on_the_stop_list(look: Look, stage: Stage) -> None:
    page = look.page
    number = str(int(stage.past.waiting) - 1)
    details = await details_of(look, stage, number)
    await look.button("Do not call any more", details).click()
    await look.button("Do not call any more", page.get_by_role("dialog")).click()
    await expect(page.locator(".toasts").get_by_text("1 attempt ended")).to_be_visible()
    await expect(page.locator("tbody").get_by_text("Closed by signal")).to_be_visible()
    await look.button("Put on the stop list", details).click()
    await look.button("Put on the stop list", page.get_by_role("dialog")).click()
    await expect(page.locator(".toasts").get_by_text("1 number is on the stop list.")).to_be_visible()
    assert (await look.get(f"/pbxcore/api/module-dialer/v1/stop-list/{number}"))["results"]


async def test_the_axis_of_a_chart_ends_with_the_last_bar(look: Look, stage: Stage) -> None:
    """Nothing has been in the future yet; what is short begins earlier."""
    await look.open(f"tasks/{stage.past.task_id}", NAME)
    bounds = """([times, ...how]) => import('/console/assets/components/time_chart.js')
        .then(one => one.boundsOf(times, ...how))"""
    for times, how, expected in (
        ([6000], [60], (5340, 6060)),
        ([6000, 6060], [60], (5400, 6120)),
        ([6000, 9600], [60], (6000, 9660)),
        ([6000], [60, 3000, 6600], (3000, 6600)),
        ([], [60, 3000, 6600], (3000, 6600)),
    ):
        found = await look.page.evaluate(bounds, [times, *how])
        assert (found["first"], found["end"]) == expected, (times, how)


async def test_charts_are_tables_too(look: Look, stage: Stage) -> None:
    page = look.page
    await look.open(f"tasks/{stage.past.task_id}", NAME)
    canvas = page.locator(".chart canvas")
    await expect(canvas).to_be_visible()
    await page.get_by_text("Show as a table").click()
    await expect(page.locator(".chart tbody tr").first).to_be_visible()
    await look.check_accessible("chart as a table")
    charts = await look.get(f"/console/v1/tasks/{stage.past.task_id}/charts")
    said = charts["questions"][0]["answers"][0]
    await expect(page.locator(".bars").first).to_contain_text(f"{said['value']}{said['times']}")
