"""The site is built without a warning, in two languages alike, and loads nothing from elsewhere."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Route, expect, sync_playwright

from tests.docs.pages import DOCS, LANGUAGES, PAGES, REPO, page

CHROMIUM = "/usr/bin/chromium"
NAMES = {language: sorted(file.stem for file in (PAGES / language).glob("*.md")) for language in LANGUAGES}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    program = (str(Path(sys.executable).with_name("mkdocs")), "build", "--strict", "--quiet")
    done = subprocess.run(
        [*program, "--config-file", str(DOCS / "mkdocs.yml"), "--site-dir", str(folder)],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return folder


class Loaded(HTMLParser):
    """What a page makes the browser fetch by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and (name in ("src", "srcset", "poster", "data") or (tag, name) == ("link", "href")):
                self.addresses.append(value)


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    for file in site.rglob("*.html"):
        loaded = Loaded()
        loaded.feed(file.read_text(encoding="utf-8"))
        assert loaded.addresses
        assert [one for one in loaded.addresses if re.match(r"(https?:)?//", one)] == [], file


def test_no_style_loads_anything_from_another_host(site: Path) -> None:
    for file in site.rglob("*.css"):
        text = file.read_text(encoding="utf-8")
        assert re.findall(r"url\(\s*[\"']?(?:https?:)?//[^)]*\)|@import[^;]*//", text) == [], file


def test_both_languages_have_the_same_pages() -> None:
    assert NAMES["en"] == NAMES["ru"]


@pytest.mark.parametrize("name", NAMES["en"])
def test_a_page_has_the_same_parts_in_both_languages(name: str) -> None:
    def shape(language: str) -> list[str]:
        """Levels of its headings, and where its tables and blocks of code stand."""
        fenced = False
        found = []
        for line in page(language, name).splitlines():
            if line.lstrip().startswith("```"):
                fenced = not fenced
                found += ["code"] if fenced else []
            elif not fenced and (heading := re.match(r"#+ ", line)):
                found.append(heading[0])
            elif not fenced and line.startswith("|---"):
                found.append("table")
        return found

    assert shape("en") == shape("ru")


@pytest.mark.parametrize("name", NAMES["en"])
def test_a_table_has_as_many_rows_in_both_languages(name: str) -> None:
    def lengths(language: str) -> list[int]:
        return [len(table.splitlines()) for table in re.findall(r"(?:^\|.*\n)+", page(language, name), re.M)]

    assert lengths("en") == lengths("ru")


@pytest.mark.parametrize("name", NAMES["ru"])
def test_a_russian_page_is_russian(name: str) -> None:
    prose = re.sub(r"```.*?```|`[^`]*`|https?://\S+|\]\([^)]*\)", "", page("ru", name), flags=re.S)
    letters = re.findall(r"[А-Яа-яЁё]", prose)
    assert len(letters) > 4 * len(re.findall(r"[A-Za-z]", prose)) or len(letters) > 700


def test_links_of_the_readme_lead_to_files_that_are_there() -> None:
    text = (REPO / "README.md").read_text(encoding="utf-8")
    links = [one for one in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if not re.match(r"https?:", one)]
    assert len(links) > 5
    assert [one for one in links if not (REPO / one).exists()] == []


def test_links_of_the_readme_to_headings_lead_somewhere() -> None:
    text = (REPO / "README.md").read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\(([^)#]*)#([^)]+)\)", text):
        source = (REPO / target).read_text(encoding="utf-8") if target else text
        anchors = {
            re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in re.findall(r"^#+ (.*)$", source, re.M)
        }
        assert anchor in anchors, f"{target}#{anchor}"


@pytest.mark.parametrize(
    "example", [file for file in DOCS.glob("examples/**/*.*") if file.is_file()], ids=lambda file: file.name
)
def test_every_example_is_shown_in_both_languages(example: Path) -> None:
    name = example.relative_to(DOCS / "examples").as_posix()
    for language in LANGUAGES:
        assert any(f'--8<-- "{name}' in page(language, one) for one in NAMES[language]), name


def test_the_search_knows_both_languages(site: Path) -> None:
    config = json.loads((site / "search/search_index.json").read_text(encoding="utf-8"))["config"]
    assert config["lang"] == ["ru", "en"]


@contextmanager
def served(folder: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_browser_searches_russian_words_in_any_form_and_asks_no_other_host(site: Path) -> None:
    elsewhere: list[str] = []
    with served(site) as url, sync_playwright() as playwright:

        def watch(route: Route) -> None:
            if route.request.url.startswith((url, "data:", "blob:")):
                route.continue_()
            else:
                elsewhere.append(route.request.url)
                route.abort()

        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened = browser.new_page()
        opened.route("**/*", watch)
        opened.goto(f"{url}/index.html")
        opened.keyboard.press("/")
        opened.keyboard.type("резервную копию", delay=10)  # the heading has "Резервная копия"
        expect(opened.locator(".md-search-result__item").first).to_be_visible(timeout=20_000)
        assert "Резервн" in opened.locator(".md-search-result__list").inner_text()
        opened.goto(f"{url}/en/crm.html")
        assert opened.locator("html").get_attribute("lang") == "en"
        browser.close()
    assert elsewhere == []
