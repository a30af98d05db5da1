"""The demo tenants that `hub dev` starts with."""

from collections.abc import Mapping, Sequence
from secrets import token_urlsafe
from typing import Any

from hub import keys, passwords
from hub.contracts import registry
from hub.settings import Settings
from hub.store.admin import default_dialer, list_rows
from hub.store.agents import set_password
from hub.store.db.engine import Database, Tx
from hub.store.dialer_ties import tie_partner
from hub.store.keys import create_key
from hub.store.provisioning import NewPartner, create_partner
from hub.store.tables import ApiKey, Partner


async def create_demo_tenants(settings: Settings, known: Mapping[str, object]) -> dict[str, object]:
    """Make the tenants that are not in `known` (as returned the last time), in the settings' database; return all."""
    pepper = settings.pepper.get_secret_value().encode()
    database = Database.of(settings, 1)
    tenants = dict(known)
    async with database.begin() as tx:
        for api in registry.names():
            if api not in tenants:
                made = await create_partner(tx, pepper, NewPartner(f"Demo {api}", api), settings.default_rate_limit)
                if "agents" in made:
                    made["agents"] = await _with_passwords(tx, made["id"], made["agents"])
                tenants[api] = {name: value for name, value in made.items() if name != "id"}
        if "dialer" not in tenants:
            dialer_id = await default_dialer(tx)
            key = await create_key(tx, pepper, "dialer", scope="dialer", dialer_id=dialer_id)
            tenants["dialer"] = {"key": key.text}
        await _tie(tx, tenants["margav"], tenants["dialer"])
        if "admin" not in tenants:
            tenants["admin"] = {"key": (await create_key(tx, pepper, "admin", scope="admin")).text}
    await database.close()
    return tenants


async def _tie(tx: Tx, margav: Any, dialer: Any) -> None:
    """Let the demo Margav tenant's reports end the demo dialer's calls, unless it is tied to some dialer already.

    Here that is the default dialer: all tenants of `hub dev` are one operator's.
    """
    [partner] = await list_rows(tx, Partner, Partner.id == (await _key(tx, margav))["partner_id"])
    if partner["dialer_id"] is None:
        await tie_partner(tx, partner["id"], (await _key(tx, dialer))["dialer_id"], shared=True)


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
