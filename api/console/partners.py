"""The tenants: what comes from them, their settings, keys, campaigns; made, changed, disabled."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.fields import PathId
from api.services import Services
from api.web import people
from api.web.forms import Form, read_form
from api.web.keys import keys_of, new_key
from api.web.pages import page
from api.web.visitors import Administering, Hub, SignedIn, Visitor
from hub import phones
from hub.accounts import Role
from hub.contracts import registry
from hub.contracts.registry import Discounts, Leads
from hub.errors import Invalid, NotFound
from hub.store import admin, administration, dialer_ties, partner_lists, portal_sessions, refusals, request_usage
from hub.store.administration import MOST_CALLS, MOST_REQUESTS
from hub.store.paging import PageWanted
from hub.store.provisioning import NewPartner
from hub.store.row_ids import MOST_ID
from hub.store.tables import Dialer, Origin, Partner, Product

router = APIRouter(include_in_schema=False)
router.include_router(people.router, prefix=people.OF_PARTNER)  # before the last path, which takes any action


@router.get("/partners")
async def list_partners(hub: Hub, who: SignedIn, cursor: str | None = None) -> Response:
    return await _list(hub, who, cursor)


async def _list(hub: Services, who: Visitor, cursor: str | None = None, status: int = 200, **shown: Any) -> Response:
    async with hub.turns.begin(0) as tx:
        found = await partner_lists.list_partners(tx, PageWanted.of(None, cursor))
    apis = [(api.name, api.title) for api in registry.PARTNER_APIS]
    return page(who, "partners.html", status, found=found, apis=apis, **{"problem": None, "name": ""} | shown)


@router.post("/partners")
async def create_partner(request: Request, hub: Hub, who: Administering) -> Response:
    """A tenant with its key, which is shown once, and what its API's tenants start with."""
    form = await read_form(request, hub, who)
    try:
        region = _region(form)
    except Invalid as error:
        return await _list(hub, who, None, 400, problem=error.message, name=form["name"])
    if form["api"] not in registry.names():
        return await _list(hub, who, None, 400, problem="api: choose one of the list.", name=form["name"])
    new = NewPartner(form["name"], form["api"], region=region)
    try:
        async with hub.turns.begin(0) as tx:
            limit = hub.settings.default_rate_limit
            made = await administration.create_partner(tx, who.actor, hub.pepper, new, limit)
    except Invalid as error:
        return await _list(hub, who, None, 400, problem=error.message, name=form["name"])
    return await _show(hub, who, made["id"], secret={name: value for name, value in made.items() if name != "id"})


@router.get("/partners/{partner_id}")
async def show_partner(hub: Hub, who: SignedIn, partner_id: PathId) -> Response:
    return await _show(hub, who, partner_id)


async def _show(hub: Services, who: Visitor, partner_id: int, status: int = 200, *, problem: str | None = None,
                secret: dict[str, Any] | None = None) -> Response:  # fmt: skip
    async with hub.turns.begin(0) as tx:
        partner = await admin.load_row(tx, Partner, partner_id)
        campaigns = await dialer_ties.list_campaigns(tx, partner_id=partner_id)
        dialers = await admin.list_rows(tx, Dialer, Dialer.name != admin.DEFAULT_DIALER)
        origins = await admin.list_rows(tx, Origin, Origin.partner_id == partner_id)
        products = await admin.list_rows(tx, Product, Product.partner_id == partner_id)
        keys = await keys_of(tx, partner_id)
        usage = await request_usage.usage(tx, partner_id)
        refused = await refusals.list_refusals(tx, partner_id)
    api = registry.find(partner["api"])
    has = {"campaigns": isinstance(api.handling, Leads), "discounts": isinstance(api.handling, Discounts),
           "reports": api.name == dialer_ties.REPORTING_API}  # fmt: skip
    return page(who, "partner.html", status, partner=partner, api=api, has=has, campaigns=campaigns, dialers=dialers,
                origins=origins, products=products, keys=keys, usage=usage, refusals=refused, problem=problem,
                secret=secret)  # fmt: skip


@router.post("/partners/{partner_id}/settings")
async def set_partner(request: Request, hub: Hub, who: Administering, partner_id: PathId) -> Response:
    form = await read_form(request, hub, who)
    try:
        values = _settings(form)
        async with hub.turns.begin(0) as tx:
            await administration.set_partner(tx, who.actor, partner_id, values)
    except Invalid as error:
        return await _show(hub, who, partner_id, 400, problem=error.message)
    return RedirectResponse(f"{who.area.path}/partners/{partner_id}", 303)


@router.post("/partners/{partner_id}/{action}")
async def act(request: Request, hub: Hub, who: Administering, partner_id: PathId, action: str) -> Response:
    """`disable`, `enable`, `key` (a new one, shown once), `portal-link`."""
    await read_form(request, hub, who)
    async with hub.turns.begin(0) as tx:
        api = await admin.require_partner(tx, partner_id)
        match action:
            case "disable" | "enable":
                await administration.switch_partner(tx, who.actor, partner_id, disabled=action == "disable")
                secret = None
            case "key":
                secret = {"key": await new_key(tx, hub, who, partner_id, api)}
            case "portal-link":
                link = await portal_sessions.link_for_portal(tx, who.actor, partner_id, Role.ADMIN)
                secret = {"portal": hub.settings.sign_in_link(link.token, portal=True)}
            case _:
                raise NotFound("There is no such action.")
    if secret is None:
        return RedirectResponse(f"{who.area.path}/partners/{partner_id}", 303)
    return await _show(hub, who, partner_id, secret=secret)


def _settings(form: Form) -> dict[str, Any]:
    limit = form.number("rate_limit", MOST_REQUESTS)
    if not limit:
        raise Invalid("must be at least 1.", field="rate_limit")
    values = {
        "rate_limit": limit,
        "region": _region(form),
        "daily_calls": form.number("daily_calls", MOST_CALLS) or None,
    }
    return values | ({"dialer_id": form.number("dialer", MOST_ID)} if form.has("dialer") else {})


def _region(form: Form) -> str | None:
    region = form["region"].upper()
    if region and not phones.is_region(region):
        raise Invalid("is not a region of the numbering plans; give two letters such as GB.", field="region")
    return region or None
