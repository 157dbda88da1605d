"""The page of the dialplan is a map of the dialplan that there is."""

import re

import pytest

from dialer.pbx import preflight
from tests.docs.pages import LANGUAGES, REPO, code, page

DIALPLAN = (REPO / "dialplan/extensions_autodialer.conf").read_text(encoding="utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_context_is_explained_and_no_other(language: str) -> None:
    contexts = set(re.findall(r"^\[([\w-]+)\]", DIALPLAN, re.M))
    text = page(language, "dialplan")
    assert contexts - set(code(text)) == set()
    assert {one for one in re.findall(r"autodialer-[a-z]+(?:-[a-z]+)*", text) if one not in contexts} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_variable_that_is_named_is_there(language: str) -> None:
    named = set(re.findall(r"AUTODIALER_[A-Z_]+\b", page(language, "dialplan")))
    assert len(named) > 4
    assert {one for one in named if not re.search(rf"\b{one}\b", DIALPLAN)} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_module_that_asterisk_must_load_is_named(language: str) -> None:
    told = set(page(language, "dialplan").replace("`", " ").split())
    assert set(preflight.MODULES) | set(preflight.MACHINE_MODULES) <= told
