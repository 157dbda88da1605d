"""The VotBox facade, where the settings have accounts for it."""

from dialer.api.access.gate import Gate
from dialer.api.votbox.accounts import Account, Accounts
from dialer.api.votbox.facade import Facade
from dialer.api.votbox.lists import VotboxLists
from dialer.api.votbox.reports import VotboxReports
from dialer.api.votbox.sounds import SoundStore
from dialer.api.votbox.tasks import VotboxTasks
from dialer.api.votbox.templates import VotboxTemplates
from dialer.compose import MB
from dialer.compose.speech import Speech
from dialer.config import Settings, VotboxAccount
from dialer.dispatch.desk import TaskDesk
from dialer.dispatch.recordings import Recordings
from dialer.store.database import Store


def build_votbox(
    settings: Settings, store: Store, desk: TaskDesk, speech: Speech, *, recordings: Recordings, gate: Gate
) -> Facade:
    sounds = SoundStore(store, speech.uploads, speech.prompts, settings.audio.max_upload_mb * MB)
    accounts = Accounts([_account(name, one) for name, one in settings.votbox.accounts.items()], gate)
    resources = (
        sounds,
        VotboxTemplates(store, desk, sounds, mails=bool(settings.smtp.host)),
        VotboxLists(store, desk, sounds),
        VotboxTasks(store, desk),
        VotboxReports(store, recordings),
    )
    calls = [one for resource in resources for one in resource.calls()]
    return Facade(accounts, calls, settings.http.max_body_mb * MB)


def _account(name: str, account: VotboxAccount) -> Account:
    hashed = account.password_hash.get_secret_value()
    return Account(name, hashed, account.allow, account.caller_ids, account.any_caller_id, account.lines)
