"""Progress told by GET and recordings sent by mail: the deliverer, with real servers."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import pytest_asyncio
from aiohttp import web
from aiosmtpd.smtp import SMTP

from dialer.api.couriers import MailCourier, MailServer, QueryCourier
from dialer.api.votbox.notices import notice_url
from dialer.api.webhook_sender import HttpSender
from dialer.dispatch.webhooks import SECOND_US, Courier, Webhooks
from dialer.model.attempt import Attempt, AttemptState
from dialer.model.call import CallOrder
from dialer.model.outcome import Outcome
from dialer.model.progress import Progress
from dialer.model.records import OutRecord
from dialer.model.task import InnerNumType
from dialer.model.verdict import Verdict
from dialer.store import events
from dialer.store.attempts import claim_attempt, mark_spooled, save_answer, save_result, tell_progress
from dialer.store.database import Store
from dialer.store.events import Event
from dialer.store.finishing import Bill
from dialer.store.queue import fetch_new
from dialer.store.tasks import save_task
from tests.rig.waiting import wait_for_answer, wait_until
from tests.store.making import a_task

HOUR_US = 3600 * SECOND_US
RECORDING = "answer-1-0123456789abcdef.wav"
WAV = b"RIFF" + bytes(range(256)) * 40


@dataclass
class Clock:
    """Goes with the real one, and can be put forward."""

    ahead_us: int = 0

    def now_us(self) -> int:
        return time.time_ns() // 1000 + self.ahead_us


@dataclass
class Listener:
    """A CRM that is told by GET. `refuse`: by CALLID, the status for its events."""

    status: int = 200
    refuse: dict[str, int] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    taken: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/notify.php?crm=%D0%90&x=1"

    async def get(self, request: web.Request) -> web.Response:
        assert await request.read() == b""
        said = dict(request.query)
        self.asked.append(said)
        status = self.refuse.get(said["CALLID"], self.status)
        if status < 300:
            self.taken.append(said)
        return web.Response(status=status)

    def states(self, call_id: int) -> list[str]:
        return [one["STATE"] for one in self.taken if one["CALLID"] == str(call_id)]


@dataclass
class Mailbox:
    """A mail server. `replies`: what is said to the next mails after their text; `to_address`: to every recipient."""

    port: int
    replies: list[str] = field(default_factory=list)
    to_address: str = "250 OK"
    tried: int = 0
    taken: list[EmailMessage] = field(default_factory=list)

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if self.to_address.startswith("250"):
            envelope.rcpt_tos.append(address)
        else:
            self.tried += 1
        return self.to_address

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.tried += 1
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        reply = self.replies.pop(0) if self.replies else "250 OK"
        if reply.startswith("250"):
            assert envelope.rcpt_tos == [mail["To"]]
            self.taken.append(mail)
        else:
            self.refused = mail
        return reply


@pytest_asyncio.fixture
async def listener() -> AsyncIterator[Listener]:
    told = Listener()
    application = web.Application()
    application.router.add_get("/notify.php", told.get)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    told.port = runner.addresses[0][1]
    yield told
    await runner.cleanup()


@contextmanager
def a_port() -> Iterator[int]:
    """A port that nobody else takes while it is closed."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with a_port() as port:
        yield Mailbox(port)


@asynccontextmanager
async def taking_mail(mailbox: Mailbox) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(mailbox, hostname="rig", loop=loop), "127.0.0.1", mailbox.port, reuse_address=True
    )
    try:
        yield
    finally:
        server.close()


@asynccontextmanager
async def delivering(store: Store, clock: Clock | None = None, **couriers: Courier) -> AsyncIterator[Webhooks]:
    sender = HttpSender(["127.0.0.0/8"], 5)
    known: dict[str, Courier] = {events.PROGRESS: QueryCourier(sender, notice_url), **couriers}
    now_us = (clock or Clock()).now_us
    webhooks = Webhooks(store, known, give_up_after_h=24, now_us=now_us, luck=lambda: 0.0)
    running = asyncio.create_task(webhooks.run(), name="webhooks")
    try:
        yield webhooks
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await sender.close()


def mails(mailbox: Mailbox, folder: Path, timeout_s: float = 5.0) -> dict[str, Courier]:
    server = MailServer("127.0.0.1", mailbox.port, "dialer@pbx.example", timeout_s=timeout_s)

    def find(name: str) -> Path | None:
        path = folder / name
        return path if path.is_file() else None

    return {events.MAIL: MailCourier(server, find)}


async def orders_of(store: Store, url: str | None, count: int = 1) -> list[CallOrder]:
    """A task of so many numbers that wants to be told every step."""
    change = replace(a_task(count), notify_url=url, rules={"tells_progress": True})
    task_id = (await store.write(save_task(None, None, change))).task_id
    queued = await store.read(lambda connection: fetch_new(connection, task_id, "", 0, count))
    return [CallOrder(one.attempt_id, task_id, one.phone, "", "201", InnerNumType.EXTEN, None) for one in queued]


async def waiting(store: Store) -> list[Event]:
    return await store.read(lambda connection: events.fetch_events(connection, dead=False, after_id=0, limit=9999))


async def call(store: Store, order: CallOrder, *steps: tuple[Progress, dict[str, str]], cause: int = 16) -> None:
    """Dial, go through these steps of the call, end."""
    await store.write(mark_spooled(order))
    assert await store.write(claim_attempt(order.attempt_id, "rig-1", "[C-1]", shown_number="74951112233"))
    for step, details in steps:
        await store.write(tell_progress(order.attempt_id, step, details))
    out = OutRecord("ANSWER" if steps else "NOANSWER", cause, (200,) if steps else (180,), False)
    closed = Attempt(
        order.attempt_id, order.task_id, order.inner_num_type, AttemptState.DIALLING,
        out_record=out, verdict=Verdict(Outcome.SUCCESS_POLLING if steps else Outcome.FAIL),
    )  # fmt: skip
    bill = Bill(42, 12_345_678, "201", 20, 5_000) if steps else Bill()
    await store.write(save_result(closed, None, bill, tells_progress=True))


ANSWERED: tuple[tuple[Progress, dict[str, str]], ...] = (
    (Progress.ANSWERED, {}),
    (Progress.KEY, {"key": "#"}),
    (Progress.REDIRECTED, {"telephone": "201", "about": "договор 5 & 6"}),
    (Progress.EMPLOYEE_UNANSWERED, {"telephone": "201", "cause": "17"}),
    (Progress.REDIRECTED, {"telephone": "202", "about": "договор 5 & 6"}),
    (Progress.EMPLOYEE_ANSWERED, {"telephone": "202"}),
)


async def test_each_step_of_a_call_is_told_by_get_in_order(store: Store, listener: Listener) -> None:
    orders = await orders_of(store, listener.url, 20)
    async with delivering(store):
        await asyncio.gather(*(call(store, order, *ANSWERED) for order in orders))
        await wait_until(lambda: len(listener.taken) == 160, "everything is told")
        await wait_for_answer(lambda: waiting(store), lambda left: not left, "nothing waits")
    for order in orders:
        assert listener.states(order.attempt_id) == [
            "CALLOUT", "STARTCALL", "GETDTMF", "REDIRECT", "CALLNOANSWER", "REDIRECT", "CALLPROCESS", "ENDCALL",
        ]  # fmt: skip
    mine = [one for one in listener.taken if one["CALLID"] == str(orders[0].attempt_id)]
    told = [{name: value for name, value in one.items() if name not in {"CALLID", "STATE", "DT"}} for one in mine]
    address = {"crm": "А", "x": "1"}
    assert told == [
        {**address, "ANI": "74951112233", "DNIS": orders[0].phone},
        address,
        {**address, "DTMF": "#"},
        {**address, "Phone": "201", "addinfo": "договор 5 & 6"},
        {**address, "REL": "17", "Phone": "201"},
        {**address, "Phone": "202", "addinfo": "договор 5 & 6"},
        {**address, "Phone": "202"},
        {**address, "CALLDURATION": "42", "OPERCALLDURATION": "20", "JOBSTATUS": "3", "CALLPAY": "1235",
         "OPERCALLPAY": "1"},
    ]  # fmt: skip


async def test_a_call_that_nobody_answers_is_told_with_its_cause(store: Store, listener: Listener) -> None:
    (order,) = await orders_of(store, listener.url)
    async with delivering(store):
        await call(store, order, cause=19)
        await wait_until(lambda: len(listener.taken) == 3, "everything is told")
    assert listener.states(order.attempt_id) == ["CALLOUT", "CALLNOANSWER", "ENDCALL"]
    assert listener.taken[1]["REL"] == "19"
    assert listener.taken[2]["JOBSTATUS"] == "2"


async def test_steps_that_are_refused_hold_up_their_own_number_only_and_keep_their_order(
    store: Store, listener: Listener
) -> None:
    poison, good = await orders_of(store, listener.url, 2)
    listener.refuse[str(poison.attempt_id)] = 500
    clock = Clock()
    async with delivering(store, clock) as webhooks:
        await call(store, poison, *ANSWERED)
        await call(store, good, *ANSWERED)
        await wait_until(lambda: listener.states(good.attempt_id)[-1:] == ["ENDCALL"], "the other number is told")
        assert {one["STATE"] for one in listener.asked if one["CALLID"] == str(poison.attempt_id)} <= {"CALLOUT"}
        listener.refuse.clear()
        clock.ahead_us += HOUR_US
        webhooks.look()
        await wait_until(lambda: listener.states(poison.attempt_id)[-1:] == ["ENDCALL"], "it is told after all")
    assert listener.states(poison.attempt_id) == listener.states(good.attempt_id)


async def test_a_kind_that_nobody_delivers_waits_and_holds_up_no_other_receiver(
    store: Store, listener: Listener
) -> None:
    (order,) = await orders_of(store, listener.url)
    async with delivering(store) as webhooks:
        await store.write(save_answer(order.attempt_id, 1, "message", RECORDING, "", mail_to="a@example.org"))
        await call(store, order, *ANSWERED)
        await wait_until(lambda: listener.states(order.attempt_id)[-1:] == ["ENDCALL"], "progress is told")
        resting = await wait_until(lambda: webhooks.report()["resting"], "the mail is told to wait")
        assert isinstance(resting, dict)
        assert [one["reason"] for one in resting.values()] == ["nobody delivers events of kind mail: see the settings"]
        await wait_for_answer(lambda: waiting(store), lambda left: len(left) == 1, "the mail waits")


async def speak(store: Store, order: CallOrder, to: str = "crm@example.org") -> None:
    await store.write(save_answer(order.attempt_id, 1, "message", RECORDING, "", mail_to=to))


def recorded(folder: Path) -> None:
    (folder / RECORDING).write_bytes(WAV)


async def test_a_message_is_mailed_with_its_sound_to_each_address(
    store: Store, mailbox: Mailbox, tmp_path: Path
) -> None:
    (order,) = await orders_of(store, None)
    recorded(tmp_path)
    async with taking_mail(mailbox), delivering(store, None, **mails(mailbox, tmp_path)):
        await speak(store, order, "crm@example.org,boss@example.org")
        await wait_until(lambda: len(mailbox.taken) == 2, "both are mailed")
        await wait_for_answer(lambda: waiting(store), lambda left: not left, "nothing waits")
    assert {str(mail["To"]) for mail in mailbox.taken} == {"crm@example.org", "boss@example.org"}
    assert len({mail["Message-ID"] for mail in mailbox.taken}) == 2
    mail = mailbox.taken[0]
    assert (mail["From"], mail["Subject"]) == ("dialer@pbx.example", f"Сообщение абонента {order.phone}")
    assert mail["Date"].datetime.timestamp() == pytest.approx(time.time(), abs=60)
    (sound,) = mail.iter_attachments()
    assert isinstance(sound, EmailMessage)
    assert (sound.get_content_type(), sound.get_filename(), sound.get_content()) == ("audio/wav", RECORDING, WAV)
    body = mail.get_body()
    assert body is not None
    assert body.get_content().splitlines() == [
        f"Абонент: {order.phone}",
        f"Задача: {order.task_id}",
        f"Запись: {RECORDING}",
    ]


async def test_a_message_whose_sound_is_gone_is_mailed_without_it(
    store: Store, mailbox: Mailbox, tmp_path: Path
) -> None:
    (order,) = await orders_of(store, None)
    async with taking_mail(mailbox), delivering(store, None, **mails(mailbox, tmp_path)):
        await speak(store, order)
        await wait_until(lambda: mailbox.taken, "it is mailed")
    (mail,) = mailbox.taken
    assert list(mail.iter_attachments()) == []
    body = mail.get_body()
    assert body is not None
    assert body.get_content().splitlines()[-1] == "Файла записи больше нет."


async def test_a_mail_that_is_put_off_is_tried_again_and_is_the_same(
    store: Store, mailbox: Mailbox, tmp_path: Path
) -> None:
    (order,) = await orders_of(store, None)
    recorded(tmp_path)
    mailbox.replies = ["451 greylisted: try again"]
    clock = Clock()
    async with taking_mail(mailbox), delivering(store, clock, **mails(mailbox, tmp_path)) as webhooks:
        await speak(store, order)
        reason = await put_off(webhooks)
        assert reason == "SMTP 451 greylisted: try again"
        await again(webhooks, clock, lambda: mailbox.taken)
    (mail,) = mailbox.taken
    assert [mail[name] for name in ("Subject", "To", "Message-ID")] == [
        mailbox.refused[name] for name in ("Subject", "To", "Message-ID")
    ]
    assert mail["Message-ID"].startswith("<mail-")
    assert mailbox.tried == 2


async def test_a_recipient_that_is_put_off_is_tried_again(store: Store, mailbox: Mailbox, tmp_path: Path) -> None:
    (order,) = await orders_of(store, None)
    mailbox.to_address = "450 greylisted"
    clock = Clock()
    async with taking_mail(mailbox), delivering(store, clock, **mails(mailbox, tmp_path)) as webhooks:
        await speak(store, order)
        assert await put_off(webhooks) == "SMTP 450 greylisted"
        mailbox.to_address = "250 OK"
        await again(webhooks, clock, lambda: mailbox.taken)


async def test_a_mail_server_that_is_down_gets_the_mail_when_it_is_back(
    store: Store, mailbox: Mailbox, tmp_path: Path
) -> None:
    (order,) = await orders_of(store, None)
    recorded(tmp_path)
    clock = Clock()
    async with delivering(store, clock, **mails(mailbox, tmp_path)) as webhooks:
        await speak(store, order)
        assert (await put_off(webhooks)).startswith(f"127.0.0.1:{mailbox.port}: ")
        async with taking_mail(mailbox):
            await again(webhooks, clock, lambda: mailbox.taken)


async def test_a_mail_server_that_says_nothing_is_waited_for_no_longer_than_the_settings_say(
    store: Store, mailbox: Mailbox, tmp_path: Path
) -> None:
    (order,) = await orders_of(store, None)

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", mailbox.port, reuse_address=True)
    async with silent, delivering(store, None, **mails(mailbox, tmp_path, timeout_s=0.2)) as webhooks:
        await speak(store, order)
        assert "Timed out" in await put_off(webhooks)
    assert len(await waiting(store)) == 1


@pytest.mark.parametrize("where", ["recipient", "text"])
async def test_a_mail_that_is_refused_is_not_lost_at_once(
    store: Store, mailbox: Mailbox, tmp_path: Path, where: str
) -> None:
    (order,) = await orders_of(store, None)
    recorded(tmp_path)
    if where == "text":
        mailbox.replies = ["554 no sounds here"]
    else:
        mailbox.to_address = "550 no such user"
    clock = Clock()
    async with taking_mail(mailbox), delivering(store, clock, **mails(mailbox, tmp_path)) as webhooks:
        await speak(store, order)
        refusing = await wait_until(lambda: webhooks.report()["refusing"], "the refusal is told")
        assert isinstance(refusing, dict)
        assert list(refusing.values()) == ["HTTP 422"]
        assert webhooks.report()["resting"] == {}
        (left,) = await wait_for_answer(lambda: waiting(store), lambda left: left[0].tries == 1, "the refusal is noted")
        assert left.last_error == "HTTP 422"
        mailbox.to_address = "250 OK"
        await again(webhooks, clock, lambda: mailbox.taken)
        await wait_for_answer(lambda: waiting(store), lambda left: not left, "nothing waits")


async def put_off(webhooks: Webhooks) -> str:
    """Why the only receiver rests."""
    resting = await wait_until(lambda: webhooks.report()["resting"], "the receiver rests")
    assert isinstance(resting, dict)
    ((shown, one),) = resting.items()
    assert shown == "mailto:…9261ce@example.org"
    return str(one["reason"])


async def again(webhooks: Webhooks, clock: Clock, came: Any) -> None:
    clock.ahead_us += HOUR_US
    webhooks.look()
    await wait_until(came, "it is delivered after all")


class Broken:
    """Cannot put its events into words."""

    async def deliver(self, event: Event, now_s: int) -> int:
        raise KeyError("progress")


async def test_an_event_that_cannot_be_told_is_refused_and_keeps_nothing_else(store: Store) -> None:
    """Not even the daemon: an exception would end it, and the next one at its start."""
    caught = Webhooks(store, {"progress": Broken()}, give_up_after_h=24)
    status, error = await caught._send(cast("Event", SimpleNamespace(kind="progress", event_id="progress-1-aa")))
    assert (status, error) == (422, "it cannot be told: KeyError")
