"""Reconciliation: what became of the attempts in progress while we did not listen.

Runs at the start, after every AMI reconnect, and for attempts that have been silent for long. Four places know
something of an attempt: our ledger, the live channels, AstDB (records of legs that ended), and the spool.
"""

import logging
from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from dialer.model.attempt import DIALLED_STATES, Attempt, AttemptEvent, AttemptState, CallLost, LegEnded, NeverDialled
from dialer.model.records import BadRecordError, attempt_id_of, parse_record
from dialer.pbx.ami import AmiClient
from dialer.pbx.events import read_talk

log = logging.getLogger(__name__)
_CHANNEL_PREFIX = "Local/"
_CHANNEL_CONTEXTS = ("@autodialer-out-", "@autodialer-callback-")


class AttemptLedger(Protocol):
    """What reconciliation needs of the ledger."""

    def in_progress(self) -> dict[int, Attempt]: ...
    def note(self, attempt_id: int, event: AttemptEvent) -> None: ...
    def take_back(self, attempt_id: int) -> None: ...


class CallFiles(Protocol):
    """What reconciliation needs of the spool."""

    def attempts(self) -> Iterable[int]: ...
    def remove(self, attempt_id: int) -> None: ...


class Reconciler:
    """Compares the four places and tells the ledger what it missed."""

    def __init__(
        self,
        client: AmiClient,
        ledger: AttemptLedger,
        call_files: CallFiles,
        forget: Callable[[int, Collection[str]], None],
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._call_files = call_files
        self._forget = forget

    async def run(self) -> None:
        """Reconcile everything, after an absence. Raises what AmiClient.action raises."""
        before, live = await self._compare()
        for attempt in before.values():
            if attempt.attempt_id not in live and attempt.state is AttemptState.SPOOLED:
                self._call_files.remove(attempt.attempt_id)
                self._ledger.take_back(attempt.attempt_id)
        in_progress = self._ledger.in_progress()
        for attempt_id in self._call_files.attempts():
            if attempt_id not in in_progress:
                log.info(
                    "call file of attempt %d: not in progress, removed", attempt_id, extra={"attempt_id": attempt_id}
                )
                self._call_files.remove(attempt_id)

    async def look_for(self, attempt_ids: Collection[int]) -> None:
        """Reconcile these attempts, which should have been heard of. Raises what AmiClient.action raises."""
        before, live = await self._compare(attempt_ids)
        for attempt in before.values():
            if attempt.attempt_id not in live and attempt.state is AttemptState.SPOOLED:
                self._call_files.remove(attempt.attempt_id)
                self._ledger.note(attempt.attempt_id, NeverDialled())

    async def _compare(self, only: Collection[int] | None = None) -> tuple[dict[int, Attempt], set[int]]:
        """End the dialled attempts that have no channel any more, tell whose talk has begun; return what was in
        progress before, and what lives.

        The order matters: attempts before channels before records. What got its leave to dial after the first look is
        left alone, and a call that ended after the second has its record at the third.
        """
        before = self._ledger.in_progress()
        if only is not None:
            before = {attempt_id: attempt for attempt_id, attempt in before.items() if attempt_id in only}
        channels = await self._client.action({"Action": "CoreShowChannels"})
        found = (_attempt_of_channel(message.get("Channel", "")) for message in channels[1:])
        live = {attempt_id for attempt_id in found if attempt_id is not None}
        for talk in map(read_talk, channels[1:]):
            if talk is not None and talk[0] in before:
                self._ledger.note(*talk)
        for attempt_id, key, value in await self._kept():
            if only is None or attempt_id in only:
                self._note(attempt_id, key, value, before.get(attempt_id))
        for attempt in before.values():
            if attempt.attempt_id not in live and attempt.state in DIALLED_STATES:
                self._ledger.note(attempt.attempt_id, CallLost())
        return before, live

    def _note(self, attempt_id: int, key: str, value: str, before: Attempt | None) -> None:
        if key == "undialled":
            if before is not None and before.state in DIALLED_STATES:
                self._ledger.note(attempt_id, NeverDialled(value))
            else:  # nobody had given it leave
                self._forget(attempt_id, (key,))
            return
        try:
            self._ledger.note(attempt_id, LegEnded(parse_record(value)))
        except BadRecordError as error:
            log.warning("AstDB, attempt %d: %s", attempt_id, error, extra={"attempt_id": attempt_id})

    async def _kept(self) -> list[tuple[int, str, str]]:
        """Attempt, key and value of everything that the hangup handlers have left in AstDB."""
        messages = await self._client.action({"Action": "DBGetTree", "Family": "autodialer"})
        kept = []
        for message in messages[1:]:
            key = str(message.get("Key", "")).split("/")  # /autodialer/<attempt>/<leg>
            if len(key) == 4 and (attempt_id := attempt_id_of(key[2])) is not None:
                kept.append((attempt_id, key[3], message.get("Val", "")))
        return kept


def _attempt_of_channel(channel: str) -> int | None:
    """`Local/17@autodialer-out-0000002a;2` belongs to attempt 17."""
    if channel.startswith(_CHANNEL_PREFIX) and any(context in channel for context in _CHANNEL_CONTEXTS):
        return attempt_id_of(channel[len(_CHANNEL_PREFIX) :].partition("@")[0])
    return None
