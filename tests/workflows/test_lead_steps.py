"""A lead whose step fails, whose time does not come or who is woken without end takes nothing from others."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
LOCAL_ACTIVITY = "core_local_activity"
UPDATED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
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


@dataclass(frozen=True, slots=True)
class Tries:
    """How often a lead's step was tried: by the worker that holds the workflow, then since when as a real activity.

    `real` counts the next one too. `wakings`: how often the workflow was told to look at the lead.
    """

    wakings: int
    local: int
    real: int
    since: datetime | None


async def tries_of(hub: Hub, leads: Sequence[int]) -> list[Tries]:
    """Of each lead's step under way."""
    client = await Client.connect(hub.temporal)
    at_once = asyncio.Semaphore(10)

    async def of(workflow_id: str) -> Tries:
        handle = client.get_workflow_handle(workflow_id)
        async with at_once:
            described, history = await handle.describe(), await handle.fetch_history()
        local = [e for e in history.events if e.marker_recorded_event_attributes.marker_name == LOCAL_ACTIVITY]
        real = [e for e in history.events if e.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED]
        woken = [e for e in history.events if e.event_type == UPDATED]
        pending = described.raw_description.pending_activities
        since = real[-1].event_time.ToDatetime(UTC) if real else None
        return Tries(len(woken), len(local), pending[0].attempt if pending else 0, since)

    ids = "SELECT concat_ws('-', 'lead', lead.id, workflow_token, deployment.id) FROM lead, deployment"
    found = hub.query(f"{ids} WHERE lead.id = ANY($1)", list(leads))
    return list(await asyncio.gather(*(of(workflow_id) for (workflow_id,) in found)))


def slots_used(hub: Hub) -> int:
    """The worker's places for steps that are taken now, local ones and others, of all its queues."""
    found = requests.get(hub.worker_metrics, timeout=10).text
    used = re.findall(
        r'^temporal_worker_task_slots_used{.*worker_type="\w*ActivityWorker".*} (\d+)', found, re.MULTILINE
    )
    assert used, "the worker does not tell"
    return sum(map(int, used))


def test_leads_whose_steps_fail_take_few_tries_and_no_places_and_others_are_dialled_meanwhile(hub: Hub) -> None:
    poisoned, leads = waiting_leads(hub, 200)
    hub.query("UPDATE lead SET state = 'of a later version' WHERE partner_id = $1", poisoned["id"])
    hub.query(WAKE, poisoned["id"])
    eventually(lambda: hub.query("SELECT count(*) FROM outbox") == [(0,)], 120)
    eventually(lambda: all(tries.real for tries in asyncio.run(tries_of(hub, leads))))

    healthy = hub.partner()
    dialer = Dialer(hub, healthy)
    for lead in submit(hub, healthy, 5):
        calls = dialer.lease(wait=30)
        assert dialer.report(calls[0], "interested").ok, lead
    eventually(lambda: slots_used(hub) == 0)

    failing = asyncio.run(tries_of(hub, leads))
    assert all(tries.real for tries in failing), "all of them are still at it"
    for tries in failing:
        assert tries.since is not None
        assert tries.local <= 3 * tries.wakings
        waits = sum(5 * 2**earlier for earlier in range(tries.real - 2))  # seconds, before the latest one that began
        assert datetime.now(UTC) - tries.since >= timedelta(seconds=waits)
    hub.query("UPDATE lead SET state = 'cancelled' WHERE partner_id = $1", poisoned["id"])
    hub.query(WAKE, poisoned["id"])


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
    hub.query(  # at one moment, as whatever may be called is called at once
        """
        WITH budget AS (UPDATE partner SET daily_calls = NULL WHERE id = $1)
        UPDATE lead SET started = false, dial_at = now(),
            created_at = CASE WHEN id = $2 THEN timestamptz '20000-01-01' ELSE now() - interval '1 minute' END
        WHERE partner_id = $1
        """,
        partner["id"],
        leads[2],
    )
    called: set[int] = set()
    eventually(lambda: called.update(call["lead_id"] for call in dialer.lease(most=5, wait=1)) or len(called) == 4)
    assert called == {*leads} - {leads[2]}
    hub.query("UPDATE lead SET created_at = now() WHERE id = $1", leads[2])


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
