"""Webhook endpoints: made, changed, tested, rotated, disabled, enabled, deleted; a partner its own."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api import problems
from api.fields import Id, PathId, Text
from api.management.access import By, Caller
from api.management.pages import Listed, PageQuery, TenantQuery
from hub.store import admin, endpoint_health, endpoints
from hub.store.db.engine import Tx

operators = APIRouter()
partners = APIRouter()
both = APIRouter()
LONGEST_URL: Final = 2048
LONGEST_OVERLAP: Final = endpoints.LONGEST_OVERLAP.days
MOST_TYPES: Final = 100
NEW: Final = {"url": "https://example.com/hooks", "types": ["lead.processed"], "contact": "ops@example.com"}

Url = Annotated[Text, Field(max_length=LONGEST_URL, description="https")]
Types = Annotated[list[Text], Field(max_length=MOST_TYPES, description="Only these events; none named: all")]


class NewEndpoint(BaseModel):
    """`campaign`: SquadIQ's, whose own Lead Processed payload it gets. `contact`: the mail address that is warned."""

    model_config = ConfigDict(extra="forbid")
    url: Url
    types: Types = []
    campaign: Text | None = None
    contact: Text | None = None


class NewEndpointOf(NewEndpoint):
    partner_id: Id


class EndpointChange(BaseModel):
    """What is given is changed. Empty `types` are all, an empty `contact` is none."""

    model_config = ConfigDict(extra="forbid")
    url: Url | None = None
    types: Types | None = None
    contact: Annotated[str, Field(max_length=255)] | None = None


class Overlap(BaseModel):
    model_config = ConfigDict(extra="forbid")
    overlap_days: Annotated[int, Field(ge=0, le=LONGEST_OVERLAP, description="How long the old one signs too")] = 1


class Why(BaseModel):
    model_config = ConfigDict(extra="forbid")
    why: Annotated[Text | None, Field(description="For whoever looks at it later")] = None


class CreatedEndpoint(BaseModel):
    """`secret` is shown this once: it signs what is sent."""

    id: int
    url: str
    types: list[str]
    campaign: str | None
    contact: str | None
    secret: str


class EndpointOut(BaseModel):
    """Where a partner gets webhooks. `paused_until`: no attempt before, as the last ones failed in a row."""

    id: int
    partner_id: int
    url: str
    types: list[str]
    campaign: str | None
    contact: str | None
    failing_since: datetime | None
    paused_until: datetime | None
    disabled_at: datetime | None
    disabled_why: str | None
    old_secret_until: datetime | None
    created_at: datetime


class EndpointHealth(EndpointOut):
    """`success_rate`: of the deliveries of the last 24 hours that were attempted, the newest 10,000, from 0 to 1.

    `pending`, `waiting`: deliveries, counted up to 10,000.
    """

    pending: int
    waiting: int = Field(description="Deliveries that wait for it to be enabled")
    success_rate: float | None
    last_success_at: datetime | None


class NewSecret(BaseModel):
    """Shown this once."""

    id: int
    secret: str


class SentTest(BaseModel):
    """`GET .../deliveries/{delivery_id}` shows how the test went."""

    delivery_id: int


class DeletedEndpoint(BaseModel):
    id: int
    deleted: bool = True


CREATED: Final[dict[str, Any]] = {"status_code": 201, "response_model": CreatedEndpoint}
OF_ONE: Final = problems.change(404)


async def _listed(by: Caller, query: PageQuery, partner_id: int | None) -> Listed[EndpointOut]:
    async with by.begin() as tx:
        page = await endpoint_health.page_of_endpoints(tx, query.page(), partner_id)
    return Listed(data=[EndpointOut.model_validate(row) for row in page.items], next=page.next)


@operators.get("/endpoints")
async def list_endpoints(by: By, query: Annotated[TenantQuery, Query()]) -> Listed[EndpointOut]:
    """All partners' endpoints that were not deleted, newest first."""
    return await _listed(by, query, query.partner_id)


@partners.get("/endpoints")
async def list_own_endpoints(by: By, query: Annotated[PageQuery, Query()]) -> Listed[EndpointOut]:
    """Your endpoints that were not deleted, newest first."""
    return await _listed(by, query, by.partner_id)


async def _create(by: Caller, body: bytes, new: NewEndpoint, partner_id: int) -> Response:
    vault, rules = by.hub.vault, by.hub.settings.egress_rules()

    async def work(tx: Tx) -> Any:
        await admin.require_partner(tx, partner_id)
        if by.partner_id is not None:
            await endpoints.require_room(tx, by.partner_id)
        settings = new.url, new.types, new.campaign, new.contact
        return await endpoints.create_endpoint(tx, vault, rules, by.actor, partner_id, *settings)

    return await by.change(work, 201, body=body)


@operators.post("/endpoints", **CREATED, **problems.change_by(NewEndpointOf, {"partner_id": 1, **NEW}, 404, 409))
async def create_endpoint(by: By) -> Response:
    """Make an endpoint for a partner; its signing secret is shown once."""
    body, new = await by.read(NewEndpointOf)
    return await _create(by, body, new, new.partner_id)


@partners.post("/endpoints", **CREATED, **problems.change_by(NewEndpoint, NEW, 409))
async def create_own_endpoint(by: By) -> Response:
    """Make an endpoint; its signing secret is shown once."""
    body, new = await by.read(NewEndpoint)
    return await _create(by, body, new, by.partner_id or 0)


@both.get("/endpoints/{endpoint_id}", responses=problems.responses(404))
async def show_endpoint(by: By, endpoint_id: PathId) -> EndpointHealth:
    """One endpoint, and how well deliveries to it go."""
    async with by.begin() as tx:
        return EndpointHealth.model_validate(await endpoint_health.show_endpoint(tx, endpoint_id, by.partner_id))


@both.patch(
    "/endpoints/{endpoint_id}",
    response_model=EndpointHealth,
    **problems.change_by(EndpointChange, {"types": ["lead.processed", "call.completed"]}, 404),
)
async def set_endpoint(by: By, endpoint_id: PathId) -> Response:
    """Change what is given, leave the rest."""
    body, new = await by.read(EndpointChange)
    rules = by.hub.settings.egress_rules()

    async def work(tx: Tx) -> Any:
        await endpoints.set_endpoint(tx, rules, by.actor, endpoint_id, **new.model_dump(), partner_id=by.partner_id)
        return await endpoint_health.show_endpoint(tx, endpoint_id, by.partner_id)

    return await by.change(work, body=body)


@both.delete("/endpoints/{endpoint_id}", response_model=DeletedEndpoint, **OF_ONE)
async def delete_endpoint(by: By, endpoint_id: PathId) -> Response:
    """Send nothing to it from now on; what waited for it has failed."""

    async def work(tx: Tx) -> DeletedEndpoint:
        await endpoints.delete_endpoint(tx, by.actor, endpoint_id, by.partner_id)
        return DeletedEndpoint(id=endpoint_id)

    return await by.change(work)


@both.post(
    "/endpoints/{endpoint_id}/rotate",
    response_model=NewSecret,
    **problems.change_by(Overlap, {"overlap_days": 1}, 404),
)
async def rotate_secret(by: By, endpoint_id: PathId) -> Response:
    """Make a new secret, which is shown once; the old one signs beside it for `overlap_days` (0: it leaked)."""
    body, asked = await by.read(Overlap)
    overlap = timedelta(days=asked.overlap_days)

    async def work(tx: Tx) -> NewSecret:
        vault = by.hub.vault
        secret = await endpoints.rotate_secret(tx, vault, by.actor, endpoint_id, overlap, by.partner_id)
        return NewSecret(id=endpoint_id, secret=secret)

    return await by.change(work, body=body)


@both.post("/endpoints/{endpoint_id}/test", status_code=202, response_model=SentTest, **problems.change(404, 409))
async def send_test(by: By, endpoint_id: PathId) -> Response:
    """Send it an `endpoint.test` event, whatever its types. 409 while it is disabled."""

    async def work(tx: Tx) -> SentTest:
        sent = await endpoints.send_test(tx, by.hub.vault, by.actor, endpoint_id, by.partner_id)
        return SentTest(delivery_id=sent)

    return await by.change(work, 202)


@both.post(
    "/endpoints/{endpoint_id}/disable",
    response_model=EndpointHealth,
    **problems.change_by(Why, {"why": "being moved"}, 404),
)
async def disable_endpoint(by: By, endpoint_id: PathId) -> Response:
    """Send nothing to it until it is enabled; its events are kept and wait. One that is disabled stays as it is."""
    body, asked = await by.read(Why)

    async def work(tx: Tx) -> Any:
        await endpoints.disable_endpoint(tx, by.actor, endpoint_id, asked.why, by.partner_id)
        return await endpoint_health.show_endpoint(tx, endpoint_id, by.partner_id)

    return await by.change(work, body=body)


@both.post("/endpoints/{endpoint_id}/enable", response_model=EndpointHealth, **problems.change(404, 409))
async def enable_endpoint(by: By, endpoint_id: PathId) -> Response:
    """Send to it again after it was disabled, first what waited for that. 409: an operator disabled your endpoint."""

    async def work(tx: Tx) -> Any:
        await endpoints.enable_endpoint(tx, by.actor, endpoint_id, by.partner_id)
        return await endpoint_health.show_endpoint(tx, endpoint_id, by.partner_id)

    return await by.change(work)
