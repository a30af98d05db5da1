"""Making tenants: a partner with its key and all that its API's registry value says it comes with."""

import re
from dataclasses import asdict, dataclass
from secrets import token_hex
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from hub.contracts import leanpub, registry
from hub.contracts.registry import RANDOM_ID, ClientField, TenantDefaults
from hub.errors import Invalid
from hub.store.admin import create_agent, create_campaign, require_text
from hub.store.db.engine import Tx
from hub.store.keys import create_key
from hub.store.tables import Origin, Partner, Product


@dataclass(frozen=True, slots=True)
class NewPartner:
    """What `hub partner create` asks for. `rate_limit` per 60 s, None for the API's default.

    `public_id`: the id that an API's clients name their tenant by, None for one made of the name.
    """

    name: str
    api: str
    rate_limit: int | None = None
    region: str | None = None
    production_ready: bool = False
    public_id: str | None = None


async def create_partner(tx: Tx, pepper: bytes, new: NewPartner, default_limit: int) -> dict[str, Any]:
    """A tenant with what it needs to start; returns its id and the fields that its client needs, its key among them.

    Raises Invalid for a blank name and for an unusable id, UnknownPartnerApi.
    """
    defaults = registry.find(new.api).tenant
    require_text(name=new.name)
    public_id = await _public_id(tx, new) if defaults.public_id else None
    if new.public_id is not None and not defaults.public_id:
        raise Invalid(f"tenants of {new.api} are known by their keys alone.", field="public_id")
    row = insert(Partner).values(
        name=new.name,
        api=new.api,
        public_id=public_id,
        rate_limit=new.rate_limit or defaults.rate_limit or default_limit,
        region=new.region,
        production_ready=new.production_ready,
    )
    partner_id = (await tx.execute(row.returning(Partner.id))).scalar_one()
    key = await create_key(tx, pepper, "partner", partner_id=partner_id, scope=new.api)
    facts = {ClientField.KEY: key.text, ClientField.PUBLIC_ID: public_id}
    facts |= await _create_defaults(tx, defaults, partner_id)
    return {"id": partner_id, **{name: facts[field] for name, field in defaults.client_fields.items()}}


async def _create_defaults(tx: Tx, defaults: TenantDefaults, partner_id: int) -> dict[ClientField, Any]:
    """Make what a new tenant comes with; returns what its client may need of that: the first of each kind."""
    campaigns = [token_hex(6) if name == RANDOM_ID else name for name in defaults.campaigns]
    for campaign in campaigns:
        await create_campaign(tx, partner_id, campaign)
    for agent in defaults.agents:
        await create_agent(tx, partner_id, agent.username, agent.name, agent.dialer_user_id)
    for origin in defaults.origins:
        await tx.execute(insert(Origin).values(partner_id=partner_id, name=origin))
    for product in defaults.products:
        await tx.execute(insert(Product).values(partner_id=partner_id, **asdict(product)))
    return {
        ClientField.CAMPAIGN: next(iter(campaigns), None),
        ClientField.AGENTS: [asdict(agent) for agent in defaults.agents],
        ClientField.ORIGIN: next(iter(defaults.origins), None),
        ClientField.PRODUCT: next((product.public_id for product in defaults.products), None),
    }


async def _public_id(tx: Tx, new: NewPartner) -> str:
    """The chosen id, else a free one. Raises Invalid."""
    if new.public_id is None:
        return await _free_public_id(tx, new.name)
    if not leanpub.is_partner_id(new.public_id):
        raise Invalid(
            f"must be 1 to {leanpub.LONGEST} printable characters of Latin-1, not blank at its ends.", field="public_id"
        )
    if (await tx.execute(select(Partner.id).where(Partner.public_id == new.public_id))).first():
        raise Invalid(f"another partner has the id {new.public_id} already.", field="public_id")
    return new.public_id


async def _free_public_id(tx: Tx, name: str) -> str:
    word = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "partner"
    taken = (await tx.execute(select(Partner.id).where(Partner.public_id == word))).first()
    return f"{word}-{token_hex(3)}" if taken else word
