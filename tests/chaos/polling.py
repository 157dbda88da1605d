"""The polling of the chaos runs, and what each subscriber makes of it."""

from dataclasses import dataclass

from tests.rig.expected import expected_of
from tests.rig.numbers import behaviour_of

CRM_ID = "chaos-polling"
_KEYS = "12345"

POLLING = {
    "crmId": CRM_ID,
    "name": "Опрос",
    "questions": [
        {
            "questionId": "1",
            "questionText": "Оцените связь от одного до пяти.",
            "press": [{"key": key, "action": "answer", "value": f"связь {key}"} for key in _KEYS],
            "nextQuestion": "2",
        },
        {
            "questionId": "2",
            "questionText": "Теперь оцените цену.",
            "press": [{"key": key, "action": "answer", "value": f"цена {key}"} for key in _KEYS],
            "nextQuestion": "3",
        },
        {
            "questionId": "3",
            "questionText": "Минуту.",
            "press": [{"key": "1", "action": "playback", "value": "Спасибо.", "valueOptions": "text"}],
            "defPress": "1",
            "timeout": 0,
        },
    ],
}

Answer = tuple[str, str, str]
"""Question, result, keys."""
ANSWERS_BY_KEY = 2
PROMPTS = 4
"""Two questions, the third one, what it plays."""
NOBODY_PRESSED: Answer = ("3", "1", "1")


@dataclass(frozen=True)
class Expected:
    """What an undisturbed call ends as."""

    result: str
    cause: str | None
    answers: tuple[Answer, ...]
    answered: bool = True
    dialled: bool = True


def given_by_key(number: str) -> tuple[Answer, ...]:
    """The answers of a subscriber who is asked both questions."""
    pressed = [key for key in behaviour_of(number).keys if key in _KEYS]
    return tuple(
        (question, f"{word} {key}", key)
        for (question, word), key in zip((("1", "связь"), ("2", "цена")), pressed, strict=False)
    )


def expected_of_polling(number: str) -> Expected:
    """What the polling must bring for this number when nothing disturbs it."""
    if has_no_route(number):
        return Expected("FAIL_ROUTE", "No outgoing route", (), answered=False, dialled=False)
    if not behaviour_of(number).answers:
        return expected_unanswered(number)
    answers = given_by_key(number)
    if len(answers) == ANSWERS_BY_KEY:
        return Expected("SUCCESS_POLLING", None, (*answers, NOBODY_PRESSED))
    return Expected("FAIL_POLLING", None, answers)


def expected_unanswered(number: str) -> Expected:
    """A number whose subscriber does not answer: the same for every kind of task."""
    unanswered = expected_of(number)
    return Expected(unanswered.result, unanswered.cause, (), answered=False)


def has_no_route(number: str) -> bool:
    return number.startswith("7000")
