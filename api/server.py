"""The HTTP server around the app."""

import asyncio
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress

import uvicorn

from api.protocol import PromptProtocol
from hub.errors import DatabaseUnavailable
from hub.settings import load_settings
from hub.store import canary

# Longer than the 60 s after which proxies and clients let go: then it is they who close, and no request gets lost.
KEEP_ALIVE_SECONDS = 75
GRACE_SECONDS = 10
EXIT_NOT_STARTED = 3  # as uvicorn itself does
CONNECTIONS = 2000
"""Of one process; requests on more are answered 503 before they reach the app."""


def serve(sockets: Sequence[socket.socket]) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way. `sockets` are listening already.

    Raises Misconfigured, and SystemExit when it could not start.
    """
    _check_keys()
    config = uvicorn.Config(
        "api.app:create_app",
        factory=True,
        http=PromptProtocol,
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        # X-Forwarded-For is judged by hub.keys.client_ip, which knows the proxies to be trusted.
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = uvicorn.Server(config)
    server.run(list(sockets))
    if not server.started:
        sys.exit(EXIT_NOT_STARTED)


def _check_keys() -> None:
    """Before the server starts, as its traceback would hide the reason. A database that is away is checked later."""
    settings = load_settings()
    with suppress(DatabaseUnavailable):
        asyncio.run(canary.check_database(settings))
