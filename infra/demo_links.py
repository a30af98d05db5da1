"""Links by which whoever started `hub dev` signs in to the console, and to the portal of a demo tenant."""

from collections.abc import Mapping
from datetime import timedelta
from secrets import token_urlsafe
from typing import Any, Final

from hub import keys, passwords
from hub.accounts import Role
from hub.actors import Actor, ActorKind
from hub.settings import Settings
from hub.store import accounts, portal_sessions, sign_ins
from hub.store.db.engine import Database
from hub.store.keys import find_key

OPERATOR: Final = "operator@example.com"
BY: Final = Actor(ActorKind.OPERATOR, "hub dev")
LIFETIME: Final = timedelta(days=1)
TENANT: Final = "partner_api"


async def make_links(settings: Settings, tenants: Mapping[str, Any]) -> dict[str, str]:
    """The paths of two links, `console` and `portal`, that work once, within a day."""
    database = Database.of(settings, 1)
    async with database.begin() as tx:
        account = await accounts.find_account(tx, OPERATOR, portal=False)
        if account is None:
            account = await accounts.create_account(tx, BY, OPERATOR, "Demo operator", Role.ADMIN)
            # One that nobody knows: the link is not to ask for one first.
            await accounts.set_password(tx, BY, account, passwords.digest(token_urlsafe()))
        key = keys.parse(str(tenants[TENANT]["key"]))
        holder = await find_key(tx, key.key_id) if key else None
        assert holder is not None and holder.partner_id is not None  # noqa: S101, PT018 - a demo tenant's key
        console = await sign_ins.link_for_account(tx, account.id, LIFETIME)
        portal = await portal_sessions.link_for_portal(tx, BY, holder.partner_id, Role.ADMIN, LIFETIME)
    await database.close()
    return {"console": f"/console/sign-in/link?token={console}", "portal": f"/portal/sign-in/link?token={portal.token}"}
