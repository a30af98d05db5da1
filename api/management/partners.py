"""The tenants, for operators; who it is, for a partner's own key."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.management.access import By
from api.management.pages import Listed, PageQuery
from api.request_limit import MOST_REQUESTS
from hub.contracts import registry
from hub.store import admin
from hub.store.tables import Partner

operators = APIRouter()
partners = APIRouter()


class TenantOut(BaseModel):
    """A partner. `rate_limit` in 60 s, `daily_calls` in 24 h; see `hub partner set`."""

    id: int
    name: str
    api: str
    public_id: str | None
    rate_limit: int
    region: str | None
    production_ready: bool
    daily_calls: int | None
    dialer_id: int | None
    disabled_at: datetime | None
    created_at: datetime


class Limits(BaseModel):
    """Each counts within a rolling 60 s."""

    api: int = Field(description="Requests to the API (Partner API: leads), over all of its processes")
    management: int = Field(description="Requests to /v1/partner, at each of them")


class Identity(BaseModel):
    """Whose key this is, and what it opens."""

    id: int
    api: str
    title: str
    key_id: str = Field(description="The key's public part")
    scopes: list[str]
    expires_at: datetime | None
    production_ready: bool
    limits: Limits


@operators.get("/partners")
async def list_partners(by: By, query: Annotated[PageQuery, Query()]) -> Listed[TenantOut]:
    """All partners."""
    async with by.begin() as tx:
        page = await admin.page_of_rows(tx, Partner, query.page())
    return Listed(data=[TenantOut.model_validate(row) for row in page.items], next=page.next)


@partners.get("")
async def show_own_identity(by: By) -> Identity:
    """Which partner this key belongs to, and its limits."""
    holder = by.holder
    assert by.partner_id is not None and holder.api is not None  # noqa: S101, PT018 - a partner's key
    return Identity(
        id=by.partner_id,
        api=holder.api,
        title=registry.find(holder.api).title,
        key_id=holder.key_id,
        scopes=list(holder.scopes),
        expires_at=holder.expires_at,
        production_ready=holder.production_ready,
        limits=Limits(api=holder.rate_limit, management=MOST_REQUESTS),
    )
