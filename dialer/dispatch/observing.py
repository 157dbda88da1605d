"""Who is told what happens to calls: the ledger tells its observers, in their order."""

from typing import Protocol

from dialer.model.attempt import Attempt
from dialer.model.call import CallOrder


class CallObserver(Protocol):
    """Told at once, in the event loop; must not raise."""

    def call_began(self, order: CallOrder) -> None:
        """An attempt is in progress from now on: its call file is being written, or it was found so."""

    def call_moved(self, order: CallOrder, attempt: Attempt) -> None:
        """Something new is known of a call in progress: leave to dial, an answer, a talk, the end of a leg."""

    def call_over(self, order: CallOrder, attempt: Attempt) -> None:
        """It is not in progress any more: closed, with its verdict, or given back to the queue."""


class Watching:
    """An observer that is told nothing; the others override what they want to hear."""

    def call_began(self, order: CallOrder) -> None: ...
    def call_moved(self, order: CallOrder, attempt: Attempt) -> None: ...
    def call_over(self, order: CallOrder, attempt: Attempt) -> None: ...
