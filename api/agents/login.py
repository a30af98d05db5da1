"""Checks agents' passwords, and holds back whoever tries too often: by name and tenant, within this process."""

import asyncio
from collections import OrderedDict, deque
from time import monotonic
from typing import Final

from hub import passwords
from hub.store.agents import Agent, agent_of_lead
from hub.store.db.engine import Database

TRIES: Final = 10
TRIES_SECONDS: Final = 900.0
NAMES_KEPT: Final = 10_000
CHECKS_AT_ONCE: Final = 2  # each takes a core for 60 ms


class LoginThrottle:
    def __init__(self) -> None:
        self._tries: OrderedDict[tuple[int, str], deque[float]] = OrderedDict()
        self._checks = asyncio.Semaphore(CHECKS_AT_ONCE)

    async def admit(self, database: Database, lead_id: int, username: str, password: str) -> Agent | None:
        """The agent of the lead's tenant with these credentials; None for wrong ones, and after ten in 15 minutes."""
        async with database.begin() as tx:
            agent = await agent_of_lead(tx, lead_id, username)
        tries = self._recent((agent.partner_id if agent else 0, username))
        if len(tries) >= TRIES:
            return None
        tries.append(monotonic())
        async with self._checks:
            right = await asyncio.to_thread(passwords.matches, password, agent.password_digest if agent else None)
        if not right:
            return None
        tries.clear()
        return agent

    def _recent(self, who: tuple[int, str]) -> deque[float]:
        tries = self._tries.setdefault(who, deque(maxlen=TRIES))
        self._tries.move_to_end(who)
        if len(self._tries) > NAMES_KEPT:
            self._tries.popitem(last=False)
        while tries and tries[0] < monotonic() - TRIES_SECONDS:
            tries.popleft()
        return tries
