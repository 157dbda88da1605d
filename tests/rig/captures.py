"""RTP captures that SIPp plays: silence and keys, as one continuous stream of a telephone.

SIPp's own DTMF captures have one fixed RTP time stamp, so that the same key twice is one digit for Asterisk
(RFC 4733, section 2.5.1.3: an event is known by its time stamp). These advance.
"""

import math
import struct
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # audioop leaves in Python 3.13; audioop-lts comes instead
    import audioop

PACKET_MS = 20
SAMPLES_PER_MS = 8
ULAW_SILENCE = b"\xff" * (PACKET_MS * SAMPLES_PER_MS)
PAYLOAD_ULAW = 0
PAYLOAD_EVENT = 101  # what Asterisk offers for telephone-event
KEY_MS = 120
EVENT_VOLUME = 10  # -10 dBm0
SSRC = 0x0D1A1E20
SILENCE_MS = 20_000  # one round of the silence that subscribers play until the end of the call

SPEAKS_MS = (4_000, 7_000)
"""When a subscriber who says something after the first key does so."""
GREETING_MS = ((300, 2_800), (3_700, 5_500))
"""When a voicemail speaks …"""
BEEP_MS = (6_200, 6_600)
"""… and when it says that it records."""
BEEP_HZ = 1_000.0
VOICEMAIL_MS = 20_000
HELLO_MS = (300, 800)
SUBSCRIBER_HZ = 500.0
EMPLOYEE_HZ = 700.0
"""What they say: tones that are told apart in a recording."""

_EVENTS = {key: code for code, key in enumerate("0123456789*#")}
_PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1)  # Ethernet
_ETHERNET = bytes(12) + b"\x08\x00"


@dataclass
class Stream:
    """RTP packets with their times. `start_ms`: the place in the call, so that consecutive captures continue."""

    start_ms: int
    packets: list[tuple[int, bytes]] = field(default_factory=list)  # (ms after start, RTP packet)

    def __post_init__(self) -> None:
        self.now_ms = self.start_ms
        self._sequence = self.start_ms // PACKET_MS

    def silence_until(self, end_ms: int) -> None:
        """Send ulaw silence up to that time of the call."""
        while self.now_ms < end_ms:
            self._send(PAYLOAD_ULAW, self.now_ms, ULAW_SILENCE, marker=False)
            self.now_ms += PACKET_MS

    def tone_until(self, end_ms: int, hertz: float) -> None:
        """Send a tone at -10 dBm0 or so: somebody speaks."""
        while self.now_ms < end_ms:
            first = self.now_ms * SAMPLES_PER_MS
            samples = (math.sin(2 * math.pi * hertz * (first + at) / 8_000) for at in range(PACKET_MS * SAMPLES_PER_MS))
            linear = b"".join(struct.pack("<h", round(9_000 * value)) for value in samples)
            self._send(PAYLOAD_ULAW, self.now_ms, audioop.lin2ulaw(linear, 2), marker=False)
            self.now_ms += PACKET_MS

    def speech_until(self, end_ms: int) -> None:
        """Send what a detector of voices takes for one: a buzz of 150 Hz with syllables, loud enough all the time."""
        while self.now_ms < end_ms:
            first = self.now_ms * SAMPLES_PER_MS
            linear = b"".join(
                struct.pack("<h", round(_voice((first + at) / 8_000))) for at in range(PACKET_MS * SAMPLES_PER_MS)
            )
            self._send(PAYLOAD_ULAW, self.now_ms, audioop.lin2ulaw(linear, 2), marker=False)
            self.now_ms += PACKET_MS

    def key(self, key: str) -> None:
        """Press a key for KEY_MS: an event packet each 20 ms with growing duration, the last one three times."""
        pressed_ms = self.now_ms
        while self.now_ms < pressed_ms + KEY_MS:
            self._event(key, pressed_ms, self.now_ms + PACKET_MS - pressed_ms, end=False)
            self.now_ms += PACKET_MS
        for _ in range(3):
            self._event(key, pressed_ms, KEY_MS, end=True)

    def _event(self, key: str, pressed_ms: int, duration_ms: int, *, end: bool) -> None:
        flags = EVENT_VOLUME | (0x80 if end else 0)
        payload = struct.pack(">BBH", _EVENTS[key], flags, duration_ms * SAMPLES_PER_MS)
        self._send(PAYLOAD_EVENT, pressed_ms, payload, marker=duration_ms == PACKET_MS and not end)

    def _send(self, payload_type: int, time_ms: int, payload: bytes, *, marker: bool) -> None:
        header = struct.pack(
            ">BBHII",
            0x80,
            payload_type | (0x80 if marker else 0),
            self._sequence & 0xFFFF,
            (time_ms * SAMPLES_PER_MS) & 0xFFFFFFFF,
            SSRC,
        )
        self._sequence += 1
        self.packets.append((self.now_ms - self.start_ms, header + payload))


def write_captures(folder: Path) -> None:
    """Write all captures that the scenarios name into `folder`: 2 MB, 0.1 s."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, stream in _streams().items():
        (folder / f"{name}.pcap").write_bytes(_as_pcap(stream))


def _streams() -> Mapping[str, Stream]:
    streams = {"silence": Stream(start_ms=0)}
    streams["silence"].silence_until(SILENCE_MS)
    for key in "12345":
        streams[f"first_{key}"] = _keys(0, {1_500: key}, end_ms=3_500)
        streams[f"second_{key}"] = _keys(3_500, {3_500: key}, end_ms=5_000)
    streams["wrong_key_then_1_1"] = _keys(0, {1_500: "9", 3_500: "1", 5_500: "1"}, end_ms=7_000)
    streams["keys_9_3_2_1"] = _keys(0, {1_500: "9", 3_500: "3", 5_500: "2", 7_500: "1"}, end_ms=9_000)
    streams["quick_1_2"] = _keys(0, {1_500: "1", 1_750: "2"}, end_ms=3_500)
    streams["speaks_after_first"] = Stream(3_500)
    streams["speaks_after_first"].silence_until(SPEAKS_MS[0])
    streams["speaks_after_first"].tone_until(SPEAKS_MS[1], SUBSCRIBER_HZ)
    streams["speaks_after_first"].silence_until(SPEAKS_MS[1] + 1_000)
    streams["voicemail"] = Stream(0)
    for begin_ms, end_ms in GREETING_MS:
        streams["voicemail"].silence_until(begin_ms)
        streams["voicemail"].speech_until(end_ms)
    streams["voicemail"].silence_until(BEEP_MS[0])
    streams["voicemail"].tone_until(BEEP_MS[1], BEEP_HZ)
    streams["voicemail"].silence_until(VOICEMAIL_MS)
    streams["hello"] = Stream(0)
    streams["hello"].silence_until(HELLO_MS[0])
    streams["hello"].speech_until(HELLO_MS[1])
    streams["hello"].silence_until(2_000)
    streams["talk"] = Stream(0)
    streams["talk"].tone_until(SILENCE_MS, EMPLOYEE_HZ)
    return streams


def _voice(at_s: float) -> float:
    syllables = 0.6 + 0.4 * math.sin(2 * math.pi * 4 * at_s)
    return 6_000 * syllables * sum(math.sin(2 * math.pi * 150 * harmonic * at_s) / harmonic for harmonic in (1, 3, 5))


def _keys(start_ms: int, keys: Mapping[int, str], end_ms: int) -> Stream:
    stream = Stream(start_ms)
    for pressed_ms, key in keys.items():
        stream.silence_until(pressed_ms)
        stream.key(key)
    stream.silence_until(end_ms)
    return stream


def _as_pcap(stream: Stream) -> bytes:
    parts = [_PCAP_HEADER]
    for at_ms, rtp in stream.packets:
        # SIPp replaces addresses and ports; it reads only the lengths and the protocol (3.6.1, prepare_pcap.c).
        udp = struct.pack(">HHHH", 6_000, 6_000, 8 + len(rtp), 0) + rtp
        loopback = bytes((127, 0, 0, 1))
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + loopback * 2
        frame = _ETHERNET + ip + udp
        parts.append(struct.pack("<IIII", at_ms // 1_000, at_ms % 1_000 * 1_000, len(frame), len(frame)))
        parts.append(frame)
    return b"".join(parts)
