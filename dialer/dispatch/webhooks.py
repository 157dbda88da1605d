"""The deliverer: takes events out of the outbox to their receivers.

At least once each, those of one number in their order, several numbers side by side. Everything it must not forget is
in the store; a receiver that is down costs one try now and then, however much waits for it.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from dialer.model.about import work_on
from dialer.model.webhook import Fate, fate_of, pause_s, shown_url
from dialer.store import events
from dialer.store.database import Store, StoreError
from dialer.store.events import Event

log = logging.getLogger(__name__)
AT_ONCE = 8
"""Deliveries to one receiver at a time."""
RECEIVERS_AT_ONCE = 8
STORE_RETRY_S = 1.0
COUNT_EVERY_S = 2.0
COUNT_SHARE = 0.05
"""Of the time at the most is spent on counting."""
SECOND_US = 1_000_000
UNTELLABLE = 422
"""In place of a reply where an event cannot be put into words."""


class DeliveryError(Exception):
    """There was no reply; the text says why."""


class Courier(Protocol):
    """How events of one kind get to receivers."""

    async def deliver(self, event: Event, now_s: int) -> int:
        """The status of the reply, as HTTP has it; `now_s`: Unix seconds. Raises DeliveryError."""


@dataclass(slots=True)
class _Receiver:
    url: str
    under_way: set[tuple[int, str]] = field(default_factory=set)
    """Numbers with an event on its way."""
    news: bool = True
    """Whether an event has been committed since it was looked at last."""
    failures: int = 0
    fails_since_us: int = 0
    rests_until_us: int = 0
    trouble: str = ""
    answered_us: int = 0
    """When it last took or refused an event, since our start."""
    refusal: str = ""
    """What it said last to an event that it does not want; told while anything waits for it."""

    @property
    def at_once(self) -> int:
        """One that failed is asked with a single event until it answers again."""
        return 1 if self.failures else AT_ONCE


class Webhooks:
    """Delivers what waits, again and again until it is taken or given up."""

    def __init__(
        self,
        store: Store,
        couriers: Mapping[str, Courier],
        *,
        give_up_after_h: float,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        luck: Callable[[], float] = random.random,
    ) -> None:
        """`couriers`: by the kinds of events; one of another kind waits."""
        self._store = store
        self._couriers = couriers
        self._give_up_us = round(give_up_after_h * 3600 * SECOND_US)
        self._now_us = now_us
        self._luck = luck
        self._receivers: dict[str, _Receiver] = {}
        self._places = asyncio.Semaphore(AT_ONCE * RECEIVERS_AT_ONCE)
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._delivered = 0
        self._counts = (0, 0)
        self._count_again_at_s = 0.0
        self.on_tried: Callable[[bool], None] = lambda delivered: None
        """Told of each try: whether the receiver has taken the event."""
        self.on_given_up: Callable[[int], None] = lambda count: None
        """Told how many events are tried no more."""
        store.listen(events.TOPIC, self.there_is_one)

    def there_is_one(self, url: str) -> None:
        """An event for this receiver is committed."""
        self._receivers.setdefault(url, _Receiver(url)).news = True
        self._wake.set()

    def look(self) -> None:
        """Look again what is due."""
        self._wake.set()

    def report(self) -> dict[str, object]:
        """For /health."""
        now_us = self._now_us()
        waiting, dead = self._counts
        resting = {
            shown_url(one.url): {"reason": one.trouble, "next_try_s": round((one.rests_until_us - now_us) / SECOND_US)}
            for one in self._receivers.values()
            if one.rests_until_us > now_us
        }
        refusing = {shown_url(one.url): one.refusal for one in self._receivers.values() if one.refusal}
        return {
            "delivered": self._delivered,
            "waiting": waiting,
            "dead": dead,
            "resting": resting,
            "refusing": refusing,
        }

    async def run(self) -> None:
        """Deliver until cancelled; what is on its way then is tried again after the next start."""
        for url in await self._patiently_fetch_urls():
            self.there_is_one(url)
        async with asyncio.TaskGroup() as deliveries:
            while True:
                self._wake.clear()
                try:
                    wait_s = await self._begin_due(deliveries)
                    count_s = await self._count()
                    wait_s = min((one for one in (wait_s, count_s) if one is not None), default=None)
                except StoreError as error:
                    log.warning("no event is delivered: %s", error)
                    wait_s = STORE_RETRY_S
                if wait_s is not None:
                    self._wake_in(wait_s)
                await self._wake.wait()

    async def _patiently_fetch_urls(self) -> list[str]:
        while True:
            try:
                return await self._store.read(events.fetch_urls)
            except StoreError as error:
                log.warning("no event is delivered: %s", error)
                await asyncio.sleep(STORE_RETRY_S)

    async def _begin_due(self, deliveries: asyncio.TaskGroup) -> float | None:
        """Begin what is due; return the seconds until something else will be, None: some event will tell."""
        now_us = self._now_us()
        next_us: list[int] = []
        for receiver in list(self._receivers.values()):
            if receiver.rests_until_us > now_us:
                next_us.append(receiver.rests_until_us)
                continue
            free = receiver.at_once - len(receiver.under_way)
            if free <= 0:
                continue
            await self._begin_some(receiver, free, now_us, deliveries)
            due_us = await self._next_due_us(receiver, now_us)
            if due_us is not None:
                next_us.append(due_us)
            elif not receiver.under_way:
                await self._forget_if_done(receiver)
        return max(0.0, (min(next_us) - now_us) / SECOND_US) if next_us else None

    async def _begin_some(self, receiver: _Receiver, free: int, now_us: int, deliveries: asyncio.TaskGroup) -> None:
        # a copy: while we read, one may be delivered, and what is read of its number is of yesterday
        busy = set(receiver.under_way)
        most = free + len(busy)
        due = await self._store.read(lambda connection: events.fetch_due(connection, receiver.url, now_us, most))
        for event in [one for one in due if one.number not in busy][:free]:
            receiver.under_way.add(event.number)
            deliveries.create_task(self._deliver(receiver, event), name=f"webhook {event.event_id}")

    async def _next_due_us(self, receiver: _Receiver, now_us: int) -> int | None:
        return await self._store.read(lambda connection: events.fetch_next_due_us(connection, receiver.url, now_us))

    async def _forget_if_done(self, receiver: _Receiver) -> None:
        """A receiver for which nothing waits is remembered no longer. Asked anew: an event whose delivery has failed
        since the last look is due later, and was not then."""
        receiver.news = False
        left_us = await self._next_due_us(receiver, -1)
        if left_us is None and not receiver.under_way and not receiver.news:
            self._receivers.pop(receiver.url, None)

    async def _deliver(self, receiver: _Receiver, event: Event) -> None:
        work_on(event.task_id)
        try:
            async with self._places:
                status, error = await self._send(event)
            await self._note(receiver, event, status, error)
        except StoreError as failure:  # the event waits as before: it may be delivered once more
            log.warning("what became of event %s is not stored: %s", event.event_id, failure)
            receiver.rests_until_us = max(receiver.rests_until_us, self._now_us() + round(STORE_RETRY_S * SECOND_US))
        finally:
            receiver.under_way.discard(event.number)
            self._wake.set()

    async def _send(self, event: Event) -> tuple[int | None, str]:
        courier = self._couriers.get(event.kind)
        if courier is None:
            return None, f"nobody delivers events of kind {event.kind}: see the settings"
        try:
            status = await courier.deliver(event, self._now_us() // SECOND_US)
        except DeliveryError as error:
            return None, str(error)
        except Exception as error:  # one event that cannot be told must not keep the others from it
            log.exception("event %s cannot be told", event.event_id)
            return UNTELLABLE, f"it cannot be told: {type(error).__name__}"
        return status, f"HTTP {status}"

    async def _note(self, receiver: _Receiver, event: Event, status: int | None, error: str) -> None:
        fate, now_us = fate_of(status), self._now_us()
        self.on_tried(fate is Fate.DELIVERED)
        if fate is Fate.DELIVERED:
            await self._store.write(events.mark_delivered(event.row_id))
            self._delivered += 1
            self._works_again(receiver)
            return
        before_us = now_us - self._give_up_us
        if fate is Fate.RECEIVER_DOWN:
            self._rest(receiver, error, now_us)
            due_us = receiver.rests_until_us
            if receiver.answered_us > (event.first_tried_us or now_us):  # it is this event that brings it down
                if (event.first_tried_us or now_us) < before_us:
                    await self._give_up(event, error, now_us)
                    return
                due_us = max(due_us, now_us + round(pause_s(event.tries + 1, self._luck()) * SECOND_US))
            await self._store.write(events.mark_failed(event.row_id, error, now_us, due_us))
            if receiver.fails_since_us < before_us:
                await self._bury_old(receiver, before_us, error, now_us)
            return
        self._works_again(receiver)
        if receiver.refusal != error:
            receiver.refusal = error
            log.warning("%s refuses event %s: %s", shown_url(receiver.url), event.event_id, error)
        if fate is Fate.GONE or (event.first_tried_us is not None and event.first_tried_us < before_us):
            await self._give_up(event, error, now_us)
        else:
            due_us = now_us + round(pause_s(event.tries + 1, self._luck()) * SECOND_US)
            await self._store.write(events.mark_failed(event.row_id, error, now_us, due_us))

    async def _give_up(self, event: Event, error: str, now_us: int) -> None:
        await self._store.write(events.mark_dead(event.row_id, error, now_us))
        self.on_given_up(1)
        log.error("event %s for %s given up: %s", event.event_id, shown_url(event.url), error)

    async def _bury_old(self, receiver: _Receiver, before_us: int, error: str, now_us: int) -> None:
        count = some = await self._store.write(events.bury_old(receiver.url, before_us, error, now_us))
        while some == events.BATCH:
            some = await self._store.write(events.bury_old(receiver.url, before_us, error, now_us))
            count += some
        if count:
            self.on_given_up(count)
            log.error("%d events for %s given up: %s", count, shown_url(receiver.url), error)

    def _rest(self, receiver: _Receiver, error: str, now_us: int) -> None:
        """Of deliveries that fail together one counts."""
        if receiver.rests_until_us > now_us:
            return
        receiver.failures += 1
        receiver.fails_since_us = receiver.fails_since_us or now_us
        receiver.trouble = error
        receiver.rests_until_us = now_us + round(pause_s(receiver.failures, self._luck()) * SECOND_US)
        if receiver.failures == 1:
            log.warning("%s takes no events: %s", shown_url(receiver.url), error)

    def _works_again(self, receiver: _Receiver) -> None:
        if receiver.failures:
            log.info("%s takes events again", shown_url(receiver.url))
        receiver.failures, receiver.fails_since_us, receiver.rests_until_us, receiver.trouble = 0, 0, 0, ""
        receiver.answered_us = self._now_us()

    async def _count(self) -> float | None:
        """Count for /health, now and then; return the seconds after which to do so, None: nothing changes."""
        began_s = time.monotonic()
        if began_s < self._count_again_at_s:
            return self._count_again_at_s - began_s
        self._count_again_at_s = began_s + COUNT_EVERY_S
        self._counts = await self._store.read(events.count_events)
        rest_s = max(COUNT_EVERY_S, (time.monotonic() - began_s) / COUNT_SHARE)
        self._count_again_at_s = began_s + rest_s
        return rest_s if self._receivers else None

    def _wake_in(self, delay_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._wake.set)
