"""The activities of the plain baseline: store the lead, dial it."""

import asyncpg
from temporalio import activity


class Steps:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    @activity.defn
    async def store(self, phone: str) -> None:
        await self.pool.execute("INSERT INTO plain_lead (phone) VALUES ($1) ON CONFLICT DO NOTHING", phone)

    @activity.defn
    async def dial(self, phone: str) -> None:
        await self.pool.execute("UPDATE plain_lead SET dialled = true WHERE phone = $1", phone)
