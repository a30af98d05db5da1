"""Making tenants and what belongs to them, and changing them later: the writes behind the `hub` command."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from hub import keys
from hub.errors import Invalid, NotFound
from hub.store import tables
from hub.store.db.engine import Tx

APIS = ("partner_api", "margav", "squadiq", "leanpub", "comunik8")
DEFAULT_LEADS_PER_MINUTE = 100
AGENTS = (("agent1", "Agent One", "vicidial_user_123"), ("agent2", "Agent Two", None), ("agent3", "Agent Three", None))


@dataclass(frozen=True, slots=True)
class NewPartner:
    """What `hub partner create` takes. `rate_limit` per 60 s, None for the API's default."""

    name: str
    api: str
    rate_limit: int | None = None
    region: str | None = None
    production_ready: bool = False


async def create_partner(tx: Tx, pepper: bytes, new: NewPartner, default_limit: int) -> dict[str, Any]:
    """A tenant with what it needs to start; returns its id and the fields that its client needs, its key among them.

    Raises Invalid for a blank name or an unknown API.
    """
    if not new.name.strip():
        raise Invalid("NAME: must not be blank.")
    if new.api not in APIS:
        raise Invalid(f"--api: must be one of {', '.join(APIS)}.")
    dialer_id = await default_dialer(tx)
    limit = new.rate_limit or (DEFAULT_LEADS_PER_MINUTE if new.api == "partner_api" else default_limit)
    row = insert(tables.Partner).values(
        name=new.name,
        api=new.api,
        public_id=await _free_public_id(tx, new.name) if new.api == "leanpub" else None,
        rate_limit=limit,
        region=new.region,
        production_ready=new.production_ready,
        dialer_id=dialer_id,
    )
    partner_id, public_id = (await tx.execute(row.returning(tables.Partner.id, tables.Partner.public_id))).one()
    key = await create_key(tx, pepper, "partner", partner_id=partner_id, scope=new.api)
    return {"id": partner_id, **await _belongings(tx, new.api, partner_id, public_id, dialer_id, key.text)}


async def _belongings(
    tx: Tx, api: str, partner_id: int, public_id: str | None, dialer_id: int, key: str
) -> dict[str, Any]:
    match api:
        case "partner_api":
            await create_campaign(tx, partner_id, "default", dialer_id)
            return {"key": key}
        case "squadiq":
            campaign = token_hex(6)
            await create_campaign(tx, partner_id, campaign, dialer_id)
            return {"token": key, "campaign_id": campaign}
        case "comunik8":
            await create_campaign(tx, partner_id, "motor-trade", dialer_id)
            return {"key": key, "type": "motor-trade"}
        case "margav":
            for username, name, dialer_user_id in AGENTS:
                await create_agent(tx, partner_id, username, name, dialer_user_id)
            agents = [{"username": u, "name": n, "dialer_user_id": d} for u, n, d in AGENTS]
            return {"key": key, "agents": agents}
        case _:
            await tx.execute(insert(tables.Origin).values(partner_id=partner_id, name="shop.example.com"))
            book = {"public_id": "foobar", "slug": "foobar", "title": "The Foobar Book", "price_cents": 999}
            await tx.execute(insert(tables.Product).values(partner_id=partner_id, **book))
            return {"key": key, "partner_id": public_id, "origin": "shop.example.com", "product_id": "foobar"}


async def _free_public_id(tx: Tx, name: str) -> str:
    word = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "partner"
    taken = (await tx.execute(select(tables.Partner.id).where(tables.Partner.public_id == word))).first()
    return f"{word}-{token_hex(3)}" if taken else word


async def default_dialer(tx: Tx) -> int:
    """The id of the pull dialer that all campaigns start with."""
    row = insert(tables.Dialer).values(name="default", kind="pull").on_conflict_do_nothing()
    await tx.execute(row)
    return (await tx.execute(select(tables.Dialer.id).where(tables.Dialer.name == "default"))).scalar_one()


async def create_dialer(tx: Tx, pepper: bytes, name: str) -> dict[str, Any]:
    """A pull dialer with its key. Raises Invalid when the name is taken."""
    if not name.strip():
        raise Invalid("NAME: must not be blank.")
    row = insert(tables.Dialer).values(name=name, kind="pull").on_conflict_do_nothing()
    dialer_id = (await tx.execute(row.returning(tables.Dialer.id))).scalar()
    if dialer_id is None:
        raise Invalid(f"NAME: there is a dialer {name} already.")
    key = await create_key(tx, pepper, "dialer", dialer_id=dialer_id, scope="dialer")
    return {"id": dialer_id, "name": name, "kind": "pull", "key": key.text}


async def create_key(
    tx: Tx,
    pepper: bytes,
    kind: keys.Kind,
    *,
    scope: str,
    partner_id: int | None = None,
    dialer_id: int | None = None,
    cidrs: tuple[str, ...] = (),
    expires_at: datetime | None = None,
) -> keys.NewKey:
    """A key for a partner, a dialer, or (neither) an administrator. Raises Invalid for a bad address, a past end."""
    try:
        keys.networks(cidrs)
    except ValueError as error:
        raise Invalid(f"--cidr: {error}.") from None
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise Invalid("--expires: must be in the future.")
    key = keys.mint(kind, pepper)
    row = {"kind": kind, "digest": key.digest, "partner_id": partner_id, "dialer_id": dialer_id, "scopes": [scope]}
    await tx.execute(insert(tables.ApiKey).values(id=key.key_id, cidrs=list(cidrs), expires_at=expires_at, **row))
    return key


async def rotate_key(tx: Tx, pepper: bytes, key_id: str, overlap: timedelta) -> keys.NewKey:
    """A new key in the place of a live one, which ends after `overlap`. Raises NotFound.

    A key that was to expire gets a successor with as long a life: a rotation must not make it last for ever.
    """
    table, now = tables.ApiKey, datetime.now(UTC)
    live = table.revoked_at.is_(None) & (table.expires_at.is_(None) | (table.expires_at > now))
    old = (await tx.execute(select(*table.__table__.columns).where(table.id == key_id, live).with_for_update())).first()
    if old is None:
        raise NotFound(f"KEY_ID: there is no live key {key_id}.")
    ends = func.least(table.expires_at, func.clock_timestamp() + overlap)  # which passes over a null
    await tx.execute(update(table).where(table.id == key_id).values(expires_at=ends))
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
    row = update(tables.ApiKey).where(tables.ApiKey.id == key_id, tables.ApiKey.revoked_at.is_(None))
    if (await tx.execute(row.values(revoked_at=func.clock_timestamp()).returning(tables.ApiKey.id))).first() is None:
        raise NotFound(f"KEY_ID: there is no live key {key_id}.")


async def create_campaign(tx: Tx, partner_id: int, public_id: str, dialer_id: int | None = None) -> int:
    """A campaign on the given or the default dialer. Raises Invalid when the partner has one of that name."""
    if not public_id.strip():
        raise Invalid("NAME: must not be blank.")
    dialer_id = dialer_id or await default_dialer(tx)
    row = insert(tables.Campaign).values(partner_id=partner_id, public_id=public_id, dialer_id=dialer_id)
    made = (await tx.execute(row.on_conflict_do_nothing().returning(tables.Campaign.id))).scalar()
    if made is None:
        raise Invalid(f"NAME: this partner has a campaign {public_id} already.")
    return made


async def create_agent(
    tx: Tx,
    partner_id: int,
    username: str,
    name: str,
    dialer_user_id: str | None,
    password_digest: bytes | None = None,
) -> int:
    """An agent of a Margav partner, who may log in with a password. Raises Invalid when a name is taken."""
    if not username.strip():
        raise Invalid("USERNAME: must not be blank.")
    row = insert(tables.Agent).values(
        partner_id=partner_id,
        username=username,
        name=name,
        dialer_user_id=dialer_user_id,
        password_digest=password_digest,
    )
    made = (await tx.execute(row.on_conflict_do_nothing().returning(tables.Agent.id))).scalar()
    if made is None:
        raise Invalid("USERNAME: this partner has an agent of this name or dialer user id already.")
    return made


async def set_disabled(tx: Tx, partner_id: int, *, disabled: bool) -> None:
    """Disable or enable a partner. Raises NotFound."""
    moment = func.coalesce(tables.Partner.disabled_at, func.clock_timestamp()) if disabled else None
    row = update(tables.Partner).where(tables.Partner.id == partner_id).values(disabled_at=moment)
    if (await tx.execute(row.returning(tables.Partner.id))).first() is None:
        raise NotFound(f"ID: there is no partner {partner_id}.")


async def require_partner(tx: Tx, partner_id: int) -> str:
    """The partner's API. Raises NotFound."""
    api = (await tx.execute(select(tables.Partner.api).where(tables.Partner.id == partner_id))).scalar()
    if api is None:
        raise NotFound(f"--partner: there is no partner {partner_id}.")
    return api


async def list_rows(tx: Tx, table: type[tables.Base], *where: Any) -> list[dict[str, Any]]:
    """All rows of a table that an operator may see, without digests and secrets."""
    hidden = {"digest", "secret", "old_secret", "password_digest"}
    columns = [column for column in table.__table__.columns if column.name not in hidden]
    rows = await tx.execute(select(*columns).where(*where).order_by(columns[0]))
    return [dict(row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it


async def change(tx: Tx, table: type[tables.Base], row_id: int, values: dict[str, Any]) -> dict[str, Any]:
    """Set columns of one row and return it. Raises NotFound."""
    key = table.__table__.columns["id"]
    if values:
        await tx.execute(update(table).where(key == row_id).values(values))
    found = await list_rows(tx, table, key == row_id)
    if not found:
        raise NotFound(f"ID: there is no {table.__tablename__} {row_id}.")
    return found[0]
