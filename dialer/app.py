"""The daemon put together of its rooms (`dialer/compose`): what is started in which order, and stopped in which."""

import asyncio
import logging
import signal
from contextlib import AsyncExitStack

from dialer.api.asterisk_cli.operator import Operator
from dialer.api.connections import Connections, allow_many_files
from dialer.api.health import Health
from dialer.api.metrics import MetricsPage, counting
from dialer.api.mikopbx.serving import serving
from dialer.api.server import build_http
from dialer.api.tls import Tls
from dialer.compose import VERSION
from dialer.compose.access import build_gate
from dialer.compose.asterisk_cli import Keys, build_cli_listener
from dialer.compose.console import Console
from dialer.compose.deliveries import Deliveries
from dialer.compose.dialling import Dialling
from dialer.compose.dialogues import Dialogues
from dialer.compose.explaining import build_explainer
from dialer.compose.health import HealthWatch
from dialer.compose.keeping import finish_ending, keep_audit, keep_lists, keep_receipts, keep_recordings
from dialer.compose.listening import listen, load_tls
from dialer.compose.measuring import Parts, measure
from dialer.compose.mikopbx import build_mikopbx
from dialer.compose.pbx import Pbx
from dialer.compose.speech import Speech
from dialer.compose.starting import naming
from dialer.compose.votbox import build_votbox
from dialer.config import Settings
from dialer.metrics.exposition import Metrics
from dialer.model.attempt import AttemptState
from dialer.notify import Notifier
from dialer.store.attempts import fetch_in_progress
from dialer.store.audit import TOPIC as AUDIT_TOPIC
from dialer.store.audit import write_line
from dialer.store.database import Store
from dialer.store.sole import sole_user

log = logging.getLogger(__name__)
CHECK_AFTER_S = 10.0
"""Calls that were in progress, and the first new ones, before a database that may be damaged: it is read for long."""
CLOSING_S = 30.0
"""What the end takes at the most after the last call."""


class Daemon:
    """One dialer beside one Asterisk."""

    def __init__(self, settings: Settings, store: Store, tls: Tls | None = None) -> None:
        self._settings = settings
        self._store = store
        self._tls = tls
        self._notifier = Notifier()
        self._speech = speech = Speech(settings)
        self._dialling = dialling = Dialling(settings, store, speech.prompts)
        self._pbx = pbx = Pbx(settings, store, dialling)
        self._dialogues = dialogues = Dialogues(settings, dialling, speech.prompts)
        self._deliveries = Deliveries(settings, store, dialogues.recordings)
        self._health = HealthWatch(
            store, dialling, pbx, dialogues, voices=speech.voices, webhooks=self._deliveries.webhooks
        )
        gate, login = build_gate(settings, store)
        explainer = build_explainer(store, dialling, pbx, dialogues)
        self._console = Console(settings, store, dialling, speech.prompts, gate=gate, report=self._health.report)
        operator = Operator(store, dialling.desk, self._console.counting, explainer, settings.dialing.region)
        self._cli = build_cli_listener(settings, operator)
        dialogues.agi.press_key = Keys(pbx.ami, operator).press
        store.listen(AUDIT_TOPIC, write_line)
        self._metrics = metrics = Metrics(VERSION)
        self._http = build_http(
            build_mikopbx(settings, store, dialling, speech, recordings=dialogues.recordings, explainer=explainer),
            (Health(self._health.report), login, MetricsPage(metrics.render)),
            serving(store, dialling.zone, settings.store.url),
            gate,
            max_body_mb=settings.http.max_body_mb,
            console=self._console.resources,
            outermost=[counting(metrics.rest.in_flight.inc, metrics.rest.answered)],
        )
        self._http.add_routes(self._console.files.routes())
        if settings.votbox.accounts:
            votbox = build_votbox(settings, store, dialling.desk, speech, recordings=dialogues.recordings, gate=gate)
            self._http.add_routes(votbox.routes())
        measure(
            metrics,
            Parts(
                store=store, dialling=dialling, pbx=pbx, speech=speech, dialogues=dialogues,
                webhooks=self._deliveries.webhooks, report=self._health.report,
            ),
        )  # fmt: skip

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`, then drain: no new calls, running ones are watched to the end of the grace period."""
        settings, ledger, speech = self._settings, self._dialling.ledger, self._speech
        log.info(
            "dialer %s: store %s, AMI %s:%d, call files to %s",
            VERSION,
            self._store.url,
            settings.ami.host,
            settings.ami.port,
            settings.asterisk.spool_dir,
        )
        with naming("[audio] dir"):
            await asyncio.to_thread(speech.prompts.set_up)
        speech.voices.check()
        with naming("[audio] recordings_dir"):
            self._dialogues.recordings.set_up()
        # Attempts in progress are known before the first claim, event or request can ask for one.
        await self._dialling.scheduler.load()
        in_progress = await self._store.read(fetch_in_progress)
        for one in sorted(in_progress, key=lambda one: one.state is AttemptState.SPOOLED):  # who has a channel first
            ledger.resume(one, self._dialling.orders.resumed(one))
        async with AsyncExitStack() as stack:
            with naming("[agi] host, port"):
                await self._dialogues.agi.start()
            with naming("[asterisk] spool_dir"):
                self._dialling.spool.clear_aside()
            stack.push_async_callback(speech.prompts.close)
            for sender in self._deliveries.senders:
                stack.push_async_callback(sender.close)
            stack.push_async_callback(self._dialling.rehearsal.close)
            stack.push_async_callback(self._dialogues.agi.close)
            if self._cli is not None:
                with naming("[cli] host, port"):
                    await self._cli.start()
                stack.push_async_callback(self._cli.close)
            connections = await listen(stack, self._http, settings.http, self._tls)
            stack.callback(self._console.live.close)
            self._notifier.ready()
            await self._serve(stop, connections)
        await ledger.settle()

    async def _serve(self, stop: asyncio.Event, connections: Connections) -> None:
        recordings, webhooks = self._dialogues.recordings, self._deliveries.webhooks
        async with asyncio.TaskGroup() as group:
            side_tasks = [
                group.create_task(self._dialling.scheduler.run(), name="scheduler"),
                group.create_task(self._pbx.link.run(), name="pbx link"),
                group.create_task(self._pbx.lamps.run(), name="lamps"),
                group.create_task(self._health.tell_changes(self._notifier), name="trouble teller"),
                group.create_task(self._notifier.keep_alive(), name="sign of life"),
                group.create_task(self._metrics.daemon.watch_loop(), name="event loop watch"),
                group.create_task(self._speech.cache.keep(), name="prompt cache keeper"),
                group.create_task(keep_recordings(recordings), name="recordings keeper"),
                group.create_task(keep_receipts(self._store), name="receipts keeper"),
                group.create_task(keep_audit(self._store, self._settings.audit.keep_days), name="audit log keeper"),
                group.create_task(finish_ending(self._dialling.desk), name="ending of tasks"),
                group.create_task(keep_lists(self._dialling.desk), name="lists keeper"),
                group.create_task(self._store.check(CHECK_AFTER_S), name="check of the database"),
                group.create_task(self._dialling.lifetimes.run(), name="lifetimes keeper"),
                *([group.create_task(webhooks.run(), name="webhooks")] if webhooks else []),
                group.create_task(connections.keep(), name="connections keeper"),
                group.create_task(self._console.live.run(), name="watchers of the console"),
                *([group.create_task(self._tls.keep(), name="certificate keeper")] if self._tls else []),
            ]
            await stop.wait()
            self._notifier.stopping(self._settings.dialing.shutdown_grace_s + CLOSING_S)
            await self._drain()
            await self._pbx.lamps.switch_off()
            for task in side_tasks:
                task.cancel()

    async def _drain(self) -> None:
        ledger = self._dialling.ledger
        self._health.draining = True
        self._dialling.scheduler.drain()
        grace_s = self._settings.dialing.shutdown_grace_s
        log.info("stopping: %d calls in progress, waiting up to %d s", ledger.in_use, grace_s)
        try:
            async with asyncio.timeout(grace_s):
                await ledger.wait_empty()
        except TimeoutError:
            log.warning("%d calls go on without us; their results are taken from Asterisk at the next start",
                        ledger.in_use)  # fmt: skip


async def serve(settings: Settings) -> None:
    """Run the daemon until SIGTERM or SIGINT. Raises ConfigError, StoreError or StartError when it cannot start."""
    tls = load_tls(settings.http)
    allow_many_files()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with sole_user(settings.store.url):
        store = await Store.open(settings.store.url, checks_later=True)
        try:
            await Daemon(settings, store, tls).run(stop)
        finally:
            await store.close()
