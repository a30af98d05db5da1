"""Webhook endpoints: created with a secret that is shown once, changed, rotated, disabled, enabled, deleted.

`partner_id` fixes the tenant: another's endpoint is as a missing one. Each change leaves an audit row by its `actor`.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects.postgresql import insert

from hub.actors import Actor, ActorKind
from hub.contracts import registry
from hub.egress_rules import EgressDenied, EgressRules, check_url
from hub.emails import normalised
from hub.errors import Conflict, Invalid, NotFound
from hub.seal import Vault
from hub.store import audit, delivery_queue, events, retries
from hub.store.admin import lock_partner, require_text
from hub.store.db.engine import Tx
from hub.store.deliveries import OLD_SECRET, SECRET
from hub.store.row_ids import possible
from hub.store.tables import Campaign, Delivery, Endpoint, Event, Partner
from hub.webhooks import EVENT_TYPES, new_secret

LONGEST_OVERLAP: Final = timedelta(days=7)
MOST_OF_A_PARTNER: Final = 50
_HEALTHY: Final = {"failing_since": None, "failures": 0, "warned": 0, "paused_until": None}


async def create_endpoint(
    tx: Tx,
    vault: Vault,
    rules: EgressRules,
    actor: Actor,
    partner_id: int,
    url: str,
    types: Sequence[str] = (),
    campaign: str | None = None,
    contact: str | None = None,
) -> dict[str, Any]:
    """An endpoint for the named event types (none: all), or for one campaign's own payload; with its secret.

    `contact`: the mail address that is warned while it fails. Raises Invalid for a URL that the rules forbid, a type
    or campaign that is unknown, and a contact that is no mail address.
    """
    campaign_id = await _campaign_id(tx, partner_id, campaign) if campaign else None
    row = {
        "partner_id": partner_id,
        "campaign_id": campaign_id,
        "url": _checked_url(url, rules),
        "types": checked_types(types),
        "contact": _checked_contact(contact) if contact else None,
        "secret": b"",
    }
    endpoint_id = (await tx.execute(insert(Endpoint).values(row).returning(Endpoint.id))).scalar_one()
    await audit.record(tx, actor, "endpoint.create", endpoint_id, partner_id=partner_id, types=row["types"])
    secret = await _set_secret(tx, vault, endpoint_id)
    public = {"id": endpoint_id, "url": url, "types": row["types"], "campaign": campaign, "contact": row["contact"]}
    return public | {"secret": secret}


async def require_room(tx: Tx, partner_id: int) -> None:
    """Raises Conflict when the partner has as many endpoints as it may make by itself: each event goes to all."""
    await lock_partner(tx, partner_id)
    live = select(func.count()).where(Endpoint.partner_id == partner_id, Endpoint.deleted_at.is_(None))
    if (await tx.execute(live)).scalar_one() >= MOST_OF_A_PARTNER:
        raise Conflict(f"there are {MOST_OF_A_PARTNER} endpoints already; delete one that is not needed.")


async def set_endpoint(
    tx: Tx,
    rules: EgressRules,
    actor: Actor,
    endpoint_id: int,
    *,
    url: str | None = None,
    types: Sequence[str] | None = None,
    contact: str | None = None,
    partner_id: int | None = None,
) -> None:
    """Change what is given (not None); empty `types` are all, an empty `contact` is none.

    Another URL is another receiver: what was counted of the former's failures is forgotten. Raises Invalid, NotFound.
    """
    changes: dict[str, Any] = {}
    if types is not None:
        changes["types"] = checked_types(types)
    if contact is not None:
        changes["contact"] = _checked_contact(contact) if contact else None
    if url is not None:
        changes["url"] = _checked_url(url, rules)
    owner = await _lock(tx, endpoint_id, partner_id)
    if changes:
        # By names alone: a URL may hold a token, and a contact is a person.
        await audit.record(tx, actor, "endpoint.set", endpoint_id, partner_id=owner, changed=sorted(changes))
        healthy = _HEALTHY if url is not None else {}
        await tx.execute(update(Endpoint).where(Endpoint.id == endpoint_id).values(**changes, **healthy))


def _checked_url(url: str, rules: EgressRules) -> str:
    try:
        check_url(url, rules)
    except EgressDenied as denied:
        raise Invalid(f"{denied}.", field="url") from None
    return url


def checked_types(types: Sequence[str]) -> list[str]:
    """Each once. Raises Invalid for an unknown one."""
    if unknown := sorted(set(types) - set(EVENT_TYPES)):
        raise Invalid(f"{', '.join(unknown)} is unknown; there are {', '.join(EVENT_TYPES)}.", field="types")
    return list(dict.fromkeys(types))


def _checked_contact(contact: str) -> str:
    if (address := normalised(contact)) is None:
        raise Invalid("is not a mail address.", field="contact")
    return address


async def _campaign_id(tx: Tx, partner_id: int, campaign: str) -> int:
    api = (await tx.execute(select(Partner.api).where(Partner.id == partner_id))).scalar()
    if api is None or registry.find(api).payload is None:
        # It would be sent nothing, ever.
        reason = "only SquadIQ's campaigns have a payload of their own; leave it out, or name event types."
        raise Invalid(reason, field="campaign")
    mine = select(Campaign.id).where(Campaign.partner_id == partner_id, Campaign.public_id == campaign)
    if (found := (await tx.execute(mine)).scalar()) is None:
        raise Invalid(f"partner {partner_id} has no campaign {campaign}.", field="campaign")
    return found


async def _set_secret(tx: Tx, vault: Vault, endpoint_id: int, **values: object) -> str:
    secret = new_secret()
    sealed = vault.seal_secret(secret.encode(), row=str(endpoint_id), column=SECRET)
    await tx.execute(update(Endpoint).where(Endpoint.id == endpoint_id).values(secret=sealed, **values))
    return secret


async def rotate_secret(
    tx: Tx, vault: Vault, actor: Actor, endpoint_id: int, overlap: timedelta, partner_id: int | None = None
) -> str:
    """A new secret; the old one signs beside it for `overlap`, 0 to 7 days. Raises Invalid, NotFound."""
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise Invalid("must be from 0 to 7 days.", field="overlap")
    owner = await _lock(tx, endpoint_id, partner_id)
    await audit.record(
        tx, actor, "endpoint.rotate", endpoint_id, partner_id=owner, overlap_seconds=int(overlap.total_seconds())
    )
    old = (await tx.execute(select(Endpoint.secret).where(Endpoint.id == endpoint_id))).scalar_one()
    text = vault.open_secret(old, row=str(endpoint_id), column=SECRET)
    kept = vault.seal_secret(text, row=str(endpoint_id), column=OLD_SECRET) if overlap else None
    until = func.clock_timestamp() + overlap
    return await _set_secret(tx, vault, endpoint_id, old_secret=kept, old_secret_until=until)


async def send_test(tx: Tx, vault: Vault, actor: Actor, endpoint_id: int, partner_id: int | None = None) -> int:
    """Send it an `endpoint.test` event, whatever its types; returns the delivery's id.

    Raises NotFound, and Conflict for a disabled endpoint.
    """
    owner = await _lock(tx, endpoint_id, partner_id)
    if (await tx.execute(select(Endpoint.disabled_at).where(Endpoint.id == endpoint_id))).scalar() is not None:
        raise Conflict(f"endpoint {endpoint_id} is disabled; enable it first.")
    await audit.record(tx, actor, "endpoint.test", endpoint_id, partner_id=owner)
    data = {"endpoint_id": endpoint_id}
    test = events.NewEvent("endpoint.test", data, impersonal=True, only_endpoint=endpoint_id)
    await events.record(tx, vault, owner, [test])
    # The newest is this one: the endpoint is locked.
    sent = select(Delivery.id).join(Event, Event.id == Delivery.event_id).order_by(Delivery.id.desc()).limit(1)
    mine = Delivery.endpoint_id == endpoint_id, Event.type == test.type
    delivery_id = (await tx.execute(sent.where(*mine))).scalar_one()
    await retries.attempt_first(tx, endpoint_id, delivery_id)
    return delivery_id


async def disable_endpoint(
    tx: Tx, actor: Actor, endpoint_id: int, why: str | None = None, partner_id: int | None = None
) -> None:
    """Send nothing to it until it is enabled; its deliveries wait. One that is disabled stays as it is.

    Raises Invalid for a blank reason, NotFound.
    """
    why = f"by {actor.kind}" if why is None else why
    require_text(why=why)
    owner = await _lock(tx, endpoint_id, partner_id)
    await audit.record(tx, actor, "endpoint.disable", endpoint_id, partner_id=owner)
    live = update(Endpoint).where(Endpoint.id == endpoint_id, Endpoint.disabled_at.is_(None))
    await tx.execute(live.values(disabled_at=func.clock_timestamp(), disabled_why=why, disabled_by=actor.kind))


async def enable_endpoint(tx: Tx, actor: Actor, endpoint_id: int, partner_id: int | None = None) -> None:
    """Send to a disabled endpoint again, first what waited for that.

    Raises NotFound, and Conflict for a partner whose endpoint an operator disabled.
    """
    owner = await _lock(tx, endpoint_id, partner_id)
    disabled_by = (await tx.execute(select(Endpoint.disabled_by).where(Endpoint.id == endpoint_id))).scalar()
    if actor.kind is ActorKind.PARTNER and disabled_by is ActorKind.OPERATOR:
        raise Conflict(f"endpoint {endpoint_id} was disabled by an operator; ask them to enable it.")
    await audit.record(tx, actor, "endpoint.enable", endpoint_id, partner_id=owner)
    enabled = {"disabled_at": None, "disabled_why": None, "disabled_by": None, **_HEALTHY}
    await tx.execute(update(Endpoint).where(Endpoint.id == endpoint_id).values(enabled))
    await delivery_queue.resume(tx, endpoint_id)


async def delete_endpoint(tx: Tx, actor: Actor, endpoint_id: int, partner_id: int | None = None) -> None:
    """Delete an endpoint: nothing is sent to it from now on, and what waits for it has failed. Raises NotFound."""
    owner = await _lock(tx, endpoint_id, partner_id)
    await audit.record(tx, actor, "endpoint.delete", endpoint_id, partner_id=owner)
    await tx.execute(update(Endpoint).where(Endpoint.id == endpoint_id).values(deleted_at=func.clock_timestamp()))


async def _lock(tx: Tx, endpoint_id: int, partner_id: int | None) -> int:
    """Lock the endpoint for a change; returns its partner's id. Raises NotFound."""
    mine = select(Endpoint.partner_id).where(*live_endpoint(endpoint_id, partner_id)).with_for_update(key_share=True)
    if (owner := (await tx.execute(mine)).scalar()) is None:
        raise no_endpoint(endpoint_id)
    return owner


def live_endpoint(endpoint_id: int, partner_id: int | None) -> list[ColumnElement[bool]]:
    """It was not deleted, and is this partner's, if one is given."""
    found = [Endpoint.id == possible(endpoint_id), Endpoint.deleted_at.is_(None)]
    return found if partner_id is None else [*found, Endpoint.partner_id == partner_id]


def no_endpoint(endpoint_id: int) -> NotFound:
    """The same for a missing one and for another tenant's."""
    return NotFound(f"there is no endpoint {endpoint_id}.", field="endpoint_id")
