"""What one call needs to be placed and held."""

from dataclasses import dataclass

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

    @property
    def shown_call_file(self) -> str:
        """`callFile` of the API. (The file itself is named after the attempt: an inner_num may hold any character.)"""
        return f"dialer-{self.task_id}-{self.phone}-{self.inner_num}.call"
