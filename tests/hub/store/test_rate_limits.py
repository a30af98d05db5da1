"""What counting a partner's last minute reads: however much of it is kept, that minute alone."""

from datetime import timedelta

import asyncpg
import pytest

from hub.store import calling_limits, rate_limits

HOUR_OLD = """
    INSERT INTO submission (partner_id, key_id, api, route, request_id, fingerprint, weight, held_until, created_at)
    SELECT 1, 'k', 'margav', 'r', 'q', '', 1, now(), now() - interval '1 hour' FROM generate_series(1, 2000)
"""
LEASES = """
    INSERT INTO lease (call_id, token, dialer_id, partner_id, confirm_start, leased_at, lease_until, started_at)
    SELECT 1, n, 1, 1, false, now(), now(), now() - interval '2 days' FROM generate_series(1, 2000) AS n
"""
USED, LEASED = str(rate_limits._USED), str(calling_limits._USED)


@pytest.mark.parametrize(
    ("rows", "table", "statement", "parameters"),
    [
        (HOUR_OLD, "submission", USED.replace(":partner_id", "$1").replace(":window", "$2"), (1, timedelta(minutes=1))),
        (LEASES, "lease", LEASED.replace(":partners", "$1"), ([1],)),
    ],
    ids=["requests", "calls"],
)
async def test_rows_of_before_the_window_are_not_read(
    database: str, rows: str, table: str, statement: str, parameters: tuple[object, ...]
) -> None:
    connection = await asyncpg.connect(database.replace("+asyncpg", ""))
    try:
        # In its place, as its rows need not refer to any others.
        await connection.execute(f"CREATE TEMP TABLE {table} (LIKE public.{table} INCLUDING ALL)")
        await connection.execute(rows)
        await connection.execute(f"ANALYZE {table}")
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN ANALYZE {statement}", *parameters))
    finally:
        await connection.close()
    assert "Rows Removed by Filter" not in plan
    assert "Seq Scan" not in plan
