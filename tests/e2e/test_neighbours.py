"""Two hubs on one Temporal: each works on its own requests alone."""

import asyncio
from pathlib import Path

from temporalio.client import Client

from tests.support.dialing import Dialer
from tests.support.servers import Databases
from tests.support.stack import Hub, running_hub

PATH = "/api/leads/partner-transfer"


def test_two_hubs_may_share_a_temporal(hub: Hub, databases: Databases, temporal_address: str, tmp_path: Path) -> None:
    url = databases.fresh()
    Hub("", url, temporal_address, {}, tmp_path).query("UPDATE deployment SET id = 'neighbour'")
    with running_hub(url, temporal_address, tmp_path) as other:
        for each in (hub, other):
            partner = each.partner()
            dialer = Dialer(each, partner)
            numbers = {each.number() for _ in range(20)}
            leads = [{"name": "Ann Lee", "phone": number} for number in sorted(numbers)]
            assert each.post(PATH, partner["key"], {"leads": leads}).json()["created"] == 20
            called: set[str] = set()
            while called < numbers:
                calls = dialer.lease(most=20)
                assert calls, "a lead of this hub was taken by the other"
                called |= {call["person"]["phone"] for call in calls}
    assert asyncio.run(_queues(temporal_address)) >= {"hub-leads-neighbour", "hub-intake-neighbour"}


async def _queues(address: str) -> set[str]:
    client = await Client.connect(address)
    return {workflow.task_queue async for workflow in client.list_workflows()}
