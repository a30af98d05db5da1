"""The demo tenants that `hub dev` starts with, and the demo dialer, which calls for them."""

from collections.abc import Mapping, Sequence
from secrets import token_urlsafe
from typing import Any, Final

from hub import keys, passwords
from hub.contracts import registry
from hub.settings import Settings
from hub.store.admin import create_dialer, default_dialer, list_rows
from hub.store.agents import set_password
from hub.store.db.engine import Database, Tx
from hub.store.dialer_ties import tie_campaigns, tie_partner
from hub.store.keys import create_key
from hub.store.provisioning import NewPartner, create_partner
from hub.store.tables import ApiKey, Campaign, Dialer, Partner

DEMO_DIALER: Final = "demo"


async def create_demo_tenants(settings: Settings, known: Mapping[str, object]) -> dict[str, object]:
    """Make the tenants that are not in `known` (as returned the last time), in the settings' database; return all."""
    pepper = settings.pepper.get_secret_value().encode()
    database = Database.of(settings, 1)
    tenants = dict(known)
    async with database.begin() as tx:
        made = [await _create(tx, pepper, settings, tenants, api) for api in registry.names() if api not in tenants]
        shared = await default_dialer(tx)
        campaigns = Campaign.dialer_id == shared
        if "dialer" in tenants and (await _key(tx, tenants["dialer"]))["dialer_id"] != shared:
            campaigns &= Campaign.partner_id.in_(made)
        else:  # All of the default dialer's, for which the demo dialer of version 0.1 called.
            tenants["dialer"] = {"key": await _create_dialer(tx, pepper)}
        dialer_id = (await _key(tx, tenants["dialer"]))["dialer_id"]
        await tie_campaigns(tx, dialer_id, [row["id"] for row in await list_rows(tx, Campaign, campaigns)])
        [margav] = await list_rows(tx, Partner, Partner.id == (await _key(tx, tenants["margav"]))["partner_id"])
        if margav["dialer_id"] in {None, shared}:
            await tie_partner(tx, margav["id"], dialer_id)
        if "admin" not in tenants:
            tenants["admin"] = {"key": (await create_key(tx, pepper, "admin", scope="admin")).text}
    await database.close()
    return tenants


async def _create(tx: Tx, pepper: bytes, settings: Settings, tenants: dict[str, object], api: str) -> int:
    """Add a tenant of the API to `tenants`; returns its partner's id."""
    made = await create_partner(tx, pepper, NewPartner(f"Demo {api}", api), settings.default_rate_limit)
    if "agents" in made:
        made["agents"] = await _with_passwords(tx, made["id"], made["agents"])
    tenants[api] = {name: value for name, value in made.items() if name != "id"}
    return int(made["id"])


async def _create_dialer(tx: Tx, pepper: bytes) -> str:
    """A key of the demo dialer, which somebody may have made already."""
    dialers = await list_rows(tx, Dialer, Dialer.name == DEMO_DIALER)
    if not dialers:
        return str((await create_dialer(tx, pepper, DEMO_DIALER))["key"])
    return (await create_key(tx, pepper, "dialer", scope="dialer", dialer_id=dialers[0]["id"])).text


async def _key(tx: Tx, tenant: Any) -> dict[str, Any]:
    parsed = keys.parse(str(tenant["key"]))
    assert parsed is not None  # noqa: S101 - a demo tenant's key, made here
    [row] = await list_rows(tx, ApiKey, ApiKey.id == parsed.key_id)
    return row


async def _with_passwords(tx: Tx, partner_id: int, agents: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """The agents, able to log in to the dashboard."""
    chosen = [{**agent, "password": token_urlsafe(9)} for agent in agents]
    for agent in chosen:
        await set_password(tx, partner_id, str(agent["username"]), passwords.digest(str(agent["password"])))
    return chosen
