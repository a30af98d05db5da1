"""Finding who calls: keys with their partner or dialer, and what a partner's contract needs to know."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update

from hub.leads import Campaign, Tenant
from hub.store import tables
from hub.store.db.engine import Tx
from hub.store.tables import ApiKey, Deployment, Partner


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """A stored key and whom it stands for. `digest` is to be compared with the presented key's."""

    key_id: str
    kind: str
    digest: bytes
    scopes: tuple[str, ...]
    cidrs: tuple[str, ...]
    live: bool
    partner_id: int | None
    dialer_id: int | None
    api: str | None
    public_id: str | None
    rate_limit: int
    production_ready: bool
    disabled: bool
    expires_at: datetime | None


async def find_key(tx: Tx, key_id: str) -> KeyHolder | None:
    """The key with this public half, revoked or not; notes, to the minute, that it was used."""
    live = ApiKey.revoked_at.is_(None) & (ApiKey.expires_at.is_(None) | (ApiKey.expires_at > func.clock_timestamp()))
    minute_ago = func.clock_timestamp() - timedelta(minutes=1)
    stale = ApiKey.last_used_at.is_(None) | (ApiKey.last_used_at < minute_ago)
    columns = select(
        ApiKey.id, ApiKey.kind, ApiKey.digest, ApiKey.scopes, ApiKey.cidrs, ApiKey.partner_id, ApiKey.dialer_id,
        ApiKey.expires_at, live.label("live"), stale.label("stale"), Partner.api, Partner.public_id,
        Partner.rate_limit, Partner.production_ready, Partner.disabled_at,
    ).outerjoin(Partner, Partner.id == ApiKey.partner_id)  # fmt: skip
    row = (await tx.execute(columns.where(ApiKey.id == key_id))).first()
    if row is None:
        return None
    if row.stale and row.live:
        await tx.execute(update(ApiKey).where(ApiKey.id == key_id).values(last_used_at=func.clock_timestamp()))
    return KeyHolder(
        key_id=row.id,
        kind=row.kind,
        digest=row.digest,
        scopes=tuple(row.scopes),
        cidrs=tuple(row.cidrs),
        live=row.live,
        partner_id=row.partner_id,
        dialer_id=row.dialer_id,
        api=row.api,
        public_id=row.public_id,
        rate_limit=row.rate_limit or 0,
        production_ready=bool(row.production_ready),
        disabled=row.disabled_at is not None,
        expires_at=row.expires_at,
    )


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
        shared_identity=shared_identity and partner.api == "partner_api",
        campaigns={
            row.public_id: Campaign(row.id, row.public_id, row.language, tuple(row.required_fields)) for row in rows
        },
    )


async def deployment_id(tx: Tx) -> str:
    """The random id that this database was given when its first migration ran."""
    return (await tx.execute(select(Deployment.id))).scalar_one()
