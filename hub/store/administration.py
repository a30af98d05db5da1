"""What is changed about tenants, keys, campaigns, dialers, agents, by command and page alike, with its audit row.

Audit rows have the names of the settings that were changed: values may be personal.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import func, select

from hub.actors import Actor, ActorKind
from hub.dialing.policy import CallingPolicy
from hub.errors import Conflict, Invalid, NotFound
from hub.keys import Kind, NewKey
from hub.store import admin, agents, audit, dialer_ties, keys, provisioning
from hub.store.db.engine import Tx
from hub.store.provisioning import NewPartner
from hub.store.tables import Agent, ApiKey, Campaign, Partner

Row = dict[str, Any]
MOST_KEYS: Final = 50  # that a partner may make by itself
MOST_REQUESTS: Final = 1_000_000
MOST_CALLS: Final = 100_000_000
"""What a partner's `rate_limit` and `daily_calls` may be at most."""


async def create_partner(tx: Tx, actor: Actor, pepper: bytes, new: NewPartner, default_limit: int) -> Row:
    """As `provisioning.create_partner`."""
    made = await provisioning.create_partner(tx, pepper, new, default_limit)
    await audit.record(tx, actor, "partner.create", made["id"], partner_id=made["id"], api=new.api)
    return made


async def set_partner(tx: Tx, actor: Actor, partner_id: int, values: Row) -> Row:
    """Set columns of a partner; `dialer_id`: of a Margav tenant, see `dialer_ties`. Raises Invalid, NotFound."""
    await admin.require_partner(tx, partner_id)
    await audit.record(tx, actor, "partner.set", partner_id, partner_id=partner_id, changed=sorted(values))
    if "dialer_id" in values:
        await dialer_ties.tie_partner(tx, partner_id, values["dialer_id"])
    return await admin.change(tx, Partner, partner_id, values)


async def switch_partner(tx: Tx, actor: Actor, partner_id: int, *, disabled: bool) -> None:
    """Disable or enable a partner. Raises NotFound."""
    await admin.require_partner(tx, partner_id)
    action = "partner.disable" if disabled else "partner.enable"
    await audit.record(tx, actor, action, partner_id, partner_id=partner_id)
    await admin.set_disabled(tx, partner_id, disabled=disabled)


async def create_key(
    tx: Tx,
    actor: Actor,
    pepper: bytes,
    kind: Kind,
    *,
    scope: str,
    partner_id: int | None = None,
    dialer_id: int | None = None,
    cidrs: tuple[str, ...] = (),
    expires_at: datetime | None = None,
) -> NewKey:
    """As `keys.create_key`. Raises Conflict for a partner that makes a further one than it may."""
    if actor.kind is ActorKind.PARTNER and partner_id is not None:
        await _require_room(tx, partner_id)
    of: Row = {"partner_id": partner_id, "dialer_id": dialer_id}
    key = await keys.create_key(tx, pepper, kind, scope=scope, cidrs=cidrs, expires_at=expires_at, **of)
    ends = expires_at.isoformat() if expires_at else None
    await audit.record(tx, actor, "key.create", key.key_id, **of, kind=kind, cidrs=list(cidrs), expires_at=ends)
    return key


async def _require_room(tx: Tx, partner_id: int) -> None:
    """Raises Conflict when the partner has as many keys as it may make by itself."""
    await admin.lock_partner(tx, partner_id)
    now = func.clock_timestamp()
    works = ApiKey.revoked_at.is_(None) & (ApiKey.expires_at.is_(None) | (ApiKey.expires_at > now))
    young = ApiKey.created_at > now - timedelta(days=1)  # or who makes and revokes them would have no end
    mine = select(func.count()).where(ApiKey.partner_id == partner_id, works | young)
    if (await tx.execute(mine)).scalar_one() >= MOST_KEYS:
        raise Conflict(
            f"there are {MOST_KEYS} keys that work or were made in the last day, the most there may be; revoke those"
            " that are not used, or wait."
        )


async def rotate_key(tx: Tx, actor: Actor, pepper: bytes, key_id: str, overlap: timedelta) -> NewKey:
    """As `keys.rotate_key`. Raises NotFound, and Conflict as `create_key`: the old key works beside the new one."""
    owner, days = (await find_key(tx, key_id))["partner_id"], overlap.days
    if actor.kind is ActorKind.PARTNER:
        await _require_room(tx, owner)
    new = await keys.rotate_key(tx, pepper, key_id, overlap)
    await audit.record(tx, actor, "key.rotate", key_id, partner_id=owner, successor=new.key_id, overlap_days=days)
    return new


async def revoke_key(tx: Tx, actor: Actor, key_id: str) -> None:
    """End a key now. Raises NotFound."""
    await audit.record(tx, actor, "key.revoke", key_id, partner_id=(await find_key(tx, key_id))["partner_id"])
    await keys.revoke_key(tx, key_id)


async def find_key(tx: Tx, key_id: str) -> Row:
    """A key, without what it is checked by. Raises NotFound."""
    if not (found := await admin.list_rows(tx, ApiKey, ApiKey.id == key_id)):
        raise NotFound(f"there is no key {key_id}.", field="key_id")
    return found[0]


async def create_campaign(tx: Tx, actor: Actor, partner_id: int, name: str, values: Row) -> Row:
    """A campaign on the dialer `dialer_id` of `values`, or on the default one. Raises Invalid, NotFound."""
    await admin.require_partner(tx, partner_id)
    campaign_id = await admin.create_campaign(tx, partner_id, name, values.get("dialer_id"))
    await audit.record(tx, actor, "campaign.create", campaign_id, partner_id=partner_id, changed=sorted(values))
    return await _set_campaign(tx, campaign_id, {**values, "dialer_id": None})


async def set_campaign(tx: Tx, actor: Actor, campaign_id: int, values: Row) -> Row:
    """Set columns of a campaign: `policy` as a whole; to another dialer goes what waits. Raises Invalid, NotFound."""
    campaign = await admin.load_row(tx, Campaign, campaign_id)
    owner = campaign["partner_id"]
    await audit.record(tx, actor, "campaign.set", campaign_id, partner_id=owner, changed=sorted(values))
    return await _set_campaign(tx, campaign_id, values)


async def _set_campaign(tx: Tx, campaign_id: int, values: Row) -> Row:
    if "policy" in values:
        check_policy(values["policy"])
    if values.get("dialer_id") is not None:
        await dialer_ties.tie_campaigns(tx, values["dialer_id"], [campaign_id])
    rest = {name: value for name, value in values.items() if name != "dialer_id"}
    return await admin.change(tx, Campaign, campaign_id, rest)


def check_policy(policy: Row) -> None:
    """Raises Invalid, which names every setting that is wrong."""
    try:
        CallingPolicy.model_validate(policy)
    except ValidationError as error:
        wrong = [
            f"{'.'.join(map(str, each['loc']))}: "
            + ("there is no such setting" if each["type"] == "extra_forbidden" else each["msg"])
            for each in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise Invalid(f"{'; '.join(wrong)}.", field="policy") from None


async def create_dialer(tx: Tx, actor: Actor, pepper: bytes, name: str, campaign_ids: list[int]) -> Row:
    """A pull dialer with its key, which calls for these campaigns from now on. Raises Invalid, NotFound."""
    made = await admin.create_dialer(tx, pepper, name)
    await audit.record(tx, actor, "dialer.create", made["id"], campaigns=campaign_ids)
    await dialer_ties.tie_campaigns(tx, made["id"], campaign_ids)
    return made


async def rename_dialer(tx: Tx, actor: Actor, dialer_id: int, name: str) -> Row:
    """Raises NotFound, and Invalid for the default dialer and a blank name."""
    await audit.record(tx, actor, "dialer.set", dialer_id, changed=["name"])
    return await admin.rename_dialer(tx, dialer_id, name)


async def create_agent(
    tx: Tx,
    actor: Actor,
    partner_id: int,
    username: str,
    name: str,
    dialer_user_id: str | None,
    password_digest: bytes | None = None,
) -> int:
    """As `admin.create_agent`. Raises Invalid, NotFound."""
    await admin.require_partner(tx, partner_id)
    made = await admin.create_agent(tx, partner_id, username, name, dialer_user_id, password_digest)
    await audit.record(tx, actor, "agent.create", made, partner_id=partner_id)
    return made


async def set_agent(tx: Tx, actor: Actor, agent_id: int, values: Row) -> Row:
    """Set columns of an agent; with `password_digest` its sessions end. Raises Invalid, NotFound."""
    owner = (await admin.load_row(tx, Agent, agent_id))["partner_id"]
    changed = sorted(name.removesuffix("_digest") for name in values)
    await audit.record(tx, actor, "agent.set", agent_id, partner_id=owner, changed=changed)
    if "password_digest" in values:
        await agents.sign_out(tx, agent_id)
    return await admin.change_agent(tx, agent_id, values)


async def switch_agent(tx: Tx, actor: Actor, agent_id: int, *, disabled: bool) -> int:
    """Disable an agent, which ends its sessions, or enable it; returns its partner. Raises NotFound."""
    owner: int = (await admin.load_row(tx, Agent, agent_id))["partner_id"]
    action = "agent.disable" if disabled else "agent.enable"
    await audit.record(tx, actor, action, agent_id, partner_id=owner)
    await agents.set_agent_disabled(tx, agent_id, disabled=disabled)
    return owner
