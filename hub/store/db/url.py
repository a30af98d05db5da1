"""A database URL as PostgreSQL's own tools write it, TLS included, becomes what the driver's `connect` takes."""

import ssl
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

CONNECT_SECONDS = 5
SCHEMES: Final = ("postgresql+asyncpg", "postgres")
# libpq's own; the driver would send them to the server as settings, which refuses them.
LIBPQ_ONLY: Final = {
    "channel_binding",
    "connect_timeout",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "tcp_user_timeout",
}
SYSTEM_CERTIFICATES: Final = ("sslrootcert", "system")


def plain_url(url: str) -> str:
    """`url` with the scheme `postgresql`, without the driver's name that SQLAlchemy's URLs have."""
    for scheme in SCHEMES:
        if url.startswith(f"{scheme}://"):
            return "postgresql" + url.removeprefix(scheme)
    return url


def connect_arguments(url: str) -> dict[str, Any]:
    """Keyword arguments for `asyncpg.connect`: the driver itself reads `sslmode`, `sslrootcert` and the like.

    `sslrootcert=system` (libpq 16) means the machine's own certificates, for which the driver has no word.
    """
    parts = urlsplit(plain_url(url))
    query = parse_qsl(parts.query, keep_blank_values=True)
    kept = [pair for pair in query if pair[0] not in LIBPQ_ONLY]
    arguments: dict[str, Any] = {"timeout": CONNECT_SECONDS}
    if SYSTEM_CERTIFICATES in kept:
        kept = [(name, value) for name, value in kept if name not in {"sslmode", "sslrootcert"}]
        arguments["ssl"] = ssl.create_default_context()
    return {"dsn": urlunsplit(parts._replace(query=urlencode(kept))), **arguments}
