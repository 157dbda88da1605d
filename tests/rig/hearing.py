"""What the subscribers' telephones receive, listened to on the loopback interface while it passes.

SIPp throws away what it is sent, so this takes a copy of the packets: the INVITE says which RTP port of Asterisk
belongs to which number, the 200 says when the subscriber answered and where he listens.
"""

import asyncio
import contextlib
import ctypes
import re
import socket
import struct
import warnings
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.rig.sipp import MEDIA_ADDRESS, Sipp
from tests.rig.waiting import wait_until
from tests.rig.world import World

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # audioop leaves in Python 3.13; audioop-lts comes instead
    import audioop

RATE_HZ = 8_000
JUMP_S = 1.0  # RTP time stamps that are so far from the clock begin a new time line

# linux/if_ether.h, asm-generic/socket.h, linux/if_packet.h; Python 3.11 does not name them all
_ETH_P_IP, _SOL_PACKET, _PACKET_STATISTICS = 0x0800, 263, 6
_SO_RCVBUFFORCE, _SO_TIMESTAMPNS, _SO_ATTACH_FILTER = 33, 35, 26
_BUFFER_BYTES = 64 << 20  # 20 calls: a minute and a half
_LONGEST_PACKET = 4_096
_PACKETS_AT_ONCE = 500  # then the other work of the loop has its turn

_COMFORT_NOISE = 13
_LINEAR = {
    0: np.frombuffer(audioop.ulaw2lin(bytes(range(256)), 2), np.int16),
    8: np.frombuffer(audioop.alaw2lin(bytes(range(256)), 2), np.int16),
}
"""Payload type and what each of its bytes stands for (RFC 3551: PCMU, PCMA)."""

_INVITE = re.compile(r"INVITE sip:([^@;\s]+)@")
_CALL_ID = re.compile(r"^Call-ID:\s*(\S+)", re.MULTILINE | re.IGNORECASE)
_CSEQ_METHOD = re.compile(r"^CSeq:\s*\d+\s+(\w+)", re.MULTILINE | re.IGNORECASE)
_SDP_AUDIO = re.compile(r"^m=audio (\d+) ", re.MULTILINE)
_SDP_ADDRESS = re.compile(r"^c=IN IP4 (\S+)", re.MULTILINE)
_SDP_EVENTS = re.compile(r"^a=rtpmap:(\d+) telephone-event/", re.MULTILINE)


class HearingError(AssertionError):
    """The listening failed, or nobody was there to be heard; the message says which."""


class RtpPacket(NamedTuple):
    """RFC 3550. `time_s` is Unix time, put on by the kernel when the packet passed."""

    time_s: float
    sequence: int
    timestamp: int
    payload_type: int
    marker: bool
    ssrc: int
    payload: bytes


@dataclass(frozen=True)
class Heard:
    """One answered call as its subscriber heard it until now. Unix times."""

    number: str
    call_id: str
    dialled_s: float
    answered_s: float
    ended_s: float | None  # the first BYE of either side
    packets: list[RtpPacket]  # sound, in the order of arrival
    events: list[RtpPacket]  # telephone events (RFC 4733)

    @cached_property
    def pcm(self) -> NDArray[np.int16]:
        """8 kHz, from the answer to the last packet; gaps are silence, of what overlaps the later packet counts."""
        placed = [(start, packet) for start, packet in self._placed[0] if packet.payload_type != _COMFORT_NOISE]
        sound = np.zeros(max((start + len(packet.payload) for start, packet in placed), default=0), np.int16)
        for start, packet in placed:
            if packet.payload_type not in _LINEAR:
                raise HearingError(f"{self.number}: payload type {packet.payload_type} is neither PCMU nor PCMA")
            samples = _LINEAR[packet.payload_type][np.frombuffer(packet.payload, np.uint8)]
            before_answer = min(max(0, -start), len(samples))
            sound[max(0, start) : max(0, start + len(samples))] = samples[before_answer:]
        return sound

    @property
    def jumps(self) -> int:
        """How often the RTP time stamps left the clock by more than JUMP_S or the source (SSRC) changed."""
        return self._placed[1]

    @cached_property
    def lost(self) -> list[int]:
        """Sequence numbers (16 bits) that are missing between the first and the last packet of their source."""
        missing = []
        packets = [*self.packets, *self.events]
        for ssrc in dict.fromkeys(packet.ssrc for packet in packets):
            arrived = sorted((packet for packet in packets if packet.ssrc == ssrc), key=lambda packet: packet.time_s)
            newest = arrived[0].sequence
            seen = set()
            for packet in arrived:
                unwrapped = newest + _signed(packet.sequence - newest, 16)
                seen.add(unwrapped)
                newest = max(newest, unwrapped)
            missing += [number & 0xFFFF for number in range(min(seen), max(seen)) if number not in seen]
        return missing

    @cached_property
    def _placed(self) -> tuple[list[tuple[int, RtpPacket]], int]:
        """The packets with the samples from the answer to each, by time stamp from the first one's arrival on."""
        placed: list[tuple[int, RtpPacket]] = []
        anchors = 0
        anchor: tuple[int, RtpPacket] | None = None
        for packet in self.packets:
            arrival = round((packet.time_s - self.answered_s) * RATE_HZ)
            if anchor is not None:
                start = anchor[0] + _signed(packet.timestamp - anchor[1].timestamp, 32)
            if anchor is None or packet.ssrc != anchor[1].ssrc or abs(start - arrival) > JUMP_S * RATE_HZ:
                start = arrival
                anchor = (arrival, packet)
                anchors += 1
            placed.append((start, packet))
        return placed, max(0, anchors - 1)


@dataclass
class _Call:
    number: str
    call_id: str
    dialled_s: float
    answered_s: float | None = None
    ended_s: float | None = None
    media_port: int | None = None  # known when answered
    event_type: int | None = None
    packets: list[RtpPacket] = field(default_factory=list)
    events: list[RtpPacket] = field(default_factory=list)


class Listener:
    """The calls that were dialled since `listening()` began."""

    def __init__(self, provider: Sipp) -> None:
        """Begin to listen; needs CAP_NET_RAW. `provider`: whose telephones are listened to."""
        self._provider_port = provider.port
        self._raw: list[tuple[float, bytes]] = []
        self._calls: dict[str, _Call] = {}
        self._by_rtp_port: dict[int, _Call] = {}
        self._dropped = 0
        # protocol 0 takes nothing: the filter is there before the first packet
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self._attach_filter()
            self._socket.setblocking(False)
            # bound to a protocol (not ETH_P_ALL) it gets what comes in, not what goes out: each packet once
            self._socket.bind(("lo", _ETH_P_IP))
            asyncio.get_running_loop().add_reader(self._socket, self._read, _PACKETS_AT_ONCE)
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        """Stop listening. What was heard stays."""
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._read()
            self._count_drops()
            self._socket.close()

    def check(self) -> None:
        """HearingError when the kernel had to drop packets before they were read."""
        self._count_drops()
        if self._dropped:
            raise HearingError(f"the kernel dropped {self._dropped} packets: the test did not read them in time")

    def calls(self, number: str) -> list[Heard]:
        """Return the answered calls to that number (as the provider got it), in the order of dialling."""
        self._parse()
        self.check()
        return [
            Heard(
                call.number,
                call.call_id,
                call.dialled_s,
                call.answered_s,
                call.ended_s,
                list(call.packets),
                list(call.events),
            )
            for call in self._calls.values()
            if call.number == number and call.answered_s is not None
        ]

    def heard(self, number: str) -> Heard:
        """Return the one answered call to that number; HearingError when there is none or more than one."""
        calls = self.calls(number)
        if len(calls) != 1:
            raise HearingError(f"{number} has answered {len(calls)} calls, not one")
        return calls[0]

    async def wait_heard(
        self, number: str, condition: Callable[[Heard], object], what: str, timeout_s: float = 30.0
    ) -> Heard:
        """Return the newest answered call to that number as soon as it fulfils the condition."""

        def look() -> Heard | None:
            calls = self.calls(number)
            return calls[-1] if calls and condition(calls[-1]) else None

        heard = await wait_until(look, f"{number} hears: {what}", timeout_s)
        assert heard is not None
        return heard

    def _attach_filter(self) -> None:
        """Take UDP to MEDIA_ADDRESS and UDP from and to the provider's SIP port (Documentation/networking/filter)."""
        address = int.from_bytes(socket.inet_aton(MEDIA_ADDRESS), "big")
        # (code, jump if true, jump if false, value); the IP header is at 0
        program = [
            (0x30, 0, 0, 9),  # protocol
            (0x15, 0, 9, socket.IPPROTO_UDP),
            (0x28, 0, 0, 6),  # no fragments
            (0x45, 7, 0, 0x1FFF),
            (0x20, 0, 0, 16),  # destination address
            (0x15, 6, 0, address),
            (0xB1, 0, 0, 0),  # header length
            (0x48, 0, 0, 0),  # source port
            (0x15, 3, 0, self._provider_port),
            (0x48, 0, 0, 2),  # destination port
            (0x15, 1, 0, self._provider_port),
            (0x06, 0, 0, 0),
            (0x06, 0, 0, 0xFFFF),
        ]
        code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
        head = struct.pack("@HP", len(program), ctypes.addressof(code))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, head)

    def _read(self, most: int | None = None) -> None:
        """Take over what the kernel holds. Little is done here: it interrupts the test."""
        done = 0
        while most is None or done < most:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(_LONGEST_PACKET, 64)
            except BlockingIOError:
                return
            ((_, _, stamp),) = ancillary
            seconds, nanoseconds = struct.unpack("@qq", stamp)
            self._raw.append((seconds + nanoseconds / 1e9, data))
            done += 1

    def _count_drops(self) -> None:
        if self._socket.fileno() >= 0:
            # asking sets them back to zero
            _, dropped = struct.unpack("=II", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
            self._dropped += dropped

    def _parse(self) -> None:
        """Sort all packets up to now into their calls."""
        if self._socket.fileno() >= 0:
            self._read()
        raw, self._raw = self._raw, []
        for time_s, data in raw:
            udp = (data[0] & 0xF) * 4
            source, target, length = struct.unpack_from(">HHH", data, udp)
            payload = data[udp + 8 : udp + length]
            if len(payload) != length - 8:
                raise HearingError(f"a packet of {length} bytes is longer than what is read at once")
            if self._provider_port in (source, target):
                self._sip(time_s, source == self._provider_port, payload.decode(errors="replace"))
            elif (call := self._by_rtp_port.get(source)) is not None and call.media_port == target:
                _add_rtp(call, time_s, payload)

    def _sip(self, time_s: float, from_provider: bool, message: str) -> None:
        found = _CALL_ID.search(message)
        if found is None:  # keep-alives and the like
            return
        call = self._calls.get(found[1])
        if call is None:
            invite = _INVITE.match(message)
            port = _SDP_AUDIO.search(message)
            if invite is not None and port is not None and not from_provider:
                call = self._calls[found[1]] = _Call(invite[1], found[1], time_s)
                # Asterisk gives the port of an ended call to another one: the last to name it has it
                self._by_rtp_port[int(port[1])] = call
        elif message.startswith("BYE ") and call.ended_s is None:
            call.ended_s = time_s
        elif message.startswith("SIP/2.0 200 ") and from_provider and call.answered_s is None:
            method = _CSEQ_METHOD.search(message)
            port = _SDP_AUDIO.search(message)
            if method is not None and method[1] == "INVITE" and port is not None:
                address, events = _SDP_ADDRESS.search(message), _SDP_EVENTS.search(message)
                if address is None or address[1] != MEDIA_ADDRESS:
                    raise HearingError(f"the subscriber listens elsewhere than at {MEDIA_ADDRESS}:\n{message}")
                call.answered_s = time_s
                call.media_port = int(port[1])
                call.event_type = int(events[1]) if events is not None else None


@contextlib.asynccontextmanager
async def listening(world: World | Sipp) -> AsyncIterator[Listener]:
    """Listen to the calls to the provider (or those telephones) that begin meanwhile; HearingError at the end if
    packets were dropped."""
    ear = Listener(world if isinstance(world, Sipp) else world.provider)
    try:
        yield ear
    finally:
        ear.close()
    ear.check()


def _add_rtp(call: _Call, time_s: float, data: bytes) -> None:
    flags, kind, sequence, timestamp, ssrc = struct.unpack_from(">BBHII", data)
    start, end = 12 + (flags & 0xF) * 4, len(data)
    if flags & 0x10:
        start += 4 + struct.unpack_from(">H", data, start + 2)[0] * 4
    if flags & 0x20:
        end -= data[-1]
    packet = RtpPacket(time_s, sequence, timestamp, kind & 0x7F, kind >= 0x80, ssrc, data[start:end])
    (call.events if packet.payload_type == call.event_type else call.packets).append(packet)


def _signed(value: int, bits: int) -> int:
    """The difference of two wrapping counters, nearest to zero."""
    half = 1 << (bits - 1)
    return (value + half) % (1 << bits) - half
