"""What the console is made of: modules that load, dictionaries that agree, libraries with their licences."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from dialer.model.access import Role
from dialer.model.attempt import AttemptState
from dialer.model.outcome import Outcome
from dialer.model.situation import Rule
from tests.console.browsing import looking
from tests.console.conftest import Stage

REPO = Path(__file__).resolve().parents[2]
ASSETS = REPO / "dialer/console/assets"
VENDOR = ASSETS / "vendor"
MODULES = sorted(path for path in ASSETS.rglob("*.js") if VENDOR not in path.parents)
PLURALS = {"en": {"one", "other"}, "ru": {"one", "few", "many", "other"}}
TEXT = "".join(path.read_text() for path in MODULES if path.parent.name != "i18n" or path.name == "index.js")
NAME = r"[a-z][A-Za-z]*\.[A-Za-z0-9_.-]+"
Dictionary = dict[str, Any]


@pytest.fixture(scope="module")
async def dictionaries(browser: Browser, stage: Stage) -> dict[str, Dictionary]:
    async with looking(browser, stage.url) as look:
        await look.page.goto(f"{stage.url}/favicon.ico")
        return {
            lang: dict(await look.page.evaluate(f"import('/console/assets/i18n/{lang}.js').then(one => one.default)"))
            for lang in ("en", "ru")
        }


async def test_every_module_loads_in_the_browser(browser: Browser, stage: Stage) -> None:
    async with looking(browser, stage.url) as look:
        await look.page.goto(stage.url)
        for path in MODULES:
            name = path.relative_to(ASSETS).as_posix()
            if name not in ("early.js", "app.js"):
                await look.page.evaluate(f"import('/console/assets/{name}').then(() => null)")


async def test_both_dictionaries_have_the_same_texts_with_the_same_places(dictionaries: dict[str, Dictionary]) -> None:
    english, russian = dictionaries["en"], dictionaries["ru"]
    assert set(english) == set(russian)
    for name in english:
        places = [places_of(english[name]), places_of(russian[name])]
        assert places[0] == places[1], name


async def test_every_plural_form_of_the_language_is_there(dictionaries: dict[str, Dictionary]) -> None:
    for lang, texts in dictionaries.items():
        for name, text in texts.items():
            if isinstance(text, dict):
                assert set(text) == PLURALS[lang], (lang, name)
                assert all("{n}" in form for form in text.values()), (lang, name)


async def test_russian_is_written_in_russian(dictionaries: dict[str, Dictionary]) -> None:
    alike = {name for name, text in dictionaries["ru"].items() if not re.search("[а-яё]", str(text), re.I)}
    assert alike == {"kind.scriptOf", "who.user", "who.votbox"}


async def test_every_text_that_is_asked_for_is_there_and_no_other(dictionaries: dict[str, Dictionary]) -> None:
    english = set(dictionaries["en"])
    asked = set(re.findall(rf'"({NAME})"', TEXT))
    files = {name for name in asked if name.rsplit(".", 1)[-1] in ("js", "csv", "svg")}
    unknown = {name for name in re.findall(rf'\bt\("({NAME})"', TEXT) if name not in english}
    assert not unknown
    beginnings = tuple(set(re.findall(r"`([a-z][A-Za-z]*\.(?:[A-Za-z]+\.)*)\$\{", TEXT)))
    unused = {name for name in english if name not in asked and not name.startswith(beginnings)}
    assert not unused, (unused, files)


async def test_all_that_the_dialer_can_say_has_words(dictionaries: dict[str, Dictionary]) -> None:
    wanted = {
        *(f"why.{rule.value}" for rule in Rule),
        *(f"outcome.{outcome.value}" for outcome in Outcome),
        *(f"role.{role.value}" for role in Role),
        *(
            f"attempt.{state.value}"
            for state in AttemptState
            if state.name in ("SPOOLED", "DIALLING", "CONNECTING", "POLLING")
        ),
        *(f"audit.{action}" for action in audited_actions()),
    }
    assert wanted <= set(dictionaries["en"]), wanted - set(dictionaries["en"])


async def test_every_outcome_is_in_a_group(browser: Browser, stage: Stage) -> None:
    async with looking(browser, stage.url) as look:
        await look.page.goto(f"{stage.url}/favicon.ico")
        known = await look.page.evaluate("import('/console/assets/outcomes.js').then(one => one.OUTCOMES)")
    assert set(known) == {outcome.value for outcome in Outcome}


def test_libraries_are_named_with_version_and_licence() -> None:
    readme = (VENDOR / "README.md").read_text()
    for path in VENDOR.iterdir():
        if path.suffix in (".js", ".css"):
            assert f"`{path.name}`" in readme, path.name
            library = path.stem.partition("-")[0]
            assert (VENDOR / f"{library}.LICENSE.txt").stat().st_size > 500
            assert "sourceMappingURL" not in path.read_text()
    assert list((ASSETS / "fonts").glob("*.LICENSE.txt"))


def test_pages_have_no_script_or_style_of_their_own_and_ask_nobody_else() -> None:
    index = (ASSETS.parent / "index.html").read_text()
    assert not re.search(r"<style|style=|<script(?![^>]*\bsrc=)|\son\w+=", index)
    for path in [*MODULES, *ASSETS.glob("styles/*.css"), ASSETS.parent / "index.html"]:
        text = path.read_text()
        assert not re.search(r"https?://(?!www\.w3\.org)", text), path.name
        assert "innerHTML" not in text, path.name
        assert not re.search(r"\beval\(|new Function|setTimeout\(['\"]", text), path.name


def test_the_files_are_part_of_the_package() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text())
    assert "console/**/*" in project["tool"]["setuptools"]["package-data"]["dialer"]


def places_of(text: Any) -> set[str]:
    forms = text.values() if isinstance(text, dict) else [text]
    return {place for form in forms for place in re.findall(r"\{\w+\}", form)}


def audited_actions() -> set[str]:
    """What changes are called in the audit log, as the code has it."""
    text = "".join(path.read_text() for path in (REPO / "dialer").rglob("*.py"))
    return set(re.findall(r'Change\(\s*"([a-z.-]+)"', text)) | set(
        re.findall(r'"(task\.(?:pause|resume|close|change))"', text)
    )
