"""VotBox: what became of a number or a task in its words, notifications, schedules."""

from collections.abc import Mapping
from typing import Any

import pytest
from yarl import URL

from dialer.api.votbox.errors import Code, VotboxError
from dialer.api.votbox.form import Form, SentField
from dialer.api.votbox.notices import STATES, notice_url
from dialer.api.votbox.schedule import read_schedule, shown_schedule
from dialer.api.votbox.statuses import JOB_WORDS, STAGE_WORDS, Job, Stage, job_of, reason_of, stage_of, task_item
from dialer.model.attempt import AttemptState
from dialer.model.outcome import Outcome
from dialer.model.progress import Progress
from dialer.model.rules import DayKind, DayWindow, Rules
from dialer.model.task import InnerNumType, Task, TaskState
from dialer.model.verdict import REFUSED, Verdict
from dialer.store.events import Event
from dialer.store.finishing import ENDED_BY_USER, LIFETIME_OVER, STOPPED

NOW_US = 1_325_404_800_000_000
"""01.01.2012 12:00 in Moscow, which was at UTC+4 then."""


def row(outcome: Outcome | None = None, cause: str | None = None, **more: Any) -> dict[str, Any]:
    """The latest attempt of a number; with an outcome it is closed."""
    return {
        "state": AttemptState.ENDED.value,
        "closed_us": None if outcome is None else NOW_US,
        "result": None if outcome is None else outcome.value,
        "cause": cause,
        "employee": None,
        "in_dial_state": None,
        **more,
    }


@pytest.mark.parametrize(
    ("of", "job"),
    [
        (row(state=AttemptState.CREATED.value), Job.QUEUED),
        (row(state=AttemptState.SPOOLED.value), Job.IN_PROGRESS),
        (row(state=AttemptState.POLLING.value), Job.IN_PROGRESS),
        (row(Outcome.SUCCESS_POLLING), Job.SUCCESS),
        (row(Outcome.SUCCESS_POLLING, employee="201", in_dial_state="ANSWER"), Job.WITH_OPERATOR),
        (row(Outcome.SUCCESS_POLLING, employee="201", in_dial_state="BUSY"), Job.SUCCESS),
        (row(Outcome.FAIL_POLLING, employee="201", in_dial_state="NOANSWER"), Job.ERROR),
        (row(Outcome.FAIL, "SIP 486 Busy Here"), Job.ERROR),
        (row(Outcome.FAIL_PROVIDER), Job.ERROR),
        (row(Outcome.FAIL, LIFETIME_OVER), Job.LIFETIME),
        (row(Outcome.FAIL, STOPPED), Job.ERROR),
        (row(Outcome.FAIL, ENDED_BY_USER), Job.ENDED_BY_USER),
        (row(Outcome.FAIL_POLLING, f"{ENDED_BY_USER}: FAIL_POLLING"), Job.ENDED_BY_USER),
    ],
)
def test_the_status_of_a_number(of: Mapping[str, Any], job: Job) -> None:
    assert job_of(of) is job
    assert job_of(of, tried_again=True) is Job.QUEUED


@pytest.mark.parametrize("outcome", Outcome)
def test_every_result_has_a_status_and_every_failure_a_reason(outcome: Outcome) -> None:
    of = row(outcome)
    assert job_of(of) is (Job.SUCCESS if outcome.is_success else Job.ERROR)
    assert bool(reason_of(of)) is not outcome.is_success


@pytest.mark.parametrize(
    ("of", "reason"),
    [
        (row(), ""),
        (row(Outcome.SUCCESS_POLLING), ""),
        (row(Outcome.SUCCESS_POLLING, employee="201", in_dial_state="ANSWER"), ""),
        (row(Outcome.FAIL, "SIP 486 Busy Here"), "Занято"),
        (row(Outcome.FAIL, "Q.850 17 User busy"), "Занято"),
        (row(Outcome.FAIL, "No answer"), "Нет ответа"),
        (row(Outcome.FAIL, "SIP 480 Temporarily Unavailable"), "Абонент недоступен"),
        (row(Outcome.FAIL, "SIP 603 Decline"), "Абонент отклонил вызов"),
        (row(Outcome.FAIL, "SIP 404 Not Found"), "Неверный номер"),
        (row(Outcome.FAIL, "Lost: it was"), "Исход звонка неизвестен: была остановка станции или автоинформатора"),
        (row(Outcome.FAIL, "Nobody can say what became of the call"), "Исход звонка неизвестен"),
        (row(Outcome.FAIL, STOPPED), "Номер в стоп-листе"),
        (row(Outcome.FAIL, LIFETIME_OVER), "Истекло время жизни"),
        (row(Outcome.FAIL, ENDED_BY_USER), "Завершено пользователем"),
        (row(Outcome.FAIL, f"{ENDED_BY_USER}: {Verdict(Outcome.FAIL, 'No answer')}"), "Завершено пользователем"),
        (row(Outcome.FAIL_ROUTE, "No outgoing route"), "Нет маршрута"),
        (row(Outcome.FAIL_PROVIDER, "SIP 503 Service Unavailable"), "Ошибка сети"),
        (row(Outcome.FAIL_POLLING), "Абонент положил трубку"),
        (row(Outcome.FAIL_POLLING, REFUSED), "Отказ абонента (клавиша)"),
        (row(Outcome.FAIL_POLLING, "The dialogue ended without its goal"), "Условие успешного звонка не выполнено"),
        (row(Outcome.FAIL_POLLING, "A prompt could not be played"), "Звуковой файл не проигрывается"),
        (row(Outcome.FAIL_POLLING, "An answer could not be stored"), "Ошибка базы данных"),
        (row(Outcome.FAIL_POLLING, "Dialogue service not reachable"), "Автоинформатор недоступен"),
        (
            row(Outcome.FAIL_POLLING, "Dialogue broken off: the dialer or Asterisk stopped"),
            "Автоинформатор недоступен",
        ),
    ],
)
def test_the_reason_of_a_failure(of: Mapping[str, Any], reason: str) -> None:
    assert reason_of(of) == reason


def a_task(state: TaskState = TaskState.OPEN, not_before_us: int = 0) -> Task:
    rules = Rules(not_before_us=not_before_us)
    return Task(17, "votbox:0f", "Обзвон", state, "5", InnerNumType.SCRIPT, 3, "", rules=rules, owner="shop")


@pytest.mark.parametrize(
    ("task", "unfinished", "stage"),
    [
        (a_task(), 1, Stage.RUNNING),
        (a_task(not_before_us=NOW_US), 1, Stage.RUNNING),
        (a_task(not_before_us=NOW_US + 1), 1, Stage.WAITING),
        (a_task(TaskState.PAUSED, NOW_US + 1), 1, Stage.PAUSED),
        (a_task(TaskState.CLOSED), 1, Stage.ENDING),
        *((a_task(state), 0, Stage.DONE) for state in TaskState),
    ],
)
def test_the_stage_of_a_task(task: Task, unfinished: int, stage: Stage) -> None:
    assert stage_of(task, unfinished, NOW_US) is stage


def test_the_attributes_of_a_task() -> None:
    assert task_item(a_task(not_before_us=NOW_US), 4, NOW_US) == {
        "id": 17, "taskname": "Обзвон", "taskstarttime": 1_325_404_800, "taskstatus": 1, "taskstatusstr": "Выполняется",
        "schemeid": "5",
    }  # fmt: skip


def test_every_status_has_its_words() -> None:
    assert set(JOB_WORDS) == set(Job)
    assert set(STAGE_WORDS) == set(Stage)
    assert set(STATES) == set(Progress)


CLOSED = {
    **row(Outcome.SUCCESS_POLLING), "talked_s": 42, "employee_talked_s": None, "cost_u": 1_005_000,
    "employee_cost_u": None, "next_due_us": None,
}  # fmt: skip


def notice(progress: Progress, url: str = "https://crm.example/n", **more: Any) -> URL:
    content = {
        "first_id": 5, "phone": "79522233446", "params": None, "progress": progress.value, "at_us": NOW_US,
        "details": {}, **more,
    }  # fmt: skip
    told = Event(1, "progress-1", "progress", 17, "9522233446", url, content, 0, 0, None, 0, None, None)
    return URL(notice_url(told))


@pytest.mark.parametrize(
    ("progress", "more", "state", "said"),
    [
        (Progress.DIALLED, {"details": {"shown": "7495"}}, "CALLOUT", {"ANI": "7495", "DNIS": "79522233446"}),
        (
            Progress.DIALLED,
            {"details": {"shown": ""}, "params": {"sent": "8 952 223-34-46"}},
            "CALLOUT",
            {"ANI": "", "DNIS": "8 952 223-34-46"},
        ),
        (Progress.ANSWERED, {}, "STARTCALL", {}),
        (Progress.KEY, {"details": {"key": "#"}}, "GETDTMF", {"DTMF": "#"}),
        (
            Progress.REDIRECTED,
            {"details": {"telephone": "201", "about": "a&b=Анна"}},
            "REDIRECT",
            {"Phone": "201", "addinfo": "a&b=Анна"},
        ),
        (Progress.EMPLOYEE_ANSWERED, {"details": {"telephone": "201"}}, "CALLPROCESS", {"Phone": "201"}),
        (
            Progress.EMPLOYEE_UNANSWERED,
            {"details": {"telephone": "201", "cause": "17"}},
            "CALLNOANSWER",
            {"REL": "17", "Phone": "201"},
        ),
        (Progress.UNANSWERED, {"details": {"cause": "19"}}, "CALLNOANSWER", {"REL": "19"}),
        (
            Progress.ENDED,
            CLOSED,
            "ENDCALL",
            {"CALLDURATION": "42", "OPERCALLDURATION": "0", "JOBSTATUS": "3", "CALLPAY": "101", "OPERCALLPAY": "0"},
        ),
    ],
)
def test_a_notification(progress: Progress, more: dict[str, Any], state: str, said: dict[str, str]) -> None:
    query = dict(notice(progress, **more).query)
    assert query == {"CALLID": "5", "STATE": state, "DT": "01.01.2012 12:00:00", **said}


def test_a_number_that_is_tried_again_is_queued_at_the_end_of_its_call() -> None:
    failed = {**CLOSED, "result": Outcome.FAIL.value, "cause": "No answer", "talked_s": None, "cost_u": None}
    assert notice(Progress.ENDED, **failed).query["JOBSTATUS"] == "2"
    assert notice(Progress.ENDED, **failed, **{}).query["CALLPAY"] == "0"
    again = {**failed, "next_due_us": NOW_US + 1}
    assert notice(Progress.ENDED, **again).query["JOBSTATUS"] == "0"


def test_the_query_of_the_address_stays() -> None:
    url = notice(Progress.ANSWERED, "https://crm.example/n?a=1&CALLID=9&%D0%B0=%2B")
    assert [value for name, value in url.query.items() if name in {"a", "а"}] == ["1", "+"]
    assert url.query.getall("CALLID")[-1] == "5"
    assert notice(Progress.ANSWERED, "https://crm.example").raw_path == "/"


def form(**fields: str) -> Form:
    return Form(SentField(name, value.encode()) for name, value in fields.items())


def test_a_schedule_is_read_record_by_record_gaps_and_all() -> None:
    sent = form(
        d0="1", ts0="9:00", te0="18:00", d7="8", ts7="10:30:15", te7="12:00", d99="9", ts99="00:00", te99="24:00"
    )
    assert read_schedule(sent) == [[1, 540, 1080], [8, 630, 720], [9, 0, 1440]]
    assert sent.unused() == []


@pytest.mark.parametrize("last", ["23:59", "23:59:59", "24:00"])
def test_the_last_minute_that_can_be_written_is_the_days_end(last: str) -> None:
    assert read_schedule(form(d1="1", ts1="00:00", te1=last)) == [[1, 0, 1440]]


@pytest.mark.parametrize("day", DayKind)
def test_every_kind_of_day_may_have_windows(day: DayKind) -> None:
    read = read_schedule(form(d1=str(day.value), ts1="10:00", te1="11:00"))
    assert shown_schedule(read) == (DayWindow(day, 600, 660),)


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({}, Code.MISSING, "d1"),
        ({"d100": "1", "ts100": "09:00", "te100": "10:00"}, Code.MISSING, "d1"),
        ({"d1": "1", "ts1": "09:00"}, Code.MISSING, "te1"),
        ({"ts3": "09:00", "te3": "10:00"}, Code.MISSING, "d3"),
        ({"d1": "0", "ts1": "09:00", "te1": "10:00"}, Code.WRONG, "d1"),
        ({"d1": "10", "ts1": "09:00", "te1": "10:00"}, Code.WRONG, "d1"),
        ({"d1": "mo", "ts1": "09:00", "te1": "10:00"}, Code.WRONG, "d1"),
        ({"d1": "1", "ts1": "9", "te1": "10:00"}, Code.WRONG, "ts1"),
        ({"d1": "1", "ts1": "09:60", "te1": "10:00"}, Code.WRONG, "ts1"),
        ({"d1": "1", "ts1": "09:00", "te1": "24:01"}, Code.WRONG, "te1"),
        ({"d1": "1", "ts1": "09:00", "te1": "99:99"}, Code.WRONG, "te1"),
        ({"d1": "1", "ts1": "09:00", "te1": "09:00"}, Code.WRONG, "te1"),
        ({"d1": "1", "ts1": "18:00", "te1": "09:00"}, Code.WRONG, "te1"),
        ({"d1": "1", "ts1": "٠٩:٠٠", "te1": "10:00"}, Code.WRONG, "ts1"),
    ],
)
def test_what_is_wrong_with_a_schedule_is_named(fields: dict[str, str], code: Code, field: str) -> None:
    with pytest.raises(VotboxError, match=f"^{field}: ") as error:
        read_schedule(form(**fields))
    assert error.value.code is code
