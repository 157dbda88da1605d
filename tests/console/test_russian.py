"""The Russian console speaks Russian: what is on its screens, and what the daemon says there."""

import ast
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, expect

import dialer.model.why
import dialer.pbx.link
from dialer.api.mikopbx.rules import _CAUSES
from dialer.dispatch.traffic import NO_TRUNK, Traffic
from dialer.model.why import first_block
from dialer.store.finishing import ENDED_BY_USER, LIFETIME_OVER, STOPPED
from tests.api.conftest import running_dialer
from tests.console.browsing import Look, new_context, tab_of
from tests.console.conftest import GUARDED, Stage, cookies_of
from tests.console.past import make_past
from tests.console.said_of_tables import OTHER_FILES, patterns_of_tables
from tests.console.test_screens import HEADINGS
from tests.rig.daemon import BASE
from tests.unit.test_why import OF_ONE, PROVOKED

WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:[./:=@+-][A-Za-z0-9_]+)*")
CODES = {
    "AGI", "AMI", "API", "ASCII", "Asterisk", "AstDB", "CRM", "CSV", "FastAGI",
    "MSK", "PDF", "SIP", "Q.850", "VotBox", "XLS", "XLSX", "FAIL_PROVIDER", "TIMEOUT", "FULL", "retryOn",
    "AAC", "AIFF", "AMR", "AU", "FLAC", "GSM", "M4A", "MP3", "OGG", "WAV", "WebM",
    "m4a", "mp3", "wav", "ogg", "flac", "gsm", "cookie", "English", "ru-RU", "NUL", "asterisk", "spool_dir",
    "dialing", "max_channels", "max_calls_per_s", "ami", "username",
    "secret", "webhooks", "audio", "recordings_dir", "read", "system",
    "manager_autodialer.conf", "extensions_autodialer.conf",
    "dialplan", "reload", "UTF-8", "UTF-16", "Windows-1251",
}  # fmt: skip
"""Names of codes, formats, settings and products: they are the same in every language."""
DATA = {
    "Welcome", "call", "b", "admin", "old", "music-on-hold.wav", "crm-77", "id", "Europe", "Asia", "mts",
}  # fmt: skip
"""What users have called their things in the tests."""
SEEN = """() => { const NAMES = ['aria-label', 'title', 'placeholder'];
    document.querySelectorAll('details').forEach(one => { one.open = true; });
    const named = [...document.querySelectorAll('[aria-label], [title], [placeholder]')]
        .filter(one => one.checkVisibility()).flatMap(one => NAMES.map(name => one.getAttribute(name) ?? ''));
    const chosen = [...document.querySelectorAll('option')].map(one => one.textContent);
    return [document.title, document.body.innerText, ...named, ...chosen].join('\\n'); }"""
REFUSALS = (Path(__file__).parent / "refusals.txt").read_text().splitlines()
"""What the daemon refuses forms of the console with: one of each kind."""
OF_TABLES = (Path(__file__).parent / "table_refusals.txt").read_text().splitlines()
"""What it says of tables of numbers, of their cells and numbers: one of each kind."""
DOUBTFUL = (
    "Телефон;имя\n79520100001;Анна\n+71230000001;нет кода\n7952010;короткий\n795201000012;длинный\n*123456;код\n"
    "2026-01-02;дата\n7,95222E+10;округлён\n12;мал\nнет;слово\n"
)
OTHER_FORMATS = {"RTF", "HTML", "XML", "XLSB", "OpenDocument", "Numbers", "Word"}
"""What is no table, by its name: elsewhere `Numbers` or `Word` is a word."""
TOLD_OF_FILES = {
    "file: list.xlsx: a PDF file: XLSX, XLS or CSV expected": "«list.xlsx»: это файл PDF, а нужен XLSX, XLS или CSV",
    "file: list: July.xls: a binary workbook (XLSB): XLSX, XLS or CSV expected": (
        "«list: July.xls»: это двоичная книга (XLSB), а нужен XLSX, XLS или CSV"
    ),
    "file: list.csv: row 9: unexpected end of data; is a quote left open there?": (
        "«list.csv»: строка 9: не читается, не осталась ли в ней незакрытая кавычка?"
    ),
    "file: list.csv: row 9, column 2: a quote is opened and never closed": (
        "«list.csv»: строка 9, столбец 2: кавычка открыта и не закрыта"
    ),
    "file: list.xlsx: protected by a password": "«list.xlsx»: защищён паролем",
    "file: list: July.xlsx: protected by a password": "«list: July.xlsx»: защищён паролем",
    "file: list.xlsx: after row 7: damaged, or no table (BadZipFile: File is not a zip file)": (
        "«list.xlsx»: после строки 7: файл повреждён, или это не таблица"
    ),
    "file: list.xlsx: 'xl/x' in it is compressed in a way that XLSX does not know": (
        "«list.xlsx»: часть «xl/x» сжата не так, как бывает в XLSX"
    ),
}
"""And what the console makes of it, to the letter."""
DETAILS = (
    "name old → б; state open → paused; maxCountChannels 5 → 12; notifyUrl changed; 3 numbers",
    "rules: max_attempts, weekdays, retry_on",
    "name old; state paused; 900 numbers",
    "recordTalk False → True; innerNumType polling → exten; dialPrefix  → 9",
    "name old; questions 4",
    "bytes 16044",
    "clients 5",
    "of all tasks; 2 added, 0 known",
    "of task 1000000001; 1 added, 3 known",
    "…0001: 1 attempts closed",
    "all numbers, calls hung up",
    "3 numbers, calls hung up",
    "5 events",
    "password; role operator",
    "read-only",
)
"""Of the audit log."""


def latin_words(text: str) -> set[str]:
    """That belong to no name which is the same in Russian. Addresses and files are names."""
    bare = re.sub(r"https?://\S+|/[\w./-]+|\d[\d.]*:\d+|«[^»]*»", " ", text)
    return set(WORD.findall(bare)) - CODES - DATA


@pytest_asyncio.fixture(scope="module")
async def own() -> AsyncIterator[Stage]:
    """What other tests call their things in English is not here."""
    async with running_dialer({"tts": {"engine": "espeak-ng"}}) as dialer:
        past = await make_past(dialer, 200)
        async with dialer.changed(GUARDED):
            yield Stage(dialer, past)


@pytest_asyncio.fixture(scope="module")
async def desk(browser: Browser, own: Stage) -> AsyncIterator[BrowserContext]:
    """Where a Russian administrator sits: one browser for all tests, its cache kept."""
    context = await new_context(browser, lang="ru", storage_state=await cookies_of(browser, own.url))
    try:
        yield context
    finally:
        await context.close()


@pytest_asyncio.fixture
async def russian(desk: BrowserContext, own: Stage) -> AsyncIterator[Look]:
    async with tab_of(desk, own.url) as look:
        await look.open("", "Обзор")
        yield look


async def seen(look: Look) -> set[str]:
    await look.settled()
    return latin_words(await look.page.evaluate(SEEN))


async def test_no_screen_has_english_words(russian: Look, own: Stage) -> None:
    wrong = dict[str, set[str]]()
    task_id = own.past.task_id
    screens = {**{screen: headings[1] for screen, headings in HEADINGS.items()}, "tasks/5": "Задача 5"}
    screens |= {"pollings/99": "Опрос 99", "tasks/none": "Задача none", "stop-list?phone=79520000777": "Стоп-лист"}
    for screen, heading in screens.items():
        address = screen.format(task_id=task_id, graph_id=own.past.graph_id)
        await russian.open(address, heading)
        wrong[screen] = await seen(russian) - {"none"}
    for number in (own.past.recorded, own.past.waiting):
        await russian.open("tasks", "Задачи")
        await russian.open(f"tasks/{task_id}/numbers?search={number}", HEADINGS["tasks/{task_id}"][1])
        await russian.button(f"Подробнее: {number}").click()
        wrong[number] = await seen(russian)
    assert not any(wrong.values()), {screen: words for screen, words in wrong.items() if words}


async def test_causes_of_all_kinds_are_in_russian(russian: Look, own: Stage) -> None:
    await russian.open(f"tasks/{own.past.task_id}/numbers?result=FAIL", HEADINGS["tasks/{task_id}"][1])
    await expect(russian.page.get_by_text("Занято (SIP 486)").first).to_be_visible()
    assert not await seen(russian)
    causes = [re.sub(r"\\|\(|\|\w+|\)", "", cause) for cause in _CAUSES if "[" not in cause]
    causes += [STOPPED, ENDED_BY_USER, LIFETIME_OVER, "Queue FULL", "SIP 499 New", "Q.850 99"]
    await check(russian, "causeTold", causes)


async def test_why_nothing_is_dialled_is_in_russian(russian: Look) -> None:
    said = [first_block(situation) for situation, _ in (*PROVOKED.values(), *OF_ONE)]
    reasons = [found.reason for found in said] + [found.next_look_on for found in said]
    for module in (dialer.model.why, dialer.pbx.link):
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                reasons += [node.value] if re.match(r"(when|with|every \d|at|never:?) [^{]*[a-z]$", node.value) else []
    reasons += [
        "the task is closed (state 1): by the CRM, more than 10000 numbers wait, 1 call is in progress",
        "the task is paused (state 2): its calls have cost 10.5, maxCost is 10",
        "79520000001 waits, 3 before it; Asterisk: login refused, see [ami] username, secret",
        "79520000001 may not be called now: not on Sundays, and the window is 09:00 to 18:00 of the next day",
        "79520000001 waits for its time: 2026-11-25 15:10:00 MSK; its lifetime is over before that, 15:05:00",
        "Asterisk: booting (or our AMI user lacks read = system, see manager_autodialer.conf)",
        "Asterisk: away (AMI 127.0.0.1:10001: [Errno 111] Connect call failed ('127.0.0.1', 10001))",
        "trunk mts: SIP 503 Service Unavailable, slowed down to 2.5 calls a second",
        f"{Traffic()._pace.name} allows 87.5 calls a second",
        f"{Traffic()._pace.name} allows 87.5 calls a second, of all tasks",
        "Asterisk has yet to take up 50 call files, of all tasks",
        "Asterisk's events come late, of all tasks",
        f"2 calls are in progress, {NO_TRUNK} allows 2",
        "predictive fell back to progressive: 2 employees on duty, 3 needed; 1 free employee, 0 calls on their way",
        "nobody at internal number 201 can take a call: none of the 3 members of queue 700 is free",
        "call files come back without a claim: does Asterisk take them from [asterisk] spool_dir, "
        "does it include our dialplan, does it reach FastAGI at 127.0.0.1:4573?",
    ]  # fmt: skip
    provoked_by_tests = {"spool_dir: no such folder", "when the AMI connection is back"}
    await check(russian, "reasonTold", [one for one in reasons if one not in provoked_by_tests])


async def test_what_forms_are_refused_with_is_in_russian(russian: Look) -> None:
    await check(russian, "told", [re.sub(r"^[A-Za-z][\w.\[\]]*: ", "", refusal) for refusal in REFUSALS])


async def test_what_is_wrong_with_a_table_is_in_russian(russian: Look) -> None:
    await check(russian, "told", OF_TABLES)


async def test_what_is_wrong_with_a_table_names_the_file_the_place_and_what_it_is(russian: Look) -> None:
    told = await russian.page.evaluate(
        "texts => import('/console/assets/i18n/index.js').then(one => texts.map(one.told))", [*TOLD_OF_FILES]
    )
    assert told == [*TOLD_OF_FILES.values()]


async def test_each_other_kind_of_file_is_named(russian: Look) -> None:
    told = await russian.page.evaluate(
        "texts => import('/console/assets/i18n/index.js').then(one => texts.map(one.told))", OTHER_FILES
    )
    assert all(re.fullmatch("«x»: это .+, а нужен XLSX, XLS или CSV", one) for one in told), told
    assert {word for one in told for word in latin_words(one)} == OTHER_FORMATS
    assert len(set(told)) == len(OTHER_FILES)


def test_all_that_can_be_said_of_a_table_is_among_what_is_checked() -> None:
    untold = [one for one in patterns_of_tables() if not any(re.search(rf"(^|: ){one}$", text) for text in OF_TABLES)]
    assert not untold
    assert len(patterns_of_tables()) > 40


async def test_the_report_of_a_dry_run_is_in_russian(russian: Look, tmp_path: Path) -> None:
    page = russian.page
    table = tmp_path / "список.csv"
    table.write_text(DOUBTFUL)
    await russian.open("tasks/new", "Новая задача")
    await page.get_by_label("Перетащите таблицу сюда").set_input_files(table)
    for count, reasons in (("Сомнительные: 3", ".muted"), ("Не прочитаны: 5", ".error")):
        listed = page.locator(".report details").filter(has_text=count).locator(f"li {reasons}")
        await expect(listed).to_have_count(int(count[-1]))
    await expect(page.get_by_text("такого кода нет: +7 123")).to_be_attached()
    assert not await seen(russian) - {"csv"}
    await russian.button("Другие номера").click()
    table.write_text('Телефон\n"79520100001\n')
    await page.get_by_label("Перетащите таблицу сюда").set_input_files(table)
    await expect(page.get_by_text("кавычка открыта и не закрыта")).to_be_visible()
    assert not await seen(russian) - {"csv"}


async def test_the_audit_log_is_in_russian(russian: Look) -> None:
    await check(russian, "detailTold", list(DETAILS))


async def test_what_users_have_called_things_is_told_as_it_is(russian: Look) -> None:
    """Whatever it means elsewhere: to us, or to JavaScript."""
    for name in ("polling", "True", "None", "open", "admin", "constructor"):
        details = {
            f"name {name}; state open": f"название: {name}; состояние: выполняется",
            f"name {name} → b": f"название: {name} → b",
            f"innerNum 201 → {name}": f"опрос или внутренний номер: 201 → {name}",
            f"{name} changed": f"{name}: изменено",
            f"name {name}; questions 4": f"название: {name}; вопросов: 4",
        }
        told = await russian.page.evaluate(
            "texts => import('/console/assets/i18n/index.js').then(one => texts.map(one.detailTold))", list(details)
        )
        assert told == list(details.values())


async def test_the_name_of_a_new_script_is_no_word_of_the_log(russian: Look) -> None:
    row = {"id": 1, "time": 1_767_225_600, "who": "votbox:crm", "address": "", "target": "5"}
    rows = [{**row, "action": "template.create", "detail": "password"}]
    await russian.page.route("**/console/v1/audit*", lambda route: route.fulfill(
        json={"result": True, "data": {"rows": rows, "next": None}, "messages": []}
    ))  # fmt: skip
    await russian.open("audit", "Журнал изменений")
    await expect(russian.page.get_by_text("password", exact=True)).to_be_visible()


async def test_a_missing_task_is_told_of_as_a_page(russian: Look) -> None:
    said_of = {"tasks/5": ("Задача 5", "Такой задачи нет"), "pollings/99": ("Опрос 99", "Такого опроса нет")}
    for address, (heading, said) in said_of.items():
        await russian.open(address, heading)
        await expect(russian.page.get_by_role("heading", name=said)).to_be_visible()
        await expect(russian.page.get_by_role("button", name="Повторить")).to_have_count(0)


async def check(look: Look, function: str, said: list[str]) -> None:
    """The console says each of these in other words, and those are Russian."""
    translated = await look.page.evaluate(
        "([name, texts]) => import('/console/assets/i18n/index.js').then(one => texts.map(text => one[name](text)))",
        [function, said],
    )
    pairs = dict(zip(said, translated, strict=True))
    wrong = {text: words for text, words in pairs.items() if latin_words(words) or not re.search("[а-яё]", words)}
    assert not wrong, "\n".join(f"{text} → {words}" for text, words in wrong.items())


async def test_the_refusals_are_those_of_the_daemon(russian: Look) -> None:
    """Of some forms, as they come: the list is no invention."""
    body = {"innerNum": "1", "innerNumType": "polling", "numbers": [], "maxAttempt": "x", "weekDays": []}
    reply = await russian.page.request.post(f"{russian.url}{BASE}/task", data=body)
    kinds = {re.sub("got .*", "got", one) for one in REFUSALS}
    assert {re.sub("got .*", "got", one) for one in (await reply.json())["messages"]} <= kinds
