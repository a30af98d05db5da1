"""Database URLs as libpq writes them: with TLS, and through PgBouncer."""

import asyncio
import ssl
from collections.abc import AsyncIterator, MutableMapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import trustme
from sqlalchemy import text
from structlog.testing import capture_logs

from hub.errors import DatabaseUnavailable
from hub.store.db.engine import Database
from hub.store.db.listen import Listener
from hub.store.db.url import connect_arguments
from infra import postgres
from infra.ports import HOST
from tests.support.dialing import Dialer, eventually
from tests.support.pgbouncer import pgbouncer
from tests.support.servers import Databases
from tests.support.stack import running_hub
from tests.support.tls_postgres import TlsPostgres, tls_postgres

CHANNEL = "a_test"
WAITING = 8


@pytest.fixture
async def tls(databases: Databases, tmp_path: Path) -> AsyncIterator[TlsPostgres]:
    async with tls_postgres(databases.cluster.port, tmp_path) as found:
        yield found


def url_of(databases: Databases, tls: TlsPostgres, parameters: str) -> str:
    cluster = databases.cluster
    return f"postgresql://{postgres.ROLE}:{cluster.password}@{HOST}:{tls.port}/{postgres.DATABASE}?{parameters}"


async def hears(url: str, sender: Database) -> bool:
    """Whether a listener at `url` gets what `sender` notifies."""
    heard = asyncio.Queue[str]()
    listener = Listener(url, CHANNEL, heard.put_nowait)
    listener.start()
    try:
        async with asyncio.timeout(10):
            assert await heard.get() == ""  # it is connected
            async with sender.begin() as tx:
                await tx.execute(text("SELECT pg_notify(:channel, 'word')"), {"channel": CHANNEL})
            return await heard.get() == "word"
    finally:
        await listener.stop()


@pytest.mark.parametrize("parameters", ["sslmode=require", "sslmode=verify-full&sslrootcert={ca}"])
async def test_a_url_with_tls_serves_pool_and_listener(databases: Databases, tls: TlsPostgres, parameters: str) -> None:
    parameters = parameters.format(ca=tls.authority) + "&channel_binding=prefer&connect_timeout=5"
    url = url_of(databases, tls, parameters)
    database = Database(url, 1)
    try:
        assert await hears(url, database)
        assert tls.connections == 2
    finally:
        await database.close()


@pytest.mark.parametrize("parameters", ["sslmode=disable", "sslmode=verify-full&sslrootcert={other}"])
async def test_a_connection_that_is_not_as_safe_as_the_url_says_is_not_made(
    databases: Databases, tls: TlsPostgres, tmp_path: Path, parameters: str
) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    database = Database(url_of(databases, tls, parameters.format(other=tmp_path / "other.pem")), 1)
    with pytest.raises(DatabaseUnavailable):
        await database.ping()


def test_the_systems_own_certificates_can_be_asked_for() -> None:
    arguments = connect_arguments("postgres://hub@db.example.com/hub?sslmode=verify-full&sslrootcert=system")
    assert arguments["dsn"] == "postgresql://hub@db.example.com/hub"
    assert arguments["ssl"].check_hostname
    assert arguments["ssl"].verify_mode is ssl.CERT_REQUIRED


async def test_behind_pgbouncer_transactions_share_sessions_and_the_listener_has_its_own(
    databases: Databases, database: str, tmp_path: Path
) -> None:
    query = text("SELECT CAST(:number AS bigint) + count(*) FROM lead WHERE states = CAST(:states AS text[])")

    async def work(pool: Database, number: int) -> None:
        for each in range(20):
            async with pool.begin() as tx:
                found = await tx.execute(query, {"number": number * each, "states": ["FL"]})
                assert found.scalar_one() == number * each

    with pgbouncer(databases, database, tmp_path) as url:
        pool = Database(url, WAITING, direct_url=database)
        try:
            await asyncio.gather(*(work(pool, number) for number in range(WAITING)))
            assert await hears(pool.direct_url, pool)
        finally:
            await pool.close()


def test_the_whole_hub_runs_behind_pgbouncer(
    databases: Databases, database: str, temporal_address: str, tmp_path: Path
) -> None:
    direct = database.replace("+asyncpg", "")
    with (
        pgbouncer(databases, database, tmp_path) as url,
        running_hub(database, temporal_address, tmp_path, DATABASE_URL=url, DATABASE_DIRECT_URL=direct) as hub,
    ):
        dialer = Dialer(hub, partner := hub.partner())
        leads = {"leads": [{"name": "Ann Lee", "phone": hub.number()} for _ in range(3)]}
        assert hub.post("/api/leads/partner-transfer", partner["key"], leads).json()["created"] == 3
        calls = [call for _ in range(3) for call in dialer.lease(seconds=60)]
        assert dialer.report_all(*({**pick(call), "outcome": "interested"} for call in calls)).status_code == 200
        eventually(lambda: hub.query("SELECT count(*) FROM lead WHERE state = 'done'") == [(3,)])


def pick(call: dict[str, Any]) -> dict[str, Any]:
    return {"id": call["id"], "token": call["token"]}


async def test_what_a_listener_fails_of_is_logged_when_it_begins_and_when_it_ends(
    databases: Databases, database: str
) -> None:
    with capture_logs() as logs:
        listener = Listener(f"{database}_not", CHANNEL, lambda _: None)
        listener.start()
        await found(logs, failure="InvalidCatalogNameError")
        databases.rename(database, f"{database}_not")
        await found(logs, reconnected_after="InvalidCatalogNameError")
        await listener.stop()
    assert [entry["log_level"] for entry in logs] == ["warning", "info"]
    databases.rename(f"{database}_not", database)


async def found(logs: Sequence[MutableMapping[str, Any]], **facts: str) -> None:
    """Until there is a line with these facts."""
    await asyncio.to_thread(eventually, lambda: any(entry.items() >= facts.items() for entry in logs), 10)
