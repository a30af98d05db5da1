"""Webhook endpoints: made, looked at, tested, changed, disabled, enabled, and made good after an outage."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.fields import PathId
from api.services import Services
from api.web.forms import Form, read_form
from api.web.pages import page
from api.web.visitors import Hub, Operating, SignedIn, Visitor
from hub.errors import Conflict, Invalid, NotFound
from hub.replays import DEFAULT_PACE, MOST_PACE
from hub.store import admin, delivery_lists, endpoint_health, endpoints, replays
from hub.store.db.engine import Tx
from hub.store.delivery_lists import DeliveryFilter
from hub.store.paging import PageWanted
from hub.store.replays import ReplayRequest
from hub.webhooks import EVENT_TYPES

router = APIRouter(include_in_schema=False)
LATEST: Final = PageWanted(size=20)
OVERLAP: Final = timedelta(days=1)


@router.get("/webhooks")
async def list_endpoints(hub: Hub, who: SignedIn) -> Response:
    return await _list(hub, who)


async def _list(hub: Services, who: Visitor, status: int = 200, **shown: Any) -> Response:
    async with hub.turns.begin(who.partner_id or 0) as tx:
        found = await endpoint_health.list_endpoints(tx, who.partner_id)
        latest = await delivery_lists.list_deliveries(tx, DeliveryFilter(partner_id=who.partner_id), LATEST)
    context = {"problem": None, "given": {}} | shown
    return page(who, "endpoints.html", status, endpoints=found, latest=latest, types=EVENT_TYPES, **context)


@router.post("/webhooks")
async def create_endpoint(request: Request, hub: Hub, who: Operating) -> Response:
    """Its signing secret is shown once."""
    form = await read_form(request, hub, who)
    try:
        partner_id = who.partner_id or form.number("partner")
        if partner_id is None:
            raise Invalid("is needed: whose endpoint is it?", field="partner")
        async with hub.turns.begin(who.partner_id or 0) as tx:
            await admin.require_partner(tx, partner_id)
            if who.partner_id is not None:
                await endpoints.require_room(tx, partner_id)
            rules, told = hub.settings.egress_rules(), (form["campaign"] or None, form["contact"] or None)
            made = await endpoints.create_endpoint(
                tx, hub.vault, rules, who.actor, partner_id, form["url"], form.many("types"), *told
            )
    except (Invalid, Conflict, NotFound) as error:
        given = {name: form[name] for name in ("url", "contact", "campaign", "partner")}
        return await _list(hub, who, error.status, problem=error.message, given=given)
    return await _show(hub, who, made["id"], secret=made["secret"])


@router.get("/webhooks/{endpoint_id}")
async def show_endpoint(hub: Hub, who: SignedIn, endpoint_id: PathId) -> Response:
    return await _show(hub, who, endpoint_id)


async def _show(hub: Services, who: Visitor, endpoint_id: int, status: int = 200, **shown: Any) -> Response:
    async with hub.turns.begin(who.partner_id or 0) as tx:
        endpoint = await endpoint_health.show_endpoint(tx, endpoint_id, who.partner_id)
        latest = await delivery_lists.list_deliveries(tx, DeliveryFilter(endpoint_id=endpoint_id), LATEST)
        recent = await replays.list_replays(tx, LATEST, partner_id=who.partner_id, endpoint_id=endpoint_id)
    day_ago = datetime.now(UTC) - timedelta(days=1)
    context = {"problem": None, "said": None, "secret": None, "since": f"{day_ago:%Y-%m-%dT%H:%M}"} | shown
    return page(who, "endpoint.html", status, endpoint=endpoint, latest=latest, replays=recent, types=EVENT_TYPES,
                pace=DEFAULT_PACE, most_pace=MOST_PACE, **context)  # fmt: skip


@router.post("/webhooks/{endpoint_id}/{action}")
async def act(request: Request, hub: Hub, who: Operating, endpoint_id: PathId, action: str) -> Response:
    """`set`, `test`, `rotate`, `disable`, `enable`, `delete`, `replay`, `count`."""
    form = await read_form(request, hub, who)
    try:
        async with hub.turns.begin(who.partner_id or 0) as tx:
            shown = await _act(tx, hub, who, endpoint_id, action, form)
    except (Invalid, Conflict) as error:
        return await _show(hub, who, endpoint_id, error.status, problem=error.message)
    if "go" in shown:
        return RedirectResponse(f"{who.area.path}{shown['go']}", 303)
    return await _show(hub, who, endpoint_id, **shown)


async def _act(tx: Tx, hub: Services, who: Visitor, endpoint_id: int, action: str, form: Form) -> Mapping[str, str]:
    """What the page then shows, or where to `go`."""
    actor, mine = who.actor, who.partner_id
    match action:
        case "set":
            changed = {"url": form["url"], "types": form.many("types"), "contact": form["contact"]}
            await endpoints.set_endpoint(
                tx, hub.settings.egress_rules(), actor, endpoint_id, **changed, partner_id=mine
            )
            return {"said": "Saved."}
        case "test":
            return {"go": f"/deliveries/{await endpoints.send_test(tx, hub.vault, actor, endpoint_id, mine)}"}
        case "rotate":
            secret = await endpoints.rotate_secret(tx, hub.vault, actor, endpoint_id, OVERLAP, mine)
            return {"secret": secret, "said": "The old secret signs beside the new one for a day."}
        case "disable":
            await endpoints.disable_endpoint(tx, actor, endpoint_id, form["why"] or None, mine)
            return {"said": "Nothing is sent to it until it is enabled; its events wait."}
        case "enable":
            await endpoints.enable_endpoint(tx, actor, endpoint_id, mine)
            return {"said": "It is sent to again, first what waited."}
        case "delete":
            await endpoints.delete_endpoint(tx, actor, endpoint_id, mine)
            return {"go": "/webhooks"}
        case "count":
            total = await replays.count_replay(tx, _range(form, endpoint_id), mine)
            return {"said": f"{total} deliveries would be made.", "since": form["since"]}
        case "replay":
            made = await replays.create_replay(tx, actor, _range(form, endpoint_id), mine)
            return {"said": f"Replay {made.id} of {made.total} deliveries has begun."}
        case _:
            raise NotFound("There is no such action.")


def _range(form: Form, endpoint_id: int) -> ReplayRequest:
    since, until = _moment(form, "since"), _moment(form, "until")
    if since is None:
        raise Invalid("is needed.", field="since")
    pace = form.number("pace") or DEFAULT_PACE
    undelivered = form["undelivered"] == "1"
    return ReplayRequest(endpoint_id, since, until, form.many("types"), undelivered=undelivered, pace=pace)


def _moment(form: Form, name: str) -> datetime | None:
    """In UTC, as the browser's own field has it."""
    try:
        return datetime.fromisoformat(form[name]).replace(tzinfo=UTC) if form[name] else None
    except ValueError:
        raise Invalid("must be a date and time, such as 2026-11-21T10:00.", field=name) from None


@router.post("/replays/{replay_id}/{action}")
async def change_replay(request: Request, hub: Hub, who: Operating, replay_id: PathId, action: str) -> Response:
    """`pause`, `resume`, `cancel`."""
    await read_form(request, hub, who)
    changes = {"pause": replays.pause_replay, "resume": replays.resume_replay, "cancel": replays.cancel_replay}
    if action not in changes:
        raise NotFound("There is no such action.")
    async with hub.turns.begin(who.partner_id or 0) as tx:
        changed = await changes[action](tx, who.actor, replay_id, who.partner_id)
    return RedirectResponse(f"{who.area.path}/webhooks/{changed.endpoint_id}", 303)
