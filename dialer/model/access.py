"""Who may do what over the API. Pure."""

import hashlib
import hmac
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """What a caller may do; each may do what those before it may."""

    READ_ONLY = "read-only"
    """Look at everything, change nothing."""
    OPERATOR = "operator"
    """Also post, change and delete tasks, pollings, files and clients."""
    ADMIN = "admin"
    """Also see and revoke API keys and sessions."""

    def covers(self, needed: "Role") -> bool:
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


KEY_NAME = "^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$"
"""What a key may be called …"""
LOGIN = "^[A-Za-z0-9][A-Za-z0-9._@-]{0,59}$"
"""… and a user."""
LEAST_PASSWORD, MAX_PASSWORD = 8, 1024
"""Characters of a password."""


def cli_token(ami_secret: str) -> str:
    """What Asterisk's CLI shows us, made of the secret that both have; 64 hexadecimal digits."""
    return hmac.new(ami_secret.encode(), b"asterisk cli", hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks."""

    name: str
    """`local`, `user:<login>` or `key:<name>`."""
    role: Role
    address: str


@dataclass(slots=True)
class FailedLogins:
    """Failures per address within a time, each with whom it was about. Any monotonic clock, seconds. Bounded: the
    addresses seen longest ago go."""

    most: int = 10
    within_s: float = 300.0
    addresses: int = 10_000
    _failures: OrderedDict[str, deque[tuple[float, int]]] = field(default_factory=OrderedDict)

    def failed(self, address: str, now_s: float, login: str = "") -> None:
        """Count a failure. `login`: as whom somebody tried to come in."""
        failures = self._failures.setdefault(address, deque(maxlen=self.most))
        failures.append((now_s, hash(login)))  # of a login only its hash: it is as long as its sender likes
        self._failures.move_to_end(address)
        while len(self._failures) > self.addresses:
            self._failures.popitem(last=False)

    def wait_s(self, address: str, now_s: float) -> float:
        """Seconds until this address may try again; 0: now."""
        failures = self._failures.get(address)
        if failures is None or len(failures) < self.most:
            return 0.0
        return max(0.0, failures[0][0] + self.within_s - now_s)

    def succeeded(self, address: str, login: str) -> None:
        """Forget the failures of this login: somebody who mistyped a password. Those of other logins stay: who has one
        may not guess at another's without end."""
        kept = deque((one for one in self._failures.get(address, ()) if one[1] != hash(login)), maxlen=self.most)
        if kept:
            self._failures[address] = kept
        else:
            self._failures.pop(address, None)
