"""A table of clients as a list of numbers: headers, columns, several numbers in a cell, who is whose client."""

import pytest

from dialer.api.mikopbx.phone_table import Problem, numbers_of_rows, numbers_with_params, read_table
from dialer.api.sheets.limits import Row

ANNA, PETR, OLGA = "79522233446", "79522233416", "79522233417"


def listed(*rows: Row) -> list[tuple[str, str]]:
    """Number and client of a table that has nothing wrong in it."""
    numbers, problems = numbers_of_rows(rows)
    assert problems == []
    return [(one["number"], one["clientId"]) for one in numbers]


def test_a_row_is_a_client_and_its_columns_the_phones() -> None:
    assert listed((ANNA, PETR), (OLGA,)) == [(ANNA, ANNA[-10:]), (PETR, ANNA[-10:]), (OLGA, OLGA[-10:])]


def test_rows_before_the_first_number_are_the_header() -> None:
    assert listed(("Клиенты",), (), ("Имя", "Телефон"), ("Анна", ANNA)) == [(ANNA, ANNA[-10:])]


def test_columns_that_the_header_names_are_the_phones_and_others_are_not_dialled() -> None:
    numbers, problems = numbers_of_rows(
        [("Имя", "ИНН", "Телефон", "Моб."), ("Анна", "7701234567", ANNA, ""), ("Пётр", "7701234568", "", PETR)]
    )
    assert [one["number"] for one in numbers] == [ANNA, PETR]
    assert problems == [
        "row 2, column 2: a telephone number, but the header does not name the column so: the column is left out"
    ]


def test_a_header_that_names_no_column_of_phones_hides_none() -> None:
    assert listed(("Имя", "Контакт"), ("Анна", ANNA)) == [(ANNA, ANNA[-10:])]


@pytest.mark.parametrize(
    "cell",
    [
        "+7 (952) 223-34-46",
        "7 952 223-34-46",
        "79522233446.0",
        "7.9522233446E+10",
        "7,9522233446E+10",
        " 79522233446\n",
    ],
)
def test_a_number_is_dialled_however_it_is_written(cell: str) -> None:
    ((number, client),) = listed((cell,))
    assert (number.removeprefix("+"), client) == (ANNA, ANNA[-10:])


@pytest.mark.parametrize("between", [",", ";", "/", "\n", ", "])
def test_several_numbers_in_a_cell_are_of_one_client(between: str) -> None:
    assert listed((f"{ANNA}{between}{PETR}",)) == [(ANNA, ANNA[-10:]), (PETR, ANNA[-10:])]


def test_a_number_stands_in_the_list_once_however_it_is_written() -> None:
    assert listed((ANNA, "8" + ANNA[1:]), (f"+{ANNA}",)) == [(ANNA, ANNA[-10:])]


def test_a_row_with_a_number_that_is_known_is_the_same_client() -> None:
    assert listed((ANNA, PETR), (OLGA, PETR)) == [(one, ANNA[-10:]) for one in (ANNA, PETR, OLGA)]


def test_a_client_has_the_same_id_wherever_its_row_stands() -> None:
    rows: list[Row] = [(ANNA,), (PETR, OLGA)]
    assert sorted(listed(*rows)) == sorted(listed(*reversed(rows)))


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("7.95222E+10", "the spreadsheet program has rounded 7.95222E+10: make it a text cell"),
        ("7,95222E+10", "the spreadsheet program has rounded 7,95222E+10: make it a text cell"),
        ("2026-11-25", "a telephone number expected, got the date 2026-11-25"),
        ("2026-11-25T09:00:00", "a telephone number expected, got the date 2026-11-25T09:00:00"),
        ("1234", "a telephone number of 5 to 15 digits expected, got '1234'"),
        ("7952223344612345", "a telephone number of 5 to 15 digits expected, got '7952223344612345'"),
        ("*100#1", "a telephone number of 5 to 15 digits expected, got '*100#1'"),
        ("нет", "telephone number: 1 to 32 digits"),
        ("7" * 5000, "telephone number: a telephone number of 100 characters at most expected, got 5000"),
        ("٧٩٥٢٢٢٣٣٤٤٦", "telephone number: 1 to 32 digits"),
    ],
)
def test_a_wrong_cell_is_told_by_its_place_and_stops_no_other(cell: str, reason: str) -> None:
    numbers, problems = numbers_of_rows([("Имя", "Телефон"), ("Анна", cell), ("Пётр", PETR)])
    assert [one["number"] for one in numbers] == [PETR]
    assert len(problems) == 1
    assert problems[0].startswith(f"row 2, column 2: {reason}") or problems == [f"row 2: no telephone number: {reason}"]


def test_a_row_without_a_number_is_told_and_a_blank_one_is_not() -> None:
    numbers, problems = numbers_of_rows([(ANNA, "Анна"), (), ("", "Пётр")])
    assert [one["number"] for one in numbers] == [ANNA]
    assert problems == ["row 3: no telephone number"]


def test_a_table_without_numbers_gives_none() -> None:
    assert numbers_of_rows([]) == ([], [])
    assert numbers_of_rows([("Имя",), ("Анна",)]) == ([], [])


def test_a_table_knows_where_each_number_stands() -> None:
    table = read_table([("ФИО", "Телефон", "Моб."), ("Анна", ANNA, PETR), ("Пётр", f"8{PETR[1:]}", "нет")])
    assert [(one.number, one.row, one.column) for one in table.numbers] == [(ANNA, 2, 2), (PETR, 2, 3)]
    assert [(one.number, one.row, one.column) for one, _ in table.repeated] == [(f"8{PETR[1:]}", 3, 2)]
    assert [first for _, first in table.repeated] == [table.numbers[1]]
    ((row, column),) = [(one.row, one.column) for one in table.problems]
    assert (row, column) == (3, 3)


def test_of_many_wrong_cells_the_first_twenty_are_told_and_all_are_counted() -> None:
    table = read_table([("Телефон",), (ANNA,), *[("нет",)] * 1000])
    assert (len(table.problems), table.problem_count) == (20, 1000)
    assert table.messages()[-1] == "and 980 more"
    assert table.wrong_cells()["first"][0]["row"] == 3


def test_a_row_without_a_number_is_a_problem_of_the_whole_row() -> None:
    assert read_table([(ANNA, "Анна"), ("", "Пётр")]).problems == [Problem(2, None, "no telephone number")]


def test_a_client_of_a_number_that_stood_before_is_that_of_its_row() -> None:
    assert listed((ANNA, PETR), (OLGA, f"8{PETR[1:]}")) == [
        (ANNA, ANNA[-10:]), (PETR, ANNA[-10:]), (OLGA, ANNA[-10:]),
    ]  # fmt: skip


def test_columns_whose_titles_no_text_can_name_are_left_out_of_params_and_told() -> None:
    rows: list[Row] = [
        ("Телефон", "Имя", "a<b", "", "имя", "x" * 65, "br", "пусто"),
        (ANNA, "Анна", "1", "2", "3", "4", "5"),
        ("нет",),
    ]
    table = read_table(rows)
    assert numbers_with_params(table, rows) == [{"number": ANNA, "clientId": ANNA[-10:], "params": {"Имя": "Анна"}}]
    first, *others = table.messages()
    left_out = "the column is left out of params"
    assert first == f"row 1, column 3: a title of 64 characters at most without < and > expected, got 'a<b': {left_out}"
    assert others[:2] == [
        f"row 1, column 4: no title: {left_out}",
        f"row 1, column 5: the title 'имя' stands a second time: {left_out}",
    ]
    assert [one.split(":")[0] for one in others[2:]] == ["row 1, column 6", "row 1, column 7", "row 3, column 1"]


def test_without_a_header_params_are_empty_and_that_is_told() -> None:
    rows: list[Row] = [(ANNA, "Анна")]
    table = read_table(rows)
    assert numbers_with_params(table, rows) == [{"number": ANNA, "clientId": ANNA[-10:], "params": {}}]
    assert table.messages() == ["row 1: no header that names the columns: params stay empty"]
