"""Webhook endpoints: made with a secret that is shown once, listed, rotated, deleted."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from hub.contracts import registry
from hub.egress_rules import EgressDenied, EgressRules, check_url
from hub.errors import Invalid, NotFound
from hub.seal import Vault
from hub.store.admin import list_rows
from hub.store.db.engine import Tx
from hub.store.deliveries import OLD_SECRET, SECRET
from hub.store.tables import Campaign, Endpoint, Partner
from hub.webhooks import EVENT_TYPES, new_secret


async def create_endpoint(
    tx: Tx,
    vault: Vault,
    rules: EgressRules,
    partner_id: int,
    url: str,
    types: Sequence[str] = (),
    campaign: str | None = None,
) -> dict[str, Any]:
    """An endpoint for the named event types (none: all), or for one campaign's own payload; with its secret.

    Raises Invalid for a URL that the rules forbid, an unknown type, an unknown campaign.
    """
    try:
        check_url(url, rules)
    except EgressDenied as denied:
        raise Invalid(f"{denied}.", field="url") from None
    if unknown := sorted(set(types) - set(EVENT_TYPES)):
        raise Invalid(f"{', '.join(unknown)} is unknown; there are {', '.join(EVENT_TYPES)}.", field="types")
    campaign_id = await _campaign_id(tx, partner_id, campaign) if campaign else None
    row = {"partner_id": partner_id, "campaign_id": campaign_id, "url": url, "types": list(types), "secret": b""}
    endpoint_id = (await tx.execute(insert(Endpoint).values(row).returning(Endpoint.id))).scalar_one()
    secret = await _set_secret(tx, vault, endpoint_id)
    return {"id": endpoint_id, "url": url, "types": list(types), "campaign": campaign, "secret": secret}


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


async def rotate_secret(tx: Tx, vault: Vault, endpoint_id: int, overlap: timedelta) -> str:
    """A new secret; the old one signs beside it for `overlap`. Raises NotFound."""
    live = Endpoint.deleted_at.is_(None)
    old = (await tx.execute(select(Endpoint.secret).where(Endpoint.id == endpoint_id, live).with_for_update())).scalar()
    if old is None:
        raise _no_endpoint(endpoint_id)
    text = vault.open_secret(old, row=str(endpoint_id), column=SECRET)
    kept = vault.seal_secret(text, row=str(endpoint_id), column=OLD_SECRET) if overlap else None
    until = func.clock_timestamp() + overlap
    return await _set_secret(tx, vault, endpoint_id, old_secret=kept, old_secret_until=until)


async def delete_endpoint(tx: Tx, endpoint_id: int) -> None:
    """Delete an endpoint: nothing is sent to it from now on. Raises NotFound."""
    mine = update(Endpoint).where(Endpoint.id == endpoint_id, Endpoint.deleted_at.is_(None))
    if (await tx.execute(mine.values(deleted_at=func.clock_timestamp()).returning(Endpoint.id))).first() is None:
        raise _no_endpoint(endpoint_id)


async def enable_endpoint(tx: Tx, endpoint_id: int) -> None:
    """Send to a disabled endpoint again. Raises NotFound."""
    mine = update(Endpoint).where(Endpoint.id == endpoint_id, Endpoint.deleted_at.is_(None))
    enabled = mine.values(disabled_at=None, disabled_why=None, failing_since=None)
    if (await tx.execute(enabled.returning(Endpoint.id))).first() is None:
        raise _no_endpoint(endpoint_id)


def _no_endpoint(endpoint_id: int) -> NotFound:
    return NotFound(f"there is no endpoint {endpoint_id}.", field="endpoint_id")


async def list_endpoints(tx: Tx) -> list[dict[str, Any]]:
    """All that were not deleted, without their secrets."""
    return await list_rows(tx, Endpoint, Endpoint.deleted_at.is_(None))
