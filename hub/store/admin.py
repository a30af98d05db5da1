"""Making tenants and what belongs to them, and changing them later: the writes behind the `hub` command."""

import re
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from hub.errors import Invalid, NotFound
from hub.store import tables
from hub.store.db.engine import Tx
from hub.store.keys import create_key

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
        raise Invalid("must not be blank.", field="name")
    if new.api not in APIS:
        raise Invalid(f"must be one of {', '.join(APIS)}.", field="api")
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
    _require_text(name=name)
    dialer_id = await _insert(tx, tables.Dialer, name=name, kind="pull")
    if dialer_id is None:
        raise Invalid(f"there is a dialer {name} already.", field="name")
    key = await create_key(tx, pepper, "dialer", dialer_id=dialer_id, scope="dialer")
    return {"id": dialer_id, "name": name, "kind": "pull", "key": key.text}


async def create_campaign(tx: Tx, partner_id: int, name: str, dialer_id: int | None = None) -> int:
    """A campaign on the given or the default dialer. Raises Invalid when the partner has one of that name."""
    _require_text(name=name)
    dialer_id = dialer_id or await default_dialer(tx)
    made = await _insert(tx, tables.Campaign, partner_id=partner_id, public_id=name, dialer_id=dialer_id)
    if made is None:
        raise Invalid(f"this partner has a campaign {name} already.", field="name")
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
    _require_text(username=username)
    values = {"username": username, "name": name, "dialer_user_id": dialer_user_id, "password_digest": password_digest}
    made = await _insert(tx, tables.Agent, partner_id=partner_id, **values)
    if made is None:
        raise Invalid("this partner has an agent of this name or dialer user id already.", field="username")
    return made


async def create_origin(tx: Tx, partner_id: int, name: str) -> dict[str, Any]:
    """A system from which a Leanpub partner may send. Raises Invalid when the partner has it already."""
    _require_text(name=name)
    made = await _insert(tx, tables.Origin, partner_id=partner_id, name=name)
    if made is None:
        raise Invalid(f"this partner has an origin {name} already.", field="name")
    return await change(tx, tables.Origin, made, {})


async def delete_origin(tx: Tx, origin_id: int) -> None:
    """Accept nothing from it from now on. Raises NotFound."""
    gone = delete(tables.Origin).where(tables.Origin.id == origin_id).returning(tables.Origin.id)
    if (await tx.execute(gone)).first() is None:
        raise NotFound(f"there is no origin {origin_id}.", field="origin_id")


async def create_product(tx: Tx, partner_id: int, public_id: str, **columns: Any) -> dict[str, Any]:
    """A book that a Leanpub partner may discount. Raises Invalid for a blank text, and when the partner has it."""
    texts = {name: value for name, value in columns.items() if isinstance(value, str)}
    _require_text(public_id=public_id, **texts)
    made = await _insert(tx, tables.Product, partner_id=partner_id, public_id=public_id, **columns)
    if made is None:
        raise Invalid(f"this partner has a product {public_id} already.", field="public_id")
    return await change(tx, tables.Product, made, {})


def _require_text(**texts: str) -> None:
    for name, text in texts.items():
        if not text.strip():
            raise Invalid("must not be blank.", field=name)


async def _insert(tx: Tx, table: type[tables.Base], **values: object) -> int | None:
    """The new row's id, None when a unique constraint has its values already."""
    row = insert(table).values(**values).on_conflict_do_nothing()
    made: int | None = (await tx.execute(row.returning(table.__table__.columns["id"]))).scalar()
    return made


async def set_disabled(tx: Tx, partner_id: int, *, disabled: bool) -> None:
    """Disable or enable a partner. Raises NotFound."""
    moment = func.coalesce(tables.Partner.disabled_at, func.clock_timestamp()) if disabled else None
    row = update(tables.Partner).where(tables.Partner.id == partner_id).values(disabled_at=moment)
    if (await tx.execute(row.returning(tables.Partner.id))).first() is None:
        raise _no_partner(partner_id)


async def require_partner(tx: Tx, partner_id: int) -> str:
    """The partner's API. Raises NotFound."""
    api = (await tx.execute(select(tables.Partner.api).where(tables.Partner.id == partner_id))).scalar()
    if api is None:
        raise _no_partner(partner_id)
    return api


def _no_partner(partner_id: int) -> NotFound:
    return NotFound(f"there is no partner {partner_id}.", field="partner_id")


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
        raise NotFound(f"there is no {table.__tablename__} {row_id}.", field=f"{table.__tablename__}_id")
    return found[0]
