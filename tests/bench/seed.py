"""A database as after a month's work, by SQL: 1,000,000 leads with all that belongs to them, 5,000,000 journal rows.

`python -m tests.bench.seed` fills the empty, migrated database of DATABASE_URL, sealed by the environment's keys.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg

from hub.actors import Actor, ActorKind
from hub.contracts import registry
from hub.egress_rules import EgressRules
from hub.seal import Vault
from hub.settings import Settings
from hub.store import admin, canary, dialer_ties, endpoints
from hub.store.contacts import seal_person
from hub.store.db.engine import Database, Tx
from hub.store.leads import identity_key
from hub.store.provisioning import NewPartner, create_partner
from hub.store.tenants import load_tenant

PARTNERS: Final = 20
PLACES: Final = 180  # of which the first partner has nine of ten
ENDPOINTS: Final = 5  # of each partner
KNOWN_EVERY: Final = 1000  # of so many leads one has a number, mail and reference that somebody knows
MAIN_API, DISCOUNTS_API = "squadiq", "leanpub"
_SCRIPT: Final = Path(__file__).with_suffix(".sql")
_JOURNALLED: Final = ("lead", "call", "contact", "delivery", "discount", "coupon")
_SEEDER: Final = Actor(ActorKind.OPERATOR, "seed")


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows; of journal rows there are five for each lead."""

    leads: int = 1_000_000
    submissions: int = 500_000
    discounts: int = 100_000
    changes: int = 50_000
    suppressed: int = 100_000

    @classmethod
    def of(cls, leads: int) -> "Size":
        """Everything in proportion."""
        return cls(leads, leads // 2, leads // 10, leads // 20, leads // 10)


@dataclass(frozen=True, slots=True)
class Seeded:
    """What was made: `main` is the partner that has nine of ten rows, `quiet_dialer` has few of the calls."""

    url: str
    leads: int
    main: int
    quiet_dialer: int
    known: list[int]

    def delivery(self, lead_id: int) -> int:
        """The delivery of a known lead's event."""
        return lead_id + self.leads


def known_phone(lead_id: int) -> str:
    """The number of one of the known leads."""
    return f"+9198{lead_id:08d}"


def known_email(lead_id: int) -> str:
    return f"ann{lead_id}@example.com"


async def seed(url: str, vault: Vault, pepper: bytes, size: Size) -> Seeded:
    """Fill the empty, migrated database at `url`. Takes some minutes for a million leads."""
    database = Database(url, 1)
    async with database.begin() as tx:
        await canary.check(tx, vault)
        partners, quiet = await _tenants(tx, vault, pepper)
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await _describe(connection, size, partners[0])
        for table in _JOURNALLED:
            await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        await connection.execute(_SCRIPT.read_text(), timeout=None)
        columns = ("lead_id", "wrapped_key", "sealed", "email_hash")
        await connection.copy_records_to_table("contact", records=_contacts(vault, size.leads), columns=columns)
        for row in await connection.fetch("SELECT definition FROM dropped"):
            await connection.execute(row["definition"], timeout=None)
        known = await _know_some(connection, database, vault, partners[0])
        for table in _JOURNALLED:
            await connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        await connection.execute("VACUUM ANALYZE", timeout=None)
    finally:
        await connection.close()
        await database.close()
    return Seeded(url, size.leads, partners[0], quiet, known)


async def _tenants(tx: Tx, vault: Vault, pepper: bytes) -> tuple[list[int], int]:
    """The partners, each with its endpoints, and a dialer that has little to do."""
    apis = [MAIN_API, DISCOUNTS_API, *(api for api in registry.names() if api not in {MAIN_API, DISCOUNTS_API})]
    partners = []
    for number in range(PARTNERS):
        api = apis[number % len(apis)] if number > 1 else apis[number]
        made = await create_partner(tx, pepper, NewPartner(f"Partner {number}", api), 600)
        partners.append(made["id"])
        for endpoint in range(ENDPOINTS):
            url = f"https://partner{number}.example.com/hooks/{endpoint}"
            await endpoints.create_endpoint(tx, vault, EgressRules(development=True), _SEEDER, made["id"], url, ())
    dialer = await admin.create_dialer(tx, pepper, "quiet")
    campaigns = [each["id"] for each in await dialer_ties.list_campaigns(tx) if each["partner_id"] == partners[-1]]
    await dialer_ties.tie_campaigns(tx, dialer["id"], campaigns)
    return partners, dialer["id"]


async def _describe(connection: Any, size: Size, main: int) -> None:
    """The tables that the script reads. Partners without campaigns have no requests: their leads are not called."""
    names = ", ".join(f"{value} AS {name}" for name, value in _numbers(size))
    await connection.execute(f"CREATE TEMP TABLE size AS SELECT {names}")
    await connection.execute("""
        CREATE TEMP TABLE campaign_of AS
        SELECT DISTINCT ON (partner_id) partner_id, id AS campaign_id, dialer_id FROM campaign ORDER BY partner_id, id;
        CREATE TEMP TABLE share (place int PRIMARY KEY, partner_id bigint, api text)
    """)
    calling = "SELECT partner_id FROM campaign_of WHERE partner_id <> $1 ORDER BY 1"
    others = [row["partner_id"] for row in await connection.fetch(calling, main)]
    places = [main if place >= PLACES // 10 else others[place % len(others)] for place in range(PLACES)]
    await connection.executemany(
        "INSERT INTO share SELECT $1, id, api FROM partner WHERE id = $2", list(enumerate(places))
    )
    await connection.execute("ANALYZE size; ANALYZE share; ANALYZE campaign_of")


def _numbers(size: Size) -> list[tuple[str, int]]:
    return [(name, getattr(size, name)) for name in Size.__slots__]


def _contacts(vault: Vault, leads: int) -> Iterator[tuple[Any, ...]]:
    """Each really sealed, by one key for all."""
    key, wrapped = vault.new_key()
    for lead_id in range(1, leads + 1):
        person = {"phone": "+919840012345", "name": "Ann Lee", "email": known_email(lead_id)}
        columns = seal_person(vault, key, lead_id, person)
        yield lead_id, wrapped, columns["sealed"], columns["email_hash"]


async def _know_some(connection: Any, database: Database, vault: Vault, partner_id: int) -> list[int]:
    """Give some leads of the partner a number and a reference by which they are found; returns their ids."""
    async with database.begin() as tx:
        tenant = await load_tenant(tx, partner_id, shared_identity=False)
    campaign = next(iter(tenant.campaigns.values()))
    ids = "SELECT id FROM lead WHERE id % $1 = 0 AND partner_id = $2 AND campaign_id = $3 ORDER BY id"
    known = [row["id"] for row in await connection.fetch(ids, KNOWN_EVERY, partner_id, campaign.id)]
    await connection.executemany("UPDATE lead SET phone_hash = $2, dedupe_key = $3 WHERE id = $1", [
        (each, vault.index("phone", known_phone(each)), identity_key(vault, tenant, f"{campaign.id} {each}"))
        for each in known
    ])  # fmt: skip
    return known


async def main() -> None:
    """Fill the environment's database, and say how long it took."""
    settings, began = Settings(), time.perf_counter()
    made = await seed(settings.database_url, settings.vault(), settings.pepper.get_secret_value().encode(), Size())
    print(f"{made} in {time.perf_counter() - began:.0f} s")  # noqa: T201 - a command's output


if __name__ == "__main__":
    asyncio.run(main())
