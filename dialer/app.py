"""The daemon put together: what is started in which order, and stopped in which."""

import asyncio
import logging
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

from aiohttp import web

from agi.server import FastAgiServer
from dialer.api.access.addresses import Peers
from dialer.api.access.gate import Gate
from dialer.api.access.login import Login
from dialer.api.access.management import AccessManagement
from dialer.api.access.passwords import Password
from dialer.api.asterisk_cli.listener import CliListener
from dialer.api.asterisk_cli.operator import REFUSED, Operator
from dialer.api.connections import Connections, allow_many_files
from dialer.api.console.access import KeysAndSessions, Users
from dialer.api.console.audit import AuditLog
from dialer.api.console.charts import ChartFigures
from dialer.api.console.counting import Counting
from dialer.api.console.export import Export
from dialer.api.console.files import ConsoleFiles
from dialer.api.console.live import Live
from dialer.api.console.numbers import Numbers
from dialer.api.console.pollings import ConsoleAudio, ConsolePollings
from dialer.api.console.prompt import Prompts
from dialer.api.console.tasks import Progress
from dialer.api.couriers import JsonCourier, MailCourier, MailServer, QueryCourier
from dialer.api.health import Health, HealthReport
from dialer.api.metrics import MetricsPage, counting
from dialer.api.mikopbx.audio import AudioFiles
from dialer.api.mikopbx.clients import Clients
from dialer.api.mikopbx.phone_sheets import MAX_BYTES, PhoneSheets, TableFiles
from dialer.api.mikopbx.pollings import Pollings
from dialer.api.mikopbx.recordings import RecordingFiles
from dialer.api.mikopbx.results import Results
from dialer.api.mikopbx.serving import serving
from dialer.api.mikopbx.stop_list import StopLists
from dialer.api.mikopbx.tasks import Tasks
from dialer.api.mikopbx.webhooks import WebhookEvents, render_event
from dialer.api.mikopbx.why import TaskWhy
from dialer.api.server import Resource, build_http
from dialer.api.sheets.reader import SheetReader
from dialer.api.tls import Tls
from dialer.api.votbox.accounts import Account, Accounts
from dialer.api.votbox.facade import Facade
from dialer.api.votbox.lists import VotboxLists
from dialer.api.votbox.notices import notice_url
from dialer.api.votbox.reports import VotboxReports
from dialer.api.votbox.sounds import SoundStore
from dialer.api.votbox.tasks import VotboxTasks
from dialer.api.votbox.templates import VotboxTemplates
from dialer.api.webhook_sender import HttpSender
from dialer.config import ConfigError, Http, Settings, Smtp, VotboxAccount
from dialer.dispatch.call_log import CallLog
from dialer.dispatch.callfile import CallFileSettings, Spool
from dialer.dispatch.desk import TaskDesk
from dialer.dispatch.dry_run import DryRun
from dialer.dispatch.flows import FlowBook, TemplateBook
from dialer.dispatch.ledger import Ledger
from dialer.dispatch.lifetimes import Lifetimes
from dialer.dispatch.meter import Meter
from dialer.dispatch.orders import OrderBook
from dialer.dispatch.pollings import PollingBook
from dialer.dispatch.public_holidays import CalendarBook
from dialer.dispatch.recordings import Recordings
from dialer.dispatch.rehearsal import Rehearsal
from dialer.dispatch.scheduler import Scheduler
from dialer.dispatch.staffing import Staffing
from dialer.dispatch.traffic import Traffic, Trunk
from dialer.dispatch.webhooks import Courier, Webhooks
from dialer.dispatch.why import Explainer
from dialer.measuring import Parts, measure
from dialer.metrics.exposition import Metrics
from dialer.model.prices import Prices
from dialer.model.safe import UnsafeValueError
from dialer.model.webhook import Signer, secret_key
from dialer.notify import Notifier
from dialer.pbx.ami import AmiClient, AmiDownError
from dialer.pbx.lamps import Lamps, key_pressed_on
from dialer.pbx.link import PbxLink
from dialer.pbx.presence import Presence
from dialer.speech.chain import EngineChain
from dialer.speech.uploads import Uploads
from dialer.store.attempts import fetch_in_progress
from dialer.store.audit import TOPIC as AUDIT_TOPIC
from dialer.store.audit import prune_audit, write_line
from dialer.store.database import Store, StoreError
from dialer.store.events import ANSWER, MAIL, PROGRESS, RESULT
from dialer.store.finishing import STATE_TOPIC
from dialer.store.receipts import forget_receipts
from dialer.store.sole import sole_user
from dialer.store.tasks import fetch_states
from dialer.voices import MB, build_cache, build_engines, build_prompts

log = logging.getLogger(__name__)
VERSION = version("autodialer")
TELL_S = 1.0
INTERNAL_DIGITS = 6
"""A telephone of no more is one of the PBX's own: a talk with it costs nothing."""
CLOSING_S = 30.0
"""What the end takes at the most after the last call."""
LAST_REPLIES_S = 5.0
"""At the end, for requests that are being answered; aiohttp waits up to twice as long."""
KEEP_RECORDINGS_S = 3600.0
KEEP_RECEIPTS_S = 86_400.0
"""How long a reply is given again to a request with the same idempotency key."""
FORGET_EVERY_S = 600.0
PRUNE_AUDIT_S = 3600.0


CONSOLE_FILES = Path(__file__).with_name("console")


class StartError(Exception):
    """The administrator's to mend: the text names the setting and what the operating system said."""


@contextmanager
def _naming(setting: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StartError(f"{setting}: {error}") from error


class Daemon:
    """One dialer beside one Asterisk."""

    def __init__(self, settings: Settings, store: Store, tls: Tls | None = None) -> None:
        self._settings = settings
        self._store = store
        self._tls = tls
        dialing, asterisk = settings.dialing, settings.asterisk
        pollings = PollingBook(store)
        flows = FlowBook(pollings, TemplateBook(store))
        self._ledger = Ledger(store, flows)
        self._spool = spool = Spool(asterisk.spool_dir)
        zone = ZoneInfo(dialing.timezone)
        calendar = settings.calendar
        book = CalendarBook(calendar.country, calendar.holidays, calendar.working_days)
        self._orders = orders = OrderBook(dialing.dial_prefix, dialing.region)
        self._traffic = Traffic(
            max_channels=dialing.max_channels,
            max_calls_per_s=dialing.max_calls_per_s,
            trunks=[
                Trunk(name, trunk.prefixes, trunk.max_channels, trunk.max_calls_per_s)
                for name, trunk in settings.trunks.items()
            ],
            dial_string=orders.dial_string,
        )
        prices = Prices(settings.prices.per_minute, settings.prices.step_s)
        self._ledger.bill = lambda order, talked_s: prices.cost_u(orders.dial_string(order), talked_s)
        self._ledger.bill_employee = lambda order, telephone, talked_s: (
            prices.cost_u(orders.dial_string_to(order, telephone), talked_s)
            if len(telephone) > INTERNAL_DIGITS
            else None
        )
        staffing = Staffing(wrap_up_s=dialing.wrap_up_s)
        self._scheduler = Scheduler(
            store,
            self._ledger,
            spool,
            CallFileSettings(
                f"{settings.agi.host}:{settings.agi.port}",
                asterisk.outgoing_context,
                asterisk.internal_context,
                dialing.ring_timeout_s,
                dialing.max_call_s,
                settings.audio.recordings,
                dialing.dial_prefix,
            ),
            traffic=self._traffic,
            staffing=staffing,
            orders=orders,
            zone=zone,
            calendar=book.calendar,
            max_per_day=dialing.max_calls_per_phone_a_day,
        )
        self._lifetimes = Lifetimes(store, zone)
        self._ami = ami = AmiClient(
            settings.ami.host, settings.ami.port, settings.ami.username, settings.ami.secret.get_secret_value()
        )
        presence = Presence(ami, asterisk.internal_context, wrap_up_s=dialing.wrap_up_s)
        staffing.staff, presence.on_free = presence.staff, staffing.staff_changed
        self._lamps = lamps = Lamps(ami, lambda: store.read(fetch_states), f"{settings.agi.host}:{settings.agi.port}")
        store.listen(STATE_TOPIC, lambda _task_id: lamps.tasks_changed())
        self._link = PbxLink(
            ami,
            self._ledger,
            spool,
            presence,
            contexts=(asterisk.outgoing_context, asterisk.internal_context),
            on_ready=self._pbx_is_ready,
        )
        self._link.listens_for_machines = lambda: self._scheduler.listens_for_machines
        self._voices = EngineChain(build_engines(settings.tts))
        self._cache = build_cache(settings)
        uploads = Uploads(settings.audio.dir)
        self._prompts = build_prompts(settings, self._voices, self._cache, uploads)
        rehearsal = Rehearsal(flows, self._prompts)
        self._meter = Meter()
        self._ledger.observers += [rehearsal, self._meter, CallLog(show_numbers=settings.log.show_numbers)]
        self._rehearsal = rehearsal
        self._recordings = Recordings(
            settings.audio.recordings, asterisk.spool_dir, settings.audio.recordings_max_age_days
        )
        self._ledger.is_recorded = self._recordings.is_there
        self._agi = FastAgiServer(
            settings.agi.host,
            settings.agi.port,
            self._ledger,
            self._prompts,
            recordings=settings.audio.recordings,
            dialogue_limit_s=dialing.polling_limit_s,
        )
        self._metrics = Metrics(VERSION)
        self._draining = False
        self._notifier = Notifier()
        store.listen(AUDIT_TOPIC, write_line)
        self._desk = desk = TaskDesk(store, self._scheduler, dialing.region)
        desk.hang_up = self._link.hang_up
        self._webhooks, self._sender = self._build_webhooks()
        http, auth = settings.http, settings.auth
        password = Password(auth.login, auth.password_hash.get_secret_value())
        own_tls = http.tls_certificate is not None
        gate = Gate(store, Peers(http.trusted_proxies, own_tls=own_tls), password, trust_local=auth.trust_local)
        explainer = self._explainer(presence)
        tables = TableFiles(SheetReader(), min(MAX_BYTES, http.max_body_mb * MB))
        self._http = build_http(
            (
                Pollings(store, pollings, self._prompts),
                Tasks(
                    store,
                    desk,
                    self._prompts,
                    can_notify=bool(settings.webhooks.secret.get_secret_value()),
                ),
                WebhookEvents(store),
                TaskWhy(explainer),
                Results(store),
                Clients(store),
                AudioFiles(store, uploads, self._prompts, settings.audio.max_upload_mb * MB),
                RecordingFiles(self._recordings),
                PhoneSheets(tables, DryRun(store, self._scheduler.queue_of, dialing.region)),
                StopLists(store, tables),
                AccessManagement(store),
            ),
            (Health(self.report), Login(store, gate, password), MetricsPage(self._metrics.render)),
            serving(store, zone),
            gate,
            max_body_mb=http.max_body_mb,
            console=self._console(gate, explainer),
            outermost=[counting(self._metrics.rest.in_flight.inc, self._metrics.rest.answered)],
        )
        measure(self._metrics, self._parts(ami))
        self._http.add_routes(ConsoleFiles(CONSOLE_FILES).routes())
        if settings.votbox.accounts:
            sounds = SoundStore(store, uploads, self._prompts, settings.audio.max_upload_mb * MB)
            accounts = Accounts([_account(name, one) for name, one in settings.votbox.accounts.items()], gate)
            calls = (
                sounds,
                VotboxTemplates(store, desk, sounds, mails=bool(settings.smtp.host)),
                VotboxLists(store, desk, sounds),
                VotboxTasks(store, desk),
                VotboxReports(store, self._recordings),
            )
            votbox = Facade(accounts, [one for resource in calls for one in resource.calls()], http.max_body_mb * MB)
            self._http.add_routes(votbox.routes())

    def _parts(self, ami: AmiClient) -> Parts:
        """What is measured."""
        return Parts(
            store=self._store, ledger=self._ledger, scheduler=self._scheduler, traffic=self._traffic, agi=self._agi,
            ami=ami, link=self._link, voices=self._voices, prompts=self._prompts, cache=self._cache,
            webhooks=self._webhooks, report=self.report,
        )  # fmt: skip

    def _build_webhooks(self) -> tuple[Webhooks | None, HttpSender]:
        """None: nothing in the settings asks for deliveries."""
        webhooks = self._settings.webhooks
        sender = HttpSender(webhooks.allow, webhooks.timeout_s)
        # accounts of other facades are not the PBX's own CRM: the networks that they may reach are named
        self._notice_sender = HttpSender(webhooks.allow, webhooks.timeout_s, private=False)
        couriers: dict[str, Courier] = {}
        secret = webhooks.secret.get_secret_value()
        if secret:
            couriers |= dict.fromkeys((RESULT, ANSWER), JsonCourier(sender, Signer(secret_key(secret)), render_event))
        if self._settings.votbox.accounts:
            couriers[PROGRESS] = QueryCourier(self._notice_sender, notice_url)
        if self._settings.smtp.host:
            couriers[MAIL] = MailCourier(_mail_server(self._settings.smtp), self._recordings.find)
        if not couriers:
            return None, sender
        return Webhooks(self._store, couriers, give_up_after_h=webhooks.give_up_after_h), sender

    def _console(self, gate: Gate, explainer: Explainer) -> tuple[Resource, ...]:
        """What the web console and `dialer top` ask for."""
        store, dialing = self._store, self._settings.dialing
        counting = Counting(store, self._meter)
        operator = Operator(store, self._desk, counting, explainer)
        self._press_key = operator.press_key
        self._agi.press_key = self._key_pressed
        cli, secret = self._settings.cli, self._settings.ami.secret.get_secret_value()
        self._cli = (
            CliListener(cli.host, cli.port, secret, operator.answer, self._asterisk_s_users) if cli.port else None
        )
        progress = Progress(
            store, self._desk, counting, self._meter, self._ledger,
            max_channels=dialing.max_channels, version=VERSION, zone=dialing.timezone,
        )  # fmt: skip
        self._live = Live(counting, lambda: asdict(self.report()), lambda: progress.stats_of(1), gate.is_still_in)
        return (
            progress,
            Numbers(store, self._desk),
            ConsolePollings(store),
            ConsoleAudio(store),
            ChartFigures(store, counting, ZoneInfo(dialing.timezone)),
            Export(store, self._settings.store.url, dialing.timezone),
            self._live,
            Prompts(self._prompts),
            Users(
                store, self._settings.auth.login, has_fixed=bool(self._settings.auth.password_hash.get_secret_value())
            ),
            KeysAndSessions(store),
            AuditLog(store),
        )

    def _asterisk_s_users(self) -> set[int]:
        """Whose processes may give commands as Asterisk: root, and the owner of its spool."""
        try:
            return {0, self._settings.asterisk.spool_dir.stat().st_uid}
        except OSError:
            return {0}

    async def _key_pressed(self, channel: str, dialled: str, caller: str) -> str:
        """FastAGI asks no one for a password: that a telephone has dialled this key is Asterisk's to say."""
        try:
            is_so = dialled != "" and await key_pressed_on(self._ami, channel) == dialled
        except (AmiDownError, TimeoutError, UnsafeValueError):
            is_so = False
        if not is_so:
            log.warning("the key of a task was asked for, but no telephone has dialled it")
            return REFUSED
        return await self._press_key(dialled, caller)

    def _pbx_is_ready(self, ready: bool) -> None:
        self._scheduler.pbx_is_ready(ready)
        if ready:
            self._lamps.asterisk_is_back()

    def _explainer(self, presence: Presence) -> Explainer:
        zone = ZoneInfo(self._settings.dialing.timezone)
        explainer = Explainer(self._store, self._ledger, self._scheduler, zone=zone)
        explainer.asterisk = lambda: self._link.blocked
        explainer.obstacle = presence.obstacle
        explainer.presence_look_s = lambda: presence.refresh_in_s
        explainer.dialogue_trouble = lambda: self._agi.trouble
        explainer.recording_trouble = lambda: self._recordings.trouble
        return explainer

    def report(self) -> HealthReport:
        """What GET /health says."""
        stopped_by = self._store.trouble or self._link.trouble or self._scheduler.trouble
        trouble = stopped_by or self._agi.trouble or self._recordings.trouble
        dialling = stopped_by is None and not self._draining
        return HealthReport(
            "draining" if self._draining else "ok" if trouble is None else "degraded",
            self._link.state.value,
            dialling,
            trouble,
            self._ledger.in_use,
            self._scheduler.waiting_for,
            self._traffic.slowed_down(),
            self._voices.report(),
            self._webhooks.report() if self._webhooks else None,
            VERSION,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`, then drain: no new calls, running ones are watched to the end of the grace period."""
        log.info(
            "dialer %s: store %s, AMI %s:%d, call files to %s",
            VERSION,
            self._store.url,
            self._settings.ami.host,
            self._settings.ami.port,
            self._settings.asterisk.spool_dir,
        )
        with _naming("[audio] dir"):
            await asyncio.to_thread(self._prompts.set_up)
        self._voices.check()
        with _naming("[audio] recordings_dir"):
            self._recordings.set_up()
        # Attempts in progress are known before the first claim, event or request can ask for one.
        for one in await self._store.read(fetch_in_progress):
            self._ledger.resume(one, self._orders.resumed(one))
        await self._scheduler.load()
        async with AsyncExitStack() as stack:
            with _naming("[agi] host, port"):
                await self._agi.start()
            with _naming("[asterisk] spool_dir"):
                self._spool.clear_aside()
            stack.push_async_callback(self._prompts.close)
            stack.push_async_callback(self._sender.close)
            stack.push_async_callback(self._notice_sender.close)
            stack.push_async_callback(self._rehearsal.close)
            stack.push_async_callback(self._agi.close)
            if self._cli is not None:
                with _naming("[cli] host, port"):
                    await self._cli.start()
                stack.push_async_callback(self._cli.close)
            runner = web.AppRunner(self._http, access_log=None, shutdown_timeout=LAST_REPLIES_S)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            http = self._settings.http
            connections = Connections(runner)
            stack.callback(connections.close)
            stack.callback(self._live.close)
            with _naming("[http] host, port"):
                await connections.listen(http.host, http.port, self._tls.context if self._tls else None)
            log.info("REST on %s://%s:%d", "https" if self._tls else "http", http.host, http.port)
            self._notifier.ready()
            await self._serve(stop, connections)
        await self._ledger.settle()

    async def _serve(self, stop: asyncio.Event, connections: Connections) -> None:
        async with asyncio.TaskGroup() as group:
            side_tasks = [
                group.create_task(self._scheduler.run(), name="scheduler"),
                group.create_task(self._link.run(), name="pbx link"),
                group.create_task(self._lamps.run(), name="lamps"),
                group.create_task(self._tell_trouble(), name="trouble teller"),
                group.create_task(self._notifier.keep_alive(), name="sign of life"),
                group.create_task(self._metrics.daemon.watch_loop(), name="event loop watch"),
                group.create_task(self._cache.keep(), name="prompt cache keeper"),
                group.create_task(self._keep_recordings(), name="recordings keeper"),
                group.create_task(self._forget_receipts(), name="receipts keeper"),
                group.create_task(self._prune_audit(), name="audit log keeper"),
                group.create_task(self._finish_ending(), name="ending of tasks"),
                group.create_task(self._lifetimes.run(), name="lifetimes keeper"),
                *([group.create_task(self._webhooks.run(), name="webhooks")] if self._webhooks else []),
                group.create_task(connections.keep(), name="connections keeper"),
                group.create_task(self._live.run(), name="watchers of the console"),
                *([group.create_task(self._tls.keep(), name="certificate keeper")] if self._tls else []),
            ]
            await stop.wait()
            self._notifier.stopping(self._settings.dialing.shutdown_grace_s + CLOSING_S)
            await self._drain()
            await self._lamps.switch_off()
            for task in side_tasks:
                task.cancel()

    async def _tell_trouble(self) -> None:
        """Log every change of what /health says, for those who read logs."""
        told: str | None = "not told yet"
        while True:
            await asyncio.sleep(TELL_S)
            if self._store.trouble:
                await self._store.probe()  # nothing else may be there to be written
            self._traffic.tell_news()
            report = self.report()
            said = _said_of(report)
            if said is not None and said != told:
                told = said
                self._notifier.status(said)
                log.log(logging.WARNING if report.trouble else logging.INFO, "%s", said)

    async def _keep_recordings(self) -> None:
        while True:
            try:
                removed = await asyncio.to_thread(self._recordings.prune)
            except OSError as error:
                log.warning("old recordings are not removed: %s", error)
            else:
                if removed:
                    log.info("%d recordings older than [audio] recordings_max_age_days removed", removed)
            await asyncio.sleep(KEEP_RECORDINGS_S)

    async def _finish_ending(self) -> None:
        try:
            await self._desk.finish_ending()
        except StoreError as error:
            log.warning("tasks that their users have ended keep numbers until the next start: %s", error)

    async def _forget_receipts(self) -> None:
        while True:
            with suppress(StoreError):  # the store's trouble is told by itself
                await self._store.write(forget_receipts(KEEP_RECEIPTS_S))
            await asyncio.sleep(FORGET_EVERY_S)

    async def _prune_audit(self) -> None:
        """In small parts: the writer is not held for long."""
        while True:
            with suppress(StoreError):
                while await self._store.write(prune_audit(self._settings.audit.keep_days)):
                    pass
            await asyncio.sleep(PRUNE_AUDIT_S)

    async def _drain(self) -> None:
        self._draining = True
        self._scheduler.drain()
        grace_s = self._settings.dialing.shutdown_grace_s
        log.info("stopping: %d calls in progress, waiting up to %d s", self._ledger.in_use, grace_s)
        try:
            async with asyncio.timeout(grace_s):
                await self._ledger.wait_empty()
        except TimeoutError:
            log.warning("%d calls go on without us; their results are taken from Asterisk at the next start",
                        self._ledger.in_use)  # fmt: skip


def _said_of(report: HealthReport) -> str | None:
    """What a log says of a state; None: of a daemon that is being stopped nothing new."""
    if report.dialling:
        return "dialling" if report.trouble is None else f"dialling, but not all is well: {report.trouble}"
    return None if report.trouble is None or report.status == "draining" else f"nothing is dialled: {report.trouble}"


def _load_tls(http: Http) -> Tls | None:
    """Raises ConfigError for files that cannot be used."""
    if http.tls_certificate is None or http.tls_key is None:
        return None
    try:
        return Tls(http.tls_certificate, http.tls_key)
    except OSError as error:
        files = f"{http.tls_certificate}, {http.tls_key}"
        raise ConfigError(
            f"[http] tls_certificate, tls_key: a certificate and its key, both PEM, expected in {files}: {error}"
        ) from None


async def serve(settings: Settings) -> None:
    """Run the daemon until SIGTERM or SIGINT. Raises ConfigError, StoreError or StartError when it cannot start."""
    tls = _load_tls(settings.http)
    allow_many_files()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with sole_user(settings.store.url):
        store = await Store.open(settings.store.url)
        try:
            await Daemon(settings, store, tls).run(stop)
        finally:
            await store.close()


def _mail_server(smtp: Smtp) -> MailServer:
    password = smtp.password.get_secret_value()
    return MailServer(smtp.host, smtp.port, smtp.sender, smtp.tls, smtp.username, password, smtp.timeout_s)


def _account(name: str, account: VotboxAccount) -> Account:
    hashed = account.password_hash.get_secret_value()
    return Account(name, hashed, account.allow, account.caller_ids, account.any_caller_id, account.lines)
