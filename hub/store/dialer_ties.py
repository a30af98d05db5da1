"""Which dialer calls for which campaigns, and for which Margav tenant a dialer's agents report: operators tie both.

The default dialer is nobody's own: campaigns start with it, and all that have no other share it.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import func, select, text, update

from hub.errors import Invalid, NotFound
from hub.store import dialers, tables
from hub.store.admin import DEFAULT_DIALER, require_partner
from hub.store.db.engine import Tx
from hub.store.dialers import DialerCall

REPORTING_API: Final = "margav"


async def tie_partner(tx: Tx, partner_id: int, dialer_id: int | None) -> None:
    """Let a Margav tenant's reports end this dialer's calls, or (None) no dialer's.

    Raises NotFound, and Invalid for another API's partner, a dialer that is not there, and the default dialer.
    """
    api = await require_partner(tx, partner_id)
    if dialer_id is not None:
        name = await _dialer_name(tx, dialer_id)
        if api != REPORTING_API:
            raise Invalid("is for Margav tenants, whose reports may be about a dialer's calls.", field="dialer_id")
        if name == DEFAULT_DIALER:
            raise Invalid(
                "the default dialer is shared by all campaigns without one of their own, and can't be one tenant's."
                " Make one with `hub dialer create NAME --campaign ID`.",
                field="dialer_id",
            )
    mine = update(tables.Partner).where(tables.Partner.id == partner_id)
    await tx.execute(mine.values(dialer_id=dialer_id))


async def tie_campaigns(tx: Tx, dialer_id: int, campaign_ids: Sequence[int]) -> None:
    """Let this dialer call for the campaigns, also what waits for another dialer to take it. Raises NotFound, Invalid.

    What a dialer holds already stays its own.
    """
    await _dialer_name(tx, dialer_id)
    mine = update(tables.Campaign).where(tables.Campaign.id == func.any(list(campaign_ids)))
    found = (await tx.execute(mine.values(dialer_id=dialer_id).returning(tables.Campaign.id))).scalars().all()
    if missing := sorted(set(campaign_ids) - set(found)):
        raise NotFound(f"there is no campaign {missing[0]}.", field="campaigns")
    wanted = {"campaigns": list(campaign_ids), "dialer_id": dialer_id}
    await tx.execute(_LOCK_LEADS, wanted)
    moved = (await tx.execute(_MOVE_CALLS, wanted)).all()
    await dialers.withdraw(tx, (DialerCall(row.id, row.old_id, row.old_kind) for row in moved))
    await dialers.place(tx, (DialerCall(row.id, dialer_id, row.new_kind) for row in moved))


# The leads before their calls, as everywhere.
_LOCK_LEADS = text("""
    SELECT lead.id FROM lead JOIN call ON call.lead_id = lead.id
    WHERE lead.campaign_id = ANY(:campaigns) AND call.state = 'ready' AND call.dialer_id <> :dialer_id
    ORDER BY lead.id FOR UPDATE OF lead
""")
_MOVE_CALLS = text("""
    UPDATE call SET dialer_id = :dialer_id
    FROM lead, dialer AS old, dialer AS new
    WHERE lead.id = call.lead_id AND old.id = call.dialer_id AND new.id = :dialer_id
          AND lead.campaign_id = ANY(:campaigns) AND call.state = 'ready' AND call.dialer_id <> :dialer_id
    RETURNING call.id, old.id AS old_id, old.kind AS old_kind, new.kind AS new_kind
""")


async def list_campaigns(
    tx: Tx,
    campaign_id: int | None = None,
    *,
    partner_id: int | None = None,
    dialer_ids: Sequence[int] | None = None,
    most: int | None = None,
) -> list[dict[str, Any]]:
    """All campaigns, one, a partner's, or those of some dialers; `most` of them at most.

    Each with its dialer's name, and whether that is one of its own.
    """
    columns = (*tables.Campaign.__table__.columns, tables.Dialer.name.label("dialer"))
    rows = select(*columns).join(tables.Dialer, tables.Dialer.id == tables.Campaign.dialer_id)
    if campaign_id is not None:
        rows = rows.where(tables.Campaign.id == campaign_id)
    if partner_id is not None:
        rows = rows.where(tables.Campaign.partner_id == partner_id)
    if dialer_ids is not None:
        rows = rows.where(tables.Campaign.dialer_id.in_(dialer_ids))
    return [
        {**row, "own_dialer": row["dialer"] != DEFAULT_DIALER}
        for row in (await tx.execute(rows.order_by(tables.Campaign.id).limit(most))).mappings()
    ]


async def _dialer_name(tx: Tx, dialer_id: int) -> str:
    name = (await tx.execute(select(tables.Dialer.name).where(tables.Dialer.id == dialer_id))).scalar()
    if name is None:
        raise Invalid("there is none with this id.", field="dialer_id")
    return name
