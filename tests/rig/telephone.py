"""A telephone with keys and lamps: subscribes to hints (RFC 6665, dialog event package RFC 4235) and dials."""

import asyncio
import re
import uuid
from typing import Self

from tests.rig.waiting import wait_until

EXPIRES_S = 300
_LAMP = {"confirmed": "lit", "early": "blinks", "terminated": "dark"}


class Telephone(asyncio.DatagramProtocol):
    """Extension `number` of the Asterisk at `sip_port`. `lamps` has what each watched extension shows: `lit`, `dark`,
    `blinks`; `dialled` what became of each call: the last status."""

    def __init__(self, number: str, sip_port: int) -> None:
        self._number = number
        self._asterisk = ("127.0.0.1", sip_port)
        self.lamps: dict[str, str] = {}
        self.statuses: dict[str, int] = {}
        """Of each request, by Call-ID: the last answer."""
        self.calls_over: set[str] = set()
        self._port = 0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self._port = self._transport.get_extra_info("sockname")[1]
        self._ear, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transport.close()
        self._ear.close()

    async def watch(self, extension: str) -> None:
        """Return when the lamp shows something."""
        headers = (
            f"Event: dialog\r\nAccept: application/dialog-info+xml\r\nExpires: {EXPIRES_S}\r\n"
            f"Contact: <sip:{self._number}@127.0.0.1:{self._port}>\r\n"
        )
        call_id = self._request("SUBSCRIBE", extension, headers)
        await wait_until(lambda: self.statuses.get(call_id, 0) >= 200, f"answer to SUBSCRIBE {extension}")
        assert self.statuses[call_id] in (200, 202), f"SUBSCRIBE {extension}: {self.statuses[call_id]}"
        await wait_until(lambda: extension in self.lamps, f"lamp of {extension}")

    async def press(self, extension: str) -> None:
        """Dial it; return when it has hung up."""
        body = (
            f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {self._ear.get_extra_info('sockname')[1]} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        )
        headers = f"Contact: <sip:{self._number}@127.0.0.1:{self._port}>\r\nContent-Type: application/sdp\r\n"
        call_id = self._request("INVITE", extension, headers, body)
        await wait_until(lambda: call_id in self.calls_over, f"end of the call to {extension}")

    def _request(self, method: str, extension: str, headers: str, body: str = "") -> str:
        call_id = uuid.uuid4().hex
        uri = f"sip:{extension}@127.0.0.1:{self._asterisk[1]}"
        self._send(
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{self._port};branch=z9hG4bK{uuid.uuid4().hex}\r\n"
            f"From: <sip:{self._number}@127.0.0.1>;tag={call_id[:8]}\r\nTo: <{uri}>\r\nCall-ID: {call_id}\r\n"
            f"CSeq: 1 {method}\r\nMax-Forwards: 70\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}"
        )
        return call_id

    def datagram_received(self, data: bytes, _address: object) -> None:
        head, _, body = data.decode(errors="replace").partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if first.startswith("SIP/2.0"):
            self._answered(int(first.split()[1]), headers)
            return
        method = first.split()[0]
        if method == "ACK":
            return
        kept = "".join(f"{line}\r\n" for line in lines if re.match(r"(?i)(via|from|to|call-id|cseq):", line))
        self._send(f"SIP/2.0 200 OK\r\n{kept}Content-Length: 0\r\n\r\n")
        if method == "BYE":
            self.calls_over.add(headers["call-id"])
        if method == "NOTIFY":
            self._show(body)

    def _answered(self, status: int, headers: dict[str, str]) -> None:
        call_id = headers["call-id"]
        self.statuses[call_id] = status
        if headers["cseq"].endswith("INVITE") and status >= 200:
            uri = re.sub(r".*<([^>]*)>.*", r"\1", headers.get("contact") or headers["to"])
            self._send(
                f"ACK {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{self._port};branch=z9hG4bK{uuid.uuid4().hex}\r\n"
                f"From: {headers['from']}\r\nTo: {headers['to']}\r\nCall-ID: {call_id}\r\nCSeq: 1 ACK\r\n"
                "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            )
            if status >= 300:
                self.calls_over.add(call_id)

    def _show(self, body: str) -> None:
        entity = re.search(r'entity="sips?:([^@"]+)@', body)
        state = re.search(r"<state>(\w+)</state>", body)
        if entity and state:
            self.lamps[entity[1].replace("%2A", "*")] = _LAMP.get(state[1], state[1])

    def _send(self, text: str) -> None:
        self._transport.sendto(text.encode(), self._asterisk)
