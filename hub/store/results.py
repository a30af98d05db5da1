"""What came of leads, opened for their senders: pages of them, and one as the payload of a campaign's endpoint.

A page names its leads, which are then read a part at a time: a thousand large ones would fill the memory.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, DateTime, Text, func, literal, select, tuple_, type_coerce

from hub.contracts import registry
from hub.contracts.squadiq_query import Cursor, ResponsesQuery
from hub.leads import Outcome, Record
from hub.people import Person
from hub.seal import SealError, Vault
from hub.store.contacts import PERSON, RESPONSES, open_with
from hub.store.db.engine import Tx
from hub.store.events import NewEvent
from hub.store.lead_rows import LeadRow
from hub.store.tables import Campaign, Contact, Lead

PART_BYTES: Final = 4 * 1024 * 1024
"""Of what is sealed of a page's leads, at most so much is read at once, or one lead."""

_COLUMNS = (
    select(
        Lead.id,
        type_coerce(Lead.outcome, Text).label("outcome"),  # read with the rest: one of a later version stops no page
        Lead.created_at,
        Lead.called_at,
        Lead.processed_at,
        Campaign.public_id.label("campaign"),
        Contact.wrapped_key,
        Contact.sealed,
        Contact.responses,
    )
    .join(Campaign, Campaign.id == Lead.campaign_id)
    .join(Contact, Contact.lead_id == Lead.id)
    .where(Contact.wrapped_key.is_not(None))
)


@dataclass(frozen=True, slots=True)
class SealedResult:
    """What _COLUMNS gives of one lead; `sealed` and `responses` are its contact's."""

    id: int
    outcome: str | None
    created_at: datetime
    called_at: datetime | None
    processed_at: datetime | None
    campaign: str
    wrapped_key: bytes
    sealed: bytes
    responses: bytes | None

    def open(self, vault: Vault) -> Record:
        key = vault.unwrap(self.wrapped_key)
        responses = open_with(key, self.id, self.responses, RESPONSES)
        return Record(
            id=self.id,
            campaign=self.campaign,
            person=Person.load(open_with(key, self.id, self.sealed, PERSON)),
            outcome=Outcome(self.outcome) if self.outcome else None,
            created_at=self.created_at,
            called_at=self.called_at,
            processed_at=self.processed_at,
            responses=responses.get("responses", {}),
            recording_url=responses.get("recording_url"),
        )


@dataclass(frozen=True, slots=True)
class ResultKey:
    """A lead of a page; `size`: the bytes of what is sealed of it."""

    id: int
    processed_at: datetime | None
    size: int


@dataclass(frozen=True, slots=True)
class ResultsPage:
    """The leads of one page. `first`, `last`: the keys of its first and last lead, None without any.

    `total`: how many leads there are in all; `more`: whether some follow.
    """

    total: int
    leads: tuple[ResultKey, ...]
    more: bool

    @property
    def first(self) -> tuple[datetime, int] | None:
        return self._key(0)

    @property
    def last(self) -> tuple[datetime, int] | None:
        return self._key(-1)

    def _key(self, index: int) -> tuple[datetime, int] | None:
        if not self.leads or (row := self.leads[index]).processed_at is None:
            return None
        return row.processed_at, row.id

    def parts(self) -> Iterator[list[int]]:
        """The ids of its leads, of as many at a time as PART_BYTES hold."""
        part: list[int] = []
        size = 0
        for lead in self.leads:
            if part and size + lead.size > PART_BYTES:
                yield part
                part, size = [], 0
            part.append(lead.id)
            size += lead.size
        if part:
            yield part


async def page_of(tx: Tx, where: Sequence[ColumnElement[bool]], query: ResponsesQuery) -> ResultsPage:
    """The leads of one page: first processed first, so that pages stay.

    By a cursor the page is read from its place in the index; by its number, after as many entries of the index alone.
    """
    total = (await tx.execute(select(func.count()).select_from(Lead).where(*where))).scalar_one()
    key = tuple_(Lead.processed_at, Lead.id)
    columns = select(Lead.id).where(*where).limit(query.size + 1)
    if query.cursor is None:
        keys = columns.order_by(Lead.processed_at, Lead.id).offset((query.page - 1) * query.size)
    elif query.cursor.forward:
        keys = columns.where(key > _key_of(query.cursor)).order_by(Lead.processed_at, Lead.id)
    else:
        keys = columns.where(key < _key_of(query.cursor)).order_by(Lead.processed_at.desc(), Lead.id.desc())
    found = keys.subquery()
    size = func.octet_length(Contact.sealed) + func.coalesce(func.octet_length(Contact.responses), 0)
    named = select(Lead.id, Lead.processed_at, size).join(found, found.c.id == Lead.id)
    named = named.join(Contact, Contact.lead_id == Lead.id).where(Contact.wrapped_key.is_not(None))
    rows = tuple(ResultKey(*row) for row in await tx.execute(named.order_by(Lead.processed_at, Lead.id)))
    if query.cursor is not None and not query.cursor.forward:
        return ResultsPage(total, rows[-query.size :], more=True)
    return ResultsPage(total, rows[: query.size], more=len(rows) > query.size)


async def load_part(tx: Tx, lead_ids: Sequence[int]) -> list[SealedResult]:
    """These leads of a page, in its order, without those that were erased since."""
    wanted = _COLUMNS.where(Lead.id.in_(lead_ids)).order_by(Lead.processed_at, Lead.id)
    return [SealedResult(**row) for row in (await tx.execute(wanted)).mappings()]


def opened(sealed: Sequence[SealedResult], vault: Vault) -> Iterator[Record]:
    """Open them, one by one: each may take milliseconds. One that can't be read is left out."""
    for result in sealed:
        with suppress(SealError, ValueError, TypeError, KeyError):
            yield result.open(vault)


def _key_of(cursor: Cursor) -> ColumnElement[Any]:
    return tuple_(literal(cursor.processed_at, DateTime(timezone=True)), literal(cursor.id, BigInteger))


def processed(tx: Tx, vault: Vault, lead: LeadRow, data: dict[str, Any]) -> NewEvent:
    """The `lead.processed` of a lead that this transaction has brought to its end."""
    campaign_payload: Callable[[], Awaitable[dict[str, Any]]] | None = None
    if wording := registry.find(lead.api).payload:
        campaign_payload = partial(_worded, tx, vault, lead.id, wording)
    return NewEvent(
        "lead.processed", data, lead_id=lead.id, campaign_id=lead.campaign_id, campaign_payload=campaign_payload
    )


async def _worded(tx: Tx, vault: Vault, lead_id: int, wording: Callable[[Record], dict[str, Any]]) -> dict[str, Any]:
    result = SealedResult(**(await tx.execute(_COLUMNS.where(Lead.id == lead_id))).mappings().one())
    return wording(result.open(vault))
