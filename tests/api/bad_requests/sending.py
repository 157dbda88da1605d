"""Sending bad requests, each over a connection of its own, and judging what comes back."""

import asyncio
import contextlib
import json
import re
import ssl
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.api.bad_requests.request import BadRequest

AT_ONCE = 96
_REPLY = re.compile(rb"HTTP/[0-9]\.[0-9] ([0-9]{3}) [^\r\n]*\r\n")
_LENGTH = re.compile(rb"\r\nContent-Length: ([0-9]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Address:
    """Where a daemon listens."""

    host: str
    port: int
    tls: bool = False

    @classmethod
    def of(cls, url: str) -> "Address":
        parts = urlsplit(url)
        tls = parts.scheme == "https"
        return cls(parts.hostname or "127.0.0.1", parts.port or (443 if tls else 80), tls)

    @property
    def named(self) -> str:
        """As `Host` has it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request."""

    request: BadRequest
    status: str
    """`400`, `200 refused`, `200 accepted`, `closed`, `no end`."""
    failure: str
    """Empty where all is well."""
    lasted_s: float


async def send_all(
    address: Address, requests: Iterable[BadRequest], deadline_s: float, at_once: int = AT_ONCE
) -> list[Outcome]:
    """The outcomes, in no order."""
    outcomes: list[Outcome] = []
    waiting = iter(list(requests))

    async def work() -> None:
        for request in waiting:
            outcomes.append(await send(address, request, deadline_s))

    async with asyncio.TaskGroup() as group:
        for number in range(at_once):
            group.create_task(work(), name=f"sender {number}")
    return outcomes


async def send(address: Address, request: BadRequest, deadline_s: float) -> Outcome:
    """The daemon has the deadline to answer and to close the connection."""
    begun_s = time.monotonic()
    reply, ended = await exchange(address, request.wire, deadline_s, leaves=request.leaves)
    status, failure = judge(request, reply, ended=ended)
    return Outcome(request, status, failure, time.monotonic() - begun_s)


async def exchange(address: Address, wire: bytes, deadline_s: float, *, leaves: bool = False) -> tuple[bytes, bool]:
    """Everything that comes back, and whether the connection was closed in time."""
    tls = ssl.create_default_context() if address.tls else None
    reader, writer = await asyncio.open_connection(address.host, address.port, ssl=tls)
    reply = bytearray()

    async def receive() -> None:
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(65_536):
                reply.extend(piece)

    async def transmit() -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(wire)
            await writer.drain()
            if leaves and writer.can_write_eof():
                writer.write_eof()

    sending = asyncio.create_task(transmit(), name="transmit")
    try:
        async with asyncio.timeout(deadline_s):
            await receive()
    except TimeoutError:
        return bytes(reply), False
    finally:
        sending.cancel()
        writer.close()
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await sending
    return bytes(reply), True


def judge(request: BadRequest, reply: bytes, *, ended: bool) -> tuple[str, str]:
    """The status in words, and what is wrong with it, if anything is."""
    if not ended:
        return "no end", f"the connection is still open, after {reply[:200]!r}"
    if not reply:
        return "closed", "" if request.may_be_closed else "closed without a reply"
    verdicts = [_verdict(*one) for one in replies_of(reply)]
    if not verdicts:
        return "no HTTP", f"answered {reply[:200]!r}"
    status = " and ".join(verdicts)
    return status, f"answered {reply[:2000]!r}" if any(map(_is_bad, verdicts)) else ""


def replies_of(received: bytes) -> Iterator[tuple[int, Any]]:
    """Status and JSON (None where it is none) of each reply but `100 Continue`."""
    rest = received
    while found := _REPLY.match(rest):
        head, _, rest = rest.partition(b"\r\n\r\n")
        status, length = int(found[1]), _LENGTH.search(head)
        size = int(length[1]) if length else 0 if status == 100 else len(rest)
        body, rest = rest[:size], rest[size:]
        if status != 100:
            yield status, _parsed(body)
    if rest:
        yield 0, None


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _verdict(status: int, body: Any) -> str:
    if status >= 400:
        return str(status)
    return "200 refused" if status == 200 and is_refusal(body) else f"{status} accepted"


def _is_bad(verdict: str) -> bool:
    return verdict.startswith("5") or verdict.endswith("accepted")


def is_refusal(body: Any) -> bool:
    """MikoPBX refuses with 200, too."""
    return isinstance(body, dict) and (body.get("result") is False or body.get("success") is False)


def table(outcomes: Sequence[Outcome]) -> str:
    """Counts by kind and status, and how long the slowest took."""
    kinds = sorted({one.request.kind for one in outcomes})
    statuses = sorted({one.status for one in outcomes})
    counts = Counter((one.request.kind, one.status) for one in outcomes)
    widths = [max(len(status), 6) for status in statuses]
    lines = ["  ".join([f"{'kind':16}", *(f"{one:>{width}}" for one, width in zip(statuses, widths, strict=True)),
                        "   all", "slowest, s"])]  # fmt: skip
    for kind in [*kinds, ""]:
        those = [one for one in outcomes if kind in (one.request.kind, "")]
        cells = [
            f"{counts[kind, one] if kind else sum(counts[each, one] for each in kinds) or '':>{width}}"
            for one, width in zip(statuses, widths, strict=True)
        ]
        slowest_s = max(one.lasted_s for one in those)
        lines.append("  ".join([f"{kind or 'all':16}", *cells, f"{len(those):>6}", f"{slowest_s:>10.1f}"]))
    return "\n".join(lines)
