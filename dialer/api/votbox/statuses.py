"""What became of a number or a task, in this API's numbers and words."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from dialer.model.attempt import AttemptState
from dialer.model.outcome import Outcome
from dialer.model.retry import name_of
from dialer.model.task import Task, TaskState
from dialer.store.finishing import ENDED_BY_USER, LIFETIME_OVER, STOPPED

ANSWER = "ANSWER"


class Job(IntEnum):
    """`jobstatus` of an item."""

    QUEUED = 0
    IN_PROGRESS = 1
    ERROR = 2
    SUCCESS = 3
    WITH_OPERATOR = 4
    BILLING = 5
    """Never given: this engine has no balance that could run out amid a task."""
    LIFETIME = 7
    ENDED_BY_USER = 11


JOB_WORDS = {
    Job.QUEUED: "В очереди", Job.IN_PROGRESS: "В процессе", Job.ERROR: "Ошибка", Job.SUCCESS: "Успешно",
    Job.WITH_OPERATOR: "Соединен с оператором", Job.BILLING: "Ошибка биллинга", Job.LIFETIME: "Истекло время жизни",
    Job.ENDED_BY_USER: "Завершено пользователем",
}  # fmt: skip


class Stage(IntEnum):
    """`taskstatus` of a task."""

    WAITING = 0
    RUNNING = 1
    PAUSED = 2
    DONE = 3
    ENDING = 4


STAGE_WORDS = {
    Stage.WAITING: "Ожидает запуска", Stage.RUNNING: "Выполняется", Stage.PAUSED: "Приостановлена",
    Stage.DONE: "Закончена", Stage.ENDING: "Завершается",
}  # fmt: skip
_REASONS = {
    "busy": "Занято", "no_answer": "Нет ответа", "unavailable": "Абонент недоступен",
    "declined": "Абонент отклонил вызов",
    "unknown_number": "Неверный номер", "lost": "Исход звонка неизвестен: была остановка станции или автоинформатора",
}  # fmt: skip
_BEGINNINGS = (
    (ENDED_BY_USER, "Завершено пользователем"),
    (LIFETIME_OVER, "Истекло время жизни"),
    (STOPPED, "Номер в стоп-листе"),
    ("Refused", "Отказ абонента (клавиша)"),
    ("The dialogue ended", "Условие успешного звонка не выполнено"),
    ("A prompt could not", "Звуковой файл не проигрывается"),
    ("An answer could not", "Ошибка базы данных"),
    ("Dialogue", "Автоинформатор недоступен"),
    ("Cut", "Превышена длительность звонка"),
    ("Nobody can say", "Исход звонка неизвестен"),
    ("No trace of", "Исход звонка неизвестен"),
)


def stage_of(task: Task, unfinished: int, now_us: int) -> Stage:
    """`unfinished`: numbers of it that have no result yet."""
    if not unfinished:
        return Stage.DONE
    if task.state is TaskState.CLOSED:
        return Stage.ENDING
    if task.state is TaskState.PAUSED:
        return Stage.PAUSED
    return Stage.WAITING if task.rules.not_before_us > now_us else Stage.RUNNING


def job_of(row: Mapping[str, Any], *, tried_again: bool = False) -> Job:
    """Of the latest attempt of a number. `tried_again`: there is another one to come."""
    cause = row["cause"] or ""
    if tried_again or row["state"] == AttemptState.CREATED.value:
        return Job.QUEUED
    if row["closed_us"] is None:
        return Job.IN_PROGRESS
    if cause.startswith(ENDED_BY_USER):
        return Job.ENDED_BY_USER
    if cause.startswith(LIFETIME_OVER):
        return Job.LIFETIME
    if row["employee"] and row["in_dial_state"] == ANSWER:
        return Job.WITH_OPERATOR
    return Job.SUCCESS if Outcome(row["result"]).is_success else Job.ERROR


def reason_of(row: Mapping[str, Any]) -> str:
    """`reldescr`: why a call failed, in words; empty where it did not, or is not over."""
    if row["closed_us"] is None or job_of(row) in {Job.SUCCESS, Job.WITH_OPERATOR}:
        return ""
    cause, outcome = row["cause"] or "", Outcome(row["result"])
    found = next((words for begins, words in _BEGINNINGS if cause.startswith(begins)), None)
    if found is not None:
        return found
    match outcome:
        case Outcome.FAIL_PROVIDER:
            return "Ошибка сети"
        case Outcome.FAIL_ROUTE:
            return "Нет маршрута"
        case Outcome.FAIL_POLLING:
            return "Абонент положил трубку"
        case _:
            return _REASONS.get(name_of(cause) or "", cause or "Ошибка")


def task_item(task: Task, unfinished: int, now_us: int) -> dict[str, object]:
    """The attributes of `<task>`."""
    stage = stage_of(task, unfinished, now_us)
    return {
        "id": task.task_id,
        "taskname": task.name,
        "taskstarttime": task.rules.not_before_us // 1_000_000,
        "taskstatus": stage.value,
        "taskstatusstr": STAGE_WORDS[stage],
        "schemeid": task.inner_num,
    }
