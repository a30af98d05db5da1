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


async def test_the_demo_dialer_is_one_of_its_own_and_calls_for_the_demo_tenants(database: str) -> None:
    tenants = await create_demo_tenants(settings(database), {})
    hub = Hub("", database, "", {}, Path())
    called_by = "SELECT DISTINCT dialer.name FROM campaign JOIN dialer ON dialer.id = dialer_id"
    assert hub.query(called_by) == [("demo",)]
    hub.partner("comunik8")
    await create_demo_tenants(settings(database), tenants)
    assert sorted(hub.query(called_by)) == [("default",), ("demo",)]


async def test_data_of_a_demo_dialer_that_was_the_default_one_goes_on_with_its_own(database: str) -> None:
    tenants = await create_demo_tenants(settings(database), {})
    hub = Hub("", database, "", {}, Path())
    hub.partner("comunik8")  # for which it called, too
    for table in ("api_key", "campaign", "partner"):
        default = "(SELECT id FROM dialer WHERE name = 'default')"
        hub.query(f"UPDATE {table} SET dialer_id = {default} WHERE dialer_id IS NOT NULL")  # noqa: S608 - constants
    hub.query("DELETE FROM dialer WHERE name = 'demo'")
    upgraded = await create_demo_tenants(settings(database), tenants)
    assert {name for name in upgraded if upgraded[name] != tenants[name]} == {"dialer"}
    of_demo = "dialer_id = (SELECT id FROM dialer WHERE name = 'demo')"
    for table in ("campaign", "partner"):
        found = f"SELECT bool_and({of_demo}) FROM {table} WHERE dialer_id IS NOT NULL"  # noqa: S608 - constants
        assert hub.query(found) == [(True,)]
    assert await create_demo_tenants(settings(database), upgraded) == upgraded


async def test_a_second_start_makes_nothing_new(database: str) -> None:
    first = await create_demo_tenants(settings(database), {})
    assert await create_demo_tenants(settings(database), first) == first
