"""Where the hub may send to: which URLs an endpoint may have, and which IP addresses may be connected to.

`check_url` runs when an endpoint is created and before each attempt; `EgressRules.permits` checks the addresses that
its name resolves to, at each connect.
"""

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from yarl import URL

from hub.keys import Address, Network

_MAX_URL_CHARS: Final = 2048
_UNSAFE: Final = re.compile(r"[\x00-\x20\x7f\\]")
_NAME: Final = re.compile(
    r"(?=.{1,253}\.?$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z][a-z0-9-]{0,61}[a-z0-9]\.?"
)

# Denied besides what `is_global` denies: that differs between Python versions, and counts several blocks as global
# that are private networks or tunnel into them.
_DENIED: Final[tuple[Network, ...]] = tuple(
    ip_network(cidr)
    for cidr in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host agent
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        # Only 2000::/3 is allocated for the public internet; these three are the rest, with loopback, IPv4 within IPv6,
        # NAT64, segment routing, unique local, site local, link local and multicast.
        "::/3",
        "4000::/2",
        "8000::/1",
        "2001::/23",  # protocol assignments: Teredo, ORCHID and others
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
    )
)


class EgressDenied(Exception):
    """The rules deny this URL; the text says why, and may be shown to its owner."""


@dataclass(frozen=True, slots=True)
class EgressRules:
    """The operator's rules. `development` permits loopback by its own name or address, on any port, without TLS.

    `networks` are permitted although they are not public; TLS and ports are required for them too.
    """

    development: bool = False
    ports: frozenset[int] = field(default=frozenset({443, 8443}))
    networks: Sequence[Network] = ()

    def permits(self, text: str, *, loopback: bool = False) -> bool:
        """Whether an IP address may be connected to. `loopback`: the URL named loopback itself."""
        address = _unmapped(ip_address(text))
        if loopback and self.development and address.is_loopback:
            return True
        if any(address in network for network in self.networks):
            return True
        return address.is_global and not any(address in network for network in _DENIED)


def check_url(url: str, rules: EgressRules) -> None:
    """Raise EgressDenied unless the URL is permitted, as far as can be judged without resolving its name."""
    parsed = _parse(url)
    host = parsed.raw_host or ""
    address = _literal(host)
    loopback = rules.development and is_loopback(host)
    if parsed.scheme != "https" and not (loopback and parsed.scheme == "http"):
        raise EgressDenied("url must start with https://")
    if parsed.user is not None or parsed.password is not None:
        raise EgressDenied("url must not contain a user name or password")
    if not loopback and parsed.port not in rules.ports:
        raise EgressDenied(f"url has a port that is not allowed: use one of {', '.join(map(str, sorted(rules.ports)))}")
    if address is None and not _NAME.fullmatch(host.lower()):
        raise EgressDenied("url has no valid host name")
    if not loopback and (is_loopback(host) if address is None else not rules.permits(str(address))):
        raise EgressDenied("url points to an address that is not public")


def is_loopback(host: str) -> bool:
    """Whether a URL's host is loopback by name or address, without resolving it."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return _unmapped(ip_address(host)).is_loopback
    except ValueError:
        return False


def _parse(url: str) -> URL:
    if len(url) > _MAX_URL_CHARS:
        raise EgressDenied(f"url is longer than {_MAX_URL_CHARS} characters")
    if _UNSAFE.search(url):
        raise EgressDenied("url contains spaces, control characters or backslashes")
    try:
        # The parser that aiohttp uses: another one could read another host.
        return URL(url)
    except (ValueError, IndexError):  # yarl raises IndexError for an empty host after "@"
        raise EgressDenied("url is not a valid URL") from None


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        socket.inet_aton(host)
    except (OSError, UnicodeError):
        return None
    raise EgressDenied("url has a number for a host: write an IPv4 address as four decimal numbers")


def _unmapped(address: Address) -> Address:
    match address:
        case IPv6Address(ipv4_mapped=IPv4Address() as inner):
            return inner
    return address
