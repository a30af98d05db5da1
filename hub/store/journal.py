"""The journal of leads and discount requests: who is acting, for the triggers that write it; and reading it.

The triggers are in infra/migrations/versions/0011_journal.py, the reason in docs/decisions/0016.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, SQLColumnExpression, String, cast, func, literal, text

from hub.store.db.engine import Tx

ACTING: Final = """set_config('hub.actor', coalesce(nullif(current_setting('hub.actor', true), ''), :actor), true)
    AS acting"""
"""A column of a statement: what the transaction changes is by the parameter `actor`, unless somebody acts already."""


def acting(
    actor: SQLColumnExpression[str] | str, submission_id: SQLColumnExpression[int] | str
) -> Sequence[ColumnElement[Any]]:
    """Columns of a statement: what the transaction changes from it on is by this actor, for this submission.

    Empty texts end that: it is by the hub then.
    """
    values = {"hub.actor": actor, "hub.submission": submission_id}
    return [
        func.set_config(name, cast(literal(value) if isinstance(value, str) else value, String), True)
        for name, value in values.items()
    ]


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
