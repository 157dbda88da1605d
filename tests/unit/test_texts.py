"""A polling's texts: parameters, markup, characters nobody hears."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.model.texts import fill_text, has_parameters, plain_text


def test_parameters_fill_texts_and_unknown_ones_are_left_out() -> None:
    params: dict[str, object] = {"NAME": "Анна", "N": 7.5}
    assert fill_text("Hello <NAME>, <N> of <OTHER>.", params) == "Hello Анна, 7.5 of ."


def test_params_come_before_the_clients_properties() -> None:
    assert fill_text("<A> <B> <C>", {"A": "a"}, {"A": "x", "B": "b"}) == "a b"
    assert fill_text("<A>", {"A": None}, {"A": "b"}) == "b"
    assert fill_text("<A>", {"A": ""}, {"A": "b"}) == ""


@pytest.mark.parametrize(("value", "spoken"), [("1205", "1 2 0 5"), (42, "4 2"), ("12.5", "12.5"), ("А12", "А12")])
def test_values_of_digits_only_are_spoken_digit_by_digit(value: object, spoken: str) -> None:
    assert fill_text("Код <CODE>", {"CODE": value}) == f"Код {spoken}"


def test_names_are_found_in_any_capitals_but_first_as_they_are_written() -> None:
    assert fill_text("<Имя> <имя> <ИМЯ>", {"имя": "а", "Имя": "б"}) == "б а а"


def test_a_value_is_cut_where_nobody_would_listen_any_more() -> None:
    assert len(fill_text("<A>", {"A": "x" * 5000})) == 1000


def test_a_value_is_not_filled_in_again_and_its_markup_is_not_spoken() -> None:
    assert fill_text("<A>", {"A": "<B>", "B": "secret"}) == ""
    assert fill_text("<A>", {"A": "<b>Анна</b>"}) == "Анна"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<b>Важно</b>: звоните", "Важно : звоните"),
        ("раз<br/>два<br>три", "раз два три"),
        ("Рога &amp; Копыта &laquo;Икс&raquo;", "Рога & Копыта «Икс»"),
        ("две\nстроки\tи\x00нуль\u200b", "две строки и нуль"),
        ('"кавычки" & <break time="1s"/>', '"кавычки" &'),
        ("2 < 3", "2 < 3"),
        ("сумма < 500 и > 100", "сумма < 500 и > 100"),
        ("если <18 или >60", "если <18 или >60"),
        ("  ", ""),
    ],
)
def test_markup_and_unheard_characters_are_taken_out(text: str, plain: str) -> None:
    assert plain_text(text) == plain


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("Здравствуйте, <имя>!", True),
        ("<b>Важно</b>", False),
        ("<b>Важно", True),
        ("<b>Важно</b> <имя>", True),
        ("раз<br>два<br/>", False),
        ('<break time="500ms"/>', False),
        ('<a href="x">y</a>', False),
        ("2 < 3 > 1", False),
        ("2 < 3", False),
    ],
)
def test_markup_is_no_parameter(text: str, has: bool) -> None:
    assert has_parameters(text) is has


@given(st.text(), st.dictionaries(st.text(max_size=10), st.text(max_size=20), max_size=3))
def test_any_text_becomes_one_line(text: str, params: dict[str, object]) -> None:
    spoken = fill_text(text, params)
    assert "\n" not in spoken
    assert "\0" not in spoken
    if not has_parameters(text):
        assert spoken == fill_text(text, {})
