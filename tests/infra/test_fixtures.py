"""The servers that all other tests stand on."""

import asyncpg
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from infra.temporal import NAMESPACE
from tests.support.servers import Databases


async def _value(url: str, query: str) -> object:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_each_test_gets_a_migrated_database_of_its_own(databases: Databases) -> None:
    first, second = databases.fresh(), databases.fresh()
    try:
        await _value(first, "CREATE TABLE only_here (n int)")
        assert await _value(first, "SELECT to_regclass('only_here')") == "only_here"
        assert await _value(second, "SELECT to_regclass('only_here')") is None
        assert await _value(second, "SELECT count(*) FROM alembic_version") == 1
    finally:
        databases.drop(first)
        databases.drop(second)


async def test_sessions_share_one_migrated_database(postgres_url: str) -> None:
    assert await _value(postgres_url, "SELECT count(*) FROM alembic_version") == 1


async def test_temporal_takes_calls_for_the_namespace(temporal_address: str) -> None:
    client = await Client.connect(temporal_address)
    answer = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=NAMESPACE))
    assert answer.namespace_info.name == NAMESPACE
