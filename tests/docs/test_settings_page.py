"""The page of settings says what the code knows: no key more, none less, each with its default."""

import pytest

from tests.docs.pages import LANGUAGES, code, page, rows, sections
from tests.docs.settings_known import Key, known_keys

REQUIRED = {"en": "must be given", "ru": "обязателен"}
KEYS = known_keys()


def documented(language: str) -> dict[tuple[str, str], str]:
    """By section and key: the cell of the default."""
    told: dict[tuple[str, str], str] = {}
    for heading, text in sections(page(language, "settings")):
        assert heading.startswith("["), heading
        for key, default, meaning in rows(text):
            place = (heading.strip("[]"), key.strip("`"))
            assert place not in told, f"{place} stands twice"
            assert len(meaning) > 1, place
            told[place] = default
    return told


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_has_each_setting_and_no_other(language: str) -> None:
    assert set(documented(language)) == {(key.section, key.name) for key in KEYS}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key.section}.{key.name}")
def test_the_page_names_the_default(language: str, key: Key) -> None:
    cell = documented(language)[key.section, key.name]
    if key.required:
        assert cell == REQUIRED[language]
    elif key.default is None:  # empty, or what the code makes of it, in words
        assert code(cell) == [] or cell != f"`{code(cell)[0]}`"
    else:
        assert cell == f"`{key.default}`"
