"""Deliveries of events to endpoints: loaded for an attempt, updated by its result."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from hub.seal import Vault
from hub.store.db.engine import Tx
from hub.store.events import BODY
from hub.store.tables import Contact, Delivery, DeliveryAttempt, Discount, Endpoint, Event, Lead, Submission
from hub.webhooks import DeliveryState, FailureKind, PayloadFormat, Verdict

ANSWER = "delivery_attempt.answer"
SECRET = "endpoint.secret"  # noqa: S105 - a column's name
OLD_SECRET = "endpoint.old_secret"  # noqa: S105 - likewise


@dataclass(frozen=True, slots=True)
class OutgoingWebhook:
    """One delivery, ready to be posted. `subject_key` seals the endpoint's response.

    `lead_id`: whom it is about, `request_id`: by which that came; None where there is none.
    """

    delivery_id: int
    endpoint_id: int
    url: str
    message_id: str
    body: bytes
    secrets: tuple[str, ...]
    attempt: int
    payload_format: PayloadFormat
    subject_key: bytes
    lead_id: int | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """The result of one attempt. `outcome`: an HTTP status or a failure; `next_in`: None when no attempt follows.

    `response` is the beginning of the response's body.
    """

    outcome: int | FailureKind
    verdict: Verdict
    duration_ms: int
    address: str | None
    response: bytes
    next_in: timedelta | None


async def load(tx: Tx, vault: Vault, delivery_id: int) -> OutgoingWebhook | None:
    """The delivery; None when it is final, its subject erased, or its endpoint disabled or deleted."""
    row = (await tx.execute(_OUTGOING.where(Delivery.id == delivery_id))).one()
    endpoint_live = row.disabled_at is None and row.deleted_at is None
    if row.state != DeliveryState.PENDING or not endpoint_live or row.wrapped_key is None or row.body is None:
        return None
    secrets = [vault.open_secret(row.secret, row=str(row.endpoint_id), column=SECRET)]
    if row.old_secret is not None and row.old_secret_until > row.now:
        secrets.append(vault.open_secret(row.old_secret, row=str(row.endpoint_id), column=OLD_SECRET))
    return OutgoingWebhook(
        delivery_id=delivery_id,
        endpoint_id=row.endpoint_id,
        url=row.url,
        message_id=row.public_id,
        body=vault.unwrap(row.wrapped_key).open(row.body, row=row.public_id, column=BODY),
        secrets=tuple(secret.decode() for secret in secrets),
        attempt=row.attempts + 1,
        payload_format=PayloadFormat.ENVELOPE if row.campaign_id is None else PayloadFormat.CAMPAIGN,
        subject_key=row.wrapped_key,
        lead_id=row.lead_id,
        request_id=row.request_id,
    )


_OUTGOING = (
    select(
        Delivery.state,
        Delivery.attempts,
        Delivery.endpoint_id,
        Event.public_id,
        Event.body,
        Event.lead_id,
        Submission.request_id,
        Endpoint.url,
        Endpoint.secret,
        Endpoint.old_secret,
        Endpoint.old_secret_until,
        Endpoint.campaign_id,
        Endpoint.disabled_at,
        Endpoint.deleted_at,
        func.coalesce(Event.wrapped_key, Contact.wrapped_key, Discount.wrapped_key).label("wrapped_key"),
        func.clock_timestamp().label("now"),
    )
    .join(Event, Event.id == Delivery.event_id)
    .join(Endpoint, Endpoint.id == Delivery.endpoint_id)
    .outerjoin(Contact, Contact.lead_id == Event.lead_id)
    .outerjoin(Discount, Discount.id == Event.discount_id)
    .outerjoin(Lead, Lead.id == Event.lead_id)
    .outerjoin(Submission, Submission.id == func.coalesce(Lead.submission_id, Discount.submission_id))
)


async def record_attempt(tx: Tx, vault: Vault, webhook: OutgoingWebhook, result: AttemptResult) -> None:
    """Store the attempt, and update its delivery and endpoint by it. Safe to run twice."""
    now = func.clock_timestamp()
    next_at = None if result.next_in is None else now + result.next_in
    row = f"{webhook.delivery_id}.{webhook.attempt}"
    status = result.outcome if isinstance(result.outcome, int) else None
    written = insert(DeliveryAttempt).values(
        delivery_id=webhook.delivery_id,
        number=webhook.attempt,
        status=status,
        failure=None if status is not None else result.outcome,
        duration_ms=result.duration_ms,
        address=result.address,
        answer=vault.unwrap(webhook.subject_key).seal(result.response, row=row, column=ANSWER),
        next_at=next_at,
    )
    await tx.execute(written.on_conflict_do_nothing())
    delivered = result.verdict is Verdict.DELIVERED
    state = DeliveryState.DELIVERED if delivered else DeliveryState.FAILED if next_at is None else DeliveryState.PENDING
    mine = update(Delivery).where(Delivery.id == webhook.delivery_id)
    await tx.execute(mine.values(state=state, attempts=webhook.attempt, next_at=next_at))
    endpoint = update(Endpoint).where(Endpoint.id == webhook.endpoint_id)
    if delivered:
        await tx.execute(endpoint.where(Endpoint.failing_since.is_not(None)).values(failing_since=None))
    else:
        await tx.execute(endpoint.where(Endpoint.failing_since.is_(None)).values(failing_since=now))
    if result.verdict is Verdict.DISABLE:
        await tx.execute(endpoint.values(disabled_at=now, disabled_why="it answered 410 Gone"))
