"""Requests to destinations, from inside a network that must not be reached through them.

In:     what to send where
Out:    Reply of a status of 2xx
Fails:  Refused (this request can never succeed); Away (the destination is at fault; later perhaps)

Whoever may write the configuration, or the DNS of a name in it, could otherwise make the auditor ask the cloud's
metadata service or the machines beside it. So every address is checked after its name was resolved, and it is that
address which is connected to; redirects are not followed; answers are read up to a limit. A proxy resolves names
itself: with one, the guard of names is its, and its own address is checked as any other is.
"""

from __future__ import annotations

import asyncio
import email.utils
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp
from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult
from pydantic import Field

from pipeline.kit.checked import Strict
from pipeline.kit.failures import Permanent, Transient

#: Bytes of an answer that are read; seconds of Retry-After that are honoured at most.
ANSWER, LONGEST = 64 * 1024, 3600.0
#: Statuses that are about the one alert. All other failures are about the destination: it may be mended.
_ABOUT_THIS = {400, 406, 409, 411, 413, 414, 415, 422, 431}
#: IPv6 networks that carry an IPv4 address in their last 32 bits: NAT64, and what was once called compatible.
_CARRIERS = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "::/96")))
#: IPv6 networks that are nobody's but a site's, which Python 3.11 takes for public (RFC 3879, RFC 8215).
_SITES = tuple(map(ipaddress.ip_network, ("fec0::/10", "64:ff9b:1::/48")))
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Refused(Permanent):
    """This alert can never be told to this destination."""

    def __init__(self, reason: str, status: int = 0) -> None:
        super().__init__(reason)
        self.status = status


class Away(Transient):
    """The destination does not take anything now."""

    def __init__(self, reason: str, status: int = 0, retry_after: float = 0.0) -> None:
        """`retry_after`: seconds that it asked us to wait; 0 if it did not."""
        super().__init__(reason)
        self.status, self.retry_after = status, retry_after


class Reply(NamedTuple):
    """What a destination answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Tls(Strict):
    """Certificates: who is trusted besides the system's authorities, and who we are (mTLS)."""

    ca: Path | None = Field(None, strict=False)
    certificate: Path | None = Field(None, strict=False)
    key: Path | None = Field(None, strict=False)

    def context(self) -> ssl.SSLContext:
        """For a client. Raises Away when a file is not there or not as it must be."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise Away(f"tls: a certificate cannot be read: {error}") from error
        return context


class Wire:
    """The connections of one destination."""

    def __init__(
        self, *, timeout: float = 10.0, tls: Tls | None = None, proxy: str | None = None,
        allowed: Iterable[Network] = (), resolver: Callable[[], AbstractResolver] = aiohttp.ThreadedResolver,
    ) -> None:  # fmt: skip
        """`allowed`: networks that are not public and may be reached all the same."""
        self._timeout, self._tls, self._proxy = timeout, tls or Tls(), proxy
        self._allowed = list(allowed)
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send one request. Raises Refused; Away."""
        self._check_literal(url)
        try:
            async with self._open().request(
                method, url, data=body, headers={"Accept-Encoding": "identity", **(headers or {})},
                allow_redirects=False, proxy=self._proxy,
            ) as answer:  # fmt: skip
                reply = Reply(
                    answer.status, {k.lower(): v for k, v in answer.headers.items()}, await _beginning(answer.content)
                )
        except aiohttp.InvalidURL as error:
            raise Refused(f"not a URL: {error}") from error
        except TimeoutError as error:
            raise Away(f"no answer within {self._timeout:g} s") from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise Away(f"its certificate is not trusted: {error.certificate_error}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Away(f"{type(error).__name__}: {error}"[:500]) from error
        return _judged(reply)

    @property
    def timeout(self) -> float:
        """Seconds for one attempt."""
        return self._timeout

    def context(self) -> ssl.SSLContext:
        """Of its TLS. Raises Away."""
        return self._tls.context()

    async def connect(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A stream of bytes, for what is not HTTP. Raises Away."""
        try:
            async with asyncio.timeout(self._timeout):
                return await _first(await self._addresses(host, port), port)
        except TimeoutError as error:
            raise Away(f"no connection within {self._timeout:g} s") from error
        except OSError as error:
            raise Away(f"{type(error).__name__}: {error}"[:500]) from error

    async def reachable(self, host: str) -> None:
        """Raises Away if a host may not be reached; for those who connect by themselves."""
        try:
            async with asyncio.timeout(self._timeout):
                await self._addresses(host, 0)
        except TimeoutError as error:
            raise Away(f"{host}: its name is not resolved within {self._timeout:g} s") from error

    async def close(self) -> None:
        """Give back connections."""
        session, self._session = self._session, None
        if session is not None:
            # Whoever asks while this one closes gets another.
            await session.close()

    async def _addresses(self, host: str, port: int) -> list[ResolveResult]:
        resolver = _Guarded(self._resolver(), self._allowed)
        try:
            return await resolver.resolve(host, port, socket.AF_UNSPEC)
        finally:
            await resolver.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=_Guarded(self._resolver(), self._allowed), ssl=self._tls.context(), ttl_dns_cache=30,
                socket_factory=self._socket,
            )  # fmt: skip
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=aiohttp.ClientTimeout(total=self._timeout),
                cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False,
            )  # fmt: skip
        return self._session

    def _socket(self, address: AddrInfoType) -> socket.socket:
        """Once more, of what is connected to, however it was written."""
        host = str(address[4][0])
        found = _address(host)
        if found is None:
            raise Away(f"{host[:200]} is not a plain address")
        check(found, self._allowed)
        return socket.socket(*address[:3])

    def _check_literal(self, url: str) -> None:
        """An address in a URL is not resolved, so it is checked here."""
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError as error:
            raise Refused(f"not a URL: {error}") from error
        if parts.scheme not in ("http", "https") or not host:
            raise Refused(f"expected a URL of http or https, got {url[:200]!r}")
        if self._proxy is None and (address := _address(host)) is not None:
            check(address, self._allowed)


class _Guarded(AbstractResolver):
    """Resolves names to those of their addresses that may be reached."""

    def __init__(self, inner: AbstractResolver, allowed: list[Network]) -> None:
        self._inner, self._allowed = inner, allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """See AbstractResolver. Raises Away if none may be reached."""
        literal = _address(host)
        if literal is not None:
            check(literal, self._allowed)
        try:
            found = await self._inner.resolve(host, port, family)
        except OSError as error:
            raise Away(f"{host}: its name cannot be resolved: {error.strerror or error}") from error
        reasons = []
        may = []
        for one in found:
            try:
                check(ipaddress.ip_address(one["host"].partition("%")[0]), self._allowed)
                may.append(one)
            except Away as refused:
                reasons.append(str(refused))
        if not may:
            raise Away(f"{host}: {reasons[0] if reasons else 'has no address'}")
        return may

    async def close(self) -> None:
        """See AbstractResolver."""
        await self._inner.close()


def check(address: Address, allowed: Iterable[Network]) -> None:
    """Raises Away unless an address is public, or in a network that is allowed."""
    inner = _within(address)
    for one in {address, inner}:
        if any(one.version == network.version and one in network for network in allowed):
            return
    if not inner.is_global or inner.is_multicast or any(inner in site for site in _SITES):
        raise Away(f"{address} is not a public address; add it to `allow` if it is meant")


def _within(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.is_loopback or address.is_unspecified:
        return address
    if any(address in carrier for carrier in _CARRIERS):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


async def _first(found: list[ResolveResult], port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """To the first address that takes the connection."""
    *others, last = found
    for one in others:
        try:
            return await asyncio.open_connection(one["host"], port)
        except OSError:
            continue
    return await asyncio.open_connection(last["host"], port)


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    """Of an answer; it comes in pieces."""
    found = b""
    while len(found) < ANSWER and (piece := await content.read(ANSWER - len(found))):
        found += piece
    return found


def _judged(reply: Reply) -> Reply:
    if 200 <= reply.status < 300:
        return reply
    said = f"HTTP {reply.status}: {reply.body[:300].decode('utf-8', 'replace')}".rstrip(": ")
    if 300 <= reply.status < 400:
        raise Away(f"HTTP {reply.status}: redirects are not followed; configure where it leads to", reply.status)
    if reply.status in _ABOUT_THIS:
        raise Refused(said, reply.status)
    raise Away(said, reply.status, retry_after(reply.headers.get("retry-after", "")))


def retry_after(text: str, now: Callable[[], float] = time.time) -> float:
    """Seconds that a Retry-After asks for (a number or a date, RFC 9110), at most LONGEST; 0 if it is neither."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(text).timestamp() - now()
        except (ValueError, TypeError, OverflowError):
            return 0.0
    return min(max(seconds, 0.0), LONGEST) if seconds == seconds else 0.0  # noqa: PLR0124  (not a number)
