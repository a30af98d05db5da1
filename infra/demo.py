"""The demo tenants that `hub dev` starts with: one per API, a dialer and an administrator."""

from collections.abc import Mapping
from typing import Final

from hub.settings import Settings
from hub.store.admin import keys, partners
from hub.store.engine import Database, Tx

NAMES: Final[Mapping[partners.Api, str]] = {
    "partner_api": "Demo Partner",
    "margav": "Demo Margav",
    "squadiq": "Demo SquadIQ",
    "leanpub": "Demo Leanpub",
    "comunik8": "Demo Comunik8",
}


async def seed_demo(url: str, known: Mapping[str, object]) -> dict[str, object]:
    """Make the tenants that are not in `known` (as returned the last time), in the database at `url`; return all.

    A known tenant whose key does not work there (the database is another one, the key was revoked) is made anew. The
    pepper comes from the settings.
    """
    settings = Settings()  # type: ignore[call-arg]  # from the environment
    pepper = settings.pepper.get_secret_value().encode()
    database = Database(url, size=1)
    try:
        async with database.begin() as tx:
            return {
                name: known[name]
                if await _works(tx, pepper, known.get(name))
                else await _made(tx, pepper, settings, name)
                for name in (*partners.APIS, "dialer", "admin")
            }
    finally:
        await database.close()


async def _works(tx: Tx, pepper: bytes, tenant: object) -> bool:
    if not isinstance(tenant, Mapping):
        return False
    return await keys.alive(tx, pepper, str(tenant.get("key") or tenant.get("token")))


async def _made(tx: Tx, pepper: bytes, settings: Settings, name: str) -> dict[str, object]:
    if name == "admin":
        return {"key": (await keys.issue(tx, pepper, keys.ADMIN)).text}
    if name == "dialer":
        owner = await keys.dialer(tx, await partners.default_dialer(tx))
        return {"key": (await keys.issue(tx, pepper, owner)).text}
    api = next(api for api in partners.APIS if api == name)
    limit = partners.default_limit(api, settings.default_rate_limit)
    made = await partners.create(tx, pepper, partners.NewPartner(NAMES[api], api, limit))
    return {"id": made.id, **made.fields}
