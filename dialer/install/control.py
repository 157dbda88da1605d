"""Asterisk's control socket, as `asterisk -rx` uses it: also where no `asterisk` command is in reach."""

import socket
from pathlib import Path

TIMEOUT_S = 20.0
_LONGEST_LINE = 4096


class NotRunningError(Exception):
    """No Asterisk answers at the socket, or it does not let us; the text says why."""


def ask_asterisk(control_socket: Path, command: str, timeout_s: float = TIMEOUT_S) -> str:
    """What the command prints. Raises NotRunningError."""
    if not command.isprintable():
        raise ValueError(f"one line of a command expected, got {command[:60]!r}")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as talk:
            talk.settimeout(timeout_s)
            talk.connect(str(control_socket))
            with talk.makefile("rb") as heard:
                heard.readline(_LONGEST_LINE)  # "host/pid/version"
                # Asterisk 22 main/asterisk.c netconsole(): with this prefix it answers and closes
                talk.sendall(b"cli quit after " + command.encode() + b"\0")
                return heard.read().replace(b"\0", b"").decode(errors="replace")
    except OSError as error:
        raise NotRunningError(f"{control_socket}: {error}") from None
