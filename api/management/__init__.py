"""The management API: /v1 for operators, /v1/partner for a partner's own. Each subject is a file with its routers."""

from typing import Final

from fastapi import APIRouter, Depends, FastAPI

from api import problems
from api.management import audit, discounts, events, leads, partners
from api.management.access import operator, partner

OPERATORS: Final[tuple[APIRouter, ...]] = (
    leads.operators,
    discounts.operators,
    partners.operators,
    audit.operators,
)
PARTNERS: Final[tuple[APIRouter, ...]] = (partners.partners, audit.partners, events.partners)


def install(app: FastAPI) -> None:
    """Serve all of it. A subject's `both` serves both, its tenant fixed by the key."""
    for router in OPERATORS:
        guard = [Depends(operator)]
        app.include_router(router, prefix="/v1", tags=["Operators"], dependencies=guard, responses=problems.responses())
    for router in PARTNERS:
        guard, errors = [Depends(partner)], problems.responses(429)
        app.include_router(router, prefix="/v1/partner", tags=["Partner"], dependencies=guard, responses=errors)
