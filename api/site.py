"""Console and portal: which pages each of them has."""

from http import HTTPStatus
from typing import Final

from fastapi import FastAPI
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from api.console import agents, calls, campaigns, dialers, discounts, health, partners, products, suppressions
from api.portal import start
from api.web import (
    account,
    audit,
    deliveries,
    endpoints,
    keys,
    leads,
    oidc,
    pages,
    people,
    portal_sessions,
    requests,
    sign_in,
)
from api.web.areas import AREAS, CONSOLE, PORTAL, area_of

ALIVE: Final = "/healthz"
SHARED: Final = (
    pages.router,
    sign_in.router,
    account.router,
    people.router,
    leads.router,
    requests.router,
    endpoints.router,
    deliveries.router,
    audit.router,
    keys.router,
)
"""In both: what they show and change is fixed to the visitor's partner in the portal."""

OWN: Final = {
    CONSOLE: (
        health.router,
        oidc.router,
        calls.router,
        dialers.router,
        discounts.router,
        campaigns.router,  # before partners.router, whose last path takes any action
        agents.router,
        portal_sessions.console,
        products.router,
        partners.router,
        suppressions.router,
    ),
    PORTAL: (start.router, portal_sessions.portal),
}


class ConsolePort:
    """With a port of its own the console is on that port and nowhere else, and on that port is nothing else."""

    def __init__(self, app: ASGIApp, port: int | None) -> None:
        self._app, self._port = app, port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._port is not None and scope["type"] == "http":
            on_its_port = scope["server"][1] == self._port
            if on_its_port != (area_of(scope["path"]) is CONSOLE) and scope["path"] != ALIVE:
                await JSONResponse({"detail": "Not Found"}, HTTPStatus.NOT_FOUND)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def install(app: FastAPI) -> None:
    """Mount them all."""
    for area in AREAS:
        for router in (*SHARED, *OWN[area]):
            app.include_router(router, prefix=area.path)
