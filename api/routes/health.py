"""Is the process up, can it work, and how is it doing."""

import asyncio
import os
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from temporalio.service import RPCError, RPCStatusCode

from api.services import Services, services
from api.status_metrics import status_metrics
from hub.status import Level
from hub.temporal import search_attributes

router = APIRouter(tags=["Health"])
PATIENCE_SECONDS = 3
MAY_NOT_ASK = {RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.UNIMPLEMENTED}


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """This process answers."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"description": "Says which of them does not answer"}})
async def ready(hub: Annotated[Services, Depends(services)]) -> JSONResponse:
    """The database and Temporal answer too, and Temporal has the hub's search attributes.

    `late` names what is not as it should be (`hub status` says more); requests are answered all the same.
    """
    found = {"database": await _database(hub), "temporal": await _temporal(hub)}
    if set(found.values()) != {"ok"}:
        return JSONResponse(found, 503)
    return JSONResponse({**found, "late": await _late(hub)})


async def _late(hub: Services) -> list[str]:
    """Areas only: everybody may ask."""
    found = await hub.status.get()
    return sorted({check.area for check in found.checks if check.level is not Level.OK}) if found else []


async def _database(hub: Services) -> str:
    failure = await hub.database.failure(PATIENCE_SECONDS)
    return failure or ("ok" if hub.ids else "NotReachedYet")


async def _temporal(hub: Services) -> str:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            healthy = await hub.temporal.service_client.check_health(timeout=timedelta(seconds=PATIENCE_SECONDS))
            lacking = [] if hub.attributes_known else await _lacking(hub)
    except (RPCError, RuntimeError, TimeoutError) as error:
        return type(error).__name__
    if lacking:
        return f"lacks the search attributes {', '.join(lacking)}: run hub migrate"
    hub.attributes_known = True
    return "ok" if healthy else "unhealthy"


async def _lacking(hub: Services) -> list[str]:
    """Search attributes that Temporal lacks; none where the hub may not ask."""
    try:
        return await search_attributes.missing(hub.temporal)
    except RPCError as error:
        if error.status not in MAY_NOT_ASK:
            raise
        return []


@router.get("/metrics", response_class=Response)
async def metrics(hub: Annotated[Services, Depends(services)]) -> Response:
    """Prometheus' text format: this process, or all that share its port; and how the hub is doing, by its database."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library has types but here
    text = generate_latest(registry) + status_metrics(await hub.status.get())
    return Response(text, media_type=CONTENT_TYPE_LATEST)
