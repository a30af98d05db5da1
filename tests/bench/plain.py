"""Plain Temporal, to measure against: the request itself starts a workflow per lead; a timer and two activities each.

`python -m tests.bench.plain api|worker PORT`, with DATABASE_URL and TEMPORAL_ADDRESS.
"""

import asyncio
import os
import sys
from datetime import timedelta
from uuid import uuid4

import asyncpg
from aiohttp import web
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

QUEUE = "plain"


class Steps:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    @activity.defn
    async def store(self, phone: str) -> None:
        await self.pool.execute("INSERT INTO plain_lead (phone) VALUES ($1) ON CONFLICT DO NOTHING", phone)

    @activity.defn
    async def dial(self, phone: str) -> None:
        await self.pool.execute("UPDATE plain_lead SET dialled = true WHERE phone = $1", phone)


@workflow.defn
class PlainLead:
    @workflow.run
    async def run(self, phone: str) -> None:
        limit = timedelta(seconds=30)
        await workflow.execute_activity_method(Steps.store, phone, start_to_close_timeout=limit)
        await workflow.sleep(timedelta(milliseconds=1))
        await workflow.execute_activity_method(Steps.dial, phone, start_to_close_timeout=limit)


async def main(role: str, port: int) -> None:
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"])
    if role == "worker":
        async with asyncpg.create_pool(os.environ["DATABASE_URL"].replace("+asyncpg", ""), max_size=10) as pool:
            steps = Steps(pool)
            worker = Worker(client, task_queue=QUEUE, workflows=[PlainLead], activities=[steps.store, steps.dial])
            await worker.run()
        return

    async def take(request: web.Request) -> web.Response:
        leads = (await request.json())["leads"]
        starts = (client.start_workflow("PlainLead", lead["phone"], id=uuid4().hex, task_queue=QUEUE) for lead in leads)
        await asyncio.gather(*starts)
        return web.json_response({"created": len(leads)})

    app = web.Application()
    app.router.add_post("/", take)
    await web._run_app(app, host="127.0.0.1", port=port, print=None)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
