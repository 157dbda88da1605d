"""The link to one Asterisk: listens, reconciles after every absence, and says when dialling may go on."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import count
from typing import Protocol

from dialer.model.attempt import DIALLED_STATES, Attempt, AttemptState, CallLost
from dialer.model.situation import Blocked, Rule
from dialer.pbx.ami import AmiClient, AmiDownError, AmiRefusedError, AmiState, Forgetter
from dialer.pbx.events import is_ours, read_declined, read_sent, read_talk, read_user_event
from dialer.pbx.preflight import find_fault
from dialer.pbx.presence import EVENTS, Presence
from dialer.pbx.reconcile import AttemptLedger, CallFiles, Reconciler

log = logging.getLogger(__name__)
RETRY_S = 1.0
FAULT_RETRY_S = 5.0
FAULT_SWEEP_S = 30.0
SWEEP_S = 5.0
"""A call file that nobody has asked leave for since the last sweep is looked for in Asterisk …"""
ABSENCE_LIMIT_S = 3600.0
"""An Asterisk that has been away for so long will not account for the calls it had."""
LONG_SWEEPS = 6
"""… and every so many sweeps any attempt that has not moved."""


class WatchedLedger(AttemptLedger, Protocol):
    """The ledger as the link sees it."""

    on_committed: Callable[[int, tuple[str, ...]], None]
    on_silence: Callable[[int], None]


class PbxLink:
    """Composes connection, events and reconciliation; `on_ready(True)` means: connected, nothing missed, dial."""

    def __init__(
        self,
        client: AmiClient,
        ledger: WatchedLedger,
        call_files: CallFiles,
        presence: Presence,
        *,
        contexts: Sequence[str],
        on_ready: Callable[[bool], None],
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._forgetter = Forgetter(client)
        self._reconciler = Reconciler(client, ledger, call_files, self._forgetter.forget)
        self._presence = presence
        self._contexts = contexts
        self._on_ready = on_ready
        self._declined: asyncio.Queue[int] = asyncio.Queue()
        self._to_end: asyncio.Queue[int] = asyncio.Queue()
        self._not_heard_whole: set[int] = set()
        """Attempts that were in progress when we began to listen."""
        self._changed = asyncio.Event()
        self._silent: set[int] = set()
        self._asked = asyncio.Event()
        self._refusal: str | None = None
        self._look_again: asyncio.TimerHandle | None = None
        self._unaccounted_s = 0.0
        """How long nobody has been able to say what became of the calls; a faulty set-up can still be asked."""
        self.ready = False
        self.listens_for_machines: Callable[[], bool] = lambda: False
        """Whether some open task asks for answering machines."""
        self.on_delay: Callable[[float], None] = lambda delay_s: None
        """Told how long after it was written each event of our dialplan is handled, seconds."""
        client.events = ("UserEvent", "Hangup", "BridgeEnter", *EVENTS)
        client.on_event = self._hear
        client.on_state = self._state_changed
        ledger.on_committed = self._forgetter.forget
        ledger.on_silence = self._ask_for

    @property
    def state(self) -> AmiState:
        return self._client.state

    @property
    def to_forget(self) -> int:
        """Records that are committed here and not removed from AstDB yet."""
        return len(self._forgetter)

    @property
    def trouble(self) -> str | None:
        """Why Asterisk cannot be used now, in words; None when it can."""
        blocked = self.blocked
        return None if blocked is None else blocked.reason

    @property
    def blocked(self) -> Blocked | None:
        """Why Asterisk cannot be used now, and when it is looked at next; None when it can."""
        if self.ready:
            return None
        reconnect_s, reconnect = self._client.next_try_in_s, "when the AMI connection is back: tried every second"
        match self._client.state:
            case AmiState.REFUSED:
                reason = "Asterisk: login refused, see [ami] username, secret"
                return Blocked(Rule.AMI_REFUSED, reason, reconnect_s, "when the login is accepted: tried every second")
            case AmiState.AWAY:
                reason = f"Asterisk: away (AMI {self._client.address}: {self._client.problem})"
                return Blocked(Rule.AMI_AWAY, reason, reconnect_s, reconnect)
            case AmiState.BOOTING:
                reason = "Asterisk: booting (or our AMI user lacks read = system, see manager_autodialer.conf)"
                return Blocked(Rule.ASTERISK_BOOTING, reason, None, "when Asterisk says that it is fully booted")
        look_s, looked = self._look_again_in_s(), "when what is said here is mended: looked at every few seconds"
        if self._refusal is not None:
            return Blocked(Rule.ASTERISK_SETUP, self._refusal, look_s, looked)
        reason = "Asterisk: looking for calls in progress"
        return Blocked(Rule.ASTERISK_LOOKING, reason, None, "when Asterisk has answered, in moments")

    def _look_again_in_s(self) -> float | None:
        if self._look_again is None:
            return None
        left_s = self._look_again.when() - asyncio.get_running_loop().time()
        return left_s if left_s > 0 else None

    async def run(self) -> None:
        """Serve until cancelled."""
        self._client.start()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._client.watch(), name="ami watch")
                group.create_task(self._forgetter.run(), name="astdb forgetter")
                group.create_task(self._reconcile_on_connect(), name="reconcile on connect")
                group.create_task(self._sweep(), name="sweep")
                group.create_task(self._look_for_silent(), name="look for silent attempts")
                group.create_task(self._presence.run(), name="presence")
                group.create_task(self._end_declined(), name="end declined calls")
                group.create_task(self._end_calls(), name="end calls")
                group.create_task(self._look_for_faults(), name="look for faults")
        finally:
            self._client.close()

    def _hear(self, message: Mapping[str, str]) -> None:
        match message.get("Event"):
            case "UserEvent":
                self._hear_user_event(message)
            case "BridgeEnter":
                talk = read_talk(message)
                if talk is not None:
                    self._ledger.note(*talk)
            case "Hangup":
                declined = read_declined(message)
                if declined:
                    self._hear_declined(declined)
            case _:
                self._presence.hear(message)

    def _hear_user_event(self, message: Mapping[str, str]) -> None:
        if not is_ours(message):
            self._presence.hear(message)
            return
        sent_s = read_sent(message)
        if sent_s is not None:
            self.on_delay(time.time() - sent_s)
        known = read_user_event(message)
        if known is not None:
            self._ledger.note(*known)

    def _hear_declined(self, linked_id: str) -> None:
        """Only of calls that we have listened to since their claim: of others we may have missed the answer, and then
        it is an employee who has declined."""
        for attempt_id, attempt in self._ledger.in_progress().items():
            if attempt.linked_id == linked_id and attempt_id not in self._not_heard_whole and _rings(attempt):
                self._declined.put_nowait(attempt_id)

    def _state_changed(self, state: AmiState) -> None:
        if state is not AmiState.READY and self.ready:
            self.ready = False
            self._on_ready(False)
        self._changed.set()

    def _ask_for(self, attempt_id: int) -> None:
        self._silent.add(attempt_id)
        self._asked.set()

    async def _reconcile_on_connect(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._client.state is not AmiState.READY or self.ready:
                continue
            try:
                await self._reconciler.run()
                self._unaccounted_s = 0.0
                self._refusal = await self._find_fault()
            except (AmiDownError, AmiRefusedError, TimeoutError) as error:
                refused = isinstance(error, AmiRefusedError)
                why = f"refused, see the rights in manager_autodialer.conf: {error}" if refused else "no answer"
                self._refusal = f"Asterisk: looking for calls in progress: {why}"
                log.warning("%s; tried again", self._refusal)
                self._look_again = asyncio.get_running_loop().call_later(RETRY_S, self._changed.set)
                continue
            if self._refusal is not None:
                self._look_again = asyncio.get_running_loop().call_later(FAULT_RETRY_S, self._changed.set)
            elif self._client.state is AmiState.READY:
                self._not_heard_whole = set(self._ledger.in_progress())
                self._presence.look_again()
                self.ready = True
                self._on_ready(True)

    async def _find_fault(self) -> str | None:
        fault = await find_fault(self._client, self._contexts, machines=self.listens_for_machines())
        return f"Asterisk: {fault}" if fault else None

    async def _look_for_faults(self) -> None:
        """Somebody reloads a dialplan or unloads a module: nothing is dialled until it is mended."""
        while True:
            await asyncio.sleep(FAULT_SWEEP_S)
            if self.ready:
                try:
                    self._refusal = await self._find_fault()
                except (AmiDownError, AmiRefusedError, TimeoutError) as error:
                    log.warning("looking for faults of the set-up failed: %r", error)
                    continue
                if self._refusal is not None and self.ready:
                    self.ready = False
                    self._on_ready(False)
                    self._changed.set()

    async def _end_declined(self) -> None:
        """Hang up the outbound leg of a subscriber who declined, lest the routes ring it through their next trunk.

        Routes that call autodialer-next-trunk have ended by then; those that do not are stopped within milliseconds.
        """
        while True:
            attempt_id = await self._declined.get()
            attempt = self._ledger.in_progress().get(attempt_id)
            if attempt is None or not _rings(attempt):
                continue
            channel = f"/^Local.{attempt_id:d}@autodialer-out-[0-9a-f]+;2/"
            try:
                await self._client.action({"Action": "Hangup", "Channel": channel, "Cause": "21"})
            except (AmiDownError, AmiRefusedError, TimeoutError) as error:
                log.debug(
                    "attempt %d, declined: %r", attempt_id, error, extra={"attempt_id": attempt_id}
                )  # it has ended by itself

    def hang_up(self, attempt_ids: Collection[int]) -> None:
        """End the calls of these attempts, soon; their records tell what they were."""
        for attempt_id in attempt_ids:
            self._to_end.put_nowait(attempt_id)

    async def _end_calls(self) -> None:
        """An Asterisk that is away is asked again when it is back."""
        while True:
            attempt_id = await self._to_end.get()
            while attempt_id in self._ledger.in_progress():
                try:
                    await self._hang_up_pairs(attempt_id)
                except (AmiDownError, TimeoutError):
                    await asyncio.sleep(RETRY_S)
                else:
                    break

    async def _hang_up_pairs(self, attempt_id: int) -> None:
        """Both ends of the pairs that a call is made of. (Not what they dial: a telephone may be any number.)"""
        for leg in ("callback", "out"):
            channel = f"/^Local.{attempt_id:d}@autodialer-{leg}-[0-9a-f]+;[12]/"
            try:
                await self._client.action({"Action": "Hangup", "Channel": channel, "Cause": "16"})
            except AmiRefusedError as error:  # there is none, or it has ended by itself
                log.debug("attempt %d, to be ended: %r", attempt_id, error, extra={"attempt_id": attempt_id})

    async def _sweep(self) -> None:
        last: dict[int, Attempt] = {}
        long_ago: dict[int, Attempt] = {}
        for sweep in count(1):
            await asyncio.sleep(SWEEP_S)
            self._unaccounted_s = 0.0 if self.ready else self._unaccounted_s + SWEEP_S
            if self._unaccounted_s >= ABSENCE_LIMIT_S:
                self._give_up()
            now = self._ledger.in_progress()
            for attempt_id, attempt in now.items():
                if attempt.state is AttemptState.SPOOLED and last.get(attempt_id) is attempt:
                    self._ask_for(attempt_id)
            last = now
            if sweep % LONG_SWEEPS == 0:
                for attempt_id, attempt in now.items():
                    if long_ago.get(attempt_id) is attempt:
                        self._ask_for(attempt_id)
                long_ago = now

    def _give_up(self) -> None:
        """End the dialled attempts of an Asterisk that does not come back: every number has its end, some time."""
        for attempt in self._ledger.in_progress().values():
            if attempt.state in DIALLED_STATES:
                self._ledger.note(attempt.attempt_id, CallLost())

    async def _look_for_silent(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            silent, self._silent = self._silent, set()
            if self.ready:
                await self._look_for(silent)

    async def _look_for(self, attempt_ids: Collection[int]) -> None:
        try:
            await self._reconciler.look_for(attempt_ids)
        except (AmiDownError, AmiRefusedError, TimeoutError) as error:
            log.warning("looking for silent attempts failed: %r", error)  # whoever asked asks again


def _rings(attempt: Attempt) -> bool:
    """Whether the subscriber is being dialled; who declines before or after that is an employee."""
    return attempt.state is (AttemptState.CONNECTING if attempt.callback else AttemptState.DIALLING)
