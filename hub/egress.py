"""The HTTP client for URLs that partners chose: every connection is checked by the IP address it goes to.

Hides aiohttp. The resolver drops denied addresses, the socket factory refuses them however they were written, and
nothing that a server sends has an effect: no redirect, no decompression, no cookie, no unlimited body.
"""

import asyncio
import errno
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import aiohttp
from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection

from hub.egress_rules import EgressDenied, EgressRules, check_url, is_loopback
from hub.webhooks import FailureKind

MAX_RESPONSE_BYTES: Final = 64 * 1024
TIMEOUT_SECONDS: Final = 15.0
_RETRY_AFTER_CHARS: Final = 100
# A lookup blocks its thread until the system's resolver gives up: names that time out must not use up all threads.
_LOOKUP_THREADS: Final = 32
# Common servers close idle connections after 5 s; a POST on a connection being closed is a failed attempt.
HEADERS: Final = {"Accept-Encoding": "identity", "User-Agent": "integration-hub"}
_KEEPALIVE_SECONDS: Final = 2.0

Lookup = Callable[[str, int], Sequence[AddrInfoType]]


@dataclass(frozen=True, slots=True)
class HttpReply:
    """The server's response. `body`: its first 64 KiB at most, undecoded. `address`: the IP address connected to."""

    status: int
    body: bytes
    address: str
    retry_after: str | None
    duration_ms: int


class EgressFailure(Exception):
    """No response. `address` is the last IP address tried, None before any; the text holds neither URL nor content."""

    def __init__(self, kind: FailureKind, detail: str, address: str | None, duration_ms: int) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind: Final = kind
        self.address: Final = address
        self.duration_ms: Final = duration_ms


class Egress:
    """One process's client: `async with Egress(rules) as egress`.

    It limits no connections: one host may have many partners' endpoints, and how many attempts each endpoint and each
    partner may have under way is counted before (hub.store.delivery_claims).
    """

    def __init__(
        self,
        rules: EgressRules,
        *,
        tls: ssl.SSLContext | None = None,
        lookup: Lookup | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self._rules = rules
        self._tls = tls or ssl.create_default_context()
        self._lookup = lookup or _getaddrinfo
        self._timeout = timeout

    async def __aenter__(self) -> Self:
        self._resolver = _Resolver(self._rules, self._lookup)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                keepalive_timeout=_KEEPALIVE_SECONDS,
                resolver=self._resolver,
                socket_factory=self._open_socket,
                ssl=self._tls,
            ),
            response_class=_Response,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=HEADERS,
            # aiohttp's timeouts do not end a slow trickle of bytes: asyncio.timeout bounds the whole attempt instead.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            auto_decompress=False,
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        await self._resolver.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> HttpReply:
        """Make one attempt of at most 15 s, the response's body included; any status is a response.

        Raises EgressFailure when there is no response.
        """
        attempt = _Attempt(time.monotonic())
        _ATTEMPT.set(attempt)
        try:
            check_url(url, self._rules)
            async with (
                asyncio.timeout(self._timeout),
                self._session.post(url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                content = await _first_bytes(response)
                retry_after = response.headers.get("Retry-After")
        except (EgressDenied, aiohttp.ClientError, TimeoutError) as error:
            # Not chained: aiohttp's errors quote the URL and what the server sent.
            detail = str(error) if isinstance(error, EgressDenied) else type(error).__name__
            raise EgressFailure(_kind(error), detail, attempt.address, attempt.duration_ms) from None
        return HttpReply(
            status=response.status,
            body=content,
            address=attempt.address or "",
            retry_after=retry_after[:_RETRY_AFTER_CHARS] if retry_after else None,
            duration_ms=attempt.duration_ms,
        )

    def _open_socket(self, info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        ip_address = str(address[0])
        # Loopback is permitted here; a name that resolves to it was stopped by the resolver.
        if not self._rules.permits(ip_address, loopback=True):
            raise _AddressDeniedError
        _ATTEMPT.get().address = ip_address
        return socket.socket(family, kind, protocol)


@dataclass(slots=True)
class _Attempt:
    """What is known of an attempt, wherever it fails."""

    started: float
    address: str | None = None

    @property
    def duration_ms(self) -> int:
        return round((time.monotonic() - self.started) * 1000)


_ATTEMPT: ContextVar[_Attempt] = ContextVar("attempt")


class _AddressDeniedError(OSError):
    """An OSError, so that aiohttp tries the name's next address."""

    def __init__(self) -> None:
        super().__init__(errno.EACCES, "address not allowed")


class _Response(aiohttp.ClientResponse):
    """Records the address also when a connection is reused."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        peer = connection.transport.get_extra_info("peername") if connection.transport else None
        if peer:
            _ATTEMPT.get().address = str(peer[0])
        return await super().start(connection)


class _Resolver(AbstractResolver):
    """Looks names up in its own threads and drops every address that the rules deny."""

    def __init__(self, rules: EgressRules, lookup: Lookup) -> None:
        self._rules = rules
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(_LOOKUP_THREADS, thread_name_prefix="lookup")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        try:
            infos = await asyncio.get_running_loop().run_in_executor(self._threads, self._lookup, host, port)
        except UnicodeError as error:  # IDNA has no form for the name
            raise socket.gaierror(socket.EAI_NONAME, "not a host name") from error
        results = [_resolved(host, port, info) for info in infos if family in (socket.AF_UNSPEC, info[0])]
        loopback = is_loopback(host)
        permitted = [result for result in results if self._rules.permits(result["host"], loopback=loopback)]
        if not results:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        if not permitted:
            raise _AddressDeniedError
        return permitted

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _getaddrinfo(host: str, port: int) -> Sequence[AddrInfoType]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def _resolved(host: str, port: int, info: AddrInfoType) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=str(info[4][0]),
        port=port,
        family=info[0],
        proto=info[2],
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )


async def _first_bytes(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) >= MAX_RESPONSE_BYTES:
            break  # aiohttp closes a connection whose body was not read
    return bytes(body[:MAX_RESPONSE_BYTES])


def _kind(error: Exception) -> FailureKind:
    match error:
        case EgressDenied() | aiohttp.InvalidURL() | aiohttp.ClientConnectorError(os_error=_AddressDeniedError()):
            return "denied"
        case TimeoutError():
            return "timeout"
        case aiohttp.ClientSSLError():
            return "tls"
        case aiohttp.ClientConnectorDNSError():
            return "dns"
        case aiohttp.ClientConnectorError():
            return "connect"
        case _:
            return "protocol"
