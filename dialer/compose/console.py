"""What the web console and `dialer top` ask for."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from dialer.api.access.gate import Gate
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
from dialer.api.health import HealthReport
from dialer.api.server import Resource
from dialer.compose import VERSION
from dialer.compose.dialling import Dialling
from dialer.config import Settings
from dialer.speech.prompts import PromptLibrary
from dialer.store.database import Store

FILES = Path(__file__).resolve().parents[1] / "console"
TOLD_MINUTES = 2
"""Of the stream: the one before is told once more, with the calls that ended after the last look at it."""


class Console:
    """Its calls, its files, and whoever watches it."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        dialling: Dialling,
        prompts: PromptLibrary,
        *,
        gate: Gate,
        report: Callable[[], HealthReport],
    ) -> None:
        dialing, auth = settings.dialing, settings.auth
        desk, meter = dialling.desk, dialling.meter
        self.counting = Counting(store, meter)
        progress = Progress(
            store, desk, self.counting, meter, dialling.ledger,
            max_channels=dialing.max_channels, version=VERSION, zone=dialing.timezone,
        )  # fmt: skip
        self.live = Live(
            self.counting, lambda: asdict(report()), lambda: progress.stats_of(TOLD_MINUTES), gate.is_still_in
        )
        self.files = ConsoleFiles(FILES)
        self.resources: tuple[Resource, ...] = (
            progress,
            Numbers(store, desk),
            ConsolePollings(store),
            ConsoleAudio(store),
            ChartFigures(store, self.counting, dialling.zone),
            Export(store, settings.store.url, dialing.timezone),
            self.live,
            Prompts(prompts),
            Users(store, auth.login, has_fixed=bool(auth.password_hash.get_secret_value())),
            KeysAndSessions(store),
            AuditLog(store),
        )
