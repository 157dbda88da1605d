"""Reconciliation: what became of the attempts in progress while we did not listen.

Runs at the start, after every AMI reconnect, and now and then for attempts that have been silent for long. Four places
know something of an attempt: AstDB (records of legs that ended), the live channels, the spool, and our ledger.
"""

import logging
from collections.abc import Collection, Iterable
from typing import Protocol

from dialer.model.attempt import DIALLED_STATES, Attempt, AttemptEvent, AttemptState, CallLost, LegEnded, NeverDialled
from dialer.model.call import CallOrder
from dialer.model.records import BadRecordError, parse_record
from dialer.pbx.ami import AmiClient
from dialer.store.attempts import InProgress, fetch_in_progress
from dialer.store.database import Store

log = logging.getLogger(__name__)
_CHANNEL_PREFIX = "Local/"
_CHANNEL_CONTEXT = "@autodialer-out-"


class AttemptLedger(Protocol):
    """What reconciliation needs of the ledger."""

    def resume(self, order: CallOrder, state: AttemptState) -> None: ...
    def note(self, attempt_id: int, event: AttemptEvent) -> None: ...
    def find(self, attempt_id: int) -> Attempt | None: ...


class CallFiles(Protocol):
    """What reconciliation needs of the spool."""

    def names(self) -> Iterable[str]: ...
    def remove(self, name: str) -> None: ...


class Reconciler:
    """Compares the four places and tells the ledger what it missed."""

    def __init__(self, client: AmiClient, store: Store, ledger: AttemptLedger, call_files: CallFiles) -> None:
        self._client = client
        self._store = store
        self._ledger = ledger
        self._call_files = call_files

    async def run(self, only: Collection[int] | None = None) -> None:
        """Reconcile the attempts in progress; `only`: these ids. Raises what AmiClient.action raises."""
        # The order matters. Call files are listed before attempts are read: each file was written after its attempt
        # was stored. Attempts before channels before records: a call that ends in between has its record by then.
        names = set(self._call_files.names())
        in_progress = await self._store.read(fetch_in_progress)
        strays = names - {one.call_file for one in in_progress}
        if only is not None:
            in_progress = [one for one in in_progress if one.order.attempt_id in only]
        live = await self._live_attempts()
        records = await self._records()
        for one in in_progress:
            self._ledger.resume(one.order, one.state)
        for attempt_id, record in records:
            self._note_record(attempt_id, record)
        for one in in_progress:
            if one.order.attempt_id not in live:
                self._settle(one)
        self._remove(strays)

    def _note_record(self, attempt_id: int, record: str) -> None:
        try:
            self._ledger.note(attempt_id, LegEnded(parse_record(record)))
        except BadRecordError as error:
            log.warning("AstDB, attempt %d: %s", attempt_id, error)

    def _settle(self, one: InProgress) -> None:
        """The attempt has no live channel. If it was dialled it is over, else it is for the queue again."""
        attempt = self._ledger.find(one.order.attempt_id)
        if attempt is None:
            return
        if attempt.state in DIALLED_STATES:
            self._ledger.note(attempt.attempt_id, CallLost())
        elif attempt.state is AttemptState.SPOOLED:
            self._call_files.remove(one.call_file)
            self._ledger.note(attempt.attempt_id, NeverDialled())

    def _remove(self, strays: Iterable[str]) -> None:
        """Call files whose attempt is not in progress would only be refused."""
        for name in strays:
            log.info("call file %s belongs to no attempt in progress: removed", name)
            self._call_files.remove(name)

    async def _live_attempts(self) -> set[int]:
        messages = await self._client.action({"Action": "CoreShowChannels"})
        return {
            attempt_id
            for message in messages[1:]
            if (attempt_id := _attempt_of_channel(message.get("Channel", ""))) is not None
        }

    async def _records(self) -> list[tuple[int, str]]:
        messages = await self._client.action({"Action": "DBGetTree", "Family": "autodialer"})
        records = []
        for message in messages[1:]:
            key = str(message.get("Key", "")).split("/")  # /autodialer/<attempt>/<leg>
            if len(key) == 4 and key[2].isdecimal():
                records.append((int(key[2]), message.get("Val", "")))
        return records


def _attempt_of_channel(channel: str) -> int | None:
    """`Local/17@autodialer-out-0000002a;2` belongs to attempt 17."""
    if channel.startswith(_CHANNEL_PREFIX) and _CHANNEL_CONTEXT in channel:
        attempt_id = channel[len(_CHANNEL_PREFIX) :].partition("@")[0]
        if attempt_id.isdecimal():
            return int(attempt_id)
    return None
