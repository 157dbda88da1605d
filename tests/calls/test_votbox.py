"""The VotBox facade on the real Asterisk: client programs, templates, operators, notifications, mail."""

import asyncio
import io
import math
import os
import struct
import tempfile
import wave
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import numpy as np
import pytest_asyncio
from aiosmtpd.smtp import SMTP

from tests.calls.conftest import SETTINGS
from tests.rig import votbox
from tests.rig.captures import EMPLOYEE_HZ
from tests.rig.hearing import listening
from tests.rig.numbers import make_number
from tests.rig.votbox import NotifyUrl, Reply, VotboxClient
from tests.rig.waiting import wait_for_answer, wait_until
from tests.rig.world import World, running_world

DONE = "Закончена"
RATE_HZ = 8000
MELODY_HZ = 1250
MENU = "1:Оператор:2:203|202;2:Повторить:1:1;0:Конец:0"


@dataclass
class Mailbox:
    """A mail server that keeps what it gets."""

    mails: list[Any] = field(default_factory=list)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@dataclass
class Stage:
    world: World
    client: VotboxClient
    notify: NotifyUrl
    mailbox: Mailbox


@pytest_asyncio.fixture(scope="module")
async def stage() -> AsyncIterator[Stage]:
    mailbox = Mailbox()
    mail_server = await asyncio.get_running_loop().create_server(lambda: SMTP(mailbox), "127.0.0.1", 0)
    try:
        mail_port = mail_server.sockets[0].getsockname()[1]
        settings: dict[str, dict[str, Any]] = {
            **SETTINGS,
            **votbox.settings(),
            "webhooks": {"allow": ["127.0.0.0/8"]},
            "smtp": {"host": "127.0.0.1", "port": mail_port, "sender": "autodialer@pbx.example"},
            "prices.per_minute": {"7952": 1.2},
        }
        with tempfile.TemporaryDirectory(prefix="dialer-", dir="/tmp") as folder:
            async with running_world(Path(folder), settings, program=None) as world, votbox.notified() as notify:
                assert world.dialer.session is not None
                client = VotboxClient(world.dialer.session, world.dialer.url)
                yield Stage(world, client, notify, mailbox)
    finally:
        mail_server.close()


def tone(seconds: float, frequency_hz: float) -> bytes:
    """A WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        samples = range(round(seconds * RATE_HZ))
        sound.writeframes(
            b"".join(
                struct.pack("<h", round(9000 * math.sin(2 * math.pi * frequency_hz * at / RATE_HZ))) for at in samples
            )
        )
    return file.getvalue()


def seconds_of(frequency_hz: float, pcm: Any) -> float:
    """For how long a tone is heard."""
    frame = 400
    samples = np.asarray(pcm, dtype=np.float64)
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    level = np.abs(frames @ np.exp(-2j * np.pi * frequency_hz * np.arange(frame) / RATE_HZ)) * 2 / frame
    return float((level > 1000).sum()) * frame / RATE_HZ


async def make_template(stage: Stage, files: Mapping[str, float] | None = None, **fields: Any) -> str:
    """A template; `files`: fields of sounds, with the pitch of a tone of 0.3 s."""
    sent = {name: (f"{name}.wav", tone(0.3, pitch_hz)) for name, pitch_hz in (files or {}).items()}
    said = {"TemplateName": "Шаблон", "AniID": "1", "NotifyUrl": stage.notify.url, "DialTimeout": 8, **fields}
    return (await stage.client.ok("autocall.scheme", said, sent)).one("obj")["id"]


async def call(stage: Stage, scheme: str, lines: str, **fields: Any) -> Reply:
    """A task of these lines, by its template, until it is over; the last reply of check."""
    files = {"FLIST": ("list.csv", lines.encode())}
    made = await stage.client.ok("autocall", {"schemeid": scheme, **fields}, files)
    return await finished(stage, made.one("task")["id"])


async def finished(stage: Stage, task_id: str, timeout_s: float = 60.0) -> Reply:
    reply = await wait_for_answer(
        lambda: stage.client.ok("autocall.check", {"taskid": task_id}),
        lambda reply: reply.one("task")["taskstatusstr"] == DONE,
        f"task {task_id} is done",
        timeout_s,
    )
    assert isinstance(reply, Reply)
    return reply


async def told(stage: Stage, item_id: str) -> list[dict[str, str]]:
    """The notifications of a call, its end included."""
    await wait_until(lambda: "ENDCALL" in stage.notify.states_of(item_id), "the end is notified", timeout_s=20)
    return stage.notify.of(item_id)


async def test_a_client_program_uploads_starts_and_polls_until_it_is_done(stage: Stage, series: int) -> None:
    """As the public client programs do: multipart FLIST, MD5 password, start, check, attributes."""
    scheme = await make_template(stage, {"FGREETING": 500})
    reached, busy, no_route = make_number(series, "60"), make_number(series, "70"), f"7000{series:07}"
    lines = f'{reached};;;;;;;;;;;\r\n"{busy}";"Долг ""за газ"""\r\nнет номера;;;\r\n{no_route}\r\n'
    made = await stage.client.ok(
        "autocall", {"schemeid": scheme, "isPaused": "1"}, {"FLIST": ("list.csv", lines.encode("cp1251"))}
    )
    task = made.one("task")
    assert task["taskstatusstr"] == "Приостановлена"
    assert [item["phonenumber"] for item in made.all("item")] == [reached, busy, no_route]
    assert [line["line"] for line in made.all("badline")] == ["3"]
    started = await stage.client.ok("autocall.start", {"Taskid": task["id"]})
    assert started.one("task")["taskstatusstr"] == "Выполняется"
    done = await finished(stage, task["id"])
    assert {item["phonenumber"]: (item["jobstatus"], item["reldescr"]) for item in done.all("item")} == {
        reached: ("3", ""),
        busy: ("2", "Занято"),
        no_route: ("2", "Нет маршрута"),
    }
    assert done.all("item")[1]["descr"] == 'Долг "за газ"'
    busy_told = await told(stage, done.all("item")[1]["id"])
    assert [query["STATE"] for query in busy_told] == ["CALLOUT", "CALLNOANSWER", "ENDCALL"]
    assert busy_told[1]["REL"] == "17"
    assert busy_told[2]["JOBSTATUS"] == "2"


async def test_a_template_with_every_option(stage: Stage, series: int) -> None:
    """Greeting, information, a recorded message that is mailed, menu, wrong key, repeat, the second operator after the
    first is busy, the recorded talk, final sound; every notification in order."""
    sounds = {"FGREETING": 400, "FINFO": 600, "FMENU": 800, "FFINAL": 1000, "FLOOP": MELODY_HZ}
    scheme = await make_template(
        stage,
        sounds,
        TemplateDescription="Всё сразу",
        IsRandom=0,
        CheckPlayGreeting=1,
        GreetingFromFile=0,
        IsRecordMessages=1,
        MessageParam="office@crm.example",
        IsCancelDTMF=1,
        CancelDTMF="#",
        CheckPlayInfo=1,
        CheckUserReaction=1,
        ReactionType=1,
        MenuRepeatCount=3,
        MENU_STRUCT=MENU,
        CheckPlayFinal=1,
        CheckPlayLoop=1,
        MaxAttempts=2,
        AttemptsInterval=1,
        MenuOutCallCount=3,
        CallOkType=4,
        ttsVoice=0,
        TransANI=1,
    )
    number = make_number(series, "83")
    async with listening(stage.world) as listener:
        done = await call(stage, scheme, f"{number};Иванов~договор 7;;;;;;;;4711;;", taskname="Всё")
        heard = listener.heard(number)
    item = done.one("item")
    assert (item["jobstatus"], item["jobstatusstr"], item["reldescr"]) == ("4", "Соединен с оператором", "")
    assert (item["descr"], item["descr2"], item["cliid"], item["operphone"]) == ("Иванов", "договор 7", "4711", "202")
    queries = await told(stage, item["id"])
    assert [query["STATE"] for query in queries] == [
        "CALLOUT", "STARTCALL", "GETDTMF", "GETDTMF", "GETDTMF", "REDIRECT", "CALLNOANSWER", "REDIRECT", "CALLPROCESS",
        "ENDCALL",
    ]  # fmt: skip
    assert (queries[0]["ANI"], queries[0]["DNIS"]) == ("78123350515", number)
    assert [query["DTMF"] for query in queries[2:5]] == ["3", "2", "1"]
    assert [query["Phone"] for query in queries if query["STATE"] == "REDIRECT"] == ["203", "202"]
    assert queries[5]["addinfo"] == "Иванов~договор 7"
    assert queries[6]["REL"] == "17"
    end = queries[-1]
    assert (end["JOBSTATUS"], end["CALLDURATION"]) == ("4", item["duration"])
    assert 1 <= int(end["OPERCALLDURATION"]) <= 3
    assert int(end["CALLPAY"]) > 0
    assert end["OPERCALLPAY"] == "0"
    for name, times in (("FGREETING", 1), ("FINFO", 2), ("FMENU", 3), ("FFINAL", 1)):
        assert seconds_of(sounds[name], heard.pcm) >= 0.25 * times, name
    callers = [
        event.caller for event in stage.world.employees.events() if event.number == "202" and event.what == "INVITE"
    ]
    assert callers[-1] == number  # TransANI
    detail = await stage.client.ok("autocall.detail", {"itemid": item["id"]})
    assert [one["kind"] for one in detail.all("answer")] == ["message", "menu", "menu"]
    assert [one["dtmf"] for one in detail.all("answer")[1:]] == ["2", "1"]
    await wait_until(lambda: stage.mailbox.mails != [], "the message is mailed", timeout_s=20)
    (mail,) = stage.mailbox.mails
    assert mail["To"] == "office@crm.example"
    assert number in mail["Subject"]
    (attachment,) = mail.iter_attachments()
    with wave.open(io.BytesIO(attachment.get_content())) as sound:
        assert sound.getframerate() == RATE_HZ
    assert attachment.get_filename() == detail.all("answer")[0]["recfilename"]
    talk = await stage.client.post("autocall.recordtalk", {"callid": item["id"]})
    assert talk.content_type == "audio/wav"
    by_name = await stage.client.post("autocall.recordtalk", {"filename": item["recfilename"]})
    assert by_name.content == talk.content
    with wave.open(io.BytesIO(talk.content)) as sound:
        spoken = np.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2")
    assert seconds_of(EMPLOYEE_HZ, spoken) > 1.0


async def test_a_melody_is_heard_while_operators_are_rung_and_nobody_answers(stage: Stage, series: int) -> None:
    scheme = await make_template(
        stage, {"FLOOP": MELODY_HZ, "FFINAL": 1000}, CheckUserReaction=1, AutoAction=2, ActionPhoneList="204",
        DialTimeout=3, CallOkType=4,
    )  # fmt: skip
    number = make_number(series, "60")
    async with listening(stage.world) as listener:
        done = await call(stage, scheme, number)
        heard = listener.heard(number)
    item = done.one("item")
    assert (item["jobstatus"], item["reldescr"]) == ("2", "Условие успешного звонка не выполнено")
    assert 2.0 < seconds_of(MELODY_HZ, heard.pcm) < 4.0
    assert seconds_of(1000, heard.pcm) >= 0.25
    states = [query["STATE"] for query in await told(stage, item["id"])]
    assert states == ["CALLOUT", "STARTCALL", "REDIRECT", "CALLNOANSWER", "ENDCALL"]


async def test_ccphone_takes_the_place_of_the_list_and_may_be_outside(stage: Stage, series: int) -> None:
    scheme = await make_template(
        stage, {"FGREETING": 500}, CheckUserReaction=1, AutoAction=2, ActionPhoneList="204|203", CallOkType=4
    )
    number, outside = make_number(series, "60"), make_number(series + 1, "62")
    done = await call(stage, scheme, f"{number};;;;;;;;;;{outside};")
    item = done.one("item")
    assert (item["jobstatus"], item["operphone"]) == ("4", outside)
    assert int(item["opercallpay"]) > 0
    assert stage.world.provider.invites()[outside] == 1


async def test_whoever_presses_the_refusing_key_is_not_called_again(stage: Stage, series: int) -> None:
    text = "Это длинное сообщение, которое говорит достаточно долго, чтобы успеть нажать клавишу отказа от звонка."
    scheme = await make_template(
        stage, tts_FINFO=text, CheckPlayInfo=1, CancelDTMF="1", CallOkType=2, MaxAttempts=3, AttemptsInterval=0
    )
    number = make_number(series, "11")
    item = (await call(stage, scheme, number)).one("item")
    assert (item["jobstatus"], item["reldescr"], item["attempts"]) == ("2", "Отказ абонента (клавиша)", "1")
    assert stage.world.provider.invites()[number] == 1


async def test_a_call_that_is_no_success_is_tried_again_and_told_as_queued_meanwhile(stage: Stage, series: int) -> None:
    scheme = await make_template(
        stage, {"FGREETING": 500}, CallOkType=1, CallOkParam=30, MaxAttempts=2, AttemptsInterval=0
    )
    number = make_number(series, "60")
    item = (await call(stage, scheme, number)).one("item")
    assert (item["jobstatus"], item["attempts"]) == ("2", "2")
    await wait_until(lambda: stage.notify.states_of(item["id"]).count("ENDCALL") == 2, "both ends", timeout_s=20)
    assert [one["JOBSTATUS"] for one in stage.notify.of(item["id"]) if one["STATE"] == "ENDCALL"] == ["0", "2"]


async def test_a_long_call_is_a_success_by_its_duration(stage: Stage, series: int) -> None:
    text = "Это сообщение говорит дольше двух секунд, поэтому звонок удался."
    scheme = await make_template(stage, tts_FGREETING=text, CallOkType=1, CallOkParam=2)
    item = (await call(stage, scheme, make_number(series, "60"))).one("item")
    assert item["jobstatus"] == "3"


async def test_break_hangs_up_and_stop_lets_calls_end(stage: Stage, series: int) -> None:
    scheme = await make_template(
        stage,
        {"FGREETING": 500},
        CheckUserReaction=1,
        AutoAction=2,
        ActionPhoneList="201",
        MenuOutCallCount=1,
        CallOkType=1,
        CallOkParam=600,
    )
    talking, waiting = make_number(series, "60"), make_number(series + 1, "60")
    lines = {"FLIST": ("list.csv", f"{talking}\n{waiting}\n".encode())}
    made = await stage.client.ok("autocall", {"schemeid": scheme, "canbreakcalls": "1"}, lines)
    task_id, (first, second) = made.one("task")["id"], [item["id"] for item in made.all("item")]
    await wait_until(lambda: "CALLPROCESS" in stage.notify.states_of(first), "they talk", timeout_s=20)
    await stage.client.ok("autocall.break", {"taskid": task_id})
    done = await finished(stage, task_id, timeout_s=10)
    assert [item["jobstatus"] for item in done.all("item")] == ["11", "11"]
    assert stage.world.provider.invites()[waiting] == 0
    assert (await told(stage, second))[-1]["JOBSTATUS"] == "11"

    talking, waiting = make_number(series + 2, "66"), make_number(series + 3, "60")
    lines = {"FLIST": ("list.csv", f"{talking}\n{waiting}\n".encode())}
    made = await stage.client.ok("autocall", {"schemeid": scheme}, lines)
    task_id, (first, second) = made.one("task")["id"], [item["id"] for item in made.all("item")]
    await wait_until(lambda: "CALLPROCESS" in stage.notify.states_of(first), "they talk", timeout_s=20)
    refused = await stage.client.post("autocall.break", {"taskid": task_id})
    assert refused.code == 5
    stopping = await stage.client.ok("autocall.stop", {"Taskid": task_id})
    assert stopping.one("task")["taskstatusstr"] == "Завершается"
    done = await finished(stage, task_id, timeout_s=15)
    assert [item["jobstatus"] for item in done.all("item")] == ["4", "11"]


async def test_individual_greetings_are_heard(stage: Stage, series: int) -> None:
    await stage.client.ok("autocall.mediafile", {"UserID": "77"}, {"userfile": ("77.wav", tone(1.0, 900))})
    number = make_number(series, "60")
    async with listening(stage.world) as listener:
        files = {"FLIST": ("list.csv", f"{number};;;77\n".encode())}
        made = await stage.client.ok("autocall", {"voicefilefromcsv": "1", "schemedialtimeout": "8"}, files)
        done = await finished(stage, made.one("task")["id"])
        heard = listener.heard(number)
    assert done.one("item")["jobstatus"] == "3"
    assert seconds_of(900, heard.pcm) > 0.9


async def test_a_daemon_that_is_killed_amid_a_talk_with_an_operator_costs_nothing(stage: Stage, series: int) -> None:
    scheme = await make_template(
        stage, {"FGREETING": 500}, CheckUserReaction=1, AutoAction=2, ActionPhoneList="201", CallOkType=4,
        MaxAttempts=3, AttemptsInterval=0,
    )  # fmt: skip
    number = make_number(series, "67")  # hangs up after 8 s
    made = await stage.client.ok("autocall", {"schemeid": scheme}, {"FLIST": ("list.csv", number.encode())})
    item_id = made.one("item")["id"]
    await wait_until(lambda: "CALLPROCESS" in stage.notify.states_of(item_id), "they talk", timeout_s=20)
    await stage.world.dialer.kill()
    await stage.world.dialer.start()
    done = await finished(stage, made.one("task")["id"])
    item = done.one("item")
    assert (item["jobstatus"], item["attempts"], item["operphone"]) == ("4", "1", "201")
    assert 4 <= int(item["operduration"]) <= 8
    assert stage.world.provider.invites()[number] == 1
    states = [query["STATE"] for query in await told(stage, item_id)]
    assert list(dict.fromkeys(states)) == ["CALLOUT", "STARTCALL", "REDIRECT", "CALLPROCESS", "ENDCALL"]
    talk = await stage.client.post("autocall.recordtalk", {"callid": item_id})
    assert talk.content_type == "audio/wav"


async def test_the_example_of_the_documentation_holds_a_campaign(stage: Stage, series: int, tmp_path: Path) -> None:
    number = make_number(series, "62")  # leaves after 2 s
    (tmp_path / "numbers.csv").write_text(number)
    script = Path(__file__).resolve().parents[2] / "docs/examples/curl/votbox.sh"
    account = {"VOTBOX_URL": stage.world.dialer.url, "VOTBOX_USER": votbox.ACCOUNT, "VOTBOX_PASSWORD": votbox.PASSWORD}
    done = await asyncio.create_subprocess_exec(
        str(script), "numbers.csv", cwd=tmp_path, env={**os.environ, **account}, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        printed, _ = await done.communicate()
    assert done.returncode == 0
    reply = votbox.read_reply(printed)
    assert [item["phonenumber"] for item in reply.all("item")] == [number]
