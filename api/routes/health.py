"""Is the process up, can it work, and how is it doing."""

import asyncio
import os
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from temporalio.service import RPCError

from api.services import Services, services
from hub.errors import DatabaseUnavailable

router = APIRouter(tags=["Health"])
PATIENCE_SECONDS = 3


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """This process answers."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"description": "Says which of them does not answer"}})
async def ready(hub: Annotated[Services, Depends(services)]) -> JSONResponse:
    """The database and Temporal answer too."""
    found = {"database": await _database(hub), "temporal": await _temporal(hub)}
    return JSONResponse(found, 200 if set(found.values()) == {"ok"} else 503)


async def _database(hub: Services) -> str:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await hub.database.ping()
    except DatabaseUnavailable as error:
        return error.failure
    except TimeoutError:
        return "TimeoutError"
    return "ok"


async def _temporal(hub: Services) -> str:
    try:
        healthy = await hub.temporal.service_client.check_health(timeout=timedelta(seconds=PATIENCE_SECONDS))
    except (RPCError, RuntimeError, TimeoutError) as error:
        return type(error).__name__
    return "ok" if healthy else "unhealthy"


@router.get("/metrics", response_class=Response)
async def metrics() -> Response:
    """Prometheus' text format: this process, or all that share its port."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library has types but here
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
