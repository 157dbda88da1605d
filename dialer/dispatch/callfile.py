"""Call files and the spool they go to (Asterisk 22 pbx_spool.c)."""

import contextlib
import logging
import os
import re
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path

from dialer.model.call import CallOrder
from dialer.model.rules import Amd
from dialer.model.safe import (
    dial_string,
    safe_caller,
    safe_context,
    safe_extension,
    safe_host_port,
    safe_lines,
    safe_prefix,
    safe_recording_name,
    safe_sound_path,
)
from dialer.model.task import InnerNumType

log = logging.getLogger(__name__)
_WRITE_ANEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
_MODE = 0o660
"""Asterisk runs as another user."""
_FILE_NAME = re.compile(r"dialer-([0-9]{1,18})\.call", re.ASCII)
DUE_SINCE_S = 1.0
"""How long ago a call file says to have been changed."""
RETRY_TIME_S = 86_400
"""Asterisk sets a file's time this far ahead while it dials, so a file that survives its crash is not dialled again."""


@dataclass(frozen=True, slots=True)
class CallFileSettings:
    agi_address: str
    """host:port of the daemon's FastAGI, as Asterisk reaches it."""
    outgoing_context: str
    internal_context: str
    ring_timeout_s: int
    max_call_s: int
    recordings_dir: Path
    dial_prefix: str = ""
    """For tasks that give none."""
    every_call: str = field(init=False)
    """AUTODIALER_SETTINGS of the dialplan: one variable, for Asterisk tells its bus of each, for each channel."""

    def __post_init__(self) -> None:
        """What every call file has is let through once. Raises UnsafeValueError."""
        safe_prefix(self.dial_prefix)
        parts = (
            safe_host_port(self.agi_address),
            safe_context(self.outgoing_context),
            safe_context(self.internal_context),
            f"{self.max_call_s:d}",
        )
        object.__setattr__(self, "every_call", "/".join(parts))


def render_call_file(order: CallOrder, settings: CallFileSettings) -> str:
    """The text of a call file. Raises UnsafeValueError for a value that may not reach Asterisk."""
    number = dial_string(order.dial_prefix or settings.dial_prefix, order.dialled or order.phone)
    talks = "exten" if order.inner_num_type is InnerNumType.EXTEN else "polling"
    first_leg = "callback" if order.callback else "out"
    answered = "callback" if order.callback else talks if order.amd is Amd.OFF else "machine"
    ring_timeout_s = order.ring_timeout_s or settings.ring_timeout_s
    is_script = order.inner_num_type is InnerNumType.SCRIPT
    # one underscore: the variable is also set on what the pair dials, a callback's second pair or a dialogue's
    # telephones, and no further; for other calls that would be messages for nothing
    inherited = "_" if order.callback or is_script else ""
    text = (
        f"Channel: Local/{order.attempt_id:d}@autodialer-{first_leg}/n\n"
        "Context: autodialer-answered\n"
        f"Extension: {answered}\n"
        "Priority: 1\n"
        f"WaitTime: {ring_timeout_s:d}\n"
        "MaxRetries: 0\n"
        f"RetryTime: {RETRY_TIME_S}\n"
        "Archive: no\n"
        f"Setvar: {inherited}AUTODIALER_ATTEMPT={order.attempt_id:d}\n"
        f"Setvar: {inherited}AUTODIALER_SETTINGS={settings.every_call}\n"
        f"Setvar: {inherited}AUTODIALER_NUMBER={number}\n"
    )
    if order.caller_id is not None:
        text += f"Setvar: {inherited}AUTODIALER_CALLER={safe_caller(order.caller_id)}\n"
    if order.inner_num_type is InnerNumType.EXTEN:
        text += f"Setvar: AUTODIALER_EXTEN={safe_extension(order.inner_num)}\n"
        if order.asks_for_employee:
            text += "Setvar: AUTODIALER_ASKS=1\n"
    if is_script:  # its employees may be outside, too
        prefix = safe_prefix(order.dial_prefix or settings.dial_prefix)
        text += f"Setvar: _AUTODIALER_PREFIX={prefix}\n" if prefix else ""
    if order.callback:
        text += f"Setvar: _AUTODIALER_CALLBACK=1\nSetvar: _AUTODIALER_RING_S={ring_timeout_s:d}\n"
    elif order.amd is not Amd.OFF:
        text += f"Setvar: AUTODIALER_AMD={order.amd.value}\n"
    if order.recording is not None:
        recording = safe_sound_path(f"{settings.recordings_dir}/{safe_recording_name(order.recording)}")
        text += f"Setvar: AUTODIALER_RECORD={recording}\n"
    return text


def render_probe(probe_id: int, agi_address: str, doctor_address: str) -> str:
    """The text of a call file that rings nobody: [autodialer-doctor] asks the daemon, then who asked for it."""
    return "\n".join(
        (
            f"Channel: Local/{probe_id:d}@autodialer-doctor/n",
            "Context: autodialer-doctor",
            "Extension: answered",
            "Priority: 1",
            "WaitTime: 30",
            "MaxRetries: 0",
            f"RetryTime: {RETRY_TIME_S}",
            "Archive: no",
            f"Setvar: _AUTODIALER_AGI={safe_host_port(agi_address)}",
            f"Setvar: _AUTODIALER_DOCTOR={safe_host_port(doctor_address)}",
            "",
        )
    )


class Spool:
    """Asterisk's outgoing spool. Files are written aside and renamed in: Asterisk never sees half of one."""

    def __init__(self, outgoing: Path) -> None:
        self._outgoing = outgoing
        self._aside = outgoing.parent / "tmp"
        self._may_give_away = True
        """Until the system has refused to make somebody else a file's owner: that takes root's rights."""

    @property
    def folders(self) -> tuple[Path, Path]:
        """What must be there and writable. Raises OSError where a folder above may not be entered (Python 3.11)."""
        return self._outgoing, self._aside if self._aside.exists() else self._outgoing.parent

    def check(self) -> str | None:
        """What keeps us from writing call files, or None."""
        try:
            for folder in self.folders:
                if not folder.is_dir():
                    return f"[asterisk] spool_dir: {folder}: no such folder"
                if not os.access(folder, os.W_OK | os.X_OK):
                    return f"[asterisk] spool_dir: {folder}: not writable for us"
        except OSError as error:
            return f"[asterisk] spool_dir: {error}"
        return None

    def put(self, attempt_id: int, text: str, *, probe: bool = False) -> None:
        """Hand one call file to Asterisk. `probe`: of no attempt, the daemon leaves it alone. Raises OSError;
        UnsafeValueError for a text no call file may have."""
        content = safe_lines(text).encode()
        name = _probe_name(attempt_id) if probe else _file_name(attempt_id)
        aside = f"{self._aside}/{name}"
        try:
            descriptor = os.open(aside, _WRITE_ANEW, _MODE)
        except FileNotFoundError:
            self._aside.mkdir()
            descriptor = os.open(aside, _WRITE_ANEW, _MODE)
        try:
            os.write(descriptor, content)
            _is_due(descriptor)
            self._let_asterisk_have(descriptor)
        finally:
            os.close(descriptor)
        os.rename(aside, f"{self._outgoing}/{name}")  # noqa: PTH104 - a Path takes as long to make

    def probe_file(self, probe_id: int) -> Path:
        """Where a probe lies until Asterisk takes it."""
        return self._outgoing / _probe_name(probe_id)

    def remove(self, attempt_id: int) -> None:
        """Take a call file back if it is still there. If we may not, its claim will be refused."""
        try:
            (self._outgoing / _file_name(attempt_id)).unlink(missing_ok=True)
        except OSError as error:
            log.warning("call file of attempt %d not removed: %s", attempt_id, error, extra={"attempt_id": attempt_id})

    def clear_aside(self) -> None:
        """Remove what a crash of the daemon has left half written; nobody may be writing now."""
        for path in self._aside.glob("dialer-*.call"):
            path.unlink(missing_ok=True)

    def attempts(self) -> list[int]:
        """The attempts whose call files lie in the spool."""
        names = (path.name for path in self._outgoing.glob("dialer-*.call"))
        return [int(match.group(1)) for name in names if (match := _FILE_NAME.fullmatch(name))]

    def _let_asterisk_have(self, descriptor: int) -> None:
        """Owner and group of the spool: Asterisk must read the file, and may set its time only as its owner.

        Without root's rights the group is all we can give; then the time stays and only the claim keeps a file that
        survived a crash of Asterisk from being dialled again.
        """
        made, spool = os.fstat(descriptor), self._outgoing.stat()
        if stat.S_IMODE(made.st_mode) != _MODE:  # our umask
            os.fchmod(descriptor, _MODE)
        if self._may_give_away and made.st_uid != spool.st_uid:
            try:
                os.fchown(descriptor, spool.st_uid, -1)
            except PermissionError:
                self._may_give_away = False
        if made.st_gid != spool.st_gid:
            with contextlib.suppress(PermissionError):
                os.fchown(descriptor, -1, spool.st_gid)


def _is_due(descriptor: int) -> None:
    """Asterisk puts a file off that was changed in a later second than it has by then (Asterisk 22 pbx_spool.c), and
    looks at a clock that the kernel sets some hundred times a second; Linux 6.13 gives files finer times. Without this,
    some calls of a thousand begin a second late."""
    due_s = time.time() - DUE_SINCE_S
    os.utime(descriptor, (due_s, due_s))


def _file_name(attempt_id: int) -> str:
    return f"dialer-{attempt_id:d}.call"


def _probe_name(probe_id: int) -> str:
    return f"probe-{probe_id:d}.call"
