"""Claims of deliveries: how many at once, of an endpoint that is well, of one that fails, over all processes."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from hub.store import delivery_claims
from hub.store.db.engine import Database, Tx
from hub.store.deliveries import OutgoingWebhook
from hub.store.delivery_claims import PARTNER_PLACES, PROCESS_PLACES, RETRY_PLACES, NotNow
from hub.store.tables import Delivery, Endpoint
from hub.webhooks import MOST_PLACES, PAUSED_AFTER, DeliveryState
from tests.support.deliveries import (
    DELIVERED,
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


async def test_two_processes_share_an_endpoints_places(tx: Tx, database: str) -> None:
    partner = await new_partner(tx)
    await new_endpoint(tx, partner["id"])
    await happen(tx, partner["id"], 3 * MOST_PLACES)
    await tx.commit()
    other = Database(database, 1)
    first = await claim(tx, 3)
    async with other.begin() as second:
        while_claimed = await delivery_claims.claim(second, VAULT, 1000)
    assert (list(while_claimed.webhooks), while_claimed.more) == ([], True)
    await tx.commit()
    async with other.begin() as second:
        rest = await claim(second)
    assert len(first) + len(rest) == MOST_PLACES
    assert {webhook.delivery_id for webhook in first}.isdisjoint(webhook.delivery_id for webhook in rest)
    await other.close()


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


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("partners", [4, 40])
async def test_partners_of_any_number_leave_places_to_others(tx: Tx, partners: int, *, at_once: bool) -> None:
    """As if none of their endpoints ever answered. Their events come together, or one partner's after another's."""
    taken = 0
    for number in range(1, partners + 1):
        greedy = (await new_partner(tx))["id"]
        for _ in range(PROCESS_PLACES // partners // MOST_PLACES + 1):
            await new_endpoint(tx, greedy)
        await happen(tx, greedy, MOST_PLACES)
        if number == partners or not at_once:
            taken += len(await claim(tx, PROCESS_PLACES - taken))
    assert taken > PARTNER_PLACES
    late = (await new_partner(tx))["id"]
    await new_endpoint(tx, late)
    await happen(tx, late, 1)
    assert len(await claim(tx, PROCESS_PLACES - taken)) > 0
    assert taken < PROCESS_PLACES - 20


async def test_a_retry_leaves_places_to_other_partners(tx: Tx, webhook: OutgoingWebhook) -> None:
    await record(tx, [webhook], RETRY)
    await tx.execute(update(Delivery).values(next_at=func.clock_timestamp()))
    for _ in range(RETRY_PLACES // MOST_PLACES):
        await new_endpoint(tx, (greedy := (await new_partner(tx))["id"]))
        await happen(tx, greedy, MOST_PLACES)
    assert len(await claim(tx, 4 * PROCESS_PLACES)) == RETRY_PLACES
    full = await delivery_claims.claim_due(tx, VAULT, webhook.delivery_id)
    assert isinstance(full, NotNow)
    assert full.wait is None


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
