"""The tenants and links to their portals, for operators; who it is, for a partner's own key."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api import problems
from api.fields import PathId
from api.management.access import By
from api.management.pages import Listed, PageQuery
from api.request_limit import MOST_REQUESTS
from hub.accounts import Role
from hub.contracts import registry
from hub.store import admin, sign_ins
from hub.store.db.engine import Tx
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


class NewLink(BaseModel):
    """`role`: what whoever comes by the link may do in the portal."""

    model_config = ConfigDict(extra="forbid")
    role: Role = Role.VIEWER


class PortalLink(BaseModel):
    """Works once, within 15 minutes, for whoever has it."""

    link: str


@operators.get("/partners")
async def list_partners(by: By, query: Annotated[PageQuery, Query()]) -> Listed[TenantOut]:
    """All partners."""
    async with by.begin() as tx:
        page = await admin.page_of_rows(tx, Partner, query.page())
    return Listed(data=[TenantOut.model_validate(row) for row in page.items], next=page.next)


@operators.post(
    "/partners/{partner_id}/portal-link",
    status_code=201,
    response_model=PortalLink,
    **problems.change_by(NewLink, {"role": "viewer"}, 404),
)
async def make_portal_link(by: By, partner_id: PathId) -> Response:
    """A link that opens the partner's portal: for a site of yours to lead its users there."""
    body, asked = await by.read(NewLink)

    async def work(tx: Tx) -> PortalLink:
        await admin.require_partner(tx, partner_id)
        token = await sign_ins.link_for_portal(tx, by.actor, partner_id, asked.role)
        return PortalLink(link=by.hub.settings.sign_in_link(token, portal=True))

    return await by.change(work, 201, body=body)


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
