"""What came of leads, opened for their senders: pages of them, and one as the payload of a campaign's endpoint."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, func, select

from hub.contracts import registry
from hub.leads import Outcome, Record
from hub.people import Person
from hub.seal import Vault
from hub.store.contacts import PERSON, RESPONSES, open_column
from hub.store.db.engine import Tx
from hub.store.events import NewEvent
from hub.store.lead_rows import LeadRow
from hub.store.tables import Campaign, Contact, Lead

_COLUMNS = (
    select(
        Lead.id,
        Lead.outcome,
        Lead.created_at,
        Lead.called_at,
        Lead.processed_at,
        Campaign.public_id,
        Contact.wrapped_key,
        Contact.sealed,
        Contact.responses,
    )
    .join(Campaign, Campaign.id == Lead.campaign_id)
    .join(Contact, Contact.lead_id == Lead.id)
    .where(Contact.wrapped_key.is_not(None))
)


async def page_of(
    tx: Tx, vault: Vault, where: Sequence[ColumnElement[bool]], page: int, size: int
) -> tuple[int, list[Record]]:
    """How many leads there are in all, and those of one page (from 1): first processed first, so that pages stay."""
    total = (await tx.execute(select(func.count()).select_from(Lead).where(*where))).scalar_one()
    wanted = _COLUMNS.where(*where).order_by(Lead.processed_at, Lead.id).limit(size).offset((page - 1) * size)
    return total, [_record(vault, row) for row in await tx.execute(wanted)]


def processed(tx: Tx, vault: Vault, lead: LeadRow, data: dict[str, Any]) -> NewEvent:
    """The `lead.processed` of a lead that this transaction has brought to its end."""
    campaign_payload: Callable[[], Awaitable[dict[str, Any]]] | None = None
    if wording := registry.find(lead.api).payload:
        campaign_payload = partial(_worded, tx, vault, lead.id, wording)
    return NewEvent(
        "lead.processed", data, lead_id=lead.id, campaign_id=lead.campaign_id, campaign_payload=campaign_payload
    )


async def _worded(tx: Tx, vault: Vault, lead_id: int, wording: Callable[[Record], dict[str, Any]]) -> dict[str, Any]:
    return wording(_record(vault, (await tx.execute(_COLUMNS.where(Lead.id == lead_id))).one()))


def _record(vault: Vault, row: Any) -> Record:
    responses = open_column(vault, row.id, row.wrapped_key, row.responses, RESPONSES)
    return Record(
        id=row.id,
        campaign=row.public_id,
        person=Person.load(open_column(vault, row.id, row.wrapped_key, row.sealed, PERSON)),
        outcome=Outcome(row.outcome) if row.outcome else None,
        created_at=row.created_at,
        called_at=row.called_at,
        processed_at=row.processed_at,
        responses=responses.get("responses", {}),
        recording_url=responses.get("recording_url"),
    )
