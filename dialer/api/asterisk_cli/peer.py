"""Whose process is at the other end of a connection on this machine: the kernel knows."""

import ipaddress
import sys
from pathlib import Path

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_ESTABLISHED = "01"


def user_of(client: tuple[str, int], server: tuple[str, int]) -> int | None:
    """The user id that opened the client's end of a TCP connection; None: there is no such connection here (any more).

    Only of one that stands: Linux counts a socket that was closed as root's (sock_i_uid of an orphan is 0).
    """
    wanted = (_spelled(*client), _spelled(*server))
    for table in TABLES:
        try:
            lines = table.read_text().splitlines()[1:]
        except OSError:  # no IPv6
            continue
        for line in lines:
            _, local, remote, state, _, _, _, user, _, inode, *_ = line.split()
            if (_plain(local), _plain(remote)) == wanted and state == _ESTABLISHED and inode != "0":
                return int(user)
    return None


def _spelled(host: str, port: int) -> str:
    """An address as the kernel's tables have it: 32-bit words in the machine's order, and the port."""
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    packed = (mapped or address).packed
    words = (packed[start : start + 4] for start in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words) + f":{port:04X}"


def _plain(entry: str) -> str:
    """IPv4 written as IPv6 is IPv4."""
    address, _, port = entry.partition(":")
    prefix = "0" * 16 + f"{int.from_bytes(bytes((0, 0, 255, 255)), sys.byteorder):08X}"
    return f"{address.removeprefix(prefix)}:{port}" if len(address) == 32 else entry
