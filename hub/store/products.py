"""What Leanpub partners may discount, and the systems that may ask for it: products and origins, changed by operators.

By command and page alike, each change with its audit row.
"""

from typing import Any, Final

from sqlalchemy import delete, func

from hub.actors import Actor
from hub.errors import Invalid, NotFound
from hub.store import admin, audit
from hub.store.admin import require_text
from hub.store.db.engine import Tx
from hub.store.tables import Origin, Product

Row = dict[str, Any]
MOST_CENTS: Final = 1_000_000
MOST_DAYS: Final = 3660
MOST_USES: Final = 1_000_000
_BOUNDS: Final = {
    "price_cents": (0, MOST_CENTS),
    "full_price_cents": (0, MOST_CENTS),
    "valid_days": (1, MOST_DAYS),
    "max_uses": (1, MOST_USES),
}


async def create_product(tx: Tx, actor: Actor, partner_id: int, public_id: str, terms: Row) -> Row:
    """A book that the partner may discount. Raises NotFound, and Invalid for unusable terms and an id that it has."""
    await admin.require_partner(tx, partner_id)
    require_text(public_id=public_id, **{name: value for name, value in terms.items() if isinstance(value, str)})
    _require_ascii(public_id=public_id)
    _require_terms(terms, terms)
    made = await admin.insert_row(tx, Product, partner_id=partner_id, public_id=public_id, **terms)
    if made is None:
        raise Invalid(f"this partner has a product {public_id} already.", field="public_id")
    await audit.record(tx, actor, "product.create", made, partner_id=partner_id)
    return await admin.load_row(tx, Product, made)


async def set_product(tx: Tx, actor: Actor, product_id: int, values: Row) -> Row:
    """Change a book's terms; coupons that were made stay. Raises Invalid, NotFound."""
    before = await admin.load_row(tx, Product, product_id)
    _require_terms(values, before | values)
    await audit.record(tx, actor, "product.set", product_id, partner_id=before["partner_id"], changed=sorted(values))
    return await admin.change(tx, Product, product_id, values)


async def switch_product(tx: Tx, actor: Actor, product_id: int, *, disabled: bool) -> Row:
    """Requests for one that is disabled are refused as for an unknown one; those that came before go on.

    Raises NotFound.
    """
    product = await admin.load_row(tx, Product, product_id)
    action = "product.disable" if disabled else "product.enable"
    await audit.record(tx, actor, action, product_id, partner_id=product["partner_id"])
    moment = func.coalesce(Product.disabled_at, func.clock_timestamp()) if disabled else None
    return await admin.change(tx, Product, product_id, {"disabled_at": moment})


async def create_origin(tx: Tx, actor: Actor, partner_id: int, name: str) -> Row:
    """A system from which the partner may send. Raises NotFound, and Invalid when it has it already."""
    await admin.require_partner(tx, partner_id)
    _require_name(name)
    made = await admin.insert_row(tx, Origin, partner_id=partner_id, name=name)
    if made is None:
        raise _name_taken(name)
    await audit.record(tx, actor, "origin.create", made, partner_id=partner_id)
    return await admin.load_row(tx, Origin, made)


async def rename_origin(tx: Tx, actor: Actor, origin_id: int, name: str) -> Row:
    """Raises NotFound, and Invalid when the partner has one of this name."""
    owner = (await admin.load_row(tx, Origin, origin_id))["partner_id"]
    _require_name(name)
    await audit.record(tx, actor, "origin.set", origin_id, partner_id=owner, changed=["name"])
    return await admin.change_unique(tx, Origin, origin_id, {"name": name}, _name_taken(name))


async def delete_origin(tx: Tx, actor: Actor, origin_id: int) -> int:
    """Accept nothing from it from now on; returns its partner. Raises NotFound."""
    gone = delete(Origin).where(Origin.id == origin_id).returning(Origin.partner_id)
    partner_id: int | None = (await tx.execute(gone)).scalar()
    if partner_id is None:
        raise NotFound(f"there is no origin {origin_id}.", field="origin_id")
    await audit.record(tx, actor, "origin.delete", origin_id, partner_id=partner_id)
    return partner_id


def _require_name(name: str) -> None:
    require_text(name=name)
    _require_ascii(name=name)


def _name_taken(name: str) -> Invalid:
    return Invalid(f"this partner has an origin {name} already.", field="name")


def _require_ascii(**texts: str) -> None:
    for name, text in texts.items():
        if not (text.isascii() and text.isprintable()):
            raise Invalid("must be printable ASCII characters: no request can name anything else.", field=name)


def _require_terms(given: Row, product: Row) -> None:
    """Raises Invalid for a number of `given` that is out of bounds, and for a `product` whose prices don't fit."""
    for name, (least, most) in _BOUNDS.items():
        if (value := given.get(name)) is not None and not least <= value <= most:
            raise Invalid(f"must be from {least} to {most}.", field=name)
    full, discounted = product.get("full_price_cents"), product["price_cents"]
    if full is not None and full < discounted:
        raise Invalid(f"must not be less than the discounted price, {discounted}.", field="full_price_cents")
