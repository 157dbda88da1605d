"""Who is dialled, when and at what price: the ledger of calls, the scheduler, and the desk where tasks are changed."""

from zoneinfo import ZoneInfo

from dialer.config import Settings
from dialer.dispatch.call_log import CallLog
from dialer.dispatch.callfile import CallFileSettings, Spool
from dialer.dispatch.desk import TaskDesk
from dialer.dispatch.flows import FlowBook, TemplateBook
from dialer.dispatch.ledger import Ledger
from dialer.dispatch.lifetimes import Lifetimes
from dialer.dispatch.meter import Meter
from dialer.dispatch.orders import OrderBook
from dialer.dispatch.pollings import PollingBook
from dialer.dispatch.public_holidays import CalendarBook
from dialer.dispatch.rehearsal import Rehearsal
from dialer.dispatch.scheduler import Scheduler
from dialer.dispatch.staffing import Staffing
from dialer.dispatch.traffic import Traffic, Trunk
from dialer.model.prices import Prices
from dialer.speech.prompts import PromptLibrary
from dialer.store.database import Store

INTERNAL_DIGITS = 6
"""A telephone of no more is one of the PBX's own: a talk with it costs nothing."""


class Dialling:
    """Knows nothing of Asterisk but its spool."""

    def __init__(self, settings: Settings, store: Store, prompts: PromptLibrary) -> None:
        dialing = settings.dialing
        self.zone = ZoneInfo(dialing.timezone)
        self.pollings = PollingBook(store)
        flows = FlowBook(self.pollings, TemplateBook(store))
        self.ledger = Ledger(store, flows)
        self.spool = Spool(settings.asterisk.spool_dir)
        self.orders = OrderBook(dialing.dial_prefix, dialing.region)
        self.traffic = _build_traffic(settings, self.orders)
        self.staffing = Staffing(wrap_up_s=dialing.wrap_up_s)
        self.scheduler = self._build_scheduler(settings, store)
        self.lifetimes = Lifetimes(store, self.zone)
        self.desk = TaskDesk(store, self.scheduler, dialing.region)
        self.rehearsal = Rehearsal(flows, prompts)
        self.meter = Meter()
        self.ledger.observers += [self.rehearsal, self.meter, CallLog(show_numbers=settings.log.show_numbers)]
        _set_prices(settings, self.ledger, self.orders)

    def _build_scheduler(self, settings: Settings, store: Store) -> Scheduler:
        dialing, asterisk, calendar = settings.dialing, settings.asterisk, settings.calendar
        call_files = CallFileSettings(
            f"{settings.agi.host}:{settings.agi.port}",
            asterisk.outgoing_context,
            asterisk.internal_context,
            dialing.ring_timeout_s,
            dialing.max_call_s,
            settings.audio.recordings,
            dialing.dial_prefix,
        )
        return Scheduler(
            store,
            self.ledger,
            self.spool,
            call_files,
            traffic=self.traffic,
            staffing=self.staffing,
            orders=self.orders,
            zone=self.zone,
            calendar=CalendarBook(calendar.country, calendar.holidays, calendar.working_days).calendar,
            max_per_day=dialing.max_calls_per_phone_a_day,
        )


def _build_traffic(settings: Settings, orders: OrderBook) -> Traffic:
    dialing = settings.dialing
    return Traffic(
        max_channels=dialing.max_channels,
        max_calls_per_s=dialing.max_calls_per_s,
        trunks=[
            Trunk(name, trunk.prefixes, trunk.max_channels, trunk.max_calls_per_s)
            for name, trunk in settings.trunks.items()
        ],
        dial_string=orders.dial_string,
    )


def _set_prices(settings: Settings, ledger: Ledger, orders: OrderBook) -> None:
    prices = Prices(settings.prices.per_minute, settings.prices.step_s)
    ledger.bill = lambda order, talked_s: prices.cost_u(orders.dial_string(order), talked_s)
    ledger.bill_employee = lambda order, telephone, talked_s: (
        prices.cost_u(orders.dial_string_to(order, telephone), talked_s) if len(telephone) > INTERNAL_DIGITS else None
    )
