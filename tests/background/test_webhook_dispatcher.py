"""Endpoints that never answer, of many partners at once, and the webhooks of another."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from pytest_httpserver import HTTPServer
from temporalio.common import MetricMeter

from activities.step_log import StepLog
from background.webhook_dispatcher import WebhookDispatcher
from hub.egress import Egress
from hub.egress_rules import EgressRules
from hub.store.db.engine import Database
from hub.store.delivery_claims import PROCESS_PLACES
from hub.webhooks import MOST_PLACES
from tests.support.deliveries import VAULT, happen, new_endpoint, new_partner
from tests.support.dialing import eventually
from tests.support.stack import Hub

PARTNERS, ENDPOINTS = 40, 2  # which want more places than there are


@asynccontextmanager
async def dispatching(database: Database) -> AsyncIterator[None]:
    async with Egress(EgressRules(development=True)) as egress:
        task = asyncio.create_task(WebhookDispatcher(database, VAULT, egress, StepLog(MetricMeter.noop)).run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _partner(database: Database, port: int, endpoints: int) -> int:
    """One whose endpoints, all at this port, have something to be sent."""
    async with database.begin() as tx:
        partner = int((await new_partner(tx))["id"])
        for _ in range(endpoints):
            await new_endpoint(tx, partner, url=f"http://127.0.0.1:{port}/")
        await happen(tx, partner, MOST_PLACES)
    return partner


async def test_endpoints_of_forty_partners_that_hang_leave_places_to_others(
    database: str, httpserver: HTTPServer, tmp_path: Path
) -> None:
    httpserver.expect_request("/").respond_with_data("ok")
    opened, hub = Database(database, 2), Hub("", database, "", {}, tmp_path)  # nothing of it runs; it reads rows
    count = "SELECT count(*) FROM delivery JOIN endpoint ON endpoint.id = endpoint_id WHERE "
    with socket.create_server(("127.0.0.1", 0), backlog=PROCESS_PLACES) as silent:  # it takes connections, answers none
        async with dispatching(opened):
            hang = [await _partner(opened, silent.getsockname()[1], ENDPOINTS) for _ in range(PARTNERS)]
            most = f"{count} claimed_until > now()"
            await asyncio.to_thread(eventually, lambda: hub.query(most)[0][0] > PROCESS_PLACES / 2)
            well = await _partner(opened, httpserver.port, 1)
            delivered = f"{count} partner_id = $1 AND state = 'delivered'"
            await asyncio.to_thread(eventually, lambda: hub.query(delivered, well) == [(MOST_PLACES,)])
            ended = hub.query(f"{count} partner_id = ANY($1) AND attempts > 0", hang)
            assert ended == [(0,)], "it had to wait until attempts to those that hang had ended"
            silent.close()  # which ends them
    await opened.close()
