"""After a delete nothing of the person is left: in no table, history or log, nor in any byte of the servers' files."""

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from tests.support.dialing import Dialer, eventually
from tests.support.servers import running_postgres, running_temporal
from tests.support.squadiq import Sender
from tests.support.stack import Hub, running_hub

NAME, EMAIL, CITY, SAID = (
    "Zebedee Quillfeather",
    "zebedee.q@example.com",
    "Vizianagaram-Fort",
    "prefers-mauve-hatchback",
)
NEW_CITY = "Kanchipuram-Hill"


@pytest.fixture
def own_hub(tmp_path: Path) -> Iterator[Hub]:
    """A hub whose servers write every byte into this test's folder."""
    with (
        running_postgres(tmp_path) as databases,
        running_temporal(tmp_path, tmp_path / "temporal.db") as server,
        running_hub(databases.postgres_url, server.address, tmp_path) as hub,
    ):
        yield hub


def traces(*texts: str) -> list[bytes]:
    """Each as it was sent, in UTF-16, as hex, and as base64 at each of its three offsets."""
    found = []
    for text in texts:
        raw = text.encode()
        found += [raw, text.encode("utf-16-le"), raw.hex().encode()]
        found += [base64.b64encode(b"x" * shift + raw)[4:-4] for shift in range(3)]
    return found


def places_of(folder: Path, wanted: list[bytes]) -> set[Path]:
    """The files that hold any of `wanted`. A file that a server removes meanwhile holds nothing any more."""
    found = set()
    for path in (path for path in folder.rglob("*") if path.is_file()):
        try:
            held = path.read_bytes()
        except FileNotFoundError:
            continue
        if any(trace in held for trace in wanted):
            found.add(path)
    return found


def test_nothing_is_left_of_an_erased_person(own_hub: Hub, tmp_path: Path) -> None:
    hub, sender = own_hub, Sender(own_hub, own_hub.partner("squadiq"))
    dialer = Dialer(hub, sender.partner)
    number, new_number = sender.number(), sender.number()
    with HTTPServer(host="127.0.0.1") as receiver:
        receiver.expect_request("/all").respond_with_data(f"thanks for {NAME}")
        receiver.expect_request("/results").respond_with_data("", status=500)
        hub.endpoint(sender.partner["id"], receiver.url_for("/all"))
        hub.endpoint(sender.partner["id"], receiver.url_for("/results"), campaign=sender.partner["campaign_id"])
        lead = {"lead_id": "a", "phone_number": number, "contact_name": NAME, "email": EMAIL, "city": CITY}
        assert sender.send("create", [lead, sender.lead("b")], **{"Idempotency-Key": "one"}).ok
        calls = {call["person"]["given"]["lead_id"]: call for _ in range(2) for call in dialer.lease()}
        update = {"lead_id": "a", "phone_number": new_number, "city": NEW_CITY}
        assert sender.send("update", update, **{"Idempotency-Key": "two"}).ok
        assert dialer.report(calls["a"], "interested", responses={"wish": SAID}).ok
        assert sender.send("convert", {"lead_id": "a", "detail": "bought-mauve"}).ok
        told = {
            "lead.created",
            "call.scheduled",
            "call.completed",
            "lead.interested",
            "lead.processed",
            "lead.converted",
        }
        # The answered ones are delivered, and the campaign's own, which names the person, waits for its next attempt.
        delivered = "SELECT count(*) FROM delivery WHERE state = 'delivered'"
        eventually(lambda: hub.query(delivered)[0][0] >= len(told) + 2)
        eventually(lambda: any(request.path == "/results" for request, _ in receiver.log))
        [own] = [json.loads(request.get_data()) for request, _ in receiver.log if request.path == "/results"][:1]
        assert (own["contact_name"], own["phone_number"]) == (NAME, "+91xxxxxxxxxx")

        assert sender.send("delete", {"lead_id": "a"}).status_code == 202
        eventually(lambda: '"lead.deleted"' in "".join(request.get_data(as_text=True) for request, _ in receiver.log))

    person = traces(NAME, EMAIL, CITY, NEW_CITY, SAID, "bought-mauve", number, new_number, number[3:], new_number[3:])
    hub.query("CHECKPOINT")
    assert places_of(tmp_path, traces(sender.partner["campaign_id"])), "the search finds what is there"
    assert places_of(tmp_path, person) == set()
    asyncio.run(_histories_hold_none_of(hub, person))

    keyed = "SELECT dedupe_key, phone_hash, grade, region, zones FROM lead WHERE state = 'erased'"
    assert hub.query(keyed) == [(None, None, None, None, [])]
    vault = hub.settings.vault()
    hashes = [vault.index("phone", phone).hex() for phone in (number, new_number)] + [vault.index("email", EMAIL).hex()]
    tables = [name for (name,) in hub.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    rows = "".join(str(hub.query(f'SELECT "{table}"::text FROM "{table}"')) for table in tables)  # noqa: S608 - own
    assert [text for text in hashes if text in rows] == []
    keys = "SELECT count(*) FROM contact WHERE wrapped_key IS NOT NULL"
    assert hub.query(keys) == [(1,)], "the other lead of the request is untouched"
    assert dialer.report(calls["b"], "interested").ok


async def _histories_hold_none_of(hub: Hub, person: list[bytes]) -> None:
    from temporalio.client import Client  # noqa: PLC0415 - its start-up is slow

    client = await Client.connect(hub.temporal)
    seen = 0
    async for workflow in client.list_workflows():
        history = await client.get_workflow_handle(workflow.id, run_id=workflow.run_id).fetch_history()
        raw = b"".join(event.SerializeToString() for event in history.events)
        assert not any(trace in raw for trace in person)
        seen += 1
    assert seen > 1
