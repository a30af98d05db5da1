"""API keys: their text, what is stored of them, and from which addresses they may be used.

    hub_partner_3kTz9QpLw2Xa_<32 random characters><6 characters of CRC32>

All of it is `[0-9A-Za-z_]`: safe in a header and in a query without escapes. `PATTERN` is for secret scanners, which
recognise real keys by the checksum: zlib's CRC32 of all before it, as 6 base62 digits.
"""

import hmac
import re
import secrets
import string
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Literal, get_args

Kind = Literal["partner", "dialer", "admin"]
READ_ONLY: Final = "admin:read"
"""The scope of an operator's key that changes nothing; that of the others is their kind, `admin`."""

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_CHARS: Final = 12
_RANDOM_CHARS: Final = 32
_CRC_CHARS: Final = 6
_MAX_CHARS: Final = 80
# The longest written address is 45 characters; a port, brackets and a zone are allowed beside it.
_MAX_ADDRESS_CHARS: Final = 80

PATTERN: Final = (
    rf"hub_({'|'.join(get_args(Kind))})_([0-9A-Za-z]{{{_ID_CHARS}}})_[0-9A-Za-z]{{{_RANDOM_CHARS + _CRC_CHARS}}}"
)
_KEY: Final = re.compile(PATTERN)
_WITH_PORT: Final = re.compile(r"\[([^]]*)\](?::\d{1,5})?|([0-9.]+):\d{1,5}")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. `text` is shown once and never stored; `key_id` and `digest` (32 bytes) are."""

    text: str = field(repr=False)
    key_id: str
    digest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ParsedKey:
    """What a well-formed key says of itself; only `matches` says whether it is genuine."""

    kind: Kind
    key_id: str


def mint(kind: Kind, pepper: bytes) -> NewKey:
    """Make a key with 190 random bits."""
    key_id = _random(_ID_CHARS)
    body = f"hub_{kind}_{key_id}_{_random(_RANDOM_CHARS)}"
    text = body + _checksum(body)
    return NewKey(text, key_id, digest(text, pepper))


def parse(text: str) -> ParsedKey | None:
    """Read a presented key; None for anything that the hub can't have made, so that junk costs no query."""
    if len(text) > _MAX_CHARS:
        return None
    match = _KEY.fullmatch(text)
    if match is None or _checksum(text[:-_CRC_CHARS]) != text[-_CRC_CHARS:]:
        return None
    kind: Kind = match[1]  # type: ignore[assignment]  # the pattern is made of the kinds
    return ParsedKey(kind, match[2])


def digest(text: str, pepper: bytes) -> bytes:
    """Return the 32 bytes that are stored in the key's place: HMAC-SHA256 with the pepper from the settings."""
    # The prefix keeps these apart from anything else that is hashed with the same pepper.
    return hmac.digest(pepper, b"hub api key\0" + text.encode(errors="surrogatepass"), "sha256")


def matches(text: str, stored: bytes, pepper: bytes) -> bool:
    """Say whether the presented key is the stored one, in a time that does not depend on how nearly."""
    return hmac.compare_digest(digest(text, pepper), stored)


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read addresses and CIDRs from the settings or a key's allow-list; ValueError names the first that is neither."""
    return tuple(ip_network(text.strip(), strict=False) for text in texts)


def client_ip(peer: str | None, x_forwarded_for: str | None, trusted_proxies: Sequence[Network]) -> Address | None:
    """Return the caller's address: the peer, or behind configured proxies the rightmost address that isn't one.

    `x_forwarded_for`: all such headers joined by commas. When every hop is a proxy, the first of them is the caller.
    None when the address is not known (a Unix socket, a proxy that wrote `unknown`): no allow-list contains it.
    """
    address = _address(peer or "")
    hops = x_forwarded_for.split(",") if x_forwarded_for else []
    while address is not None and hops and _within(address, trusted_proxies):
        address = _address(hops.pop())
    return address


def allowed(ip: Address | None, cidrs: Sequence[Network]) -> bool:
    """Say whether a key with this allow-list may be used from the address; an empty list allows every one."""
    return not cidrs or (ip is not None and _within(ip, cidrs))


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    rest = zlib.crc32(body.encode())
    digits = ""
    for _ in range(_CRC_CHARS):
        rest, digit = divmod(rest, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits


def _address(text: str) -> Address | None:
    text = text.strip()
    if len(text) > _MAX_ADDRESS_CHARS:
        return None
    if match := _WITH_PORT.fullmatch(text):
        text = match[1] or match[2] or ""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A dual-stack socket writes IPv4 callers as ::ffff:192.0.2.1.
    return getattr(address, "ipv4_mapped", None) or address


def _within(address: Address, nets: Sequence[Network]) -> bool:
    return any(address in net for net in nets)
