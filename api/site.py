"""Console and portal: which pages each of them has."""

from typing import Final

from fastapi import FastAPI

from api.console import calls, discounts, health, partners, suppressions
from api.portal import start
from api.web import account, audit, deliveries, endpoints, keys, leads, oidc, pages, people, requests, sign_in
from api.web.areas import AREAS, CONSOLE, PORTAL

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
    CONSOLE: (health.router, oidc.router, calls.router, discounts.router, partners.router, suppressions.router),
    PORTAL: (start.router,),
}


def install(app: FastAPI) -> None:
    """Mount them all."""
    for area in AREAS:
        for router in (*SHARED, *OWN[area]):
            app.include_router(router, prefix=area.path)
