"""A partner as its contract needs to know it, and the deployment that all belong to."""

from sqlalchemy import select

from hub.contracts import registry
from hub.leads import Campaign, Tenant
from hub.store import tables
from hub.store.db.engine import Tx
from hub.store.tables import Deployment, Partner


async def load_tenant(tx: Tx, partner_id: int, *, shared_identity: bool) -> Tenant:
    """The partner with all its campaigns."""
    partner = (await tx.execute(select(Partner.api, Partner.region).where(Partner.id == partner_id))).one()
    table = tables.Campaign
    campaigns = select(table.id, table.public_id, table.language, table.required_fields).order_by(table.id)
    rows = (await tx.execute(campaigns.where(table.partner_id == partner_id))).all()
    return Tenant(
        id=partner_id,
        api=partner.api,
        region=partner.region,
        shared_identity=shared_identity and registry.find(partner.api).shared_identity,
        campaigns={
            row.public_id: Campaign(row.id, row.public_id, row.language, tuple(row.required_fields)) for row in rows
        },
    )


async def deployment_id(tx: Tx) -> str:
    """The random id that this database was given when its first migration ran."""
    return (await tx.execute(select(Deployment.id))).scalar_one()
