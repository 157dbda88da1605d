"""The polling editor: a graph, fields, the server's word at the right one."""

from typing import Any

from playwright.async_api import Browser, expect

from tests.console.browsing import Look, looking
from tests.console.conftest import Stage
from tests.console.past import GRAPH

PLACED = """() => { const box = one => document.querySelector(one).getBoundingClientRect().toJSON();
    const [graph, form] = ['.graph-card', '.editor fieldset'].map(one => document.querySelector(one));
    const [seen, next] = [box('.graph-card'), box('.editor fieldset')];
    return {before: Boolean(graph.compareDocumentPosition(form) & Node.DOCUMENT_POSITION_FOLLOWING),
        seen_first: seen.bottom <= next.top + 1 || seen.right <= next.left + 1, wide: innerWidth,
        frame: box('.graph-scroll'), start: box('svg.graph .node.start')}; }"""
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
"""Also what is done after a drawing."""
HEARD = """() => { window.heard = 0; const start = AudioBufferSourceNode.prototype.start;
    AudioBufferSourceNode.prototype.start = function () {
        window.heard = this.buffer.duration; return start.call(this); }; }"""


async def test_the_graph_shows_ways_ends_loops_and_what_nothing_leads_to(look: Look, stage: Stage) -> None:
    page = look.page
    await look.open(f"pollings/{stage.past.graph_id}", "Запись на приём")
    graph = page.locator("svg.graph")
    await expect(graph.locator(".node.question")).to_have_count(4)
    await expect(graph.locator(".node.unreachable")).to_have_count(1)
    await expect(graph.locator(".node.unreachable")).to_contain_text("unreachable")
    await expect(graph.locator(".node.dial")).to_contain_text("Calls 201")
    await expect(graph.locator(".node.end")).to_have_count(1)
    await expect(graph.locator(".edge.loop")).to_have_count(2)
    await expect(page.get_by_text("1 unreachable: old")).to_be_visible()
    await graph.get_by_role("button", name="Question 2").press("Enter")
    await expect(page.locator("#question-1 textarea").first).to_be_focused()
    await expect(graph.locator(".node.chosen")).to_contain_text("Скажите")


async def test_the_graph_stands_before_the_questions_and_begins_in_its_frame(
    browser: Browser, stage: Stage, admin: Any
) -> None:
    """The order that is read aloud is the one that is seen; what is too wide is scrolled in its frame."""
    for how in ({"phone": True}, {}, {"viewport": {"width": 1720, "height": 1000}}):
        async with looking(browser, stage.url, storage_state=admin, **how) as look:
            await look.open(f"pollings/{stage.past.graph_id}", "Запись на приём")
            await expect(look.page.locator("svg.graph .node.start")).to_be_visible()
            placed = await look.page.evaluate(PLACED)
            assert placed["before"], how
            assert placed["frame"]["left"] <= placed["start"]["left"], (how, placed)
            assert placed["start"]["right"] <= placed["frame"]["right"], (how, placed)
            assert placed["frame"]["right"] <= placed["wide"], (how, placed)
            assert placed["seen_first"], (how, placed)


async def test_what_was_read_is_saved_as_it_was(look: Look, stage: Stage) -> None:
    page = look.page
    path = f"/console/v1/pollings/{stage.past.graph_id}"
    before = await look.get(path)
    await look.open(f"pollings/{stage.past.graph_id}", "Запись на приём")
    await page.get_by_label("Name", exact=True).fill("Запись на приём, 2")
    await expect(page.get_by_text("Not saved")).to_be_visible()
    await look.button("Save").click()
    await expect(page.locator(".toasts").get_by_text("The polling is saved")).to_be_visible()
    await expect(page.get_by_text("Not saved")).to_have_count(0)
    assert await look.get(path) == {**before, "name": "Запись на приём, 2"}
    await page.get_by_label("Name", exact=True).fill(str(GRAPH["name"]))
    await expect(page.get_by_text("Not saved")).to_be_visible()
    await look.button("Save").click()
    await expect(page.get_by_text("Not saved")).to_have_count(0)
    assert await look.get(path) == before


async def test_a_polling_is_made_heard_refused_mended_and_saved(look: Look) -> None:
    page = look.page
    await look.open("pollings/new", "New polling")
    await page.evaluate(HEARD)
    await page.get_by_label("Name", exact=True).fill("Новый <script>alert(1)</script>")
    await look.button("Save").click()
    text = page.locator("#question-0").get_by_label("What is said")
    await expect(text).to_have_attribute("aria-invalid", "true")
    await expect(text).to_be_focused()
    await look.shoot("polling-refused")
    await look.check_accessible("refused polling")
    await text.fill("Уважаемый <имя>, один или два?")
    await expect(text).not_to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_text("Not saved: 1 question")).to_have_count(0)
    await expect(page.locator(".graph .node.wrong")).to_have_count(0)
    await page.get_by_role("textbox", name="имя").fill("Пётр")
    await look.button("Listen: Question 1").click()
    await page.wait_for_function("() => window.heard > 0.5")
    await look.button("Add a key").click()
    await look.button("Add a key").click()
    first, second = (page.get_by_role("group", name=f"Key {key}", exact=True) for key in "12")
    await first.get_by_label("Stored as").fill("да")
    await second.get_by_label("What it does").select_option("dial")
    await second.get_by_label("Internal number").fill("не номер")
    await look.button("Add a question").click()
    await page.locator("#question-1").get_by_label("What is said").fill("Спасибо!")
    await first.get_by_label("Then").select_option("2")
    await look.button("Save").click()
    await expect(second.get_by_label("Internal number")).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_text("Not saved: 1 question is not right yet")).to_be_visible()
    await expect(page.locator(".graph .node.wrong")).to_have_count(1)
    await first.get_by_label("Stored as").fill("так")
    await expect(second.get_by_label("Internal number")).to_have_attribute("aria-invalid", "true")
    await second.get_by_label("Internal number").fill("201")
    await expect(page.locator("[aria-invalid=true], .graph .node.wrong")).to_have_count(0)
    await first.get_by_label("Stored as").fill("да")
    await look.button("Save").click()
    await expect(page.locator("h1")).to_have_text("Новый <script>alert(1)</script>")
    saved = await look.get(f"/console/v1/pollings/{page.url.rpartition('/')[2]}")
    assert [shape(one) for one in saved["questions"][0]["press"]] == [
        ("1", "answer", "да", "2"),
        ("2", "dial", "201", None),
    ]
    await expect(page.locator(".graph .node.question")).to_have_count(2)


def shape(press: dict[str, Any]) -> tuple[str, str, str, str | None]:
    return press["key"], press["action"], press["value"], press["nextQuestion"] or None


async def test_a_renamed_question_takes_its_ways_along(look: Look, stage: Stage) -> None:
    page = look.page
    await look.open(f"pollings/{stage.past.graph_id}", "Запись на приём")
    question = page.locator("#question-2")
    await question.get_by_text("More of this question").click()
    await question.get_by_label("Id", exact=True).fill("bye")
    first = page.locator("#question-0").get_by_role("group", name="Key 1", exact=True)
    await expect(first.get_by_label("Then")).to_have_value("bye")
    await look.button("Remove: Question 3").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Other questions lead to it")
    await look.button("Cancel", page.get_by_role("dialog")).click()
    await page.get_by_role("link", name="Audio files").click()
    await look.button("Leave", page.get_by_role("dialog")).click()
    await expect(page.locator("h1")).to_have_text("Audio files")


async def test_an_error_of_all_questions_stands_until_it_is_mended(look: Look, stage: Stage) -> None:
    page = look.page
    await look.open(f"pollings/{stage.past.graph_id}", "Запись на приём")
    question = page.locator("#question-2")
    await question.get_by_text("More of this question").click()
    await question.get_by_label("Id", exact=True).fill("1")
    await look.button("Save").click()
    error = page.get_by_role("alert").get_by_text("a questionId is given twice")
    await expect(error).to_be_visible()
    await question.get_by_label("What is said").first.fill("Спасибо, ждём!")
    await look.button("Add a question").click()
    await expect(page.locator("#question-4")).to_be_visible()
    await expect(error).to_be_visible()
    await question.get_by_label("Id", exact=True).fill("3")
    await expect(error).to_have_count(0)
    await leave(look)


async def test_the_graph_stays_where_it_was_scrolled_to(browser: Browser, stage: Stage, admin: Any) -> None:
    async with looking(browser, stage.url, storage_state=admin, phone=True) as look:
        page = look.page
        await look.open(f"pollings/{stage.past.graph_id}", "Запись на приём")
        frame, graph = page.locator(".graph-scroll"), page.locator("svg.graph")
        assert await frame.evaluate("one => one.scrollLeft") > 0
        await frame.evaluate("one => { one.scrollLeft = 1; }")
        wide = await graph.get_attribute("viewBox")
        await page.locator("#question-0").get_by_role("button", name="Add a key").click()
        last = page.locator("#question-0 .press").last
        await last.get_by_label("What it does").select_option("dial")
        await last.get_by_label("Internal number").fill("777777777777777")
        await expect(graph.locator(".node.dial")).to_have_count(2)
        assert await graph.get_attribute("viewBox") != wide
        await page.evaluate(DRAWN)
        assert await frame.evaluate("one => one.scrollLeft") == 1
        await leave(look)


async def leave(look: Look) -> None:
    """Without saving."""
    await look.page.evaluate("location.hash = '#/audio'")
    await look.button("Leave", look.page.get_by_role("dialog")).click()
    await expect(look.page.locator("h1")).to_have_text("Audio files")


async def test_a_sample_has_no_value_before_it_is_given_one(look: Look, stage: Stage) -> None:
    await look.open(f"pollings/{stage.past.graph_id}", "Запись на приём")
    await look.page.locator("#question-0").get_by_label("What is said").first.fill("<constructor>, добрый день!")
    await expect(look.page.get_by_role("textbox", name="constructor")).to_have_value("")
    await leave(look)


async def test_closing_the_tab_asks_when_something_is_unsaved(browser: Browser, stage: Stage, admin: Any) -> None:
    async with looking(browser, stage.url, storage_state=admin) as look:
        page = look.page
        await look.open(f"pollings/{stage.past.graph_id}", "Запись на приём")
        await page.get_by_label("Name", exact=True).click()
        await page.keyboard.type("!")
        await expect(page.get_by_text("Not saved")).to_be_visible()
        page.on("dialog", lambda dialog: dialog.accept())
        async with page.expect_event("dialog") as asked:
            await page.close(run_before_unload=True)
        assert (await asked.value).type == "beforeunload"


async def test_a_polling_in_use_stays_and_another_is_deleted(look: Look, stage: Stage) -> None:
    page = look.page
    polling = await look.call(
        "POST", "/pbxcore/api/module-dialer/v1/polling", {"name": "Лишний", "questions": [{"questionText": "Да?"}]}
    )
    await look.open("pollings", "Pollings")
    await look.button("Delete: Оценка обслуживания").click()
    await look.button("Delete", page.get_by_role("dialog")).click()
    await expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()
    await look.button("Cancel", page.get_by_role("dialog")).click()
    await look.button("Delete: Лишний").click()
    await look.button("Delete", page.get_by_role("dialog")).click()
    await expect(page.get_by_role("link", name="Лишний")).to_have_count(0)
    assert int(polling["id"]) not in [one["id"] for one in await look.get("/console/v1/pollings")]
