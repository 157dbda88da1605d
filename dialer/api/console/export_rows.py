"""A task's table for people: what the columns are called, and what stands in them. In Russian and English."""

import json
from collections.abc import Iterable, Mapping, Sequence
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
        "Стоимость", "Изменено", "Завершено", "Звонить не раньше", "Запись",
    ),
    "en": (
        "Number", "Client", "Attempt", "Result", "Result code", "Cause", "Dial status", "Employee", "Talk, s",
        "Cost", "Changed", "Finished", "Not before", "Recording",
    ),
}  # fmt: skip
OTHER_PARAMS = {"ru": "Прочие параметры", "en": "Other parameters"}
MOST_PARAMS = 200
"""Columns of parameters: what is beyond stands together in one more. A sheet has 16384 columns."""
_OF_A_PARAM = {"ru": "{} (параметр)", "en": "{} (parameter)"}
MOST_EXACT = 10**15
"""Spreadsheets keep fifteen digits of a number."""
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
    params: Sequence[str] = ()
    """Parameters with a column each."""
    has_other_params: bool = False
    """Whether there are more of them than columns."""

    def headings(self) -> list[str]:
        asked = [f"{question_id}. {text}".rstrip(". ")[:200] for (_, question_id), text in self.questions.items()]
        taken = set(map(str.casefold, HEADINGS[self.lang]))
        params = [_OF_A_PARAM[self.lang].format(name) if name.casefold() in taken else name for name in self.params]
        others = [OTHER_PARAMS[self.lang]] if self.has_other_params else []
        return [*HEADINGS[self.lang], *params, *others, *asked]

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
            *self._params(row.params or {}),
            *(", ".join(answers.get(question, ())) or None for question in self.questions),
        ]

    def _params(self, params: Mapping[str, Any]) -> list[Cell]:
        cells = [_cell(params.get(name)) for name in self.params]
        if self.has_other_params:
            shown = set(self.params)
            cells.append(_pairs({name: value for name, value in params.items() if name not in shown}))
        return cells

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


class ParamNames:
    """The names of parameters in the order of their columns. Rows may lack some: a name goes before those that follow
    it in its row."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.has_others = False

    def add(self, names: Iterable[str]) -> None:
        place = len(self.names)
        for name in reversed(list(names)):
            if name in self.names:
                place = self.names.index(name)
                continue
            self.names.insert(place, name)
            if len(self.names) > MOST_PARAMS:
                self.names.pop()
                self.has_others = True


def _cell(value: Any) -> Cell:
    """A parameter's value as a cell; what a spreadsheet would round is a text."""
    if isinstance(value, bool | dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int | float):
        return value if abs(value) < MOST_EXACT else str(value)
    return None if value is None else str(value)


def _pairs(params: Mapping[str, Any]) -> str | None:
    return "; ".join(f"{name}: {_cell(value)}" for name, value in params.items()) or None
