"""Where the sound of the bench's subscribers goes: a UDP port that hears some of the calls and counts the rest.

Reading every packet would take a good part of what is measured. The kernel drops most of them by a filter, and counts
what it drops.
"""

import ctypes
import socket
import struct
import threading
from dataclasses import dataclass

SAMPLED = 16
"""One call of so many is heard."""
_SO_ATTACH_FILTER, _SO_MEMINFO, _SO_TIMESTAMPNS = 26, 55, 35
_DROPS = 8
"""Place of the socket's drops in what SO_MEMINFO gives (linux/sock_diag.h)."""
_LD_WORD, _LD_BYTE, _JUMP_IF_SET, _RETURN = 0x20, 0x30, 0x45, 0x06
_UDP_HEADER = 8
_FILTER = (
    # classic BPF (linux/filter.h): what begins a stream (the marker of RFC 3550), and all of one stream of SAMPLED
    (_LD_WORD, 0, 0, _UDP_HEADER + 8),
    (_JUMP_IF_SET, 0, 2, SAMPLED - 1),
    (_LD_BYTE, 0, 0, _UDP_HEADER + 1),
    (_JUMP_IF_SET, 0, 1, 0x80),
    (_RETURN, 0, 0, 0xFFFF),
    (_RETURN, 0, 0, 0),
)


@dataclass(frozen=True, slots=True)
class Heard:
    """One RTP packet. `at_s`: when the kernel got it, Unix seconds."""

    at_s: float
    ssrc: int
    sequence: int
    stamp: int
    marker: bool
    from_port: int

    @property
    def is_sampled(self) -> bool:
        """Of a call that is heard whole."""
        return self.ssrc % SAMPLED == 0


class Sink:
    """Listens from its making until `close()`."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        program = b"".join(struct.pack("HBBI", *step) for step in _FILTER)
        buffer = ctypes.create_string_buffer(program)
        head = struct.pack("HxxxxxxP", len(_FILTER), ctypes.addressof(buffer))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, head)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._socket.settimeout(0.2)
        self._read = 0
        self._closing = False
        self.heard: list[Heard] = []
        self._thread = threading.Thread(target=self._listen, name="RTP sink", daemon=True)
        self._thread.start()

    @property
    def packets(self) -> int:
        """All that have come, heard or not."""
        memory = self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36)
        return self._read + int(struct.unpack("9I", memory)[_DROPS])

    def close(self) -> None:
        self._closing = True
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        receive = self._socket.recvmsg
        while not self._closing:
            try:
                data, control, _, address = receive(64, 64)
            except TimeoutError:
                continue
            self._read += 1
            seconds, nanoseconds = struct.unpack("qq", control[0][2])
            marker, sequence, stamp, ssrc = struct.unpack_from("!xBHII", data)
            self.heard.append(
                Heard(seconds + nanoseconds / 1e9, ssrc, sequence, stamp, bool(marker & 0x80), address[1])
            )
