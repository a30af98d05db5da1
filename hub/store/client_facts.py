"""What a partner's client has to know to call its API, as the registry's value of the API names it; never a key."""

from sqlalchemy import select

from hub.contracts import registry
from hub.contracts.registry import ClientField
from hub.errors import NotFound
from hub.store.db.engine import Tx
from hub.store.tables import Campaign, Origin, Partner, Product


async def client_facts(tx: Tx, partner_id: int) -> dict[str, str]:
    """By the API's own names, such as `campaign_id`: of several campaigns or products the first. Raises NotFound."""
    partner = (await tx.execute(select(Partner.api, Partner.public_id).where(Partner.id == partner_id))).first()
    if partner is None:
        raise NotFound(f"there is no partner {partner_id}.", field="partner_id")
    product = select(Product.public_id).where(Product.partner_id == partner_id, Product.disabled_at.is_(None))
    columns = {
        ClientField.CAMPAIGN: select(Campaign.public_id).where(Campaign.partner_id == partner_id).order_by(Campaign.id),
        ClientField.ORIGIN: select(Origin.name).where(Origin.partner_id == partner_id).order_by(Origin.id),
        ClientField.PRODUCT: product.order_by(Product.id),
    }
    found: dict[str, str] = {}
    for name, field in registry.find(partner.api).tenant.client_fields.items():
        value = partner.public_id if field is ClientField.PUBLIC_ID else None
        if field in columns:
            value = (await tx.execute(columns[field].limit(1))).scalar()
        if value is not None:
            found[name] = value
    return found
