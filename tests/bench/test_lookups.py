"""Finding one lead among very many, and telling its story: `make bench ARGS="-k lookups"`."""

import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hub.seal import Vault
from hub.store import lead_search, timelines
from hub.store.db.engine import Database, Tx
from hub.store.lead_search import LeadQuery
from hub.store.paging import PageWanted
from tests.bench.rows import Report, ms
from tests.bench.seed import Seeded, known_email, known_phone

pytestmark = pytest.mark.bench
LOOKUPS = 200


async def test_lookups(seeded: Seeded, vault: Vault, report: Report) -> None:
    database = Database(seeded.url, 1)

    def find(query: Callable[[int], LeadQuery]) -> Callable[[Tx, int], Awaitable[Any]]:
        async def one(tx: Tx, lead_id: int) -> None:
            found = await lead_search.find_leads(tx, vault, query(lead_id), PageWanted(20))
            assert lead_id in [each.id for each in found.items]

        return one

    among = f"among {seeded.leads:,} leads: p50 / p99"
    for name, query in (
        ("number", lambda lead_id: LeadQuery(phone=known_phone(lead_id))),
        ("mail", lambda lead_id: LeadQuery(email=known_email(lead_id))),
        ("partner's id", lambda lead_id: LeadQuery(reference=str(lead_id))),
        ("event", lambda lead_id: LeadQuery(event_id=f"evt_{lead_id}")),
    ):
        seconds = await _time(database, seeded.known, find(query))
        report.row(f"find a lead by its {name} {among}", f"{ms(seconds, 0.5, 1)} / {ms(seconds, 0.99, 1)}", aim="20 ms")

    async def tell(tx: Tx, lead_id: int) -> None:
        story = await timelines.lead_story(tx, vault, lead_id)
        assert len(story.timeline) > 5

    seconds = await _time(database, seeded.known, tell)
    report.row(f"a lead's story {among}", f"{ms(seconds, 0.5, 1)} / {ms(seconds, 0.99, 1)}", aim="50 ms")
    await database.close()


async def _time(database: Database, known: list[int], one: Callable[[Tx, int], Awaitable[None]]) -> list[float]:
    """The seconds that each took, transaction included; of a different lead each time."""
    seconds = []
    async with database.begin() as tx:
        await one(tx, known[0])  # warm
    for lead_id in random.Random(7).choices(known, k=LOOKUPS):  # noqa: S311 - a bench
        began = time.perf_counter()
        async with database.begin() as tx:
            await one(tx, lead_id)
        seconds.append(time.perf_counter() - began)
    return seconds
