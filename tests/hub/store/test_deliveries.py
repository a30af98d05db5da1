"""Deliveries: what an attempt's result changes, and which deliveries are still loaded."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import StatementError

from hub.egress_rules import EgressRules
from hub.seal import Vault
from hub.store import deliveries, events
from hub.store.db.engine import Database, Tx
from hub.store.deliveries import AttemptResult, OutgoingWebhook
from hub.store.endpoints import create_endpoint
from hub.store.events import NewEvent
from hub.store.provisioning import NewPartner, create_partner
from hub.store.tables import Delivery, DeliveryAttempt, Endpoint
from hub.webhooks import DeliveryState, PayloadFormat, Verdict

VAULT = Vault([b"k" * 32], b"p" * 32)
DELIVERED = AttemptResult(200, Verdict.DELIVERED, 12, "192.0.2.1", b"ok", None)
RETRY = AttemptResult("timeout", Verdict.RETRY, 15_000, None, b"", timedelta(minutes=5))
EXHAUSTED = AttemptResult(500, Verdict.RETRY, 12, "192.0.2.1", b"", None)
GONE = AttemptResult(410, Verdict.DISABLE, 12, "192.0.2.1", b"", None)


@pytest.fixture
async def tx(postgres_url: str) -> AsyncIterator[Tx]:
    """A transaction that is rolled back."""
    database = Database(postgres_url, 1)
    async with database.engine.connect() as connection:
        yield connection
    await database.close()


@pytest.fixture
async def webhook(tx: Tx) -> OutgoingWebhook:
    return await new_webhook(tx)


async def new_webhook(tx: Tx, api: str = "partner_api", campaign: str | None = None) -> OutgoingWebhook:
    """A delivery that is due, of an event without personal data."""
    partner = await create_partner(tx, b"p" * 32, NewPartner("Acme", api), 600)
    name = partner["campaign_id"] if campaign is None and api == "squadiq" else campaign
    rules = EgressRules(development=True)
    endpoint = await create_endpoint(tx, VAULT, rules, partner["id"], "http://127.0.0.1:9/hook", (), name)
    columns = select(Endpoint.campaign_id).where(Endpoint.id == endpoint["id"])
    campaign_id = (await tx.execute(columns)).scalar()

    async def payload() -> dict[str, Any]:
        return {"lead_id": "A-1"}

    event = NewEvent("lead.deleted", {}, campaign_id=campaign_id, campaign_payload=payload, impersonal=True)
    await events.record(tx, VAULT, partner["id"], [event])
    delivery_id = (await tx.execute(select(Delivery.id).where(Delivery.endpoint_id == endpoint["id"]))).scalar_one()
    loaded = await deliveries.load(tx, VAULT, delivery_id)
    assert loaded is not None
    return loaded


async def state(tx: Tx, webhook: OutgoingWebhook) -> DeliveryState:
    row = (await tx.execute(select(Delivery.state).where(Delivery.id == webhook.delivery_id))).one()
    return row.state


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (DELIVERED, DeliveryState.DELIVERED),
        (RETRY, DeliveryState.PENDING),
        (EXHAUSTED, DeliveryState.FAILED),
        (GONE, DeliveryState.FAILED),
    ],
)
async def test_an_attempts_result_decides_the_deliverys_state(
    tx: Tx, webhook: OutgoingWebhook, result: AttemptResult, expected: DeliveryState
) -> None:
    await deliveries.record_attempt(tx, VAULT, webhook, result)
    assert await state(tx, webhook) is expected
    again = await deliveries.load(tx, VAULT, webhook.delivery_id)
    assert (again is not None) == (expected is DeliveryState.PENDING)


async def test_an_attempt_that_is_recorded_twice_is_stored_once(tx: Tx, webhook: OutgoingWebhook) -> None:
    for _ in range(2):
        await deliveries.record_attempt(tx, VAULT, webhook, RETRY)
    attempts = select(DeliveryAttempt.number, DeliveryAttempt.status, DeliveryAttempt.failure)
    mine = attempts.where(DeliveryAttempt.delivery_id == webhook.delivery_id)
    assert [tuple(row) for row in await tx.execute(mine)] == [(1, None, "timeout")]
    again = await deliveries.load(tx, VAULT, webhook.delivery_id)
    assert again is not None
    assert (again.attempt, again.message_id, again.body) == (2, webhook.message_id, webhook.body)


async def test_an_endpoint_is_failing_from_its_first_failure_to_its_next_success(
    tx: Tx, webhook: OutgoingWebhook
) -> None:
    failing = select(Endpoint.failing_since).where(Endpoint.id == webhook.endpoint_id)
    await deliveries.record_attempt(tx, VAULT, webhook, RETRY)
    since = (await tx.execute(failing)).scalar()
    await deliveries.record_attempt(tx, VAULT, webhook, EXHAUSTED)
    assert since is not None
    assert (await tx.execute(failing)).scalar() == since
    await deliveries.record_attempt(tx, VAULT, webhook, DELIVERED)
    assert (await tx.execute(failing)).scalar() is None


async def test_a_disabled_endpoint_gets_nothing_more(tx: Tx, webhook: OutgoingWebhook) -> None:
    await deliveries.record_attempt(tx, VAULT, webhook, GONE)
    await tx.execute(update(Delivery).where(Delivery.id == webhook.delivery_id).values(state=DeliveryState.PENDING))
    assert await deliveries.load(tx, VAULT, webhook.delivery_id) is None


async def test_a_campaigns_endpoint_gets_its_campaigns_payload(tx: Tx, webhook: OutgoingWebhook) -> None:
    of_campaign = await new_webhook(tx, "squadiq")
    assert (of_campaign.payload_format, of_campaign.body) == (PayloadFormat.CAMPAIGN, b'{"lead_id":"A-1"}')
    assert webhook.payload_format is PayloadFormat.ENVELOPE
    assert b'"type":"lead.deleted"' in webhook.body


async def test_a_state_that_does_not_exist_is_never_written(tx: Tx, webhook: OutgoingWebhook) -> None:
    with pytest.raises(StatementError, match="lost"):
        await tx.execute(update(Delivery).where(Delivery.id == webhook.delivery_id).values(state="lost"))
