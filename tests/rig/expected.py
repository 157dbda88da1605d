"""What the dialer must say of each subscriber of the rig, given the demo's polling."""

from dataclasses import dataclass

from tests.rig.numbers import Behaviour, behaviour_of

POLLING = {
    "name": "Оценка обслуживания",
    "questions": [
        {
            "questionId": "1",
            "questionText": "Здравствуйте! Вы довольны нашей работой? Если да, нажмите один. Если нет, нажмите два.",
            "press": [
                {"key": "1", "action": "answer", "value": "да", "nextQuestion": "2"},
                {"key": "2", "action": "answer", "value": "нет", "nextQuestion": "2"},
            ],
        },
        {
            "questionId": "2",
            "questionText": "Оцените нас от одного до пяти.",
            "press": [
                {"key": key, "action": "playback", "value": "Спасибо, до свидания!", "valueOptions": "text"}
                for key in "12345"
            ],
        },
    ],
}
FIRST_ANSWERS = {"1": "да", "2": "нет"}

_BY_SIP_CODE = {
    486: ("FAIL", "SIP 486 Busy Here"),
    600: ("FAIL", "SIP 600 Busy Everywhere"),
    603: ("FAIL", "SIP 603 Decline"),
    404: ("FAIL", "SIP 404 Not Found"),
    484: ("FAIL", "SIP 484 Address Incomplete"),
    480: ("FAIL", "SIP 480 Temporarily Unavailable"),
    408: ("FAIL", "SIP 408 Request Timeout"),
    487: ("FAIL", "No answer"),
    503: ("FAIL_PROVIDER", "SIP 503 Service Unavailable"),
    500: ("FAIL_PROVIDER", "SIP 500 Server Internal Error"),
    403: ("FAIL_PROVIDER", "SIP 403 Forbidden"),
    0: ("FAIL_PROVIDER", "No reply from the provider, no ringing seen"),
}


@dataclass(frozen=True)
class Expected:
    result: str
    cause: str | None
    answers: tuple[tuple[str, str, str], ...]
    """(question, result, keys)"""


def expected_of(number: str) -> Expected:
    """What a number must end as when it is asked POLLING."""
    behaviour = behaviour_of(number)
    if not behaviour.answers:
        result, cause = _BY_SIP_CODE[behaviour.sip_code]
        return Expected(result, cause, ())
    answers = _answers(behaviour)
    return Expected("SUCCESS_POLLING" if len(answers) == 2 else "FAIL_POLLING", None, answers)


def _answers(behaviour: Behaviour) -> tuple[tuple[str, str, str], ...]:
    """Walk the keys through both questions; a key that is not listed is asked for again."""
    answers: list[tuple[str, str, str]] = []
    for key in behaviour.keys:
        if not answers and key in FIRST_ANSWERS:
            answers.append(("1", FIRST_ANSWERS[key], key))
        elif len(answers) == 1 and key in "12345":
            answers.append(("2", key, key))
    return tuple(answers)
