"""Plain Temporal, to measure against: the request itself starts a workflow per lead; a timer and two activities each.

`python -m tests.bench.plain api|worker PORT`, with DATABASE_URL and TEMPORAL_ADDRESS.
"""

import asyncio
import os
import sys
from uuid import uuid4

import asyncpg
from aiohttp import web
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.worker import Worker

from tests.bench.plain_steps import Steps
from tests.bench.plain_workflow import PlainLead

QUEUE = "plain"


async def main(role: str, port: int) -> None:
    client = await Client.connect(**ClientConfig.load_client_connect_config())
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
