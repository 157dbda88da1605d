"""What is typed at Asterisk's CLI, as a command."""

import pytest

from dialer.api.asterisk_cli.screens import columns_of, cut, printable, wrapped
from dialer.api.asterisk_cli.words import HELP, Command, Verb, WordsError, read_words

KNOWN = {
    "": Command(Verb.HELP),
    " help ": Command(Verb.HELP),
    "SHOW tasks": Command(Verb.SHOW_TASKS),
    "show tasks closed": Command(Verb.SHOW_TASKS, option="closed"),
    "show tasks paused page 3": Command(Verb.SHOW_TASKS, option="paused", page=3),
    "show tasks page 2 Опрос о качестве": Command(Verb.SHOW_TASKS, page=2, text="Опрос о качестве"),
    "show tasks Оценка": Command(Verb.SHOW_TASKS, text="Оценка"),
    "show task 1000000001": Command(Verb.SHOW_TASK, "1000000001"),
    "pause заказ  12": Command(Verb.PAUSE, "заказ 12"),
    "resume 000000012": Command(Verb.RESUME, "000000012"),
    "stop 7": Command(Verb.STOP, "7"),
    "why 7": Command(Verb.WHY, "7"),
    "why 7 79520000001": Command(Verb.WHY, "7", "79520000001"),
    "why 7 +7 952 000-00-01": Command(Verb.WHY, "7", "+7 952 000-00-01"),
}
WRONG = (
    "show", "show task", "pause", "why", "tasks", "pa 7", "show tasks page", "show tasks page 0",
    "show tasks page ²", "show tasks page 1001", "x" * 201, "pause 7\x1b[2J",
)  # fmt: skip


@pytest.mark.parametrize("typed", KNOWN)
def test_what_is_typed_is_read(typed: str) -> None:
    assert read_words(typed) == KNOWN[typed]


@pytest.mark.parametrize("typed", WRONG)
def test_what_makes_no_sense_is_told(typed: str) -> None:
    with pytest.raises(WordsError):
        read_words(typed)


def test_texts_are_cut_and_wrapped_by_the_columns_of_a_terminal() -> None:
    assert cut("Оценка качества", 10) == "Оценка ..."
    assert columns_of(cut("日本" * 20, 10)) <= 10
    assert max(map(columns_of, wrapped("слово " * 40 + "я" * 200).splitlines())) <= 79
    assert max(map(columns_of, HELP.splitlines())) <= 79


def test_a_terminal_is_given_no_orders() -> None:
    assert printable("a\x1b[31m\u202eb\nc\x9b") == "a [31m b\nc "
