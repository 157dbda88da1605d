"""What goes over the AMI connection: events, who is there, lamps."""

from dialer.compose.dialling import Dialling
from dialer.config import Settings
from dialer.pbx.ami import AmiClient
from dialer.pbx.lamps import Lamps
from dialer.pbx.link import PbxLink
from dialer.pbx.presence import Presence
from dialer.store.database import Store
from dialer.store.finishing import STATE_TOPIC
from dialer.store.tasks import fetch_states


class Pbx:
    """Tells the dialling what becomes of its calls, and which employees are there."""

    def __init__(self, settings: Settings, store: Store, dialling: Dialling) -> None:
        asterisk, dialing = settings.asterisk, settings.dialing
        self._scheduler = dialling.scheduler
        self.ami = AmiClient(
            settings.ami.host, settings.ami.port, settings.ami.username, settings.ami.secret.get_secret_value()
        )
        self.presence = Presence(self.ami, asterisk.internal_context, wrap_up_s=dialing.wrap_up_s)
        staffing = dialling.staffing
        staffing.staff, self.presence.on_free = self.presence.staff, staffing.staff_changed
        agi = f"{settings.agi.host}:{settings.agi.port}"
        self.lamps = Lamps(self.ami, lambda: store.read(fetch_states), agi)
        store.listen(STATE_TOPIC, lambda _task_id: self.lamps.tasks_changed())
        self.link = PbxLink(
            self.ami,
            dialling.ledger,
            dialling.spool,
            self.presence,
            contexts=(asterisk.outgoing_context, asterisk.internal_context),
            on_ready=self._is_ready,
        )
        self.link.listens_for_machines = lambda: dialling.scheduler.listens_for_machines
        self.link.on_delay = dialling.traffic.event_came
        dialling.desk.hang_up = self.link.hang_up

    def _is_ready(self, ready: bool) -> None:
        self._scheduler.pbx_is_ready(ready)
        if ready:
            self.lamps.asterisk_is_back()
