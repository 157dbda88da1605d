"""The VotBox autocall facade: lists, tasks, and what is told of them. Nothing is dialled: all stands still."""

import csv
import io
import json
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.api.asking import ask
from tests.api.conftest import running_dialer
from tests.api.test_votbox import CREDENTIALS, MISSING, NOT_FOUND, NOT_NOW, WRONG, idle, tone
from tests.rig import votbox
from tests.rig.daemon import Dialer
from tests.rig.votbox import Reply, VotboxClient, read_reply
from tests.rig.waiting import wait_for_answer

RIVAL = ("rival", "another password")
CARRIER = ("carrier", "a third password")
SECOND_US = 1_000_000
WAITING, RUNNING, PAUSED, DONE = "Ожидает запуска", "Выполняется", "Приостановлена", "Закончена"


@dataclass
class Stage:
    dialer: Dialer
    crm: VotboxClient
    rival: VotboxClient
    carrier: VotboxClient
    """May show any number."""

    def rows(self, query: str, *values: object) -> list[Any]:
        """Of the daemon's database."""
        with closing(sqlite3.connect(f"file:{self.dialer.database}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(query, values).fetchall()

    def task(self, task_id: str) -> dict[str, Any]:
        row = dict(self.rows("SELECT * FROM task WHERE id = ?", task_id)[0])
        return {**row, "rules": json.loads(row["rules"])}

    def attempts(self, task_id: str) -> list[dict[str, Any]]:
        rows = [dict(row) for row in self.rows("SELECT * FROM attempt WHERE task_id = ? ORDER BY id", task_id)]
        return [{**row, "params": json.loads(row["params"] or "{}")} for row in rows]


@pytest_asyncio.fixture(scope="module")
async def stage() -> AsyncIterator[Stage]:
    settings = {**votbox.settings(), **votbox.settings(*RIVAL), **votbox.settings(*CARRIER, any_caller_id=True)}
    async with running_dialer(settings) as dialer:
        assert dialer.session is not None
        clients = [VotboxClient(dialer.session, dialer.url, *who) for who in ((), RIVAL, CARRIER)]
        yield Stage(dialer, *clients)


@pytest_asyncio.fixture(scope="module")
async def scheme(stage: Stage) -> str:
    return await make_scheme(stage)


async def make_scheme(stage: Stage, client: VotboxClient | None = None, **fields: object) -> str:
    said = {"TemplateName": "Долг", "AniID": "1", "tts_FGREETING": "Привет", **fields}
    return (await (client or stage.crm).ok("autocall.scheme", said)).one("obj")["id"]


def flist(*lines: str, encoding: str = "utf-8") -> dict[str, tuple[str, bytes]]:
    return {"FLIST": ("list.csv", "\r\n".join(lines).encode(encoding))}


async def make_task(stage: Stage, scheme: str, *lines: str, **fields: object) -> Reply:
    return await stage.crm.ok("autocall", {"schemeid": scheme, **fields}, flist(*(lines or ("89110000001",))))


async def number_of(stage: Stage, scheme: str, line: str, **fields: object) -> dict[str, Any]:
    """The attempt that a line makes."""
    made = await make_task(stage, scheme, line, **fields)
    assert made.all("badline") == []
    assert made.warnings == []
    (attempt,) = stage.attempts(made.one("task")["id"])
    return attempt


def moscow_us(text: str) -> int:
    return round((datetime.fromisoformat(text + "+03:00")).timestamp()) * SECOND_US


# --- the list -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251"])
async def test_a_list_in_any_encoding_gives_every_number_back_as_sent(stage: Stage, scheme: str, encoding: str) -> None:
    lines = (
        "88121112233;Иванов~договор 7;;;;;;;;;;",
        '"8 (495) 222-33-44";"ООО ""Ёлка""; офис 3"',
        "",
        "+7 911 000-00-00;;;;;;;",
        ";;;;;;;;;;;",
        "101",
    )
    made = await stage.crm.ok("autocall", {"schemeid": scheme}, flist(*lines, encoding=encoding))
    assert made.all("badline") == []
    sent = ["88121112233", "8 (495) 222-33-44", "+7 911 000-00-00", "101"]
    assert [(one["phonenumber"], one["jobstatus"], one["jobstatusstr"]) for one in made.all("item")] == [
        (number, "0", "В очереди") for number in sent
    ]
    task_id = made.one("task")["id"]
    assert [row["phone"] for row in stage.attempts(task_id)] == ["88121112233", "84952223344", "+79110000000", "101"]
    items = (await stage.crm.ok("autocall.check", {"taskid": task_id})).all("item")
    assert [(one["id"], one["phonenumber"]) for one in items] == [
        (one["id"], one["phonenumber"]) for one in made.all("item")
    ]
    assert (items[0]["descr"], items[0]["descr2"]) == ("Иванов", "договор 7")
    assert (items[1]["descr"], "descr2" in items[1]) == ('ООО "Ёлка"; офис 3', False)
    detail = (await stage.crm.ok("autocall.detail", {"itemid": items[0]["id"]})).one("item")
    assert {**detail} == {**items[0]}


@pytest.mark.parametrize(
    ("line", "stored"),
    [
        ("89110000001;;2031-07-18 14:30:00", {"due_us": moscow_us("2031-07-18 14:30:00")}),
        ("89110000001;;18.07.2031 14:30", {"due_us": moscow_us("2031-07-18 14:30:00"), "zone": "Europe/Moscow"}),
        (
            "89110000001;;2031-07-18 14:30:00;;;;;;2",
            {"due_us": moscow_us("2031-07-18 12:30:00"), "zone": "+5"},
        ),
        ("89110000001;;;;;;;;-1", {"zone": "+2", "due_us": 0}),
        ("89110000001;;;;;;;;+5,5", {"zone": "+8.5"}),
        ("89110000001;;;;;;;;0", {"zone": "Europe/Moscow"}),
        ("89110000001;;;;;;;2031-07-19 10:00:00", {"until_us": moscow_us("2031-07-19 10:00:00")}),
        ("89110000001;;;;;;;2031-07-19", {"until_us": moscow_us("2031-07-20 00:00:00")}),
        ("89110000001;;;;;;;2031-07-19 10:00:00;7", {"until_us": moscow_us("2031-07-19 03:00:00")}),
        ("89110000001;;;;;;25", {"ring_timeout_s": 25}),
        ("89110000001;;;;;;;;;;;8123350516", {"caller_id": "78123350516"}),
        ("89110000001;;;;;;;;;;;88123350515", {"caller_id": "78123350515"}),
        ("89110000001;;;;;;;;;4711", {"params": {"client": "4711"}}),
        ("89110000001", {"params": {}, "zone": "Europe/Moscow", "until_us": None, "caller_id": None}),
    ],
)
async def test_every_column_is_stored(stage: Stage, scheme: str, line: str, stored: dict[str, Any]) -> None:
    attempt = await number_of(stage, scheme, line)
    assert {name: attempt[name] for name in stored} == stored
    if stored.get("params"):
        item = await stage.crm.ok("autocall.detail", {"itemid": attempt["id"]})
        assert item.one("item")["cliid"] == "4711"


async def test_what_only_some_templates_use_is_stored_or_told(stage: Stage, scheme: str) -> None:
    calling = await make_scheme(stage, CheckUserReaction=1, AutoAction=2, ActionPhoneList="201", ttsVoice=-1)
    attempt = await number_of(stage, calling, "89110000001;;;;1;;;;;;8(812)335-05-17")
    assert attempt["params"] == {"operator": "88123350517", "voice": "male"}
    for column, line in {
        "VOICEID": "89110000001;;;;1",
        "CCPHONE": "89110000001;;;;;;;;;;202",
        "FILEID": "89110000001;;;77",
        "VOICETEXT": "89110000001;;;;;Привет",
    }.items():
        (warning,) = (await make_task(stage, scheme, line)).warnings
        assert (warning["parameter"], column in warning["message"]) == ("FLIST", True)


async def test_greetings_come_from_the_list(stage: Stage) -> None:
    await stage.crm.ok("autocall.mediafile", {"UserID": "77"}, {"userfile": ("77.wav", tone())})
    lines = (
        "89110000001;;;77",
        "89110000002;;;;1;Долг {S} руб. до {S}.;352,60;15.10.10;25;;;;;",
        "89110000003;;;;;Просто текст;;;;;;",
        "89110000004;;;;;Долг {S} и {S};100",
        "89110000005;;;78",
        "89110000006",
        "89110000007;;;;;Долг {S};100;;;;;;;;лишнее",
    )
    reply = await stage.crm.ok("autocall", {"voicefilefromcsv": "1"}, flist(*lines))
    assert [(one["line"], one["text"][:11]) for one in reply.all("badline")] == [
        ("4", "89110000004"), ("5", "89110000005"), ("6", "89110000006"), ("7", "89110000007"),
    ]  # fmt: skip
    assert [word in one["reason"] for word, one in zip(
        ("VOICETEXT", "FILEID", "FILEID", "лишнее"), reply.all("badline"), strict=True
    )] == [True] * 4  # fmt: skip
    assert reply.warnings == []
    first, second, third = stage.attempts(reply.one("task")["id"])
    assert first["params"]["greeting"]["file"] == "crm|77"
    assert second["params"]["greeting"] == {"file": "", "text": "Долг 352,60 руб. до 15.10.10.", "voice": "male"}
    assert second["ring_timeout_s"] == 25
    assert third["params"]["greeting"] == {"file": "", "text": "Просто текст", "voice": ""}
    others = await stage.rival.post("autocall", {"voicefilefromcsv": "1"}, flist("89110000001;;;77"))
    assert (others.code, "FILEID" in others.message) == (WRONG, True)


async def test_a_template_may_leave_greetings_to_the_list(stage: Stage) -> None:
    own = await make_scheme(stage, GreetingFromFile=1, CheckPlayGreeting=1)
    attempt = await number_of(stage, own, "89110000001;;;;0;Ваш код {S};42")
    assert attempt["params"]["greeting"] == {"file": "", "text": "Ваш код 42", "voice": "female"}
    fallback = await number_of(stage, own, "89110000001")
    assert fallback["params"] == {}  # the template's own


BAD_LINES = {
    "номер": "номер телефона",
    "89110000001;;завтра": "TIME",
    "89110000001;;2031-02-30 10:00:00": "TIME",
    "89110000001;;;;2": "VOICEID",
    "89110000001;;;;;;0": "DIALTIMEOUT",
    "89110000001;;;;;;301": "DIALTIMEOUT",
    "89110000001;;;;;;;завтра": "DTEND",
    "89110000001;;2031-07-18 14:30:00;;;;;2031-07-18 14:30:00": "DTEND",
    "89110000001;;;;;;;;12": "DTDIFF",
    "89110000001;;;;;;;;x": "DTDIFF",
    "89110000001;;;;;;;;;x": "CLIID",
    "89110000001;;;;;;;;;;x": "CCPHONE",
    "89110000001;;;;;;;;;;;123": "ANI",
    "89110000001;;;;;;;;;;;9990001122": "ANI",
    "89110000001;;;;;;;;;;;;x": "лишнее поле",
    "79110000000": "уже есть в строке 1",
    '89110000009;"Иванов': "кавычка",
}


async def test_bad_lines_are_told_by_number_and_stop_no_others(stage: Stage, scheme: str) -> None:
    lines = ["89110000000", "", *BAD_LINES, "89110000002"]
    reply = await make_task(stage, scheme, *lines)
    bad = reply.all("badline")
    told = {int(one["line"]): one["reason"] for one in bad}
    expected = dict(enumerate(BAD_LINES.values(), 3))
    assert told.keys() == expected.keys()
    assert {number: word in told[number] for number, word in expected.items()} == dict.fromkeys(expected, True)
    assert reply.one("badlines") == {"count": str(len(bad))}
    assert [one["phonenumber"] for one in reply.all("item")] == ["89110000000", "89110000002"]


async def test_a_list_without_a_number_leaves_no_task(stage: Stage, scheme: str) -> None:
    before = stage.rows("SELECT (SELECT count(*) FROM task), (SELECT count(*) FROM script), count(*) FROM audio")[0]
    greeting = ("a.wav", tone())
    for fields, files, code in (
        ({"schemeid": scheme}, None, MISSING),
        ({"schemeid": scheme}, {"FLIST": ("list.csv", b"")}, WRONG),
        ({"schemeid": scheme}, flist("", ";;;"), WRONG),
        ({"schemeid": scheme}, flist("номер"), WRONG),
        ({"schemeid": scheme}, {"FLIST": ("list.xlsx", b"PK\x03\x04\x00\x00\xff\xfe\n89110000001")}, WRONG),
        ({"schemeid": "999999"}, flist("89110000001"), NOT_FOUND),
        ({}, flist("89110000001"), MISSING),
        ({"voicefilefromcsv": "0"}, flist("89110000001"), MISSING),
        ({"schemeid": scheme, "start_time": "завтра"}, flist("89110000001"), WRONG),
        ({"schemeid": scheme, "isPaused": "да"}, flist("89110000001"), WRONG),
        ({}, {**flist("номер"), "FGREETING": greeting}, WRONG),
        ({"start_time": "2031-13-01"}, {**flist("89110000001"), "FGREETING": greeting}, WRONG),
        ({"schemeaniid": "9"}, {**flist("89110000001"), "FGREETING": greeting}, WRONG),
        ({"schemenotifyurl": "crm"}, {**flist("89110000001"), "FGREETING": greeting}, WRONG),
        ({"schemeid": scheme}, {**flist("номер"), "FGREETING": greeting}, WRONG),
        ({}, {**flist("89110000001"), "FGREETING": ("a.wav", b"garbage")}, WRONG),
    ):  # fmt: skip
        reply = await stage.crm.post("autocall", fields, files)
        assert (reply.code, reply.elements) == (code, []), (fields, files)
    after = stage.rows("SELECT (SELECT count(*) FROM task), (SELECT count(*) FROM script), count(*) FROM audio")[0]
    assert tuple(after) == tuple(before)


async def test_the_list_may_come_as_a_text(stage: Stage, scheme: str) -> None:
    reply = await stage.crm.ok("autocall", {"schemeid": scheme, "FLIST": "89110000001;a\n89110000002"})
    assert len(reply.all("item")) == 2


async def test_any_number_is_shown_where_the_account_may(stage: Stage) -> None:
    scheme = await make_scheme(stage, stage.carrier)
    reply = await stage.carrier.ok("autocall", {"schemeid": scheme}, flist("89110000001;;;;;;;;;;;9990001122"))
    (attempt,) = stage.attempts(reply.one("task")["id"])
    assert attempt["caller_id"] == "79990001122"


async def test_a_number_whose_lifetime_is_over_is_told_so(stage: Stage, scheme: str) -> None:
    made = await make_task(stage, scheme, "89110000001;;;;;;;2020-01-01 00:00:00")
    item_id = made.one("item")["id"]
    item = await wait_for_answer(
        lambda: detail_of(stage, item_id), lambda item: item["jobstatus"] != "0", "the lifetime is over"
    )
    assert (item["jobstatus"], item["jobstatusstr"]) == ("7", "Истекло время жизни")
    assert (await check(stage, made.one("task")["id"])).one("task")["taskstatusstr"] == DONE


async def detail_of(stage: Stage, item_id: str) -> dict[str, str]:
    return (await stage.crm.ok("autocall.detail", {"itemid": item_id})).one("item")


async def check(stage: Stage, task_id: str, **fields: object) -> Reply:
    return await stage.crm.ok("autocall.check", {"taskid": task_id, **fields})


async def test_a_hundred_thousand_lines(stage: Stage, scheme: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";")
    for number in range(100_000):
        writer.writerow((f"8911{number:07}", f"Абонент {number}~{number}", *[""] * 10))
    form = aiohttp.FormData({**CREDENTIALS, "schemeid": scheme, "isPaused": "1"})
    form.add_field("FLIST", io.BytesIO(text.getvalue().encode("cp1251")), filename="big.csv")
    session = stage.dialer.session
    assert session is not None
    begun_s = time.monotonic()
    async with session.post(f"{stage.dialer.url}/api/autocall.api.php", data=form) as response:
        made = read_reply(await response.read())
    uploaded_s = time.monotonic()
    assert made.code == 0, made.message
    task_id, items = made.one("task")["id"], made.all("item")
    assert [one["phonenumber"] for one in items] == [f"8911{number:07}" for number in range(100_000)]
    pages = {page: (await check(stage, task_id, page=page)).all("item") for page in (0, 1, 2, 10, 11, 100_000)}
    checked_s = time.monotonic()
    assert {page: len(found) for page, found in pages.items()} == {
        0: 0, 1: 10_000, 2: 10_000, 10: 10_000, 11: 0, 100_000: 0
    }  # fmt: skip
    assert [one["id"] for one in pages[2]] == [one["id"] for one in items[10_000:20_000]]
    assert len((await check(stage, task_id)).all("item")) == 10_000
    for page in ("-1", "x", "100001"):
        assert (await stage.crm.post("autocall.check", {"taskid": task_id, "page": page})).code == WRONG
    stop_s = time.monotonic()
    await stage.crm.ok("autocall.stop", {"taskid": task_id})
    over_s = time.monotonic()
    await stage.crm.ok("autocall.get.task")
    await check(stage, task_id, page=0)
    told_s = time.monotonic()
    print(
        f"100,000 lines: upload {uploaded_s - begun_s:.1f} s, six pages {checked_s - uploaded_s:.1f} s, "
        f"stop {over_s - stop_s:.1f} s, get.task and page 0 {told_s - over_s:.2f} s"
    )


# --- a task by itself ------------------------------------------------------------------------------------------------


async def test_a_task_follows_its_template(stage: Stage) -> None:
    scheme = await make_scheme(
        stage, IsRandom=1, DialTimeout=20, MaxAttempts=3, AttemptsInterval=15, MenuOutCallCount=7, CallOkType=1,
        CallOkParam=12, NotifyUrl="http://crm.example/hook",
    )  # fmt: skip
    task_id = (await make_task(stage, scheme)).one("task")["id"]
    task = stage.task(task_id)
    assert (task["max_count_channels"], task["notify_url"], task["owner"]) == (7, "http://crm.example/hook", "crm")
    expected = {
        "max_attempts": 3, "try_interval_s": 900, "ring_timeout_s": 20, "success_after_s": 12,
        "caller_ids": ["78123350515", "78123350516"],
    }  # fmt: skip
    assert {name: task["rules"][name] for name in expected} == expected


async def test_a_task_without_a_template_has_words_of_its_own(stage: Stage) -> None:
    fields = {
        "schemedialtimeout": "21", "schememaxattempts": "4", "schemeattemptsdelay": "3", "schemeaniid": "2",
        "schemenotifyurl": "http://crm.example/own", "taskname": "Своя",
    }  # fmt: skip
    listed = (await stage.crm.ok("autocall.get.scheme")).all("obj")
    reply = await stage.crm.ok("autocall", fields, {**flist("89110000001"), "FGREETING": ("a.wav", tone())})
    assert reply.warnings == []
    assert reply.one("task")["taskname"] == "Своя"
    task = stage.task(reply.one("task")["id"])
    assert (task["notify_url"], task["max_count_channels"]) == ("http://crm.example/own", 10)
    expected = {"ring_timeout_s": 21, "max_attempts": 4, "try_interval_s": 180, "caller_ids": ["78123350516"]}
    assert {name: task["rules"][name] for name in expected} == expected
    assert (await stage.crm.ok("autocall.get.scheme")).all("obj") == listed
    bare = await stage.crm.ok("autocall", {"tts_FGREETING": "Привет"}, flist("89110000001"))
    assert bare.one("task")["taskname"].startswith("Задача ")


async def test_with_a_template_its_own_words_have_no_effect_and_a_greeting_has(stage: Stage, scheme: str) -> None:
    words = {"schemedialtimeout": "21", "schememaxattempts": "4", "schemeattemptsdelay": "3", "schemeaniid": "2"}
    files = {**flist("89110000001"), "FGREETING": ("a.mp3", tone())}
    reply = await stage.crm.ok("autocall", {"schemeid": scheme, **words, "schemenotifyurl": "http://a.b/"}, files)
    assert idle(reply) == {*words, "schemenotifyurl"}
    (attempt,) = stage.attempts(reply.one("task")["id"])
    assert attempt["params"]["greeting"]["file"].startswith("crm|")


async def test_start_time_is_waited_for_and_start_does_not_wait(stage: Stage, scheme: str) -> None:
    made = (await make_task(stage, scheme, start_time="2031-07-18 14:30:00", taskname="Ночь")).one("task")
    assert (made["taskname"], made["taskstatusstr"]) == ("Ночь", WAITING)
    assert int(made["taskstarttime"]) * SECOND_US == moscow_us("2031-07-18 14:30:00")
    paused = (await stage.crm.ok("autocall.pause", {"Taskid": made["id"]})).one("task")
    assert paused["taskstatusstr"] == PAUSED
    started = (await stage.crm.ok("autocall.start", {"TASKID": made["id"]})).one("task")
    assert started["taskstatusstr"] == RUNNING
    assert abs(int(started["taskstarttime"]) - time.time()) < 60
    assert (await check(stage, made["id"], page=0)).elements == [("task", started)]
    again = (await stage.crm.ok("autocall.start", {"taskid": made["id"]})).one("task")
    assert again == started


async def test_a_task_may_be_made_paused(stage: Stage, scheme: str) -> None:
    made = (await make_task(stage, scheme, isPaused=1)).one("task")
    assert made["taskstatusstr"] == PAUSED
    assert stage.task(made["id"])["state"] == 2
    running = (await make_task(stage, scheme, isPaused=0, start_time="18.07.2020 14:30")).one("task")
    assert running["taskstatusstr"] == RUNNING


async def test_a_task_that_is_stopped_is_over(stage: Stage, scheme: str) -> None:
    made = await make_task(stage, scheme, "89110000001", "89110000002")
    task_id = made.one("task")["id"]
    assert task_id in {one["id"] for one in (await stage.crm.ok("autocall.get.task")).all("task")}
    assert task_id not in {one["id"] for one in (await stage.rival.ok("autocall.get.task")).all("task")}
    assert (await stage.crm.ok("autocall.stop", {"taskid": task_id})).one("task")["taskstatusstr"] == DONE
    told = await check(stage, task_id)
    assert told.one("task")["taskstatusstr"] == DONE
    assert [(one["jobstatus"], one["reldescr"]) for one in told.all("item")] == [("11", "Завершено пользователем")] * 2
    assert task_id not in {one["id"] for one in (await stage.crm.ok("autocall.get.task")).all("task")}
    for call in ("start", "pause", "stop", "break", "stop.file"):
        files = {"StopPhoneFileName": ("stop.csv", b"89110000001")} if call == "stop.file" else None
        assert (await stage.crm.post(f"autocall.{call}", {"taskid": task_id}, files)).code == NOT_NOW, call


async def test_a_task_that_the_console_stops_is_over_too(stage: Stage, scheme: str) -> None:
    made = await make_task(stage, scheme, "89110000001", "89110000002")
    task_id = made.one("task")["id"]
    path = f"/console/v1/tasks/{task_id}"
    stopped = (await ask(stage.dialer, "PUT", path, json={"state": 1})).json["data"]
    assert (stopped["state"], stopped["waiting"], stopped["results"]) == (1, 0, {"FAIL": 2})
    told = await check(stage, task_id)
    assert told.one("task")["taskstatusstr"] == DONE
    assert [one["jobstatus"] for one in told.all("item")] == ["11"] * 2
    for state in (0, 2):
        refused = (await ask(stage.dialer, "PUT", path, json={"state": state})).json
        assert refused["messages"] == ["state: a task of the VotBox API that is closed is over and cannot go on"]
    assert stage.task(task_id)["state"] == 1
    assert (await ask(stage.dialer, "PUT", path, json={"state": 1})).json["result"] is True


async def test_a_task_is_listed_as_active_however_many_came_before_it(stage: Stage, scheme: str) -> None:
    over = (await make_task(stage, scheme)).one("task")["id"]
    await stage.crm.ok("autocall.stop", {"taskid": over})
    columns = ", ".join(name for name in stage.task(over) if name not in {"id", "crm_id"})
    with closing(sqlite3.connect(stage.dialer.database)) as connection, connection:
        for number in range(2500):
            connection.execute(
                f"INSERT INTO task (crm_id, {columns}) SELECT ?, {columns} FROM task WHERE id = ?",  # noqa: S608
                (f"earlier {number}", over),
            )
    active = (await make_task(stage, scheme)).one("task")
    listed = (await stage.crm.ok("autocall.get.task")).all("task")
    assert listed[-1] == active
    assert len(listed) < 100


async def test_break_wants_a_task_that_may_be_broken(stage: Stage, scheme: str) -> None:
    made = (await make_task(stage, scheme)).one("task")
    refused = await stage.crm.post("autocall.break", {"taskid": made["id"]})
    assert (refused.code, "canbreakcalls" in refused.message) == (NOT_NOW, True)
    breakable = (await make_task(stage, scheme, canbreakcalls=1)).one("task")
    assert (await stage.crm.ok("autocall.break", {"taskid": breakable["id"]})).one("task")["taskstatusstr"] == DONE


async def test_some_numbers_are_stopped(stage: Stage, scheme: str) -> None:
    made = await make_task(stage, scheme, *(f"8 911 000-00-0{digit}" for digit in range(6)))
    task_id, ids = made.one("task")["id"], [one["id"] for one in made.all("item")]
    stranger = (await make_task(stage, scheme)).one("item")["id"]
    lines = (
        "79110000000", f";{ids[1]}", f"89110000002;{ids[2]}", "", f"89110000003;{ids[4]}", "89119999999",
        f";{stranger}", ";999999999", "номер;", "89110000000",
    )  # fmt: skip
    content = "\n".join(lines).encode("cp1251")
    reply = await stage.crm.ok("autocall.stop.file", {"taskid": task_id}, {"StopPhoneFileName": ("a.csv", content)})
    assert [one["id"] for one in reply.all("item")] == ids[:3]
    bad = {one["text"]: one.get("line") for one in reply.all("badline")}
    assert bad == {
        f"89110000003;{ids[4]}": None, "89119999999;": None, f";{stranger}": None, ";999999999": None, "номер;": "9",
    }  # fmt: skip
    items = (await check(stage, task_id)).all("item")
    assert [one["jobstatus"] for one in items] == ["11"] * 3 + ["0"] * 3
    for files, code in ((None, MISSING), ({"StopPhoneFileName": ("a.csv", b"")}, WRONG)):
        assert (await stage.crm.post("autocall.stop.file", {"taskid": task_id}, files)).code == code


async def test_one_number_is_called_simply(stage: Stage, scheme: str) -> None:
    reply = await stage.crm.ok("autocall.simple", {"schemeid": scheme, "phone": "8 (911) 000-00-01"})
    assert reply.one("item")["phonenumber"] == "8 (911) 000-00-01"
    assert reply.one("task")["taskstatusstr"] == RUNNING
    (attempt,) = stage.attempts(reply.one("task")["id"])
    assert attempt["phone"] == "89110000001"
    for phone in ("номер", "89110000001;x", "89110000001\n89110000002", '"89110000001"', "8" * 40):
        refused = await stage.crm.post("autocall.simple", {"schemeid": scheme, "phone": phone})
        assert (refused.code, refused.message.startswith("phone: ")) == (WRONG, True), phone
    assert (await stage.crm.post("autocall.simple", {"schemeid": scheme})).code == MISSING
    assert (await stage.crm.post("autocall.simple", {"phone": "89110000001"})).code == MISSING
    from_list = await make_scheme(stage, GreetingFromFile=1, tts_FGREETING="")
    assert (await stage.crm.post("autocall.simple", {"schemeid": from_list, "phone": "89110000001"})).code == WRONG


async def test_tasks_follow_changes_of_their_template(stage: Stage) -> None:
    scheme = await make_scheme(stage, MenuOutCallCount=4)
    running, over = [(await make_task(stage, scheme)).one("task")["id"] for _ in range(2)]
    await stage.crm.ok("autocall.stop", {"taskid": over})
    await stage.crm.ok("autocall.schemelines", {"schemeid": scheme, "MenuOutCallCount": "9"})
    await stage.crm.ok("autocall.schedule", {"schemeid": scheme, "d1": "6", "ts1": "10:00", "te1": "23:59"})
    later = (await make_task(stage, scheme)).one("task")["id"]
    for task_id in (running, later):
        task = stage.task(task_id)
        assert task["max_count_channels"] == 9
        assert task["rules"]["schedule"] == [[6, 600, 1440]]
    assert (await check(stage, over)).one("task")["taskstatusstr"] == DONE


# --- whose it is ----------------------------------------------------------------------------------------------------


async def test_another_accounts_tasks_and_calls_are_not_there(stage: Stage, scheme: str) -> None:
    made = await make_task(stage, scheme, canbreakcalls=1)
    task_id, item_id = made.one("task")["id"], made.one("item")["id"]
    stop = {"StopPhoneFileName": ("a.csv", b"89110000001")}
    for call in ("check", "start", "pause", "stop", "break", "stop.file"):
        files = stop if call == "stop.file" else None
        for reference in (task_id, "999999999", "-1", "x", "1e3", "٣", "9" * 30):
            reply = await stage.rival.post(f"autocall.{call}", {"taskid": reference}, files)
            assert (reply.code, reply.elements) == (NOT_FOUND, []), (call, reference)
        assert (await stage.crm.post(f"autocall.{call}", {}, files)).code == MISSING
    for reference in (item_id, "999999999", "x", "9" * 30):
        assert (await stage.rival.post("autocall.detail", {"itemid": reference})).code == NOT_FOUND
        assert (await stage.rival.post("autocall.recordtalk", {"callid": reference})).code == NOT_FOUND
    assert (await stage.rival.post("autocall", {"schemeid": scheme}, flist("89110000001"))).code == NOT_FOUND
    assert (await check(stage, task_id)).one("task")["taskstatusstr"] == RUNNING


async def test_a_recording_is_its_accounts_only(stage: Stage, scheme: str) -> None:
    made = await make_task(stage, scheme, isPaused=1)
    item_id = made.one("item")["id"]
    assert (await stage.crm.post("autocall.recordtalk", {"callid": item_id})).code == NOT_FOUND
    name = f"talk-{item_id}-0123456789abcdef.wav"
    (stage.dialer.workdir / "audio" / "recordings" / name).write_bytes(tone())
    with closing(sqlite3.connect(stage.dialer.database)) as connection, connection:
        connection.execute("UPDATE attempt SET recording = ? WHERE id = ?", (name, item_id))
    for said in ({"callid": item_id}, {"filename": name}):
        talk = await stage.crm.post("autocall.recordtalk", said)
        assert (talk.content_type, talk.content) == ("audio/wav", tone())
        assert (await stage.rival.post("autocall.recordtalk", said)).code == NOT_FOUND
    assert (await stage.crm.post("autocall.recordtalk", {"filename": name.replace("0123", "3210")})).code == NOT_FOUND
    for name in ("../../dialer.toml", "x", "a.wav", "1.wav", "%00", "/etc/passwd"):
        assert (await stage.crm.post("autocall.recordtalk", {"filename": name})).code == NOT_FOUND, name
    assert (await stage.crm.post("autocall.recordtalk", {})).code == MISSING
    assert (await stage.crm.post("autocall.detail", {})).code == MISSING


async def test_the_other_api_knows_nothing_of_it(stage: Stage, scheme: str) -> None:
    before = await seen_by_others(stage)
    await stage.crm.ok("autocall.mediafile", {"UserID": "unseen"}, {"userfile": ("a.wav", tone())})
    task_id = (await make_task(stage, scheme, "89110000011")).one("task")["id"]
    await stage.crm.ok("autocall.stop", {"taskid": task_id})
    assert await seen_by_others(stage) == before
    for method in ("GET", "PUT", "DELETE"):
        body = {"name": "x"} if method == "PUT" else None
        assert (await stage.dialer.call(method, f"/task/{task_id}", body))["result"] is False, method
    assert (await check(stage, task_id)).one("task")["taskname"] != "x"


async def seen_by_others(stage: Stage) -> dict[str, Any]:
    return {path: await stage.dialer.data("GET", path) for path in ("/task", "/results/0", "/audio")}


async def test_everything_is_there_after_a_restart(stage: Stage) -> None:
    async with running_dialer(votbox.settings()) as dialer:
        assert dialer.session is not None
        client = VotboxClient(dialer.session, dialer.url)
        own = Stage(dialer, client, client, client)
        scheme = await make_scheme(own)
        soon = datetime.now(UTC) + timedelta(days=2)
        task = (await make_task(own, scheme, start_time=f"{soon:%Y-%m-%d %H:%M:%S}")).one("task")
        before = await check(own, task["id"])
        await dialer.kill()
        await dialer.start()
        after = await client.ok("autocall.check", {"taskid": task["id"]})
        assert after.elements == before.elements
        assert [one["id"] for one in (await client.ok("autocall.get.scheme")).all("obj")] == [scheme]
        assert [one["id"] for one in (await client.ok("autocall.get.task")).all("task")] == [task["id"]]
