"""The management API: /v1 for operators, /v1/partner for a partner's own. Each subject is a file with its routers."""

from typing import Final

from fastapi import APIRouter, Depends, FastAPI

from api import problems
from api.management import (
    audit,
    deliveries,
    discounts,
    endpoints,
    events,
    leads,
    partners,
    replays,
    requests,
    status,
    suppressions,
)
from api.management.access import operator, partner

OPERATORS: Final[tuple[APIRouter, ...]] = (
    status.operators,
    leads.operators,
    leads.both,
    requests.operators,
    discounts.operators,
    discounts.both,
    suppressions.operators,
    endpoints.operators,
    endpoints.both,
    deliveries.operators,
    deliveries.both,
    replays.operators,
    replays.both,
    partners.operators,
    audit.operators,
)
PARTNERS: Final[tuple[APIRouter, ...]] = (
    partners.partners,
    leads.partners,
    leads.both,
    requests.partners,
    discounts.both,
    endpoints.partners,
    endpoints.both,
    deliveries.partners,
    deliveries.both,
    replays.partners,
    replays.both,
    events.partners,
    audit.partners,
)


def install(app: FastAPI) -> None:
    """Serve all of it. A subject's `both` serves both, its tenant fixed by the key."""
    for router in OPERATORS:
        guard = [Depends(operator)]
        app.include_router(router, prefix="/v1", tags=["Operators"], dependencies=guard, responses=problems.responses())
    for router in PARTNERS:
        guard, errors = [Depends(partner)], problems.responses(429)
        app.include_router(router, prefix="/v1/partner", tags=["Partner"], dependencies=guard, responses=errors)
