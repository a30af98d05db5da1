"""A partner as its contract needs to know it, and the deployment that all belong to."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import select, text

from hub.contracts import registry
from hub.leads import Campaign, Tenant
from hub.store.db.engine import Tx
from hub.store.tables import Deployment

_TENANTS = """
    SELECT partner.id AS partner_id, partner.api, partner.region, campaign.id, campaign.public_id, campaign.language,
           campaign.required_fields,
           coalesce(listening_until > clock_timestamp(), false)
           OR EXISTS (SELECT FROM endpoint WHERE endpoint.partner_id = partner.id AND deleted_at IS NULL)
           AS has_endpoints
    FROM partner LEFT JOIN campaign ON campaign.partner_id = partner.id
"""
_TENANT = text(f"{_TENANTS} WHERE partner.id = :partner_id ORDER BY campaign.id")
_OF_APIS = text(f"""
    {_TENANTS} WHERE partner.api = ANY(:apis) AND (CAST(:partner_id AS bigint) IS NULL OR partner.id = :partner_id)
    ORDER BY partner.id, campaign.id
""")


async def load_tenant(tx: Tx, partner_id: int, *, shared_identity: bool) -> Tenant:
    """The partner with all its campaigns."""
    rows = (await tx.execute(_TENANT, {"partner_id": partner_id})).all()
    return _tenant(rows, shared_identity=shared_identity)


async def load_tenants(tx: Tx, apis: Sequence[str], partner_id: int | None = None) -> list[Tenant]:
    """All partners of these APIs, or the one if it is of them, each with identities of its own."""
    rows = (await tx.execute(_OF_APIS, {"apis": list(apis), "partner_id": partner_id})).all()
    return [_tenant(list(mine), shared_identity=False) for _, mine in groupby(rows, key=lambda row: row.partner_id)]


def _tenant(rows: Sequence[Any], *, shared_identity: bool) -> Tenant:
    partner = rows[0]
    return Tenant(
        id=partner.partner_id,
        api=partner.api,
        region=partner.region,
        shared_identity=shared_identity and registry.find(partner.api).shared_identity,
        has_endpoints=partner.has_endpoints,
        campaigns={
            row.public_id: Campaign(row.id, row.public_id, row.language, tuple(row.required_fields))
            for row in rows
            if row.id is not None
        },
    )


async def deployment_id(tx: Tx) -> str:
    """The random id that this database was given when its first migration ran."""
    return (await tx.execute(select(Deployment.id))).scalar_one()
