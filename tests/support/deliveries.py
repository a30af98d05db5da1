"""Deliveries for tests of the store: partners, endpoints, events without personal data, attempts and their results."""

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update

from hub.actors import Actor, ActorKind
from hub.egress_rules import EgressRules
from hub.seal import Vault
from hub.store import deliveries, delivery_claims, events
from hub.store.db.engine import Tx
from hub.store.deliveries import AttemptResult, OutgoingWebhook
from hub.store.endpoints import create_endpoint
from hub.store.events import NewEvent
from hub.store.provisioning import NewPartner, create_partner
from hub.store.tables import Delivery, Endpoint
from hub.webhooks import DeliveryState, Verdict

OPERATOR = Actor(ActorKind.OPERATOR, "test")
VAULT = Vault([b"k" * 32], b"p" * 32)
DELIVERED = AttemptResult(200, Verdict.DELIVERED, 12, "192.0.2.1", b"ok", None)
RETRY = AttemptResult("timeout", Verdict.RETRY, 15_000, None, b"", timedelta(minutes=5))
EXHAUSTED = AttemptResult(500, Verdict.RETRY, 12, "192.0.2.1", b"", None)
REFUSED = AttemptResult(400, Verdict.GIVE_UP, 12, "192.0.2.1", b"", None)
GONE = AttemptResult(410, Verdict.DISABLE, 12, "192.0.2.1", b"", None)


async def new_partner(tx: Tx, api: str = "partner_api") -> dict[str, Any]:
    return await create_partner(tx, b"p" * 32, NewPartner("Acme", api), 600)


async def new_endpoint(
    tx: Tx, partner_id: int, *types: str, campaign: str | None = None, url: str = "http://127.0.0.1:9/hook"
) -> int:
    rules = EgressRules(development=True)
    made = await create_endpoint(tx, VAULT, rules, OPERATOR, partner_id, url, types, campaign)
    return int(made["id"])


async def happen(tx: Tx, partner_id: int, times: int = 1, **data: Any) -> None:
    """Events without personal data."""
    await events.record(tx, VAULT, partner_id, [NewEvent("lead.deleted", data, impersonal=True)] * times)


async def claim(tx: Tx, most: int = 1000) -> list[OutgoingWebhook]:
    return list((await delivery_claims.claim(tx, VAULT, most)).webhooks)


async def record(tx: Tx, webhooks: list[OutgoingWebhook], result: AttemptResult) -> set[int]:
    return await deliveries.record_attempts(tx, VAULT, [(webhook, result) for webhook in webhooks])


async def states(tx: Tx, endpoint_id: int) -> list[DeliveryState]:
    mine = select(Delivery.state).where(Delivery.endpoint_id == endpoint_id).order_by(Delivery.id)
    return list((await tx.execute(mine)).scalars())


async def pass_time(tx: Tx, endpoint_id: int) -> None:
    """The endpoint's pause ends, and so do the claims of its deliveries."""
    past = func.clock_timestamp() - timedelta(seconds=1)
    await tx.execute(update(Endpoint).where(Endpoint.id == endpoint_id).values(paused_until=past))
    await tx.execute(update(Delivery).where(Delivery.claimed_until.is_not(None)).values(claimed_until=past))


async def new_webhook(tx: Tx) -> OutgoingWebhook:
    """A delivery that was claimed, the only one of its partner's only endpoint."""
    partner = await new_partner(tx)
    await new_endpoint(tx, partner["id"])
    await happen(tx, partner["id"])
    [claimed] = await claim(tx)
    return claimed
