"""The link to one Asterisk: listens, reconciles after every absence, and says when dialling may go on."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from dialer.pbx.ami import AmiClient, AmiDownError, AmiRefusedError, AmiState, Forgetter
from dialer.pbx.events import read_user_event
from dialer.pbx.reconcile import AttemptLedger, CallFiles, Reconciler
from dialer.store.database import Store

log = logging.getLogger(__name__)
RETRY_S = 1.0
SWEEP_S = 30.0
"""An attempt that has not moved for one to two sweeps is looked for in Asterisk."""


class WatchedLedger(AttemptLedger, Protocol):
    """The ledger as the link sees it."""

    on_committed: Callable[[int], None]

    def ids(self) -> set[int]: ...


class PbxLink:
    """Composes connection, events and reconciliation; `on_ready(True)` means: connected, nothing missed, dial."""

    def __init__(
        self,
        client: AmiClient,
        store: Store,
        ledger: WatchedLedger,
        call_files: CallFiles,
        on_ready: Callable[[bool], None],
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._reconciler = Reconciler(client, store, ledger, call_files)
        self._forgetter = Forgetter(client)
        self._on_ready = on_ready
        self._changed = asyncio.Event()
        self.ready = False
        client.on_event = self._hear
        client.on_state = self._state_changed
        ledger.on_committed = self._forgetter.forget

    @property
    def state(self) -> AmiState:
        return self._client.state

    async def run(self) -> None:
        """Serve until cancelled."""
        self._client.start()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._client.watch(), name="ami watch")
                group.create_task(self._forgetter.run(), name="astdb forgetter")
                group.create_task(self._reconcile_on_connect(), name="reconcile on connect")
                group.create_task(self._sweep(), name="reconcile silent attempts")
        finally:
            self._client.close()

    def _hear(self, message: Mapping[str, str]) -> None:
        known = read_user_event(message)
        if known is not None:
            self._ledger.note(*known)

    def _state_changed(self, state: AmiState) -> None:
        if state is not AmiState.READY and self.ready:
            self.ready = False
            self._on_ready(False)
        self._changed.set()

    async def _reconcile_on_connect(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._client.state is AmiState.READY and not self.ready and await self._reconciled():
                self.ready = True
                self._on_ready(True)

    async def _reconciled(self) -> bool:
        try:
            await self._reconciler.run()
        except (AmiDownError, AmiRefusedError, TimeoutError) as error:
            log.warning("reconciliation failed, tried again: %r", error)
            asyncio.get_running_loop().call_later(RETRY_S, self._changed.set)
            return False
        return self._client.state is AmiState.READY

    async def _sweep(self) -> None:
        seen: dict[int, object] = {}
        while True:
            await asyncio.sleep(SWEEP_S)
            now = {attempt_id: self._ledger.find(attempt_id) for attempt_id in self._ledger.ids()}
            silent = {attempt_id for attempt_id, attempt in now.items() if seen.get(attempt_id) is attempt}
            seen = dict(now)
            if silent and self.ready:
                try:
                    await self._reconciler.run(only=silent)
                except (AmiDownError, AmiRefusedError, TimeoutError) as error:
                    log.warning("looking for silent attempts failed: %r", error)
