"""The tenants and links to their portals, for operators; who it is, for a partner's own key."""

from datetime import datetime, timedelta
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
from hub.store import admin, kept_answers, portal_sessions
from hub.store.db.engine import Tx
from hub.store.portal_sessions import PortalSession
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


class LinkRequest(BaseModel):
    """A link to a partner's portal. `viewer` looks, `operator` changes, `admin` also manages keys and people."""

    model_config = ConfigDict(extra="forbid")

    role: Role = Role.VIEWER
    lifetime_seconds: int = Field(
        int(portal_sessions.LINK_LIFETIME.total_seconds()), ge=60, le=int(kept_answers.KEPT.total_seconds())
    )


class PortalLink(BaseModel):
    """`url` opens the portal once, for whoever has it, until `expires_at`."""

    url: str
    expires_at: datetime


class EndedSession(BaseModel):
    id: int
    ended: bool = True


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
    **problems.change_by(LinkRequest, {"role": "operator", "lifetime_seconds": 300}, 404),
)
async def make_portal_link(by: By, partner_id: PathId) -> Response:
    """Make a link by which somebody enters the partner's portal without an account, such as from your own site.

    An Idempotency-Key gives the same link for as long as it lives.
    """
    body, wanted = await by.read(LinkRequest)
    lifetime = timedelta(seconds=wanted.lifetime_seconds)

    async def work(tx: Tx) -> PortalLink:
        link = await portal_sessions.link_for_portal(tx, by.actor, partner_id, wanted.role, lifetime)
        return PortalLink(url=by.hub.settings.sign_in_link(link.token, portal=True), expires_at=link.expires_at)

    answer = await by.change(work, 201, body=body, kept=lifetime)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@operators.get("/partners/{partner_id}/portal-sessions", responses=problems.responses(404))
async def list_portal_sessions(
    by: By, partner_id: PathId, query: Annotated[PageQuery, Query()]
) -> Listed[PortalSession]:
    """Who is in the partner's portal by such a link, without an account."""
    async with by.begin() as tx:
        return Listed.of(await portal_sessions.list_portal_sessions(tx, partner_id, query.page()))


@operators.delete(
    "/partners/{partner_id}/portal-sessions/{session_id}", response_model=EndedSession, **problems.change(404)
)
async def end_portal_session(by: By, partner_id: PathId, session_id: PathId) -> Response:
    """Sign them out now; only another link lets them in again."""

    async def work(tx: Tx) -> EndedSession:
        await portal_sessions.end_portal_session(tx, by.actor, partner_id, session_id)
        return EndedSession(id=session_id)

    return await by.change(work)


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
