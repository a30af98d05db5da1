"""Who changed what, when and from where: one row per change that an operator or a partner makes beside their leads."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import literal, select, text

from hub import strictjson
from hub.actors import Actor, ActorKind
from hub.store.db.engine import Tx
from hub.store.paging import Page, PageWanted, page_of
from hub.store.tables import Audit

_ACT_AS = text("SELECT set_config('hub.actor', :actor, true)")
_RECORD = text("""
    WITH recorded AS (
        INSERT INTO audit (actor, address, action, subject_id, partner_id, details)
        VALUES (:actor, :address, :action, :subject_id, :partner_id, CAST(:details AS jsonb))
    )
    SELECT set_config('hub.actor', :actor, true)
""")


async def act_as(tx: Tx, actor: Actor) -> None:
    """What this transaction changes from now on is by `actor`, in the journal too. Without it, it is by the hub."""
    await tx.execute(_ACT_AS, {"actor": actor.label})


async def record(
    tx: Tx, actor: Actor, action: str, subject_id: int | str, *, partner_id: int | None = None, **details: Any
) -> None:
    """Write the audit row, in the transaction of the change and before it; includes `act_as`.

    `action` is `SUBJECT.VERB`, such as `endpoint.disable`. `details` are codes, ids and settings: nothing personal, no
    secret.
    """
    row = {"actor": actor.label, "address": actor.address, "action": action, "subject_id": str(subject_id)}
    await tx.execute(_RECORD, row | {"partner_id": partner_id, "details": strictjson.dumps(details).decode()})


@dataclass(frozen=True, slots=True)
class Change:
    """One audit row: `actor` is `kind:id`, `address` where the request came from; see `record` for the rest."""

    id: int
    at: datetime
    actor: str
    address: str | None
    action: str
    subject_id: str
    partner_id: int | None
    details: dict[str, Any]


_INDEXED: Final = (Audit.subject_id, Audit.actor, Audit.action, Audit.partner_id)  # each with the id; the rarest first


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """All that are given must fit. `by_itself`: only what the partner changed, not what was changed about it."""

    partner_id: int | None = None
    by_itself: bool = False
    actor: str | None = None
    action: str | None = None
    subject_id: str | None = None


async def list_changes(tx: Tx, wanted: ChangeFilter, page: PageWanted) -> Page[Change]:
    """What operators and partners changed, newest first."""
    given = [(column, value) for column in _INDEXED if (value := getattr(wanted, column.key)) is not None]
    rows = select(Audit).limit(page.size + 1)
    for number, (column, value) in enumerate(given):
        # The first by a range and in an order that the primary key does not have: its index would be read for rows
        # that do not fit, where the planner takes those that fit for frequent.
        rows = (
            rows.where(column == value) if number else rows.where(column.between(value, value)).order_by(column.desc())
        )
    rows = rows.order_by(Audit.id.desc())
    if page.before is not None:
        rows = rows.where(Audit.id < page.before)
    if wanted.by_itself:
        rows = rows.where(
            Audit.actor.like(literal(f"{ActorKind.PARTNER}:%", literal_execute=True))
        )  # the index's words
    return page_of((await tx.execute(rows)).all(), page, _change)


def _change(row: Any) -> Change:
    return Change(
        row.id, row.created_at, row.actor, row.address, row.action, row.subject_id, row.partner_id, row.details
    )
