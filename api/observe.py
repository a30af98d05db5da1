"""Every call is logged and counted: who, which route, outcome, duration, request id. Never a query, a body or a key."""

import re
from time import perf_counter
from uuid import uuid4

import structlog
from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger()
REQUESTS = Counter("hub_http_requests_total", "Requests by route and status", ["route", "status"])
PARTNERS = Counter("hub_partner_requests_total", "Requests of known partners by status", ["api", "partner", "status"])
SECONDS = Histogram(
    "hub_http_request_seconds",
    "Time from the request's head to the answer's end",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
GIVEN_ID = re.compile(rb"[!-~]{1,255}")


class TrailingSlash:
    """Every path answers with and without it, never by a redirect: many clients would lose their body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "/")
        if scope["type"] == "http" and path != "/" and path.endswith("/"):
            scope["path"] = path.rstrip("/") or "/"
        await self._app(scope, receive, send)


class Observe:
    """Outermost middleware: gives each request an id of the hub's own, which is logged, stored and answered.

    A caller's X-Request-Id may be personal: it is answered as X-Correlation-Id, and neither logged nor stored.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        request_id = uuid4().hex
        headers = [(b"x-request-id", request_id.encode())]
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        if GIVEN_ID.fullmatch(given):
            headers.append((b"x-correlation-id", given))
        scope.setdefault("state", {})["request_id"] = request_id
        status = 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), *headers]
                _keep_out_of_caches(message["headers"])
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, answer)
            finally:
                self._note(scope, status, perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        # The template, not the path: that may hold ids, and metrics must not grow with them.
        route = getattr(scope.get("route"), "path", "unknown")
        REQUESTS.labels(route, status).inc()
        SECONDS.labels(route).observe(seconds)
        if partner := scope["state"].get("partner"):
            PARTNERS.labels(*partner, status).inc()
        caller = scope["state"].get("caller")
        log.info(
            "request", method=scope["method"], route=route, status=status, caller=caller, ms=round(seconds * 1000, 1)
        )


def _keep_out_of_caches(headers: list[tuple[bytes, bytes]]) -> None:
    """JSON may hold personal data, and a proxy may keep what was answered to a key in X-API-Key."""
    named = dict(headers)
    if b"json" in named.get(b"content-type", b"") and b"cache-control" not in named:
        headers.append((b"cache-control", b"no-store"))
