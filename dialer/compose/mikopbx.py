"""The calls of the MikoPBX facade."""

from dialer.api.access.management import AccessManagement
from dialer.api.mikopbx.audio import AudioFiles
from dialer.api.mikopbx.clients import Clients
from dialer.api.mikopbx.phone_sheets import MAX_BYTES, PhoneSheets, TableFiles
from dialer.api.mikopbx.pollings import Pollings
from dialer.api.mikopbx.recordings import RecordingFiles
from dialer.api.mikopbx.results import Results
from dialer.api.mikopbx.stop_list import StopLists
from dialer.api.mikopbx.tasks import Tasks
from dialer.api.mikopbx.webhooks import WebhookEvents
from dialer.api.mikopbx.why import TaskWhy
from dialer.api.server import Resource
from dialer.api.sheets.reader import SheetReader
from dialer.compose import MB
from dialer.compose.dialling import Dialling
from dialer.compose.speech import Speech
from dialer.config import Settings
from dialer.dispatch.dry_run import DryRun
from dialer.dispatch.recordings import Recordings
from dialer.dispatch.why import Explainer
from dialer.store.database import Store


def build_mikopbx(
    settings: Settings,
    store: Store,
    dialling: Dialling,
    speech: Speech,
    *,
    recordings: Recordings,
    explainer: Explainer,
) -> tuple[Resource, ...]:
    prompts = speech.prompts
    tables = TableFiles(SheetReader(), min(MAX_BYTES, settings.http.max_body_mb * MB))
    dry_run = DryRun(store, dialling.scheduler.queue_of, settings.dialing.region)
    can_notify = bool(settings.webhooks.secret.get_secret_value())
    return (
        Pollings(store, dialling.pollings, prompts),
        Tasks(store, dialling.desk, prompts, can_notify=can_notify),
        WebhookEvents(store),
        TaskWhy(explainer),
        Results(store),
        Clients(store),
        AudioFiles(store, speech.uploads, prompts, settings.audio.max_upload_mb * MB),
        RecordingFiles(recordings),
        PhoneSheets(tables, dry_run),
        StopLists(store, tables),
        AccessManagement(store),
    )
