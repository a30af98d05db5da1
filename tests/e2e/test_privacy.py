"""Nobody finds a person in Temporal, in the logs, or in the database without the key."""

import asyncio
import base64
from pathlib import Path

from temporalio.client import Client

from tests.support.dialing import Dialer, eventually
from tests.support.stack import Hub

PATH = "/api/leads/partner-transfer"
NAME, EMAIL = "Zebedee Quillfeather", "zebedee.quillfeather@example.com"


def traces(phone: str) -> list[bytes]:
    """What must not be found: as it was sent, as digits alone, and as base64 at each of its three offsets."""
    plain = [NAME.encode(), EMAIL.encode(), phone.encode(), phone[3:].encode()]
    coded = [base64.b64encode(b"x" * shift + text)[4:-4] for text in plain for shift in range(3)]
    return plain + coded


async def histories_of(hub: Hub) -> list[bytes]:
    """Each workflow's, decoded and raw."""
    client = await Client.connect(hub.temporal)
    found = []
    async for workflow in client.list_workflows():
        history = await client.get_workflow_handle(workflow.id, run_id=workflow.run_id).fetch_history()
        found.append(history.to_json().encode() + b"".join(event.SerializeToString() for event in history.events))
    return found


def test_no_history_log_or_table_holds_the_person(hub: Hub) -> None:
    phone = hub.number()
    partner = hub.partner()
    dialer = Dialer(hub, partner)
    answer = hub.post(PATH, partner["key"], {"leads": [{"name": NAME, "phone": phone, "email": EMAIL}]})
    assert answer.json()["created"] == 1
    [(lead,)] = hub.query("SELECT id FROM lead WHERE partner_id = $1", partner["id"])
    [call] = dialer.lease()
    dialer.report(call, "interested")
    eventually(lambda: hub.query("SELECT state FROM lead WHERE id = $1", lead) == [("done",)])

    found = asyncio.run(histories_of(hub))
    assert len(found) > 1
    histories = b"".join(found)
    logs = b"".join(log.read_bytes() for log in Path(hub.logs).glob("*.log"))
    tables = [name for (name,) in hub.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    rows = "".join(str(hub.query(f'SELECT * FROM "{table}"')) for table in tables).encode()  # noqa: S608 - own tables

    for trace in traces(phone):
        assert trace not in histories
        assert trace not in logs
        assert trace not in rows
