"""Checks agents' passwords: as many tries as hub.store.login_tries allows, each as long, whatever is wrong with it."""

import asyncio
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Final

from hub import passwords
from hub.seal import Vault
from hub.store import agents, known_browsers, login_tries
from hub.store.agents import Agent
from hub.store.db.engine import Database

LONGEST_NAME: Final = 255
CONCURRENT_CHECKS: Final = 2  # each takes a core for 60 ms
IPV6_SITE: Final = 64  # whoever has one address of such a network has them all


class LoginCheck:
    """One per process: it bounds how many passwords are looked at at once."""

    def __init__(self) -> None:
        self.checks = asyncio.Semaphore(CONCURRENT_CHECKS)

    async def log_in(
        self,
        database: Database,
        vault: Vault,
        address: IPv4Address | IPv6Address | None,
        lead_id: int | None,
        username: str,
        password: str,
        token: str = "",
    ) -> Agent | None:
        """The agent of the lead's tenant with these credentials.

        None for wrong credentials, for an agent or tenant that is disabled, and for any credentials after too many
        tries. `address`: where the form was sent from; `token`: of the browser's cookie (hub.store.known_browsers).
        """
        known_text = 0 < len(username) <= LONGEST_NAME and "\0" not in username
        async with database.begin() as tx:
            owner = await agents.owner_of_lead(tx, lead_id or 0) or 0
            name = login_tries.name_hash(vault, owner, username)
            agent = await agents.agent_for_login(tx, owner, username if known_text else "")
            browser = await known_browsers.find(tx, token, agent_id=agent.id if agent else None)
            site = None if browser else site_of(address)
            admitted = await login_tries.admit(tx, vault, browser or name, site)
        stored = agent.password_digest if agent and admitted else None
        async with self.checks:
            matches = await asyncio.to_thread(passwords.matches, password, stored)
        if agent is None or not matches:
            return None
        async with database.begin() as tx:
            await login_tries.forget(tx, browser or name)
        return agent


def site_of(address: IPv4Address | IPv6Address | None) -> str:
    """What tries from an address are counted by."""
    if isinstance(address, IPv6Address):
        return str(ip_network((address, IPV6_SITE), strict=False))
    return str(address)
