"""A Leanpub partner's products and origins, changed as `hub product` and `hub origin` do."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.fields import PathId
from api.services import Services
from api.web.forms import Form, read_form
from api.web.pages import page
from api.web.visitors import Administering, Hub, SignedIn, Visitor
from hub.contracts import registry
from hub.contracts.registry import Discounts
from hub.errors import Invalid, NotFound
from hub.store import admin, products
from hub.store.db.engine import Tx
from hub.store.products import MOST_CENTS, MOST_DAYS, MOST_USES
from hub.store.tables import Origin, Partner, Product

router = APIRouter(prefix="/partners/{partner_id}", include_in_schema=False)
TEXTS: Final = ("slug", "title", "package", "language")
NUMBERS: Final = {
    "price_cents": MOST_CENTS,
    "full_price_cents": MOST_CENTS,
    "valid_days": MOST_DAYS,
    "max_uses": MOST_USES,
}
NEW: Final = {"public_id": "", "slug": "", "title": "", "package": "book", "language": "en", "price_cents": "",
              "full_price_cents": "", "valid_days": "30", "max_uses": "1"}  # fmt: skip


@router.get("/products")
@router.get("/origins")
async def list_products(hub: Hub, who: SignedIn, partner_id: PathId) -> Response:
    """Products and origins, on one page."""
    return await _list(hub, who, partner_id)


@router.post("/products")
async def create_product(request: Request, hub: Hub, who: Administering, partner_id: PathId) -> Response:
    form = await read_form(request, hub, who)
    try:
        async with hub.turns.begin(0) as tx:
            await _require_discounts(tx, partner_id)
            await products.create_product(tx, who.actor, partner_id, form["public_id"], _terms(form))
    except Invalid as error:
        return await _list(hub, who, partner_id, 400, problem=error.message, given=form)
    return _listed(who, partner_id)


@router.get("/products/{product_id}")
async def show_product(hub: Hub, who: Administering, partner_id: PathId, product_id: PathId) -> Response:
    return await _show(hub, who, partner_id, product_id)


@router.post("/products/{product_id}")
async def set_product(
    request: Request, hub: Hub, who: Administering, partner_id: PathId, product_id: PathId
) -> Response:
    form = await read_form(request, hub, who)
    try:
        async with hub.turns.begin(0) as tx:
            await _find(tx, Product, partner_id, product_id)
            await products.set_product(tx, who.actor, product_id, _terms(form))
    except Invalid as error:
        return await _show(hub, who, partner_id, product_id, 400, problem=error.message, given=form)
    return _listed(who, partner_id)


@router.post("/products/{product_id}/{action}")
async def switch_product(
    request: Request, hub: Hub, who: Administering, partner_id: PathId, product_id: PathId, action: str
) -> Response:
    """`disable`: requests for it are refused; `enable`."""
    await read_form(request, hub, who)
    if action not in {"disable", "enable"}:
        raise NotFound("There is no such action.")
    async with hub.turns.begin(0) as tx:
        await _find(tx, Product, partner_id, product_id)
        await products.switch_product(tx, who.actor, product_id, disabled=action == "disable")
    return _listed(who, partner_id)


@router.post("/origins")
async def create_origin(request: Request, hub: Hub, who: Administering, partner_id: PathId) -> Response:
    form = await read_form(request, hub, who)
    try:
        async with hub.turns.begin(0) as tx:
            await _require_discounts(tx, partner_id)
            await products.create_origin(tx, who.actor, partner_id, form["name"])
    except Invalid as error:
        return await _list(hub, who, partner_id, 400, problem=error.message)
    return _listed(who, partner_id)


@router.post("/origins/{origin_id}/{action}")
async def change_origin(
    request: Request, hub: Hub, who: Administering, partner_id: PathId, origin_id: PathId, action: str
) -> Response:
    """`rename`, to `name`; `delete`: nothing is accepted from it any more."""
    form = await read_form(request, hub, who)
    try:
        async with hub.turns.begin(0) as tx:
            await _find(tx, Origin, partner_id, origin_id)
            match action:
                case "rename":
                    await products.rename_origin(tx, who.actor, origin_id, form["name"])
                case "delete":
                    await products.delete_origin(tx, who.actor, origin_id)
                case _:
                    raise NotFound("There is no such action.")
    except Invalid as error:
        return await _list(hub, who, partner_id, 400, problem=error.message)
    return _listed(who, partner_id)


async def _list(hub: Services, who: Visitor, partner_id: int, status: int = 200, *, problem: str | None = None,
                given: Form | None = None) -> Response:  # fmt: skip
    async with hub.turns.begin(0) as tx:
        await _require_discounts(tx, partner_id)
        partner = await admin.load_row(tx, Partner, partner_id)
        found = await admin.list_rows(tx, Product, Product.partner_id == partner_id)
        origins = await admin.list_rows(tx, Origin, Origin.partner_id == partner_id)
    shown = {name: given[name] for name in NEW} if given else NEW
    return page(who, "products.html", status, partner=partner, products=found, origins=origins, shown=shown,
                problem=problem)  # fmt: skip


async def _show(hub: Services, who: Visitor, partner_id: int, product_id: int, status: int = 200, *,
                problem: str | None = None, given: Form | None = None) -> Response:  # fmt: skip
    async with hub.turns.begin(0) as tx:
        product = await _find(tx, Product, partner_id, product_id)
    shown = {name: given[name] if given else product[name] for name in (*TEXTS, *NUMBERS)}
    shown = {name: "" if value is None else value for name, value in shown.items()}
    return page(who, "product.html", status, product=product, shown=shown, problem=problem)


async def _require_discounts(tx: Tx, partner_id: int) -> None:
    if not isinstance(registry.find(await admin.require_partner(tx, partner_id)).handling, Discounts):
        raise NotFound("Partners of this API have no products.")


async def _find(tx: Tx, table: type[Product] | type[Origin], partner_id: int, row_id: int) -> dict[str, Any]:
    """The partner's own. Raises NotFound."""
    if not (found := await admin.list_rows(tx, table, table.partner_id == partner_id, table.id == row_id)):
        raise NotFound(f"This partner has no such {table.__tablename__}.")
    return found[0]


def _terms(form: Form) -> dict[str, Any]:
    """All but the full price must be given. Raises Invalid."""
    numbers = {name: form.number(name, most) for name, most in NUMBERS.items()}
    for name, value in numbers.items():
        if value is None and name != "full_price_cents":
            raise Invalid("must be a whole number.", field=name)
    return {name: form[name] for name in TEXTS} | numbers


def _listed(who: Visitor, partner_id: int) -> Response:
    return RedirectResponse(f"{who.area.path}/partners/{partner_id}/products", 303)
