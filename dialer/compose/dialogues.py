"""What happens within a call: the FastAGI server, and the recordings that are left of it."""

from agi.server import FastAgiServer
from dialer.compose.dialling import Dialling
from dialer.config import Settings
from dialer.dispatch.recordings import Recordings
from dialer.speech.prompts import PromptLibrary


class Dialogues:
    """The ledger decides, the prompt library speaks."""

    def __init__(self, settings: Settings, dialling: Dialling, prompts: PromptLibrary) -> None:
        audio = settings.audio
        self.recordings = Recordings(audio.recordings, settings.asterisk.spool_dir, audio.recordings_max_age_days)
        dialling.ledger.is_recorded = self.recordings.is_there
        self.agi = FastAgiServer(
            settings.agi.host,
            settings.agi.port,
            dialling.ledger,
            prompts,
            recordings=audio.recordings,
            dialogue_limit_s=settings.dialing.polling_limit_s,
        )
