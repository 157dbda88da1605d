"""A campaign's rules over REST: said, shown, changed; and the signal that ends numbers."""

import ast
import time
from datetime import datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from dialer.api.mikopbx.envelope import explain
from dialer.api.mikopbx.replies import ResultShown, TaskShown
from dialer.api.mikopbx.results import result_json
from dialer.api.mikopbx.rules import FIELDS, RulesFields, rules_json
from dialer.model import attempt, verdict
from dialer.model.rules import as_rules, as_stored
from tests.rig.daemon import Dialer

TASK: dict[str, Any] = {"innerNum": "201", "innerNumType": "exten", "state": 2, "numbers": ["79522233446"]}
MOSCOW = ZoneInfo("Europe/Moscow")
SAID_AND_SHOWN: list[tuple[str, Any, Any]] = [
    ("maxAttempt", 3, "3"),
    ("maxAttempt", "007", "7"),
    ("tryInterval", "300", "300"),
    ("retryOn", ["busy"], [{"on": "busy", "interval": None}]),
    ("retryOn", [{"on": "SIP 48", "interval": 5}, "FAIL"],
     [{"on": "SIP 48", "interval": "5"}, {"on": "FAIL", "interval": None}]),
    ("retryOn", ["SIP 486 Busy Here", "No answer"],
     [{"on": "SIP 486 Busy Here", "interval": None}, {"on": "No answer", "interval": None}]),
    ("retryOn", ["SIP 486 Busy", "Q.850 1", "Lost", "Queue FULL"],
     [{"on": one, "interval": None} for one in ("SIP 486 Busy", "Q.850 1", "Lost", "Queue FULL")]),
    ("retryOn", {"0": {"on": "lost", "interval": ""}}, [{"on": "lost", "interval": None}]),
    ("retryOn", [], []),
    ("attemptUntilSignal", 1, "1"),
    ("timeStart", 540, "540"),
    ("timeEnd", "1080", "1080"),
    ("weekDays", [5, 1], ["1", "5"]),
    ("weekDays", "1-5", ["1", "2", "3", "4", "5"]),
    ("weekDays", {"0": 1, "3": "6-7"}, ["1", "6", "7"]),
    ("weekDays", "6-1,3", ["1", "3", "6", "7"]),
    ("useCalendar", 0, "0"),
    ("holidays", ["2026-12-31", "01.05.2026"], ["2026-05-01", "2026-12-31"]),
    ("workDays", ["2028-02-29"], ["2028-02-29"]),
    ("zoneByRegion", 1, "1"),
    ("e164", True, "1"),
    ("callerId", 79520000099, ["79520000099"]),
    ("callerId", ["79520000099", "+79520000098"], ["79520000099", "+79520000098"]),
    ("isCallback", 1, "1"),
    ("amd", "hangup", "hangup"),
    ("pacing", "predictive", "predictive"),
    ("powerRatio", "2.5", "2.5"),
    ("powerRatio", 1.2345678, "1.2345678"),
    ("maxAbandonRate", 7, "7"),
    ("maxAbandonRate", "0.1", "0.1"),
    ("apology", "Извините.", "Извините."),
    ("lang", "de-DE", "de-DE"),
    ("priority", 9, "9"),
    ("weight", 100, "100"),
    ("maxCallsPerSecond", 0.5, "0.5"),
    ("maxPerDay", 2, "2"),
    ("maxCost", "10.5", "10.50"),
    ("maxCost", 0.000001, "0.000001"),
    ("maxCost", 0.0000001, "0.000001"),
    ("maxCost", 999_999_999, "999999999.00"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "said", "shown"), SAID_AND_SHOWN)
async def test_a_rule_is_shown_as_it_was_said_and_can_be_changed(
    shared: Dialer, field: str, said: Any, shown: Any
) -> None:
    task_id = (await shared.data("POST", "/task", {**TASK, field: said}))["id"]
    assert (await shared.data("GET", f"/task/{task_id}"))[field] == shown
    await shared.data("PUT", f"/task/{task_id}", {"name": "renamed"})
    assert (await shared.data("GET", f"/task/{task_id}"))[field] == shown, "what is not said stays"
    plain = (await shared.data("POST", "/task", TASK))["id"]
    assert field not in await shared.data("GET", f"/task/{plain}"), "the default is not shown"
    await shared.data("PUT", f"/task/{plain}", {field: said})
    assert (await shared.data("GET", f"/task/{plain}"))[field] == shown


@pytest.mark.parametrize(
    ("field", "said", "default"),
    [
        ("maxCost", "5", 0),
        ("retryOn", [], ["default"]),
        ("weekDays", [1], "1-7"),
        ("maxPerDay", 2, "0"),
        ("amdMessage", "Позвоните нам.", ""),
        ("callerId", "79520000099", []),
        ("apology", "Извините.", ""),
        ("holidays", ["2026-12-31"], []),
    ],
)
async def test_a_rule_can_be_taken_back(shared: Dialer, field: str, said: Any, default: Any) -> None:
    task_id = (await shared.data("POST", "/task", {**TASK, field: said}))["id"]
    await shared.data("PUT", f"/task/{task_id}", {field: default})
    assert field not in await shared.data("GET", f"/task/{task_id}")


@pytest.mark.parametrize("field", ["retryOn", "holidays", "workDays", "callerId", "weekDays"])
@pytest.mark.parametrize("nothing", [None, ""])
async def test_a_list_that_is_not_said_stays(shared: Dialer, field: str, nothing: Any) -> None:
    said = {"retryOn": ["busy"], "callerId": ["79520000099"], "weekDays": [1]}.get(field, ["2026-12-31"])
    task_id = (await shared.data("POST", "/task", {**TASK, field: said}))["id"]
    await shared.data("PUT", f"/task/{task_id}", {field: nothing})
    assert field in await shared.data("GET", f"/task/{task_id}")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"holidays": ["31.02.2026"]}, "holidays[0]: there is no 31.02.2026"),
        ({"workDays": ["2026-05-09", "2026-02-29"]}, "workDays[1]: there is no 2026-02-29"),
        (
            {"numbers": [{"number": "79522233446", "timeCallAllow": "31.04.2026 10:00:00"}]},
            "numbers[0].timeCallAllow: there is no 31.04.2026",
        ),
        (
            {"numbers": [{"number": "79522233446", "timeCallUntil": "2026-02-31T10:00:00Z"}]},
            "numbers[0].timeCallUntil: there is no 2026-02-31",
        ),
        ({"holidays": "2026-12-31"}, "holidays: a list expected, got '2026-12-31'"),
        ({"workDays": {"first": "2026-12-31"}}, "workDays: a list expected, got an object"),
        ({"retryOn": "busy"}, "retryOn: a list expected, got 'busy'"),
        ({"callerId": True}, "callerId: a list expected, got true"),
    ],
)
async def test_a_refusal_names_field_and_reason(shared: Dialer, fields: dict[str, Any], message: str) -> None:
    refused = await shared.call("POST", "/task", {**TASK, **fields})
    assert (refused["result"], refused["messages"]) == (False, [message])


@pytest.mark.parametrize(
    ("on", "meant"),
    [
        ("BUSY", "busy"),
        ("Busy", "busy"),
        ("NOANSWER", "no_answer"),
        ("bussy", "busy"),
        ("FAIL_PROVIDR", "FAIL_PROVIDER"),
        ("sip 486", "SIP 486"),
        ("Answering mashine", None),
        ("No", None),
        ("SIP 180", None),
        ("SIP 486 Decline", "declined"),
        ("Stop list", None),
        ("X" * 10_000, None),
    ],
)
def test_what_no_cause_begins_with_is_refused_by_name(on: str, meant: str | None) -> None:
    with pytest.raises(ValidationError) as refused:
        RulesFields(retryOn=[on])  # type: ignore[arg-type]
    (message,) = explain(refused.value)
    assert message.startswith("retryOn[0].on: a result, one of abandoned, busy, ")
    assert message.endswith(f", got {on[:60]!r}" + (f": did you mean {meant}?" if meant else ""))


def test_every_cause_of_a_call_may_be_named() -> None:
    for source in (verdict, attempt):
        for cause in causes_in(source) - verdict.SCRIPT_CAUSES:
            assert RulesFields(retryOn=[cause]).retryOn, cause  # type: ignore[arg-type]


def causes_in(source: ModuleType) -> set[str]:
    """The texts that the module gives a Verdict, or assigns to `cause`."""
    assert source.__file__
    found: set[str] = set()
    for node in ast.walk(ast.parse(Path(source.__file__).read_text())):
        given: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Verdict":
            given = node.args[1:]
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "cause":
            given = [node.value]
        for one in (text for value in given for text in ast.walk(value)):
            if isinstance(one, ast.JoinedStr | ast.Constant | ast.Name):
                told = _evaluated(one, source)
                found |= {told.rstrip()} if isinstance(told, str) and told[:1].isupper() else set()
    assert found
    return found


def _evaluated(node: ast.expr, source: ModuleType) -> object:
    leg = SimpleNamespace(queue_status="FULL")
    code = compile(ast.Expression(node), "", "eval")
    try:
        return eval(code, {**vars(source), "leg": leg, "cause": "Queue FULL"})  # noqa: S307 - our own source
    except NameError:
        return None


async def test_rules_that_do_not_go_with_what_is_stored_are_refused(dialer: Dialer) -> None:
    task_id = (await dialer.data("POST", "/task", {**TASK, "timeStart": 540}))["id"]
    refused = await dialer.call("PUT", f"/task/{task_id}", {"timeEnd": 540})
    assert (refused["result"], refused["data"]) == (False, {"error": "TaskRefused"})
    assert refused["messages"] == ["timeEnd: the same as timeStart, 540: the window would never open"]
    whole_day = await dialer.data("PUT", f"/task/{task_id}", {"timeStart": 0, "timeEnd": 0})
    assert ("timeStart" in whole_day, whole_day["timeEnd"]) == (False, 0)


async def test_what_a_number_says_is_kept_and_shown(dialer: Dialer) -> None:
    allowed, until = "31.12.2030 10:00:00", "31.12.2030 18:00:00"
    listed = {
        "number": "79522233446", "clientId": 17, "timeCallAllow": allowed, "timeCallUntil": until, "TimeOffset": 10,
        "callerId": "79520000099",
    }  # fmt: skip
    task_id = (await dialer.data("POST", "/task", {**TASK, "numbers": [listed, "79522233416"]}))["id"]
    first, second = (await dialer.data("GET", f"/task/{task_id}"))["results"]
    moment = int(datetime(2030, 12, 31, 10, tzinfo=MOSCOW).timestamp())
    assert (first["timeCallAllow"], first["clientId"], first["callerId"]) == (str(moment), "17", "79520000099")
    assert second["timeCallAllow"] == "0"
    assert not {"clientId", "callerId", "cost", "talkTime"} & second.keys()


async def test_a_signal_ends_waiting_numbers_of_all_tasks_or_of_one(dialer: Dialer) -> None:
    one = (await dialer.data("POST", "/task", TASK))["id"]
    two = (await dialer.data("POST", "/task", {**TASK, "numbers": ["89522233446", "79522233416"]}))["id"]
    done = await dialer.data("POST", "/task-signal-close", {"phone": "+7 (952) 223-34-46", "taskId": one})
    assert done == {"phone": "+79522233446", "phoneId": "9522233446", "taskId": one, "closed": 1}
    assert (await dialer.data("POST", "/task-signal-close", {"phone": "79522233446"}))["closed"] == 1
    (row,) = (await dialer.data("GET", f"/task/{one}"))["results"]
    assert (row["result"], row["state"]) == ("SUCCESS_EXTERNAL_SIGNAL", "endCall")
    assert abs(int(row["closeTime"]) - time.time()) < 60
    results = [row["result"] for row in (await dialer.data("GET", f"/task/{two}"))["results"]]
    assert results == ["SUCCESS_EXTERNAL_SIGNAL", None]
    assert (await dialer.data("POST", "/task-signal-close", {"phone": "79522233446"}))["closed"] == 0
    refused = await dialer.call("POST", "/task-signal-close", {"phone": "79522233446", "taskId": 5})
    assert refused["data"] == {"error": "TaskNotFound"}
    refused = await dialer.call("POST", "/task-signal-close", {"phone": "you"})
    assert refused["messages"][0].startswith("phone: ")


async def test_a_callback_does_not_become_a_polling(dialer: Dialer) -> None:
    polling = {"questions": [{"questionText": "Да?", "press": [{"key": "1"}]}]}
    polling_id = (await dialer.data("POST", "/polling", polling))["id"]
    task_id = (await dialer.data("POST", "/task", {**TASK, "isCallback": 1}))["id"]
    refused = await dialer.call("PUT", f"/task/{task_id}", {"innerNumType": "polling", "innerNum": polling_id})
    assert refused["messages"] == ["isCallback: only for innerNumType exten: a polling has no employee to ring first"]
    assert (await dialer.data("GET", f"/task/{task_id}"))["innerNumType"] == "exten"


async def test_posts_echo_rules_as_they_were_sent_and_lists_as_they_are_read(dialer: Dialer) -> None:
    sent = {"maxAttempt": 3, "tryInterval": "300", "weekDays": "1-2", "callerId": 79520000099, "maxPerDay": 0}
    posted = await dialer.data("POST", "/task", {**TASK, **sent})
    read = {"maxAttempt": 3, "tryInterval": "300", "weekDays": ["1", "2"], "callerId": ["79520000099"]}
    assert {name: posted.get(name) for name in read} == read
    assert "maxPerDay" not in posted, "the default is not shown"


def test_rules_are_shown_in_the_order_of_the_schema_and_come_back_the_same() -> None:
    body: dict[str, Any] = {}
    for name, said, _ in SAID_AND_SHOWN:
        body.setdefault(name, said)
    said = RulesFields(
        **{**body, "amdMessage": "Позвоните нам.", "amdMessageFile": "call.wav", "apologyFile": "a"}
    ).said()
    shown = rules_json(as_rules(as_stored(said)))
    names = [field.name for field in FIELDS]
    assert list(shown) == names == list(RulesFields.model_fields)
    assert [name for name in TaskShown.model_fields if name in shown] == names
    TaskShown.model_validate({**dict.fromkeys(list(TaskShown.model_fields)[:8], "1"), **shown})
    assert RulesFields(**shown).said() == said


def test_rows_of_calls_that_cost_something_say_so() -> None:
    row: Any = SimpleNamespace(
        id=1, task_id=2, phone_id="9522233446", phone="79522233446", linked_id=None, call_file=None, result="SUCCESS",
        out_dial_state="ANSWER", in_dial_state=None, state="endCall", verbose_call_id=None, cause=None, params=None,
        changed_us=5_000_000, attempt_number=2, due_us=3_999_999, closed_us=6_000_000, recording=None,
        client_id="17", caller_id="79520000099", talked_s=61, cost_u=1_500_000, next_due_us=7_000_000,
    )  # fmt: skip
    shown = ResultShown.model_validate(result_json(row))
    assert (shown.countTry, shown.timeCallAllow, shown.clientId) == ("2", "3", "17")
    assert (shown.closeTime, shown.nextTry) == ("6", "7")
    assert (shown.callerId, shown.talkTime, shown.cost) == ("79520000099", "61", "1.50")
