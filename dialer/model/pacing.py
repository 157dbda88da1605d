"""How many calls at once, and how fast they may begin. Pure: the clock is passed in."""

from dataclasses import dataclass


def is_full(in_use: int, limit: int) -> bool:
    """Whether no channel of a limit is left; 0 means no limit."""
    return 0 < limit <= in_use


@dataclass(slots=True)
class Pace:
    """At most `calls_per_s` calls begin in a second, evenly spaced; 0 means no limit. Any monotonic clock, seconds."""

    calls_per_s: float
    next_at_s: float = 0.0

    def wait_s(self, now_s: float) -> float:
        """Seconds until another call may begin."""
        return max(0.0, self.next_at_s - now_s)

    def took_one(self, now_s: float) -> None:
        """Tell the pace that a call begins now."""
        if self.calls_per_s > 0:
            self.next_at_s = max(self.next_at_s, now_s) + 1 / self.calls_per_s
