"""What belongs to another tenant is to each function as what does not exist, in the same words."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from hub.egress_rules import EgressRules
from hub.errors import NotFound
from hub.seal import Vault
from hub.store import delivery_lists, endpoint_health, endpoints, replays, retries
from hub.store.db.engine import Database, Tx
from hub.store.delivery_lists import DeliveryFilter
from hub.store.paging import PageWanted
from hub.store.provisioning import NewPartner, create_partner
from hub.store.replays import ReplayRequest
from hub.store.row_ids import MOST_ID
from hub.store.tables import Audit
from tests.support.stack import OPERATOR

VAULT, RULES = Vault([b"k" * 32], b"p" * 32), EgressRules(development=True)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Tenants:
    """`mine` has an endpoint, a delivery to it and a replay."""

    mine: int
    other: int
    endpoint: int
    delivery: int
    replay: int


@pytest.fixture
async def tx(postgres_url: str) -> AsyncIterator[Tx]:
    """A transaction that is rolled back."""
    database = Database(postgres_url, 1)
    async with database.engine.connect() as connection:
        yield connection
    await database.close()


@pytest.fixture
async def tenants(tx: Tx) -> Tenants:
    mine, other = [(await create_partner(tx, b"p" * 32, NewPartner(name, "partner_api"), 600))["id"] for name in "ab"]
    made = await endpoints.create_endpoint(tx, VAULT, RULES, OPERATOR, mine, "http://127.0.0.1:9/hook")
    delivery = await endpoints.send_test(tx, VAULT, OPERATOR, made["id"])
    replay = await replays.create_replay(tx, OPERATOR, since(made["id"]))
    return Tenants(mine, other, made["id"], delivery, replay.id)


def since(endpoint: int) -> ReplayRequest:
    return ReplayRequest(endpoint, datetime.now(UTC) - DAY)


Act = Callable[[Tx, int, int | None], Awaitable[Any]]
ENDPOINT: dict[str, Act] = {
    "set": lambda tx, row, partner: endpoints.set_endpoint(tx, RULES, OPERATOR, row, types=[], partner_id=partner),
    "rotate": lambda tx, row, partner: endpoints.rotate_secret(tx, VAULT, OPERATOR, row, DAY, partner),
    "test": lambda tx, row, partner: endpoints.send_test(tx, VAULT, OPERATOR, row, partner),
    "disable": lambda tx, row, partner: endpoints.disable_endpoint(tx, OPERATOR, row, None, partner),
    "enable": lambda tx, row, partner: endpoints.enable_endpoint(tx, OPERATOR, row, partner),
    "delete": lambda tx, row, partner: endpoints.delete_endpoint(tx, OPERATOR, row, partner),
    "show": endpoint_health.show_endpoint,
    "count": lambda tx, row, partner: replays.count_replay(tx, since(row), partner),
    "replay": lambda tx, row, partner: replays.create_replay(tx, OPERATOR, since(row), partner),
}
DELIVERY: dict[str, Act] = {
    "show": lambda tx, row, partner: delivery_lists.show_delivery(tx, VAULT, row, partner),
    "retry": lambda tx, row, partner: retries.retry_now(tx, OPERATOR, row, partner),
    "replay": lambda tx, row, partner: retries.replay_delivery(tx, OPERATOR, row, partner),
}
REPLAY: dict[str, Act] = {
    "show": replays.show_replay,
    "pause": lambda tx, row, partner: replays.pause_replay(tx, OPERATOR, row, partner),
    "resume": lambda tx, row, partner: replays.resume_replay(tx, OPERATOR, row, partner),
    "cancel": lambda tx, row, partner: replays.cancel_replay(tx, OPERATOR, row, partner),
}
ACTS = [
    (kind, act) for kind, acts in [("endpoint", ENDPOINT), ("delivery", DELIVERY), ("replay", REPLAY)] for act in acts
]


@pytest.mark.parametrize(("kind", "act"), ACTS)
async def test_anothers_and_a_missing_id_are_refused_alike(tx: Tx, tenants: Tenants, kind: str, act: str) -> None:
    found = {"endpoint": ENDPOINT, "delivery": DELIVERY, "replay": REPLAY}[kind][act]
    count = select(func.count()).select_from(Audit)
    audited = (await tx.execute(count)).scalar_one()
    mine = getattr(tenants, kind)
    for row, partner in ((mine, tenants.other), (MOST_ID, tenants.mine), (MOST_ID + 1, None), (-1, None)):
        with pytest.raises(NotFound) as refused:
            await found(tx, row, partner)
        assert (refused.value.reason, refused.value.field) == (f"there is no {kind} {row}.", f"{kind}_id")
    assert (await tx.execute(count)).scalar_one() == audited


async def test_lists_of_another_tenant_are_empty(tx: Tx, tenants: Tenants) -> None:
    for partner, found in ((tenants.mine, 1), (tenants.other, 0)):
        assert len(await endpoint_health.list_endpoints(tx, partner)) == found
        assert len((await replays.list_replays(tx, PageWanted(), partner_id=partner)).items) == found
        for wanted in (
            DeliveryFilter(partner_id=partner),
            DeliveryFilter(partner_id=partner, endpoint_id=tenants.endpoint),
            DeliveryFilter(partner_id=partner, type="endpoint.test"),
            DeliveryFilter(partner_id=partner, state="pending"),
            DeliveryFilter(partner_id=partner, since=datetime.now(UTC) - DAY),
        ):
            assert len((await delivery_lists.list_deliveries(tx, wanted, PageWanted())).items) == found
