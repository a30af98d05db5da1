"""Who changed what, when and from where: one row per change that an operator or a partner makes beside their leads."""

from typing import Any

from sqlalchemy import text

from hub import strictjson
from hub.actors import Actor
from hub.store.db.engine import Tx

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
