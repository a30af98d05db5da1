"""Finding one lead among very many, and telling its story: `make bench ARGS="-k lookups"`. They are made by SQL."""

import os
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from hub.seal import Vault
from hub.store import lead_search, timelines
from hub.store.contacts import seal_person
from hub.store.db.engine import Database, Tx
from hub.store.lead_search import LeadQuery
from hub.store.leads import identity_key
from hub.store.paging import PageWanted
from hub.store.provisioning import NewPartner, create_partner
from hub.store.tenants import load_tenant
from tests.bench.rows import Report, ms

pytestmark = pytest.mark.bench
LEADS = int(os.environ.get("BENCH_ROWS", "1000000"))
LOOKUPS, BATCH = 200, 100
VAULT = Vault([b"k" * 32], b"p" * 32)
EVERY = 1000  # of so many leads one has a number, mail and reference that somebody knows

TABLES = ("lead", "call", "contact", "delivery")
FILL = (
    """INSERT INTO submission (partner_id, key_id, api, route, request_id, fingerprint, weight, held_until, state)
       SELECT $1, 'key', 'squadiq', 'POST /', 'request-' || n, '', $3::int, now(), 'done'
       FROM generate_series(1, $2::int / $3::int) AS n""",
    """INSERT INTO lead (partner_id, api, campaign_id, submission_id, dedupe_key, phone_hash, state, outcome, attempts,
                         dial_at, started, zones)
       SELECT $1, 'squadiq', (SELECT min(id) FROM campaign WHERE partner_id = $1), 1 + n / $3::int,
              sha256(('key ' || n)::bytea), sha256(('phone ' || n)::bytea), 'done', 'busy', 3, now(), true,
              '{Europe/London}'
       FROM generate_series(1, $2::int) AS n""",
    """INSERT INTO call (lead_id, partner_id, dialer_id, attempt, state, phone_hash, due_at, closes_at, ended_at,
                         outcome)
       SELECT lead.id, $1, (SELECT min(id) FROM dialer), 1, 'ended', phone_hash, now(), now(), now(), 'busy'
       FROM lead WHERE $2::int > 0 AND $3::int > 0""",
    """INSERT INTO journal (lead_id, what, actor, call_id, dialer_id, submission_id)
       SELECT lead.id, what, 'hub', call.id, call.dialer_id, submission_id
       FROM lead JOIN call ON call.lead_id = lead.id,
            unnest('{lead.created,call.placed,call.leased,call.ended,lead.done}'::text[]) AS what
       WHERE lead.partner_id = $1 AND $2::int > 0 AND $3::int > 0""",
    """INSERT INTO event (public_id, partner_id, type, lead_id)
       SELECT 'evt_' || lead.id, $1, 'lead.processed', lead.id FROM lead WHERE $2::int > 0 AND $3::int > 0""",
)
ANALYZE = "ANALYZE submission, lead, contact, call, journal, event"


@pytest.fixture
async def filled(database: str) -> AsyncIterator[Database]:
    found = Database(database, 1)
    async with found.begin() as tx:
        partner: dict[str, Any] = await create_partner(tx, b"p" * 32, NewPartner("Acme", "squadiq"), 600)
    connection = await asyncpg.connect(database.replace("+asyncpg", ""))
    for table in TABLES:
        await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    for statement in FILL:
        await connection.execute(statement, partner["id"], LEADS, BATCH)
    await _name_some(connection, found, partner["id"])
    await connection.execute(ANALYZE)
    await connection.close()
    yield found
    await found.close()


async def _name_some(connection: Any, database: Database, partner_id: int) -> None:
    """Every lead a contact; the known ones their own number, mail and reference."""
    key, wrapped = VAULT.new_key()
    async with database.begin() as tx:
        tenant = await load_tenant(tx, partner_id, shared_identity=False)
    campaign = next(iter(tenant.campaigns.values()))
    contacts, known = [], []
    for lead_id in range(1, LEADS + 1):
        person = {"phone": "+919840012345", "name": "Ann Lee", "email": f"ann{lead_id}@example.com"}
        if lead_id % EVERY:
            contacts.append((lead_id, wrapped, b"x" * 200, lead_id.to_bytes(32, "big")))
            continue
        columns = seal_person(VAULT, key, lead_id, person)
        contacts.append((lead_id, wrapped, columns["sealed"], columns["email_hash"]))
        reference = identity_key(VAULT, tenant, f"{campaign.id} {lead_id}")
        known.append((lead_id, VAULT.index("phone", _phone(lead_id)), reference))
    columns = ("lead_id", "wrapped_key", "sealed", "email_hash")
    await connection.copy_records_to_table("contact", records=contacts, columns=columns)
    await connection.executemany("UPDATE lead SET phone_hash = $2, dedupe_key = $3 WHERE id = $1", known)


def _phone(lead_id: int) -> str:
    return f"+9198{lead_id:08d}"


async def test_lookups(filled: Database, report: Report) -> None:
    def find(query: Callable[[int], LeadQuery]) -> Callable[[Tx, int], Awaitable[Any]]:
        async def one(tx: Tx, lead_id: int) -> None:
            found = await lead_search.find_leads(tx, VAULT, query(lead_id), PageWanted(20))
            assert lead_id in [each.id for each in found.items]

        return one

    among = f"among {LEADS:,} leads: p50 / p99"
    for name, query in (
        ("number", lambda lead_id: LeadQuery(phone=_phone(lead_id))),
        ("mail", lambda lead_id: LeadQuery(email=f"ann{lead_id}@example.com")),
        ("partner's id", lambda lead_id: LeadQuery(reference=str(lead_id))),
        ("event", lambda lead_id: LeadQuery(event_id=f"evt_{lead_id}")),
    ):
        seconds = await _time(filled, find(query))
        report.row(f"find a lead by its {name} {among}", f"{ms(seconds, 0.5, 1)} / {ms(seconds, 0.99, 1)}", aim="20 ms")

    async def tell(tx: Tx, lead_id: int) -> None:
        story = await timelines.lead_story(tx, VAULT, lead_id)
        assert len(story.timeline) > 5

    seconds = await _time(filled, tell)
    report.row(f"a lead's story {among}", f"{ms(seconds, 0.5, 1)} / {ms(seconds, 0.99, 1)}", aim="50 ms")


async def _time(database: Database, one: Callable[[Tx, int], Awaitable[None]]) -> list[float]:
    """The seconds that each took, transaction included; of a different lead each time."""
    seconds = []
    async with database.begin() as tx:
        await one(tx, EVERY)  # warm
    for lead_id in random.Random(7).choices(range(EVERY, LEADS + 1, EVERY), k=LOOKUPS):  # noqa: S311 - a bench
        began = time.perf_counter()
        async with database.begin() as tx:
            await one(tx, lead_id)
        seconds.append(time.perf_counter() - began)
    return seconds
