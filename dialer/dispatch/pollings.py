"""The polling book: pollings by what a CRM calls them, kept in memory for the calls that hold them."""

from collections.abc import Sequence

from dialer.model.polling import Polling, Question
from dialer.store.database import Store
from dialer.store.pollings import PollingHead, delete_polling, find_polling, save_polling


class PollingBook:
    """Every change of a polling goes through here, so that what is kept in memory is what is stored."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[str, Polling] = {}
        self._changes = 0

    async def save(self, crm_id: str | None, name: str, questions: Sequence[Question]) -> PollingHead:
        """Create or replace; dialogues that have begun go on with what they began with."""
        try:
            return await self._store.write(save_polling(crm_id, name, questions))
        finally:
            self._forget()

    async def delete(self, reference: str) -> bool:
        """False: no such polling. Raises PollingInUseError."""
        try:
            return await self._store.write(delete_polling(reference))
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

    def _forget(self) -> None:
        self._kept.clear()
        self._changes += 1
