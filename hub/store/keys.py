"""API keys as they are stored: found with whom they stand for, made, rotated, revoked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from hub.errors import Invalid, NotFound
from hub.keys import Kind, NewKey, mint, networks
from hub.store.db.engine import Tx
from hub.store.tables import ApiKey, Partner


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
    """The key with this public half, revoked or not."""
    live = ApiKey.revoked_at.is_(None) & (ApiKey.expires_at.is_(None) | (ApiKey.expires_at > func.clock_timestamp()))
    columns = select(
        ApiKey.id, ApiKey.kind, ApiKey.digest, ApiKey.scopes, ApiKey.cidrs, ApiKey.partner_id, ApiKey.dialer_id,
        ApiKey.expires_at, live.label("live"), Partner.api, Partner.public_id,
        Partner.rate_limit, Partner.production_ready, Partner.disabled_at,
    ).outerjoin(Partner, Partner.id == ApiKey.partner_id)  # fmt: skip
    row = (await tx.execute(columns.where(ApiKey.id == key_id))).first()
    if row is None:
        return None
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


async def record_uses(tx: Tx, key_ids: Sequence[str]) -> None:
    """These keys were used now. One that another process noted within a minute stays as it is."""
    minute_ago = func.clock_timestamp() - timedelta(minutes=1)
    stale = ApiKey.last_used_at.is_(None) | (ApiKey.last_used_at < minute_ago)
    used = update(ApiKey).where(ApiKey.id.in_(key_ids), stale)
    await tx.execute(used.values(last_used_at=func.clock_timestamp()))


async def create_key(
    tx: Tx,
    pepper: bytes,
    kind: Kind,
    *,
    scope: str,
    partner_id: int | None = None,
    dialer_id: int | None = None,
    cidrs: tuple[str, ...] = (),
    expires_at: datetime | None = None,
) -> NewKey:
    """A key for a partner, a dialer, or (neither) an administrator. Raises Invalid for a bad address, a past end."""
    try:
        networks(cidrs)
    except ValueError as error:
        raise Invalid(f"{error}.", field="cidrs") from None
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise Invalid("must be in the future.", field="expires_at")
    key = mint(kind, pepper)
    row = {"kind": kind, "digest": key.digest, "partner_id": partner_id, "dialer_id": dialer_id, "scopes": [scope]}
    await tx.execute(insert(ApiKey).values(id=key.key_id, cidrs=list(cidrs), expires_at=expires_at, **row))
    return key


async def rotate_key(tx: Tx, pepper: bytes, key_id: str, overlap: timedelta) -> NewKey:
    """A new key in the place of a live one, which ends after `overlap`. Raises NotFound.

    A key that was to expire gets a successor with as long a life: a rotation must not make it last for ever.
    """
    now = datetime.now(UTC)
    live = ApiKey.revoked_at.is_(None) & (ApiKey.expires_at.is_(None) | (ApiKey.expires_at > now))
    mine = select(*ApiKey.__table__.columns).where(ApiKey.id == key_id, live).with_for_update()
    old = (await tx.execute(mine)).first()
    if old is None:
        raise NotFound(f"there is no live key {key_id}.", field="key_id")
    ends = func.least(ApiKey.expires_at, func.clock_timestamp() + overlap)  # which passes over a null
    await tx.execute(update(ApiKey).where(ApiKey.id == key_id).values(expires_at=ends))
    return await create_key(
        tx,
        pepper,
        old.kind,
        scope=old.scopes[0],
        partner_id=old.partner_id,
        dialer_id=old.dialer_id,
        cidrs=tuple(old.cidrs),
        expires_at=old.expires_at and now + (old.expires_at - old.created_at),
    )


async def revoke_key(tx: Tx, key_id: str) -> None:
    """End a key now. Raises NotFound."""
    row = update(ApiKey).where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
    if (await tx.execute(row.values(revoked_at=func.clock_timestamp()).returning(ApiKey.id))).first() is None:
        raise NotFound(f"there is no live key {key_id}.", field="key_id")
