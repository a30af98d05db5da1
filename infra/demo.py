"""The demo tenants that `hub dev` starts with."""

from collections.abc import Mapping, Sequence
from secrets import token_urlsafe

from hub import passwords
from hub.contracts import registry
from hub.settings import Settings
from hub.store.admin import default_dialer
from hub.store.agents import set_password
from hub.store.db.engine import Database, Tx
from hub.store.keys import create_key
from hub.store.provisioning import NewPartner, create_partner


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
        if "admin" not in tenants:
            tenants["admin"] = {"key": (await create_key(tx, pepper, "admin", scope="admin")).text}
    await database.close()
    return tenants


async def _with_passwords(tx: Tx, partner_id: int, agents: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """The agents, able to log in to the dashboard."""
    chosen = [{**agent, "password": token_urlsafe(9)} for agent in agents]
    for agent in chosen:
        await set_password(tx, partner_id, str(agent["username"]), passwords.digest(str(agent["password"])))
    return chosen
