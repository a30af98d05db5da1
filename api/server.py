"""The HTTP server around the app, and logs that tell of a fault without quoting its text."""

import logging
import socket
import traceback
from collections.abc import Sequence

import uvicorn

from api.protocol import PromptProtocol

# Longer than the 60 s after which proxies and clients let go: then it is they who close, and no request gets lost.
KEEP_ALIVE_SECONDS = 75
GRACE_SECONDS = 10
CONNECTIONS = 2000
"""Of one process; requests on more are answered 503 before they reach the app."""


def serve(host: str, port: int, sockets: Sequence[socket.socket] = ()) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way. `sockets`: instead of a port, listening already."""
    logging.getLogger("uvicorn.error").addFilter(_without_values)
    config = uvicorn.Config(
        "api.app:create_app",
        factory=True,
        host=host,
        port=port,
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
    uvicorn.Server(config).run(list(sockets) or None)


def _without_values(record: logging.LogRecord) -> bool:
    """Put an exception's kind and place in the place of its text, which may quote a person's data."""
    if record.exc_info and record.exc_info[0] is not None:
        kind, _, trace = record.exc_info
        places = " < ".join(f"{at.filename}:{at.lineno}" for at in reversed(traceback.extract_tb(trace)))
        record.msg, record.args, record.exc_info = "%s at %s", (kind.__name__, places), None
    return True
