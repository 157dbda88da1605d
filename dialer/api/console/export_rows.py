"""A task's table for people: what the columns are called, and what stands in them. In Russian and English."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from dialer.model.outcome import Outcome
from dialer.model.prices import shown
from dialer.store.console import AnswerRow, NumberRow

SECOND_US = 1_000_000
Cell = str | int | float | datetime | None
Question = tuple[int, str]
"""A polling and the `questionId`."""
HEADINGS = {
    "ru": (
        "Номер", "Клиент", "Попытка", "Итог", "Код итога", "Причина", "Состояние вызова", "Сотрудник", "Разговор, с",
        "Стоимость", "Изменено", "Завершено", "Звонить не раньше", "Запись", "Параметры",
    ),
    "en": (
        "Number", "Client", "Attempt", "Result", "Result code", "Cause", "Dial status", "Employee", "Talk, s",
        "Cost", "Changed", "Finished", "Not before", "Recording", "Parameters",
    ),
}  # fmt: skip
UNFINISHED = {"ru": ("ожидает", "звоним"), "en": ("waiting", "being called")}
RESULTS: dict[str, dict[Outcome, str]] = {
    "ru": {
        Outcome.SUCCESS_POLLING: "Опрос пройден",
        Outcome.FAIL_POLLING: "Опрос не пройден до конца",
        Outcome.SUCCESS_CLIENT_H: "Разговор состоялся, трубку положил клиент",
        Outcome.SUCCESS_USER_H: "Разговор состоялся, трубку положил сотрудник",
        Outcome.SUCCESS: "Разговор состоялся",
        Outcome.SUCCESS_ANOTHER_PHONE: "Дозвонились по другому номеру клиента",
        Outcome.SUCCESS_EXTERNAL_SIGNAL: "Закрыт по сигналу CRM",
        Outcome.FAIL_USER_BUSY: "Клиент ответил, сотрудник занят",
        Outcome.FAIL_USER_NO_ANSWER: "Клиент ответил, сотрудник не ответил",
        Outcome.FAIL_CLIENT_H_BEFORE_ANSWER: "Клиент не дождался сотрудника",
        Outcome.FAIL_USER_H_BEFORE_CLIENT_ANSWER: "Сотрудник не дождался клиента",
        Outcome.FAIL_ROUTE: "Нет маршрута",
        Outcome.FAIL_PROVIDER: "Сбой провайдера",
        Outcome.FAIL: "Не дозвонились",
    },
    "en": {
        Outcome.SUCCESS_POLLING: "Polling finished",
        Outcome.FAIL_POLLING: "Left the polling before its end",
        Outcome.SUCCESS_CLIENT_H: "Talked, the client hung up",
        Outcome.SUCCESS_USER_H: "Talked, the employee hung up",
        Outcome.SUCCESS: "Talked",
        Outcome.SUCCESS_ANOTHER_PHONE: "Reached at another number of the client",
        Outcome.SUCCESS_EXTERNAL_SIGNAL: "Closed by the CRM",
        Outcome.FAIL_USER_BUSY: "Client answered, employee busy",
        Outcome.FAIL_USER_NO_ANSWER: "Client answered, employee did not",
        Outcome.FAIL_CLIENT_H_BEFORE_ANSWER: "Client did not wait for the employee",
        Outcome.FAIL_USER_H_BEFORE_CLIENT_ANSWER: "Employee did not wait for the client",
        Outcome.FAIL_ROUTE: "No route",
        Outcome.FAIL_PROVIDER: "Provider failed",
        Outcome.FAIL: "Not reached",
    },
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What spreadsheets take the beginning of a formula by."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table's language, zone and questions."""

    lang: str
    zone: tzinfo
    questions: Mapping[Question, str]
    """Their texts, in the order of the columns."""

    def headings(self) -> list[str]:
        asked = [f"{question_id}. {text}".rstrip(". ")[:200] for (_, question_id), text in self.questions.items()]
        return [*HEADINGS[self.lang], *asked]

    def row(self, row: NumberRow, given: Sequence[AnswerRow]) -> list[Cell]:
        """An attempt."""
        answers: dict[Question, list[str]] = {}
        for one in given:
            answers.setdefault((one.polling_id, one.question_id), []).append(one.result)
        waiting, called = UNFINISHED[self.lang]
        unfinished = waiting if row.state == "CreateTask" else called
        return [
            row.phone,
            row.client_id,
            row.attempt_number,
            RESULTS[self.lang][Outcome(row.result)] if row.result else unfinished,
            row.result,
            row.cause,
            row.out_dial_state,
            row.employee,
            row.talked_s,
            None if row.cost_u is None else float(shown(row.cost_u)),
            self._time(row.changed_us),
            self._time(row.closed_us),
            self._time(row.due_us),
            row.recording if row.closed_us else None,
            _pairs(row.params),
            *(", ".join(answers.get(question, ())) or None for question in self.questions),
        ]

    def _time(self, time_us: int | None) -> datetime | None:
        """In the PBX's zone, as its clocks show it."""
        if not time_us:
            return None
        return datetime.fromtimestamp(time_us // SECOND_US, self.zone).replace(tzinfo=None)


def harmless(cell: Cell) -> str:
    """The cell of a CSV file. A text that would be a formula begins with an apostrophe: then it is a text."""
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(_FORMULA) else cell
    return "" if cell is None else str(cell)


def _pairs(params: Mapping[str, Any] | None) -> str | None:
    return "; ".join(f"{name}: {value}" for name, value in params.items()) if params else None
