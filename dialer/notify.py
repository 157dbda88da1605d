"""Telling systemd how we are: readiness, state in words, and that we are alive (sd_notify(3), without its library)."""

import asyncio
import logging
import os
import socket
from collections.abc import Mapping

log = logging.getLogger(__name__)
SOCKET_VARIABLE = "NOTIFY_SOCKET"
PERIOD_VARIABLE = "WATCHDOG_USEC"
PID_VARIABLE = "WATCHDOG_PID"
_LONGEST_STATUS = 500


class Notifier:
    """Without a socket in the environment every call does nothing: somebody runs us by hand."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = _address_of(environment.get(SOCKET_VARIABLE, ""))
        self.watchdog_s = _period_of(environment)
        """Within how many seconds systemd wants to hear that we are alive; None: it does not."""

    def ready(self) -> None:
        self._send("READY=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={' '.join(text.split())[:_LONGEST_STATUS]}")

    def stopping(self, within_s: float) -> None:
        """The end has begun and may take so long: systemd waits, whatever its unit says."""
        self._send(f"STOPPING=1\nEXTEND_TIMEOUT_USEC={within_s * 1_000_000:.0f}")

    async def keep_alive(self) -> None:
        """Say so for ever, twice a period. On the event loop on purpose: one that is blocked says nothing, and systemd
        starts us anew."""
        if self.watchdog_s is None:
            return
        while True:
            self._send("WATCHDOG=1")
            await asyncio.sleep(self.watchdog_s / 2)

    def _send(self, text: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.connect(self._address)
                sender.send(text.encode())
        except OSError as error:
            log.debug("systemd is not told %r: %s", text, error)


def _address_of(text: str) -> str | None:
    """A path, or @ and the name of an abstract socket."""
    if not text.startswith(("/", "@")):
        return None
    return f"\0{text[1:]}" if text.startswith("@") else text


def _period_of(environment: Mapping[str, str]) -> float | None:
    if environment.get(PID_VARIABLE, str(os.getpid())) != str(os.getpid()):
        return None  # somebody else's: we were started by whom it is for
    period = environment.get(PERIOD_VARIABLE, "")
    return int(period) / 1_000_000 if period.isdecimal() and int(period) > 0 else None
