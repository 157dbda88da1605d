"""The polling book: pollings by what a CRM calls them, kept in memory for the calls that hold them."""

from collections.abc import Callable, Sequence

from dialer.model.audit import Change, said_of
from dialer.model.call import CallOrder
from dialer.model.compile_polling import compile_polling
from dialer.model.flow import Flow
from dialer.model.polling import Polling, Question
from dialer.model.safe import phone_id_of
from dialer.model.texts import has_parameters
from dialer.store.audit import audited, audited_change
from dialer.store.clients import fetch_properties
from dialer.store.database import Operation, Store, as_it_is
from dialer.store.pollings import PollingHead, delete_polling, find_polling, find_polling_id, save_polling


class PollingBook:
    """Every change of a polling goes through here, so that what is kept in memory is what is stored."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[str, Polling] = {}
        self._flows: dict[str, tuple[int, Flow]] = {}
        """Of those that say the same to everybody."""
        self._changes = 0

    async def save(
        self,
        crm_id: str | None,
        name: str,
        questions: Sequence[Question],
        within: Callable[[Operation[PollingHead]], Operation[PollingHead]] = as_it_is,
    ) -> PollingHead:
        """Create or replace; dialogues that have begun go on with what they began with. `within` adds to the operation
        what is to be stored together with it."""
        try:
            operation = audited_change(
                save_polling(crm_id, name, questions),
                lambda tx: crm_id is not None and find_polling_id(tx.connection, crm_id) is not None,
                lambda existed, head: Change(
                    "polling.replace" if existed else "polling.create",
                    str(head.polling_id),
                    said_of({"name": head.name, "questions": len(questions)}),
                ),
            )
            return await self._store.write(within(operation))
        finally:
            self._forget()

    async def delete(self, reference: str) -> bool:
        """False: no such polling. Raises PollingInUseError."""
        try:
            gone = Change("polling.delete", reference)
            return await self._store.write(audited(delete_polling(reference), lambda done: gone if done else None))
        finally:
            self._forget()

    async def find(self, reference: str) -> Polling | None:
        """The polling by the CRM's id, or else by ours."""
        kept = self._kept.get(reference)
        if kept is None:
            changes = self._changes
            kept = await self._store.read(lambda connection: find_polling(connection, reference))
            if kept is not None and changes == self._changes:  # else what we read may be of yesterday
                self._kept[reference] = kept
        return kept

    async def flow_for(self, order: CallOrder) -> tuple[int, Flow] | None:
        """The id of the order's polling, and the polling as a call flow for its number: `<name>` in a text is the
        number's parameter, else the client's property. None: there is no such polling."""
        if (same := self._flows.get(order.inner_num)) is not None:
            return same
        polling = await self.find(order.inner_num)
        if polling is None:
            return None
        if not any(has_parameters(text) for text in polling.texts()):
            found = polling.polling_id, compile_polling(polling)
            if self._kept.get(order.inner_num) is polling:
                self._flows[order.inner_num] = found
            return found
        phone_id = phone_id_of(order.phone)
        properties = await self._store.read(lambda connection: fetch_properties(connection, phone_id))
        return polling.polling_id, compile_polling(polling, order.params, properties)

    def _forget(self) -> None:
        self._kept.clear()
        self._flows.clear()
        self._changes += 1
