"""Deliveries: what an attempt's result changes, which are claimed, and how many at once."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import StatementError

from hub.actors import Actor, ActorKind
from hub.egress_rules import EgressRules
from hub.seal import Vault
from hub.store import deliveries, delivery_claims, delivery_queue, events
from hub.store.db.engine import Database, Tx
from hub.store.deliveries import AttemptResult, OutgoingWebhook
from hub.store.delivery_claims import PARTNER_PLACES, NotNow
from hub.store.endpoints import create_endpoint
from hub.store.events import NewEvent
from hub.store.provisioning import NewPartner, create_partner
from hub.store.tables import Delivery, DeliveryAttempt, Endpoint, Event
from hub.webhooks import MAX_BODY_BYTES, MOST_PLACES, PAUSED_AFTER, DeliveryState, PayloadFormat, Verdict

OPERATOR = Actor(ActorKind.OPERATOR, "test")
VAULT = Vault([b"k" * 32], b"p" * 32)
DELIVERED = AttemptResult(200, Verdict.DELIVERED, 12, "192.0.2.1", b"ok", None)
RETRY = AttemptResult("timeout", Verdict.RETRY, 15_000, None, b"", timedelta(minutes=5))
EXHAUSTED = AttemptResult(500, Verdict.RETRY, 12, "192.0.2.1", b"", None)
REFUSED = AttemptResult(400, Verdict.GIVE_UP, 12, "192.0.2.1", b"", None)
GONE = AttemptResult(410, Verdict.DISABLE, 12, "192.0.2.1", b"", None)
MANY = 10_000


@pytest.fixture
async def tx(database: str) -> AsyncIterator[Tx]:
    """A transaction in a database of this test's own, whose queue has nothing else."""
    opened = Database(database, 1)
    async with opened.engine.connect() as connection:
        yield connection
    await opened.close()


async def new_partner(tx: Tx, api: str = "partner_api") -> dict[str, Any]:
    return await create_partner(tx, b"p" * 32, NewPartner("Acme", api), 600)


async def new_endpoint(tx: Tx, partner_id: int, *types: str, campaign: str | None = None) -> int:
    rules = EgressRules(development=True)
    made = await create_endpoint(tx, VAULT, rules, OPERATOR, partner_id, "http://127.0.0.1:9/hook", types, campaign)
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


@pytest.fixture
async def webhook(tx: Tx) -> OutgoingWebhook:
    """A delivery that was claimed."""
    partner = await new_partner(tx)
    await new_endpoint(tx, partner["id"])
    await happen(tx, partner["id"])
    [claimed] = await claim(tx)
    return claimed


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


async def test_an_endpoint_has_so_many_attempts_under_way_and_no_more(tx: Tx) -> None:
    partner = await new_partner(tx)
    endpoint = await new_endpoint(tx, partner["id"])
    await happen(tx, partner["id"], 20)
    first = await claim(tx)
    assert len(first) == MOST_PLACES
    assert await claim(tx) == []
    await record(tx, first[:3], DELIVERED)
    assert len(await claim(tx)) == 3
    await pass_time(tx, endpoint)  # the claims of a process that was killed
    again = await claim(tx)
    assert [webhook.message_id for webhook in again][:5] == [webhook.message_id for webhook in first[3:]]


async def test_a_partner_with_many_endpoints_leaves_places_to_others(tx: Tx) -> None:
    greedy, other = await new_partner(tx), await new_partner(tx)
    for _ in range(50):
        await new_endpoint(tx, greedy["id"])
    await happen(tx, greedy["id"], MOST_PLACES)
    mine = await claim(tx, 400)
    assert len(mine) == PARTNER_PLACES // 2
    assert len({webhook.endpoint_id for webhook in mine}) == 50
    late = await new_endpoint(tx, greedy["id"], "lead.deleted")
    await new_endpoint(tx, other["id"])
    for partner in (greedy, other):
        await happen(tx, partner["id"], 2)
    claimed = [webhook.endpoint_id for webhook in await claim(tx, 400)]
    assert claimed.count(late) == 1  # its first place; the rest are others', so that one more may hang
    assert len(claimed) == 3


async def test_an_endpoint_that_fails_is_tried_once_after_each_pause_and_recovers_step_by_step(tx: Tx) -> None:
    partner = await new_partner(tx)
    endpoint = await new_endpoint(tx, partner["id"])
    await happen(tx, partner["id"], 40)
    failed = (await claim(tx))[:PAUSED_AFTER]
    await record(tx, failed, RETRY)
    await tx.execute(update(Delivery).values(claimed_until=None))
    paused_for = select(Endpoint.paused_until - func.clock_timestamp())
    pauses = [(await tx.execute(paused_for)).scalar_one()]
    for _ in range(3):
        assert await claim(tx) == []
        await pass_time(tx, endpoint)
        [probe] = await claim(tx)
        assert await claim(tx) == []
        await record(tx, [probe], RETRY)
        pauses.append((await tx.execute(paused_for)).scalar_one())
    assert pauses == sorted(pauses)
    assert pauses[-1] > 3 * pauses[0]
    untouched = select(func.count()).where(Delivery.attempts == 0)
    assert (await tx.execute(untouched)).scalar_one() == 40 - PAUSED_AFTER - 3
    await pass_time(tx, endpoint)
    under_way = await claim(tx)
    rates = []
    while under_way:
        rates.append(len(under_way))
        await record(tx, under_way, DELIVERED)
        under_way = await claim(tx)
    assert rates[:5] == [1, 2, 4, 8, 8]
    # Those that had failed did not wait for their next attempts' times.
    assert set(await states(tx, endpoint)) == {DeliveryState.DELIVERED}


async def test_a_payload_that_is_refused_for_good_pauses_nothing(tx: Tx) -> None:
    partner = await new_partner(tx)
    await new_endpoint(tx, partner["id"])
    await happen(tx, partner["id"], 2 * PAUSED_AFTER)
    await record(tx, await claim(tx), REFUSED)
    assert await claim(tx) != []


async def test_a_retry_whose_endpoint_has_no_place_goes_into_the_queue(tx: Tx, webhook: OutgoingWebhook) -> None:
    partner_id = (await tx.execute(select(Endpoint.partner_id))).scalar_one()
    await record(tx, [webhook], RETRY)
    early = await delivery_claims.claim_due(tx, VAULT, webhook.delivery_id)
    assert isinstance(early, NotNow)
    assert early.wait is not None
    assert early.wait > timedelta(minutes=4)
    await tx.execute(update(Delivery).values(next_at=func.clock_timestamp()))
    await happen(tx, partner_id, MOST_PLACES)
    busy = await claim(tx)
    assert len(busy) == MOST_PLACES
    token = select(Delivery.workflow_token).where(Delivery.id == webhook.delivery_id)
    before = (await tx.execute(token)).scalar_one()
    full = await delivery_claims.claim_due(tx, VAULT, webhook.delivery_id)
    assert isinstance(full, NotNow)
    assert full.wait is None
    assert (await tx.execute(token)).scalar_one() != before  # the next failure starts another workflow
    await record(tx, busy, DELIVERED)
    assert [(again.delivery_id, again.attempt) for again in await claim(tx)] == [(webhook.delivery_id, 2)]


async def test_a_retry_whose_endpoint_has_a_place_is_claimed_once(tx: Tx, webhook: OutgoingWebhook) -> None:
    await record(tx, [webhook], RETRY)
    await tx.execute(update(Delivery).values(next_at=func.clock_timestamp()))
    claimed = await delivery_claims.claim_due(tx, VAULT, webhook.delivery_id)
    assert isinstance(claimed, OutgoingWebhook)
    assert (claimed.attempt, claimed.message_id, claimed.body) == (2, webhook.message_id, webhook.body)
    second = await delivery_claims.claim_due(tx, VAULT, webhook.delivery_id)
    assert isinstance(second, NotNow)
    assert second.wait is not None


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
