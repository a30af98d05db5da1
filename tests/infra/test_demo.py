"""The demo tenants."""

from pathlib import Path

from hub import keys
from hub.settings import Settings
from hub.store.db.engine import Database
from hub.store.keys import find_key
from infra.demo import create_demo_tenants
from tests.support.stack import MASTER_KEY, PEPPER, Hub

SHAPE = {
    "partner_api": {"key"},
    "margav": {"key", "agents"},
    "squadiq": {"token", "campaign_id"},
    "leanpub": {"key", "partner_id", "origin", "product_id"},
    "comunik8": {"key", "type"},
    "dialer": {"key"},
    "admin": {"key"},
}


def settings(database: str) -> Settings:
    return Settings(DATABASE_URL=database, master_key=MASTER_KEY, pepper=PEPPER, smtp_tls="none")  # type: ignore[arg-type]


async def test_every_demo_tenant_has_a_key_that_opens_its_own_api(database: str) -> None:
    tenants = await create_demo_tenants(settings(database), {})
    assert {name: set(fields) for name, fields in tenants.items()} == SHAPE  # type: ignore[call-overload]
    hub = Database(database, 1)
    for name, fields in tenants.items():
        text = fields.get("key") or fields["token"]  # type: ignore[attr-defined, index]
        parsed = keys.parse(text)
        assert parsed
        async with hub.begin() as tx:
            holder = await find_key(tx, parsed.key_id)
        assert holder
        assert holder.scopes == (name,)
        assert keys.matches(text, holder.digest, PEPPER.encode())
    await hub.close()


async def test_the_demo_margav_tenant_is_tied_to_the_demo_dialer(database: str) -> None:
    tied = "SELECT partner.dialer_id = api_key.dialer_id FROM partner, api_key WHERE api = 'margav' AND kind = 'dialer'"
    tenants = await create_demo_tenants(settings(database), {})
    asked = Hub("", database, "", {}, Path())
    assert asked.query(tied) == [(True,)]
    asked.query("UPDATE partner SET dialer_id = NULL")  # as a hub of version 0.1, brought up to date
    await create_demo_tenants(settings(database), tenants)
    assert asked.query(tied) == [(True,)]


async def test_a_second_start_makes_nothing_new(database: str) -> None:
    first = await create_demo_tenants(settings(database), {})
    assert await create_demo_tenants(settings(database), first) == first
