"""Ports for one Asterisk or one SIPp, so that several rigs run side by side."""

import contextlib
import socket
from pathlib import Path

FIRST_PORT = 10_000
PORTS_IN_UNIT = 100


class NoFreePorts(RuntimeError):
    """Every block is taken; some rig was not stopped, or other programs hold the ports."""


class PortBlock:
    """A range of ports on 127.0.0.1 that belongs to this process until `release()`, across restarts of its user.

    The owner is whoever listens on the first TCP port of each of the block's units. That lock vanishes with the
    process.
    """

    def __init__(self, udp_ports: int, tcp_ports: int, units: int = 1) -> None:
        """Take the first block whose ports `base+1 …` are free for `udp_ports` and `tcp_ports` sockets."""
        self.size = units * PORTS_IN_UNIT
        for base in range(FIRST_PORT, _first_ephemeral_port() - self.size, PORTS_IN_UNIT):
            guards = _take_units(base, units)
            if not guards:
                continue
            if _all_free(socket.SOCK_DGRAM, base + 1, udp_ports) and _all_free(socket.SOCK_STREAM, base + 1, tcp_ports):
                self._guards = guards
                self.base = base
                return
            _close(guards)
        raise NoFreePorts(f"no free block of {self.size} ports on 127.0.0.1 from {FIRST_PORT} up")

    def port(self, index: int) -> int:
        """Return the block's port number `index`, counted from 1."""
        if not 0 < index < self.size:
            raise ValueError(f"port index {index} is not within 1..{self.size - 1}")
        return self.base + index

    def release(self) -> None:
        """Give the block back. Harmless when repeated."""
        _close(self._guards)


def _take_units(base: int, units: int) -> list[socket.socket]:
    """Listen on the first port of each unit; empty when one of them is taken."""
    guards: list[socket.socket] = []
    for unit in range(units):
        guard = _bound(socket.SOCK_STREAM, base + unit * PORTS_IN_UNIT)
        if guard is not None:
            guards.append(guard)
            with contextlib.suppress(OSError):  # another process has bound it at the same moment, and listens
                guard.listen(1)
                continue
        _close(guards)
        return []
    return guards


def _close(guards: list[socket.socket]) -> None:
    for guard in guards:
        guard.close()


def _first_ephemeral_port() -> int:
    """Outgoing connections take ports from here up: no server port of ours may lie there."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
        if first >= FIRST_PORT + 10_000:
            return first
    return 32_768


def _all_free(kind: socket.SocketKind, first: int, count: int) -> bool:
    probes = [_bound(kind, port) for port in range(first, first + count)]
    for probe in probes:
        if probe is not None:
            probe.close()
    return all(probe is not None for probe in probes)


def _bound(kind: socket.SocketKind, port: int) -> socket.socket | None:
    probe = socket.socket(socket.AF_INET, kind)
    if kind == socket.SOCK_STREAM:
        # As Asterisk does: connections of the previous run in TIME_WAIT are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind(("127.0.0.1", port))
    except OSError:
        probe.close()
        return None
    return probe
