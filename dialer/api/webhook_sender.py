"""Webhooks on the wire: one POST, to no address that is not allowed."""

import asyncio
import errno
import ipaddress
import os
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from dialer.dispatch.webhooks import DeliveryError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
RESOLVING_THREADS = 2
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class ForbiddenAddressError(OSError):
    """The administrator has not allowed this kind of address."""


class OwnResolver(AbstractResolver):
    """The system's resolver in threads of its own: names that do not resolve hold up nothing but webhooks."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(RESOLVING_THREADS, thread_name_prefix="webhook-names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Its addresses. Raises socket.gaierror."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, _resolve, host, port, family)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _resolve(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return [
        ResolveResult(hostname=host, host=_numeric(place), port=port, family=kind, proto=protocol, flags=flags)
        for kind, _, protocol, _, place in found
    ]


def _numeric(place: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]) -> str:
    """The address, with its interface where it is one of a link."""
    return socket.getnameinfo(place, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[0]


class HttpSender:
    """Sends over HTTP. The address is looked at when the connection is made: a name that resolves to something else
    than it did before does not get round it. Redirects are not followed."""

    def __init__(self, allow: Iterable[str], timeout_s: float, *, private: bool = True) -> None:
        """`private`: whether addresses of private networks (RFC 1918, RFC 4193) are allowed, too."""
        self._private = private
        self._allowed = [ipaddress.ip_network(network) for network in allow]
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._resolver = OwnResolver()
        self._session: aiohttp.ClientSession | None = None

    async def send(self, url: str, headers: dict[str, str], body: bytes | None) -> int:
        """The status of the reply, whose body nobody waits for; without a body of ours it is a GET. Raises
        DeliveryError."""
        if self._session is None:
            connector = aiohttp.TCPConnector(socket_factory=self._guarded_socket, resolver=self._resolver, limit=100)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar()
            )
        try:
            method = "GET" if body is None else "POST"
            address = URL(url, encoded=True)
            async with self._session.request(
                method, address, headers=headers, data=body, allow_redirects=False
            ) as response:
                return response.status
        except TimeoutError:
            raise DeliveryError(f"no reply within {self._timeout.total:g} s") from None
        except (aiohttp.ClientError, ValueError, OSError) as error:
            raise DeliveryError(_in_words(error)) from None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        await self._resolver.close()

    def _guarded_socket(self, info: "tuple[int, int, int, str, tuple[object, ...]]") -> socket.socket:
        family, kind, protocol, _, place = info
        self.check(str(place[0]))
        return socket.socket(family, kind, protocol)

    def check(self, text: str) -> None:
        """Raises ForbiddenAddressError for an address of this machine or this link, and for what is no host's."""
        address = _plain(ipaddress.ip_address(text.partition("%")[0]))
        if any(address in network for network in self._allowed):
            return
        if (
            address.is_loopback
            or address.is_link_local
            or address.is_unspecified
            or address.is_multicast
            or address.is_reserved
            or (address.is_private and not self._private)
            or (address.version == 4 and int(address) >> 24 == 0)
        ):
            raise ForbiddenAddressError(f"{address} is not allowed ([webhooks] allow)")


def _plain(address: Address) -> Address:
    """The IPv4 address in an IPv6 one, where that is what would be reached."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address.teredo is not None:
            return address.teredo[1]
        if address in _NAT64 or (int(address) >> 32 == 0 and int(address) > 1):
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _in_words(error: BaseException) -> str:
    """The reason, not the whole connection with its query."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ForbiddenAddressError):
            return str(cause)
        if isinstance(cause, BaseExceptionGroup) and cause.exceptions:
            return _in_words(cause.exceptions[0])
        if isinstance(cause, aiohttp.InvalidURL | UnicodeError):
            return "not an address that can be used"
        if isinstance(cause, aiohttp.ClientConnectorError):
            return _in_words(cause.os_error) if cause.os_error is not cause else "cannot be reached"
        if isinstance(cause, OSError) and cause.errno is not None and cause.errno in errno.errorcode:
            return os.strerror(cause.errno)
        if isinstance(cause, socket.gaierror):
            return cause.strerror or "unknown host"
        if cause.__cause__ is None:
            break
        cause = cause.__cause__
    return f"{type(cause).__name__}"
