"""Deliveries: what an attempt's result changes, and what follows from the state of their endpoint."""

from typing import Any

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import StatementError

from hub.store import delivery_claims, delivery_queue, events
from hub.store.db.engine import Tx
from hub.store.deliveries import AttemptResult, OutgoingWebhook
from hub.store.delivery_claims import NotNow
from hub.store.events import NewEvent
from hub.store.tables import Delivery, DeliveryAttempt, Endpoint, Event
from hub.webhooks import MAX_BODY_BYTES, DeliveryState, PayloadFormat
from tests.support.deliveries import (
    DELIVERED,
    EXHAUSTED,
    GONE,
    REFUSED,
    RETRY,
    VAULT,
    claim,
    happen,
    new_endpoint,
    new_partner,
    pass_time,
    record,
    states,
)

MANY = 10_000


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (DELIVERED, DeliveryState.DELIVERED),
        (RETRY, DeliveryState.PENDING),
        (EXHAUSTED, DeliveryState.FAILED),
        (REFUSED, DeliveryState.FAILED),
        (GONE, DeliveryState.WAITING),
    ],
)
async def test_an_attempts_result_decides_the_deliverys_state(
    tx: Tx, webhook: OutgoingWebhook, result: AttemptResult, expected: DeliveryState
) -> None:
    assert await record(tx, [webhook], result) == {webhook.delivery_id}
    assert await states(tx, webhook.endpoint_id) == [expected]
    assert await claim(tx) == []  # what failed is its workflow's


@pytest.mark.parametrize("late", [RETRY, EXHAUSTED, DELIVERED, GONE])
async def test_a_late_attempt_never_changes_what_was_delivered(
    tx: Tx, webhook: OutgoingWebhook, late: AttemptResult
) -> None:
    await pass_time(tx, webhook.endpoint_id)
    [again] = await claim(tx)  # as its first worker was too slow
    assert (again.message_id, again.attempt) == (webhook.message_id, 1)
    assert await record(tx, [again], DELIVERED) == {webhook.delivery_id}
    assert await record(tx, [webhook], late) == set()
    assert await states(tx, webhook.endpoint_id) == [DeliveryState.DELIVERED]
    told = await delivery_claims.claim_due(tx, VAULT, webhook.delivery_id)
    assert isinstance(told, NotNow)
    assert told.wait is None
    attempts = select(DeliveryAttempt.number, DeliveryAttempt.status)
    assert [tuple(row) for row in await tx.execute(attempts)] == [(1, 200)]


async def test_an_endpoint_is_failing_from_its_first_failure_to_its_next_success(
    tx: Tx, webhook: OutgoingWebhook
) -> None:
    partner_id = (await tx.execute(select(Endpoint.partner_id))).scalar_one()
    health = select(Endpoint.failing_since, Endpoint.failures, Endpoint.warned, Endpoint.paused_until)
    await record(tx, [webhook], RETRY)
    since = (await tx.execute(health)).one().failing_since
    assert since is not None
    await happen(tx, partner_id)
    await record(tx, await claim(tx), EXHAUSTED)
    assert (await tx.execute(health)).one()[:2] == (since, 2)
    await tx.execute(update(Endpoint).values(warned=50))
    await happen(tx, partner_id)
    await record(tx, await claim(tx), DELIVERED)
    assert (await tx.execute(health)).one() == (None, 0, 0, None)


async def test_what_cannot_be_decrypted_fails_alone(tx: Tx) -> None:
    partner = await new_partner(tx)
    endpoint = await new_endpoint(tx, partner["id"])
    await happen(tx, partner["id"], 2)
    first = select(func.min(Event.id)).scalar_subquery()
    await tx.execute(update(Event).where(Event.id == first).values(body=b"not sealed by its key, and long enough"))
    assert len(await claim(tx)) == 1
    assert await states(tx, endpoint) == [DeliveryState.FAILED, DeliveryState.PENDING]


async def test_events_are_kept_for_any_endpoint_and_wait_for_a_disabled_one(tx: Tx) -> None:
    without, other_types, disabled = [await new_partner(tx) for _ in range(3)]
    await new_endpoint(tx, other_types["id"], "lead.created")
    waits = await new_endpoint(tx, disabled["id"])
    gone = update(Endpoint).where(Endpoint.id == waits)
    await tx.execute(gone.values(disabled_at=func.clock_timestamp()))
    for partner in (without, other_types, disabled):
        await happen(tx, partner["id"])
    kept = (await tx.execute(select(Event.partner_id).order_by(Event.id))).scalars().all()
    assert kept == [other_types["id"], disabled["id"]]
    assert await claim(tx) == []
    assert await states(tx, waits) == [DeliveryState.WAITING]


async def test_what_waits_goes_on_in_batches_when_its_endpoint_is_enabled(tx: Tx) -> None:
    partner = await new_partner(tx)
    endpoint = await new_endpoint(tx, partner["id"])
    await tx.execute(update(Endpoint).values(disabled_at=func.clock_timestamp()))
    await happen(tx, partner["id"], 2)
    copies = """
        WITH made AS (
            INSERT INTO event (public_id, partner_id, type, body, wrapped_key)
            SELECT gen_random_uuid()::text, partner_id, type, body, wrapped_key
            FROM event, generate_series(1, :many) WHERE id = (SELECT min(id) FROM event) RETURNING id
        ) INSERT INTO delivery (event_id, endpoint_id, state) SELECT id, :endpoint, 'waiting' FROM made
    """
    await tx.execute(text(copies), {"many": MANY - 2, "endpoint": endpoint})
    await tx.execute(update(Endpoint).values(disabled_at=None))
    assert await delivery_queue.resume(tx, endpoint) == delivery_queue.BATCH
    assert len(await claim(tx)) == 1  # the first alone; more when it succeeds
    batches = 0
    while await delivery_queue.settle(tx, "resumed"):
        batches += 1
    assert batches == MANY // delivery_queue.BATCH - 1
    queued = select(func.count()).where(Delivery.state == DeliveryState.PENDING, Delivery.queued_at.is_not(None))
    assert (await tx.execute(queued)).scalar_one() == MANY
    first = (await tx.execute(select(Delivery.id).order_by(Delivery.queued_at).limit(3))).scalars().all()
    assert first == sorted(first)


@pytest.mark.parametrize(
    ("change", "expected"), [("disabled_at", DeliveryState.WAITING), ("deleted_at", DeliveryState.FAILED)]
)
async def test_what_is_pending_follows_its_endpoint(
    tx: Tx, webhook: OutgoingWebhook, change: str, expected: DeliveryState
) -> None:
    partner_id = (await tx.execute(select(Endpoint.partner_id))).scalar_one()
    await record(tx, [webhook], RETRY)
    await happen(tx, partner_id)
    await tx.execute(update(Endpoint).values({change: func.clock_timestamp()}))
    for what in delivery_queue.SETTLED:
        while await delivery_queue.settle(tx, what):
            pass
    assert await states(tx, webhook.endpoint_id) == [expected] * 2
    assert await claim(tx) == []


async def test_a_payload_that_is_too_large_fails_alone_and_says_why(tx: Tx) -> None:
    partner = await new_partner(tx)
    endpoint = await new_endpoint(tx, partner["id"])
    await happen(tx, partner["id"], text="x" * MAX_BODY_BYTES)
    await happen(tx, partner["id"])
    [small] = await claim(tx)
    assert len(small.body) < MAX_BODY_BYTES
    assert await states(tx, endpoint) == [DeliveryState.FAILED, DeliveryState.PENDING]
    [why] = (await tx.execute(select(Delivery.why).where(Delivery.state == DeliveryState.FAILED))).scalars()
    assert why.endswith(f"is larger than {MAX_BODY_BYTES}")


async def test_a_renewed_delivery_has_all_its_attempts_again(tx: Tx, webhook: OutgoingWebhook) -> None:
    await record(tx, [webhook], DELIVERED)
    assert await delivery_queue.renew(tx, [webhook.delivery_id]) == [webhook.delivery_id]
    [again] = await claim(tx)
    assert (again.message_id, again.attempt, again.earlier_attempts) == (webhook.message_id, 2, 1)


async def test_a_campaigns_endpoint_gets_its_campaigns_payload(tx: Tx) -> None:
    partner = await new_partner(tx, "squadiq")
    await new_endpoint(tx, partner["id"], campaign=partner["campaign_id"])
    await new_endpoint(tx, partner["id"])
    campaign_id = (await tx.execute(select(Endpoint.campaign_id).order_by(Endpoint.id).limit(1))).scalar()

    async def payload() -> dict[str, Any]:
        return {"lead_id": "A-1"}

    event = NewEvent("lead.deleted", {}, campaign_id=campaign_id, campaign_payload=payload, impersonal=True)
    await events.record(tx, VAULT, partner["id"], [event])
    bodies = {webhook.payload_format: webhook.body for webhook in await claim(tx)}
    assert bodies[PayloadFormat.CAMPAIGN] == b'{"lead_id":"A-1"}'
    assert b'"type":"lead.deleted"' in bodies[PayloadFormat.ENVELOPE]


async def test_a_state_that_does_not_exist_is_never_written(tx: Tx, webhook: OutgoingWebhook) -> None:
    with pytest.raises(StatementError, match="lost"):
        await tx.execute(update(Delivery).where(Delivery.id == webhook.delivery_id).values(state="lost"))
