"""Storing discount requests: what their partner may ask for, repeats, and the rows that a workflow then drives.

A row is stored unconfirmed, its workflow is started, then it is confirmed: only a confirmed one is promised, and done.
One that is withdrawn, or not confirmed in time, is deleted, and its workflow ends by itself.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from hub import strictjson
from hub.contracts.leanpub import DiscountRequest, PartnerFacts
from hub.discounts import CouponState, DiscountState, new_code
from hub.seal import Vault
from hub.store.db.engine import Tx
from hub.store.tables import Coupon, Discount, Origin, Partner, Product

RECIPIENT = "discount.recipient"
REPEATS_WITHIN = timedelta(hours=24)
CONFIRMED_WITHIN = timedelta(minutes=1)
"""Longer than a request that is still worked on may take; a row older than this lost the process that stored it."""


@dataclass(frozen=True, slots=True)
class StoredDiscount:
    """A stored request, and its workflow's `token`.

    Unless `confirmed`, the workflow is still to be started, and the request then to be confirmed.
    """

    id: int
    public_id: str
    confirmed: bool
    token: str | None


@dataclass(frozen=True, slots=True)
class _Product:
    """The product's terms, from which a coupon is made."""

    id: int
    slug: str
    package: str
    full_price_cents: int | None
    price_cents: int
    valid_days: int
    max_uses: int


async def partner_facts(tx: Tx, partner_id: int) -> PartnerFacts:
    """What the contract needs to judge a request of this partner."""
    partner = select(Partner.public_id, Partner.production_ready).where(Partner.id == partner_id)
    row = (await tx.execute(partner)).one()
    origins = (await tx.execute(select(Origin.name).where(Origin.partner_id == partner_id))).scalars()
    discounted = select(Product.public_id).where(Product.partner_id == partner_id, Product.disabled_at.is_(None))
    products = (await tx.execute(discounted)).scalars()
    return PartnerFacts(row.public_id or "", frozenset(origins), frozenset(products), row.production_ready)


@dataclass(frozen=True, slots=True)
class Source:
    """The submission that asks for a discount, whose, and by which request id."""

    submission_id: int
    partner_id: int
    request_id: str


async def store(tx: Tx, vault: Vault, source: Source, request: DiscountRequest, body: dict[str, Any]) -> StoredDiscount:
    """Store the request and its future coupon, unconfirmed. Its public id is the request id.

    If it repeats one of the last 24 h, or its submission stored one before, that one is returned. What repeats a
    request that failed for good before any coupon or mail is a new try. The caller holds the partner's admission lock,
    so that of two equal requests at once the second finds the first.
    """
    partner_id, public_id = source.partner_id, source.request_id
    repeat_hash = _repeat_hash(vault, partner_id, request, body)
    if earlier := await _earlier(tx, source, repeat_hash):
        return earlier
    product = await _product(tx, partner_id, request.product_id)
    key, wrapped = vault.new_key()
    recipient = {
        "first_name": request.recipient.first_name,
        "last_name": request.recipient.last_name,
        "email": request.recipient.email,
        "origin": request.origin,
        "transaction_id": request.transaction_id,
    }
    row = insert(Discount).values(
        public_id=public_id,
        partner_id=partner_id,
        submission_id=source.submission_id,
        confirmed=False,
        product_id=product.id,
        repeat_hash=repeat_hash,
        sandbox=request.sandbox,
        state=DiscountState.TAKEN,
        wrapped_key=wrapped,
        recipient=key.seal(strictjson.dumps(recipient), row=public_id, column=RECIPIENT),
        email_hash=vault.index("email", request.recipient.email.lower()),
    )
    discount_id, token = (await tx.execute(row.returning(Discount.id, Discount.workflow_token))).one()
    await tx.execute(
        insert(Coupon).values(discount_id=discount_id, **_coupon_columns(product, sandbox=request.sandbox))
    )
    return StoredDiscount(discount_id, public_id, confirmed=False, token=token)


async def confirm(tx: Tx, discount_id: int) -> bool:
    """Promise the request, whose workflow Temporal has accepted; False when it was withdrawn."""
    mine = update(Discount).where(Discount.id == discount_id).values(confirmed=True)
    return (await tx.execute(mine.returning(Discount.id))).first() is not None


async def withdraw(tx: Tx, discount_id: int) -> bool:
    """Delete the request unless it is confirmed; whether it is gone."""
    await _delete_unconfirmed(tx, Discount.id == discount_id)
    return (await tx.execute(select(Discount.id).where(Discount.id == discount_id))).first() is None


async def purge_unconfirmed(tx: Tx) -> int:
    """Delete requests whose API process was lost before it could confirm them; returns how many."""
    return await _delete_unconfirmed(tx, Discount.created_at < func.clock_timestamp() - CONFIRMED_WITHIN)


async def _delete_unconfirmed(tx: Tx, which: ColumnElement[bool]) -> int:
    # Locked first: a confirmation that comes at the same time either is seen here, or finds nothing.
    locked = select(Discount.id).where(which, ~Discount.confirmed).with_for_update()
    ids = list((await tx.execute(locked)).scalars())
    await tx.execute(delete(Coupon).where(Coupon.discount_id.in_(ids)))
    await tx.execute(delete(Discount).where(Discount.id.in_(ids)))
    return len(ids)


def _repeat_hash(vault: Vault, partner_id: int, request: DiscountRequest, body: dict[str, Any]) -> bytes | None:
    if request.transaction_id is None:
        return None
    payload = json.dumps(body, sort_keys=True)
    return vault.index("discount", f"{partner_id} {sha256(payload.encode()).hexdigest()}")


async def _earlier(tx: Tx, source: Source, repeat_hash: bytes | None) -> StoredDiscount | None:
    recent = Discount.created_at > func.clock_timestamp() - REPEATS_WITHIN
    came_to_nothing = (
        (Discount.state == DiscountState.FAILED) & (Coupon.state == CouponState.INTENDED) & (Discount.mails_sent == 0)
    )
    same = Discount.submission_id == source.submission_id
    if repeat_hash is not None:
        same = or_(same, Discount.repeat_hash == repeat_hash)
    found = (
        select(Discount.id, Discount.public_id, Discount.confirmed, Discount.workflow_token)
        .join(Coupon, Coupon.discount_id == Discount.id)
        .where(Discount.partner_id == source.partner_id, recent, same, ~came_to_nothing)
    )
    row = (await tx.execute(found.order_by(Discount.id).limit(1))).first()
    return None if row is None else StoredDiscount(row.id, row.public_id, row.confirmed, row.workflow_token)


async def _product(tx: Tx, partner_id: int, public_id: str) -> _Product:
    prices = (Product.full_price_cents, Product.price_cents)
    columns = (Product.id, Product.slug, Product.package, *prices, Product.valid_days, Product.max_uses)
    ours = select(*columns).where(Product.partner_id == partner_id, Product.public_id == public_id)
    return _Product(*(await tx.execute(ours)).one())


def _coupon_columns(product: _Product, *, sandbox: bool) -> dict[str, Any]:
    """Chosen once. It is valid from yesterday on, as Leanpub's clock may be in a time zone behind UTC."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "code": new_code(sandbox=sandbox),
        "slug": product.slug,
        "package": product.package,
        "full_price_cents": product.full_price_cents,
        "price_cents": product.price_cents,
        "starts_on": today - timedelta(days=1),
        "ends_on": today + timedelta(days=product.valid_days),
        "max_uses": product.max_uses,
    }
