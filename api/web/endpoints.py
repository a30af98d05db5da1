"""Webhook endpoints: made, looked at, tested, changed, disabled, enabled, and made good after an outage."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.fields import PathId
from api.services import Services
from api.web.forms import Form, read_form
from api.web.pages import page
from api.web.snippets import PROGRAMS
from api.web.visitors import Hub, Operating, SignedIn, Visitor
from hub.contracts import registry
from hub.errors import Conflict, Invalid, NotFound
from hub.replays import DEFAULT_PACE, MOST_PACE
from hub.store import admin, delivery_lists, endpoint_health, endpoint_rates, endpoints, replays
from hub.store.db.engine import Tx
from hub.store.delivery_lists import DeliveryFilter
from hub.store.paging import PageWanted
from hub.store.replays import ReplayRequest
from hub.webhook_payloads import types_for
from hub.webhooks import EVENT_TYPES

router = APIRouter(include_in_schema=False)
LATEST: Final = PageWanted(size=20)
OF_EACH: Final = 500
"""Deliveries that are counted of each endpoint in a list."""
OVERLAP: Final = timedelta(days=1)


@router.get("/webhooks")
async def list_endpoints(hub: Hub, who: SignedIn, cursor: str | None = None) -> Response:
    """On the first page those that fail come first."""
    return await _list(hub, who, cursor)


async def _list(hub: Services, who: Visitor, cursor: str | None = None, status: int = 200, **shown: Any) -> Response:
    async with hub.turns.begin(who.partner_id or 0) as tx:
        troubled = [] if cursor else await endpoint_health.list_troubled(tx, who.partner_id)
        found = await endpoint_health.page_of_endpoints(tx, PageWanted.of(None, cursor), who.partner_id)
        rates = await endpoint_rates.day_rates(tx, [each["id"] for each in (*troubled, *found.items)], OF_EACH)
        latest = await delivery_lists.list_deliveries(tx, DeliveryFilter(partner_id=who.partner_id), LATEST)
        api = registry.find(await admin.require_partner(tx, who.partner_id)) if who.partner_id else None
    context = {"problem": None, "given": {}, "types": types_for(api) if api else EVENT_TYPES} | shown
    own_payload = api is None or api.payload is not None
    return page(who, "endpoints.html", status, troubled=troubled, found=found, rates=rates, latest=latest,
                own_payload=own_payload, **context)  # fmt: skip


@router.post("/webhooks")
async def create_endpoint(request: Request, hub: Hub, who: Operating) -> Response:
    """Its signing secret is shown once."""
    form = await read_form(request, hub, who)
    try:
        partner_id = who.partner_id or form.number("partner") or 0
        async with hub.turns.begin(who.partner_id or 0) as tx:
            await admin.require_partner(tx, partner_id)
            if who.partner_id is not None:
                await endpoints.require_room(tx, partner_id)
            campaign, contact = form["campaign"] or None, form["contact"] or None
            settings = form["url"], form.many("types"), campaign, contact
            rules = hub.settings.egress_rules()
            made = await endpoints.create_endpoint(tx, hub.vault, rules, who.actor, partner_id, *settings)
    except (Invalid, Conflict, NotFound) as error:
        given = {name: form[name] for name in ("url", "contact", "campaign", "partner")}
        return await _list(hub, who, None, error.status, problem=error.message, given=given)
    return await _show(hub, who, made["id"], secret=made["secret"])


@router.get("/webhooks/{endpoint_id}")
async def show_endpoint(hub: Hub, who: SignedIn, endpoint_id: PathId) -> Response:
    return await _show(hub, who, endpoint_id)


async def _show(hub: Services, who: Visitor, endpoint_id: int, status: int = 200, **shown: Any) -> Response:
    async with hub.turns.begin(who.partner_id or 0) as tx:
        endpoint = await endpoint_health.show_endpoint(tx, endpoint_id, who.partner_id)
        latest = await delivery_lists.list_deliveries(tx, DeliveryFilter(endpoint_id=endpoint_id), LATEST)
        recent = await replays.list_replays(tx, LATEST, partner_id=who.partner_id, endpoint_id=endpoint_id)
        rates = await endpoint_rates.day_rates(tx, [endpoint_id])
        api = registry.find(await admin.require_partner(tx, endpoint["partner_id"]))
    day_ago = datetime.now(UTC) - timedelta(days=1)
    context = {"problem": None, "notice": None, "secret": None, "since": f"{day_ago:%Y-%m-%dT%H:%M}"} | shown
    context |= {"types": types_for(api), "pace": DEFAULT_PACE, "most_pace": MOST_PACE, "programs": PROGRAMS}
    return page(who, "endpoint.html", status, endpoint=endpoint, latest=latest, replays=recent, day=rates[endpoint_id],
                **context)  # fmt: skip


@router.post("/webhooks/{endpoint_id}/{action}")
async def act(request: Request, hub: Hub, who: Operating, endpoint_id: PathId, action: str) -> Response:
    """`set`, `test`, `rotate`, `disable`, `enable`, `delete`, `count`, `replay`."""
    form = await read_form(request, hub, who)
    if action not in ACTIONS:
        raise NotFound("There is no such action.")
    try:
        async with hub.turns.begin(who.partner_id or 0) as tx:
            shown = await ACTIONS[action](Change(tx, hub, who, endpoint_id, form))
    except (Invalid, Conflict) as error:
        return await _show(hub, who, endpoint_id, error.status, problem=error.message)
    if shown.go:
        return RedirectResponse(f"{who.area.path}{shown.go}", 303)
    return await _show(hub, who, endpoint_id, notice=shown.notice, secret=shown.secret)


@dataclass(frozen=True, slots=True)
class Change:
    """A change that was asked for, within its transaction."""

    tx: Tx
    hub: Services
    who: Visitor
    id: int
    form: Form


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page says afterwards, or to which one to `go`."""

    notice: str | None = None
    secret: str | None = None
    go: str | None = None


async def _set(change: Change) -> Shown:
    form, rules = change.form, change.hub.settings.egress_rules()
    await endpoints.set_endpoint(
        change.tx, rules, change.who.actor, change.id, url=form["url"], types=form.many("types"),
        contact=form["contact"], partner_id=change.who.partner_id,
    )  # fmt: skip
    return Shown("Saved.")


async def _test(change: Change) -> Shown:
    who, vault = change.who, change.hub.vault
    return Shown(go=f"/deliveries/{await endpoints.send_test(change.tx, vault, who.actor, change.id, who.partner_id)}")


async def _rotate(change: Change) -> Shown:
    who, vault = change.who, change.hub.vault
    secret = await endpoints.rotate_secret(change.tx, vault, who.actor, change.id, OVERLAP, who.partner_id)
    return Shown("The old secret signs beside the new one for a day.", secret)


async def _disable(change: Change) -> Shown:
    who, why = change.who, change.form["why"] or None
    await endpoints.disable_endpoint(change.tx, who.actor, change.id, why, who.partner_id)
    return Shown("Nothing is sent to it until it is enabled; its events wait.")


async def _enable(change: Change) -> Shown:
    await endpoints.enable_endpoint(change.tx, change.who.actor, change.id, change.who.partner_id)
    return Shown("It is sent to again, first what waited.")


async def _delete(change: Change) -> Shown:
    await endpoints.delete_endpoint(change.tx, change.who.actor, change.id, change.who.partner_id)
    return Shown(go="/webhooks")


async def _count(change: Change) -> Shown:
    total = await replays.count_replay(change.tx, _range(change.form, change.id), change.who.partner_id)
    return Shown(f"{total} deliveries would be made.")


async def _replay(change: Change) -> Shown:
    wanted = _range(change.form, change.id)
    made = await replays.create_replay(change.tx, change.who.actor, wanted, change.who.partner_id)
    return Shown(f"Replay {made.id} of {made.total} deliveries has begun.")


ACTIONS: Final[Mapping[str, Callable[[Change], Awaitable[Shown]]]] = {
    "set": _set,
    "test": _test,
    "rotate": _rotate,
    "disable": _disable,
    "enable": _enable,
    "delete": _delete,
    "count": _count,
    "replay": _replay,
}


def _range(form: Form, endpoint_id: int) -> ReplayRequest:
    since, until = _moment(form, "since"), _moment(form, "until")
    if since is None:
        raise Invalid("is needed.", field="since")
    pace = form.number("pace") or DEFAULT_PACE
    failed_only = form["failed_only"] == "1"
    return ReplayRequest(endpoint_id, since, until, form.many("types"), failed_only=failed_only, pace=pace)


def _moment(form: Form, name: str) -> datetime | None:
    """In UTC, as the browser's own field has it."""
    try:
        return datetime.fromisoformat(form[name]).replace(tzinfo=UTC) if form[name] else None
    except ValueError:
        raise Invalid("must be a date and time, such as 2026-11-21T10:00.", field=name) from None


@router.get("/replays/{replay_id}")
async def show_replay(hub: Hub, who: SignedIn, replay_id: PathId) -> Response:
    """On the page of its endpoint."""
    async with hub.turns.begin(who.partner_id or 0) as tx:
        found = await replays.show_replay(tx, replay_id, who.partner_id)
    return RedirectResponse(f"{who.area.path}/webhooks/{found.endpoint_id}", 303)


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
