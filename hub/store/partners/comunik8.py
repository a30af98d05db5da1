"""Cancelling a Comunik8 lead: exact to the second in which its call is due, because everybody locks the lead first."""

from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DBAPIError

from hub.contracts.comunik8 import identity
from hub.errors import Unavailable
from hub.leads import LeadState
from hub.phones import Phone
from hub.seal import Vault
from hub.store import withdrawals
from hub.store.db import outbox
from hub.store.db.engine import Tx
from hub.store.leads import identity_key
from hub.store.tables import Lead
from hub.store.tenants import load_tenant

UNKNOWN_TYPE = "server error (call group)"
NOT_FOUND = "not found"
DIALLED = "already processed"
NOT_SAVED = "server error (save)"


class NotSaved(Unavailable):
    """The database refused the change: nothing of the request may be kept."""

    def __init__(self) -> None:
        super().__init__(NOT_SAVED)


async def cancel(tx: Tx, vault: Vault, partner_id: int, type_name: str, phone: Phone) -> str | None:
    """Cancel the lead of this type and number, so that it may come again; else return Comunik8's warning.

    A lead that was dialled stays known, but is not dialled again. Raises NotSaved, also when the lead can't be locked
    within 5 s.
    """
    try:
        return await _cancel(tx, vault, partner_id, type_name, phone)
    except DBAPIError:
        raise NotSaved from None


async def _cancel(tx: Tx, vault: Vault, partner_id: int, type_name: str, phone: Phone) -> str | None:
    tenant = await load_tenant(tx, partner_id, shared_identity=False)
    campaign = tenant.campaigns.get(type_name)
    if campaign is None:
        return UNKNOWN_TYPE
    await tx.execute(text("SET LOCAL lock_timeout = '5s'"))
    key = identity_key(vault, tenant, identity(campaign, phone))
    lead = (await tx.execute(select(Lead.id, Lead.state).where(Lead.dedupe_key == key).with_for_update())).first()
    if lead is None:
        return NOT_FOUND
    dialled = await withdrawals.stop(tx, lead.id)
    ended: dict[str, object] = {} if dialled else {"dedupe_key": None}
    if LeadState(lead.state).open:
        ended |= {"state": LeadState.CANCELLED, "why": "cancelled by its sender", "updated_at": func.clock_timestamp()}
        await outbox.put(tx, outbox.Kind.WAKE_LEAD, [lead.id])
    if ended:
        await tx.execute(update(Lead).where(Lead.id == lead.id).values(ended))
    return DIALLED if dialled else None
