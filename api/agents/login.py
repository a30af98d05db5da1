"""Checks agents' passwords, and throttles failed logins by tenant and username, within this process."""

import asyncio
from collections import OrderedDict, deque
from time import monotonic
from typing import Final

from hub import passwords
from hub.store.agents import Agent, agent_of_lead
from hub.store.db.engine import Database

MAX_FAILURES: Final = 10
WINDOW_SECONDS: Final = 900.0
MAX_NAMES: Final = 10_000  # bounds the memory: clients choose the names
CONCURRENT_CHECKS: Final = 2  # each takes a core for 60 ms


class LoginThrottle:
    """One per process. A login that succeeds forgets the failures before it."""

    def __init__(self) -> None:
        self._attempts: OrderedDict[tuple[int, str], deque[float]] = OrderedDict()
        self._checks = asyncio.Semaphore(CONCURRENT_CHECKS)

    async def log_in(self, database: Database, lead_id: int, username: str, password: str) -> Agent | None:
        """The agent of the lead's tenant with these credentials.

        None for wrong credentials, and for any after ten wrong ones within 15 minutes.
        """
        async with database.begin() as tx:
            agent = await agent_of_lead(tx, lead_id, username)
        attempts = self._recent((agent.partner_id if agent else 0, username))
        if len(attempts) >= MAX_FAILURES:
            return None
        attempts.append(monotonic())
        async with self._checks:
            matches = await asyncio.to_thread(passwords.matches, password, agent.password_digest if agent else None)
        if not matches:
            return None
        attempts.clear()
        return agent

    def _recent(self, login: tuple[int, str]) -> deque[float]:
        attempts = self._attempts.setdefault(login, deque(maxlen=MAX_FAILURES))
        self._attempts.move_to_end(login)
        if len(self._attempts) > MAX_NAMES:
            self._attempts.popitem(last=False)
        while attempts and attempts[0] < monotonic() - WINDOW_SECONDS:
            attempts.popleft()
        return attempts
