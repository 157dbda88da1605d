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

    @property
    def call_file(self) -> str:
        """Name of the call file, as the API shows it."""
        return f"dialer-{self.task_id}-{self.phone}-{self.inner_num}.call"
