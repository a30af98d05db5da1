"""How the hub is doing."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

from api.management.access import By
from hub.status import (
    Check,
    DeliveriesStatus,
    DialerStatus,
    EndpointStatus,
    Level,
    OutboxStatus,
    RefusedRequests,
    RoleStatus,
)
from hub.store import status

operators = APIRouter()


class Status(BaseModel):
    """What the database shows. `level` is the worst of the `checks`, which say what to do; the rest is what they judge.

    `leads_late_since`: when the longest waiting lead was due. `comparison_since`: since when open calls are compared
    with Temporal after a restart. `oldest_body_at`: when the oldest body came that is still kept.
    `journal_at`: of the latest entry. `endpoints`: the latest to fail, of those that are counted.
    """

    level: Level
    at: datetime
    checks: list[Check]
    workers: list[RoleStatus]
    outbox: list[OutboxStatus]
    dialers: list[DialerStatus]
    endpoints: list[EndpointStatus]
    endpoints_failing: int
    endpoints_disabled: int
    deliveries: DeliveriesStatus
    refused: list[RefusedRequests]
    leads_late_since: datetime | None
    comparison_since: datetime | None
    oldest_body_at: datetime | None
    journal_at: datetime | None


@operators.get("/status")
async def show_status(by: By) -> Status:
    """Workers per role, outbox, oldest due lead, dialers, webhooks, refused requests; of Temporal: `/readyz`."""
    async with by.begin() as tx:
        found = await status.load(tx)
    return Status.model_validate(found.as_json())
