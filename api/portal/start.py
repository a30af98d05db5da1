"""The portal's first pages: how to call the API, what came last, and the API's own description."""

from datetime import UTC, datetime, timedelta
from typing import Final

from fastapi import APIRouter, Request, Response

from api.portal.operations import Operation, event_types, operations
from api.services import Services
from api.web.pages import page
from api.web.visitors import Hub, SignedIn
from hub.contracts import registry
from hub.contracts.registry import PartnerApi
from hub.store import admin, client_facts, refusals, request_usage, requests
from hub.store.db.engine import Tx
from hub.store.paging import PageWanted
from hub.store.requests import RequestFilter
from hub.store.tables import ApiKey

router = APIRouter(include_in_schema=False)
LATEST = PageWanted(size=10)
CHARTED: Final = 30  # days


@router.get("")
async def show_start(request: Request, hub: Hub, who: SignedIn) -> Response:
    """Base address, key ids, a command to paste, the last ten requests."""
    partner_id = who.tenant
    async with hub.turns.begin(partner_id) as tx:
        api, facts = await _api(tx, partner_id)
        keys = await admin.list_rows(tx, ApiKey, ApiKey.partner_id == partner_id, ApiKey.revoked_at.is_(None))
        latest = await requests.list_requests(tx, RequestFilter(partner_id=partner_id), LATEST)
        refused = await refusals.list_refusals(tx, partner_id)
    described = _described(request, hub, api, facts)
    return page(who, "start.html", api=api, base=hub.settings.public_url, facts=facts, keys=keys, found=latest,
                refusals=refused, first=described[0])  # fmt: skip


@router.get("/docs")
async def show_docs(request: Request, hub: Hub, who: SignedIn) -> Response:
    """The partner's own API alone."""
    async with hub.turns.begin(who.tenant) as tx:
        api, facts = await _api(tx, who.tenant)
    events = event_types(request.app, api)
    return page(who, "docs.html", api=api, base=hub.settings.public_url, events=events,
                operations=_described(request, hub, api, facts))  # fmt: skip


@router.get("/usage")
async def show_usage(hub: Hub, who: SignedIn) -> Response:
    """How much is used of the limit, and what came by day."""
    async with hub.turns.begin(who.tenant) as tx:
        found = await request_usage.usage(tx, who.tenant)
    requests_by_day = {day.day: day.requests for day in found.days}
    today = datetime.now(UTC).date()
    chart = [requests_by_day.get(today - timedelta(days=ago), 0) for ago in reversed(range(CHARTED))]
    return page(who, "usage.html", usage=found, chart=chart, most=max(chart) or 1)


async def _api(tx: Tx, partner_id: int) -> tuple[PartnerApi, dict[str, str]]:
    partner = await admin.require_partner(tx, partner_id)
    return registry.find(partner), await client_facts.client_facts(tx, partner_id)


def _described(request: Request, hub: Services, api: PartnerApi, facts: dict[str, str]) -> list[Operation]:
    return operations(request.app, api, hub.settings.public_url, facts)
