"""The dev server's database loses the indexes that nobody uses, and finds workflows as before."""

import asyncio
import sqlite3
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from hub.temporal.vocabulary import API, CAMPAIGN, DIAL_AT, LEAD_ID, PARTNER, STAGE
from infra import temporal
from infra.ports import free_port
from infra.temporal_indexes import ALWAYS_INDEXED, SEARCHED_COLUMNS, drop_unused, search_attribute_columns
from tests.support.servers import running_temporal

ATTRIBUTES = TypedSearchAttributes(
    [
        SearchAttributePair(PARTNER, "margav"),
        SearchAttributePair(API, "partner_api"),
        SearchAttributePair(CAMPAIGN, "solar"),
        SearchAttributePair(STAGE, "waiting"),
        SearchAttributePair(LEAD_ID, 17),
        SearchAttributePair(DIAL_AT, datetime(2026, 3, 1, 9, 30, tzinfo=UTC)),
    ]
)
QUERIES = [
    "",
    "HubPartner = 'margav'",
    "HubApi = 'partner_api'",
    "HubCampaign = 'solar'",
    "HubStage = 'waiting'",
    "HubLeadId = 17",
    "HubDialAt BETWEEN '2026-03-01T09:00:00Z' AND '2026-03-01T10:00:00Z'",
    "WorkflowType = 'Lead'",
    "ExecutionStatus = 'Running'",
    "TaskQueue = 'nobody'",  # without an index
]


def running(database: Path) -> AbstractContextManager[temporal.DevServer]:
    return running_temporal(database.parent, database)


def searched_columns(database: Path) -> set[str | None]:
    with closing(sqlite3.connect(database)) as connection:
        return {column for _, column in connection.execute(SEARCHED_COLUMNS)}


async def start_workflow(server: temporal.DevServer) -> str:
    client = await Client.connect(server.address)
    workflow_id = f"lead-{uuid4()}"
    await client.start_workflow("Lead", id=workflow_id, task_queue="nobody", search_attributes=ATTRIBUTES)
    return workflow_id


async def found(server: temporal.DevServer, query: str, expected: set[str]) -> set[str]:
    """What the list holds, as soon as it holds what is expected: it lags behind the start."""
    client = await Client.connect(server.address)
    listed: set[str] = set()
    for _ in range(100):
        listed = {workflow.id async for workflow in client.list_workflows(query)}
        if listed == expected:
            break
        await asyncio.sleep(0.1)
    return listed


def test_a_server_goes_on_without_the_indexes_and_starts_again(tmp_path: Path) -> None:
    database = tmp_path / "temporal.db"
    with running(database) as server:
        columns = set(search_attribute_columns(server).values())
        assert len(columns) == len(temporal.SEARCH_ATTRIBUTES)
        assert len(searched_columns(database)) > 40
        workflows = {asyncio.run(start_workflow(server))}
        assert drop_unused(server) is None
        assert searched_columns(database) == ALWAYS_INDEXED | columns
        workflows.add(asyncio.run(start_workflow(server)))
        for query in QUERIES:
            assert asyncio.run(found(server, query, workflows)) == workflows, query
    with running(database) as server:
        assert drop_unused(server) is None
        assert searched_columns(database) == ALWAYS_INDEXED | columns
        workflows.add(asyncio.run(start_workflow(server)))
        for query in QUERIES:
            assert asyncio.run(found(server, query, workflows)) == workflows, query


def test_a_failure_is_told_and_changes_nothing(tmp_path: Path) -> None:
    database = tmp_path / "temporal.db"
    with running(database) as server:
        before = searched_columns(database)
        elsewhere = replace(server, database=tmp_path / "missing" / "temporal.db")
        assert drop_unused(elsewhere) == "unable to open database file"
        silent = replace(server, ui_port=free_port())
        assert "HubPartner" in str(drop_unused(silent))
        assert searched_columns(database) == before


def test_a_server_without_a_file_is_left_alone() -> None:
    assert drop_unused(temporal.DevServer(free_port(), free_port(), free_port())) is None
