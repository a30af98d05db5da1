"""Events for a partner's webhook endpoints, written in the transaction of the change that they report."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import uuid4

from sqlalchemy import and_, func, select, text
from sqlalchemy.dialects.postgresql import insert

from hub import strictjson
from hub.contracts import registry
from hub.people import LeadSource, Person
from hub.seal import DataKey, Vault
from hub.store import contacts
from hub.store.contacts import PERSON, open_with
from hub.store.db.engine import Tx
from hub.store.tables import Contact, Discount, Endpoint, Event, Lead, Partner, Submission

BODY = "event.body"


@dataclass(frozen=True, slots=True)
class _Subject:
    """What an event is about: the key that seals it, and what its data says of the lead."""

    key: DataKey
    lead: dict[str, Any] | None = None


_Subjects: TypeAlias = dict[tuple[int | None, int | None], _Subject]
"""By lead id or discount id."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be recorded. `type` is a `hub.webhooks.EventType`, `data` the webhook's `data`.

    The data of an event about a lead also gets the lead's `lead` (hub.people.LeadSource).

    `campaign_payload` builds the payload for the endpoints of its campaign, where the partner's API has one of its own.
    `impersonal`: it holds no personal data, so that it can be delivered after its subject was erased.
    `only_endpoint`: it is for this endpoint alone, whatever its types; `not_endpoint`: for all but this one.
    """

    type: str
    data: dict[str, Any]
    lead_id: int | None = None
    discount_id: int | None = None
    campaign_id: int | None = None
    campaign_payload: Callable[[], Awaitable[dict[str, Any]]] | None = None
    impersonal: bool = False
    only_endpoint: int | None = None
    not_endpoint: int | None = None

    def is_for(self, endpoint: Any) -> bool:
        """Whether this endpoint gets it in the hub's envelope."""
        if self.only_endpoint is not None:
            return bool(endpoint.id == self.only_endpoint) and not self.is_of_campaign(endpoint)
        subscribed = endpoint.campaign_id is None and (not endpoint.types or self.type in endpoint.types)
        return subscribed and endpoint.id != self.not_endpoint

    def is_of_campaign(self, endpoint: Any) -> bool:
        """Whether this endpoint gets it in its campaign's own payload format."""
        chosen = self.only_endpoint in (None, endpoint.id)
        return chosen and endpoint.campaign_id is not None and endpoint.campaign_id == self.campaign_id


async def record(tx: Tx, vault: Vault, partner_id: int, new_events: Sequence[NewEvent]) -> None:
    """Write each event once per payload format, with a delivery for each endpoint that subscribes to it.

    Events of a partner without any endpoint are not stored (docs/decisions/0017), unless its feed is being read.
    Deliveries to disabled ones wait. Of whom nothing can be read, nothing is told: what happened to them goes on.
    """
    found = (await tx.execute(_RECEIVERS.where(Partner.id == partner_id))).all()
    endpoints = [row for row in found if row.id is not None]
    if not endpoints and not any(row.listened for row in found):
        return
    addressed: list[_AddressedEvent] = []
    now = datetime.now(UTC)
    subjects = await _load_subjects(tx, vault, [event for event in new_events if not event.impersonal])
    for event in new_events:
        subject = None if event.impersonal else subjects.get((event.lead_id, event.discount_id))
        if subject is None and not event.impersonal:
            continue  # it was erased meanwhile, or can't be read
        data = event.data | {"lead": subject.lead} if subject and subject.lead else event.data
        envelope = {"type": event.type, "timestamp": now.isoformat(), "data": data}
        addressed.append(_AddressedEvent(event, subject, envelope, [e for e in endpoints if event.is_for(e)]))
        of_campaign = [e for e in endpoints if event.is_of_campaign(e)]
        if of_campaign and event.campaign_payload:
            with contacts.passed_over(event.lead_id or 0):
                payload = await event.campaign_payload()
                addressed.append(_AddressedEvent(event, subject, payload, of_campaign, event.campaign_id))
    if addressed:
        await _insert(tx, vault, partner_id, addressed)


_RECEIVERS = (
    select(
        Endpoint.id,
        Endpoint.types,
        Endpoint.campaign_id,
        Endpoint.disabled_at,
        (Partner.listening_until > func.clock_timestamp()).label("listened"),
    )
    .select_from(Partner)
    .outerjoin(Endpoint, and_(Endpoint.partner_id == Partner.id, Endpoint.deleted_at.is_(None)))
)


@dataclass(frozen=True, slots=True)
class _AddressedEvent:
    """An event in one payload format, with the endpoints that get it so. `subject` None: an impersonal one."""

    event: NewEvent
    subject: _Subject | None
    body: dict[str, Any]
    endpoints: Sequence[Any]
    campaign_id: int | None = None


async def _insert(tx: Tx, vault: Vault, partner_id: int, addressed: Sequence[_AddressedEvent]) -> None:
    rows = [_event_row(vault, partner_id, each) for each in addressed]
    ids = (await tx.execute(insert(Event).returning(Event.id, sort_by_parameter_order=True), rows)).scalars().all()
    deliveries = [
        (event_id, endpoint.id, endpoint.disabled_at is not None)
        for event_id, each in zip(ids, addressed, strict=True)
        for endpoint in each.endpoints
    ]
    if deliveries:
        events, endpoints, disabled = (list(column) for column in zip(*deliveries, strict=True))
        await tx.execute(_DELIVERIES, {"events": events, "endpoints": endpoints, "disabled": disabled})


_DELIVERIES = text("""
    WITH made AS (
        INSERT INTO delivery (event_id, endpoint_id, state, queued_at, workflow_token)
        SELECT event_id, endpoint_id, CASE WHEN disabled THEN 'waiting' ELSE 'pending' END,
               CASE WHEN NOT disabled THEN clock_timestamp() END, substr(md5(random()::text), 1, 8)
        FROM unnest(CAST(:events AS bigint[]), CAST(:endpoints AS bigint[]), CAST(:disabled AS boolean[]))
             AS new (event_id, endpoint_id, disabled)
    )
    SELECT pg_notify('hub_outbox', 'attempt')
""")


def _event_row(vault: Vault, partner_id: int, addressed: _AddressedEvent) -> dict[str, Any]:
    event, public_id = addressed.event, f"evt_{uuid4().hex}"
    key, wrapped_key = (addressed.subject.key, None) if addressed.subject else vault.new_key()
    return {
        "public_id": public_id,
        "partner_id": partner_id,
        "type": event.type,
        "lead_id": event.lead_id,
        "discount_id": event.discount_id,
        "campaign_id": addressed.campaign_id,
        "wrapped_key": wrapped_key,
        "body": key.seal(strictjson.dumps(addressed.body), row=public_id, column=BODY),
    }


async def _load_subjects(tx: Tx, vault: Vault, new_events: Sequence[NewEvent]) -> _Subjects:
    """The leads and discounts that the events are about, without those that were erased."""
    leads = {event.lead_id for event in new_events if event.lead_id is not None}
    discounts = {event.discount_id for event in new_events if event.discount_id is not None}
    subjects: _Subjects = {}
    if leads:
        for row in (await tx.execute(_LEADS.where(Lead.id.in_(leads)))).mappings():
            with contacts.passed_over(row["id"]):
                subjects[row["id"], None] = _SealedLead(**row).open(vault)
    if discounts:
        of_discounts = select(Discount.id, Discount.wrapped_key).where(Discount.id.in_(discounts))
        for discount_id, wrapped_key in await tx.execute(of_discounts):
            if wrapped_key:
                with contacts.passed_over(discount_id):
                    subjects[None, discount_id] = _Subject(vault.unwrap(wrapped_key))
    return subjects


_LEADS = (
    select(Lead.id, Lead.api, Lead.row_index, Submission.request_id, Contact.wrapped_key, Contact.sealed)
    .join(Contact, Contact.lead_id == Lead.id)
    .outerjoin(Submission, Submission.id == Lead.submission_id)
    .where(Contact.wrapped_key.is_not(None))
)


@dataclass(frozen=True, slots=True)
class _SealedLead:
    """What _LEADS gives of one lead."""

    id: int
    api: str
    row_index: int | None
    request_id: str | None
    wrapped_key: bytes
    sealed: bytes

    def open(self, vault: Vault) -> _Subject:
        key = vault.unwrap(self.wrapped_key)
        person = Person.load(open_with(key, self.id, self.sealed, PERSON))
        source = LeadSource(self.id, self.request_id, self.row_index)
        return _Subject(key, source.block(person, masked=registry.find(self.api).masks_phones))


async def erased_lead(tx: Tx, lead_id: int) -> dict[str, Any]:
    """The `lead` of an event about a lead that is being erased: nothing personal."""
    source = select(Lead.id, Submission.request_id, Lead.row_index)
    mine = source.outerjoin(Submission, Submission.id == Lead.submission_id).where(Lead.id == lead_id)
    return LeadSource(*(await tx.execute(mine)).one()).block(None)
