"""Where a request comes from.

Forwarding headers are believed only from `[http] trusted_proxies`, and read from the right: what stands further left
was said by somebody nobody vouches for. A request with any such header was passed on and is never local, whatever it
says.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
PASSED_ON = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "X-Forwarded-Host", "X-Forwarded-Proto", "Via")
_IPV4_AND_PORT = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3})(?::\d{1,5})?", re.ASCII)
_IPV6_IN_BRACKETS = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?", re.ASCII)
_PAIR_TEXT = r"""([!#$%&'*+.^_`|~0-9A-Za-z-]+)=([!#$%&'*+.^_`|~0-9A-Za-z-]+|"(?:[^"\\]|\\.)*")"""
_PAIR = re.compile(rf"{_PAIR_TEXT}\s*([;,]?)", re.ASCII)
_FORWARDED = re.compile(rf"{_PAIR_TEXT}(\s*[;,]\s*{_PAIR_TEXT})*", re.ASCII)
"""RFC 7239, section 4, also with blanks around the semicolon."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who sent a request, as far as it can be told."""

    address: str
    local: bool
    """From this machine itself, not passed on, and no browser was made to send it by another site."""
    https: bool
    same_site: bool
    """No browser says that another site's page sent it."""
    is_proxy: bool = False
    """The address is a trusted proxy's: it did not say, or not clearly, whose request it is."""

    @property
    def counted_as(self) -> str:
        """The address that failed logins are counted for: a whole /64 of IPv6, which one customer has to himself."""
        address = _parsed(self.address)
        if isinstance(address, ipaddress.IPv6Address):
            return str(ipaddress.ip_network((address, 64), strict=False))
        return self.address


class Peers:
    """Tells peers of requests."""

    def __init__(self, trusted_proxies: Iterable[str], *, own_tls: bool) -> None:
        self._trusted = [ipaddress.ip_network(network) for network in trusted_proxies]
        self._own_tls = own_tls
        name = socket.gethostname().lower()
        self._own_names = {"localhost", name, name.partition(".")[0]}

    def peer_of(self, request: web.BaseRequest) -> Peer:
        remote = _parsed(request.remote or "")
        same_site = _is_same_site(request)
        passed_on = any(header in request.headers for header in PASSED_ON)
        if not passed_on:
            is_local = remote is not None and remote.is_loopback and same_site and self._is_own_name(request.host)
            return Peer(str(remote or "unknown"), is_local, self._own_tls, same_site)
        if remote is None or not self._is_trusted(remote):
            return Peer(str(remote or "unknown"), False, self._own_tls, same_site)
        address = self._first_untrusted(remote, _hops(request))
        is_https = self._own_tls or _is_https(request)
        return Peer(str(address), False, is_https, same_site, self._is_trusted(address))

    def _first_untrusted(self, proxy: Address, hops: Sequence[str]) -> Address:
        """From the right the first address that is no trusted proxy; what cannot be read ends the search at the proxy
        that said it."""
        nearest = proxy
        for hop in reversed(hops):
            address = _parsed_hop(hop)
            if address is None:
                return nearest
            nearest = address
            if not self._is_trusted(address):
                break
        return nearest

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)

    def _is_own_name(self, host: str) -> bool:
        """A page of another site can have its name resolve to 127.0.0.1 (DNS rebinding); then `Host` is that name."""
        try:
            parts = urlsplit(f"//{host}")
        except ValueError:
            return False
        name = (parts.hostname or "") if parts.netloc == host and "@" not in host else ""
        return _parsed(name) is not None or name.rstrip(".").lower() in self._own_names


def _hops(request: web.BaseRequest) -> list[str]:
    """Addresses as the proxies wrote them. Of two headers a client can add the one that the proxy does not set: then
    neither is believed."""
    listed = request.headers.getall("X-Forwarded-For", [])
    described = "Forwarded" in request.headers
    if listed and described:
        return []
    if described:
        return [element.get("for", "") for element in _forwarded(request)]
    return [part.strip() for value in listed for part in value.split(",")][-100:]


def _forwarded(request: web.BaseRequest) -> list[dict[str, str]]:
    """The elements of `Forwarded`, none where all of it is not as RFC 7239 has it: a quote that a client opens would
    swallow what the proxy has written behind it."""
    text = ", ".join(request.headers.getall("Forwarded"))
    if not _FORWARDED.fullmatch(text):
        return []
    elements: list[dict[str, str]] = [{}]
    for name, value, separator in _PAIR.findall(text):
        elements[-1][name.lower()] = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        if separator == ",":
            elements.append({})
    return elements[-100:]


def _is_https(request: web.BaseRequest) -> bool:
    """What the nearest proxy says of the connection to it."""
    if "Forwarded" in request.headers:
        elements = _forwarded(request)
        return bool(elements) and elements[-1].get("proto", "").lower() == "https"
    return request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower() == "https"


def _is_same_site(request: web.BaseRequest) -> bool:
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        return False
    origin = request.headers.get("Origin")
    try:
        return origin is None or urlsplit(origin).netloc.lower() == request.host.lower()
    except ValueError:
        return False


def _parsed(text: str) -> Address | None:
    """An address; IPv4 written as IPv6 is IPv4."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _parsed_hop(text: str) -> Address | None:
    """An address of a forwarding header, with a port or without."""
    text = text.strip().strip('"')
    found = _IPV4_AND_PORT.fullmatch(text) or _IPV6_IN_BRACKETS.fullmatch(text)
    return _parsed(found.group(1) if found else text)
