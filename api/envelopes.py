"""How each API words an error that its owner does not document: the one key of its JSON body."""

from hub.contracts import registry

DETAIL = "detail"


def envelope(path: str, message: str) -> dict[str, str]:
    """The error body of whichever API `path` belongs to; the hub's own routes use `detail`."""
    api = registry.serving(path)
    return {api.error_key if api else DETAIL: message}


def wrong_method(path: str) -> tuple[int, str] | None:
    """Status and message for a method that `path` does not have, where its API has words of its own for that."""
    api = registry.serving(path)
    return api.wrong_method if api else None
