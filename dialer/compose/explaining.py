"""Who is asked why nothing is dialled."""

from dialer.compose.dialling import Dialling
from dialer.compose.dialogues import Dialogues
from dialer.compose.pbx import Pbx
from dialer.dispatch.why import Explainer
from dialer.store.database import Store


def build_explainer(store: Store, dialling: Dialling, pbx: Pbx, dialogues: Dialogues) -> Explainer:
    explainer = Explainer(store, dialling.ledger, dialling.scheduler, zone=dialling.zone)
    explainer.asterisk = lambda: pbx.link.blocked
    explainer.obstacle = pbx.presence.obstacle
    explainer.presence_look_s = lambda: pbx.presence.refresh_in_s
    explainer.dialogue_trouble = lambda: dialogues.agi.trouble
    explainer.recording_trouble = lambda: dialogues.recordings.trouble
    return explainer
