"""Admission reads the last minute of a partner, not all that it ever sent."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event

from hub.store import submissions
from hub.store.db.engine import Database
from hub.store.submissions import NewSubmission
from tests.support.stack import Hub

OLD = """
    INSERT INTO submission (partner_id, key_id, api, route, request_id, fingerprint, weight, held_until, created_at)
    SELECT $1, 'k', 'partner_api', 'r', 'q', '', 1, now(), now() - interval '1 hour' FROM generate_series(1, 5000)
"""


async def test_old_requests_are_not_read_to_judge_the_limit(database: str, tmp_path: Path) -> None:
    hub = Hub("", database, "", {}, tmp_path)
    partner = hub.partner()["id"]
    hub.query(OLD, partner)
    hub.query("ANALYZE submission")
    pool = Database(database, 1)
    executed: list[tuple[str, Any]] = []

    @event.listens_for(pool.engine.sync_engine, "before_cursor_execute")
    def remember(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        executed.append((statement, parameters))

    request = NewSubmission(partner, "k", "partner_api", "POST /x", "new", b"{}", 1, 100, timedelta(seconds=1))
    async with pool.begin() as tx:
        await submissions.admit(tx, hub.settings.vault(), request)
    [(log, values)] = [each for each in executed if each[0].startswith("SELECT submission.weight")]
    async with pool.begin() as tx:
        plan = [row[0] for row in await tx.exec_driver_sql(f"EXPLAIN {log}", values)]
    await pool.close()
    [condition] = [line for line in plan if "Index Cond" in line]
    assert "created_at" in condition
