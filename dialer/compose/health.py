"""What GET /health says, put together from whoever may have trouble; and the log of its changes."""

import asyncio
import logging

from dialer.api.health import HealthReport
from dialer.compose import VERSION
from dialer.compose.dialling import Dialling
from dialer.compose.dialogues import Dialogues
from dialer.compose.pbx import Pbx
from dialer.dispatch.webhooks import Webhooks
from dialer.notify import Notifier
from dialer.speech.chain import EngineChain
from dialer.store.database import Store

log = logging.getLogger(__name__)
TELL_S = 1.0


class HealthWatch:
    """Asks the parts each time."""

    def __init__(
        self,
        store: Store,
        dialling: Dialling,
        pbx: Pbx,
        dialogues: Dialogues,
        *,
        voices: EngineChain,
        webhooks: Webhooks | None,
    ) -> None:
        self._store = store
        self._dialling = dialling
        self._link = pbx.link
        self._dialogues = dialogues
        self._voices = voices
        self._webhooks = webhooks
        self.draining = False
        """The daemon is being stopped."""

    def report(self) -> HealthReport:
        """What GET /health says."""
        stopped_by = self._store.trouble or self._link.trouble or self._dialling.scheduler.trouble
        trouble = stopped_by or self._dialogues.agi.trouble or self._dialogues.recordings.trouble
        return HealthReport(
            "draining" if self.draining else "ok" if trouble is None else "degraded",
            self._link.state.value,
            stopped_by is None and not self.draining,
            trouble,
            self._dialling.ledger.in_use,
            self._dialling.scheduler.waiting_for,
            self._dialling.traffic.slowed_down(),
            self._voices.report(),
            self._webhooks.report() if self._webhooks else None,
            VERSION,
        )

    async def tell_changes(self, notifier: Notifier) -> None:
        """Log every change of what /health says, for those who read logs."""
        told: str | None = "not told yet"
        while True:
            await asyncio.sleep(TELL_S)
            if self._store.trouble:
                await self._store.probe()  # nothing else may be there to be written
            self._dialling.traffic.tell_news()
            report = self.report()
            said = _said_of(report)
            if said is not None and said != told:
                told = said
                notifier.status(said)
                log.log(logging.WARNING if report.trouble else logging.INFO, "%s", said)


def _said_of(report: HealthReport) -> str | None:
    """What a log says of a state; None: of a daemon that is being stopped nothing new."""
    if report.dialling:
        return "dialling" if report.trouble is None else f"dialling, but not all is well: {report.trouble}"
    return None if report.trouble is None or report.status == "draining" else f"nothing is dialled: {report.trouble}"
