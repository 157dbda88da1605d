"""MENU_STRUCT and ActionPhoneList."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.api.votbox.errors import Code, VotboxError
from dialer.api.votbox.menu import read_menu, read_telephones
from dialer.model.safe import KEYS
from dialer.model.template import Action, MenuKey


def test_the_documents_own_form_is_read() -> None:
    text = "1:Повторить:1:3;\r\n2:Отказ:0;\r\n * : Оператор : 2 : 8 (812) 111-22-33 | 101 ;#::1"
    assert read_menu(text) == (
        MenuKey("1", "Повторить", Action.REPEAT, repeats=3),
        MenuKey("2", "Отказ", Action.END),
        MenuKey("*", "Оператор", Action.OPERATOR, telephones=("88121112233", "101")),
        MenuKey("#", "", Action.REPEAT, repeats=1),
    )


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("1:a", "KEY:DESCR:ACTIONCODE:ACTIONPARAM"),
        ("1:a:b:0:1", "KEY:DESCR:ACTIONCODE:ACTIONPARAM"),
        ("12:a:0", "клавиша"),
        (":a:0", "клавиша"),
        ("٣:a:0", "клавиша"),
        ("1:a:3", "ACTIONCODE"),
        ("1:a:", "ACTIONCODE"),
        ("1:a:0:5", "нет параметра"),
        ("1:a:1:21", "от 1 до 20"),
        ("1:a:1:0", "от 1 до 20"),
        ("1:a:1:-1", "от 1 до 20"),
        ("1:a:2", "от 1 до 50 номеров"),
        ("1:a:2:|", "от 1 до 50 номеров"),
        ("1:a:2:" + "|".join(map(str, range(51))), "от 1 до 50 номеров"),
        ("1:a:2:101|Иванов", "номер телефона"),
        ("1:a:2:101&SIP/x", "номер телефона"),
        ("9:b:0", "клавиша 9 уже занята"),
    ],
)
def test_a_wrong_entry_is_named_with_its_place(entry: str, reason: str) -> None:
    with pytest.raises(VotboxError, match=reason) as caught:
        read_menu(f"9:ok:0;{entry};")
    assert caught.value.code is Code.WRONG
    assert caught.value.message.startswith(f"MENU_STRUCT, запись 2 («{entry[:60]}")


@pytest.mark.parametrize("text", ["", " ;; "])
def test_a_menu_has_a_key(text: str) -> None:
    with pytest.raises(VotboxError, match="MENU_STRUCT: нет ни одной клавиши"):
        read_menu(text)


def test_operators_are_separated_by_bars() -> None:
    assert read_telephones("ActionPhoneList", " 101 | 8 812 111-22-33|") == ("101", "88121112233")
    with pytest.raises(VotboxError, match="ActionPhoneList"):
        read_telephones("ActionPhoneList", "101;102")


KEY = st.sampled_from(sorted(KEYS))
DESCRIPTION = st.text(st.characters(exclude_characters=":;", exclude_categories=["C"])).map(str.strip)
TELEPHONES = st.lists(st.from_regex(r"\+?[0-9*#]{1,32}", fullmatch=True), min_size=1, max_size=50).map(tuple)
MENU_KEY = st.one_of(
    st.builds(MenuKey, KEY, DESCRIPTION, st.just(Action.END)),
    st.builds(MenuKey, KEY, DESCRIPTION, st.just(Action.REPEAT), repeats=st.integers(1, 20)),
    st.builds(MenuKey, KEY, DESCRIPTION, st.just(Action.OPERATOR), telephones=TELEPHONES),
)


def spelled(key: MenuKey) -> str:
    parameter = {Action.END: "", Action.REPEAT: str(key.repeats), Action.OPERATOR: "|".join(key.telephones)}
    return f"{key.key}:{key.description}:{key.action.value}:{parameter[key.action]}"


@given(st.lists(MENU_KEY, min_size=1, unique_by=lambda one: one.key))
def test_every_menu_is_read_as_it_was_written(menu: list[MenuKey]) -> None:
    assert read_menu(";".join(map(spelled, menu))) == tuple(menu)


@given(st.text(st.sampled_from("019*#:;| aЯ")))
def test_any_text_is_a_menu_or_refused(text: str) -> None:
    try:
        menu = read_menu(text)
    except VotboxError as error:
        assert error.message.startswith("MENU_STRUCT")
    else:
        assert len({one.key for one in menu}) == len(menu) > 0
