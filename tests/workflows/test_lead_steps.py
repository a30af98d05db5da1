"""A lead whose step fails, whose time does not come or who is woken without end takes nothing from others."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle

from tests.support.dialing import Dialer, eventually
from tests.support.servers import Databases, running_temporal
from tests.support.stack import Hub, running_hub

PATH = "/api/leads/partner-transfer"
IDS = "SELECT id FROM lead WHERE partner_id = $1 ORDER BY id"
WAKE = "INSERT INTO outbox (kind, ref) SELECT 'wake_lead', id FROM lead WHERE partner_id = $1"


def submit(hub: Hub, partner: dict[str, Any], count: int) -> list[int]:
    rows = [{"name": "Ann Lee", "phone": hub.number()} for _ in range(count)]
    assert hub.post(PATH, partner["key"], {"leads": rows}).json()["created"] == count
    eventually(
        lambda: hub.query("SELECT count(*) FROM lead WHERE partner_id = $1 AND NOT started", partner["id"]) == [(0,)]
    )
    return [lead for (lead,) in hub.query(IDS, partner["id"])]


def waiting_leads(hub: Hub, count: int) -> tuple[dict[str, Any], list[int]]:
    """Of a partner whose budget of calls is none."""
    partner = hub.partner(rate_limit=1000)
    hub.query("UPDATE partner SET daily_calls = 0 WHERE id = $1", partner["id"])
    return partner, submit(hub, partner, count)


async def in_temporal(hub: Hub, lead: int) -> WorkflowHandle[Any, Any]:
    client = await Client.connect(hub.temporal)
    return client.get_workflow_handle(hub.lead_workflow(lead))


async def pending_summaries(hub: Hub, lead: int) -> list[str]:
    """What Temporal's UI shows beside the lead's activities under way."""
    handle = await in_temporal(hub, lead)
    history = await handle.fetch_history()
    return [
        event.user_metadata.summary.data.decode().strip('"')
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]


def test_leads_that_no_step_succeeds_for_hold_up_no_other_and_go_on_when_they_are_mended(hub: Hub) -> None:
    poisoned, leads = waiting_leads(hub, 200)
    healthy = hub.partner()
    dialer, poisoned_dialer = Dialer(hub, healthy), Dialer(hub, poisoned)
    submit(hub, healthy, 1)
    [call] = dialer.lease()
    hub.query("UPDATE lead SET state = 'of a later version' WHERE partner_id = $1", poisoned["id"])
    hub.query(WAKE, poisoned["id"])
    shown = "SELECT DISTINCT why FROM lead WHERE partner_id = $1"
    eventually(lambda: hub.query(shown, poisoned["id"]) == [("cannot be judged: ValueError",)])

    at = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    assert dialer.report(call, "callback", callback_at=at).ok
    assert [again["attempt"] for again in dialer.lease(wait=20)] == [2]

    eventually(
        lambda: any(
            why.startswith("cannot be judged: ValueError") for why in asyncio.run(pending_summaries(hub, leads[0]))
        )
    )
    hub.query("UPDATE partner SET daily_calls = NULL WHERE id = $1", poisoned["id"])
    hub.query("UPDATE lead SET state = 'scheduled', dial_at = now() WHERE partner_id = $1", poisoned["id"])
    mended: set[int] = set()
    eventually(
        lambda: (
            mended.update(call["lead_id"] for call in poisoned_dialer.lease(most=100, wait=1)) or mended == {*leads}
        ),
        120,
    )


def test_one_lead_of_a_batch_that_can_not_be_read_holds_up_no_other(hub: Hub) -> None:
    """Its time is beyond what Python knows."""
    partner, leads = waiting_leads(hub, 5)
    dialer = Dialer(hub, partner)
    hub.query("UPDATE partner SET daily_calls = NULL WHERE id = $1", partner["id"])
    late = "started = false, created_at = now() - interval '1 minute', dial_at = now()"
    hub.query(f"UPDATE lead SET {late} WHERE partner_id = $1", partner["id"])  # noqa: S608 - a constant
    hub.query("UPDATE lead SET created_at = '20000-01-01' WHERE id = $1", leads[2])
    called: set[int] = set()
    eventually(lambda: called.update(call["lead_id"] for call in dialer.lease(most=5, wait=1)) or len(called) == 4)
    assert called == {*leads} - {leads[2]}


@pytest.fixture
def slow_database(databases: Databases, temporal_address: str, tmp_path: Path) -> Iterator[Hub]:
    """A hub whose database's clock is five seconds behind."""
    url = databases.fresh()
    name = url.rpartition("/")[2]
    hub = Hub(url, url, temporal_address, {}, tmp_path)
    for clock in ("clock_timestamp", "statement_timestamp"):
        behind = f"SELECT pg_catalog.{clock}() - interval '5 seconds'"
        hub.query(f"CREATE FUNCTION public.{clock}() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$ {behind} $$")
    hub.query(f"ALTER DATABASE {name} SET search_path = public, pg_catalog")
    with running_hub(url, temporal_address, tmp_path) as found:
        yield found
    databases.drop(url)


async def test_a_due_time_that_has_not_come_for_the_database_is_looked_at_a_few_times(slow_database: Hub) -> None:
    hub = slow_database
    partner = hub.partner("comunik8")
    dialer = Dialer(hub, partner)
    person = {"first_name": "Ann", "surname": "Lee", "email": "ann@example.com", "type": partner["type"]}
    body = {**person, "mobile": hub.number(), "delays": 2}
    url = f"{hub.url}/lead/add?key={partner['key']}"
    assert (await asyncio.to_thread(requests.post, url, json=body, timeout=30)).json()["processed"]
    # The workflow waits by its own clock, as one does that was started by a process with another clock.
    [(lead,)] = hub.query("UPDATE lead SET dial_at = dial_at + interval '5 seconds' RETURNING id")
    [call] = await asyncio.to_thread(dialer.lease, 1, 60, 30)
    assert call["lead_id"] == lead
    history = await (await in_temporal(hub, lead)).fetch_history()
    kinds = Counter(EventType.Name(event.event_type) for event in history.events)
    assert kinds["EVENT_TYPE_MARKER_RECORDED"] <= 8


def test_wake_ups_without_end_make_no_endless_history_and_none_is_lost(databases: Databases, tmp_path: Path) -> None:
    """In a Temporal that suggests a new run after 20 events."""
    with (
        running_temporal(tmp_path, limit__historyCount__suggestContinueAsNew=20) as temporal,
        running_hub(databases.fresh(), temporal.address, tmp_path) as hub,
    ):
        partner, leads = waiting_leads(hub, 5)
        dialer = Dialer(hub, partner)
        for _ in range(15):
            hub.query(WAKE, partner["id"])
        eventually(lambda: hub.query("SELECT count(*) FROM outbox") == [(0,)])
        hub.query("UPDATE partner SET daily_calls = NULL")
        hub.query("UPDATE lead SET dial_at = now()")
        hub.query(WAKE, partner["id"])
        called: set[int] = set()
        eventually(
            lambda: called.update(call["lead_id"] for call in dialer.lease(most=5, wait=1)) or called == {*leads}
        )
        lengths = [asyncio.run(length(hub, lead)) for lead in leads]
        assert max(lengths) < 60


async def length(hub: Hub, lead: int) -> int:
    """Of the history of the lead's latest run."""
    return (await (await in_temporal(hub, lead)).describe()).history_length
