"""Call files and the spool they go to (Asterisk 22 pbx_spool.c)."""

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dialer.model.call import CallOrder
from dialer.model.safe import dial_string, safe_context, safe_extension, safe_host_port
from dialer.model.task import InnerNumType

log = logging.getLogger(__name__)
RETRY_TIME_S = 86_400
"""Asterisk sets a file's time this far ahead while it dials, so a file that survives its crash is not dialled again."""


@dataclass(frozen=True, slots=True)
class CallFileSettings:
    agi_address: str
    """host:port of the daemon's FastAGI, as Asterisk reaches it."""
    outgoing_context: str
    internal_context: str
    ring_timeout_s: int
    dial_prefix: str = ""
    """For tasks that give none."""


def render_call_file(order: CallOrder, settings: CallFileSettings) -> str:
    """The text of a call file. Raises UnsafeValueError for a value that may not reach Asterisk."""
    number = dial_string(order.dial_prefix or settings.dial_prefix, order.phone)
    lines = [
        f"Channel: Local/{order.attempt_id:d}@autodialer-out/n",
        "Context: autodialer-answered",
        f"Extension: {order.inner_num_type.value}",
        "Priority: 1",
        f"WaitTime: {settings.ring_timeout_s:d}",
        "MaxRetries: 0",
        f"RetryTime: {RETRY_TIME_S}",
        "Archive: no",
        # one underscore: the variable is also set on the other half of the Local pair, and no further
        f"Setvar: _AUTODIALER_ATTEMPT={order.attempt_id:d}",
        f"Setvar: _AUTODIALER_AGI={safe_host_port(settings.agi_address)}",
        f"Setvar: _AUTODIALER_NUMBER={number}",
        f"Setvar: _AUTODIALER_OUTGOING={safe_context(settings.outgoing_context)}",
        f"Setvar: AUTODIALER_INTERNAL={safe_context(settings.internal_context)}",
    ]
    if order.inner_num_type is InnerNumType.EXTEN:
        lines.append(f"Setvar: AUTODIALER_EXTEN={safe_extension(order.inner_num)}")
    return "\n".join(lines) + "\n"


class Spool:
    """Asterisk's outgoing spool. Files are written aside and renamed in: Asterisk never sees half of one."""

    def __init__(self, outgoing: Path) -> None:
        self._outgoing = outgoing
        self._aside = outgoing.parent / "tmp"
        self._group: int | None = None

    def check(self) -> str | None:
        """What keeps us from writing call files, or None. Creates the folder aside where it is missing."""
        try:
            self._group = self._outgoing.stat().st_gid
            self._aside.mkdir(exist_ok=True)
        except OSError as error:
            return f"{error.filename}: {error.strerror}"
        for folder in (self._outgoing, self._aside):
            if not os.access(folder, os.W_OK | os.X_OK):
                return f"{folder}: not writable"
        return None

    def put(self, name: str, text: str) -> None:
        """Hand one call file to Asterisk. Raises OSError."""
        aside = self._aside / name
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o660)
        try:
            os.write(descriptor, text.encode())
            if self._group is not None and os.geteuid() == 0:
                os.fchown(descriptor, -1, self._group)
        finally:
            os.close(descriptor)
        aside.rename(self._outgoing / name)

    def remove(self, name: str) -> None:
        """Take a call file back if it is still there."""
        (self._outgoing / name).unlink(missing_ok=True)

    def names(self) -> Iterable[str]:
        """Our call files in the spool."""
        return [path.name for path in self._outgoing.glob("dialer-*.call")]
