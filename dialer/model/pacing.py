"""How many calls may begin now. Pure: the clock is passed in."""

from dataclasses import dataclass


@dataclass(slots=True)
class Pace:
    """At most `calls_per_s` calls begin in a second, evenly spaced; 0 means no limit."""

    calls_per_s: float
    next_at_s: float = 0.0

    def allowed(self, wanted: int, now_s: float) -> int:
        """How many of the wanted calls may begin at `now_s` (any monotonic seconds)."""
        if self.calls_per_s <= 0:
            return wanted
        return min(wanted, 1) if now_s >= self.next_at_s else 0

    def took(self, calls: int, now_s: float) -> None:
        """Tell the pace that so many calls begin now."""
        if self.calls_per_s > 0:
            self.next_at_s = max(self.next_at_s, now_s) + calls / self.calls_per_s

    def wait_s(self, now_s: float) -> float:
        """Seconds until another call may begin."""
        return max(0.0, self.next_at_s - now_s)


def free_channels(limit: int, in_use: int, global_limit: int, global_in_use: int) -> int:
    """Channels a task may fill: its own limit, and the daemon's (0 means none)."""
    free = limit - in_use
    if global_limit > 0:
        free = min(free, global_limit - global_in_use)
    return max(0, free)
