"""What one call needs to be placed and held."""

from dataclasses import dataclass

from dialer.model.flow import Prompt
from dialer.model.rules import Amd
from dialer.model.task import InnerNumType


@dataclass(frozen=True, slots=True)
class CallOrder:
    """An attempt with everything that its call file and its dialogue are made of."""

    attempt_id: int
    task_id: int
    phone: str
    dial_prefix: str
    inner_num: str
    inner_num_type: InnerNumType
    params: dict[str, object] | None = None
    recording: str | None = None
    """The file name that the talk is recorded under, if the task asks for it."""
    dialled: str | None = None
    """What is dialled instead of `phone`: its international form."""
    zone: str = ""
    """Of the subscriber (`dialer.model.hours.zone_named`); empty: the PBX's."""
    caller_id: str | None = None
    """The number that the subscriber is shown; None: what the trunk shows."""
    callback: bool = False
    """The employee is rung first, then the subscriber."""
    amd: Amd = Amd.OFF
    message: Prompt | None = None
    """What an answering machine is left, with `Amd.MESSAGE`."""
    asks_for_employee: bool = False
    """Whether the answered leg asks the daemon for a free employee before it calls the internal number: more
    subscribers may answer than employees are free."""
    apology: Prompt | None = None
    """What a subscriber hears whom no employee could take."""

    ring_timeout_s: int = 0
    """How long the subscriber is rung; 0: as long as the settings say."""
    success_after_s: int | None = None
    """A call that lasted so long is a success, whatever came of its dialogue."""
    tells_progress: bool = False
    """Whether the task's receiver is told every step of the call."""

    @property
    def shown_call_file(self) -> str:
        """`callFile` of the API. (The file itself is named after the attempt: an inner_num may hold any character.)"""
        return f"dialer-{self.task_id}-{self.phone}-{self.inner_num}.call"
