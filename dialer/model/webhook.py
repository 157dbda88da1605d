"""Webhooks, the decisions: when to try again, when to give up, how a delivery is signed. Pure."""

import base64
import binascii
import hashlib
import hmac
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0
MIN_SECRET = 16
URL_PATTERN = (
    r"^https?://([A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(:(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3}))?"
    r"""([/?][!"$-~]{0,1500})?$"""
)
"""ASCII only (punycode, percent-encoding), no user and password, no fragment."""
_URL = re.compile(URL_PATTERN, re.ASCII)
_IPV6_HOST = re.compile(r"https?://\[([^\]]*)\]", re.ASCII)
_PREFIX = "whsec_"
_MAIL = "mailto:"


class Fate(Enum):
    """What a reply, or none, means for an event."""

    DELIVERED = auto()
    RECEIVER_DOWN = auto()
    """The receiver as a whole cannot take events now."""
    REFUSED = auto()
    """This event is not taken; others may be."""
    GONE = auto()
    """The receiver wants nothing more (RFC 9110, 410): not tried again by itself."""


_DOWN = frozenset({408, 425, 429, 502, 503, 504})


def fate_of(status: int | None) -> Fate:
    """By the HTTP status; None: there was no reply."""
    if status is None or status in _DOWN:
        return Fate.RECEIVER_DOWN
    if 200 <= status < 300:
        return Fate.DELIVERED
    return Fate.GONE if status == 410 else Fate.REFUSED


def pause_s(failures: int, luck: float) -> float:
    """Seconds before the next try after so many failures (1 or more); `luck` in 0…1 spreads them by a fifth."""
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures - 1, 20)) * (1.0 + 0.2 * luck)


def checked_url(text: str) -> str:
    """The address of a receiver. Raises ValueError."""
    if not _URL.fullmatch(text) or not _is_host_possible(text):
        raise ValueError(
            "an address such as https://crm.example/hook expected (ASCII, without user, password and #), "
            f"got {text[:60]!r}"
        )
    return text


def _is_host_possible(url: str) -> bool:
    address = _IPV6_HOST.match(url)
    if address is None:
        return True
    try:
        ipaddress.IPv6Address(address[1])
    except ValueError:
        return False
    return True


def shown_url(url: str) -> str:
    """The receiver's host, and in place of what may be a secret a mark that tells it from others of that host. Of a
    mailto: address it is the mailbox that is kept back."""
    if url.startswith(_MAIL):
        mailbox, _, host = url.removeprefix(_MAIL).rpartition("@")
        return f"{_MAIL}…{hashlib.sha256(mailbox.encode()).hexdigest()[:6]}@{host}"
    scheme, _, rest = url.partition("://")
    host = re.split("[/?]", rest, maxsplit=1)[0]
    secret = rest.removeprefix(host)
    mark = f"/…{hashlib.sha256(secret.encode()).hexdigest()[:6]}" if secret.strip("/") else ""
    return f"{scheme}://{host}{mark}"


def secret_key(secret: str) -> bytes:
    """The key of a secret: base64 behind `whsec_`, or the text itself. Raises ValueError."""
    if not secret.startswith(_PREFIX):
        key = secret.encode()
    else:
        try:
            key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            raise ValueError(f"base64 behind {_PREFIX} expected") from None
    if len(key) < MIN_SECRET:
        raise ValueError(f"a secret of {MIN_SECRET} bytes at least expected")
    return key


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs as Standard Webhooks has it, so that receivers find libraries that verify."""

    key: bytes

    def headers(self, event_id: str, time_s: int, body: bytes) -> Mapping[str, str]:
        """Headers of a delivery at this time (Unix seconds)."""
        signed = f"{event_id}.{time_s}.".encode() + body
        digest = base64.b64encode(hmac.new(self.key, signed, hashlib.sha256).digest()).decode()
        return {
            "Content-Type": "application/json",
            "webhook-id": event_id,
            "webhook-timestamp": str(time_s),
            "webhook-signature": f"v1,{digest}",
        }
