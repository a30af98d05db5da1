"""The journal of leads and discount requests: who is acting, for the triggers that write it; and reading it.

The triggers are in infra/migrations/versions/0011_journal.py, the reason in docs/decisions/0016.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import text

from hub.store.db.engine import Tx

ACTING: Final = """set_config('hub.actor', coalesce(nullif(current_setting('hub.actor', true), ''), :actor), true)
    AS acting"""
"""A column of a statement: what the transaction changes is by the parameter `actor`, unless somebody acts already."""


_NOTE = text("""
    INSERT INTO journal (lead_id, what, why, actor, submission_id, call_id)
    SELECT lead_id, :what, :why, journal_actor('hub'), journal_submission(), call_id
    FROM unnest(CAST(:lead_ids AS bigint[]), CAST(:call_ids AS bigint[])) AS noted (lead_id, call_id)
""")


async def note(tx: Tx, what: str, subjects: Sequence[tuple[int, int | None]], why: str | None = None) -> None:
    """Write what no row of a lead shows, for each (lead id, id of its call if one is meant)."""
    if subjects:
        lead_ids, call_ids = zip(*subjects, strict=True)
        wanted = {"what": what, "why": why, "lead_ids": list(lead_ids), "call_ids": list(call_ids)}
        await tx.execute(_NOTE, wanted)
