"""How each API words an error that its seed does not describe: the one key of its JSON body."""

from hub.contracts import leanpub

DETAIL, ERROR, MESSAGE = "detail", "error", "message"

BY_PREFIX = {
    "/api/leads/partner-transfer": DETAIL,
    "/api/leads/from-dialer": ERROR,
    "/api/v4/leads/": DETAIL,
    "/api/v2/": MESSAGE,
    "/lead/": ERROR,
}

# Where a seed has its own answer to other methods than its own.
NOT_THIS_METHOD = {leanpub.ROUTE: (leanpub.NOT_POST.http_status, leanpub.NOT_POST.message)}


def envelope(path: str, message: str) -> dict[str, str]:
    """The error body of whichever API `path` belongs to; the hub's own routes use `detail`."""
    key = next((key for prefix, key in BY_PREFIX.items() if path.startswith(prefix)), DETAIL)
    return {key: message}
