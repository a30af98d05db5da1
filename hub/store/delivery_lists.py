"""Deliveries to be looked at: lists by filter, newest first; one with its payload and every attempt."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, func, literal, or_, select, true

from hub import strictjson
from hub.errors import Invalid, NotFound
from hub.seal import DataKey, Vault
from hub.store.db.engine import Tx
from hub.store.deliveries import ANSWER
from hub.store.events import BODY
from hub.store.paging import CLOCK_SLACK, Page, PageWanted, page_of
from hub.store.row_ids import possible
from hub.store.tables import Contact, Delivery, DeliveryAttempt, Discount, Endpoint, Event, Lead, Submission
from hub.webhooks import EVENT_TYPES, DeliveryState


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """What is given must hold. `since`, aware, is about when the event was recorded for the endpoint.

    `partner_id` fixes the tenant too: others' endpoints and leads are as missing ones.
    """

    endpoint_id: int | None = None
    partner_id: int | None = None
    state: str | None = None
    type: str | None = None
    lead_id: int | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeliverySummary:
    """One delivery. `event_id` is the `webhook-id`; `status` or `failure` (hub.webhooks.FailureKind): its last result.

    `why`: what ended it, where no attempt did.
    """

    id: int
    event_id: str
    type: str
    partner_id: int
    endpoint_id: int
    lead_id: int | None
    state: DeliveryState
    attempts: int
    status: int | None
    failure: str | None
    why: str | None
    next_at: datetime | None
    created_at: datetime

    def as_json(self) -> dict[str, Any]:
        """By the names of the fields."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class AttemptDetails:
    """One attempt. `address`: which was connected to; `answer`: its beginning as text, None when it was erased."""

    number: int
    at: datetime
    status: int | None
    failure: str | None
    duration_ms: int
    address: str | None
    answer: str | None
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeliveryDetails(DeliverySummary):
    """A delivery with its endpoint and every attempt, first attempt first.

    `event_id` is the `webhook-id`; `request_id` of the request that its lead came by, `discount_request_id` of its
    discount request. `payload` is what is posted, null when it is not kept any more, as its subject was erased.
    """

    url: str
    endpoint_disabled: bool
    request_id: str | None
    discount_request_id: str | None
    history: Sequence[AttemptDetails]
    payload: Any


_SUMMARY = (
    select(
        Delivery.id,
        Event.public_id.label("event_id"),
        Event.type,
        Event.partner_id,
        Delivery.endpoint_id,
        Event.lead_id,
        Delivery.state,
        Delivery.attempts,
        DeliveryAttempt.status,
        DeliveryAttempt.failure,
        Delivery.why,
        Delivery.next_at,
        Delivery.created_at,
    )
    .join(Event, Event.id == Delivery.event_id)
    .outerjoin(
        DeliveryAttempt,
        (DeliveryAttempt.delivery_id == Delivery.id) & (DeliveryAttempt.number == Delivery.attempts),
    )
)


async def list_deliveries(tx: Tx, wanted: DeliveryFilter, page: PageWanted) -> Page[DeliverySummary]:
    """A page of deliveries, newest first. Raises Invalid for an unknown state or event type."""
    ids = _ids(wanted, _conditions(wanted, page)).order_by(Delivery.id.desc()).limit(page.size + 1)
    by_event = wanted.type is not None or wanted.lead_id is not None
    if not by_event and (wanted.partner_id is not None or wanted.state not in {None, DeliveryState.DELIVERED}):
        ids = _of_each_endpoint(wanted, ids, page)
    rows = (await tx.execute(_SUMMARY.where(Delivery.id.in_(ids)).order_by(Delivery.id.desc()))).all()
    return page_of(rows, page, lambda row: DeliverySummary(**_summary(row)))


def _conditions(wanted: DeliveryFilter, page: PageWanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if page.before is not None:
        found.append(Delivery.id < page.before)
    if wanted.state is not None:
        if wanted.state not in set(DeliveryState):
            raise Invalid(f"must be one of {', '.join(DeliveryState)}.", field="state")
        found.append(or_(*parts_of_state(DeliveryState(wanted.state))))
    if wanted.endpoint_id is not None:
        found.append(Delivery.endpoint_id == possible(wanted.endpoint_id))
    if wanted.since is not None:
        found += [Delivery.created_at >= wanted.since, Delivery.id >= first_id_since(wanted.since - CLOCK_SLACK)]
    return found


def parts_of_state(state: DeliveryState) -> list[ColumnElement[bool]]:
    """Together: deliveries in this state. Each in the words in which the planner finds it in a partial index."""
    found = Delivery.state == literal(state, Delivery.state.type, literal_execute=True)
    match state:
        case DeliveryState.PENDING:
            return [found & Delivery.queued_at.is_(None), found & Delivery.queued_at.is_not(None)]
        case DeliveryState.WAITING:
            return [found & Delivery.queued_at.is_(None)]
        case _:
            return [found]


def first_id_since(moment: datetime | ColumnElement[datetime]) -> ScalarSelect[int]:
    """The id of the first delivery created since then: where a search in the order of ids begins or ends."""
    first = select(Delivery.id).where(Delivery.created_at >= moment).order_by(Delivery.created_at).limit(1)
    return first.scalar_subquery()


def _ids(wanted: DeliveryFilter, conditions: Sequence[ColumnElement[bool]]) -> Select[int]:
    ids = select(Delivery.id).where(*conditions)
    of_event: list[ColumnElement[bool]] = []
    if wanted.type is not None:
        if wanted.type not in EVENT_TYPES:
            raise Invalid(f"{wanted.type} is unknown; there are {', '.join(EVENT_TYPES)}.", field="type")
        of_event.append(Event.type == wanted.type)
    if wanted.lead_id is not None:
        of_event.append(Event.lead_id == possible(wanted.lead_id))
    if not of_event:
        return ids
    if wanted.partner_id is not None:
        of_event.append(Event.partner_id == possible(wanted.partner_id))
    return ids.join(Event, Event.id == Delivery.event_id).where(*of_event)


def _of_each_endpoint(wanted: DeliveryFilter, ids: Select[int], page: PageWanted) -> Select[int]:
    """The newest of each endpoint's newest: an index has an endpoint's deliveries in order, not a partner's."""
    newest = ids.where(Delivery.endpoint_id == Endpoint.id).correlate(Endpoint).lateral()
    endpoints = select(newest.c.id).select_from(Endpoint).join(newest, true())
    if wanted.partner_id is not None:
        endpoints = endpoints.where(Endpoint.partner_id == possible(wanted.partner_id))
    if wanted.endpoint_id is not None:
        endpoints = endpoints.where(Endpoint.id == possible(wanted.endpoint_id))
    return endpoints.order_by(newest.c.id.desc()).limit(page.size + 1)


def _summary(row: Any) -> dict[str, Any]:
    return {field.name: getattr(row, field.name) for field in fields(DeliverySummary)}


async def find_delivery(tx: Tx, delivery_id: int, partner_id: int | None = None) -> DeliverySummary:
    """One delivery; `partner_id` fixes the tenant. Raises NotFound."""
    return DeliverySummary(**_summary(await _find(tx, _SUMMARY, delivery_id, partner_id)))


async def _find(tx: Tx, rows: Select[*tuple[Any, ...]], delivery_id: int, partner_id: int | None) -> Any:
    mine = rows.where(Delivery.id == possible(delivery_id))
    if partner_id is not None:
        mine = mine.where(Event.partner_id == partner_id)
    row = (await tx.execute(mine)).first()
    if row is None:
        raise no_delivery(delivery_id)
    return row


async def show_delivery(tx: Tx, vault: Vault, delivery_id: int, partner_id: int | None = None) -> DeliveryDetails:
    """As `find_delivery`, with what is sealed opened."""
    row = await _find(tx, _DETAILS, delivery_id, partner_id)
    key = None if row.subject_key is None else vault.unwrap(row.subject_key)
    payload = None
    if key is not None and row.body is not None:
        payload = strictjson.loads(key.open(row.body, row=row.event_id, column=BODY))
    return DeliveryDetails(
        **_summary(row),
        url=row.url,
        endpoint_disabled=row.disabled,
        request_id=row.request_id,
        discount_request_id=row.discount_request_id,
        history=await _history(tx, row, key),
        payload=payload,
    )


def no_delivery(delivery_id: int) -> NotFound:
    """The same for a missing one and for another tenant's."""
    return NotFound(f"there is no delivery {delivery_id}.", field="delivery_id")


_DETAILS = (
    _SUMMARY.add_columns(
        Event.body,
        Endpoint.url,
        Endpoint.disabled_at.is_not(None).label("disabled"),
        Submission.request_id,
        Discount.public_id.label("discount_request_id"),
        func.coalesce(Event.wrapped_key, Contact.wrapped_key, Discount.wrapped_key).label("subject_key"),
    )
    .join(Endpoint, Endpoint.id == Delivery.endpoint_id)
    .outerjoin(Lead, Lead.id == Event.lead_id)
    .outerjoin(Submission, Submission.id == Lead.submission_id)
    .outerjoin(Contact, Contact.lead_id == Event.lead_id)
    .outerjoin(Discount, Discount.id == Event.discount_id)
)


async def _history(tx: Tx, delivery: Any, key: DataKey | None) -> list[AttemptDetails]:
    # Up to the last one that the delivery knew of: a later one would not fit its state.
    mine = DeliveryAttempt.delivery_id == delivery.id, DeliveryAttempt.number <= delivery.attempts
    attempts = select(DeliveryAttempt).where(*mine).order_by(DeliveryAttempt.number)
    return [
        AttemptDetails(
            number=row.number,
            at=row.created_at,
            status=row.status,
            failure=row.failure,
            duration_ms=row.duration_ms,
            address=row.address,
            answer=_answer(row, key),
            next_at=row.next_at,
        )
        for row in await tx.execute(attempts)
    ]


def _answer(row: Any, key: DataKey | None) -> str | None:
    if key is None or row.answer is None:
        return None
    opened = key.open(row.answer, row=f"{row.delivery_id}.{row.number}", column=ANSWER)
    return opened.decode(errors="replace")
